"""The position of the time slider of Compare in the URL."""

from __future__ import annotations

from typing import Any

from genlab.report.time_cursor import TimeCursor
from genlab.ui.page_states import COMPARE


def cursor_from_url() -> TimeCursor:
    """The position of the slider in the URL; the newest if the URL has no valid position."""
    state = COMPARE.read()
    return TimeCursor(state.clock, state.step if state.clock == "step" else state.second)


def cursor_parameters(moment: TimeCursor) -> dict[str, Any]:
    """The URL's values for a position of the slider; None for a value that is left out."""
    if moment.clock == "step":
        return {"step": None if moment.at is None else int(moment.at)}
    return {"clock": moment.clock, "second": None if moment.at is None else f"{moment.at:g}"}
