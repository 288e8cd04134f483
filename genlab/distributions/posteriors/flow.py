"""The base of normalising-flow posteriors: draws with density, quasi-Monte Carlo moments."""

from __future__ import annotations

import abc
import functools
from typing import ClassVar

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, constraints

#: The number of quasi-random points for the moments; each is used with its mirror image.
POINTS = 64


@functools.lru_cache(maxsize=8)
def _points(latent: int) -> Tensor:
    """Quasi-random points of N(0, I), (2 POINTS, latent): scrambled Sobol points and their
    negatives.

    Their means and variances are exactly 0 and 1, so that the moments of an affine flow are exact.
    """
    draws = torch.quasirandom.SobolEngine(latent, scramble=True, seed=0).draw(POINTS)
    normal = torch.special.ndtri(draws.double().clamp(1e-6, 1 - 1e-6))
    normal = normal / normal.square().mean(0).sqrt()
    return torch.cat([normal, -normal])


class Flow(Distribution, abc.ABC):
    """z = f(z_0), z_0 ~ N(μ, diag σ²), log q(z) = log q_0(z_0) − log |det ∂f/∂z_0|.

    ``mean`` and ``variance`` have no closed form and are averages over 128 fixed quasi-random
    points.

    Source: Rezende and Mohamed 2015, "Variational inference with normalizing flows".

    Args:
        base: q_0, batch shape (B,), event shape (latent,).
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}
    has_rsample = True

    def __init__(self, base: Independent) -> None:
        self.base = base
        #: The last draw and its log-density, so that a pathwise step needs no inverse.
        self._last: tuple[Tensor, Tensor] | None = None
        super().__init__(base.batch_shape, base.event_shape, validate_args=False)

    @abc.abstractmethod
    def _forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """The image of z, (..., B, latent), and log |det|, (..., B)."""

    @abc.abstractmethod
    def _backward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """The preimage of z, and log |det ∂f/∂z_0| there."""

    def _moments(self) -> tuple[Tensor, Tensor]:
        base = self.base.base_dist
        noise = _points(self._event_shape.numel()).to(base.loc)
        z, _ = self._forward(base.loc + base.scale * noise[:, None])
        return z.mean(0), z.var(0, correction=0)

    @property
    def mean(self) -> Tensor:
        """The mean, batch shape + event shape."""
        return self._moments()[0]

    @property
    def variance(self) -> Tensor:
        """The variance of each entry, batch shape + event shape."""
        return self._moments()[1]

    def rsample(self, sample_shape: torch.Size | tuple[int, ...] = ()) -> Tensor:  # type: ignore[override]
        """Pathwise draws, sample shape + batch shape + event shape."""
        start = self.base.rsample(torch.Size(sample_shape))
        z, log_det = self._forward(start)
        self._last = z, self.base.log_prob(start) - log_det
        return z

    def log_prob(self, value: Tensor) -> Tensor:
        """log p(value) in nats, one number for each example: (..., *event shape) -> (...)."""
        if self._last is not None and value is self._last[0]:
            return self._last[1]
        start, log_det = self._backward(value)
        density = self.base.log_prob(start) - log_det
        # Where the inverse overflows, q is 0 in floating point.
        lost = density.isnan() & value.isfinite().all(-1)
        return torch.where(lost, -torch.inf, density)
