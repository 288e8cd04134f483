"""Commands that share runs: exports, reports, hand-outs, claim links."""

from __future__ import annotations

import argparse
from pathlib import Path

from genlab.commands.output import print_json, tell_share
from genlab.core.errors import SpecError


def export_run(arguments: argparse.Namespace) -> int:
    """``genlab export``: a run as a folder that others can open."""
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


def write_report(arguments: argparse.Namespace) -> int:
    """``genlab report``: a run as one HTML file."""
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
        raise SpecError("clock", arguments.clock, f"the time is given in {clock}")

    found = collect(
        arguments.runs,
        TimeCursor(arguments.clock or clock, at),
        c2st=arguments.c2st,
        progress=tell_share,
    )
    out.write_text(html(found), encoding="utf-8")
    print_json(
        {"runs": [side.id for side in found.sides], "out": str(out), "bytes": out.stat().st_size}
    )
    return 0


def _bytes_of(megabytes: float) -> int:
    """The largest size of a file in bytes, from megabytes."""
    if not 0.2 <= megabytes <= 1000:
        raise SpecError("limit", megabytes, "allowed: 0.2 to 1000 megabytes")
    return int(1e6 * megabytes)


def write_handout(arguments: argparse.Namespace) -> int:
    """``genlab replay``: runs as one HTML file that replays them."""
    out = Path(arguments.out)
    if out.suffix not in {".html", ".htm"}:
        raise SpecError("out", str(out), "allowed: a file that ends in .html")
    limit = _bytes_of(arguments.limit)
    from genlab.replay import handout

    found = handout(arguments.runs, title=arguments.title, limit=limit, progress=tell_share)
    out.write_bytes(found.html)
    size = len(found.html)
    print_json(
        {"title": found.title, "out": str(out), "bytes": size, "left_out": [*found.left_out]}
    )
    return 0


def write_index(arguments: argparse.Namespace) -> int:
    """``genlab site``: an index of the hand-outs in a folder."""
    limit = _bytes_of(arguments.limit)
    from genlab.replay.site import write_site

    found = write_site(
        Path(arguments.folder),
        arguments.runs,
        title=arguments.title,
        limit=limit,
        progress=tell_share,
    )
    print_json({"index": str(found.index), "handouts": [*found.handouts], "notes": [*found.notes]})
    return 0


def offer_run(arguments: argparse.Namespace) -> int:
    """``genlab offer``: a claim link; the browser that opens it owns the run."""
    from genlab import runs
    from genlab.runs.items import OFFER_AGE

    token = runs.offer("run", arguments.run)
    print_json({"run": arguments.run, "path": f"/claim/{token}", "seconds": OFFER_AGE})
    return 0
