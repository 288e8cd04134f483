"""The command line: ``genlab train --model vae --data digits``, or ``python -m genlab train ...``.

Answers are JSON, one object a line, on standard output; what is for people goes to standard
error. Exit status: 0 done, 1 the run ended badly, 2 a wrong request (nothing was done).
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import genlab
from genlab.core.errors import GenlabError, SpecError

if TYPE_CHECKING:
    from genlab.core.options import Option
    from genlab.runs.catalog import RunView


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        """End with the message and the way to the help, without a traceback."""
        if message.endswith("expected one argument"):
            message += " (one that begins with - is written with =, as in --formula=-log(u))"
        raise SpecError(
            "command line", " ".join(sys.argv[1:]), f"{message}; see {self.prog} --help"
        )


def _options(parser: Parser, words: Sequence[str]) -> list[argparse.Action]:
    """The options of the command that the words name."""
    commands = next(a for a in parser._actions if a.dest == "command")
    named = commands.choices.get(words[0], parser) if words else parser  # type: ignore[union-attr]
    return list(named._actions)


def print_json(value: Mapping[str, Any]) -> None:
    """One JSON object on one line."""
    print(json.dumps(value, allow_nan=False), flush=True)


def option_help(row: Option) -> str:
    """An option's help: what it is, its unit and what is allowed."""
    unit = f" [{row.unit}]" if row.unit else ""
    given = "" if row.default is None else f"; usually {row.default}"
    return f"{row.help}{unit} ({row.allowed}{given})".replace("%", "%%")


