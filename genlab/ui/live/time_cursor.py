"""The moment that the time slider shows, as the URL says it."""

from __future__ import annotations

import streamlit as st

from genlab.report.time_cursor import CLOCKS, Moment


def from_url() -> Moment:
    """The moment that the URL names; the newest where it names none that can be."""
    clock = st.query_params.get("clock", "step")
    clock = clock if clock in CLOCKS else "step"
    text = st.query_params.get("step" if clock == "step" else "second", "")
    if clock == "step":
        return Moment(clock, int(text[:12]) if text.isdecimal() else None)
    try:
        second = float(text[:12])
    except ValueError:
        return Moment(clock)
    return Moment(clock, second if 0.0 <= second < 1e9 else None)


def in_url(moment: Moment) -> dict[str, str | None]:
    """What the URL says of a moment; None for what it leaves out."""
    if moment.clock == "step":
        return {"step": None if moment.at is None else str(int(moment.at))}
    return {"clock": moment.clock, "second": None if moment.at is None else f"{moment.at:g}"}
