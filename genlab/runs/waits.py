"""How long a run will wait in the queue."""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence

from genlab.runs.store import RunRow, RunStore


def seconds_left(row: RunRow) -> float:
    """Seconds until a running run ends at its present speed, NaN where that is unknown."""
    return (row.steps - row.step) / row.speed if row.speed > 0 else math.nan


def seconds_of(row: RunRow, ended: Sequence[RunRow]) -> float:
    """Seconds that a queued run will take, from the last run of the same kind that ended.

    Args:
        row: the queued run.
        ended: runs that were trained to their end, the newest first.

    Returns:
        NaN if there was no such run.
    """
    for one in ended:
        same = all(one.spec.get(kind) == row.spec.get(kind) for kind in ("model", "data"))
        if same and one.step and one.ended > one.started > 0:
            return (one.ended - one.started) / one.step * (row.steps - row.step)
    return math.nan


def expected_wait(
    row: RunRow,
    running: Sequence[RunRow],
    queued: Sequence[RunRow],
    workers: int,
    ended: Sequence[RunRow] = (),
) -> float:
    """Seconds until a queued run begins: each worker takes the next run when it is free.

    Args:
        row: the queued run.
        running: the runs at work.
        queued: all that wait, in their order.
        workers: runs at once.
        ended: runs that were trained to their end, the newest first; they give the duration of
            such runs. A run before this one of which that is unknown takes as long as the known
            ones on average.

    Returns:
        0 where a worker is free, NaN where nothing is known.

    Example:
        >>> def run(name, step=0, speed=0.0):
        ...     return RunRow(name, {}, "running", step=step, steps=100, speed=speed)
        >>> expected_wait(run("c"), [run("a", 50, 5.0)], [run("b"), run("c")], 1)
        20.0
    """
    left = [seconds_left(one) for one in running]
    before = []
    for one in queued:
        if one.id == row.id:
            break
        before.append(seconds_of(one, ended))
    known = [value for value in (*left, *before) if not math.isnan(value)]
    usual = sum(known) / len(known) if known else math.nan
    free = [0.0] * max(0, workers - len(running))
    free += sorted(usual if math.isnan(value) else value for value in left)[: max(1, workers)]
    heapq.heapify(free)
    for value in before:
        heapq.heappush(free, heapq.heappop(free) + (usual if math.isnan(value) else value))
    return free[0]


def wait_of(store: RunStore, row: RunRow, workers: int) -> float:
    """Seconds until a queued run of a store begins, NaN where nothing is known.

    Args:
        store: of the run.
        row: the queued run.
        workers: runs at once.
    """
    running = store.runs(status={"running"}, limit=100)
    queued = sorted(store.runs(status={"queued"}, limit=100), key=lambda one: one.position)
    ended = sorted(store.runs(status={"done"}, limit=50), key=lambda one: -one.ended)
    return expected_wait(row, running, queued, workers, ended)
