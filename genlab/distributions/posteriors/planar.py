"""The planar flow as a posterior: planar steps on a diagonal Gaussian."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.distributions import Independent
from torch.nn.functional import softplus

from genlab.distributions.posteriors.base import POSTERIORS, Posterior
from genlab.distributions.posteriors.flow import Flow
from genlab.distributions.posteriors.gaussian import diagonal_normal

STEPS = 4
BISECTIONS = 40


class PlanarFlow(Flow):
    """z_K = f_K ∘ … ∘ f_1(z_0), z_0 ~ N(μ, diag σ²), f(z) = z + û tanh(w·z + b).

    log q(z_K) = log q_0(z_0) − Σ_k log(1 + w·û (1 − tanh²(w·z_{k−1} + b))). Each step is made
    invertible by û = u + (−1 + softplus(w·u) − w·u) w / |w|². The density at a given point needs
    the inverse: for each example and step one root, by bisection and a final Newton step, which
    carries the implicit derivative.

    Source: Rezende and Mohamed 2015, "Variational inference with normalizing flows", section 4.1
    and appendix A.

    Args:
        base: q_0, batch shape (B,).
        u, w: (B, steps, latent).
        b: (B, steps).
    """

    def __init__(self, base: Independent, u: Tensor, w: Tensor, b: Tensor) -> None:
        inner = (w * u).sum(-1, keepdim=True)
        square = w.square().sum(-1, keepdim=True) + 1e-8
        self.u = u + (softplus(inner) - 1 - inner) * w / square
        self.w, self.b = w, b
        super().__init__(base)

    def _forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        total = torch.zeros_like(z[..., 0])
        for k in range(self.w.shape[-2]):
            u, w, b = self.u[..., k, :], self.w[..., k, :], self.b[..., k]
            height = torch.tanh((w * z).sum(-1) + b)
            total = total + torch.log1p((w * u).sum(-1) * (1 - height.square()))
            z = z + u * height.unsqueeze(-1)
        return z, total

    def _backward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        total = torch.zeros_like((z * self.w[..., 0, :]).sum(-1))
        for k in reversed(range(self.w.shape[-2])):
            u, w, b = self.u[..., k, :], self.w[..., k, :], self.b[..., k]
            slope, height = (w * u).sum(-1), (w * z).sum(-1)
            with torch.no_grad():
                low, high = height - slope.abs(), height + slope.abs()
                for _ in range(BISECTIONS):
                    middle = 0.5 * (low + high)
                    above = middle + slope * torch.tanh(middle + b) > height
                    low, high = torch.where(above, low, middle), torch.where(above, middle, high)
                root = 0.5 * (low + high)
            lift = torch.tanh(root + b)
            rise = 1 + slope * (1 - lift.square())
            root = root - (root + slope * lift - height) / rise
            lift = torch.tanh(root + b)
            total = total + torch.log1p(slope * (1 - lift.square()))
            z = z - u * lift.unsqueeze(-1)
        return z, total


def make(h: Tensor, latent: int) -> PlanarFlow:
    """The net gives the base and every step, so that each example has its own flow.

    Args:
        h: (B, 2 latent + 4 (2 latent + 1)).
    """
    base, rest = h.split([2 * latent, STEPS * (2 * latent + 1)], dim=1)
    u, w, b = rest.view(-1, STEPS, 2 * latent + 1).split([latent, latent, 1], dim=2)
    return PlanarFlow(diagonal_normal(base), u, w, b.squeeze(-1))


POSTERIORS.register(
    "planar",
    title="Planar flow",
    summary="Four planar steps on a Gaussian, for curved posteriors. The KL is a Monte Carlo "
    "estimate.",
    order=100,
)(
    Posterior(
        outputs=lambda latent: 2 * latent + STEPS * (2 * latent + 1),
        make=make,
        marginals=False,
        detachable=False,
    )
)
