"""The groups of models on the form, each with a small picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from genlab.core.tables import MODELS
from genlab.models.groups import GROUPS, by_group, group_of
from genlab.panels.colours import ROLES, faded

#: Width of a group in pixels: two stand beside each other on a phone.
WIDTH = 140
# An image has no part in the styles of its page: it follows the page's mode by itself.
CSS = """
svg { color: #1A1A1A; font-family: sans-serif; }
.box { fill: none; stroke: currentColor; stroke-width: 1.6; }
.way { fill: none; stroke: currentColor; stroke-width: 1.2; opacity: 0.7; }
.dot { fill: currentColor; }
text { fill: currentColor; font-size: 11px; text-anchor: middle; }
@media (prefers-color-scheme: dark) { svg { color: #E8EAED; } }
"""
# The background of the chosen group: the colour of the first model, faint.
LIGHT, DARK = faded(ROLES["modelA"].light, 0.2), faded(ROLES["modelA"].dark, 0.33)
CHOSEN = (
    f".box {{ fill: {LIGHT}; }} @media (prefers-color-scheme: dark) {{ .box {{ fill: {DARK}; }} }}"
)


def draw_picture(name: str, chosen: bool) -> None:
    """Draw the picture of a group; the chosen group's boxes are filled."""
    group = next(one for one in GROUPS if one.name == name)
    style = f"<style>{CSS}{CHOSEN if chosen else ''}</style>"
    root = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 120 60" width="120" height="60">'
    st.image(f"{root}{style}{group.picture}</svg>", width="stretch", alt="")


def _choose(key: str, model: str) -> None:
    st.session_state[key] = model


def choose_group(
    able: Sequence[str], key: str, wanted: str | None = None, container: Any = st
) -> list[str]:
    """Draw the groups of compatible models; return the models of the chosen group.

    Args:
        able: the compatible models.
        key: of the widget that holds the chosen model.
        wanted: the model that is chosen at first.
        container: where to draw.
    """
    groups = by_group((name, MODELS[name]) for name in able)
    model = str(st.session_state.get(key, wanted))
    if model not in able:
        model = str(wanted) if wanted in able else able[0]
    chosen = group_of(MODELS[model])
    with container.container(horizontal=True, gap="small", key="model_groups"):
        for name, names in groups.items():
            group = next(one for one in GROUPS if one.name == name)
            with st.container(width=WIDTH, gap=None):
                draw_picture(name, group is chosen)
                st.button(
                    group.title,
                    key=f"group.{name}",
                    help=group.text,
                    width="stretch",
                    icon=":material/check:" if group is chosen else None,
                    on_click=_choose,
                    args=(key, names[0]),
                )
    container.caption(chosen.text)
    return groups[chosen.name]
