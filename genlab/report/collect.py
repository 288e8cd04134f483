"""Collect the content of a report as plain values."""

from __future__ import annotations

import datetime
import json
import platform
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

import genlab
from genlab import runs
from genlab.compare.duel import Budget, budget
from genlab.compare.side_by_side import SideBySide, build_side_by_side, needs_inversion
from genlab.core.errors import RunNotFound, SnapshotError, SpecError
from genlab.core.random import scope
from genlab.core.tables import JOBS
from genlab.data.base import Progress
from genlab.figures import live as figures
from genlab.figures.svg import Trace
from genlab.panels.axes import DASHES
from genlab.panels.run_marks import run_colour
from genlab.report import run_labels
from genlab.report.tables import METRIC_VALUES, SEED, merge_results
from genlab.report.time_cursor import TimeCursor, run_clock, snapshot
from genlab.runs.catalog import SHIPPED, RunView
from genlab.runs.files import has_result, load_result, save_result
from genlab.runs.store import ACTIVE, Record, job_key
from genlab.train.controls import tells_a_change

#: Runs that a report compares, and points of a curve, at most.
MOST, POINTS = 4, 240


@dataclass(frozen=True)
class Side:
    """One run in the report.

    Args:
        title: the heading in the report.
        id: of the run.
        status: how it ended.
        spec: its flat values.
        step, seconds: of the snapshot at which it is looked at.
        last: the last step it took; ``steps``: how many its options ask for.
        budget: the parameters of its nets.
        examples: pictures of both runs for the same codes and examples.
        metrics: the numbers, as :func:`genlab.compare.difference.differences` takes them.
        events: what changed its course.
        ledger: the divergences at the snapshot's step or the last before it, None without a truth.
        command: what makes the run anew; None where one command does not.
        why: why not, where none does.
    """

    title: str
    id: str
    status: str
    spec: Mapping[str, Any]
    step: int
    seconds: float
    last: int
    steps: int
    budget: Budget
    examples: SideBySide
    metrics: Mapping[str, Any]
    events: Sequence[Mapping[str, Any]]
    ledger: Mapping[str, Any] | None
    command: str
    why: str


@dataclass(frozen=True)
class Curves:
    """One chart.

    Args:
        title, note: above it.
        traces: lines, in the colours of their runs.
    """

    title: str
    note: str
    traces: Sequence[Trace]


@dataclass(frozen=True)
class Report:
    """A comparison.

    Args:
        sides: two to four runs.
        moment: at which they are looked at.
        curves: overlaid, over steps or seconds.
        versions: of the programs that made the report.
        made: when, UTC.
        c2st: whether the metrics hold those of the classifier two-sample test.
        again: the command that makes the report again.
    """

    sides: Sequence[Side]
    moment: TimeCursor
    curves: Sequence[Curves]
    versions: Mapping[str, str]
    created: str
    c2st: bool
    again: str


def collect(
    refs: Sequence[str],
    moment: TimeCursor,
    *,
    c2st: bool = False,
    progress: Progress | None = None,
) -> Report:
    """Collect the content of a report on runs.

    Args:
        refs: run ids, shipped models or exported folders, two to four.
        moment: at which the runs are looked at.
        c2st: whether the classifier two-sample test is made for each run.
        progress: called with a fraction and a sentence.

    Raises:
        SpecError: for another number of runs, or the same one twice.
        RunNotFound: if there is no such run.
        SnapshotError: if one of them has no snapshot.
    """
    if not 2 <= len(refs) <= MOST or len(set(refs)) < len(refs):
        raise SpecError("runs", len(refs), f"allowed: two to {MOST} different runs")
    report_progress = progress or (lambda *_: None)
    views = [runs.open_run(ref, paths=True) for ref in refs]
    for view in views:
        if not view.snapshots():
            raise SnapshotError(
                f"Run {view.id} has no snapshot yet, so there is nothing to compare. Wait for "
                "its first step; nothing was written."
            )
    titles = run_labels([view.row for view in views])
    sides = []
    for i, view in enumerate(views):
        title = titles[view.id]

        def tell(part: float, words: str, i: int = i, title: str = title) -> None:
            report_progress((i + min(1.0, part)) / len(views) * 0.95, f"{title}: {words}")

        sides.append(_side(view, title, moment, c2st, tell))
    report_progress(0.97, "curves")
    named = [view.id if is_permanent_id(view) else "FOLDER" for view in views]
    return Report(
        sides,
        moment,
        curves(views, [side.title for side in sides], moment.clock),
        versions(),
        datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        c2st,
        report_command(named, moment, c2st),
    )


