"""The objective of the beta-VAE."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from genlab.core.measure import Series
from genlab.core.options import option
from genlab.core.tables import OBJECTIVES
from genlab.models.base import GenerativeModel
from genlab.objectives.base import Loss
from genlab.objectives.elbo import WarmedUp, WarmUpOptions, draw, elbo_series


@dataclass(frozen=True)
class BetaOptions(WarmUpOptions):
    """Options of the beta-VAE's objective."""

    beta: float = option(
        1.0,
        "weight of KL(q(z|x) ‖ p(z)); 1 is the ELBO",
        low=0.0,
        high=1000.0,
        label="KL weight β",
    )


@OBJECTIVES.register("beta", title="beta-VAE", order=80)
class Beta(WarmedUp):
    """Maximises E_q[log p(x | z)] − β KL(q(z | x) ‖ p(z)); the ELBO is reported beside it.

    For β > 1 a lower bound of the ELBO, for β < 1 no bound of log p(x) at all.

    Source: Higgins et al. 2017, "beta-VAE", equation 4.
    """

    Options = BetaOptions

    @property
    def series(self) -> tuple[Series, ...]:
        return (
            Series(
                "beta_loss",
                f"−reconstruction + {self.factor}β KL, β = {self.options.beta:g}: "
                + (
                    "minimised, no −ELBO" if self.options.beta != 1 or self.factor else "the −ELBO"
                ),
                "loss",
                "nats",
                "training batch",
                direction="lower",
            ),
            *self.warmup_series,
            *elbo_series(),
        )

    def loss(self, player: str, model: GenerativeModel, x: Tensor) -> Loss:
        one = draw(model, x)
        loss = self.share * self.options.beta * one.kl - one.reconstruction
        terms = {"beta_loss": loss, **self.warmup_terms(loss), **one.terms}
        return Loss(loss.mean(), terms)
