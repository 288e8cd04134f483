"""Stops a study that is unlikely to find a difference."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from genlab import runs
from genlab.compare.futility import is_futile, predictive_power
from genlab.core.errors import RunNotFound, RunStateError
from genlab.core.tables import CHORES
from genlab.runs import access
from genlab.runs.access import Actor
from genlab.runs.items import Item
from genlab.runs.store import ACTIVE, Command
from genlab.studies.measure import stored_result
from genlab.studies.queue import CHORE, KIND, open_study
from genlab.studies.state import state
from genlab.studies.study import Study
from genlab.studies.summary import Summary, collect_metrics, leading, summarise


@CHORES.register("watch_futility", title="Futility", summary="Stops a study that finds nothing.")
def watch(name: str) -> bool:
    """Measure the finished runs, and stop the study if it is futile; returns whether it continues.

    Args:
        name: of the study.
    """
    try:
        study = open_study(name)
    except RunNotFound:
        study = None
    goes_on = study is not None and not study.paused and not study.stopped and _look(study)
    if not goes_on:
        runs.store().remove(CHORE, name, action="delete_study")
    return goes_on


def _look(study: Study) -> bool:
    progress = state(study)
    if progress.ended:
        return False
    with access.acting_as(Actor(study.owner) if study.owner else access.MACHINE):
        found = collect_metrics(study, progress, _submitted)
        reason = futility(study, summarise(study, progress, found))
        if not reason:
            return True
        item = Item(KIND, study.name, replace(study, stopped=reason).values())
        runs.store().put_item(item, action="change_study")
        for cell in study.cells:
            row = progress.rows.get(cell.run)
            if row is not None and row.status in ACTIVE:
                with contextlib.suppress(RunStateError):
                    runs.store().request(cell.run, Command("stop"))
    return False


def _submitted(kind: str, values: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The result of a job; a job without a result is queued."""
    result = stored_result(kind, values)
    if result is None:
        runs.submit_job(kind, values)
    return result


def futility(study: Study, summary: Summary) -> str:
    """The reason why the study should stop, in a sentence; empty if it should continue.

    It should stop if no arm is likely to differ significantly from the first one in the leading
    metric. The test is the paired t test over seeds, without Holm's correction.

    Args:
        study: the study.
        summary: of the runs measured so far.
    """
    rows = leading(summary.rows)
    planned = len(study.seeds)
    if len(rows) < len(study.arms) - 1 or not rows:
        return ""
    powers = []
    for row in rows:
        first = dict(zip(row.first.seeds, row.first.values, strict=True))
        second = dict(zip(row.second.seeds, row.second.values, strict=True))
        d = [second[seed] - first[seed] for seed in sorted(first.keys() & second.keys())]
        if not is_futile(d, planned):
            return ""
        powers.append((predictive_power(d, planned), len(d)))
    chance, pairs = max(powers)
    return (
        f"Stopped early after {pairs} of {planned} pairs of seeds: the whole study would find a "
        f"difference in {rows[0].title} with probability {chance:.1%} (predictive power)."
    )
