"""A canvas to draw an image on; the image is sent when the pen is lifted."""

from __future__ import annotations

import streamlit as st

from genlab.data.base import DataMeta
from genlab.ui.component import component

#: Hidden until the script is there: nothing that is drawn before is lost.
HTML = """<div class="gl-draw" hidden>
<canvas tabindex="0" role="img" aria-label="Canvas: draw with the pointer, or move with the arrow
 keys and put the pen down or up with the space bar"></canvas>
<div class="row">
<label>Pen <input type="range" min="1" max="6" step="0.5" value="2" aria-label="Width of the pen">
</label>
<label>Colour <input type="color" aria-label="Colour of the pen"></label>
<button type="button">Undo</button><button type="button">Clear</button>
</div></div>"""
#: The canvas has about so many pixels a side, a whole number for each of the model's.
SIDE = 280


def canvas(meta: DataMeta, ground: float, *, key: str) -> str | None:
    """Draw the canvas on which a person draws, with the background of the data.

    Args:
        meta: of the data, which are pictures.
        ground: 0 for dark to 1 for light.
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
