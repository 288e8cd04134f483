"""Adversarial objectives with zero-centred gradient penalties at real or generated examples.

    R1 = (γ/2) E‖∇C(x)‖²,    R2 = (γ/2) E‖∇C(G(z))‖².

Slopes are with respect to data space, pictures in [0, 1]; twice as large as in [-1, 1].
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import softplus

from genlab.core.measure import Series
from genlab.core.options import Options, option
from genlab.core.tables import OBJECTIVES
from genlab.divergences import LOG_2
from genlab.models.base import HasCritic
from genlab.objectives.adversarial import ROWS, Adversarial, AdversarialLoss
from genlab.objectives.base import Loss
from genlab.objectives.gradient_penalty import (
    NeedsPerExampleGradient,
    score_and_gradient_norm,
    scores_and_gradient_norms_of_both,
)


@dataclass(frozen=True)
class FlatOptions(Options):
    """Options of the zero-centred penalties."""

    gamma: float = option(
        1.0,
        "weight γ of half the squared slope",
        low=1e-5,
        high=1e4,
        log=True,
        label="Gradient penalty weight γ",
    )


def _slope(name: str, title: str) -> Series:
    return Series(
        name,
        title,
        "gradient",
        "1/data unit",
        "training batch",
        truth=0.0,
        truth_label="what the penalty pulls to",
    )


def _leaf(x: Tensor) -> Tensor:
    return x.detach().requires_grad_()


class _Flat(NeedsPerExampleGradient, Adversarial):
    Options = FlatOptions


@OBJECTIVES.register("r1", title="Non-saturating GAN with R1", order=180)
class R1(_Flat):
    """The non-saturating game with the penalty (γ/2)‖∇l(x)‖² on real examples.

    Source: Mescheder, Geiger and Nowozin 2018, "Which training methods for GANs do actually
    converge?", equation 9.
    """

    row = next(row for row in ROWS if row.name == "nonsaturating")

    @property
    def series(self) -> tuple[Series, ...]:
        return (*super().series, _slope("slope_real", "‖∇l(x)‖ at real, training batch"))

    def _discriminator(self, critic: HasCritic, x: Tensor, generated: Tensor) -> Loss:
        real, slope = score_and_gradient_norm(critic, _leaf(x))
        fake = critic.score(generated)
        penalty = 0.5 * self.options.gamma * slope.square()
        loss = self.row.real(real) + self.row.fake(fake) + penalty
        terms = {
            "loss_discriminator": loss,
            **self.score_terms(real, fake),
            "slope_real": slope,
        }
        return Loss(loss.mean(), terms)


def _paired(difference: Tensor) -> Tensor:
    return softplus(-difference)


@OBJECTIVES.register("r3gan", title="R3GAN: relativistic, R1 and R2", order=190)
class R3GAN(_Flat):
    """The relativistic paired game: the critic minimises softplus(C(G) − C(x)).

    With (γ/2)(‖∇C(x)‖² + ‖∇C(G)‖²); the generator lowers softplus(C(x) − C(G)) on the same pairs.

    Source: Huang et al. 2024, "The GAN is dead; long live the GAN!", equations 2 and 3.
    """

    ignores_shift = True
    #: ``real`` and ``generator`` are of the difference C(x) − C(G) and of C(G) − C(x).
    row = AdversarialLoss(
        "r3gan", "", "", _paired, torch.zeros_like, _paired, (LOG_2, LOG_2), logit=False
    )

    @property
    def series(self) -> tuple[Series, ...]:
        return (
            *super().series,
            _slope("slope_real", "‖∇C(x)‖ at real, training batch"),
            _slope("slope_fake", "‖∇C(G(z))‖ at generated, training batch"),
        )

    def _generator(self, critic: HasCritic, x: Tensor, generated: Tensor) -> Loss:
        with torch.no_grad():
            real = critic.score(x)
        loss = self.row.generator(critic.score(generated) - real)
        return Loss(loss.mean(), {"loss_generator": loss})

    def _discriminator(self, critic: HasCritic, x: Tensor, generated: Tensor) -> Loss:
        (real, fake), (at_real, at_fake) = scores_and_gradient_norms_of_both(critic, x, generated)
        penalty = 0.5 * self.options.gamma * (at_real.square() + at_fake.square())
        loss = self.row.real(real - fake) + penalty
        terms = {
            "loss_discriminator": loss,
            **self.score_terms(real, fake),
            "slope_real": at_real,
            "slope_fake": at_fake,
        }
        return Loss(loss.mean(), terms)
