"""The jobs of Explore: like :mod:`genlab.ui.jobs`, with the encoder that is in use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import streamlit as st
import torch
from torch import Tensor

from genlab import latent
from genlab.latent.decoding import decode_seconds
from genlab.latent.travel import WAYS
from genlab.ui.jobs import SoFar, wait_for_result

if TYPE_CHECKING:
    from genlab.ui.explore.scene import Scene

#: The session entry that holds the key of the learned encoder in use.
IN_USE = "explore.encoder.in_use"
#: Seconds that a page may decode by itself; what takes longer is a job with progress.
PATIENCE = 0.3


def wait_for_explore_result(
    kind: str, values: Mapping[str, Any], *, what: str, show_partial: SoFar | None = None
) -> Mapping[str, Any] | None:
    """The result of a job on the model that the page shows, with its learned encoder if any.

    Args:
        kind, values, what, show_partial: as for :func:`genlab.ui.jobs.wait_for_result`.
    """
    encoder = st.session_state.get(IN_USE)
    if encoder and kind != "encoder":
        values = {**values, "encoder": encoder}
    return wait_for_result(kind, values, what=what, show_partial=show_partial)


@st.cache_resource(max_entries=64, show_spinner=False)
def _decode_seconds(_model: Any, key: str, label: str | None, n: int) -> float:  # noqa: ARG001
    return decode_seconds(_model, n)


def decodes_at_once(scene: Scene, n: int) -> bool:
    """Whether a page may decode n codes by itself."""
    return _decode_seconds(scene.model, scene.query.key, scene.query.label, n) <= PATIENCE


def plain_code(z: Tensor) -> list[float]:
    """A code as numbers of six digits, which name a job."""
    return [float(f"{v:.6g}") for v in z.tolist()]


def decode_codes(scene: Scene, way: str, values: Mapping[str, Any], what: str) -> Tensor | None:
    """The means of p(x | z) at the codes of a way, (n, *data_shape).

    A decoder that takes long runs as a job: None while it runs, with its progress shown.

    Args:
        scene: the model that decodes.
        way: a row of :data:`genlab.latent.travel.WAYS`.
        values: of the way.
        what: what is decoded (``The walk``).
    """
    codes = WAYS[way](scene.model, values)
    if decodes_at_once(scene, len(codes)):
        return latent.decode_mean(scene.model, codes)
    query = scene.query
    full = {"run": query.run, "step": query.step, "label": query.label, "way": way, **values}
    found = wait_for_result("decode", full, what=what)
    return None if found is None else torch.as_tensor(found["x"])


def decode_code(scene: Scene, z: Tensor) -> Tensor | None:
    """The mean of p(x | z) of one code, (latent,) -> (1, *data_shape); None while a job runs."""
    return decode_codes(scene, "given", {"z": [plain_code(z)]}, "The decoded code")
