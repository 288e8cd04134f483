"""Gaussian posteriors: with a diagonal covariance, and with a full one."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.distributions import Independent, MultivariateNormal, Normal

from genlab.distributions.posteriors.base import POSTERIORS, Posterior


def diagonal_normal(h: Tensor) -> Independent:
    """N(μ, diag σ²) from a net's output h = (μ, log σ²), (B, 2 latent)."""
    mean, log_variance = h.chunk(2, dim=1)
    scale = (0.5 * log_variance).exp()
    return Independent(Normal(mean, scale, validate_args=False), 1, validate_args=False)


def _diagonal(h: Tensor, latent: int) -> Independent:  # noqa: ARG001 - the table's signature
    return diagonal_normal(h)


def full_normal(h: Tensor, latent: int) -> MultivariateNormal:
    """N(μ, L Lᵀ) from h = (μ, log L_jj², the entries of L below its diagonal).

    Source: Kingma and Welling 2019, "An introduction to variational autoencoders", section 2.5.1.

    Args:
        h: (B, 2 latent + latent (latent − 1) / 2).
    """
    mean, log_variance, rest = h.split([latent, latent, h.shape[1] - 2 * latent], dim=1)
    row, column = torch.tril_indices(latent, latent, -1, device=h.device)
    lower = torch.diag_embed((0.5 * log_variance).exp())
    lower = lower.index_put((torch.arange(len(h))[:, None], row[None], column[None]), rest)
    return MultivariateNormal(mean, scale_tril=lower, validate_args=False)


POSTERIORS.register(
    "gaussian",
    title="Gaussian, diagonal",
    summary="One mean and one variance for each entry of z.",
    order=10,
)(Posterior(outputs=lambda latent: 2 * latent, make=_diagonal))
POSTERIORS.register(
    "full_gaussian",
    title="Gaussian, full covariance",
    summary="The net gives a Cholesky factor, so the entries of z may depend on each other.",
    order=20,
)(
    Posterior(
        outputs=lambda latent: 2 * latent + latent * (latent - 1) // 2,
        make=full_normal,
    )
)
