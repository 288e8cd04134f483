"""The map over training time: a slider, play, and how far the points moved."""

from __future__ import annotations

from typing import Any

import numpy as np
import streamlit as st

from genlab import runs
from genlab.data.base import DataMeta
from genlab.figures.latent import by_class, generated_field, positions
from genlab.latent.movie import FRAMES, choose_steps
from genlab.latent.projections import PROJECTIONS
from genlab.models.base import GenerativeModel
from genlab.ui.explore.jobs import wait_for_explore_result
from genlab.ui.explore.scatter import scatter
from genlab.ui.explore.scene import Scene
from genlab.ui.explore.tool_state import TOOL_STATE
from genlab.ui.explore.tools import TOOLS, Tool
from genlab.ui.messages import empty, fragment

#: The largest number of points of an animation: every frame is a separate map.
MOST = 1000


@TOOLS.register("movie", title="Over training time")
class Movie(Tool):
    """Play the map over training: the same examples at every snapshot, with aligned frames."""

    icon = ":material/movie:"
    order = 60

    @classmethod
    def fits(cls, model: type[GenerativeModel], meta: DataMeta) -> bool:
        """Whether the tool applies to this model and these data."""
        return True

    def draw(self, scene: Scene) -> None:
        """Draw the tool for a scene."""
        movie_part(scene)


@fragment()
def movie_part(scene: Scene) -> None:
    """Draw the animation of the map, computed on request."""
    steps = choose_steps(runs.open_run(scene.query.run).snapshots(), FRAMES)
    if len(steps) < 2:
        empty(
            "The run has only one snapshot.",
            "An animation needs at least two; train longer or keep more snapshots.",
        )
        return
    values: dict[str, Any] = scene.query.mapped | {"steps": steps, "step": steps[-1]}
    values["n"] = min(int(values["n"]), MOST)
    method = PROJECTIONS[scene.query.method].title
    asked = f"{scene.query.key}-{len(steps)}-{steps[-1]}"
    if TOOL_STATE.recall("movie") != asked:
        words = f"{method} of {values['n']:,} points at {len(steps)} snapshots."
        st.caption(f"{words} A worker computes it; t-SNE and UMAP take longer.")
        if not st.button("Make the animation", key="explore.movie", icon=":material/movie:"):
            return
        TOOL_STATE.remember(movie=asked)
    result = wait_for_explore_result("movie", values, what="The animation")
    if result is None:
        return
    label, generated = np.asarray(result["label"]), np.asarray(result["index"]) < 0
    quality = np.asarray(result["trustworthiness"])
    moved = np.asarray(result["drift"])
    caption = (
        f"{method} of the same {len(label):,} points at {len(steps)} snapshots; each frame is "
        f"aligned with the previous one by Procrustes, so points move only if the model changes · "
        f"trustworthiness {quality.min():.3f} to {quality.max():.3f} · root mean square "
        f"displacement {moved[0]:.3g} in the first frame, {moved[-1]:.3g} in the last"
    )
    scatter(
        {
            "id": asked,
            **positions(list(np.asarray(result["xy"]))),
            **by_class(label, scene.data.meta.classes, generated),
            **generated_field(generated),
            "words": caption,
            "steps": [int(s) for s in result["steps"]],
        },
        key="explore.film",
    )
    st.caption(caption)
