"""Distances between samples without densities: Wasserstein-1, sliced Wasserstein, MMD.

    W₁(P, Q) = inf over couplings of E‖x − y‖ = sup over 1-Lipschitz φ of E_P φ − E_Q φ.

Error bars of W₁ come from the optimal potential φ: √n (Ŵ − E Ŵ) is normal with the variance of
φ(X) plus that of its conjugate on Q (del Barrio & Loubes 2019). In d > 1 dimensions the estimate
is biased upward by the order of n^{−1/d}; :func:`w1_floor` estimates the bias for equal
distributions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from genlab.core.errors import DataError
from genlab.core.measure import Estimate, Series
from genlab.divergences.estimates import Z95, estimate
from genlab.divergences.kernel_interval import kernel_distance
from genlab.divergences.quadrature import LogDensity, breaks_of, integrate

#: The assignment problem takes about n³ operations and n² memory.
MAX_ASSIGNMENT = 2000
UNIT = "data units"
INF = math.inf


def _points(x: Tensor, y: Tensor, least: int = 2) -> tuple[Tensor, Tensor]:
    """Both sets as (n, d) and (m, d) of float64, checked."""
    a, b = (z.detach().double().reshape(len(z), -1) for z in (x, y))
    if min(len(a), len(b)) < least:
        raise DataError(
            f"A distance with an error bar needs at least {least} samples of each distribution, "
            f"not {len(a)} and {len(b)}."
        )
    if a.shape[1] != b.shape[1]:
        raise DataError(
            f"The two sets of samples have {a.shape[1]} and {b.shape[1]} dimensions; they must "
            f"have the same."
        )
    if not (bool(a.isfinite().all()) and bool(b.isfinite().all())):
        raise DataError("A sample is not finite, so no distance to it is defined.")
    return a, b


def _w1_sorted(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """W₁ of samples on the line over the last axis, and the dual potential at each sample.

    W₁ = ∫ |F − G|, and φ′ = −sign(F − G).

    Args:
        x, y: (k, n) and (k, m).

    Returns:
        W₁, (k,); φ at x, (k, n), and at y, (k, m), in the order given.
    """
    n, m = x.shape[-1], y.shape[-1]
    z, order = torch.cat([x, y], -1).sort(-1)
    step = torch.cat([x.new_full((n,), 1.0 / n), x.new_full((m,), -1.0 / m)])[order]
    gap = step.cumsum(-1)[..., :-1]
    gap = torch.where(gap.abs() < 1e-12, torch.zeros_like(gap), gap)
    width = z[..., 1:] - z[..., :-1]
    value = (gap.abs() * width).sum(-1)
    rise = torch.cat([torch.zeros_like(z[..., :1]), (-gap.sign() * width).cumsum(-1)], -1)
    potential = torch.empty_like(rise).scatter_(-1, order, rise)
    return value, potential[..., :n], potential[..., n:]


def _potential_error(first: Tensor, second: Tensor) -> float:
    return math.sqrt(float(first.var()) / len(first) + float(second.var()) / len(second))


def w1_line(x: Tensor, y: Tensor) -> Estimate:
    """W₁ between samples on the line, ∫ |F̂ − Ĝ|, kind "Monte Carlo", ± 1.96 SE.

    Args:
        x, y: samples, (n,) or (n, 1), and (m,) or (m, 1); n and m may differ.

    Raises:
        DataError: for fewer than two samples, more than one dimension, or infinite values.

    Example:
        >>> w1_line(torch.arange(4.0), torch.arange(4.0) + 2).value
        2.0
    """
    a, b = _points(x, y)
    if a.shape[1] != 1:
        raise DataError(
            "This distance is for samples on the line; use w1 for points in the plane."
        )
    value, over_a, over_b = _w1_sorted(a.T, b.T)
    return estimate(
        "w1",
        "Wasserstein-1",
        float(value),
        kind="Monte Carlo",
        unit=UNIT,
        error=Z95 * _potential_error(over_a[0], over_b[0]),
        n=len(a) + len(b),
    )


def w1_densities(
    log_p: LogDensity,
    log_q: LogDensity,
    *,
    low: float = -INF,
    high: float = INF,
    breaks: Sequence[float] = (),
    cells: int = 200_000,
) -> Estimate:
    """W₁ = ∫ |F − G| dx between two densities on the line, kind "exact".

    The distribution functions are cumulative sums over a fine grid of 12 standard deviations
    around both means. Beyond its end R, with no crossing of F and G there,

        ∫_R^∞ |F − G| dx = |E_P (x − R)₊ − E_Q (x − R)₊|,

    which is integrated and added; with crossings it may be up to the sum of the two. The interval
    contains both cases and the change from half as many cells.

    Args:
        log_p, log_q: log-densities in nats, (n,) of float64 -> (n,).
        low, high, breaks: as for :func:`genlab.divergences.quadrature.divergences_1d`.
        cells: of the grid.

    Raises:
        DataError: if a density has no mean, or is not a number somewhere.

    Example:
        >>> from genlab.divergences.mixtures_1d import gaussian
        >>> round(w1_densities(gaussian(0, 1), gaussian(2, 1)).value, 6)
        2.0
    """
    points = (*breaks, *breaks_of(log_p, log_q))

    def moments(x: Tensor) -> Tensor:
        p, q = log_p(x).double().exp(), log_q(x).double().exp()
        return torch.stack([p, q, p * x, q * x, p * x * x, q * x * x])

    sums = integrate(moments, low, high, points).value.tolist()
    if not all(math.isfinite(v) for v in sums[2:4]):
        raise DataError("A distribution without a mean has no Wasserstein-1 distance.")
    spread = [math.sqrt(max(s - m * m, 0.0)) for m, s in zip(sums[2:4], sums[4:6], strict=True)]
    if not all(math.isfinite(s) for s in spread):
        raise DataError("A distribution without a variance is too heavy-tailed for this grid.")
    reach = [m + k * s for m, s in zip(sums[2:4], spread, strict=True) for k in (-12.0, 12.0)]
    start, stop = max(low, min(reach)), min(high, max(reach))

    def beyond(edge: float, sign: float) -> list[float]:
        """Mass and mean excess of both distributions beyond an end of the grid."""
        limit = high if sign > 0 else low
        if edge == limit:
            return [0.0] * 4

        def parts(x: Tensor) -> Tensor:
            p, q = log_p(x).double().exp(), log_q(x).double().exp()
            past = sign * (x - edge)
            return torch.stack([p, q, p * past, q * past])

        ends = (edge, limit) if sign > 0 else (limit, edge)
        return integrate(parts, *ends, points).value.tolist()

    left, right = beyond(start, -1.0), beyond(stop, 1.0)

    def total(count: int) -> float:
        edge = torch.linspace(start, stop, count + 1, dtype=torch.float64)
        middle = (edge[1:] + edge[:-1]) / 2.0
        width = (stop - start) / count
        gap = (log_p(middle).double().exp() - log_q(middle).double().exp()) * width
        after = (left[0] - left[1]) + gap.cumsum(0)
        # F − G at the centre of each cell.
        return float((after - gap / 2.0).abs().sum()) * width

    fine = total(cells)
    tails = sum(abs(side[2] - side[3]) for side in (left, right))
    crossed = sum(2.0 * min(side[2], side[3]) for side in (left, right))
    found = estimate(
        "w1",
        "Wasserstein-1",
        fine + tails,
        kind="exact",
        unit=UNIT,
        error=abs(fine - total(cells // 2)),
    )
    return replace(found, high=found.high + max(crossed, 0.0))


def assignment(
    cost: np.ndarray, precision: float = 1e-4
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The optimal assignment of the rows, and the dual potentials u + v ≤ cost.

    Given the optimal matching, the potentials are shortest paths in its residual graph; it has no
    negative cycle, so relaxation from zero converges. It stops once no potential changes by more
    than ``precision`` mean costs, which is enough for an error bar.
    """
    _, partner = linear_sum_assignment(cost)
    matched = cost[np.arange(len(cost)), partner]
    reduced = cost - matched[:, None]
    limit = 1e-12 + precision * float(matched.mean())
    v = np.zeros(len(cost))
    for _ in range(len(cost)):
        better = np.minimum(v, (reduced + v[partner][:, None]).min(0))
        if np.allclose(better, v, rtol=0.0, atol=limit):
            break
        v = better
    return partner, matched - v[partner], v