def _named_parts(words: Sequence[str]) -> dict[str, str]:
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
    """The option sets that help shows: those of the parts that are named or follow from them.

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
    """One option of the command line for each of every table's, and the names of the tables.

    Args:
        parser: of the command.
        needed: the kinds that must be given.
        named: for help: the parts that are known, whose options alone are shown.
    """
    from genlab.core.run_spec import TrainOptions
    from genlab.core.tables import TABLES

    for kind, table in TABLES.items():
        word = " (required)" if kind in needed else ""
        parser.add_argument(
            f"--{kind}", metavar="NAME", help=f"one of: {', '.join(table.names())}{word}"
        )
    # The same name may stand in several tables' option sets, each with its own help.
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


def build() -> Parser:
    """The whole command line, but for the options of a run."""
    parser = Parser(prog="genlab", description="Train and look at small generative models.")
    parser.add_argument("--version", action="version", version=f"genlab {genlab.__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser)

    def add(name: str, text: str, *, run: bool = True) -> Parser:
        command = commands.add_parser(name, help=text, description=text)
        if run:
            command.add_argument(
                "run", metavar="RUN", help="a run id, an exported folder or shipped:NAME"
            )
        return command

    train = add("train", "train in the foreground (or queue it)", run=False)
    train.add_argument("--title", default="", help="what lists show")
    train.add_argument("--background", action="store_true", help="queue it and return at once")
    train.add_argument("--quiet", action="store_true", help="no progress bar")
    lists = add("list", "the runs, the newest first", run=False)
    lists.add_argument("--limit", type=int, default=50, help="how many at most")
    lists.add_argument("--status", help="only those with this status")
    lists.add_argument(
        "--tag", action="append", default=[], help="only those with this tag; may be repeated"
    )
    lists.add_argument("--search", default="", help="text in the title, the id or a tag")
    lists.add_argument(
        "--sort", default="created", help="created, title, status, step, or a number (test_elbo)"
    )
    lists.add_argument("--ascending", action="store_true", help="the smallest, or oldest, first")
    edit = add("edit", "rename or tag a run")
    edit.add_argument("--title", help="what lists show")
    edit.add_argument("--tag", action="append", help="a tag it gets; may be repeated")
    edit.add_argument("--untag", action="append", default=[], help="a tag it loses")
    add("show", "everything about a run")
    resume = add("resume", "go on from the last snapshot, or end a pause")
    resume.add_argument("--background", action="store_true", help="queue it and return at once")
    resume.add_argument("--quiet", action="store_true", help="no progress bar")
    fork = add("fork", "go on from a snapshot as a run of its own, with some options changed")
    fork.add_argument(
        "--step",
        type=int,
        help="the last snapshot at or before it is taken; the newest if not given",
    )
    fork.add_argument("--title", default="", help="what lists show; what was changed if not given")
    fork.add_argument("--background", action="store_true", help="queue it and return at once")
    fork.add_argument("--quiet", action="store_true", help="no progress bar")
    add("stop", "stop a run; it can be resumed")
    add("pause", "pause a run; its process waits")
    step = add("step", "let a paused run take some steps")
    step.add_argument("-n", type=int, default=1, help="how many")
    sample = add("sample", "draw examples")
    sample.add_argument("-n", type=int, default=64, help="how many")
    sample.add_argument("--seed", type=int, default=0, help="seed of the draw")
    sample.add_argument("--step", type=int, help="of which snapshot; the last one if not given")
    sample.add_argument(
        "--label", help="of which class, by name or number; for conditional models"
    )
    sample.add_argument(
        "--given",
        action="append",
        default=[],
        metavar="COLUMN=VALUE",
        help="of a table: rows with this value of a column; may be repeated; the answer says "
        "whether the draws are exact",
    )
    kind = sample.add_mutually_exclusive_group()
    kind.add_argument(
        "--means",
        action="store_true",
        default=None,
        help="the means of p(x | z) instead of draws; of images that is what is shown",
    )
    kind.add_argument(
        "--draws", dest="means", action="store_false", default=None, help="draws, of images too"
    )
    sample.add_argument(
        "--out",
        required=True,
        metavar="FILE.csv|FILE.npz|FILE.png",
        help="where to; rows of a table are in its own units and names",
    )
    evaluate = add("evaluate", "the metrics of a model on held-out data, with intervals")
    evaluate.add_argument("--seed", type=int, default=0, help="seed of the estimates")
    evaluate.add_argument("--step", type=int, help="of which snapshot; the last one if not given")
    evaluate.add_argument(
        "--c2st",
        "--referee",
        dest="c2st",
        action="store_true",
        help="also train a classifier two-sample test on held-out against generated examples",
    )
    evaluate.add_argument(
        "--samples",
        action="store_true",
        help="also measure the quality of samples in the features of a small classifier",
    )
    report = add("report", "compare two to four runs in one HTML file", run=False)
    report.add_argument(
        "runs", metavar="RUN", nargs="+", help="run ids, exported folders or shipped:NAME"
    )
    report.add_argument("--out", required=True, metavar="FILE.html", help="where to")
    moment = report.add_mutually_exclusive_group()
    moment.add_argument("--step", type=int, help="of the snapshots; the last ones if not given")
    moment.add_argument(
        "--seconds", type=float, help="of training, by each run's own clock, instead of a step"
    )
    report.add_argument(
        "--clock", choices=("step", "seconds"), help="what the curves go by; as the moment"
    )
    report.add_argument(
        "--c2st",
        "--referee",
        dest="c2st",
        action="store_true",
        help="also train a classifier two-sample test on held-out against generated examples",
    )
    study = add("study", "several ways of training with several seeds each", run=False)
    _study_arguments(study)
    replay = add("replay", "write one to four runs as one HTML file that replays", run=False)
    replay.add_argument(
        "runs", metavar="RUN", nargs="+", help="run ids, exported folders or shipped:NAME"
    )
    replay.add_argument("--out", required=True, metavar="FILE.html", help="where to")
    replay.add_argument("--title", default="", help="of the file; the runs' names if not given")
    replay.add_argument(
        "--limit", type=float, default=5.0, metavar="MB", help="size of the file at most [MB]"
    )
    site = add("site", "write a folder of hand-outs with an index, to publish as it is", run=False)
    site.add_argument("folder", metavar="FOLDER", help="where to; hand-outs in it are listed too")
    site.add_argument(
        "runs", metavar="RUN", nargs="*", help="runs to add: ids, exported folders, shipped:NAME"
    )
    site.add_argument("--title", default="", help="of the index")
    site.add_argument(
        "--limit", type=float, default=5.0, metavar="MB", help="size of each file at most [MB]"
    )
    export = add("export", "write a run as a folder of its own, or a part of it as a file")
    export.add_argument(
        "--to",
        required=True,
        metavar="DIR|FILE",
        help="a new or empty folder; with --format a file",
    )
    export.add_argument("--snapshots", type=int, help="how many at most; all if not given")
    export.add_argument(
        "--format",
        help="a part as a file: weights.safetensors, samples.npz, samples.png, samples.csv, "
        "codes.npz, codes.csv, codes.parquet, curves.csv, curves.tfevents",
    )
    export.add_argument("-n", type=int, default=1000, help="samples or codes in the file")
    export.add_argument("--step", type=int, help="of which snapshot; the last one if not given")
    export.add_argument("--seed", type=int, default=0, help="seed of samples and codes")
    delete = add("delete", "delete a run and its files for good")
    delete.add_argument("--yes", action="store_true", help="really")
    add("offer", "a claim link: the browser that opens it owns the run")
    _data_commands(add("data", "your own data: add FILE, list, delete SET", run=False))
    serve = add("serve", "serve the pages to a browser on this machine", run=False)
    serve.add_argument("--port", type=int, default=8501, help="the port (1 to 65535)")
    serve.add_argument(
        "--address",
        default="127.0.0.1",
        help="the address to listen on; 0.0.0.0 lets everyone who reaches this machine look, and "
        "start runs of their own (name this machine in GENLAB_HOSTS)",
    )
    worker = add("worker", "work on the queue of this host", run=False)
    worker.add_argument(
        "--idle-exit", type=float, metavar="S", help="end after so many seconds without work"
    )
    return parser


def _study_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own arguments; those of a run come from the tables."""
    parser.add_argument(
        "study", metavar="STUDY", nargs="?", help="its name; all are listed if none"
    )
    parser.add_argument(
        "--vary",
        action="append",
        metavar="OPTION=A,B",
        help="start a study that varies this option of the run; every combination is an arm",
    )
    parser.add_argument("--seeds", type=int, default=5, help="of each arm of a new study")
    parser.add_argument("--title", default="", help="what lists show")
    parser.add_argument("--metric", default="", help="the metric that the sentence is about")
    parser.add_argument("--wait", action="store_true", help="wait until no run waits or trains")
    parser.add_argument(
        "--measure", action="store_true", help="measure the runs that are done, in this process"
    )
    change = parser.add_mutually_exclusive_group()
    change.add_argument("--extend", type=int, metavar="N", help="give each arm N seeds more")
    for name, text in (
        ("pause", "hold back the runs that wait"),
        ("resume", "queue what was held back, and what was lost before it was queued"),
        ("delete", "forget the study; its runs stay"),
    ):
        change.add_argument(
            f"--{name}", dest="change", action="store_const", const=name, help=text
        )


