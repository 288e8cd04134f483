"""The selection on the map: points A and B, and the chosen set; the URL stores both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from genlab.latent import sets
from genlab.ui.explore.scene import Scene, write_query
from genlab.ui.explore.tool_state import TOOL_STATE
from genlab.ui.page_states import EXPLORE


def pick_points(scene: Scene, clicks: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """The points A and B: from the URL, from the last two clicks, or typed.

    A click creates the fields again under new keys. Otherwise a busy browser could send, with the
    second click, the value of a field from before the first.

    Args:
        scene: the run, step and map.
        clicks: the last few clicks with increasing numbers; new ones are processed.
    """
    memory, size, key = st.session_state, len(scene.codes), scene.query.key
    if memory.get("explore.map") != key:
        first_visit = "explore.map" not in memory
        memory["explore.map"] = key
        for letter in "ab":
            given = EXPLORE.value(letter)[0] if first_visit else None
            memory[f"explore.{letter}"] = None if given is None or given >= size else given
        if not first_visit:
            TOOL_STATE.remember(set=None)
        _new_fields()
    for letter in "ab":
        if (field := _field(letter)) in memory:
            memory[f"explore.{letter}"] = memory[field]
    handled = memory.setdefault("explore.clicks", {})
    for click in clicks:
        if click["n"] > handled.get(key, 0):
            handled[key] = click["n"]
            row = click.get("row")
            if row is not None and 0 <= row < size:
                _take(int(row))
    for letter, column in zip("ab", st.columns(2), strict=True):
        if (field := _field(letter)) not in memory:
            memory[field] = memory[f"explore.{letter}"]
        column.number_input(
            f"Point {letter.upper()}",
            0,
            size - 1,
            None,
            key=field,
            placeholder="not set",
        )
    if not EXPLORE.has_problem():
        write_query(scene.query)
    found = {letter.upper(): memory[f"explore.{letter}"] for letter in "ab"}
    return {letter: int(r) for letter, r in found.items() if r is not None}


def _field(letter: str) -> str:
    return f"explore.point.{letter}.{st.session_state.get('explore.fields', 0)}"


def _new_fields() -> None:
    st.session_state["explore.fields"] = st.session_state.get("explore.fields", 0) + 1


def _take(row: int) -> None:
    """The first click sets A, the second B; a further click moves B to A and sets B."""
    memory = st.session_state
    if memory["explore.a"] is None:
        memory["explore.a"] = row
    else:
        if memory["explore.b"] is not None:
            memory["explore.a"] = memory["explore.b"]
        memory["explore.b"] = row
    _new_fields()


def chosen_set(scene: Scene, rows: Sequence[int] | None) -> list[int]:
    """The chosen set: the last lasso or box, else the set in the URL.

    Args:
        scene: the run, step and map.
        rows: of the last lasso or box; None before the first.
    """
    size = len(scene.codes)
    if rows is None:
        text = TOOL_STATE.recall("set")
        found = sets.read(text, size)
        if found is None:
            st.caption("The set in the link does not belong to this map and is not shown.")
        return found or []
    chosen = [row for row in rows if 0 <= row < size]
    encoded = sets.encode_set(chosen, size)
    TOOL_STATE.remember(set=encoded or None)
    if encoded is None:
        st.caption("This set is too large for a link. Save it below.")
    return chosen
