"""The choice of a tool of Explore, and the chosen tool below it."""

from __future__ import annotations

import streamlit as st

from genlab.ui.explore.encoder import with_learned_encoder
from genlab.ui.explore.scene import Scene
from genlab.ui.explore.tools import TOOLS
from genlab.ui.page_states import EXPLORE


def tools_part(scene: Scene) -> None:
    """Draw the choice of a tool, which the URL stores, and the tool."""
    scene = with_learned_encoder(scene)
    fitting = [row for row in TOOLS.rows() if row.value.fits(type(scene.model), scene.data.meta)]
    if not fitting:
        return
    fitting.sort(key=lambda row: row.value.order)
    titles = {row.name: f"{row.value.icon} {row.title}".strip() for row in fitting}
    key = "explore.tool"
    if st.session_state.get(key) not in titles:
        asked, why = EXPLORE.value("tool", choices=tuple(titles), default=next(iter(titles)))
        if why is not None and (name := EXPLORE.parameters()["tool"]):
            st.caption(f"The tool {name!r} is not offered for this model.")
        st.session_state[key] = asked
    chosen = st.segmented_control(
        "Tool",
        list(titles),
        key=key,
        format_func=titles.__getitem__,
        required=True,
        label_visibility="collapsed",
    )
    if not EXPLORE.has_problem():
        EXPLORE.write_one("tool", str(chosen))
    TOOLS[str(chosen)]().draw(scene)
