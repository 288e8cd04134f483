"""The status of a study: its runs by status, and the time that is left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from genlab import runs
from genlab.core.errors import RunNotFound
from genlab.runs.store import ACTIVE, RunRow
from genlab.studies.study import Study


@dataclass(frozen=True)
class StudyState:
    """The status of a study.

    Args:
        rows: by the run's id, those of a search too; a run that was deleted or never queued is
            missing.
        counts: for each arm the number of runs by status.
        share: the share of all steps that is done.
        seconds_left: until the last run ends, None if unknown.
        searching: whether its search continues and queues more runs.
    """

    rows: Mapping[str, RunRow]
    counts: tuple[Mapping[str, int], ...]
    share: float
    seconds_left: float | None
    searching: bool = False

    @property
    def ended(self) -> bool:
        """Whether all its runs have ended, and its search has ended too."""
        return not self.searching and not any(row.status in ACTIVE for row in self.rows.values())


def state(study: Study, workers: int = 2) -> StudyState:
    """The status of the runs of a study.

    Args:
        study: the study.
        workers: the number of runs that train at once, which gives the time that is left.
    """
    store, rows = runs.store_to_read(), {}
    for run in (*study.trial_runs, *(cell.run for cell in study.cells)):
        try:
            rows[run] = runs.open_run(run).row if ":" in run else store.get(run)
        except RunNotFound:
            continue
    counts: list[Counter[str]] = [Counter() for _ in study.arms]
    for cell in study.cells:
        row = rows.get(cell.run)
        counts[cell.arm]["missing" if row is None else row.status] += 1
    wanted = sum(row.steps for row in rows.values())
    if study.search is not None and rows:
        wanted = max(wanted, round(wanted / len(rows) * study.planned))
    ended = sum(row.step if row.status in ACTIVE else row.steps for row in rows.values())
    share = ended / wanted if wanted else 0.0
    left = sum(row.steps - row.step for row in rows.values() if row.status in ACTIVE)
    speeds = [row.speed for row in rows.values() if row.speed > 0.0]
    pace = sum(speeds) / len(speeds) if speeds else 0.0
    seconds = left / pace / max(1, workers) if pace else None
    searching = study.search is not None and not study.search.ended and not study.paused
    return StudyState(rows, tuple(counts), share, seconds if left else 0.0, searching)
