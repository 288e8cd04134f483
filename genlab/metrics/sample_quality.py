"""The quality of samples of an unknown density, in the features of a classifier.

    Fréchet distance   |μ₁ − μ₂|² + tr(S₁ + S₂ − 2 (S₁^½ S₂ S₁^½)^½), extrapolated to n = ∞;
    kernel distance    E k(x, x′) + E k(y, y′) − 2 E k(x, y),   k(x, y) = (xᵀy/d + 1)³, unbiased;
    precision, recall  share of samples within a real example's neighbourhood, and the reverse;
    density            real neighbourhoods around a sample, divided by k;
    coverage           share of real neighbourhoods that hold a sample.

Sources: Heusel et al. 2017 (Fréchet); Chong and Forsyth 2020 (extrapolation); Bińkowski et al.
2018 (kernel); Kynkäänniemi et al. 2019 (precision, recall); Naeem et al. 2020 (density, coverage).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from genlab.core.errors import DataError
from genlab.divergences.kernel_interval import KernelDistance, kernel_distance
from genlab.metrics.base import Z

#: Shares of the examples at which the Fréchet distance is taken, with the parts of each size.
SHARES: tuple[tuple[float, int], ...] = ((0.25, 8), (1 / 3, 6), (0.5, 6), (0.7, 6), (1.0, 1))
#: By how much the finite number of parts widens the two terms of the variance, by simulation.
AT_EQUAL, PARTING = 1.4, 1.2
#: The number k of nearest neighbours of a neighbourhood.
K = 5


@dataclass(frozen=True)
class Frechet:
    """A Fréchet distance extrapolated to infinitely many examples.

    Args:
        value: the intercept; below zero is possible.
        low, high: the 95 % interval over both sets of examples.
        plain: the distance at the numbers of examples given, which is biased upwards.
    """

    value: float
    low: float
    high: float
    plain: float


def frechet(mean_1: Tensor, cov_1: Tensor, mean_2: Tensor, cov_2: Tensor) -> float:
    """The squared Fréchet distance of two Gaussians, |μ₁ − μ₂|² + tr(S₁ + S₂ − 2 (S₁S₂)^½).

    Source: Dowson and Landau 1982.

    Args:
        mean_1, mean_2: (d,).
        cov_1, cov_2: (d, d), positive semidefinite.

    Example:
        >>> one = torch.eye(2, dtype=torch.float64)
        >>> frechet(torch.zeros(2), one, torch.ones(2), 4 * one)
        4.0
    """
    root = _root(cov_1.double())
    cross = torch.linalg.eigvalsh(root @ cov_2.double() @ root).clamp(min=0.0).sqrt().sum()
    traces = torch.trace(cov_1.double()) + torch.trace(cov_2.double())
    return float((mean_1.double() - mean_2.double()).square().sum() + traces - 2.0 * cross)


def _root(matrix: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(matrix)
    return vectors * values.clamp(min=0.0).sqrt() @ vectors.T


def frechet_of_samples(x: Tensor, y: Tensor) -> float:
    """The Fréchet distance of two samples' moments, (n, d) and (m, d); biased upwards by ~ 1/n."""
    return frechet(x.mean(0), torch.cov(x.T), y.mean(0), torch.cov(y.T))


def frechet_at_infinity(x: Tensor, y: Tensor, generator: torch.Generator) -> Frechet:
    """The Fréchet distance of the distributions: the intercept of FD on 1/n at five sizes.

    The bias of the plain distance is of order 1/n. Both samples are cut to the same share of
    themselves; the intercept of the least-squares line over the inverse share is the estimate.
    Its variance is 1.4 V₀ + 1.2 max(0, V₁ − 2 V₀): V₁ from the influence of single examples,

        h(x) = 2 (μ₁ − μ₂)ᵀ(x − μ₁) + (x − μ₁)ᵀ(I − T)(x − μ₁),  T the optimal map S₁ → S₂,

    and V₀ the variance at equal distributions, where the distance is a quadratic form Q of the
    errors of the moments: V₀ = Var Q, and the error of h itself adds 2 V₀ to V₁.

    Args:
        x, y: (n, d) and (m, d); a quarter of either must be more than d.
        generator: of the parts.

    Raises:
        DataError: for too few examples.
    """
    dim, n, m = x.shape[1], len(x), len(y)
    if int(min(n, m) * SHARES[0][0]) <= dim:
        raise DataError(
            f"A Fréchet distance of {dim} features needs more than {4 * (dim + 1)} examples of "
            f"either kind, not {min(n, m)}; nothing was measured."
        )
    x, y = x.double(), y.double()
    value, plain = _intercept(x, y, generator)
    influence = float(_influence(x, y).var()) / n + float(_influence(y, x).var()) / m
    equal = _variance_at_equal_distributions(
        0.5 * (torch.cov(x.T) + torch.cov(y.T)), 1.0 / n + 1.0 / m
    )
    half = Z * math.sqrt(AT_EQUAL * equal + PARTING * max(0.0, influence - 2.0 * equal))
    return Frechet(value, value - half, value + half, plain)


