"""``genlab study``: runs that vary options over seeds."""

from __future__ import annotations

import argparse

from genlab.commands.output import print_json


def add_study_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own arguments; those of a run come from the tables."""
    parser.add_argument(
        "study",
        metavar="STUDY",
        nargs="?",
        help="the name of the study; without it all are listed",
    )
    parser.add_argument(
        "--vary",
        action="append",
        metavar="OPTION=A,B",
        help="start a study that varies this option of the run; every combination is an arm",
    )
    parser.add_argument(
        "--search",
        action="append",
        metavar="OPTION=LOW..HIGH[:log]",
        help="start a study that searches this option; a list OPTION=A,B too; the best trial is "
        "trained anew on fresh seeds",
    )
    parser.add_argument(
        "--arm",
        action="append",
        metavar="NAME=RUN,RUN",
        help="make a study of existing runs, which may be forks or duels; one arm each",
    )
    parser.add_argument(
        "--duel",
        metavar="two|four",
        help="start a duel over seeds: VAE and GAN, or with a flow and a diffusion; takes --data, "
        "--steps, --batch and --seed",
    )
    parser.add_argument(
        "--table",
        metavar="TABLE",
        help="start a table of the documentation: ring, grid, narrow, mnist, samples, "
        "families-ring, families-grid, families-digits",
    )
    parser.add_argument("--trials", type=int, default=20, help="runs of the search")
    parser.add_argument(
        "--no-prune", action="store_true", help="train trials that fall behind to their end"
    )
    parser.add_argument(
        "--search-by",
        choices=("tpe", "random"),
        default="tpe",
        help="the sampler that proposes the trials",
    )
    parser.add_argument(
        "--seeds",
        type=int,
        default=5,
        help="the seeds of each arm of a new study; after a search, new seeds",
    )
    parser.add_argument(
        "--stop-early",
        action="store_true",
        help="cancel the waiting runs as soon as a difference is unlikely to be found",
    )
    parser.add_argument(
        "--quality",
        action="store_true",
        help="measure the quality of the samples too; for images with classes",
    )
    parser.add_argument("--title", default="", help="the title in lists")
    parser.add_argument(
        "--metric",
        default="",
        help="the metric of the result's sentence; for a new search, the series that is optimised",
    )
    parser.add_argument("--wait", action="store_true", help="wait until no run waits or trains")
    parser.add_argument(
        "--measure", action="store_true", help="measure the finished runs in this process"
    )
    change = parser.add_mutually_exclusive_group()
    change.add_argument("--extend", type=int, metavar="N", help="give each arm N seeds more")
    for name, text in (
        ("pause", "hold the waiting runs back"),
        ("resume", "queue the runs that were held back or never queued"),
        ("delete", "delete the study; its runs are kept"),
    ):
        change.add_argument(
            f"--{name}", dest="change", action="store_const", const=name, help=text
        )


def study_command(arguments: argparse.Namespace) -> int:
    """``genlab study``: start, list, change or measure a study."""
    from genlab.studies.command import answers

    for answer in answers(arguments):
        print_json(answer)
    return 0
