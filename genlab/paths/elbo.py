"""The evidence lower bound of a DDPM: T + 1 terms, and its gap for Gaussian data.

    −ELBO = KL(q(x_T | x) ‖ N(0, I)) + Σ_{i=2}^T E KL(q(x_{i−1} | x_i, x) ‖ p(x_{i−1} | x_i))
            − E log p(x | x_1)

A DDPM is thus a VAE whose encoder has no parameters.

Source: Ho, Jain and Abbeel 2020, "Denoising diffusion probabilistic models", equation 5.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from genlab.paths.base import over
from genlab.paths.noise_schedules import Discrete

LOG_2PI = math.log(2 * math.pi)
#: Variances of the reverse Gaussians.
VARIANCES = ("beta", "posterior")

Estimates = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


def posterior_variance(path: Discrete) -> Tensor:
    """β̃_i = β_i (1 − ᾱ_{i−1})/(1 − ᾱ_i), the variance of q(x_{i−1} | x_i, x), (T,); β̃_1 = 0."""
    alpha_bar = path.alpha_bar
    return path.betas * (1.0 - alpha_bar[:-1]) / (1.0 - alpha_bar[1:])


def reverse_variance(path: Discrete, kind: str) -> Tensor:
    """σ_i² of p(x_{i−1} | x_i), (T,): β_i, or β̃_i with β̃_2 in the place of β̃_1 = 0.

    Raises:
        ValueError: for another kind.
    """
    if kind == "beta":
        return path.betas
    if kind == "posterior":
        found = posterior_variance(path)
        return torch.cat([found[1:2], found[1:]])
    raise ValueError(f"the reverse variance is one of {', '.join(VARIANCES)}, not {kind!r}")


def elbo_terms(
    estimates: Estimates, path: Discrete, x: Tensor, steps: Tensor, variance: str = "beta"
) -> Tensor:
    """Terms of −ELBO in nats, each with one draw of x_i from the global stream, (B,).

    Args:
        estimates: ``(x_i, t) -> (D, ε̂)``.
        path: with T steps.
        x: clean points, (B, ...).
        steps: i of each, (B,) in 1, ..., T + 1; T + 1 is KL(q(x_T | x) ‖ N(0, I)).
        variance: of the reverse Gaussians.
    """
    alpha_bar, betas = path.alpha_bar.to(x.device), path.betas.to(x.device)
    size = x[0].numel()
    at = steps.clamp(max=path.steps)
    alpha_bar, before = alpha_bar[at], alpha_bar[at - 1]
    t = 1.0 - at.double() / path.steps
    noise = torch.randn_like(x)
    noisy = over(alpha_bar.sqrt(), x) * x + over((1.0 - alpha_bar).sqrt(), x) * noise
    clean, _ = estimates(noisy, t)
    error = (x - clean).flatten(1).square().sum(1).double()
    sigma2 = reverse_variance(path, variance).to(x.device)[at - 1]
    ratio = posterior_variance(path).to(x.device)[at - 1] / sigma2
    pull = before * betas[at - 1].square() / (1.0 - alpha_bar).square()
    kl = 0.5 * size * (ratio - 1.0 - ratio.clamp(min=1e-300).log()) + 0.5 * pull * error / sigma2
    last = 0.5 * (error / sigma2 + size * (LOG_2PI + sigma2.log()))
    squares = x.flatten(1).square().sum(1).double()
    prior = 0.5 * (alpha_bar * squares - size * (alpha_bar + torch.log1p(-alpha_bar)))
    found = torch.where(at == 1, last, kl)
    return torch.where(steps > path.steps, prior, found).to(x.dtype)


def gaussian_gap(path: Discrete, variance: float, kind: str = "beta") -> float:
    """Σ_i E KL(q(x_{i−1} | x_i) ‖ p(x_{i−1} | x_i)) in nats for data N(μ, s²) and exact means.

    With v_i = ᾱ_i s² + 1 − ᾱ_i the true reverse variance is ṽ = v_{i−1} − α_i v²_{i−1}/v_i, and
    a term is ½ (ṽ/σ_i² − 1 − log(ṽ/σ_i²)).

    Args:
        path: with T steps.
        variance: s².
        kind: of the reverse variance; ``true`` for ṽ itself, where the sum is 0.

    Example:
        >>> from genlab.paths.noise_schedules import linear_betas
        >>> round(gaussian_gap(Discrete(linear_betas(100)), 0.25), 7)
        0.0109607
    """
    alpha_bar = path.alpha_bar
    spread = alpha_bar * variance + 1.0 - alpha_bar
    true = spread[:-1] - (1.0 - path.betas) * spread[:-1].square() / spread[1:]
    used = true if kind == "true" else reverse_variance(path, kind)
    ratio = true / used
    return float(0.5 * (ratio - 1.0 - ratio.log()).sum())
