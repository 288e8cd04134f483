"""The importance weights w = p(x, z)/q(z | x) of pathwise draws, and the bound they make."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.distributions import Distribution

from genlab.models.base import HasDecoder


def log_weights(model: HasDecoder, x: Tensor, q: Distribution, samples: int) -> Tensor:
    """log w = log p(x | z) + log p(z) − log q(z | x) at pathwise draws z of q, in nats.

    Args:
        x: (B, *data_shape).
        q: the posterior, batch shape (B,).
        samples: draws L for each example.

    Returns:
        (L, B).
    """
    z = q.rsample(torch.Size((samples,)))
    reconstruction = log_likelihood(model, x, z)
    return reconstruction + model.prior().log_prob(z) - q.log_prob(z)


def log_likelihood(model: HasDecoder, x: Tensor, z: Tensor) -> Tensor:
    """log p(x | z) in nats at (L, B, latent) codes of (B, *data_shape) examples, (L, B)."""
    repeated = x.expand(len(z), *x.shape).flatten(0, 1)
    return model.decode(z.flatten(0, 1)).log_prob(repeated).view(z.shape[:2])


def iwae_bound(weights: Tensor) -> Tensor:
    """L_k = log (1/k) Σ_i w_i from log weights, (k, B) -> (B,) in nats.

    Source: Burda, Grosse and Salakhutdinov 2016, equation 8.

    Example:
        >>> iwae_bound(torch.zeros(5, 2))
        tensor([0., 0.])
    """
    return torch.logsumexp(weights, dim=0) - math.log(len(weights))
