"""The rows of ``PATHS``: straight, variance-preserving and variance-exploding paths."""

from __future__ import annotations

import abc
import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from genlab.paths.base import PATHS, ProbabilityPath


def narrowing(steps: int, rest: float) -> list[float]:
    """Times from 0 to 1 − rest whose steps shrink towards the data, steps + 1 of them."""
    return [1.0 - rest - (1.0 - rest) * (1.0 - i / steps) ** 2 for i in range(steps + 1)]


class Linear(ProbabilityPath):
    """Straight lines: α = t, σ = 1 − t, so that the conditional velocity is x₁ − ε.

    Sources: Liu, Gong and Liu 2023, "Flow straight and fast: learning to generate and transfer
    data with rectified flow"; Lipman et al. 2023, "Flow matching for generative modeling".
    """

    def alpha(self, t: Tensor) -> Tensor:
        return t

    def sigma(self, t: Tensor) -> Tensor:
        return 1.0 - t

    def d_alpha(self, t: Tensor) -> Tensor:
        return torch.ones_like(t)

    def d_sigma(self, t: Tensor) -> Tensor:
        return -torch.ones_like(t)


class VariancePreserving(ProbabilityPath):
    """α² + σ² = 1; a subclass gives log α² as a function of τ = 1 − t and its derivative."""

    variance_preserving = True

    @abc.abstractmethod
    def log_alpha_bar(self, tau: Tensor) -> Tensor:
        """log ᾱ(τ) = log α², at most 0."""

    @abc.abstractmethod
    def beta(self, tau: Tensor) -> Tensor:
        """β(τ) = −d log ᾱ/dτ, the rate at which noise comes in."""

    def alpha(self, t: Tensor) -> Tensor:
        return (0.5 * self.log_alpha_bar(1.0 - t)).exp()

    def sigma(self, t: Tensor) -> Tensor:
        return (-torch.expm1(self.log_alpha_bar(1.0 - t))).clamp(min=0.0).sqrt()

    def d_alpha(self, t: Tensor) -> Tensor:
        return 0.5 * self.beta(1.0 - t) * self.alpha(t)

    def d_sigma(self, t: Tensor) -> Tensor:
        return self.sigma_d_sigma(t) / self.sigma(t)

    def sigma_d_sigma(self, t: Tensor) -> Tensor:
        return -self.alpha(t) * self.d_alpha(t)


class LinearBeta(VariancePreserving):
    """The variance-preserving path whose noise rate β rises from 0.1 to 20.

    log ᾱ(τ) = −(β₀ τ + ½ (β₁ − β₀) τ²) with τ = 1 − t. A sampler's steps are τ = (1 − i/N)²,
    since σ ~ √τ near the data.

    Source: Song et al. 2021, "Score-based generative modeling through stochastic differential
    equations", appendix B.
    """

    singular_end = True
    low, high = 0.1, 20.0

    def log_alpha_bar(self, tau: Tensor) -> Tensor:
        return -(self.low * tau + 0.5 * (self.high - self.low) * tau.square())

    def beta(self, tau: Tensor) -> Tensor:
        return self.low + (self.high - self.low) * tau

    def times(self, steps: int) -> list[float]:
        return [1.0 - (1.0 - t) ** 2 for t in super().times(steps)]

    def ode_times(self, steps: int) -> list[float]:
        return narrowing(steps, 1e-3)


class Cosine(ProbabilityPath):
    """The variance-preserving path α = sin(πt/2), σ = cos(πt/2).

    Sources: Nichol and Dhariwal 2021, "Improved denoising diffusion probabilistic models"; as an
    interpolant, Albergo and Vanden-Eijnden 2023.
    """

    variance_preserving = True

    def alpha(self, t: Tensor) -> Tensor:
        return (0.5 * math.pi * t).sin()

    def sigma(self, t: Tensor) -> Tensor:
        # The sine of the rest, which is exactly 0 at t = 1.
        return (0.5 * math.pi * (1.0 - t)).sin()

    def d_alpha(self, t: Tensor) -> Tensor:
        return 0.5 * math.pi * self.sigma(t)

    def d_sigma(self, t: Tensor) -> Tensor:
        return -0.5 * math.pi * self.alpha(t)


class EDM(ProbabilityPath):
    """The variance-exploding path x₁ + σ ε with σ = 80 (1 − t).

    A step in t is a step in σ. A sampler's noise levels are
    σ_i = (σ_max^{1/ρ} + (i/(N−1)) (σ_min^{1/ρ} − σ_max^{1/ρ}))^ρ for i < N and σ_N = 0, with
    σ_max = 80, σ_min = 0.002, ρ = 7. Training draws ln σ from N(−1.2, 1.2²).

    Source: Karras, Aittala, Aila and Laine 2022, "Elucidating the design space of diffusion-based
    generative models", table 1.
    """

    singular_end = True
    largest, smallest, rho = 80.0, 0.002, 7.0
    log_mean, log_std = -1.2, 1.2

    def alpha(self, t: Tensor) -> Tensor:
        return torch.ones_like(t)

    def sigma(self, t: Tensor) -> Tensor:
        return self.largest * (1.0 - t)

    def d_alpha(self, t: Tensor) -> Tensor:
        return torch.zeros_like(t)

    def d_sigma(self, t: Tensor) -> Tensor:
        return torch.full_like(t, -self.largest)

    def levels(self, steps: int) -> list[float]:
        """The noise levels of a sampler, steps + 1 of them, the last 0."""
        high, low = self.largest ** (1 / self.rho), self.smallest ** (1 / self.rho)
        parts = [i / max(1, steps - 1) for i in range(steps)]
        return [*[(high + part * (low - high)) ** self.rho for part in parts], 0.0]

    def times(self, steps: int) -> list[float]:
        super().times(steps)
        return [1.0 - sigma / self.largest for sigma in self.levels(steps)]

    def training_times(self, nodes: int = 32) -> list[tuple[float, float]]:
        z = np.linspace(-6.0, 6.0, nodes)
        weight = np.exp(-0.5 * z**2)
        weight /= weight.sum()
        levels = np.exp(self.log_mean + self.log_std * z)
        return [
            (1.0 - min(1.0, level / self.largest), w)
            for level, w in zip(levels.tolist(), weight.tolist(), strict=True)
        ]

    def draw_times(self, n: int, like: Tensor) -> Tensor:
        log_sigma = self.log_mean + self.log_std * torch.randn(
            n, dtype=torch.float64, device=like.device
        )
        return 1.0 - log_sigma.exp().clamp(max=self.largest) / self.largest


