"""Draw a distribution: a drawing, an example or a picture becomes a dataset to train on."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
import streamlit as st

from genlab.core.errors import DataError
from genlab.core.escape import escape_markdown
from genlab.data import drawings
from genlab.ui.component import component
from genlab.ui.messages import fragment, plain_sentence

KEY = "density."
PLANE, LINE = "In the plane", "On the line"
OWN = "an empty canvas"
DIMS = {LINE: 1, PLANE: 2}


def _empty(dim: int) -> str:
    return base64.b64encode(bytes(drawings.CELLS**dim)).decode()


def _start(dim: int, weights: str) -> None:
    """Replace the content of the canvas; Undo brings the old content back."""
    slot = f"{KEY}start.{dim}"
    round_ = int(st.session_state.get(slot, (0, ""))[0]) + 1
    st.session_state[slot] = round_, weights


def _started(dim: int) -> tuple[int, str]:
    found: tuple[int, str] = st.session_state.setdefault(f"{KEY}start.{dim}", (0, _empty(dim)))
    return found


def _flat(dim: int, weights: str) -> dict[str, Any]:
    return {"format": drawings.FORMAT, "dim": dim, "cells": drawings.CELLS, "weights": weights}


def _example(dim: int) -> None:
    """Put the chosen example on the canvas."""
    name = st.session_state[f"{KEY}example.{dim}"]
    weights = _empty(dim) if name == OWN else drawings.example(name).flat()["weights"]
    _start(dim, str(weights))


def _use(made: drawings.Drawing, option_key: str) -> None:
    """Store the drawing and choose it for the dataset."""
    try:
        st.session_state[option_key] = drawings.store(made)
        st.session_state[f"{KEY}used"] = made.id
        st.session_state[f"{KEY}new"] = True
    except DataError as error:
        st.session_state[f"{KEY}wrong"] = plain_sentence(error)


@fragment()
def draw_density(option_key: str) -> None:
    """Draw the canvas with its examples and the picture to start from.

    Args:
        option_key: key of the widget of the option ``drawing``, which gets the stored drawing.
    """
    if st.session_state.pop(f"{KEY}new", False):
        st.rerun()
    if wrong := st.session_state.pop(f"{KEY}wrong", None):
        st.error(escape_markdown(wrong), icon=":material/error:")
    where = st.segmented_control(
        "Space", list(DIMS), default=PLANE, key=f"{KEY}space", required=True
    )
    dim = DIMS[str(where)]
    fitting = [OWN, *(n for n in drawings.EXAMPLES if drawings.example(n).dim == dim)]
    st.selectbox("Start from", fitting, key=f"{KEY}example.{dim}", on_change=_example, args=(dim,))
    if dim == 2:
        _picture()
    round_, weights = _started(dim)
    mounted = component("density/density", "The canvas")(
        key=f"{KEY}canvas.{dim}",
        data={
            "dim": dim,
            "cells": drawings.CELLS,
            "half": drawings.HALF,
            "weights": weights,
            "round": round_,
        },
        default={"drawn": None},
        on_drawn_change=lambda: None,
    )
    made = _made(dim, mounted.drawn, round_, weights)
    st.caption(
        f"The canvas is the box from {-drawings.HALF:g} to {drawings.HALF:g}. The density is "
        "constant within each cell, so its samples, its log-density and its entropy are exact."
    )
    st.button(
        "Use this distribution",
        icon=":material/check:",
        key=f"{KEY}use",
        type="primary",
        disabled=made is None,
        help="Draw something first." if made is None else None,
        on_click=_use,
        args=(made, option_key),
    )
    if made is not None and st.session_state.get(f"{KEY}used") == made.id:
        entropy = made.density.entropy
        st.success(
            f"Stored as `{made.id}`: {drawings.share(made)}; entropy {entropy:.4g} nats (exact).",
            icon=":material/check:",
        )


def _picture() -> None:
    """Draw the upload of a picture; its dark or light pixels become probability mass."""
    file = st.file_uploader(
        "Or a picture's ink as the density",
        type=["png", "jpg", "jpeg"],
        key=f"{KEY}file",
        max_upload_size=10,
        help="A PNG or JPEG. Dark pixels on a light background become probability mass, and "
        "light pixels on a dark background do.",
    )
    if file is None or st.session_state.get(f"{KEY}file.seen") == file.file_id:
        return
    st.session_state[f"{KEY}file.seen"] = file.file_id
    try:
        _start(2, str(drawings.from_image(file.getvalue()).flat()["weights"]))
    except DataError as error:
        st.error(escape_markdown(plain_sentence(error)), icon=":material/error:")


def _made(dim: int, drawn: Any, round_: int, weights: str) -> drawings.Drawing | None:
    """The drawing on the canvas: the last one, or the one it started from; None if it is empty."""
    if isinstance(drawn, dict) and drawn.get("round") == round_:
        weights = str(drawn.get("weights"))
    try:
        found = drawings.from_flat(_flat(dim, weights))
    except DataError:
        return None
    return drawings.drawing(found.weights.astype(np.float64))
