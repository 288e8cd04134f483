"""Completions of an image with missing pixels, by models with a tractable density."""

from __future__ import annotations

import math
from typing import Any

import streamlit as st
import torch
from torch import Tensor

from genlab.core.escape import escape_markdown
from genlab.core.options import parse_int
from genlab.core.random import scope
from genlab.data.base import DataMeta
from genlab.data.pixel_masks import PARTS, known_pixels
from genlab.latent.codes import held_out
from genlab.models.base import GenerativeModel
from genlab.models.visible import FullyVisible, HasClassPosterior, HasMarginals
from genlab.ui import pictures
from genlab.ui.explore.scene import Scene, choose_one
from genlab.ui.explore.tool_state import TOOL_STATE
from genlab.ui.explore.tools import TOOLS, Tool
from genlab.ui.messages import fragment

#: How many draws of the missing part, and how many class probabilities, are shown.
DRAWS, NAMED = 8, 3


def draw_completions(request: tuple[Any, ...], model: Any, x: Tensor, mask: Tensor) -> Tensor:
    """Samples of the missing part, cached by run, step, example, part, share and seed."""
    memory, key = st.session_state, "explore.complete.drawn"
    if memory.get(key, (None,))[0] != request:
        slot = st.empty()

        def tell(share: float, says: str) -> None:
            # A message for every pixel would be more than a page can draw.
            if round(100 * share) % 4 == 0:
                slot.progress(min(1.0, share), text=escape_markdown(says))

        with scope(int(request[-1]), "complete"):
            memory[key] = request, model.complete(x.expand(DRAWS, *x.shape[1:]), mask, tell)
        slot.empty()
    found: Tensor = memory[key][1]
    return found


@fragment()
def complete_part(scene: Scene) -> None:
    """Draw the choice of an image and its known pixels, and completions of the other pixels."""
    model, split = scene.model, held_out(scene.data)
    memory = st.session_state
    with st.container(horizontal=True, vertical_alignment="bottom"):
        index = st.number_input(
            "Held-out example",
            0,
            len(split) - 1,
            _number("example", 0, len(split) - 1),
            key=f"explore.complete.{scene.query.run}",
        )
        percent = st.slider(
            "Known, % of the pixels",
            0,
            100,
            _number("known", 50, 100),
            5,
            key="explore.complete.share",
        )
        if st.button("Draw again", icon=":material/casino:", key="explore.complete.again"):
            memory["explore.complete.seed"] = memory.get("explore.complete.seed", 0) + 1
    anywhere = isinstance(model, HasMarginals)
    share, part = percent / 100, "first"
    if anywhere:
        part = choose_one("known_part", {name: row.title for name, row in PARTS.items()}, "upper")
        mask = known_pixels(part, share, scene.data.meta.shape)
    else:
        mask = model.prefix(round(share * scene.data.meta.dim))
        st.caption(
            "The first pixels in the model's order are known. The model has p(pixel | earlier "
            "pixels), so the other pixels are sampled exactly. Any other choice of known pixels "
            "would need a sum over all missing pixels, which a tree-structured net can compute."
        )
    TOOL_STATE.remember(example=int(index), known=percent)
    x = split.x[int(index)][None].float()
    seed = memory.get("explore.complete.seed", 0)
    request = (
        scene.query.run,
        scene.query.step,
        scene.query.label,
        int(index),
        part,
        percent,
        seed,
    )
    found = draw_completions(request, model, x, mask)
    grey = torch.where(mask, x, torch.full_like(x, 0.5))
    with st.container(horizontal=True, gap="medium"):
        pictures.image(x.numpy(), height=112, caption="the picture")
        pictures.image(grey.numpy(), height=112, caption="known pixels; the others are grey")
        if anywhere:
            chance = model.marginals(x, mask)
            pictures.image(chance.numpy(), height=112, caption="p(pixel = 1 | known), exact")
    pictures.image(
        found.numpy(),
        columns=DRAWS,
        height=72,
        caption=f"{DRAWS} exact draws of the missing pixels given the known ones; seed {seed}",
    )
    st.caption(describe_log_probs(model, x, mask))
    if isinstance(model, HasClassPosterior):
        words = classes(model, x, mask, scene.data.meta.classes)
        st.caption(words)


def _number(word: str, default: int, most: int) -> int:
    """An integer option of the tool from the URL, within its range."""
    found = parse_int(TOOL_STATE.recall(word, str(default)), 0, 10**12)
    return default if found is None else min(found, most)


def describe_log_probs(model: Any, x: Tensor, mask: Tensor) -> str:
    """Exact log p of the image, of its known part, and of the missing part given the known."""
    with torch.no_grad():
        whole = float(model.log_prob(x))
        if isinstance(model, HasMarginals):
            part = float(model.log_marginal(x, mask))
        else:
            part = float(model.conditionals(x)[0][mask].sum())
    missing = int((~mask).sum())
    text = f"log p(picture) = {whole:.2f} = log p(known) {part:.2f} + log p(rest given known) "
    text += f"{whole - part:.2f} nats, exact"
    if missing:
        text += f"; {(part - whole) / (math.log(2) * missing):.3f} bits per missing pixel"
    return text + f", n = 1 example, {missing:,} pixels missing."


def classes(model: HasClassPosterior, x: Tensor, mask: Tensor, names: tuple[str, ...]) -> str:
    """The most probable classes given the known pixels, exact."""
    chance = model.class_posterior(x, mask)[0]
    top = chance.topk(min(NAMED, len(chance)))
    words = ", ".join(
        f"{names[k]}: {v:.3f}"
        for v, k in zip(top.values.tolist(), top.indices.tolist(), strict=True)
    )
    return escape_markdown(f"p(class given the known pixels), exact: {words}.")


@TOOLS.register("complete", title="Missing pixels (inpainting)")
class Complete(Tool):
    """Draw the missing pixels of an image given the known ones, exactly."""

    icon = ":material/healing:"
    order = 15

    @classmethod
    def fits(cls, model: type[GenerativeModel], meta: DataMeta) -> bool:
        """Whether the tool applies to this model and these data."""
        return meta.is_image and issubclass(model, FullyVisible)

    def draw(self, scene: Scene) -> None:
        """Draw the tool for a scene."""
        complete_part(scene)
