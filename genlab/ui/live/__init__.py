"""The live view: a dashboard in the browser that polls the routes without a rerun of the page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st

from genlab.core.views import SECTIONS
from genlab.panels import PANELS
from genlab.probes.views import panel_views
from genlab.report.time_cursor import TimeCursor
from genlab.runs.store import RunRow
from genlab.ui.component import component
from genlab.ui.presenting import presenting


def live(
    rows: Sequence[RunRow],
    *,
    step: int | None = None,
    key: str = "live",
    play: Callable[[], None] | None = None,
    view: Mapping[str, str] | None = None,
    bar: str = "",
) -> tuple[int | None, dict[str, str]]:
    """Draw the dashboard of one run.

    Args:
        rows: the runs. The browser stops polling when a run has ended; a later call with another
            status or attempt starts it again. If the browser sees such a change first, the whole
            page reruns. There is no timed rerun.
        step: the first step of the time slider, None for the newest.
        key: of the component.
        play: called when the space bar requests a pause or a resume.
        view: the first settings of charts and maps, as text from a link.
        bar: key of the container made by :func:`time_bar`; empty if the bar is above the pictures.

    Returns:
        The step at which the time slider was released, None while it follows the newest; and the
        present settings of charts and maps.
    """
    mounted = _mounted(rows, TimeCursor(at=step), key=key, play=play, view=view, bar=bar)
    return None if mounted.step is None else round(float(mounted.step)), dict(mounted.view or {})


def time_bar(key: str) -> None:
    """Make the container for the bar of a live view: its run, its progress and the time slider.

    The page can thus have its buttons after the slider, both visually and in the Tab order.

    Args:
        key: the argument ``bar`` of the live view.
    """
    mount = component("live/bar", "The time slider", style="live/live")
    mount(key=f"bar.{key}", data={"key": key})


def overlay_runs(
    rows: Sequence[RunRow],
    moment: TimeCursor,
    *,
    key: str,
    play: Callable[[], None] | None = None,
    bar: str = "",
) -> TimeCursor:
    """Draw the dashboard of several runs laid over each other, by steps or by seconds.

    Args:
        rows, key, play, bar: as for :func:`live`.
        moment: the first position of the slider.

    Returns:
        The position at which the slider was released.
    """
    mounted = _mounted(rows, moment, key=key, play=play, bar=bar)
    clock = "seconds" if mounted.clock == "seconds" else "step"
    if mounted.step is None:
        return TimeCursor(clock)
    return TimeCursor(clock, round(float(mounted.step), 1 if clock == "seconds" else 0))


def _mounted(
    rows: Sequence[RunRow],
    moment: TimeCursor,
    *,
    key: str,
    play: Callable[[], None] | None = None,
    view: Mapping[str, str] | None = None,
    bar: str = "",
) -> Any:
    about = [
        {"id": row.id, "title": row.title or row.id, "wake": f"{row.status} {row.attempt}"}
        for row in rows
    ]
    first = dict(view or {})
    mounted = component("live/live", "The live view")(
        key=key,
        data={
            "runs": about,
            "step": moment.at,
            "clock": moment.clock,
            "play": play is not None,
            "sections": SECTIONS,
            "panels": {name: one.flat() for name, one in panel_views().items()},
            "wide": [name for name in PANELS if PANELS[name].wide],
            "view": first,
            "bar": bar,
            "present": presenting(),
        },
        default={"step": moment.at, "clock": moment.clock, "view": first},
        on_step_change=lambda: None,
        on_clock_change=lambda: None,
        on_view_change=lambda: None,
        on_changed_change=lambda: None,
        on_play_change=play or (lambda: None),
    )
    if mounted.changed:
        st.rerun()
    return mounted
