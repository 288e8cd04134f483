"""Traversals of the latent space: along dimensions, over a plane, and a random walk."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st
from torch import Tensor

from genlab.core.options import parse_int
from genlab.data.base import DataMeta
from genlab.latent.pad import start
from genlab.latent.points import latent_of, point
from genlab.latent.travel import Use, swept_codes, usage
from genlab.models.base import GenerativeModel, HasDecoder, HasProbabilityPath
from genlab.ui import pictures
from genlab.ui.explore.films import save_film
from genlab.ui.explore.jobs import decode_codes, decodes_at_once, plain_code
from genlab.ui.explore.scene import Scene, among_data, choose_one, z_from_url
from genlab.ui.explore.tool_state import TOOL_STATE
from genlab.ui.explore.tools import TOOLS, Tool
from genlab.ui.jobs import wait_for_result
from genlab.ui.messages import empty, fragment

SHOWN, STEPS, SIDE, FRAMES = 8, 11, 12, 48
#: Points on a line through data that are no images.
ALONG = 41
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
def _use(_scene: Scene, run: str, step: int, label: str | None, seed: int) -> Any:  # noqa: ARG001
    return usage(_scene.model, _scene.data, seed=seed)


def use_of(scene: Scene) -> Use | None:
    """How much the model uses each dimension; None while a job finds it out."""
    query = scene.query
    slow = isinstance(scene.model, HasProbabilityPath)
    if not slow or decodes_at_once(scene, swept_codes(scene.model)):
        found: Use = _use(scene, query.run, query.step, query.label, query.seed)
        return found
    values = {"run": query.run, "step": query.step, "label": query.label, "seed": query.seed}
    result = wait_for_result("usage", values, what="The use of each dimension")
    return None if result is None else Use(**result)


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
    if use is None:
        return
    what = (
        f"mean KL of the dimension to its prior (exact for each of {use.n} held-out examples)"
        if use.measure == "KL"
        else f"variance of the decoded example along the dimension (Monte Carlo, n = {use.n})"
    )
    st.caption(
        f"The {min(SHOWN, len(use.order))} most used of {of_all(use)}, each with "
        f"the {what}. A row varies one dimension from the 1 % to the 99 % quantile of the prior; "
        f"the others stay at {name}."
    )
    shown, count = use.order[:SHOWN], STEPS if scene.image else ALONG
    values = {"z": plain_code(base), "dimensions": shown, "count": count}
    decoded = decode_codes(
        scene, "traversals", values | {"seed": scene.query.seed}, "The traversals"
    )
    if decoded is None:
        return
    ways = dict(zip(shown, decoded.split(count), strict=True))
    for j, x in ways.items():
        words = f"z[{j}] · {use.value[j]:.3g} {use.unit}"
        if scene.image:
            pictures.image(x.numpy(), columns=STEPS, height=48, caption=words)
        else:
            st.caption(words)
    if not scene.image:
        among_data(scene, "dimensions", paths={f"z[{j}]": x for j, x in ways.items()})


def of_all(use: Use) -> str:
    """Among which dimensions the most used ones were looked for."""
    looked, every = len(use.order), len(use.value)
    if looked == every:
        return f"{every} dimensions"
    return f"{looked} dimensions drawn at random from {every}"


@fragment()
def sheet_part(scene: Scene) -> None:
    """Draw a grid over two dimensions, with equal prior mass per cell."""
    size = int(scene.model.latent)
    if size < 2:
        empty("A sheet needs two dimensions.", "Choose Dimensions to see it.")
        return
    use, (base, name) = use_of(scene), start_code(scene)
    if use is None:
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
    values = {"z": plain_code(base), "dimensions": [int(pick) for pick in picks], "side": SIDE}
    x = decode_codes(scene, "sheet", values | {"seed": scene.query.seed}, "The sheet")
    if x is None:
        return
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
    values = {"z": plain_code(base), "count": FRAMES, "stride": float(stride)}
    x = decode_codes(scene, "walk", values | {"seed": scene.query.seed}, "The random walk")
    if x is None:
        return
    if not scene.image:
        among_data(scene, "walk", paths={"walk": x})
    else:
        save_film(x, "random walk")
    st.caption(
        f"{FRAMES} steps of an Ornstein-Uhlenbeck walk from {name}, seed {scene.query.seed}: "
        "z ← √(1 − s²) z + s ε keeps N(0, I)."
    )
