"""Links to a run: one for viewers, and one that passes the run to another browser."""

from __future__ import annotations

import streamlit as st

from genlab import runs
from genlab.core.errors import GenlabError
from genlab.runs.items import OFFER_AGE
from genlab.runs.store import RunRow
from genlab.ui.messages import plain_sentence


def address(path: str) -> str:
    """The full address of a path on this server, as the visitor's browser reaches it."""
    here = str(st.context.url or "")
    scheme, _, rest = here.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}{path}" if rest else path


def share(row: RunRow) -> None:
    """Draw the links that the owner of a run can pass on."""
    with st.popover("Share", icon=":material/share:"):
        st.markdown("**For viewers**: they can watch, explore, compare and fork the run.")
        st.code(address(f"/watch?run={row.id}"), language=None, wrap_lines=True)
        st.markdown(
            "**For another browser of yours**: that browser then owns the run, and this one no "
            "longer does."
        )
        if not st.button("Make a claim link", key=f"share.{row.id}", icon=":material/key:"):
            return
        try:
            token = runs.offer("run", row.id)
        except GenlabError as error:
            st.error(plain_sentence(error), icon=":material/error:")
            return
        st.code(address(f"/claim/{token}"), language=None, wrap_lines=True)
        st.caption(f"It works once, within {OFFER_AGE / 60:.0f} minutes.")
