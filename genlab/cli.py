"""The command line: ``genlab train --model vae --data digits``, or ``python -m genlab train ...``.

Answers are JSON, one object a line, on standard output; text for users goes to standard
error. Exit status: 0 done, 1 the run ended badly, 2 a wrong request (nothing was done).
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence

import genlab
from genlab.commands.data import add_data_commands, data_command
from genlab.commands.disk import add_disk_arguments, disk_command
from genlab.commands.models import draw_samples, evaluate_run
from genlab.commands.options import add_run_options, named_parts
from genlab.commands.parser import Parser, command_options
from genlab.commands.runs import (
    delete_runs,
    edit_run,
    fork_run,
    list_runs,
    repair_store,
    resume_run,
    send_command,
    show_run,
    train_run,
)
from genlab.commands.serve import serve_pages, start_worker
from genlab.commands.share import export_run, offer_run, write_handout, write_index, write_report
from genlab.commands.study import add_study_arguments, study_command
from genlab.core.errors import GenlabError, SpecError


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
    add_study_arguments(study)
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
    add_disk_arguments(add("disk", "what each run takes; thin runs", run=False))
    add_data_commands(add("data", "your own data: add FILE, list, delete SET", run=False))
    serve = add("serve", "serve the pages to a browser on this machine", run=False)
    serve.add_argument("--port", type=int, default=8501, help="the port (1 to 65535)")
    serve.add_argument(
        "--address",
        default="127.0.0.1",
        help="the address to listen on; 0.0.0.0 lets everyone who reaches this machine look, and "
        "start runs of their own (name this machine in GENLAB_HOSTS)",
    )
    add("repair", "rebuild a damaged run store from the folders of the runs", run=False)
    worker = add("worker", "work on the queue of this host", run=False)
    worker.add_argument(
        "--idle-exit", type=float, metavar="S", help="end after so many seconds without work"
    )
    return parser


COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "train": train_run,
    "list": list_runs,
    "edit": edit_run,
    "show": show_run,
    "resume": resume_run,
    "fork": fork_run,
    "stop": send_command("stop"),
    "pause": send_command("pause"),
    "step": send_command("step"),
    "sample": draw_samples,
    "evaluate": evaluate_run,
    "export": export_run,
    "report": write_report,
    "study": study_command,
    "replay": write_handout,
    "site": write_index,
    "delete": delete_runs,
    "offer": offer_run,
    "data": data_command,
    "disk": disk_command,
    "serve": serve_pages,
    "repair": repair_store,
    "worker": start_worker,
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
            named = named_parts(words[1:]) if asked else None
            add_run_options(commands.choices[name], RUN_OPTIONS[name], named)  # type: ignore[index]
        arguments, unknown = parser.parse_known_args(words)
        for word in unknown:
            known = {
                text for action in command_options(parser, words) for text in action.option_strings
            }
            raise SpecError.unknown("option", word.partition("=")[0], known)
        if arguments.command is None:
            parser.print_help(sys.stderr)
            return 2
        return COMMANDS[arguments.command](arguments)
    except GenlabError as error:
        repair = ""
        if isinstance(error, SpecError) and error.repair:
            change = " ".join(f"--{name}={value}" for name, value in error.repair.items())
            repair = f" It is possible with {change}."
        print(f"genlab: {error}{repair}", file=sys.stderr)
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
