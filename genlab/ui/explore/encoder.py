"""The encoder trained afterwards for a model without one; all tools use it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import streamlit as st

from genlab import runs
from genlab.latent import encoder as learned
from genlab.latent.codes import codes_of
from genlab.runs.store import job_key
from genlab.ui.explore.jobs import IN_USE
from genlab.ui.explore.scene import Scene
from genlab.ui.explore.tool_state import TOOL_STATE

STEPS = 1000


def encoder_request(scene: Scene) -> dict[str, Any]:
    """The values of the job that trains an encoder for a scene."""
    return {
        "run": scene.query.run,
        "step": scene.query.step,
        "seed": scene.query.seed,
        "steps": STEPS,
    }


def learned_encoder_key(scene: Scene) -> str | None:
    """The key of the job that trained the encoder; None if it is switched off or unfinished."""
    if TOOL_STATE.recall("encoder") != "1" or not learned.fits(type(scene.model)):
        return None
    key = job_key("encoder", encoder_request(scene))
    job = runs.job(key)
    return key if job is not None and job.status == "done" else None


@st.cache_resource(max_entries=8, show_spinner=False)
def _equipped(_scene: Scene, key: str, *_of: Any) -> tuple[Any, Any]:
    encoder = learned.load_learned_encoder(runs.job_result(key), _scene.model)
    model = learned.with_encoder(_scene.model, encoder)
    query = _scene.query
    return model, codes_of(model, _scene.data, query.what, query.n, query.seed)  # type: ignore[arg-type]


def with_learned_encoder(scene: Scene) -> Scene:
    """The scene with the trained encoder in its model, and the codes of the same points.

    The scene is unchanged if there is no such encoder or the model has its own.
    """
    key = learned_encoder_key(scene)
    # A tool's jobs use the model with this encoder too: see jobs.wait_for_explore_result.
    st.session_state[IN_USE] = key
    if key is None:
        return scene
    query = scene.query
    model, codes = _equipped(scene, key, query.what, query.n, query.seed, query.label)
    return replace(scene, model=model, codes=codes)
