"""The gap map: a critic's D over the plane beside the exact D*.

For a fixed generator the optimal discriminator is D* = p/(p + q) (Goodfellow et al. 2014, prop.
1). For toy data p is known; q is counted from many samples of the model on the same cells.

The picture has ``form`` "gap"; its payload is

.. code-block:: text

    box      [[x_low, y_low], [x_high, y_high]]   what is drawn, in data units
    axes     ["x₁", "x₂"]                         titles of the axes
    cells    48                                   cells a side; a field holds 48 x 48 bytes
    logit    true | false                         whether the critic's output is a logit of D
    fields   {name: {"title", "low", "high", "z"}}, in the order in which they are offered:
        d      learned D(x) at the middle of each cell, from 0 to 1      (logit only)
        truth  D*(x), from 0 to 1                                        (logit only)
        gap    |D - D*|, from 0 to 1                                     (logit only)
        c      C(x), the raw score, from low to high   (only where the output is no logit)
    real     [[x, y], ...]                        100 held-out points
    fake     [[x, y], ...]                        100 generated points, always from the same z
    arrows   [[dx, dy], ...] or []                for the first 64 of ``fake``: where the
                                                  generator's loss pushes each, its negative
                                                  gradient, in data units, drawn to scale; the
                                                  longest is 8 % of the box
    push     1.25                                 the longest gradient, loss per data unit
    grid     [[[x, y], ...], ...] or []           lines: G at a regular grid of z, of equal steps
                                                  of the prior's distribution function; the
                                                  first two codes (one line for one code)
    distance 0.071 or null                        mean |D - D*| under (p + q)/2 (logit only)
    floor    0.012 or null                        the distance of D* itself, because q is
                                                  counted
    n        20000                                samples from which q is counted

``z`` is a base64 string of cells² bytes, row by row, **the first row at the lowest y**, x running
fastest. Byte 255 is "unknown" (neither distribution has mass there, or the score is not finite),
the others stand for ``low + (high - low) * byte / 254``. In JavaScript: ``Uint8Array.from(atob(z),
(c) => c.charCodeAt(0))``.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from genlab.core.measure import Picture, Reading, Series
from genlab.core.run_spec import RunSpec
from genlab.core.tables import OBJECTIVES
from genlab.core.views import View
from genlab.data.base import Dataset
from genlab.models.base import GenerativeModel, HasCritic, HasDecoder, HasLabels
from genlab.objectives.adversarial import Adversarial
from genlab.objectives.base import Objective
from genlab.probes.adversarial import is_adversarial
from genlab.probes.base import PROBES, Probe
from genlab.probes.common import box_of, frozen_batchnorm, held_out, normalisation, round_digits
from genlab.probes.toys import fine_grid_of
from genlab.probes.truth import OptimalDiscriminator, critic_gives_logit, scores_single_examples

CELLS, DOTS, ARROWS = 48, 100, 64
#: Lines of the warped grid each way, and points on a line.
LINES, KNOTS = 7, 15
#: The longest arrow, as a share of the box.
REACH = 0.08
UNKNOWN = 255


def pack_field(values: Tensor, low: float, high: float) -> str:
    """A field as bytes in base64: 0 ... 254 from low to high, 255 for what is not finite.

    Example:
        >>> list(base64.b64decode(pack_field(torch.tensor([0.0, 0.5, 1.0, torch.nan]), 0.0, 1.0)))
        [0, 127, 254, 255]
    """
    part = (values.double() - low) / ((high - low) or 1.0)
    known = part.isfinite()
    byte = (part.clamp(0.0, 1.0) * 254).round().nan_to_num()
    byte = torch.where(known, byte, UNKNOWN).to(torch.uint8)
    return base64.b64encode(bytes(byte.flatten().tolist())).decode()


@PROBES.register("gap", title="Discriminator gap map", order=90)
class GapMap(Probe):
    """Learned D, exact D* and their distance over the plane, and the generator's gradient."""

    views: ClassVar[Mapping[str, View]] = {
        "gap": View(
            "critic",
            "The discriminator over the plane: which points it takes for real. "
            "Crosses are data, discs are generated. Arrows are the generator's negative gradient.",
            "gan_game",
            100,
        ),
    }

    share: ClassVar[float] = 0.015

    def __init__(self, spec: RunSpec, data: Dataset) -> None:
        super().__init__(spec, data)
        self.objective: Objective = OBJECTIVES[spec.objective](spec.objective_options)
        self.logit, self.judges = critic_gives_logit(spec), scores_single_examples(spec)
        self.truth = OptimalDiscriminator(fine_grid_of(data))

    @classmethod
    def fits(cls, model: type[GenerativeModel], data: Dataset) -> bool:
        return is_adversarial(model) and data.density is not None and data.meta.shape == (2,)

    @property
    def series(self) -> tuple[Series, ...]:
        return ()

    def read(self, model: GenerativeModel, step: int) -> Reading:
        if not self.judges:
            return Reading()
        assert isinstance(model, HasCritic)
        assert isinstance(model, HasDecoder)
        grid = self.truth.grid
        with frozen_batchnorm(model, self.data):
            score = model.score(grid.centres.float())
            fake = model.sample(DOTS)
            arrows, push = generator_pushes(self.objective, self.data, model, fake[:ARROWS])
        payload: dict[str, Any] = {
            "box": round_digits(box_of(self.data)),
            "axes": ["x₁", "x₂"],
            "cells": CELLS,
            "logit": self.logit,
            "fields": {},
            "real": round_digits(held_out(self.data, DOTS)[0], 4),
            "fake": round_digits(fake, 4),
            "arrows": arrows,
            "push": push,
            "grid": warped_grid(model),
            "distance": None,
            "floor": None,
            "n": 0,
        }
        note = f"{DOTS} held-out and {DOTS} generated points{normalisation(model)}"
        if isinstance(model, HasLabels):
            note += "; both players at no class"
        if not self.logit:
            known = score[score.isfinite()]
            ends = (float(known.min()), float(known.max())) if len(known) else (0.0, 0.0)
            payload["fields"] = {"c": _field("C(x), the critic's score", score, *ends)}
            words = "the critic's raw score, exact, no D* for it; "
            return Reading(pictures={"gap": Picture("gap", "Critic's map", payload, words + note)})
        best = self.truth.of(model)
        learned = score.double().sigmoid()
        truth = torch.where(best.known, best.d, torch.nan)
        away = (learned - truth).abs()
        payload["fields"] = {
            "d": _field("learned D(x)", learned),
            "truth": _field("exact D*(x) = p/(p + q)", truth),
            "gap": _field("|D − D*|", away),
        }
        payload |= {
            "distance": round_digits(best.distance(learned)),
            "floor": round_digits(best.floor),
            "n": best.n,
        }
        words = f"D exact, D* on a grid of {CELLS} x {CELLS} cells, {best.words}; "
        return Reading(
            pictures={"gap": Picture("gap", "Discriminator gap map", payload, words + note)}
        )


