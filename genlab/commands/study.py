"""``genlab study``: runs that vary options over seeds."""

from __future__ import annotations

import argparse

from genlab.commands.output import print_json


def add_study_arguments(parser: argparse.ArgumentParser) -> None:
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
        help="make a study of runs that are there, forks and duels among them; one arm each",
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
        "--no-prune", action="store_true", help="let trials that fall behind go on to their end"
    )
    parser.add_argument(
        "--search-by", choices=("tpe", "random"), default="tpe", help="what proposes the trials"
    )
    parser.add_argument(
        "--seeds",
        type=int,
        default=5,
        help="of each arm of a new study, fresh ones after a search",
    )
    parser.add_argument(
        "--stop-early",
        action="store_true",
        help="give up the runs that wait once a difference is unlikely to be found any more",
    )
    parser.add_argument("--title", default="", help="what lists show")
    parser.add_argument(
        "--metric",
        default="",
        help="what the sentence is about; of a new search the series that is improved",
    )
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


def study_command(arguments: argparse.Namespace) -> int:
    """``genlab study``: start, list, change or measure a study."""
    from genlab.studies.command import answers

    for answer in answers(arguments):
        print_json(answer)
    return 0
