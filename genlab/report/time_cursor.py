"""The time slider of several runs: the same step, or the same seconds of each run's training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from genlab.figures.live import clock, seconds_at, step_at
from genlab.runs.catalog import RunView

CLOCKS = ("step", "seconds")
PAGE = 20_000


@dataclass(frozen=True)
class TimeCursor:
    """The position of the time slider.

    Args:
        clock: ``step``, or ``seconds`` of each run's own training.
        at: the step or second, None for the newest.
    """

    clock: str = "step"
    at: float | None = None

    @property
    def words(self) -> str:
        """The position in words.

        Example:
            >>> TimeCursor().words, TimeCursor("seconds", 2.5).words
            ('at the end', 'after 2.5 s of training')
        """
        if self.at is None:
            return "at the end"
        if self.clock == "step":
            return f"at step {self.at:,.0f}"
        return f"after {self.at:g} s of training"


def run_clock(view: RunView) -> tuple[list[int], list[float]]:
    """The steps and seconds of :func:`genlab.figures.live.clock`, of all of a run's records."""
    records, after = [], 0
    while page := view.read(after=after, limit=PAGE, kinds={"scalars"}):
        records += page
        after = page[-1].seq
    return clock(records)


def nearest(steps: Sequence[int], step: float) -> int:
    """The step of the snapshot nearest to one, the earlier of two.

    Example:
        >>> nearest([0, 10, 20], 14), nearest([0, 10], 5)
        (10, 0)
    """
    return min(steps, key=lambda one: (abs(one - step), one))


def snapshot(view: RunView, moment: TimeCursor) -> tuple[int, float] | None:
    """The step of the run's snapshot nearest to the moment, and its second of training.

    None where it has no snapshot.
    """
    there = view.snapshots()
    if not there:
        return None
    steps, seconds = run_clock(view)
    if moment.at is None:
        found = there[-1]
    elif moment.clock == "step":
        found = nearest(there, moment.at)
    else:
        found = nearest(there, step_at(steps, seconds, moment.at))
    return found, seconds_at(steps, seconds, found)
