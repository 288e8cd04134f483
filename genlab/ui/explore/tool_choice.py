"""The choice of a tool of Explore, and the chosen tool below it."""

from __future__ import annotations

import streamlit as st

from genlab.core.escape import escape_markdown
from genlab.ui.explore.encoder import with_learned_encoder
from genlab.ui.explore.scene import Scene
from genlab.ui.explore.tool_state import TOOL_STATE
from genlab.ui.explore.tools import TOOLS
from genlab.ui.kept_choice import keep_choice
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
    wanted = st.session_state.pop("explore.next_tool", None)
    if wanted in titles:
        st.session_state[key] = wanted
    if st.session_state.get(key) not in titles:
        asked, why = EXPLORE.value("tool", choices=tuple(titles), default=next(iter(titles)))
        if why is not None and (name := EXPLORE.parameters()["tool"]):
            words = f"The tool {name!r} is not offered for this model."
            st.caption(escape_markdown(words))
        st.session_state[key] = moved_tool(asked, tuple(titles))
    kept = keep_choice(key, tuple(titles), next(iter(titles)))
    st.header("Tools", anchor=False)
    chosen = st.segmented_control(
        "Tool",
        list(titles),
        default=kept,
        key=key,
        format_func=titles.__getitem__,
        required=True,
        label_visibility="collapsed",
    )
    if not EXPLORE.has_problem():
        EXPLORE.write_one("tool", str(chosen))
    st.caption(TOOLS.row(str(chosen)).summary)
    TOOLS[str(chosen)]().draw(scene)


def moved_tool(asked: str, offered: tuple[str, ...]) -> str:
    """The present name of a tool in an older link, because two tools were split."""
    part = {
        "picture": TOOL_STATE.recall("picture"),
        "travel": {"ab": "interpolation"}.get(TOOL_STATE.recall("way"), ""),
    }.get(asked, "")
    if part in offered and part != asked:
        TOOL_STATE.remember(**{"picture" if asked == "picture" else "way": None})
        return part
    return asked
