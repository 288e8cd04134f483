"""The functions that several rows share: constants, log-gamma pieces, expectations."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from genlab.distributions.families.base import Cross, Moment, Natural, Params

EULER = 0.5772156649015329
LOG_2PI = math.log(2 * math.pi)
lgamma = torch.lgamma
digamma = torch.digamma


def trigamma(x: Tensor) -> Tensor:
    """ψ′, the variance of the logarithm of a Gamma(x, 1)."""
    return torch.polygamma(1, x)


def log_beta(a: Tensor, b: Tensor) -> Tensor:
    """log B(a, b)."""
    return lgamma(a) + lgamma(b) - lgamma(a + b)


def where(keep: Tensor, value: Tensor, other: float) -> Tensor:
    """The value where it holds, a constant elsewhere."""
    return torch.where(keep, value, torch.full_like(value, other))


def finite_exp(x: Tensor, spare: float = 1e-3) -> Tensor:
    """e^x kept within the range of the dtype, so that a very heavy tail gives no inf or 0.

    Args:
        x: the exponent.
        spare: how far below the largest exponent to stop, for a product that follows.
    """
    limits = torch.finfo(x.dtype)
    return torch.exp(x.clamp(math.log(limits.tiny), math.log(limits.max) - spare))


def log1p_square(x: Tensor) -> Tensor:
    """log(1 + x²) for x ≥ 0, also where x² overflows."""
    large = x > 1 / torch.finfo(x.dtype).eps
    one = torch.ones_like(x)
    far = 2 * torch.log(torch.where(large, x, one))
    return torch.where(large, far, torch.log1p(torch.where(large, one, x) ** 2))


def over_exponential(g: Callable[[Tensor], Tensor], like: Tensor) -> Tensor:
    """E[g(e)], e ~ Exponential(1), by the trapezoidal rule in log e.

    The integrand g(e^t) exp(t − e^t) decays doubly exponentially on the right and is analytic in
    a strip, so that the rule with step 0.2 is exact to round-off for the g used here.
    """
    step = 0.2
    t = torch.arange(-45.0, 4.6, step, dtype=like.dtype, device=like.device)
    return (g(torch.exp(t)) * torch.exp(t - torch.exp(t))).sum(-1) * step


def from_moments(
    mean: Callable[[Params], Tensor], variance: Callable[[Params], Tensor]
) -> dict[str, Moment]:
    """E z and E z² from the mean and the variance."""
    return {"z": mean, "z2": lambda p: variance(p) + mean(p) ** 2}


def gamma_view(
    view: Callable[[Mapping[str, Tensor]], tuple[Tensor, Tensor]],
) -> tuple[dict[str, Moment], Cross, Natural, Callable[[Params], Tensor]]:
    """What Gamma(k, λ) and its special cases share: expectations, −E log p, natural form, entropy.

    Args:
        view: from the row's parameters to k and λ.
    """

    def log_mean(p: Params) -> Tensor:
        k, rate = view(p)
        return digamma(k) - torch.log(rate)

    def power(p: Params, r: Tensor) -> Tensor:
        k, rate = view(p)
        return torch.exp(lgamma(k + r) - lgamma(k) - r * torch.log(rate))

    def mgf(p: Params, t: Tensor) -> Tensor:
        k, rate = view(p)
        good = t < rate
        inner = torch.where(good, 1 - t / rate, torch.ones_like(rate * t))
        return where(good, inner**-k, math.inf)

    expected: dict[str, Moment] = {
        "z": lambda p: view(p)[0] / view(p)[1],
        "z2": lambda p: view(p)[0] * (view(p)[0] + 1) / view(p)[1] ** 2,
        "log": log_mean,
        "log2": lambda p: log_mean(p) ** 2 + trigamma(view(p)[0]),
        "power": power,
        "exp": mgf,
    }

    def cross(p: Mapping[str, Tensor], e: Mapping[str, Moment]) -> Tensor:
        k, rate = view(p)
        return lgamma(k) - k * torch.log(rate) - (k - 1) * e["log"]() + rate * e["z"]()

    def eta(p: Mapping[str, Tensor]) -> Tensor:
        k, rate = view(p)
        return torch.stack(torch.broadcast_tensors(k - 1, -rate), -1)

    def log_normaliser(n: Tensor) -> Tensor:
        return lgamma(n[..., 0] + 1) - (n[..., 0] + 1) * torch.log(-n[..., 1])

    def entropy(p: Params) -> Tensor:
        k, rate = view(p)
        return k - torch.log(rate) + lgamma(k) + (1 - k) * digamma(k)

    natural = Natural("gamma", r"(\log z,\ z)", eta, log_normaliser)
    return expected, Cross(("z", "log"), cross), natural, entropy


def weibull_view(
    view: Callable[[Mapping[str, Tensor]], tuple[Tensor, Tensor]],
) -> tuple[dict[str, Moment], Callable[[Params], Tensor]]:
    """Expectations and entropy of z = λ e^(1/k), which Weibull and Rayleigh share.

    Args:
        view: from the row's parameters to λ and k.
    """

    def log_mean(p: Params) -> Tensor:
        scale, k = view(p)
        return torch.log(scale) - EULER / k

    def power(p: Params, r: Tensor | float) -> Tensor:
        scale, k = view(p)
        return torch.exp(r * torch.log(scale) + lgamma(1 + r / k))

    def entropy(p: Params) -> Tensor:
        scale, k = view(p)
        return EULER * (1 - 1 / k) + torch.log(scale / k) + 1

    expected: dict[str, Moment] = {
        "z": lambda p: power(p, 1.0),
        "z2": lambda p: power(p, 2.0),
        "log": log_mean,
        "log2": lambda p: log_mean(p) ** 2 + math.pi**2 / (6 * view(p)[1] ** 2),
        "power": power,
    }
    return expected, entropy
