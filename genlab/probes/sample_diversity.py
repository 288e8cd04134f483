"""Probes of training health: diversity of samples, gradient norms."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import ClassVar

import torch
from torch import Tensor

from genlab.core.measure import Reading, Series
from genlab.core.run_spec import RunSpec
from genlab.core.tables import MODELS, OBJECTIVES
from genlab.data.base import Dataset
from genlab.models.base import GenerativeModel
from genlab.models.labels import conditioned_on
from genlab.probes.base import PROBES, Probe
from genlab.probes.common import draw, frozen_batchnorm, held_out, image_budget, with_classes

#: Examples of each sort in the diversity, and in the batch of the gradients.
EACH, BATCH = 128, 64


def mean_pairwise_distance(x: Tensor) -> float:
    """The mean Euclidean distance of two of n examples, (n, *shape) -> data units.

    Example:
        >>> mean_pairwise_distance(torch.tensor([[0.0, 0.0], [3.0, 4.0], [0.0, 0.0]]))
        3.3333332538604736
    """
    return float(torch.pdist(x.flatten(1).float()).mean())


@PROBES.register("diversity", title="Diversity of samples", order=200)
class Diversity(Probe):
    """The mean distance of two samples relative to that of two held-out examples.

    A collapsed generator gives nearly the same sample for every code. The reverse does not hold:
    samples that are all wrong may lie far apart.
    """

    share: ClassVar[float] = 0.0025

    @classmethod
    def fits(cls, model: type[GenerativeModel], data: Dataset) -> bool:
        return data.meta.is_image or (data.meta.dim <= 2 and len(data.meta.columns) < 2)

    @property
    def n(self) -> int:
        """The number of held-out and of generated examples."""
        usual = image_budget(MODELS[self.spec.model], self.data.meta, EACH)
        return min(usual, len(self.data.validation))

    @property
    def series(self) -> tuple[Series, ...]:
        title = "distance of two samples ÷ of two held-out examples"
        kind, label = "Monte Carlo", "as diverse as the data"
        return (
            Series(
                "diversity",
                title,
                "diversity",
                "share",
                kind,  # type: ignore[arg-type]
                self.n,
                truth=1.0,
                truth_label=label,
            ),
        )

    def read(self, model: GenerativeModel, step: int) -> Reading:
        real = mean_pairwise_distance(held_out(self.data, self.n)[0])
        # Images are means: the noise of a likelihood would count as diversity.
        picture = self.data.meta.is_image
        sampler = with_classes(model, self.n, self.data)
        generated = mean_pairwise_distance(
            sampler.sample(self.n) if picture else draw(sampler, self.n)
        )
        return Reading({"diversity": generated / real if real > 0 else math.nan})


@PROBES.register("gradients", title="Gradient norms", order=210)
class Gradients(Probe):
    """The gradient norm of each player's loss in its own weights, on one held-out batch."""

    share: ClassVar[float] = 0.0025

    def __init__(self, spec: RunSpec, data: Dataset) -> None:
        super().__init__(spec, data)
        self.objective = OBJECTIVES[spec.objective](spec.objective_options)
        # A model with a learning rate is trained by its gradients.
        follows = hasattr(spec.algorithm_options, "lr")
        self.players = tuple(p.name for p in self.objective.players) if follows else ()

    @classmethod
    def fits(cls, model: type[GenerativeModel], data: Dataset) -> bool:
        return True

    @property
    def n(self) -> int:
        """Examples in the batch."""
        return min(BATCH, len(self.data.validation))

    @property
    def series(self) -> tuple[Series, ...]:
        whose = {p: "" if len(self.players) == 1 else f", {p}" for p in self.players}
        return tuple(
            Series(
                f"grad_{player}",
                f"‖∇ of the loss‖{whose[player]}, held-out batch",
                "gradient norm",
                "loss/weight",
                "Monte Carlo",
                self.n,
            )
            for player in self.players
        )

    def read(self, model: GenerativeModel, step: int) -> Reading:
        x, y = held_out(self.data, self.n)
        if self.data.draw is not None:
            x = self.data.draw(x)
        objective = self.objective.at_step(step)
        values = {}
        with frozen_batchnorm(model, self.data), torch.enable_grad():
            losses = objective.losses(conditioned_on(model, y), x)
            for player in self.players:
                mine = [p for p in model.player(player) if p.requires_grad]
                if mine:
                    found = torch.autograd.grad(losses(player).value, mine, allow_unused=True)
                    values[f"grad_{player}"] = norm(g for g in found if g is not None)
        return Reading(values)


def norm(parts: Iterable[Tensor]) -> float:
    """The Euclidean norm of several tensors as one vector.

    Example:
        >>> norm([torch.tensor([3.0]), torch.tensor([[4.0]])])
        5.0
    """
    return math.sqrt(sum(float(part.double().square().sum()) for part in parts))