def _side(view: RunView, title: str, moment: TimeCursor, c2st: bool, progress: Progress) -> Side:
    at = snapshot(view, moment)
    assert at is not None
    step, seconds = at
    model, data = view.model(step), view.data()
    values = {"run": view.id, "step": step, "seed": SEED}

    def work(kind: str, share: tuple[float, float], **more: Any) -> Mapping[str, Any]:
        low, high = share

        def tell(part: float, words: str) -> None:
            progress(low + (high - low) * part, words)

        wish = values | more
        if not is_permanent_id(view):
            return _done(kind, model, view, wish, tell)
        return get_result(kind, wish, lambda: _done(kind, model, view, wish, tell))

    codes = None
    if needs_inversion(model, data):
        progress(0.02, "codes of the real examples")
        codes = torch.as_tensor(work("inversions", (0.02, 0.4))["z"])
    progress(0.4, "pictures")
    shown = build_side_by_side(model, data, SEED, codes)
    progress(0.45, "metrics")
    found = [work("evaluate", (0.45, 0.7), **METRIC_VALUES)]
    if c2st:
        found.append(work("c2st", (0.7, 1.0)))
    row = view.row
    records = all_records(view)
    command, why = reproduce_command(view, records)
    return Side(
        title,
        view.id if is_permanent_id(view) else "an exported folder",
        row.status,
        dict(row.spec),
        step,
        seconds,
        row.step,
        row.steps,
        budget(view.spec),
        shown,
        merge_results(found),
        figures.events(records),
        _ledger(view, step),
        command,
        why,
    )


def _done(
    kind: str, model: Any, view: RunView, values: Mapping[str, Any], progress: Progress
) -> dict[str, Any]:
    """Execute a job in this process, as a worker does."""
    ready = {**values, "spec": view.spec.flat()}
    with torch.no_grad(), scope(int(values["seed"]), "job", kind):
        found: dict[str, Any] = JOBS[kind](model, view.data(), ready, progress)
    return found


def is_permanent_id(view: RunView) -> bool:
    """Whether an id always names the same run; a folder may hold another run later."""
    if view.id.startswith(SHIPPED):
        return True
    try:
        return runs.store_to_read().get(view.id).id == view.id
    except RunNotFound:
        return False


def get_result(
    kind: str, values: Mapping[str, Any], make: Callable[[], dict[str, Any]]
) -> Mapping[str, Any]:
    """The stored result of a job; it is computed and stored where there is none."""
    key, folder = job_key(kind, values), runs.files()
    if has_result(folder, key):
        return load_result(folder, key)
    found = make()
    save_result(folder, key, found)
    return load_result(folder, key)


def all_records(view: RunView) -> list[Record]:
    """All records of a run, in order."""
    found: list[Record] = []
    after = 0
    while page := view.read(after=after, limit=5000):
        found += page
        after = page[-1].seq
    return found


def _ledger(view: RunView, step: int) -> Mapping[str, Any] | None:
    there = [one for one in view.frames().get("ledger", []) if one <= step]
    if not there:
        return None
    try:
        return view.frame("ledger", there[-1])
    except (SnapshotError, ValueError):
        return None


