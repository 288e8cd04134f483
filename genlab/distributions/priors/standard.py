"""The standard normal prior."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, Normal

from genlab.distributions.priors.base import PRIORS, Prior


class StandardNormal(Independent):
    """N(0, I) with a faster sampler: no mean is added and no scale multiplied."""

    def sample(self, sample_shape: torch.Size | tuple[int, ...] = ()) -> Tensor:  # type: ignore[override]
        """Draws without a gradient, sample shape + batch shape + event shape."""
        loc = self.base_dist.loc
        shape = torch.Size(sample_shape) + loc.shape
        return torch.randn(shape, dtype=loc.dtype, device=loc.device)


@lru_cache(maxsize=64)
def _standard_normal(latent: int, dtype: torch.dtype, device: torch.device) -> Independent:
    zero = torch.zeros(latent, dtype=dtype, device=device)
    return StandardNormal(
        Normal(zero, torch.ones_like(zero), validate_args=False), 1, validate_args=False
    )


def standard_normal(latent: int, like: Tensor) -> Independent:
    """N(0, I) over (latent,), on the device and in the precision of a tensor."""
    return _standard_normal(latent, like.dtype, like.device)


@PRIORS.register(
    "standard", title="Standard normal", summary="N(0, I). Nothing is learned.", order=10
)
class Standard(Prior):
    """p(z) = N(0, I)."""

    def distribution(self, encode: Callable[[Tensor], Distribution], like: Tensor) -> Distribution:
        return standard_normal(self.latent, like)