def _data_commands(parser: Parser) -> None:
    """``data add FILE``, ``data list``, ``data delete SET``."""
    commands = parser.add_subparsers(dest="data_command", metavar="COMMAND", required=True)
    text = "store a CSV, an npz or a ZIP of pictures as a set to train on"
    add = commands.add_parser("add", help=text, description=text)
    add.add_argument("file", metavar="FILE")
    add.add_argument("--name", help="what it is called; the file's name if not given")
    _reader_options(add)
    text = "read a file and print what is found, column by column; nothing is stored"
    look = commands.add_parser("look", help=text, description=text)
    look.add_argument("file", metavar="FILE")
    _reader_options(look)
    text = "store a distribution to train on: a picture, an npz or a JSON of weights on a grid"
    draw = commands.add_parser("draw", help=text, description=text)
    draw.add_argument("file", metavar="FILE")
    commands.add_parser("list", help="the sets there are, the newest first")
    delete = commands.add_parser("delete", help="remove a set; snapshots of its runs are kept")
    delete.add_argument("set", metavar="SET", help="its name or id")


def _reader_options(parser: argparse.ArgumentParser) -> None:
    """The options of all readers as flags; those of a table's columns may be repeated."""
    from genlab.data.readers import READERS

    text = "an option of its reader, as in label=none, side=32, colour=RGB; may be repeated"
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


