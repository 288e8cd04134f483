"""Functions that several families share: constants, log-gamma terms, expectations."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from genlab.distributions.families.base import Cross, Moment, Natural
from genlab.distributions.families.parameters import Params

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


def stirling(x: Tensor) -> Tensor:
    """S(x) = log Γ(x) − (x − ½) log x + x − ½ log 2π, for x ≥ 20 to 1e-14."""
    r = 1.0 / x
    square = r * r
    return r * (1 / 12 - square * (1 / 360 - square * (1 / 1260 - square / 1680)))


def log1p_gap(x: Tensor) -> Tensor:
    """h(x) = x − log(1 + x) ≥ 0 for x > −1, to full relative precision near 0."""
    near = x.abs() < 0.01
    small = torch.where(near, x, torch.zeros_like(x))
    series = torch.zeros_like(x)
    for k in range(9, 1, -1):
        series = series * small + (-1) ** k / k
    far = torch.where(near, torch.ones_like(x), x)
    return torch.where(near, series * small * small, far - torch.log1p(far))


def lgamma_rise(x: Tensor, step: float) -> Tensor:
    """log Γ(x + s) − log Γ(x) − s log x for s ≥ 0, which tends to 0 for large x."""
    large = x >= 25.0
    at = torch.where(large, x, torch.full_like(x, 25.0))
    ratio = step / at
    # (x + s − ½) log(1 + s/x) − s with log(1 + y) = y − h(y).
    far = (step - 0.5) * torch.log1p(ratio) - at * log1p_gap(ratio)
    far = far + stirling(at + step) - stirling(at)
    low = torch.where(large, torch.full_like(x, 25.0), x)
    near = lgamma(low + step) - lgamma(low) - step * torch.log(low)
    return torch.where(large, far, near)


def gamma_kl(k: Tensor, rate: Tensor, l: Tensor, other: Tensor) -> Tensor:
    """KL(Gamma(k, rate) ‖ Gamma(l, other)) in nats, exactly 0 at equal parameters.

    (k − l) ψ(k) − log Γ(k) + log Γ(l) + l (log rate − log other) + k (other − rate)/rate, with the
    parts of Stirling's series that cancel taken out where both shapes are large:

        k h(λ) + (k − l)(log(1 + λ))  and  k [(1 + e) log(1 + e) − e],  λ = other/rate − 1,
        e = l/k − 1,  h(x) = x − log(1 + x).

    Args:
        k, rate, l, other: broadcastable, float64.
    """
    k, rate, l, other = torch.broadcast_tensors(k, rate, l, other)
    change = (other - rate) / rate
    scale = k * log1p_gap(change) + (k - l) * torch.log1p(change)
    large = (k >= 25.0) & (l >= 25.0)
    a, c = (torch.where(large, x, torch.full_like(x, 25.0)) for x in (k, l))
    e = (c - a) / a
    # (1 + e) log(1 + e) − e = e²  − (1 + e) h(e).
    bend = e * e - (1.0 + e) * log1p_gap(e)
    square = 1.0 / (a * a)
    tail = (c - a) * square * (1 / 12 - square * (1 / 120 - square / 252))
    far = a * bend + 0.5 * log1p_gap(e) + stirling(c) - stirling(a) + tail
    b, d = (torch.where(large, torch.full_like(x, 1.0), x) for x in (k, l))
    near = (b - d) * digamma(b) - lgamma(b) + lgamma(d)
    return torch.where(large, far, near) + scale


def beta_log_density(a: Tensor, b: Tensor, z: Tensor, log: Tensor, log1m: Tensor) -> Tensor:
    """log of the Beta(a, b) density at z from log z and log(1 − z), stable for large a and b.

    With n = a + b and m = a/n:  −a h((z − m)/m) − b h((m − z)/(1 − m)) − log z − log(1 − z)
    + ½ log(ab/(2πn)) − [S(a) + S(b) − S(n)], for both at least 25.
    """
    a, b, z = torch.broadcast_tensors(a, b, z)
    large = (a >= 25.0) & (b >= 25.0) & (z > 0) & (z < 1)
    big_a, big_b = (torch.where(large, x, torch.full_like(x, 25.0)) for x in (a, b))
    inside = torch.where(large, z, torch.full_like(z, 0.5))
    n = big_a + big_b
    away = inside - big_a / n
    far = -big_a * log1p_gap(away * n / big_a) - big_b * log1p_gap(-away * n / big_b)
    far = far - log - log1m + 0.5 * torch.log(big_a * big_b / (2 * math.pi * n))
    far = far - stirling(big_a) - stirling(big_b) + stirling(n)
    low_a, low_b = (torch.where(large, torch.ones_like(x), x) for x in (a, b))
    near = (low_a - 1) * log + (low_b - 1) * log1m - log_beta(low_a, low_b)
    return torch.where(large, far, near)


def where(keep: Tensor, value: Tensor, other: float) -> Tensor:
    """The value where the mask is true, a constant elsewhere."""
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
    """Expectations, −E log p, natural form and entropy of Gamma(k, λ) and its special cases.

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
    """Expectations and entropy of z = λ e^(1/k), for Weibull and Rayleigh.

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
