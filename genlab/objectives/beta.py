"""The objective of the beta-VAE."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from genlab.measure import Series
from genlab.models.base import GenerativeModel, HasEncoder, HasLikelihood
from genlab.objectives.base import Loss, Objective, Player
from genlab.objectives.elbo import draw, elbo_series
from genlab.registry import OBJECTIVES
from genlab.spec import Options, option


@dataclass(frozen=True)
class BetaOptions(Options):
    """Options of the beta-VAE's objective."""

    beta: float = option(1.0, "weight of KL(q(z|x) ‖ p(z)); 1 is the ELBO", low=0.0, high=1000.0)


@OBJECTIVES.register("beta", title="beta-VAE")
class Beta(Objective):
    """E_q[log p(x | z)] − β KL(q(z | x) ‖ p(z)), raised; the true ELBO is reported beside it.

    For β > 1 a lower bound of the ELBO, for β < 1 no bound of log p(x) at all.

    Source: Higgins et al. 2017, "beta-VAE", equation 4.
    """

    Options = BetaOptions
    requires = (GenerativeModel, HasLikelihood, HasEncoder)
    options: Any

    @property
    def players(self) -> tuple[Player, ...]:
        return (Player("model"),)

    @property
    def series(self) -> tuple[Series, ...]:
        return (
            Series(
                "beta_loss",
                f"−reconstruction + β KL, β = {self.options.beta:g}: minimised, no −ELBO"
                if self.options.beta != 1
                else "−reconstruction + β KL, β = 1: the −ELBO",
                "loss",
                "nats",
                "training batch",
                direction="lower",
            ),
            *elbo_series(),
        )

    def loss(self, player: str, model: GenerativeModel, x: Tensor) -> Loss:
        one = draw(model, x)
        lowered = self.options.beta * one.kl - one.reconstruction
        return Loss(lowered.mean(), {"beta_loss": lowered, **one.terms})
