"""``genlab disk``: the disk space of each run, and thinning of snapshots."""

from __future__ import annotations

import argparse

from genlab.commands.output import print_json
from genlab.core.errors import SpecError


def add_disk_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument("--limit", type=int, default=20, help="list the N largest runs")
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--thin",
        action="append",
        default=[],
        metavar="RUN",
        help="keep only the first, best and last snapshot of this run, the last one with its "
        "optimiser; may be repeated",
    )
    what.add_argument(
        "--thin-to",
        type=int,
        metavar="MIB",
        help="thin the oldest runs until all take at most this; pinned runs (genlab edit RUN "
        "--tag pinned) are kept",
    )


def disk_command(arguments: argparse.Namespace) -> int:
    """``genlab disk``."""
    from genlab import runs
    from genlab.runs import disk

    store, files = runs.store_to_read(), runs.files()
    for run in arguments.thin:
        print_json({"run": run, "freed": disk.thin_run(store, files, run)})
    if arguments.thin_to is not None:
        if arguments.thin_to < 0:
            raise SpecError("thin-to", arguments.thin_to, "allowed: a whole number of MiB from 0")
        thinned, freed = disk.thin_to(store, files, arguments.thin_to << 20)
        print_json({"thinned": thinned, "freed": freed})
    found = disk.usage(files)
    for run, size in list(found.runs.items())[: max(0, arguments.limit)]:
        print_json({"run": run, "bytes": size})
    print_json(
        {
            "runs": len(found.runs),
            "bytes": found.total,
            "other_bytes": found.others,
            "free_bytes": found.free,
            "quota_bytes": found.quota or None,
        }
    )
    return 0
