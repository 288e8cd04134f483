"""A canvas for drawing an image; the image is sent when the pen is lifted."""

from __future__ import annotations

import streamlit as st

from genlab.data.base import DataMeta
from genlab.ui.component import component

#: Hidden until the script has loaded, so that no stroke is lost.
HTML = """<div class="gl-draw" hidden>
<canvas tabindex="0" role="img" aria-label="Canvas: draw with the pointer, or move with the arrow
 keys and put the pen down or up with the space bar"></canvas>
<div class="row">
<label>Pen <input type="range" min="1" max="6" step="0.5" value="2" aria-label="Width of the pen">
</label>
<label>Colour <input type="color" aria-label="Colour of the pen"></label>
<button type="button">Undo</button><button type="button">Clear</button>
</div></div>"""
#: Approximate side of the canvas in pixels; each image pixel covers a whole number of them.
SIDE = 280


def canvas(meta: DataMeta, ground: float, *, key: str) -> str | None:
    """Draw the drawing canvas with the background of the data.

    Args:
        meta: description of the image data.
        ground: background, from 0 (dark) to 1 (light).
        key: of the component.

    Returns:
        The drawing as a ``data:`` address, None where nothing is drawn.
    """
    pixels = max(meta.shape[1:])
    light = ground > 0.5
    mounted = component("explore/draw", "The canvas", HTML)(
        key=key,
        data={
            "pixels": pixels,
            "side": pixels * max(1, round(SIDE / pixels)),
            "ground": "#ffffff" if light else "#000000",
            "ink": "#000000" if light else "#ffffff",
            "colours": meta.shape[0] == 3,
            "drawing": (st.session_state.get(key) or {}).get("drawing"),
        },
        default={"drawing": None},
        on_drawing_change=lambda: None,
    )
    return None if mounted.drawing is None else str(mounted.drawing)
