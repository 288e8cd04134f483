"""Flow matching: regress the velocity of pairs of noise and data."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import torch
from torch import Tensor

from genlab.core.measure import Series
from genlab.core.options import Options, option
from genlab.core.tables import OBJECTIVES
from genlab.models.base import GenerativeModel, HasLearnedVelocity
from genlab.objectives.base import Loss, Objective, Player
from genlab.paths import COUPLINGS


@dataclass(frozen=True)
class FlowMatchingLossOptions(Options):
    """Options of the flow matching loss."""

    coupling: str = option(
        "independent",
        "how the noise and the data points of a batch are paired",
        choices=lambda: COUPLINGS.names(),
        label="Coupling of noise and data",
    )


@OBJECTIVES.register("flow_matching", order=230, title="Flow matching")
class FlowMatchingLoss(Objective):
    """Minimises E|v(x_t, t) − (α' x₁ + σ' ε)|²: the sum over axes, the mean over the batch.

    Its minimum is not 0: E|v − (α' x₁ + σ' ε)|² = E|v − u_t|² + E tr Cov(α' x₁ + σ' ε | x_t).

    Source: Lipman et al. 2023, "Flow matching for generative modeling".
    """

    Options: ClassVar[type[Options]] = FlowMatchingLossOptions
    requires = (GenerativeModel, HasLearnedVelocity)
    options: Any
    #: The step of the training, for a model that goes over to pairs of its own.
    step = 0

    @property
    def players(self) -> tuple[Player, ...]:
        return (Player("model"),)

    @property
    def series(self) -> tuple[Series, ...]:
        return (
            Series(
                "flow_loss",
                "flow matching loss |v − dx/dt|², training batch",
                "loss",
                "data units²",
                "training batch",
                direction="lower",
            ),
        )

    def at_step(self, step: int) -> Self:
        now = copy.copy(self)
        now.step = step
        return now

    def loss(self, player: str, model: GenerativeModel, x: Tensor) -> Loss:
        assert isinstance(model, HasLearnedVelocity)
        pairs = model.own_pairs(len(x), self.step)
        if pairs is None:
            x1 = model.to_path(x)
            noise = COUPLINGS[self.options.coupling](torch.randn_like(x1), x1)
            # A path may start at noise of another size than 1; that is in its σ(t).
            pairs = noise, x1
        noise, x1 = pairs
        t = model.path.draw_times(len(x1), x1)
        target = model.path.conditional_velocity(x1, noise, t)
        found = model.velocity(model.path.interpolate(x1, noise, t), t)
        error = (found - target).flatten(1).square().sum(1)
        return Loss(error.mean(), {"flow_loss": error})
