"""The snapshots that belong to where the time slider stands."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from genlab import runs
from genlab.figures.live import seconds_at, step_at
from genlab.runs.store import RunRow
from genlab.ui.live import Moment
from genlab.ui.routes import run_clock

CLOCKS = ("step", "seconds")


def from_url() -> Moment:
    """The moment that the URL names; the newest where it names none that can be."""
    clock = st.query_params.get("clock", "step")
    clock = clock if clock in CLOCKS else "step"
    text = st.query_params.get("step" if clock == "step" else "second", "")
    if clock == "step":
        return Moment(clock, int(text[:12]) if text.isdigit() else None)
    try:
        second = float(text[:12])
    except ValueError:
        return Moment(clock)
    return Moment(clock, second if 0.0 <= second < 1e9 else None)


def in_url(moment: Moment) -> dict[str, str | None]:
    """What the URL says of a moment; None for what it leaves out."""
    at = None if moment.at is None else f"{moment.at:g}"
    if moment.clock == "step":
        at = None if moment.at is None else str(int(moment.at))
        return {"step": at}
    return {"clock": moment.clock, "second": at}


def nearest(steps: Sequence[int], step: float) -> int:
    """The step of the snapshot nearest to one, the earlier of two.

    Example:
        >>> nearest([0, 10, 20], 14), nearest([0, 10], 5)
        (10, 0)
    """
    return min(steps, key=lambda one: (abs(one - step), one))


def snapshot(row: RunRow, moment: Moment) -> tuple[int, float] | None:
    """The step of the run's snapshot nearest to the moment, and its second of training.

    None where it has no snapshot.
    """
    view = runs.open_run(row.id)
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
