"""InfoVAE: a maximum mean discrepancy draws the aggregate posterior to the prior."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from genlab.core.measure import Series
from genlab.core.options import Options, option
from genlab.core.tables import OBJECTIVES
from genlab.models.base import GenerativeModel
from genlab.objectives.base import Loss
from genlab.objectives.elbo import Variational, draw, elbo_series


@dataclass(frozen=True)
class InfoVAEOptions(Options):
    """Options of InfoVAE."""

    alpha: float = option(
        0.0,
        "weight of the information I(x; z): KL counts 1 − alpha times",
        low=-10.0,
        high=1.0,
        label="Information weight α",
    )
    mmd_scale: float = option(
        10.0,
        "scale λ of KL(q(z) ‖ p(z)): MMD² counts alpha + λ − 1 times",
        low=1.0,
        high=10_000.0,
        label="MMD scale λ",
    )


def mmd_squared(x: Tensor, y: Tensor, width: float) -> Tensor:
    """Unbiased MMD² with k(a, b) = exp(−|a − b|² / (2 width²)); may be below zero by chance.

    Source: Gretton et al. 2012, "A kernel two-sample test", equation 3.

    Args:
        x, y: (n, d), (m, d).
        width: of the kernel, in the unit of x.

    Example:
        >>> round(float(mmd_squared(torch.zeros(4, 1), torch.full((4, 1), 9.0), 1.0)), 3)
        2.0
    """

    def kernel(a: Tensor, b: Tensor) -> Tensor:
        # Not cdist, whose gradient is not defined where two points coincide.
        square = (a[:, None] - b[None]).square().sum(-1)
        return torch.exp(square * (-0.5 / width**2))

    def within(a: Tensor) -> Tensor:
        n = len(a)
        return (kernel(a, a).sum() - n) / max(1, n * (n - 1))

    return within(x) + within(y) - 2 * kernel(x, y).mean()


@OBJECTIVES.register("infovae_mmd", title="InfoVAE (MMD)", order=160)
class InfoVAE(Variational):
    """Maximises E_q[log p(x|z)] − (1−α) KL(q(z|x) ‖ p(z)) − (α+λ−1) MMD²(q(z), p(z)).

    α = 1 is the MMD-VAE; the kernel's squared width is the size of the code. The MMD is that of
    the batch's draws against as many draws of the prior, and the true ELBO is reported beside it.

    Source: Zhao, Song and Ermon 2019, "InfoVAE", equation 6.
    """

    Options = InfoVAEOptions

    @property
    def series(self) -> tuple[Series, ...]:
        o = self.options
        weight = o.alpha + o.mmd_scale - 1
        return (
            Series(
                "infovae_loss",
                f"−reconstruction + {1 - o.alpha:g} KL + {weight:g} MMD²: minimised, no −ELBO",
                "loss",
                "nats",
                "training batch",
                direction="lower",
            ),
            Series(
                "mmd",
                "MMD²(q(z), p(z)), unbiased, training batch",
                "divergence",
                "squared kernel mean",
                "training batch",
                direction="lower",
                truth=0.0,
                truth_label="q(z) = p(z)",
            ),
            *elbo_series(),
        )

    def loss(self, player: str, model: GenerativeModel, x: Tensor) -> Loss:
        one = draw(model, x)
        ideal = one.prior.sample(torch.Size((len(x),)))
        mmd = mmd_squared(one.z, ideal, one.z.shape[1] ** 0.5)
        o = self.options
        loss = (1 - o.alpha) * one.kl - one.reconstruction + (o.alpha + o.mmd_scale - 1) * mmd
        terms = {"infovae_loss": loss, "mmd": mmd.expand(len(x)), **one.terms}
        return Loss(loss.mean(), terms)