def generator_pushes(
    objective: Objective, data: Dataset, model: HasCritic, x: Tensor
) -> tuple[list[Any], float]:
    """The generator's gradient at each sample, −∂loss/∂x, to scale, and the largest norm."""
    if not isinstance(objective, Adversarial):
        return [], 0.0
    real = held_out(data, len(x))[0]
    with torch.enable_grad():
        leaf = x.detach().requires_grad_(True)
        loss = objective._generator(model, real, leaf).value * len(leaf)
        (slope,) = torch.autograd.grad(loss, leaf)
    longest = float(slope.norm(dim=1).max())
    if not 0.0 < longest < torch.inf:
        return [], 0.0
    low, high = box_of(data)
    step = slope * (-REACH * float((high - low).max()) / longest)
    return round_digits(step, 3), round_digits(torch.tensor(longest), 4)


def _field(title: str, values: Tensor, low: float = 0.0, high: float = 1.0) -> dict[str, Any]:
    """One field over the cells; in ``values`` y runs fastest."""
    rows = values.view(CELLS, CELLS).T
    ends = round_digits(torch.tensor([low, high], dtype=torch.float64))
    return {"title": title, "low": ends[0], "high": ends[1], "z": pack_field(rows, low, high)}


def warped_grid(model: HasDecoder) -> list[Any]:
    """G at a regular grid of the prior: lines of points, each (x, y); [] where it has no grid.

    The steps are equal in probability, u = F(z), so that the mesh is denser where the model puts
    more of its mass; codes beyond the second stay at the median.
    """
    prior = model.prior()
    base = getattr(prior, "base_dist", prior)
    middle = torch.full((model.latent,), 0.5)
    try:
        base.icdf(middle)
    except NotImplementedError:
        return []
    along = torch.linspace(0.01, 0.99, KNOTS)
    across = torch.linspace(0.02, 0.98, LINES) if model.latent > 1 else torch.full((1,), 0.5)
    lines = []
    for axis in range(min(2, model.latent)):
        u = middle.expand(len(across), KNOTS, -1).clone()
        u[..., axis] = along
        if model.latent > 1:
            u[..., 1 - axis] = across[:, None]
        lines.append(u)
    z = base.icdf(torch.cat(lines).view(-1, model.latent))
    x = model.decode(z).mean
    return round_digits(x.view(-1, KNOTS, x.shape[-1]), 4)
