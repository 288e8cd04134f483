"""The tools of Explore: one file and one row each; a model's capabilities decide which appear."""

from __future__ import annotations

import abc
from typing import ClassVar

import streamlit as st

from genlab.core.options import Options
from genlab.core.registry import Registry
from genlab.data.base import DataMeta
from genlab.models.base import GenerativeModel
from genlab.ui.explore.encoder import with_learned_encoder
from genlab.ui.explore.scene import Scene
from genlab.ui.page_states import EXPLORE


class Tool(abc.ABC):
    """A tool for the latent space, drawn below the map."""

    name: ClassVar[str]
    icon: ClassVar[str] = ""
    #: What the tool keeps in the URL besides :class:`genlab.ui.page_states.ToolState`.
    State: ClassVar[type[Options]] = Options
    #: Tools stand in this order.
    order: ClassVar[int] = 50

    @classmethod
    @abc.abstractmethod
    def fits(cls, model: type[GenerativeModel], meta: DataMeta) -> bool:
        """Whether a model with these capabilities, of such data, offers the tool."""

    @abc.abstractmethod
    def draw(self, scene: Scene) -> None:
        """Draw the tool; a part that reruns by itself is a fragment."""


TOOLS: Registry[type[Tool]] = Registry("tool", "genlab.ui.explore")


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