def run_summary(view: RunView) -> dict[str, Any]:
    """How a run stands, with its last numbers."""
    from genlab.runs.catalog import summary

    last: dict[str, float] = {}
    cursor = 0
    while batch := view.read(after=cursor, limit=5000, kinds={"scalars"}):
        cursor = batch[-1].seq
        for record in batch:
            last.update({k: v for k, v in record.payload.items() if v is not None})
    return {**summary(view.row), "last": last}


def _code(view: RunView) -> int:
    return 0 if view.row.status in {"done", "stopped", "queued", "running", "paused"} else 1


def _watchers(quiet: bool, steps: int) -> list[Any]:
    if quiet:
        return []
    from genlab.runs.progress import Bar

    return [Bar(steps)]


def _options_of_run(arguments: argparse.Namespace) -> dict[str, Any]:
    """The options of a run that were given, and those alone."""
    own = {"command", "run", "step", "title", "background", "quiet"}
    return {k: v for k, v in vars(arguments).items() if k not in own and v is not None}


def _train(arguments: argparse.Namespace) -> int:
    from genlab.core.run_spec import RunSpec

    options = _options_of_run(arguments)
    spec = RunSpec.build(**options)
    from genlab import runs

    if arguments.background:
        view = runs.open_run(runs.start(spec, arguments.title))
    else:
        from genlab.runs import foreground

        watchers = _watchers(arguments.quiet, spec.train.steps)
        view = foreground.train(options, title=arguments.title, observers=watchers)
    return _tell(view)


def _tell(view: RunView) -> int:
    answer = run_summary(view)
    if answer["message"]:
        print(answer["message"], file=sys.stderr)
    print_json(answer)
    return _code(view)


def _list(arguments: argparse.Namespace) -> int:
    from genlab import runs
    from genlab.runs.catalog import summary

    status = (arguments.status,) if arguments.status else ()
    query = runs.RunQuery(
        text=arguments.search,
        status=status,
        tags=arguments.tag,
        sort=arguments.sort,
        descending=not arguments.ascending,
        limit=arguments.limit,
    )
    page = runs.find(query)
    for row in page.rows:
        number = page.numbers[row.id].get(arguments.sort)
        print_json({**summary(row), **({} if number is None else {arguments.sort: number})})
    text = arguments.search.lower()
    for view in [] if arguments.tag else runs.list_shipped():
        row = view.row
        fits = any(text in one.lower() for one in (row.id, row.title))
        if fits and (not status or row.status in status):
            print_json(summary(row))
    return 0


def _edit(arguments: argparse.Namespace) -> int:
    from genlab import runs
    from genlab.runs.catalog import summary

    row = runs.store_to_read().get(arguments.run)
    tags = [tag for tag in (*row.tags, *(arguments.tag or ())) if tag not in arguments.untag]
    print_json(summary(runs.edit(row.id, title=arguments.title, tags=tags)))
    return 0


def _show(arguments: argparse.Namespace) -> int:
    from genlab import runs
    from genlab.runs.findings import findings_as_json

    view = runs.open_run(arguments.run, paths=True)
    events = [{"step": r.step, "time": r.time, **r.payload} for r in view.read(kinds={"event"})]
    print_json(
        {
            **run_summary(view),
            "speed": view.row.speed,
            "worker": view.row.worker,
            "spec": dict(view.row.spec),
            "series": [dict(s) for s in view.row.series],
            "snapshots": list(view.snapshots()),
            "frames": view.frames(),
            "events": events,
            "findings": findings_as_json(view),
        }
    )
    return 0


