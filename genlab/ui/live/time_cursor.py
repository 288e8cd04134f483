"""The moment that the time slider of Compare shows, as the URL holds it."""

from __future__ import annotations

from typing import Any

from genlab.report.time_cursor import TimeCursor
from genlab.ui.page_states import COMPARE


def cursor_from_url() -> TimeCursor:
    """The moment that the URL names; the newest where it names none or an impossible one."""
    state = COMPARE.read()
    return TimeCursor(state.clock, state.step if state.clock == "step" else state.second)


def cursor_parameters(moment: TimeCursor) -> dict[str, Any]:
    """The values that the URL holds for a moment; None for what it leaves out."""
    if moment.clock == "step":
        return {"step": None if moment.at is None else int(moment.at)}
    return {"clock": moment.clock, "second": None if moment.at is None else f"{moment.at:g}"}
