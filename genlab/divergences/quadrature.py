"""Divergences between known densities: by quadrature in 1-D, on a grid in 2-D, and by sampling.

    D_f(P‖Q) = ∫ q f(p/q) dx,    bound(T) = E_P[T] − E_Q[f*(T)] ≤ D_f(P‖Q).

All integrands are computed from log-densities, without any division by p or q. A
divergence that is infinite (supports that do not match, a tail that does not decay) is returned
as ``inf``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import torch
from torch import Tensor

from genlab.core.errors import DataError, SpecError
from genlab.core.measure import Estimate
from genlab.data.base import Density
from genlab.divergences.estimates import Z95, estimate
from genlab.divergences.f import FDivergence
from genlab.divergences.grid import Grid, Pooled

LogDensity = Callable[[Tensor], Tensor]
INF = math.inf
_ORDER = 16
_FAR = 1e8
_HUGE = 1e300
_LEVELS = 40


@cache
def gauss_rule() -> tuple[Tensor, Tensor]:
    """Nodes and weights of the Gauss–Legendre rule on [−1, 1] of each panel."""
    nodes, weights = np.polynomial.legendre.leggauss(_ORDER)
    return torch.from_numpy(nodes), torch.from_numpy(weights)


@dataclass(frozen=True)
class Integral:
    """Integrals of several integrands over one domain, (k,), with error estimates, (k,)."""

    value: Tensor
    error: Tensor


def panel_edges(low: float, high: float, breaks: Sequence[float]) -> tuple[Tensor, float, float]:
    """Panels in y, where x = centre + scale·sinh(y); the far ends are 10⁸ scales away."""
    if not low < high:
        raise SpecError("range", (low, high), "the lower end must lie below the upper end")
    inner = sorted(b for b in set(breaks) if low < b < high and math.isfinite(b))
    ends = [*inner, *(x for x in (low, high) if math.isfinite(x))]
    centre = float(np.median(ends)) if ends else 0.0
    scale = (max(ends) - min(ends)) / 4.0 if len(ends) > 1 else 1.0
    far = math.asinh(_FAR)
    first = math.asinh((low - centre) / scale) if math.isfinite(low) else -far
    last = math.asinh((high - centre) / scale) if math.isfinite(high) else far
    cuts = [math.asinh((b - centre) / scale) for b in inner]
    count = max(8, math.ceil((last - first) / 0.8))
    even = np.linspace(first, last, count + 1)
    edges = np.unique(np.concatenate([even, [c for c in cuts if first < c < last]]))
    return torch.from_numpy(edges), centre, scale


def _panels(
    function: LogDensity, left: Tensor, right: Tensor, centre: float, scale: float
) -> Tensor:
    """Gauss-Legendre on each panel, (panels,) -> (k, panels)."""
    nodes, weights = gauss_rule()
    half = (right - left)[:, None] / 2.0
    y = (left + right)[:, None] / 2.0 + half * nodes
    values = function((centre + scale * y.sinh()).reshape(-1))
    # A zero of the integrand stays zero where the Jacobian overflows.
    stretched = values.reshape(-1, *y.shape) * (scale * y.cosh() * half * weights)
    return stretched.sum(-1)


def integrate(
    function: LogDensity,
    low: float = -INF,
    high: float = INF,
    breaks: Sequence[float] = (),
    tolerance: float = 1e-11,
) -> Integral:
    """∫ g(x) dx for several g at once, by adaptive Gauss-Legendre panels after x = c + s sinh y.

    Args:
        function: (n,) of float64 -> (k, n); may be infinite, must not be NaN.
        low, high: the ends, possibly infinite.
        breaks: where the integrands have kinks, jumps or narrow peaks.
        tolerance: of the whole, of the sum, absolute below 1 and relative above.

    Returns:
        the integrals; ``inf`` where an integrand is infinite on a set that is not negligible, or
        where |x g(x)| does not fall towards an infinite end.

    Raises:
        DataError: if an integrand is not a number somewhere.

    Example:
        >>> whole = integrate(lambda x: (-x.square() / 2).exp()[None])
        >>> round(float(whole.value), 9) == round(math.sqrt(2 * math.pi), 9)
        True
    """
    edges, centre, scale = panel_edges(low, high, breaks)
    left, right = edges[:-1], edges[1:]
    whole = _panels(function, left, right, centre, scale)
    bad = torch.zeros(len(whole), dtype=torch.float64)
    value, error = torch.zeros_like(bad), torch.zeros_like(bad)
    share = tolerance / len(left)
    for level in range(_LEVELS):
        middle = (left + right) / 2.0
        lower = _panels(function, left, middle, centre, scale)
        upper = _panels(function, middle, right, centre, scale)
        if bool((lower.isnan() | upper.isnan()).any()):
            raise DataError(
                "A density or critic is NaN inside the range of integration; no divergence was "
                "computed. Check its parameters."
            )
        both = lower + upper
        infinite = ~(both.isfinite() & whole.isfinite())
        bad = bad + torch.where(infinite, both, torch.zeros_like(both)).sum(1)
        gap = torch.where(infinite, torch.zeros_like(both), (both - whole).abs())
        both = torch.where(infinite, torch.zeros_like(both), both)
        size = torch.maximum(value.abs() + both.abs().sum(1), torch.ones_like(value))[:, None]
        floor = 4e-16 * both.abs()
        again = (gap > torch.maximum(share * size, floor)).any(0)
        if level == _LEVELS - 1 or int(again.sum()) > 20_000:
            again = torch.zeros_like(again)
        value = value + both[:, ~again].sum(1)
        error = error + gap[:, ~again].sum(1)
        if not bool(again.any()):
            break
        left, right = (
            torch.cat([left[again], middle[again]]),
            torch.cat([middle[again], right[again]]),
        )
        whole = torch.cat([lower[:, again], upper[:, again]], 1)
    for end, sign in ((low, -1.0), (high, 1.0)):
        if math.isinf(end):
            near, far = math.sqrt(_FAR), _FAR
            x = centre + sign * scale * torch.tensor([near, far], dtype=torch.float64)
            rows = function(x)
            tail = torch.where(rows == 0, rows, rows * (x - centre).abs())
            grows = (tail[:, 1].abs() > 1e-12) & ~(tail[:, 1].abs() < 0.99 * tail[:, 0].abs())
            bad = bad + torch.where(grows, tail[:, 1].sign() * INF, torch.zeros_like(bad))
            error = error + torch.where(grows, torch.zeros_like(bad), tail[:, 1].abs())
    return Integral(torch.where(bad == 0, value, bad), torch.where(bad == 0, error, 0.0 * error))


def breaks_of(*densities: LogDensity) -> tuple[float, ...]:
    return tuple(x for density in densities for x in getattr(density, "breaks", ()))


def divergences_1d(
    rows: Sequence[FDivergence],
    log_p: LogDensity,
    log_q: LogDensity,
    *,
    low: float = -INF,
    high: float = INF,
    breaks: Sequence[float] = (),
    tolerance: float = 1e-11,
) -> tuple[Estimate, ...]:
    """D_f(P‖Q) = ∫ q f(p/q) dx of several rows at once, by quadrature, kind "exact".

    The interval of each estimate is its value ± the error estimate of the quadrature; a value may
    be ``inf``. Both densities are integrated too, which detects a missed peak.

    Args:
        rows: rows of the table of f-divergences.
        log_p, log_q: log-densities in nats, (n,) of float64 -> (n,). If they have an attribute
            ``breaks`` (as :class:`genlab.divergences.mixtures_1d.Mixture1D`), those points are
            used.
        low, high: the ends of the common range.
        breaks: further points where a density jumps or has a narrow peak.

    Raises:
        DataError: if a density is NaN, or does not integrate to 1.

    Example:
        >>> from genlab.divergences.f import F
        >>> from genlab.divergences.mixtures_1d import gaussian
        >>> rows = F["kl"], F["total_variation"]
        >>> kl, tv = divergences_1d(rows, gaussian(0, 1), gaussian(2, 1))
        >>> round(kl.value, 9), round(tv.value, 8), kl.series.kind
        (2.0, 0.68268949, 'exact')
    """

    def function(x: Tensor) -> Tensor:
        a, b = log_p(x).double(), log_q(x).double()
        return torch.stack([a.exp(), b.exp(), *(row.integrand(a, b) for row in rows)])

    points = (*breaks, *breaks_of(log_p, log_q))
    result = integrate(function, low, high, points, tolerance)
    for name, mass in zip(("P", "Q"), result.value.tolist(), strict=False):
        if abs(mass - 1.0) > 1e-6:
            raise DataError(
                f"The density {name} integrates to {mass:.6g} over [{low:g}, {high:g}], not to 1; "
                "no divergence was computed. Give its full range, or the places of its narrow "
                "peaks and jumps as breaks."
            )
    return tuple(
        estimate(row.name, row.title, value, kind="exact", unit=row.unit, error=error)
        for row, value, error in zip(
            rows, result.value[2:].tolist(), result.error[2:].tolist(), strict=True
        )
    )


def divergence_1d(
    row: FDivergence, log_p: LogDensity, log_q: LogDensity, **options: object
) -> Estimate:
    """D_f(P‖Q) of one row by quadrature; see :func:`divergences_1d` for the options."""
    return divergences_1d([row], log_p, log_q, **options)[0]  # type: ignore[arg-type]


def bound_1d(
    row: FDivergence,
    critic: LogDensity,
    log_p: LogDensity,
    log_q: LogDensity,
    *,
    score: bool = False,
    low: float = -INF,
    high: float = INF,
    breaks: Sequence[float] = (),
) -> Estimate:
    """E_P[T] − E_Q[f*(T)] ≤ D_f(P‖Q) by quadrature, kind "lower bound".

    The value is ``-inf`` if the critic leaves the domain of the conjugate on a set of positive
    mass under Q: such a critic gives no bound.

    Args:
        critic: (n,) of float64 -> (n,), the values T(x), or with ``score`` the values V(x) before
            the activation, T = g_f(V).
        log_p, log_q, low, high, breaks: as for :func:`divergences_1d`.
    """

    def function(x: Tensor) -> Tensor:
        # A critic that overflows is clamped to the range of floats.
        p, q, out = log_p(x).exp(), log_q(x).exp(), critic(x).double().clamp(-_HUGE, _HUGE)
        t = row.activation(out).clamp(-_HUGE, _HUGE) if score else out
        conjugate = row.conjugate_of_activation(out) if score else row.conjugate(t)
        zero = torch.zeros_like(p)
        return torch.stack(
            [torch.where(p == 0, zero, p * t), torch.where(q == 0, zero, q * conjugate)]
        )

    result = integrate(function, low, high, (*breaks, *breaks_of(log_p, log_q)))
    real, model = result.value.tolist()
    return estimate(
        row.name,
        f"{row.title}, bound by the critic",
        -INF if model == INF else real - model,
        kind="lower bound",
        unit=row.unit,
        error=float(result.error.sum()),
        direction="none",
    )


def bound_from_samples(
    row: FDivergence, critic_p: Tensor, critic_q: Tensor, *, score: bool = False
) -> Estimate:
    """E_P[T] − E_Q[f*(T)] from a critic's values on samples, kind "lower bound", ± 1.96 SE.

    Its expectation lies below D_f(P‖Q) for every fixed critic; on the critic's training samples it
    is biased upward. ``-inf`` if the critic leaves the conjugate's domain.

    Args:
        critic_p, critic_q: values on samples of P, (n,), and of Q, (m,): T, or with ``score`` V
            before the activation.
        score: whether the values are V.

    Raises:
        DataError: with fewer than two samples of either distribution.

    Example:
        >>> from genlab.divergences.f import F
        >>> row = bound_from_samples(F["kl"], torch.ones(4), torch.ones(4))
        >>> row.value, row.series.kind, row.series.n
        (0.0, 'lower bound', 8)
    """
    _enough(critic_p, critic_q)
    a, b = critic_p.double().reshape(-1), critic_q.double().reshape(-1)
    real = row.activation(a) if score else a
    model = row.conjugate_of_activation(b) if score else row.conjugate(b)
    outside = bool((model == INF).any())
    return estimate(
        row.name,
        f"{row.title}, bound by the critic",
        -INF if outside else float(real.mean() - model.mean()),
        kind="lower bound",
        unit=row.unit,
        error=Z95 * math.sqrt(float(real.var()) / len(a) + float(model.var()) / len(b)),
        n=len(a) + len(b),
        direction="none",
    )


def _enough(a: Tensor, b: Tensor) -> None:
    if min(len(a), len(b)) < 2:
        raise DataError(
            f"An error bar needs at least 2 samples of each distribution, not {len(a)} and "
            f"{len(b)}."
        )


def divergences_from_samples(
    rows: Sequence[FDivergence], log_p: LogDensity, log_q: LogDensity, x_p: Tensor, x_q: Tensor
) -> tuple[Estimate, ...]:
    """D_f(P‖Q) = ½ E_P[g/m] + ½ E_Q[g/m], g = q f(p/q), m = (p + q)/2; "Monte Carlo", ± 1.96 SE.

    Samples of both distributions bound the weights by 2, so that neither direction of KL has the
    heavy tail of an average over one distribution. An infinite divergence is detected only if a
    sample falls outside the other distribution's support. A heavy tail of the χ² rows is not
    detected.

    Args:
        log_p, log_q: log-densities in nats, (n, *) -> (n,), in any dimension.
        x_p, x_q: samples of P and of Q, (n, *) and (m, *).

    Raises:
        DataError: with fewer than two samples of either distribution.
    """
    _enough(x_p, x_q)
    parts = []
    for x in (x_p, x_q):
        a, b = log_p(x).double(), log_q(x).double()
        m = torch.logaddexp(a, b) - math.log(2.0)
        # The integrand is homogeneous of degree one in (p, q), so dividing by m is a shift.
        parts.append([row.integrand(a - m, b - m) for row in rows])
    result = []
    for row, over_p, over_q in zip(rows, *parts, strict=True):
        variance = float(over_p.var()) / len(over_p) + float(over_q.var()) / len(over_q)
        result.append(
            estimate(
                row.name,
                row.title,
                float(over_p.mean() + over_q.mean()) / 2.0,
                kind="Monte Carlo",
                unit=row.unit,
                error=Z95 * math.sqrt(variance) / 2.0,
                n=len(x_p) + len(x_q),
            )
        )
    return tuple(result)


def divergences_on_grid(
    rows: Sequence[FDivergence], density: Density, log_q: LogDensity, *, points: int = 256
) -> tuple[Estimate, ...]:
    """D_f(P‖Q) over the box of P by the midpoint rule, kind "grid".

    The interval is the value ± its change from half as many points per axis.

    Args:
        density: P, with its box, in one or two dimensions.
        log_q: the log-density of Q in nats, (n, d) of float32 -> (n,).
        points: per axis; the sample size reported is their number in the box.
    """

    def total(count: int) -> Tensor:
        low, high = density.box.double()
        steps = (torch.arange(count, dtype=torch.float64) + 0.5) / count
        axes = [a + (b - a) * steps for a, b in zip(low, high, strict=True)]
        mesh = torch.stack(torch.meshgrid(*axes, indexing="ij"), -1).reshape(-1, len(low))
        volume = float(((high - low) / count).prod())
        sums = torch.zeros(len(rows), dtype=torch.float64)
        for x in mesh.float().split(65536):
            a, b = density.log_prob(x).double(), log_q(x).double()
            sums += torch.stack([row.integrand(a, b).sum() for row in rows])
        return sums * volume

    with torch.no_grad():
        coarse, fine = total(points // 2), total(points)
    change = torch.where(fine.isfinite() & coarse.isfinite(), (fine - coarse).abs(), 0.0)
    size = points ** density.box.shape[1]
    return tuple(
        estimate(row.name, row.title, v, kind="grid", unit=row.unit, error=e, n=size)
        for row, v, e in zip(rows, fine.tolist(), change.tolist(), strict=True)
    )


def divergences_on_cells(
    rows: Sequence[FDivergence],
    grid: Grid | Pooled,
    x: Tensor,
    *,
    mix: float = 0.0,
    repeats: int = 50,
    seed: int = 0,
) -> tuple[Estimate, ...]:
    """D_f(P‖Q) from samples of Q alone, on the cells of a grid over P's density; kind "grid".

    Binning never increases an f-divergence (data processing inequality); counting n samples biases
    it upward. A cell without a sample makes KL(P‖Q) infinite; with ``mix`` = ε the model is
    replaced by (1 − ε)Q + εP, whose divergence is finite and at most (1 − ε) D_f(P‖Q).

    Args:
        grid: cells over the density of P.
        x: samples of Q, (n, d).
        mix: ε, from 0 (the counts as they are) to below 1.
        repeats: multinomial resamples of the counts, for the 95 % interval.
        seed: of the resampling, which does not use the global stream.

    Raises:
        SpecError: for ε outside [0, 1).
    """
    if not 0.0 <= mix < 1.0:
        raise SpecError("mix", mix, "from 0 to below 1")
    log_p = grid.log_masses
    shares = grid.shares(x)
    source = np.random.default_rng(seed)
    draws = source.multinomial(len(x), (shares / shares.sum()).numpy(), size=repeats) / len(x)
    table = torch.cat([shares[None], torch.from_numpy(draws)])
    log_q = ((1.0 - mix) * table + mix * grid.masses).log()
    result = []
    for row in rows:
        values = row.of_probabilities(log_p.expand_as(log_q), log_q)
        value, spread = float(values[0]), values[1:]
        # If a resample leaves a necessary cell empty, the interval has no upper end.
        ends = bool(spread.isfinite().all())
        error = Z95 * float(spread.std()) if ends else 0.0
        one = estimate(
            row.name, row.title, value, kind="grid", unit=row.unit, error=error, n=len(x)
        )
        result.append(one if ends else replace(one, high=INF))
    return tuple(result)
