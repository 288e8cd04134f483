"""Commands on runs: train, list, edit, show, resume, fork, command, delete."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from genlab.commands.options import options_of_run
from genlab.commands.output import print_json, progress_watchers, run_summary, tell_end
from genlab.core.errors import SpecError


def train_run(arguments: argparse.Namespace) -> int:
    """``genlab train``: train in the foreground, or hand the run to the workers."""
    from genlab.core.run_spec import RunSpec

    options = options_of_run(arguments)
    spec = RunSpec.build(**options)
    from genlab import runs

    if arguments.background:
        view = runs.open_run(runs.start(spec, arguments.title))
    else:
        from genlab.runs import foreground

        watchers = progress_watchers(arguments.quiet, spec.train.steps)
        view = foreground.train(options, title=arguments.title, observers=watchers)
    return tell_end(view)


def list_runs(arguments: argparse.Namespace) -> int:
    """``genlab list``: one run a line."""
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


def edit_run(arguments: argparse.Namespace) -> int:
    """``genlab edit``: change the title and the tags of a run."""
    from genlab import runs
    from genlab.runs.catalog import summary

    row = runs.store_to_read().get(arguments.run)
    tags = [tag for tag in (*row.tags, *(arguments.tag or ())) if tag not in arguments.untag]
    print_json(summary(runs.edit(row.id, title=arguments.title, tags=tags)))
    return 0


def show_run(arguments: argparse.Namespace) -> int:
    """``genlab show``: print all that is stored about a run."""
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


def resume_run(arguments: argparse.Namespace) -> int:
    """``genlab resume``: continue a run that stopped."""
    from genlab import runs

    row = runs.store_to_read().get(arguments.run)
    if arguments.background or row.status == "paused":
        runs.resume(arguments.run)
        return tell_end(runs.open_run(arguments.run, paths=True))
    from genlab.runs import foreground

    watchers = progress_watchers(arguments.quiet, row.steps)
    return tell_end(foreground.resume(arguments.run, observers=watchers))


def fork_run(arguments: argparse.Namespace) -> int:
    """``genlab fork``: a new run from a snapshot of another."""
    from genlab import runs
    from genlab.runs import foreground, forks

    run, step, title = arguments.run, arguments.step, arguments.title
    changes = options_of_run(arguments)
    if arguments.background:
        return tell_end(runs.open_run(runs.fork(run, step, changes, title, paths=True)))
    steps = forks.change_spec(runs.open_run(run, paths=True).spec, changes).train.steps
    watchers = progress_watchers(arguments.quiet, steps)
    return tell_end(foreground.fork(run, step, changes, title=title, observers=watchers))


def send_command(name: str) -> Callable[[argparse.Namespace], int]:
    """The handler of a command to a run, such as ``genlab stop`` or ``genlab pause``."""

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


def delete_runs(arguments: argparse.Namespace) -> int:
    """``genlab delete``: remove runs and their files."""
    from genlab import runs

    if not arguments.yes:
        row = runs.store_to_read().get(arguments.run)
        raise SpecError(
            "yes", False, f"deleting {row.id} ({row.status}) cannot be undone; add --yes to do it"
        )
    runs.delete(arguments.run)
    print_json({"run": arguments.run, "deleted": True})
    return 0


def repair_store(_: argparse.Namespace) -> int:
    """``genlab repair``: rebuild the run store from the folders of the runs."""
    from genlab import runs
    from genlab.runs.repair import repair

    done = repair(runs.store_url(), runs.files())
    print_json(
        {
            "moved": done.moved,
            "restored": list(done.restored),
            "known": len(done.known),
            "skipped": dict(done.skipped),
        }
    )
    return 1 if done.skipped else 0
