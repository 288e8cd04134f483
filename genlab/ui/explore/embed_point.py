"""Your own image or z on the map, placed by the map's method."""

from __future__ import annotations

from typing import Any

import numpy as np
import streamlit as st
from torch import Tensor

from genlab import latent
from genlab.core.escape import escape_markdown
from genlab.latent.codes import code_of
from genlab.latent.projections import PROJECTIONS
from genlab.models.base import HasDecoder
from genlab.ui.explore.jobs import wait_for_explore_result
from genlab.ui.explore.scene import Scene, z_from_url
from genlab.ui.explore.tool_state import TOOL_STATE

#: The session entry of the placed point, and its letter on the map.
SLOT, LETTER = "explore.guest", "P"


def place_button(scene: Scene, x: Tensor, words: str, z: Tensor | None = None) -> None:
    """Draw a button that places an example on the map, or the reason why the method cannot.

    Args:
        scene: the run, step and map.
        x: the example, of the data's shape.
        words: a description of the example.
        z: the code that it was decoded from, if there is one.
    """
    method = PROJECTIONS[scene.query.method]
    pressed = st.button(
        "Show on the map",
        icon=":material/add_location_alt:",
        key=f"explore.place.{'x' if z is None else 'z'}",
        disabled=method.embed is None,
        help=method.alone
        or f"{method.title} places the example on the map. The other points do not move.",
    )
    if method.embed is None:
        st.caption(f"This map cannot place new points: {method.alone}.")
    if z is None:
        st.caption(
            "The link does not store this point, because an image is too large for a URL. It "
            "would store a latent code."
        )
    if pressed:
        st.session_state[SLOT] = {"run": scene.query.run, "x": x, "z": z, "words": words}
        st.rerun()


def write_code(z: Tensor) -> str:
    """A code as text for the URL.

    Example:
        >>> import torch
        >>> write_code(torch.tensor([0.5, -1.23456]))
        '0.5 -1.235'
    """
    return " ".join(f"{float(v):.4g}" for v in z)


def _guest(scene: Scene) -> dict[str, Any] | None:
    """The point placed on the map of this run; a z may come from the URL."""
    guest: dict[str, Any] | None = st.session_state.get(SLOT)
    if guest is None and TOOL_STATE.recall("guest") and isinstance(scene.model, HasDecoder):
        z = z_from_url(int(scene.model.latent), "guest")
        if z is None:
            st.caption("The link names a point that is not a code of this model; it is not shown.")
            return None
        x = latent.decode_mean(scene.model, z[None])[0]
        guest = {"run": scene.query.run, "x": x, "z": z, "words": "the z in the link"}
        st.session_state[SLOT] = guest
    if guest is None or guest["run"] != scene.query.run:
        TOOL_STATE.remember(guest=None)
        return None
    TOOL_STATE.remember(guest=None if guest["z"] is None else write_code(guest["z"]))
    return guest


def _away() -> None:
    st.session_state.pop(SLOT, None)
    TOOL_STATE.remember(guest=None)


def guest_part(scene: Scene) -> dict[str, Any] | None:
    """The placed example for the map; None if there is none."""
    guest = _guest(scene)
    if guest is None:
        return None
    method = PROJECTIONS[scene.query.method]
    if method.embed is None:
        st.caption(f"{LETTER}, {guest['words']}, cannot be placed on this map: {method.alone}.")
        return None
    code = code_of(scene.model, scene.data, guest["x"], guest["z"], scene.query.seed)
    values = {
        "run": scene.query.run,
        "step": scene.query.step,
        "map": scene.job,
        "method": scene.query.method,
        "seed": scene.query.seed,
        "new": [[round(float(v), 6) for v in code]],
    }
    found = wait_for_explore_result("place", values, what="The position on the map")
    if found is None:
        return None
    at = [float(v) for v in np.asarray(found["xy"], dtype=float)[0]]
    where = ", ".join(f"{v:.3g}" for v in at)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(
            escape_markdown(f"{LETTER}: {guest['words']}, placed at ({where}) by {method.title}")
        )
        st.button(
            f"Remove {LETTER}",
            icon=":material/close:",
            key="explore.place.away",
            on_click=_away,
        )
    return {"letter": LETTER, "at": at}