def _resume(arguments: argparse.Namespace) -> int:
    from genlab import runs

    row = runs.store_to_read().get(arguments.run)
    if arguments.background or row.status == "paused":
        runs.resume(arguments.run)
        return _tell(runs.open_run(arguments.run, paths=True))
    from genlab.runs import foreground

    watchers = _watchers(arguments.quiet, row.steps)
    return _tell(foreground.resume(arguments.run, observers=watchers))


def _fork(arguments: argparse.Namespace) -> int:
    from genlab import runs
    from genlab.runs import foreground, forks

    run, step, title = arguments.run, arguments.step, arguments.title
    changes = _options_of_run(arguments)
    if arguments.background:
        return _tell(runs.open_run(runs.fork(run, step, changes, title, paths=True)))
    steps = forks.change_spec(runs.open_run(run, paths=True).spec, changes).train.steps
    watchers = _watchers(arguments.quiet, steps)
    return _tell(foreground.fork(run, step, changes, title=title, observers=watchers))


def _command(name: str) -> Callable[[argparse.Namespace], int]:
    def ask(arguments: argparse.Namespace) -> int:
        from genlab import runs

        values = {"n": arguments.n} if name == "step" else {}
        runs.request(arguments.run, name, **values)
        print_json(
            {
                "run": arguments.run,
                "requested": name,
                "status": runs.store().get(arguments.run).status,
            }
        )
        return 0

    return ask


def _sample(arguments: argparse.Namespace) -> int:
    out = Path(arguments.out)
    if out.suffix not in {".csv", ".npz", ".png"}:
        raise SpecError("out", str(out), "allowed: a file that ends in .csv, .npz or .png")
    if not 1 <= arguments.n <= 100_000:
        raise SpecError("n", arguments.n, "allowed: a whole number from 1 to 100000")
    from genlab import runs

    view = runs.open_run(arguments.run, paths=True)
    import numpy as np

    from genlab.panels.encoding import png, sheet
    from genlab.runs.samples import sample_run

    found = sample_run(
        view,
        arguments.n,
        seed=arguments.seed,
        step=arguments.step,
        label=arguments.label,
        means=arguments.means,
        given=dict(word.rpartition("=")[::2] for word in arguments.given),
    )
    x, image = found.x.numpy(), found.meta.is_image
    if out.suffix == ".npz":
        np.savez(out, allow_pickle=False, **found.arrays())
    elif out.suffix == ".csv":
        if image:
            raise SpecError("out", str(out), "images are no rows; allowed: a file .npz or .png")
        out.write_text(found.csv(), encoding="utf-8")
    elif image:
        out.write_bytes(png(sheet(x, int(np.ceil(np.sqrt(len(x)))))))
    else:
        raise SpecError("out", str(out), "points are no images; allowed: a file .csv or .npz")
    label = {} if arguments.label is None else {"label": arguments.label}
    names = {} if image else {"columns": list(found.rows.names)}
    shape = list(x.shape) if image else list(found.rows.values.shape)
    about = {"out": str(out), "n": arguments.n, "kind": found.kind, "shape": shape}
    print_json({"run": view.id, **about, **label, **names})
    return 0


def _evaluate(arguments: argparse.Namespace) -> int:
    from genlab import runs

    view = runs.open_run(arguments.run, paths=True)
    model = view.model(arguments.step)
    from genlab.metrics import evaluation

    found = evaluation.evaluate(model, view.data(), arguments.seed, spec=view.spec)
    if arguments.c2st:
        from genlab.metrics.c2st import run_c2st

        found = [*found, *run_c2st(model, view.data(), arguments.seed).estimates]
    about = {}
    if arguments.samples:
        from genlab.metrics.feature_quality import measure_quality

        quality, features = measure_quality(model, view.data(), arguments.seed)
        found = [*found, *(one.estimate for one in quality)]
        about = {"features": {"hash": features.hash, "accuracy": features.accuracy}}
    step = view.snapshots()[-1] if arguments.step is None else arguments.step
    print_json(
        {
            "run": view.id,
            "step": step,
            "seed": arguments.seed,
            **about,
            "metrics": {estimate.series.name: estimate.flat() for estimate in found},
        }
    )
    return 0


