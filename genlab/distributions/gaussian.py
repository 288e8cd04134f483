"""The Gaussian likelihood with one fixed standard deviation."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints

from genlab.distributions.base import LIKELIHOODS, Likelihood


class IsotropicGaussian(Distribution):
    """N(x; μ, σ²I) over whole examples, with one σ for all entries.

    log p = −½ Σ (x − μ)² / σ² − (D/2) log(2πσ²), including the constant.

    Args:
        mean: μ, (B, *event).
        sigma: σ, in data units.
        event_dim: how many of the last axes belong to one example.

    Example:
        >>> distribution = IsotropicGaussian(torch.zeros(1, 784), 1.0, 1)
        >>> round(float(distribution.log_prob(torch.zeros(1, 784))), 2)
        -720.45
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}
    has_rsample = True

    def __init__(self, mean: Tensor, sigma: float, event_dim: int) -> None:
        self._mean, self.sigma = mean, sigma
        split = mean.dim() - event_dim
        super().__init__(mean.shape[:split], mean.shape[split:], validate_args=False)

    @property
    def mean(self) -> Tensor:
        """The mean, batch shape + event shape."""
        return self._mean

    @property
    def mode(self) -> Tensor:
        """The most likely value, batch shape + event shape."""
        return self._mean

    @property
    def variance(self) -> Tensor:
        """The variance of each entry, batch shape + event shape."""
        return torch.full_like(self._mean, self.sigma**2)

    def rsample(self, sample_shape: torch.Size | tuple[int, ...] = ()) -> Tensor:  # type: ignore[override]
        """Pathwise draws, sample shape + batch shape + event shape."""
        shape = torch.Size(sample_shape) + self._mean.shape
        noise = torch.randn(shape, dtype=self._mean.dtype, device=self._mean.device)
        return self._mean + self.sigma * noise

    def log_prob(self, value: Tensor) -> Tensor:
        """log p(value) in nats, one number for each example: (..., *event shape) -> (...)."""
        event = len(self._event_shape)
        size = self._event_shape.numel()
        square = (value - self._mean).square().flatten(start_dim=-event).sum(-1)
        constant = 0.5 * size * math.log(2 * math.pi * self.sigma**2)
        return square * (-0.5 / self.sigma**2) - constant


def make(h: Tensor, options: Any) -> IsotropicGaussian:
    """The net gives the mean; ``options.sigma`` is the standard deviation.

    Args:
        h: means, (B, 1, *data_shape).
    """
    return IsotropicGaussian(h[:, 0], options.sigma, h.dim() - 2)


LIKELIHOODS.register(
    "gaussian",
    title="Gaussian",
    summary="Real data or grey images, with one fixed σ.",
    order=40,
)(Likelihood(supports=("real", "unit"), densities=("real", "unit"), outputs=1, make=make))
