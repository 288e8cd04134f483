"""The live view: a dashboard in the browser that polls the routes, so that no script reruns."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from genlab.report.time_cursor import TimeCursor
from genlab.runs.store import RunRow
from genlab.ui.component import component


def live(
    rows: Sequence[RunRow],
    *,
    step: int | None = None,
    key: str = "live",
    play: Callable[[], None] | None = None,
) -> int | None:
    """Draw the dashboard of one run.

    Args:
        rows: the runs. The browser stops asking when a run has ended; a change of the status or
            of the attempt in a later call makes it look again. When it is the browser that sees
            such a change first, the whole page reruns: nothing here reruns by the clock.
        step: what the time slider shows at first, None for the newest.
        key: of the component.
        play: called when the space bar asks for pause or for going on.

    Returns:
        The step at which the time slider was let go, None while it follows the newest.
    """
    found = overlay_runs(rows, TimeCursor(at=step), key=key, play=play)
    return None if found.at is None else int(found.at)


def overlay_runs(
    rows: Sequence[RunRow],
    moment: TimeCursor,
    *,
    key: str,
    play: Callable[[], None] | None = None,
) -> TimeCursor:
    """Draw the dashboard of several runs laid over each other, by steps or by seconds.

    Args:
        rows, key, play: as for :func:`live`.
        moment: where the slider stands at first.

    Returns:
        Where it was let go.
    """
    about = [
        {"id": row.id, "title": row.title or row.id, "wake": f"{row.status} {row.attempt}"}
        for row in rows
    ]
    mounted = component("live/live", "The live view")(
        key=key,
        data={"runs": about, "step": moment.at, "clock": moment.clock, "play": play is not None},
        default={"step": moment.at, "clock": moment.clock},
        on_step_change=lambda: None,
        on_clock_change=lambda: None,
        on_changed_change=lambda: None,
        on_play_change=play or (lambda: None),
    )
    if mounted.changed:
        st.rerun()
    clock = "seconds" if mounted.clock == "seconds" else "step"
    if mounted.step is None:
        return TimeCursor(clock)
    return TimeCursor(clock, round(float(mounted.step), 1 if clock == "seconds" else 0))
