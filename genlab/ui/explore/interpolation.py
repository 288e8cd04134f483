"""The paths from A to B: straight, spherical and geodesic, with lengths and an animation."""

from __future__ import annotations

import streamlit as st
import torch

from genlab import latent
from genlab.data.base import DataMeta
from genlab.latent.geodesic import FINER, polygon_length
from genlab.latent.points import latent_of, point
from genlab.latent.video import forward_and_back
from genlab.models.base import GenerativeModel, HasDecoder
from genlab.ui import pictures
from genlab.ui.explore.films import save_film
from genlab.ui.explore.jobs import decode_codes, plain_code, wait_for_explore_result
from genlab.ui.explore.scene import Scene, among_data
from genlab.ui.explore.tools import TOOLS, Tool
from genlab.ui.messages import empty


@TOOLS.register(
    "interpolation",
    title="Interpolation and geodesics",
    summary="The decoded path from point A to point B: straight, spherical, and the shortest one.",
)
class Interpolation(Tool):
    """The decoded path from point A to point B: straight, spherical, and the shortest one."""

    icon = ":material/conversion_path:"
    order = 32

    @classmethod
    def fits(cls, model: type[GenerativeModel], meta: DataMeta) -> bool:
        """Whether the tool applies to this model and these data."""
        return issubclass(model, HasDecoder)

    def draw(self, scene: Scene) -> None:
        """Draw the tool for a scene."""
        ab_part(scene)


def _picked(letter: str) -> int | None:
    row: int | None = st.session_state.get(f"explore.{letter}")
    return row


def ab_part(scene: Scene) -> None:
    """Draw the three paths, each with its length in data space, and an animation."""
    rows = [int(row) for row in map(_picked, "ab") if row is not None]
    if len(rows) < 2:
        empty("Two points are needed.", "Click A and then B on the map, or type their numbers.")
        return
    ends = []
    for row in rows:
        found = latent_of(point(scene.model, scene.data, scene.codes, row), scene.codes)
        if found is None:
            empty(
                "These points have no code.",
                "Choose Points = both above and then a generated point.",
            )
            return
        ends.append(found)
    values = {
        "run": scene.query.run,
        "step": scene.query.step,
        "label": scene.query.label,
        "a": plain_code(ends[0]),
        "b": plain_code(ends[1]),
    }
    decoded, lengths = {}, {}
    for name in latent.PATHS:
        way = {end: values[end] for end in "ab"} | {"path": name}
        fine = decode_codes(scene, "path", way, f"The {name} path")
        if fine is not None:
            decoded[name], lengths[name] = fine[::FINER], polygon_length(fine)
    taut = wait_for_explore_result("geodesic", values, what="The shortest path")
    if taut is not None:
        codes = [plain_code(z) for z in torch.as_tensor(taut["z"])]
        x = decode_codes(scene, "given", {"z": codes}, "The shortest path, decoded")
        if x is not None:
            decoded["geodesic"], lengths["geodesic"] = x, taut["length"]
    if not decoded:
        return
    for name in decoded:
        words = f"{name}: length {lengths[name]:.4g} in data units, decoded"
        if scene.image:
            pictures.image(decoded[name][::2].numpy(), columns=9, height=72, caption=words)
        else:
            st.caption(words)
    if not scene.image:
        among_data(scene, "ways", paths=decoded)
    else:
        chosen = "geodesic" if "geodesic" in decoded else next(iter(decoded))
        save_film(torch.from_numpy(forward_and_back(decoded[chosen].numpy())), f"{chosen} path")
    st.caption(
        "The geodesic is the shortest path found in the decoder's metric. The search starts from "
        "the straight line, so the result is never longer. Lengths are measured on polygons with "
        "64 segments."
    )
