"""Presentation: ``?present`` shows a page in large type, without navigation and header."""

from __future__ import annotations

import streamlit as st

#: The parameter of the URL; it stays when a page writes other parameters.
PARAMETER = "present"
#: Text of 16 px is drawn with 24 px, and nothing surrounds it.
STYLE = """<style>
html { font-size: 24px; }
[data-testid="stHeader"], [data-testid="stToolbar"] { display: none; }
.stMainBlockContainer { padding: 0.75rem 1.25rem 1rem; max-width: none; }
</style>"""


def presenting() -> bool:
    """Whether the URL requests a presentation."""
    return PARAMETER in st.query_params


def present_button(key: str) -> None:
    """Draw the button that starts a presentation of the page in its present state."""
    text = (
        "One panel at a time, in large type and without buttons. Page down and Page up, which a "
        "clicker sends, change the panel; the arrow keys move the slider; Esc ends it."
    )
    if st.button("Present", icon=":material/slideshow:", key=key, help=text):
        st.query_params[PARAMETER] = "1"
        st.rerun()
