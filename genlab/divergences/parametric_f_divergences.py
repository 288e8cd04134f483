"""The f-divergences with a parameter: the weighted Jensen-Shannon and the α-divergences."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import softplus

from genlab.divergences.f import INF, Domain, FDivergence, Latex, Parameter
from genlab.divergences.stable_formulas import (
    expm1_over,
    identity,
    log_mixture_ratio,
    log_one_minus_exp,
    within,
)


def weighted_jensen_shannon(pi: float) -> FDivergence:
    """The weighted Jensen-Shannon divergence π KL(P‖M) + (1−π) KL(Q‖M), M = πP + (1−π)Q."""
    log_pi, log_rest = math.log(pi), math.log1p(-pi)
    top = -pi * log_pi
    domain = Domain(high=top)

    def log_mix(l: Tensor) -> Tensor:
        return log_mixture_ratio(pi, l)

    def log_pull_over_pi(l: Tensor) -> Tensor:
        """log(1 + e^{−l} (1 − π)/π)."""
        return softplus(log_rest - log_pi - l)

    def critic(l: Tensor) -> Tensor:
        return -pi * log_mixture_ratio(1.0 - pi, -l)

    return FDivergence(
        name="js_weighted",
        title=f"weighted Jensen-Shannon (π = {pi:g})",
        f=lambda u: pi * torch.xlogy(u, u) - (1.0 - pi + pi * u) * torch.log1p(pi * (u - 1.0)),
        f_prime=lambda u: -pi * (pi + (1.0 - pi) / u).log(),
        conjugate=within(
            domain,
            0.0,
            lambda t: (1.0 - pi) * (log_rest - log_one_minus_exp(t / pi + log_pi)),
        ),
        activation=critic,
        conjugate_of_activation=lambda v: (1.0 - pi) * log_mix(v),
        critic=critic,
        score=identity,
        perspective=lambda a, b: (
            pi * a.exp() * -(log_pull_over_pi(a - b) + log_pi)
            - (1.0 - pi) * b.exp() * log_mix(a - b)
        ),
        domain=domain,
        threshold=0.0,
        at_zero=-(1.0 - pi) * log_rest,
        slope_at_infinity=top,
        symmetric=pi == 0.5,
        unit="nats",
        latex=Latex(
            r"\pi u\log u-(1-\pi+\pi u)\log(1-\pi+\pi u)",
            r"\pi\,\mathrm{KL}(P\|M)+(1-\pi)\,\mathrm{KL}(Q\|M),\quad M=\pi P+(1-\pi)Q",
            r"(1-\pi)\log\frac{1-\pi}{1-\pi e^{t/\pi}}",
            r"t<-\pi\log\pi",
            r"-\pi\log(\pi+(1-\pi)e^{-v})",
            r"\pi\log\frac{r}{1-\pi+\pi r}",
        ),
        convention=(
            "π KL(P‖M) + (1−π) KL(Q‖M): at π = ½ the Jensen-Shannon divergence itself, half of "
            "the row js. Small π behaves like KL, π near 1 like reverse KL (both after scaling)."
        ),
        parameter=Parameter("pi", pi, 1e-3, 1.0 - 1e-3, "the weight of the data in the mixture M"),
        family=weighted_jensen_shannon,
    )


def alpha_divergence(alpha: float) -> FDivergence:
    """The α-divergence with f(u) = (u^α − 1 − α(u − 1)) / (α(α − 1)) (Amari; Cichocki 2010)."""
    scale = alpha * (alpha - 1.0)
    power = alpha / (alpha - 1.0)
    top = 1.0 / (1.0 - alpha) if alpha < 1.0 else INF
    domain = Domain(high=top, high_closed=alpha < 0.0)

    def f(u: Tensor) -> Tensor:
        value = (torch.expm1(alpha * u.log()) - alpha * (u - 1.0)) / scale
        return torch.where(u > 0, value, torch.full_like(u, 1.0 / alpha if alpha > 0 else INF))

    def finite_conjugate(t: Tensor) -> Tensor:
        base = (t * (alpha - 1.0) + 1.0).clamp(min=0.0)
        return (base.pow(power) - 1.0) / alpha

    def critic(l: Tensor) -> Tensor:
        return expm1_over(alpha - 1.0, l)

    def perspective(a: Tensor, b: Tensor) -> Tensor:
        l = a - b
        near = b.exp() * (torch.expm1(alpha * l) - alpha * torch.expm1(l)) / scale
        power_mean = (alpha * a + (1.0 - alpha) * b).exp()
        far = (power_mean - alpha * a.exp() - (1.0 - alpha) * b.exp()) / scale
        return torch.where(l.abs() < 1.0, near, far)

    above = alpha > 1.0
    return FDivergence(
        name="alpha",
        title=f"α-divergence (α = {alpha:g})",
        f=f,
        f_prime=lambda u: torch.expm1((alpha - 1.0) * u.log()) / (alpha - 1.0),
        conjugate=within(domain, 0.0, finite_conjugate),
        activation=critic,
        conjugate_of_activation=lambda v: expm1_over(alpha, v),
        critic=critic,
        score=identity,
        perspective=perspective,
        domain=domain,
        threshold=0.0,
        at_zero=1.0 / alpha if alpha > 0 else INF,
        slope_at_infinity=top,
        symmetric=alpha == 0.5,
        unit="dimensionless",
        latex=Latex(
            r"\frac{u^{\alpha}-1-\alpha(u-1)}{\alpha(\alpha-1)}",
            r"\frac{1}{\alpha(\alpha-1)}\left(\int p^{\alpha}q^{1-\alpha}-1\right)",
            r"\frac{(t(\alpha-1)+1)^{\alpha/(\alpha-1)}-1}{\alpha}",
            r"\mathbb{R}" if above else r"t<\tfrac{1}{1-\alpha}",
            r"\frac{e^{(\alpha-1)v}-1}{\alpha-1}",
            r"\frac{r^{\alpha-1}-1}{\alpha-1}",
        ),
        convention=(
            "α → 1 is KL, α → 0 reverse KL, α = ½ is 2 × squared Hellinger, α = 2 half of "
            "Pearson, α = −1 half of Neyman. For α > 1 the conjugate is flat at −1/α below "
            "t = −1/(α−1). The activation is the exact critic of r = e^v, so the best score is "
            "log r for every α, and f* of a score v is (e^{αv} − 1)/α."
        ),
        parameter=Parameter(
            "alpha",
            alpha,
            -5.0,
            5.0,
            "large α covers the mass, negative α seeks a mode; 1 is the row kl, 0 reverse_kl",
            excluded=(0.0, 1.0),
        ),
        family=alpha_divergence,
    )
