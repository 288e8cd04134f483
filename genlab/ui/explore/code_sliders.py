"""Sliders for the latent dimensions that vary most."""

from __future__ import annotations

from typing import Any

import streamlit as st
import torch

from genlab import latent
from genlab.data.base import DataMeta
from genlab.latent.points import latent_of, point, widest_dimensions
from genlab.models.base import (
    GenerativeModel,
    HasCodebook,
    HasDecoder,
    HasEncoder,
    HasLikelihood,
)
from genlab.ui import pictures
from genlab.ui.explore.embed_point import place_button
from genlab.ui.explore.jobs import decode_code
from genlab.ui.explore.scene import Scene, among_data, z_from_url
from genlab.ui.explore.tools import TOOLS, Tool
from genlab.ui.messages import fragment

SLIDERS, REACH = 8, 4.0


@fragment()
def sliders_part(scene: Scene) -> None:
    """Draw the latent sliders; z is decoded when a slider is released."""
    if not isinstance(scene.model, HasDecoder):
        return
    memory, size = st.session_state, scene.model.latent
    dims = widest_dimensions(scene.codes, SLIDERS)
    base, tag = torch.zeros(size), "zero"
    with st.container(horizontal=True):
        if st.button("Random z", icon=":material/casino:", key="explore.random"):
            memory["explore.draws"] = memory.get("explore.draws", 0) + 1
            memory["explore.z"] = ("random", memory["explore.draws"])
        if st.button("z of A", icon=":material/my_location:", key="explore.from_a"):
            memory["explore.z"] = ("A", memory.get("explore.a"))
        if st.button("z = 0", icon=":material/filter_center_focus:", key="explore.zero"):
            memory["explore.z"] = ("zero", -1)
    # The centre of the prior is not a typical draw: a generator was hardly trained near it.
    typical = isinstance(scene.model, HasEncoder) and not isinstance(scene.model, HasCodebook)
    first: tuple[str, Any] = ("zero", -1) if typical else ("random", 0)
    from_url = z_from_url(size)
    if from_url is not None:
        first = ("given", tuple(from_url.tolist()))
    kind, number = memory.get("explore.z", first)
    if kind == "random":
        base, tag = latent.prior_sample(scene.model, 1, number)[0], f"random{number}"
    elif kind == "A" and number is not None and number < len(scene.codes):
        at = point(scene.model, scene.data, scene.codes, number)
        found = latent_of(at, scene.codes)
        base, tag = (base, tag) if found is None else (found, f"a{number}")
    elif kind == "given" and len(number) == size:
        base, tag = torch.tensor(number), f"given{hash(number)}"
    elif kind == "A":
        st.caption("Choose point A first: click a point of the map.")
    left, right = st.columns([3, 2], gap="medium")
    z = base.clone()
    with left:
        slots = st.columns(2)
        for i, d in enumerate(dims):
            start = float(base[d].clamp(-REACH, REACH).mul(20).round().div(20))
            with slots[i >= (len(dims) + 1) // 2]:
                z[d] = st.slider(
                    f"z[{d}]",
                    -REACH,
                    REACH,
                    start,
                    0.05,
                    key=f"explore.z.{scene.query.run}.{scene.query.step}.{tag}.{d}",
                )
        if size > len(dims):
            st.caption(
                f"{len(dims)} of {size} dimensions, chosen by their variance over the "
                "points of the map; the others keep "
                "their values."
            )
    with right:
        x = decode_code(scene, z)
        if x is None:
            return
        if scene.image:
            likelihood = isinstance(scene.model, HasLikelihood)
            given = "z" if scene.query.label is None else f"z, class {scene.query.label}"
            caption = f"decoded: the mean of p(x given {given})"
            caption = caption if likelihood else f"decoded: G({given})"
            pictures.image(x.numpy(), height=220, caption=caption)
        else:
            among_data(scene, "own", marks={"decoded": x[0]})
        place_button(scene, x[0], "your own z", z)


@TOOLS.register("own", title="Sliders for z")
class Own(Tool):
    """Set the latent dimensions that vary most, one slider each, and see z decoded."""

    icon = ":material/tune:"

    @classmethod
    def fits(cls, model: type[GenerativeModel], meta: DataMeta) -> bool:
        """Whether the tool applies to this model and these data."""
        return issubclass(model, HasDecoder)

    def draw(self, scene: Scene) -> None:
        """Draw the tool for a scene."""
        sliders_part(scene)
