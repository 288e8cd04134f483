"""Wasserstein objectives: a Lipschitz critic, by weight clipping or by a gradient penalty.

    W₁(P, Q) = sup over 1-Lipschitz C of E_P[C] − E_Q[C].

Slopes are with respect to data space, pictures in [0, 1].
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from genlab.core.measure import Kind, Series
from genlab.core.options import Options, option
from genlab.core.tables import OBJECTIVES
from genlab.models.base import GenerativeModel, HasCritic
from genlab.objectives.adversarial import Adversarial, AdversarialLoss, minus, scores
from genlab.objectives.base import Loss, Player
from genlab.objectives.gradient_penalty import NeedsPerExampleGradient, score_and_gradient_norm


def _plain(score: Tensor) -> Tensor:
    return score


def _row(name: str, title: str, summary: str) -> AdversarialLoss:
    unit = "dimensionless"
    return AdversarialLoss(name, title, summary, minus, _plain, minus, logit=False, unit=unit)


@dataclass(frozen=True)
class WassersteinOptions(Options):
    """Options of the critic with clipped weights."""

    critic_steps: int = option(
        5,
        "updates of the critic for one of the generator",
        low=1,
        high=50,
        label="Critic steps per generator step",
    )
    clip: float = option(
        0.01,
        "largest size of a weight of the critic",
        low=1e-4,
        high=10.0,
        log=True,
        label="Weight clipping bound",
    )


@dataclass(frozen=True)
class PenaltyOptions(Options):
    """Options of the critic with a gradient penalty."""

    critic_steps: int = option(
        5,
        "updates of the critic for one of the generator",
        low=1,
        high=50,
        label="Critic steps per generator step",
    )
    penalty: float = option(
        10.0,
        "weight λ of (‖∇C‖ − 1)²; 0.1 is quicker for points",
        low=1e-3,
        high=1e4,
        log=True,
        label="Gradient penalty weight λ",
    )


class _Wasserstein(Adversarial):
    """What both critics share: several updates a step, each on z of its own.

    All updates of a step see the step's batch of real examples.
    """

    ignores_shift = True

    @property
    def players(self) -> tuple[Player, ...]:
        return Player("discriminator", self.options.critic_steps), Player("generator")


@OBJECTIVES.register("wgan", title="WGAN, clipped weights", order=210)
class WGAN(_Wasserstein):
    """The critic maximises E C(x) − E C(G(z)); its weights are clipped.

    The Lipschitz constant K of a clipped critic is unknown, so the difference estimates K·W₁.
    The source has RMSProp at 5e-5; Adam without momentum is RMSProp with its bias corrected.

    Source: Arjovsky, Chintala and Bottou 2017, "Wasserstein GAN", algorithm 1.
    """

    Options = WassersteinOptions
    row = _row("wgan", "", "")

    @classmethod
    def defaults(cls) -> dict[str, Any]:
        return {"lr": 5e-5, "lr_final_ratio": 1.0, "beta1": 0.0, "beta2": 0.99}

    @property
    def series(self) -> tuple[Series, ...]:
        title = "E C(x) − E C(G(z)), training batch: scaled, K·W₁ with K unknown"
        kind: Kind = "training batch"
        return (
            *super().series,
            Series("w1_scaled", title, "distance", "scaled data units", kind, direction="lower"),
        )

    def _discriminator(self, critic: HasCritic, x: Tensor, generated: Tensor) -> Loss:
        loss = super()._discriminator(critic, x, generated)
        terms = {**loss.terms, "w1_scaled": -loss.terms["loss_discriminator"]}
        return Loss(loss.value, terms)

    def after_update(self, player: str, model: GenerativeModel) -> None:
        if player == "discriminator":
            with torch.no_grad():
                for weight in model.player(player):
                    weight.clamp_(-self.options.clip, self.options.clip)


@OBJECTIVES.register("wgan_gp", title="WGAN-GP", order=220)
class WGANGP(NeedsPerExampleGradient, _Wasserstein):
    """The critic maximises E C(x) − E C(G(z)) − λ E(‖∇C(x̂)‖ − 1)².

    x̂ = αx + (1 − α)G(z) with one α from U(0, 1) for each pair. The soft penalty lets the slope
    overshoot 1: for two Gaussians at a distance d a critic settles at 1 + d/(2λ), so the raw
    difference is divided by the mean slope to estimate W₁.

    Source: Gulrajani et al. 2017, "Improved training of Wasserstein GANs", algorithm 1.
    """

    Options = PenaltyOptions
    row = _row("wgan_gp", "", "")

    @classmethod
    def defaults(cls) -> dict[str, Any]:
        return {"lr": 1e-4, "lr_final_ratio": 1.0, "beta1": 0.0, "beta2": 0.9}

    @property
    def series(self) -> tuple[Series, ...]:
        kind: Kind = "training batch"
        return (
            *super().series,
            Series(
                "w1_raw",
                "E C(x) − E C(G(z)), training batch: raw",
                "distance",
                "data units",
                kind,
                direction="lower",
            ),
            Series(
                "w1_estimate",
                "W₁ estimate, training batch: raw ÷ mean ‖∇C‖",
                "distance",
                "data units",
                kind,
                direction="lower",
                truth=0.0,
                truth_label="P = Q",
            ),
            Series(
                "slope_between",
                "‖∇C‖ between real and generated",
                "gradient",
                "1/data unit",
                kind,
                truth=1.0,
                truth_label="what the penalty pulls to",
            ),
        )

    def _discriminator(self, critic: HasCritic, x: Tensor, generated: Tensor) -> Loss:
        real, fake = scores(critic, x, generated)
        alpha = torch.rand(len(x), *[1] * (x.dim() - 1), dtype=x.dtype, device=x.device)
        between = torch.lerp(generated.detach(), x, alpha).requires_grad_()
        _, slope = score_and_gradient_norm(critic, between)
        loss = fake - real + self.options.penalty * (slope - 1.0).square()
        raw = (real - fake).detach()
        terms = {
            "loss_discriminator": loss,
            **self.score_terms(real, fake),
            "w1_raw": raw,
            "w1_estimate": raw / slope.detach().mean(),
            "slope_between": slope,
        }
        return Loss(loss.mean(), terms)