def w1(x: Tensor, y: Tensor, *, limit: int = MAX_ASSIGNMENT) -> Estimate:
    """W₁ between two sets of points in any dimension, by exact assignment; ± 1.96 SE.

    The distance between the two sets of points is exact; as an estimate for the distributions it
    is "Monte Carlo", and biased upward (see :func:`w1_floor`). If the sets differ in size or have
    more than ``limit`` points, their first points are used.

    Args:
        x, y: samples, (n, d) and (m, d).
        limit: the largest number of points of each set, at most 2000. On one core 300 take about
            0.03 s, 1000 a second and 2000 six.

    Raises:
        DataError: for fewer than two samples, different dimensions, or infinite values.

    Example:
        >>> x = torch.tensor([[0.0, 0.0], [1.0, 0.0]])
        >>> w1(x, x + torch.tensor([0.0, 3.0])).value
        3.0
    """
    a, b = _points(x, y)
    if a.shape[1] == 1:
        return w1_line(x, y)
    n = min(len(a), len(b), limit, MAX_ASSIGNMENT)
    cost = torch.cdist(a[:n], b[:n]).numpy()
    partner, u, v = assignment(cost)
    return estimate(
        "w1",
        "Wasserstein-1",
        float(cost[np.arange(n), partner].mean()),
        kind="Monte Carlo",
        unit=UNIT,
        error=Z95 * _potential_error(torch.from_numpy(u), torch.from_numpy(v)),
        n=2 * n,
    )


