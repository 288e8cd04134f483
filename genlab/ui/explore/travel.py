"""Traversals of the latent space: along dimensions, over a plane, and a random walk."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st
from torch import Tensor

from genlab import latent
from genlab.core.options import parse_int
from genlab.data.base import DataMeta
from genlab.latent.pad import start
from genlab.latent.points import latent_of, point
from genlab.latent.travel import sheet, traversal, usage, walk
from genlab.models.base import GenerativeModel, HasDecoder
from genlab.ui import pictures
from genlab.ui.explore.films import save_film
from genlab.ui.explore.scene import Scene, among_data, choose_one, z_from_url
from genlab.ui.explore.tool_state import TOOL_STATE
from genlab.ui.explore.tools import TOOLS, Tool
from genlab.ui.messages import empty, fragment

SHOWN, STEPS, SIDE, FRAMES = 8, 11, 12, 48
WAYS = {
    "dimensions": "Dimensions",
    "sheet": "Sheet",
    "walk": "Random walk",
}


@TOOLS.register("travel", title="Traversals and random walk")
class Travel(Tool):
    """Decoded examples along single dimensions, over a grid of two, and on a random walk."""

    icon = ":material/route:"
    order = 30

    @classmethod
    def fits(cls, model: type[GenerativeModel], meta: DataMeta) -> bool:
        """Whether the tool applies to this model and these data."""
        return issubclass(model, HasDecoder)

    def draw(self, scene: Scene) -> None:
        """Draw the tool for a scene."""
        ways: Mapping[str, Callable[[Scene], None]] = {
            "dimensions": dimensions_part,
            "sheet": sheet_part,
            "walk": walk_part,
        }
        way = choose_one("way", WAYS, "dimensions")
        start_part(scene)
        ways[way](scene)


@st.cache_data(max_entries=16, show_spinner=False)
def _use(_scene: Scene, run: str, step: int, seed: int) -> Any:  # noqa: ARG001 - the key
    return usage(_scene.model, _scene.data, seed=seed)


def use_of(scene: Scene) -> Any:
    """How much the model uses each dimension; cached by snapshot."""
    return _use(scene, scene.query.run, scene.query.step, scene.query.seed)


def bases(scene: Scene) -> dict[str, Tensor]:
    """The possible start codes of a traversal, by name."""
    found: dict[str, Tensor] = {}
    given = z_from_url(int(scene.model.latent))
    if given is not None:
        found["the given z"] = given
    row = st.session_state.get("explore.a")
    if row is not None and row < len(scene.codes):
        at = latent_of(point(scene.model, scene.data, scene.codes, int(row)), scene.codes)
        if at is not None:
            found["z of A"] = at
    begin = start(scene.model, scene.query.seed)
    return found | {"a draw of the prior" if begin.any() else "z = 0": begin}


def start_code(scene: Scene) -> tuple[Tensor, str]:
    """The chosen start of a traversal; the first one by default."""
    found = bases(scene)
    asked = TOOL_STATE.recall("base")
    name = asked if asked in found else next(iter(found))
    return found[name], name


def start_part(scene: Scene) -> None:
    """Draw the choice of the start; the URL stores it."""
    names = list(bases(scene))
    if len(names) > 1:
        choose_one("base", {name: name for name in names}, names[0], label="Start at")


@fragment()
def dimensions_part(scene: Scene) -> None:
    """Draw traversals of single dimensions over the prior, the most used first."""
    use, (base, name) = use_of(scene), start_code(scene)
    what = (
        f"mean KL of the dimension to its prior (exact for each of {use.n} held-out examples)"
        if use.measure == "KL"
        else f"variance of the decoded example along the dimension (Monte Carlo, n = {use.n})"
    )
    st.caption(
        f"The {min(SHOWN, len(use.order))} most used of {len(use.order)} dimensions, each with "
        f"the {what}. A row varies one dimension from the 1 % to the 99 % quantile of the prior; "
        f"the others stay at {name}."
    )
    for j in use.order[:SHOWN]:
        x = traversal(scene.model, base, j, STEPS, scene.query.seed)
        words = f"z[{j}] · {use.value[j]:.3g} {use.unit}"
        if scene.image:
            pictures.image(x.numpy(), columns=STEPS, height=48, caption=words)
        else:
            st.caption(words)
    if not scene.image:
        ways = {
            f"z[{j}]": traversal(scene.model, base, j, 41, scene.query.seed)
            for j in use.order[:SHOWN]
        }
        among_data(scene, "dimensions", paths=ways)


@fragment()
def sheet_part(scene: Scene) -> None:
    """Draw a grid over two dimensions, with equal prior mass per cell."""
    use, (base, name) = use_of(scene), start_code(scene)
    size = len(use.order)
    if size < 2:
        empty("A sheet needs two dimensions.", "Choose Dimensions to see it.")
        return
    columns = st.columns(2)
    picks = []
    for column, word, first in zip(columns, ("across", "up"), use.order[:2], strict=True):
        asked = TOOL_STATE.recall(word, str(first))
        found = parse_int(asked, 0, size - 1)
        start = first if found is None else found
        picks.append(
            column.number_input(
                f"Dimension {word}", 0, size - 1, start, key=f"explore.travel.{word}"
            )
        )
    TOOL_STATE.remember(across=picks[0], up=picks[1])
    x = sheet(scene.model, base, (int(picks[0]), int(picks[1])), SIDE, scene.query.seed)
    words = (
        f"z[{picks[0]}] across, z[{picks[1]}] up; each cell holds equal prior mass; the other "
        f"dimensions stay at {name}"
    )
    if scene.image:
        pictures.image(x.numpy(), columns=SIDE, height=36, caption=words)
        return
    lines = x.view(SIDE, SIDE, -1)
    ways = {f"row {k + 1}": lines[k] for k in range(0, SIDE, 3)}
    among_data(scene, "sheet", paths=ways)
    st.caption(words)


@fragment()
def walk_part(scene: Scene) -> None:
    """Draw a random walk that leaves the prior invariant, as an animation."""
    stride = st.slider("Step size", 0.05, 0.6, 0.2, 0.05, key="explore.travel.stride")
    base, name = start_code(scene)
    z = walk(base, FRAMES, stride, scene.query.seed)
    x = latent.decode_mean(scene.model, z)
    if not scene.image:
        among_data(scene, "walk", paths={"walk": x})
    else:
        save_film(x, "random walk")
    st.caption(
        f"{FRAMES} steps of an Ornstein-Uhlenbeck walk from {name}, seed {scene.query.seed}: "
        "z ← √(1 − s²) z + s ε keeps N(0, I)."
    )
