"""The jobs of Explore: like :mod:`genlab.ui.jobs`, with the encoder that is in use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from genlab.ui.jobs import SoFar, wait_for_result

#: The session entry that holds the key of the learned encoder in use.
IN_USE = "explore.encoder.in_use"


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