def w1_floor(x: Tensor, *, seed: int = 0, limit: int = MAX_ASSIGNMENT) -> Estimate:
    """W₁ between two random halves of one set: the score of a perfect model at that size.

    Args:
        x: samples of one distribution, (n, d).
        seed: of the split.
    """
    source = torch.Generator().manual_seed(seed)
    mixed = x[torch.randperm(len(x), generator=source)]
    half = len(mixed) // 2
    row = w1(mixed[:half], mixed[half : 2 * half], limit=limit)
    return estimate(
        "w1_floor",
        "Wasserstein-1 of equal distributions",
        row.value,
        kind="Monte Carlo",
        unit=UNIT,
        error=row.high - row.value,
        n=row.series.n,
    )


def sliced_w1(x: Tensor, y: Tensor, *, projections: int = 100, seed: int = 0) -> Estimate:
    """SW₁ = E_θ W₁(θᵀX, θᵀY) over random directions θ, ± 1.96 SE.

    The error bar combines the variance over the directions with that over the samples, which is
    computed from the potentials averaged over directions.

    Source: Rabin et al. 2011; Bonneel et al. 2015.

    Args:
        x, y: samples, (n, d) and (m, d); n and m may differ.
        projections: number of directions.
        seed: of the directions.

    Raises:
        DataError: for fewer than two samples, different dimensions, or infinite values.

    Example:
        >>> x = torch.zeros(3, 2)
        >>> sliced_w1(x, x).value
        0.0
    """
    a, b = _points(x, y)
    source = torch.Generator().manual_seed(seed)
    theta = torch.randn(projections, a.shape[1], generator=source, dtype=torch.float64)
    theta = theta / theta.norm(dim=1, keepdim=True)
    values, over_a, over_b = _w1_sorted(theta @ a.T, theta @ b.T)
    across = float(values.var()) / projections if projections > 1 and a.shape[1] > 1 else 0.0
    within = _potential_error(over_a.mean(0), over_b.mean(0)) ** 2
    return estimate(
        "sliced_w1",
        f"sliced Wasserstein-1 ({projections} directions)",
        float(values.mean()),
        kind="Monte Carlo",
        unit=UNIT,
        error=Z95 * math.sqrt(across + within),
        n=len(a) + len(b),
    )


def median_bandwidth(x: Tensor, y: Tensor, *, most: int = 1000) -> float:
    """The median distance between points of both sets, using at most ``most`` of each."""
    a, b = _points(x, y)
    both = torch.cat([a[:most], b[:most]])
    distances = torch.pdist(both)
    return float(distances.median()) or 1.0


def mmd(
    x: Tensor,
    y: Tensor,
    *,
    bandwidths: Sequence[float] | None = None,
    limit: int = MAX_ASSIGNMENT,
) -> Estimate:
    """An unbiased estimate of MMD² with a mixture of Gaussian kernels, and its 95 % interval.

    MMD² = E k(x, x′) + E k(y, y′) − 2 E k(x, y), k = mean over h of exp(−‖·‖²/(2h²)).

    The estimate may be negative; its expectation is zero for equal distributions. The interval is
    that of :mod:`genlab.divergences.kernel_interval`, which is valid at equal distributions too;
    it is not symmetric around the value.

    Source: Gretton et al. 2012, lemma 6.

    Args:
        x, y: samples, (n, d) and (m, d); the first min(n, m, limit) of each are used.
        bandwidths: h in data units; the default is ¼, ½, 1, 2, 4 times the median distance.

    Raises:
        DataError: for fewer than four samples, different dimensions, or infinite values.
    """
    a, b = _points(x, y, least=4)
    n = min(len(a), len(b), limit)
    a, b = a[:n], b[:n]
    if bandwidths is None:
        middle = median_bandwidth(a, b)
        bandwidths = [middle * s for s in (0.25, 0.5, 1.0, 2.0, 4.0)]

    def kernel(first: Tensor, second: Tensor) -> Tensor:
        square = torch.cdist(first, second).square()
        return torch.stack([(-square / (2.0 * h * h)).exp() for h in bandwidths]).mean(0)

    found = kernel_distance(kernel(a, a), kernel(b, b), kernel(a, b))
    series = Series("mmd2", "MMD²", "divergence", "dimensionless", "Monte Carlo", 2 * n, "lower")
    return Estimate(found.value, series, found.low, found.high)