def _variance_at_equal_distributions(cov: Tensor, inverse: float) -> float:
    """Var Q, Q = |δ|² + Σ_ij Δ_ij² / (2 (λ_i + λ_j)): δ and Δ the errors of mean and covariance.

    δ ~ N(0, c S) and Δ_ij ~ N(0, c (1 + [i = j]) λ_i λ_j) for normal distributions, c = 1/n + 1/m.
    """
    values = torch.linalg.eigvalsh(cov).clamp(min=1e-300)
    pairs = values[:, None] * values[None] / (values[:, None] + values[None])
    return float(2.0 * values.square().sum() + pairs.square().sum()) * inverse**2


def _intercept(x: Tensor, y: Tensor, generator: torch.Generator) -> tuple[float, float]:
    """The line's value at an inverse share of 0, and the distance of the whole samples."""
    inverse, distances = [], []
    for share, parts in SHARES:
        a, b = int(len(x) * share), int(len(y) * share)
        found: list[float] = []
        while len(found) < parts:
            i = torch.randperm(len(x), generator=generator)
            j = torch.randperm(len(y), generator=generator)
            for first in range(max(1, int(1 / share + 1e-9))):
                at, to = slice(first * a, (first + 1) * a), slice(first * b, (first + 1) * b)
                found.append(frechet_of_samples(x[i[at]], y[j[to]]))
        inverse.append(len(x) / a)
        distances.append(float(np.mean(found)))
    _, start = np.polyfit(inverse, distances, 1)
    return float(start), distances[-1]


def _influence(x: Tensor, y: Tensor) -> Tensor:
    """The influence of each example of x on the distance, (n,)."""
    cov_x, cov_y = torch.cov(x.T), torch.cov(y.T)
    values, vectors = torch.linalg.eigh(cov_x)
    values = values.clamp(min=float(values.max()) * 1e-10 + 1e-300)
    root, inverse = (vectors * values**power @ vectors.T for power in (0.5, -0.5))
    optimal = inverse @ _root(root @ cov_y @ root) @ inverse
    centred = x - x.mean(0)
    bend = torch.eye(x.shape[1], dtype=x.dtype) - optimal
    return 2.0 * centred @ (x.mean(0) - y.mean(0)) + ((centred @ bend) * centred).sum(1)


def kernel_inception(x: Tensor, y: Tensor) -> KernelDistance:
    """The squared kernel distance with k(x, y) = (xᵀy/d + 1)³, unbiased, with its interval.

    At equal distributions about 55 % of the estimates are negative; none is clipped.

    Args:
        x, y: features, (n, d) and (m, d).
    """
    x, y = x.double(), y.double()

    def k(a: Tensor, b: Tensor) -> Tensor:
        return (a @ b.T / a.shape[1] + 1.0) ** 3

    return kernel_distance(k(x, x), k(y, y), k(x, y))


@dataclass(frozen=True)
class NeighbourScores:
    """Precision, recall, density and coverage of one set of samples."""

    precision: float
    recall: float
    density: float
    coverage: float


def neighbour_scores(real: Tensor, fake: Tensor, k: int = K) -> NeighbourScores:
    """Precision, recall, density and coverage by neighbourhoods of k nearest neighbours.

    The neighbourhood of an example reaches to its k-th nearest neighbour of its own kind; an
    example lies in it if it is strictly nearer.

    Args:
        real, fake: features, (n, d) and (m, d), both n and m above k.
        k: neighbours.

    Raises:
        DataError: for k examples or fewer.
    """
    if min(len(real), len(fake)) <= k:
        raise DataError(
            f"Neighbourhoods of {k} examples need at least {k + 1} of either kind, not "
            f"{min(len(real), len(fake))}; nothing was measured."
        )
    exact = "donot_use_mm_for_euclid_dist"
    of_real, of_fake = (
        torch.cdist(z, z, compute_mode=exact).kthvalue(k + 1, dim=1).values for z in (real, fake)
    )
    across = torch.cdist(real, fake, compute_mode=exact)
    within = across < of_real[:, None]
    return NeighbourScores(
        precision=float(within.any(0).double().mean()),
        recall=float((across < of_fake[None]).any(1).double().mean()),
        density=float(within.double().sum(0).mean()) / k,
        coverage=float(within.any(1).double().mean()),
    )


def expected_coverage(n: int, m: int, k: int = K) -> float:
    """The expected coverage of m samples from the distribution of n real examples.

        1 − Π_{i=1..k} (n − i)/(m + n − i).     Source: Naeem et al. 2020.

    Example:
        >>> round(expected_coverage(1000, 1000), 6)
        0.968984
    """
    left = 1.0
    for i in range(1, k + 1):
        left *= (n - i) / (m + n - i)
    return 1.0 - left
