"""Vectors saved by name with a run: a form to save one, and a list to delete one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import ArrayLike

from genlab import runs
from genlab.core.errors import GenlabError
from genlab.core.escape import escape_markdown
from genlab.latent.directions import unit
from genlab.latent.exports import vector_columns
from genlab.runs import saved_vectors as kept
from genlab.runs.access import may
from genlab.ui.explore.table_downloads import table_downloads
from genlab.ui.messages import plain_sentence


@dataclass(frozen=True)
class Offer:
    """A vector that can be saved.

    Args:
        words: a description (``its mean``).
        vector: (latent,); the length of a direction is ignored.
        n: number of points that it was computed from.
        note: how it was computed.
    """

    words: str
    vector: ArrayLike
    n: int
    note: str


def list_bookmarks(run: str) -> list[dict[str, Any]]:
    """The vectors saved with a run, ``{name, kind, vector, n, note}``."""
    return kept.list_saved_vectors(runs.files(), run)


def save_form(run: str, offers: Mapping[str, Offer], key: str) -> None:
    """Draw the form that saves a vector under a name.

    Args:
        run: id of the run with which the vector is saved.
        offers: the vectors by kind, see :data:`genlab.runs.saved_vectors.KINDS`.
        key: key of the button; the keys of the fields end in ``.name`` and ``.kind``.
    """
    (first, only), more = next(iter(offers.items())), len(offers) > 1
    with (
        st.form(f"{key}.form", border=False),
        st.container(horizontal=True, vertical_alignment="bottom"),
    ):
        label = "Name" if more else f"Name for {only.words} as a {first}"
        name = st.text_input(label, key=f"{key}.name", max_chars=40)
        kind = first
        if more:
            kind = st.radio(
                "Save",
                list(offers),
                horizontal=True,
                key=f"{key}.kind",
                format_func=lambda kind: offers[kind].words,
            )
        pressed = st.form_submit_button("Save", key=key, icon=":material/save:")
    if not pressed:
        return
    if not name.strip():
        st.error("Type a name to save it.", icon=":material/error:")
        return
    one = offers[kind]
    try:
        vector = unit(one.vector) if kind == "direction" else np.asarray(one.vector, dtype=float)
        numbers = [round(float(v), 8) for v in vector]
        row = {"name": name, "kind": kind, "vector": numbers, "n": one.n, "note": one.note}
        kept.save(runs.files(), run, row)
    except GenlabError as error:
        st.error(plain_sentence(error), icon=":material/error:")
        return
    st.toast(f"Saved {escape_markdown(name)}.")
    st.rerun()


def forget_form(run: str, key: str) -> None:
    """Draw the list of vectors saved with a run, with buttons that delete them."""
    rows = {
        row["name"]: row
        for row in list_bookmarks(run)
        if may("change_vector", row.get("owner", ""))
    }
    if not rows:
        return
    with st.expander(f"Saved with this run: {len(rows)}"):
        columns = vector_columns(list(rows.values()))
        with st.container(horizontal=True):
            table_downloads(columns, f"vectors-{run.replace(':', '-')}", f"{key}.save_all")
        name = st.selectbox(
            "Name",
            list(rows),
            key=f"{key}.kept",
            format_func=lambda name: f"{name} ({rows[name]['kind']}, n = {rows[name]['n']:,})",
        )
        if st.button("Delete it", key=f"{key}.forget", icon=":material/delete:"):
            kept.remove(runs.files(), run, str(name))
            st.rerun()
