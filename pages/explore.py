"""Explore: a map of the latent space, points and paths on it, and codes z of your own."""

from __future__ import annotations

import streamlit as st

from genlab.core.tables import MODELS
from genlab.ui import explore
from genlab.ui.messages import empty
from genlab.ui.page_states import EXPLORE

st.title("Explore")
view = explore.pick_run()
if view is None:
    empty(
        "There is no run to explore yet.",
        "Start a run on Start or Train and return after a few seconds.",
    )
elif not (steps := view.snapshots()):
    EXPLORE.write(run=view.id)
    empty(
        "This run has no snapshot yet.",
        "The first training step saves one. Reload the page after it.",
    )
else:
    query = explore.controls(view, steps, MODELS[view.spec.model])
    scene = explore.load_scene(view, query)
    if scene is not None:
        explore.map_part(scene)
        explore.tools_part(scene)
