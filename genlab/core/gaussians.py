"""Densities and draws of Gaussian mixtures and of the linear Gaussian model, each written once.

Datasets, models, inference and lessons keep their parameters as they need them and take the
mathematics from here. The noised mixtures of :mod:`genlab.paths.exact` stand apart: they work in
the axes of each component, which do not change with time.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

LOG_2PI = math.log(2 * math.pi)


def mixture_log_joint(x: Tensor, log_weights: Tensor, means: Tensor, factors: Tensor) -> Tensor:
    """log w_k + log N(x; μ_k, L_k L_kᵀ) in nats for each component.

    The logarithm of the sum of its exponentials is log p(x), its softmax the responsibilities.

    Args:
        x: points, (B, d).
        log_weights: log w, (K,).
        means: (K, d).
        factors: Cholesky factors L, lower triangular, (K, d, d).

    Returns:
        (B, K).

    Example:
        >>> one = mixture_log_joint(
        ...     torch.zeros(1, 2), torch.zeros(1), torch.zeros(1, 2), torch.eye(2)[None]
        ... )
        >>> round(one.item(), 4)  # -log 2π
        -1.8379
    """
    size = means.shape[1]
    if size == 1:
        squares = ((x.mT - means) / factors[:, 0]).square().mT
    else:
        offset = (x[:, None] - means).permute(1, 2, 0)  # (K, d, B): one system a component
        scaled = torch.linalg.solve_triangular(factors, offset, upper=False)
        squares = scaled.square().sum(1).T
    half_log_det = torch.diagonal(factors, dim1=-2, dim2=-1).log().sum(-1)
    return log_weights - half_log_det - 0.5 * size * LOG_2PI - 0.5 * squares


def draw_mixture(
    n: int,
    weights: Tensor,
    means: Tensor,
    factors: Tensor,
    generator: torch.Generator | None = None,
) -> tuple[Tensor, Tensor]:
    """n draws of a mixture, (n, d), and the component of each, (n,).

    Args:
        n: how many.
        weights: (K,), summing to 1.
        means, factors: as for :func:`mixture_log_joint`.
        generator: where the bits come from; None for the global stream.
    """
    component = torch.multinomial(weights, n, replacement=True, generator=generator)
    noise = torch.randn(n, means.shape[1], generator=generator, dtype=means.dtype)
    return means[component] + (factors[component] @ noise[..., None])[..., 0], component


def posterior_precision(weight: Tensor, variance: Tensor | float) -> Tensor:
    """Λ = I + WᵀW/σ² of the linear Gaussian model x = W z + b + σ ε, z ~ N(0, I).

    Source: Tipping and Bishop 1999, "Probabilistic principal component analysis".

    Args:
        weight: W, (d, latent).
        variance: σ².

    Returns:
        The precision of p(z | x), (latent, latent).
    """
    eye = torch.eye(weight.shape[1], dtype=weight.dtype, device=weight.device)
    return eye + weight.mT @ weight / variance


def linear_gaussian_log_prob(x: Tensor, weight: Tensor, variance: Tensor | float) -> Tensor:
    """log N(x; 0, WWᵀ + σ²I) in nats, by the matrix inversion lemma: systems of the latent size.

    Args:
        x: points with the model's mean taken away, (B, d).
        weight: W, (d, latent).
        variance: σ².

    Returns:
        (B,).

    Example:
        >>> found = linear_gaussian_log_prob(torch.zeros(1, 1), torch.ones(1, 1), 1.0)
        >>> round(found.item(), 4)  # log N(0; 0, 2)
        -1.2655
    """
    size = x.shape[1]
    precision = posterior_precision(weight, variance)
    pull = x @ weight / variance
    explained = (pull * torch.linalg.solve(precision, pull.mT).mT).sum(1)
    quadratic = x.square().sum(1) / variance - explained
    log_variance = variance.log() if isinstance(variance, Tensor) else math.log(variance)
    log_det = size * log_variance + torch.logdet(precision)
    result: Tensor = -0.5 * (quadratic + log_det + size * LOG_2PI)
    return result