def _export(arguments: argparse.Namespace) -> int:
    from genlab import runs

    if arguments.format:
        from genlab.exports import export_file

        view = runs.open_run(arguments.run, paths=True)
        body = export_file(
            view, arguments.format, step=arguments.step, n=arguments.n, seed=arguments.seed
        )
        Path(arguments.to).write_bytes(body)
        answer = {"run": view.id, "format": arguments.format, "to": arguments.to}
        print_json({**answer, "bytes": len(body)})
        return 0
    path = runs.export(arguments.run, arguments.to, snapshots=arguments.snapshots)
    print_json({"run": arguments.run, "to": str(path)})
    return 0


def _report(arguments: argparse.Namespace) -> int:
    out = Path(arguments.out)
    if out.suffix not in {".html", ".htm"}:
        raise SpecError("out", str(out), "allowed: a file that ends in .html")
    at = arguments.step if arguments.seconds is None else arguments.seconds
    if at is not None and not 0 <= at < 1e12:
        raise SpecError("step or seconds", at, "allowed: a number from 0")
    from genlab.report.collect import collect
    from genlab.report.page import html
    from genlab.report.time_cursor import TimeCursor

    clock = "step" if arguments.seconds is None else "seconds"
    if arguments.clock and at is not None and arguments.clock != clock:
        raise SpecError("clock", arguments.clock, f"the moment is given in {clock}")

    found = collect(
        arguments.runs,
        TimeCursor(arguments.clock or clock, at),
        c2st=arguments.c2st,
        progress=_tell_share,
    )
    out.write_text(html(found), encoding="utf-8")
    print_json(
        {"runs": [side.id for side in found.sides], "out": str(out), "bytes": out.stat().st_size}
    )
    return 0


def _tell_share(part: float, words: str) -> None:
    print(f"{100 * part:3.0f} %  {words}", file=sys.stderr)


def _bytes_of(megabytes: float) -> int:
    """The bound of a file that was given in megabytes."""
    if not 0.2 <= megabytes <= 1000:
        raise SpecError("limit", megabytes, "allowed: 0.2 to 1000 megabytes")
    return int(1e6 * megabytes)


def _replay(arguments: argparse.Namespace) -> int:
    out = Path(arguments.out)
    if out.suffix not in {".html", ".htm"}:
        raise SpecError("out", str(out), "allowed: a file that ends in .html")
    limit = _bytes_of(arguments.limit)
    from genlab.replay import handout

    found = handout(arguments.runs, title=arguments.title, limit=limit, progress=_tell_share)
    out.write_bytes(found.html)
    size = len(found.html)
    print_json(
        {"title": found.title, "out": str(out), "bytes": size, "left_out": [*found.left_out]}
    )
    return 0


def _site(arguments: argparse.Namespace) -> int:
    limit = _bytes_of(arguments.limit)
    from genlab.replay.site import write_site

    found = write_site(
        Path(arguments.folder),
        arguments.runs,
        title=arguments.title,
        limit=limit,
        progress=_tell_share,
    )
    print_json({"index": str(found.index), "handouts": [*found.handouts], "notes": [*found.notes]})
    return 0


def _delete(arguments: argparse.Namespace) -> int:
    from genlab import runs

    if not arguments.yes:
        row = runs.store_to_read().get(arguments.run)
        raise SpecError(
            "yes", False, f"deleting {row.id} ({row.status}) is for good; add --yes to do it"
        )
    runs.delete(arguments.run)
    print_json({"run": arguments.run, "deleted": True})
    return 0