class Discrete(VariancePreserving):
    """The path of a DDPM: ᾱ_i at τ = i/T, and log ᾱ straight between.

    Args:
        betas: β_1, ..., β_T, (T,) in (0, 1).

    Raises:
        ValueError: if a β is not in (0, 1).

    Example:
        >>> path = Discrete(linear_betas(1000))
        >>> round(float(path.alpha_bar[-1]) * 1e5, 6)
        4.03583
    """

    singular_end = True

    def __init__(self, betas: Tensor | Sequence[float]) -> None:
        self.betas = torch.as_tensor(betas, dtype=torch.float64)
        if not bool(((self.betas > 0) & (self.betas < 1)).all()):
            raise ValueError("every beta of a noise schedule must lie in (0, 1)")
        self.steps = len(self.betas)
        start = torch.zeros(1, dtype=torch.float64)
        #: log ᾱ_0 = 0, ..., log ᾱ_T, (T + 1,).
        self.log_table = torch.cat([start, torch.log1p(-self.betas).cumsum(0)])

    @property
    def alpha_bar(self) -> Tensor:
        """ᾱ_0 = 1, ..., ᾱ_T, (T + 1,)."""
        return self.log_table.exp()

    def _cell(self, tau: Tensor) -> tuple[Tensor, Tensor]:
        position = (tau.double() * self.steps).clamp(0.0, self.steps)
        # Rounding in 1 - i/T must not move a time of the grid into the cell before it.
        whole = position.round()
        position = torch.where((position - whole).abs() < 1e-6 * self.steps, whole, position)
        low = position.floor().clamp(max=self.steps - 1)
        return low.long(), position - low

    def log_alpha_bar(self, tau: Tensor) -> Tensor:
        low, part = self._cell(tau)
        table = self.log_table.to(tau.device)
        return table[low] + part * (table[low + 1] - table[low])

    def beta(self, tau: Tensor) -> Tensor:
        low, _ = self._cell(tau)
        table = self.log_table.to(tau.device)
        return (table[low] - table[low + 1]) * self.steps

    def times(self, steps: int) -> list[float]:
        """Times of the schedule, evenly spread; all of them where steps is T or more."""
        ProbabilityPath.times(self, steps)
        count = min(steps, self.steps)
        return [1.0 - round(self.steps * (1.0 - i / count)) / self.steps for i in range(count + 1)]

    def ode_times(self, steps: int) -> list[float]:
        return narrowing(steps, 1.0 / self.steps)

    def training_times(self, nodes: int = 32) -> list[tuple[float, float]]:
        # A sum over steps is the midpoint rule of an integral that begins half a step later.
        shift = 0.5 / self.steps
        return [(max(0.0, t - shift), w) for t, w in super().training_times(nodes)]

    def draw_times(self, n: int, like: Tensor) -> Tensor:
        """Each step 1, ..., T is as likely as any other."""
        return (
            1.0 - torch.randint(1, self.steps + 1, (n,), device=like.device).double() / self.steps
        )


def linear_betas(steps: int) -> Tensor:
    """β from 0.1/T to 20/T in equal steps, which for T = 1,000 is 1e-4 to 0.02, (T,) float64.

    Source: Ho, Jain and Abbeel 2020, "Denoising diffusion probabilistic models", section 4.

    Raises:
        ValueError: for fewer than 21 steps, where β would exceed 1.
    """
    if steps < 21:
        raise ValueError(f"the linear schedule needs at least 21 steps, not {steps}")
    return torch.linspace(0.1 / steps, 20.0 / steps, steps, dtype=torch.float64)


def cosine_betas(steps: int) -> Tensor:
    """β of ᾱ(τ) = cos²((τ + s)/(1 + s) π/2)/cos²(s/(1 + s) π/2), s = 0.008, at most 0.999, (T,).

    Source: Nichol and Dhariwal 2021, "Improved denoising diffusion probabilistic models",
    section 3.2.
    """
    tau = torch.arange(steps + 1, dtype=torch.float64) / steps
    alpha_bar = ((tau + 0.008) / 1.008 * 0.5 * math.pi).cos().square()
    return (1.0 - alpha_bar[1:] / alpha_bar[:-1]).clamp(max=0.999)


#: The noise schedules of a DDPM, by name.
SCHEDULES = {"linear": linear_betas, "cosine": cosine_betas}

PATHS.register("linear", title="Straight lines (rectified flow)", order=10)(Linear())
PATHS.register("vp_cosine", title="Variance-preserving, cosine", order=20)(Cosine())
PATHS.register("vp_linear", title="Variance-preserving, linear β", order=30)(LinearBeta())
PATHS.register("edm", title="Variance-exploding (EDM)", order=40)(EDM())