def curves(views: Sequence[RunView], titles: Sequence[str], clock: str) -> list[Curves]:
    """The charts: series that several runs share in one chart each, the others by run and group.

    Args:
        views: the runs, in the order of their colours.
        titles: what they are called.
        clock: ``step`` or ``seconds``.
    """
    series: list[list[dict[str, Any]]] = []
    drawn: list[dict[str, tuple[list[float], list[float | None]]]] = []
    for view in views:
        series.append([one.flat() for one in view.series])
        records = all_records(view)
        steps, seconds = run_clock(view)
        columns: dict[str, tuple[list[float], list[float | None]]] = {}
        step_rows = max(1, view.row.steps // 500)
        for block in figures.blocks(records, most=10**9, every=step_rows):
            rows = figures.thin_rows(
                [Record(step, "scalars", {"i": i}) for i, step in enumerate(block["step"])],
                POINTS,
                step_rows,
            )
            xs = [
                float(row.step)
                if clock == "step"
                else figures.seconds_at(steps, seconds, row.step)
                for row in rows
            ]
            for name, values in block["v"].items():
                columns[name] = xs, [values[row.payload["i"]] for row in rows]
        drawn.append(columns)
    names = [one["name"] for rows in series for one in rows]
    common = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    found = []
    for name in common:
        about = next(one for rows in series for one in rows if one["name"] == name)
        traces = [
            _trace(titles[i], columns[name], i, 0, about)
            for i, columns in enumerate(drawn)
            if name in columns
        ]
        if traces:
            found.append(Curves(str(about["title"]), figures.caption(about), traces))
    for i, rows in enumerate(series):
        rest = [one for one in rows if one["name"] not in common and one["name"] in drawn[i]]
        for chart in figures.charts(rest):
            traces = [
                _trace(
                    " ".join(
                        filter(None, (line["title"], f"({line['note']})" * bool(line["note"])))
                    ),
                    drawn[i][line["name"]],
                    i,
                    k,
                    line,
                )
                for k, line in enumerate(chart["lines"])
            ]
            found.append(Curves(f"{titles[i]}: {chart['title']}", chart["note"], traces))
    return found


def _trace(
    name: str,
    columns: tuple[list[float], list[float | None]],
    run: int,
    index: int,
    about: Mapping[str, Any],
) -> Trace:
    return Trace(
        name,
        *columns,
        colour=run_colour(run),
        dash=DASHES[index % len(DASHES)],
        run=run,
        truth=about.get("truth"),
        label=str(about.get("truth_label") or ""),
    )


def reproduce_command(view: RunView, records: Sequence[Record]) -> tuple[str, str]:
    """The command that reproduces a run, and the reasons why the result may differ."""
    row = view.row
    words = ["python", "-m", "genlab", "train"]
    words += [f"--{name}={_typed(value)}" for name, value in view.spec.flat().items()]
    if row.title:
        words.append(f"--title={row.title}")
    reasons = []
    if row.parent:
        reasons.append(f"it was forked from {row.parent} at step {row.parent_step:,}")
    if any(record.kind == "event" and tells_a_change(record.payload) for record in records):
        reasons.append("its options were changed during training (see the events)")
    if row.status in ACTIVE or row.step < row.steps:
        reasons.append(
            f"it ran {row.step:,} of {row.steps:,} steps; this command runs all of them"
        )
    return shlex.join(words), "; ".join(reasons)


def _typed(value: Any) -> str:
    return json.dumps(value) if isinstance(value, bool) else str(value)


def report_command(names: Sequence[str], moment: TimeCursor, c2st: bool) -> str:
    """The command that reproduces the report."""
    words = ["python", "-m", "genlab", "report", *names]
    if moment.at is not None:
        words += ["--step" if moment.clock == "step" else "--seconds", f"{moment.at:g}"]
    elif moment.clock == "seconds":
        words += ["--clock", "seconds"]
    if c2st:
        words.append("--c2st")
    return shlex.join([*words, "--out", "report.html"])


def versions() -> dict[str, str]:
    """The versions of the programs, without machine names or paths."""
    return {
        "GenLab": genlab.__version__,
        "Python": platform.python_version(),
        "PyTorch": torch.__version__,
        "NumPy": np.__version__,
        "system": f"{platform.system()} on {platform.machine()}",
    }
