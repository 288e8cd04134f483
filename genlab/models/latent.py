"""What the models with a latent space share: the prior, the Gaussian encoder's head, sampling."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.distributions import Independent, Normal

from genlab.models.base import HasDecoder


def standard_normal(latent: int, like: Tensor) -> Independent:
    """N(0, I) over (latent,), on the device and in the precision of a tensor."""
    zero = torch.zeros(latent, dtype=like.dtype, device=like.device)
    return Independent(
        Normal(zero, torch.ones_like(zero), validate_args=False), 1, validate_args=False
    )


def diagonal_normal(h: Tensor) -> Independent:
    """N(μ, diag σ²) from a net's output h = (μ, log σ²), (B, 2 latent)."""
    mean, log_variance = h.chunk(2, dim=1)
    scale = (0.5 * log_variance).exp()
    return Independent(Normal(mean, scale, validate_args=False), 1, validate_args=False)


class StandardPrior(HasDecoder):
    """A latent space with the prior N(0, I), sampled through the decoder's mean."""

    def prior(self) -> Independent:
        return standard_normal(self.latent, next(self.parameters()))  # type: ignore[attr-defined]

    def sample(self, n: int) -> Tensor:
        """Draw n examples, the mean of p(x | z) at draws of the prior, (n, *data_shape)."""
        return self.decode(self.prior().sample(torch.Size((n,)))).mean
