"""The choice of a widget that the program sets: shown even where the browser missed it."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st
from streamlit.runtime.state import get_session_state


def keep_choice(key: str, offered: Sequence[str], first: str) -> str | None:
    """Make the choice of a widget one that is offered.

    Streamlit sends a value that the program sets once. A browser whose first run of the script was
    cut short never gets it and shows the widget's default instead, while the program goes on with
    the value. So that the two agree, the default is the value from the next run on.

    Args:
        key: of the widget, whose choice stays where it is offered.
        offered: the names to choose from.
        first: the choice where there is none; the first of the offered where it is not offered.

    Returns:
        The default for the widget; None where Streamlit forbids one, because the value is new.
    """
    if st.session_state.get(key) not in offered:
        st.session_state[key] = first if first in offered else offered[0]
    if get_session_state().is_new_state_value(key):
        return None
    return str(st.session_state[key])


def keep_index(key: str, offered: Sequence[str], first: str) -> int:
    """The same for a widget whose default is an index."""
    kept = keep_choice(key, offered, first)
    return 0 if kept is None else list(offered).index(kept)
