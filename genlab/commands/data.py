"""``genlab data``: inspect, store, list and delete your own files."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from genlab.commands.options import option_help
from genlab.commands.output import print_json
from genlab.commands.parser import Parser
from genlab.core.errors import SpecError


def add_data_commands(parser: Parser) -> None:
    """``data add FILE``, ``data list``, ``data delete SET``."""
    commands = parser.add_subparsers(dest="data_command", metavar="COMMAND", required=True)
    text = "store a CSV, an npz or a ZIP of images as a dataset"
    add = commands.add_parser("add", help=text, description=text)
    add.add_argument("file", metavar="FILE")
    add.add_argument("--name", help="the name of the set; default: the file's name")
    _reader_options(add)
    text = "read a file and print its columns; nothing is stored"
    look = commands.add_parser("look", help=text, description=text)
    look.add_argument("file", metavar="FILE")
    _reader_options(look)
    text = "store a distribution as a dataset: an image, an npz or a JSON of weights on a grid"
    draw = commands.add_parser("draw", help=text, description=text)
    draw.add_argument("file", metavar="FILE")
    commands.add_parser("list", help="the stored sets, the newest first")
    delete = commands.add_parser("delete", help="remove a set; the snapshots of its runs are kept")
    delete.add_argument("set", metavar="SET", help="the name or id of the set")


def _reader_options(parser: argparse.ArgumentParser) -> None:
    """The options of all readers as flags; those of a table's columns may be repeated."""
    from genlab.data.readers import READERS

    text = "an option of the file's reader, as in label=none, side=32, colour=RGB; may be repeated"
    parser.add_argument(
        "--with", dest="given", action="append", default=[], metavar="K=V", help=text
    )
    texts: dict[str, list[str]] = {}
    for row in READERS.rows():
        for option in row.value.Options.table():
            texts.setdefault(option.name, []).append(f"{option_help(option)} [{row.title}]")
    for name, lines in texts.items():
        flags = dict.fromkeys((f"--{name.replace('_', '-')}", f"--{name}"))
        action = "append" if name == "column" else "store"
        parser.add_argument(
            *flags, dest=f"reader_{name}", action=action, metavar="VALUE", help="; ".join(lines)
        )


def _of_reader(arguments: argparse.Namespace) -> dict[str, Any]:
    """The options of a reader that were given."""
    values: dict[str, Any] = dict(word.partition("=")[::2] for word in arguments.given)
    for name, value in vars(arguments).items():
        if name.startswith("reader_") and value is not None:
            lines = value if isinstance(value, list) else [value]
            values[name.removeprefix("reader_")] = "\n".join(lines)
    return values


def _reading(found: Any) -> dict[str, Any]:
    """How a table was read, as JSON."""
    if found.reading is None:
        return {}
    decisions = [
        {"option": d.option, "value": d.value, "how": d.how, "certain": d.certain}
        for d in found.reading.decisions
    ]
    columns = [
        {
            "name": one.column.name,
            "type": one.column.type,
            "role": one.column.role,
            "why": one.column.why,
            "unit": one.column.unit,
            "before": list(one.before),
            "after": list(one.after),
            "missing": one.missing,
            "unread": one.unread,
            "first_unread": one.first_unread,
            "how": one.how,
            "warning": one.warning,
        }
        for one in found.reading.columns
    ]
    questions = [d.question for d in found.reading.questions]
    return {"decisions": decisions, "columns": columns, "questions": questions}


def data_command(arguments: argparse.Namespace) -> int:
    """``genlab data``: inspect, add, list and delete your own files."""
    from genlab.data import drawings, own_dataset, set_description, user_sets

    if arguments.data_command == "draw":
        path = Path(arguments.file)
        drawn = drawings.from_file(path.name, path.read_bytes())
        name = drawings.store(drawn)
        entropy = {"entropy_nats": round(drawn.density.entropy, 6)}
        print_json({"drawing": name, "dim": drawn.dim, "covered": drawn.covered, **entropy})
        return 0
    if arguments.data_command in ("add", "look"):
        from genlab.data.readers import read
        from genlab.data.readers.base import check_size

        path = Path(arguments.file)
        check_size(path.stat().st_size)
        found = read(path.read_bytes(), _of_reader(arguments))
        if arguments.data_command == "look":
            known = set_description.describe(found, "look")
            print_json(
                {
                    "n": known.n,
                    "shape": list(known.shape),
                    "classes": list(known.classes),
                    "parts": known.sizes,
                    "notes": list(known.notes),
                    **_reading(found),
                }
            )
            return 0
        from genlab import runs
        from genlab.runs import own_sets

        description = own_sets.add_set(runs.store(), found, arguments.name or path.stem)
        likelihood = own_dataset.meta_of(description, own_dataset.OwnOptions()).proposed[0]
        print_json(
            {
                "set": description.id,
                "name": description.name,
                "n": description.n,
                "shape": list(description.shape),
                "classes": list(description.classes),
                "notes": list(description.notes),
                **_reading(found),
                likelihood.option: likelihood.value,
                "why": likelihood.why,
            }
        )
    elif arguments.data_command == "list":
        for known in user_sets.list_sets():
            print_json(
                {"set": known.id, "name": known.name, "n": known.n, "shape": list(known.shape)}
            )
    else:
        from genlab import runs
        from genlab.runs import own_sets
        from genlab.runs.store import ACTIVE

        name = user_sets.resolve_set_id(arguments.set)
        if not user_sets.is_stored(name):
            raise SpecError.unknown(
                "set", arguments.set, (one.id for one in user_sets.list_sets())
            )
        used = own_sets.runs_on(runs.store(), name)
        if any(row.status in ACTIVE for row in used):
            raise SpecError("set", name, "a run on it is queued, running or paused; stop it first")
        own_sets.delete_set(runs.store(), name)
        print_json({"set": name, "deleted": True, "runs": [row.id for row in used]})
    return 0
