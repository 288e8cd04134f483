"""The options of commands: their help, and those of the named dataset, model and loss."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from genlab.core.options import Option


def option_help(row: Option) -> str:
    """The help of an option: its meaning, its unit and its allowed values."""
    unit = f" [{row.unit}]" if row.unit else ""
    default = "empty" if row.default == "" else row.default
    given = "" if default is None else f"; usually {default}"
    return f"{row.help}{unit} ({row.allowed}{given})".replace("%", "%%")


def named_parts(words: Sequence[str]) -> dict[str, str]:
    """The dataset, model, objective and algorithm that the words of a command name."""
    from genlab.core.tables import TABLES

    parser = argparse.ArgumentParser(add_help=False, exit_on_error=False, allow_abbrev=False)
    for kind in TABLES:
        parser.add_argument(f"--{kind}")
    try:
        found, _ = parser.parse_known_args(list(words))
    except argparse.ArgumentError:
        return {}
    return {kind: name for kind, name in vars(found).items() if name is not None}


def _sets_to_show(named: Mapping[str, str]) -> list[tuple[str, Sequence[Option]]]:
    """The option sets in the help: those of the named parts and of the parts that they imply.

    Raises:
        SpecError: for a name that is not in its table, or parts that do not fit.
    """
    from genlab.core.run_spec import Combination, TrainOptions, models_for
    from genlab.core.tables import DATASETS, TABLES

    for kind, name in named.items():
        _ = TABLES[kind][name]
    model = named.get("model")
    if model is None:
        return [
            *(
                (f"{kind} {name}", TABLES[kind][name].Options.table())
                for kind, name in named.items()
            ),
            ("every run", TrainOptions.table()),
        ]
    given = {"data": next(d for d in DATASETS if model in models_for(d)), **named}
    combination = Combination.of(given)
    return [
        ("every run" if part == "train" else f"{part} {getattr(combination, part)}", rows)
        for part, rows in combination.options().items()
        if part != "data" or "data" in named
    ]


def add_run_options(
    parser: argparse.ArgumentParser,
    needed: Sequence[str] = (),
    named: Mapping[str, str] | None = None,
) -> None:
    """Add an option for each table, and for each option of the tables' rows.

    Args:
        parser: of the command.
        needed: the tables whose name must be given.
        named: the parts of the run that are known; the help shows the options of these alone.
    """
    from genlab.core.run_spec import TrainOptions
    from genlab.core.tables import TABLES

    for kind, table in TABLES.items():
        word = " (required)" if kind in needed else ""
        parser.add_argument(
            f"--{kind}", metavar="NAME", help=f"one of: {', '.join(table.names())}{word}"
        )
    # Several option sets may have an option of the same name, each with its own help.
    texts: dict[str, dict[str, list[str]]] = {}
    types: dict[str, str] = {}
    former: dict[str, tuple[str, ...]] = {}
    if named is not None:
        sets = _sets_to_show(named)
        if "model" not in named or "data" not in named:
            parser.epilog = (
                "Name --model and --data beside --help to see their options: "
                "genlab train --help --model vae --data digits"
            )
    else:
        sets = [
            *(
                (f"{kind} {row.name}", row.value.Options.table())
                for kind, table in TABLES.items()
                for row in table.rows()
            ),
            ("every run", TrainOptions.table()),
        ]
    for owner, rows in sets:
        for option in rows:
            types.setdefault(option.name, option.type.__name__.upper())
            former.setdefault(option.name, option.formerly)
            texts.setdefault(option.name, {}).setdefault(option_help(option), []).append(owner)
    for name, helps in texts.items():
        spellings = (name, *former[name])
        flags = dict.fromkeys(f"--{n}" for s in spellings for n in (s, s.replace("_", "-")))
        lines = [f"{text} [{', '.join(owners)}]" for text, owners in helps.items()]
        parser.add_argument(*flags, dest=name, metavar=types[name], help="; ".join(lines))


def options_of_run(arguments: argparse.Namespace) -> dict[str, Any]:
    """The options of a run that were given on the command line."""
    own = {"command", "run", "step", "title", "background", "quiet"}
    return {k: v for k, v in vars(arguments).items() if k not in own and v is not None}
