"""A normalising flow as a posterior: planar steps on a diagonal Gaussian, given by the net."""

from __future__ import annotations

import functools
from typing import ClassVar

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, constraints
from torch.nn.functional import softplus

from genlab.distributions.posteriors.base import POSTERIORS, Posterior
from genlab.distributions.posteriors.gaussian import diagonal_normal

STEPS = 4
#: Quasi-random points, each with its mirror image, from which the moments are computed.
POINTS = 64
BISECTIONS = 40


@functools.lru_cache(maxsize=8)
def _points(latent: int) -> Tensor:
    """Points that stand for N(0, I), (2 POINTS, latent): scrambled Sobol and their negatives."""
    draws = torch.quasirandom.SobolEngine(latent, scramble=True, seed=0).draw(POINTS)
    normal = torch.special.ndtri(draws.double().clamp(1e-6, 1 - 1e-6))
    return torch.cat([normal, -normal])


class PlanarFlow(Distribution):
    """z_K = f_K ∘ … ∘ f_1(z_0), z_0 ~ N(μ, diag σ²), f(z) = z + û tanh(w·z + b).

    log q(z_K) = log q_0(z_0) − Σ_k log(1 + w·û (1 − tanh²(w·z_{k−1} + b))). Each step is made
    invertible by û = u + (−1 + softplus(w·u) − w·u) w / |w|². The density at a point that was not
    drawn is found through the inverse: one root a number of examples and step, by bisection and
    then one Newton step, which carries the implicit derivative. ``mean`` and ``variance`` have no
    closed form and are averages over 128 fixed quasi-random points.

    Source: Rezende and Mohamed 2015, "Variational inference with normalizing flows", section 4.1
    and appendix A.

    Args:
        base: q_0, batch shape (B,).
        u, w: (B, steps, latent).
        b: (B, steps).
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}
    has_rsample = True

    def __init__(self, base: Independent, u: Tensor, w: Tensor, b: Tensor) -> None:
        inner = (w * u).sum(-1, keepdim=True)
        square = w.square().sum(-1, keepdim=True) + 1e-8
        self.u = u + (softplus(inner) - 1 - inner) * w / square
        self.base, self.w, self.b = base, w, b
        #: The last draw and its log-density, so that a pathwise step needs no inverse.
        self._last: tuple[Tensor, Tensor] | None = None
        super().__init__(base.batch_shape, base.event_shape, validate_args=False)

    def _forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """The image of z, (..., B, latent), and Σ log |det|, (..., B)."""
        total = torch.zeros_like(z[..., 0])
        for k in range(self.w.shape[-2]):
            u, w, b = self.u[..., k, :], self.w[..., k, :], self.b[..., k]
            height = torch.tanh((w * z).sum(-1) + b)
            total = total + torch.log1p((w * u).sum(-1) * (1 - height.square()))
            z = z + u * height.unsqueeze(-1)
        return z, total

    def _backward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """The point whose image is z, and Σ log |det| of the way there."""
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

    def _moments(self) -> tuple[Tensor, Tensor]:
        assert isinstance(self.base, Independent)
        law = self.base.base_dist
        noise = _points(self._event_shape.numel()).to(law.loc)
        z, _ = self._forward(law.loc + law.scale * noise[:, None])
        return z.mean(0), z.var(0, correction=0)

    @property
    def mean(self) -> Tensor:
        return self._moments()[0]

    @property
    def variance(self) -> Tensor:
        return self._moments()[1]

    def rsample(self, sample_shape: torch.Size | tuple[int, ...] = ()) -> Tensor:  # type: ignore[override]
        start = self.base.rsample(torch.Size(sample_shape))
        z, log_det = self._forward(start)
        self._last = z, self.base.log_prob(start) - log_det
        return z

    def log_prob(self, value: Tensor) -> Tensor:
        if self._last is not None and value is self._last[0]:
            return self._last[1]
        start, log_det = self._backward(value)
        return self.base.log_prob(start) - log_det


def make(h: Tensor, latent: int) -> PlanarFlow:
    """The net gives the base and every step, so that each example has a flow of its own.

    Args:
        h: (B, 2 latent + 4 (2 latent + 1)).
    """
    base, rest = h.split([2 * latent, STEPS * (2 * latent + 1)], dim=1)
    u, w, b = rest.view(-1, STEPS, 2 * latent + 1).split([latent, latent, 1], dim=2)
    return PlanarFlow(diagonal_normal(base), u, w, b.squeeze(-1))


POSTERIORS.register(
    "planar",
    title="Planar flow",
    summary="Four planar steps on a Gaussian: bent posteriors; the KL is a Monte Carlo number.",
)(
    Posterior(
        outputs=lambda latent: 2 * latent + STEPS * (2 * latent + 1), make=make, marginals=False
    )
)