def _data(arguments: argparse.Namespace) -> int:
    from genlab.data import drawings, user_sets

    if arguments.data_command == "draw":
        path = Path(arguments.file)
        drawn = drawings.from_file(path.name, path.read_bytes())
        name = drawings.store(drawn)
        entropy = {"entropy_nats": round(drawn.density.entropy, 6)}
        print_json({"drawing": name, "dim": drawn.dim, "covered": drawn.covered, **entropy})
        return 0
    if arguments.data_command in ("add", "look"):
        from genlab.data.readers import read
        from genlab.data.readers.base import too_large

        path = Path(arguments.file)
        too_large(path.stat().st_size)
        found = read(path.read_bytes(), _of_reader(arguments))
        if arguments.data_command == "look":
            known = user_sets.describe(found, "look")
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
        likelihood = user_sets.meta_of(description, user_sets.OwnOptions()).proposed[0]
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


def _study(arguments: argparse.Namespace) -> int:
    from genlab.studies.command import answers

    for answer in answers(arguments):
        print_json(answer)
    return 0


def _serve(arguments: argparse.Namespace) -> int:
    if not 1 <= arguments.port <= 65_535:
        raise SpecError("port", arguments.port, "allowed: a whole number from 1 to 65535")
    from genlab.core.folders import ROOT

    words = (
        *(sys.executable, "-m", "streamlit", "run", str(ROOT / "app.py")),
        *("--server.port", str(arguments.port), "--server.address", arguments.address),
    )
    # The server takes the place of this process: a signal to the one is a signal to the other.
    os.execv(words[0], words)


def _offer(arguments: argparse.Namespace) -> int:
    from genlab import runs
    from genlab.runs.items import OFFER_AGE

    token = runs.offer("run", arguments.run)
    print_json({"run": arguments.run, "path": f"/claim/{token}", "seconds": OFFER_AGE})
    return 0


def _worker(arguments: argparse.Namespace) -> int:
    from genlab.runs import supervisor

    return supervisor.main(arguments.idle_exit)


COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "train": _train,
    "list": _list,
    "edit": _edit,
    "show": _show,
    "resume": _resume,
    "fork": _fork,
    "stop": _command("stop"),
    "pause": _command("pause"),
    "step": _command("step"),
    "sample": _sample,
    "evaluate": _evaluate,
    "export": _export,
    "report": _report,
    "study": _study,
    "replay": _replay,
    "site": _site,
    "delete": _delete,
    "offer": _offer,
    "data": _data,
    "serve": _serve,
    "worker": _worker,
}


#: The commands that take the options of a run, with those that must be given.
RUN_OPTIONS: dict[str, tuple[str, ...]] = {"train": ("data", "model"), "fork": (), "study": ()}


def main(argv: Sequence[str] | None = None) -> int:
    """Do what the command line says; the exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        parser = build()
        if (name := next(iter(words), "")) in RUN_OPTIONS:
            # The tables are read for these commands alone: they import torch.
            commands = next(a for a in parser._actions if a.dest == "command")
            asked = not {"-h", "--help"}.isdisjoint(words)
            named = _named_parts(words[1:]) if asked else None
            add_run_options(commands.choices[name], RUN_OPTIONS[name], named)  # type: ignore[index]
        arguments, unknown = parser.parse_known_args(words)
        for word in unknown:
            known = {text for action in _options(parser, words) for text in action.option_strings}
            raise SpecError.unknown("option", word.partition("=")[0], known)
        if arguments.command is None:
            parser.print_help(sys.stderr)
            return 2
        return COMMANDS[arguments.command](arguments)
    except GenlabError as error:
        print(f"genlab: {error}", file=sys.stderr)
        if isinstance(error, SpecError) and error.repair:
            flags = " ".join(f"--{name}={value}" for name, value in error.repair.items())
            print(f"genlab: possible with {flags}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # The reader of the output has gone (`| head`).
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print("genlab: interrupted", file=sys.stderr)
        return 130
    except OSError as error:
        print(f"genlab: {error}", file=sys.stderr)
        return 2


def script() -> int:
    """The program ``genlab``: as ``python -m genlab``, also in where modules are looked for.

    Plugins (``GENLAB_PLUGINS``) may so lie in the current folder.
    """
    sys.path.insert(0, os.getcwd())
    return main()
