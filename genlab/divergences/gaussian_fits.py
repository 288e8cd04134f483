"""The best Gaussian approximation of a mixture under each divergence: the f-GAN experiment."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy import optimize

from genlab.core.measure import Estimate
from genlab.divergences.f import FDivergence
from genlab.divergences.mixtures_1d import Mixture1D, gaussian
from genlab.divergences.quadrature import (
    INF,
    divergence_1d,
    divergences_1d,
    gauss_rule,
    panel_edges,
)


@dataclass(frozen=True)
class GaussianFit:
    """The best Gaussian approximation of a target under one divergence."""

    row: FDivergence
    mean: float
    std: float
    divergence: Estimate

    @property
    def mixture(self) -> Mixture1D:
        """The fitted Gaussian."""
        return gaussian(self.mean, self.std)


def fit_gaussian(row: FDivergence, target: Mixture1D) -> GaussianFit:
    """argmin over μ, σ of D_f(P‖N(μ, σ²)), by Nelder-Mead on a fixed quadrature.

    The search starts from the moments of the target and from each of its components, since a
    mode-seeking divergence has an optimum at each mode.

    Source: the experiment of Nowozin, Cseke & Tomioka 2016, section 3.

    Args:
        row: a row of the table of f-divergences.
        target: P.

    Example:
        >>> from genlab.divergences.f import F
        >>> from genlab.divergences.mixtures_1d import f_gan_mixture
        >>> fit = fit_gaussian(F["kl"], f_gan_mixture())      # KL matches the moments
        >>> round(fit.mean, 4)
        1.01
    """
    edges, centre, scale = panel_edges(-INF, INF, target.breaks)
    edges = edges[(edges > -math.asinh(50.0)) & (edges < math.asinh(50.0))]
    for _ in range(2):
        edges = torch.cat([edges, (edges[1:] + edges[:-1]) / 2.0]).sort().values
    nodes, weights = gauss_rule()
    half = (edges[1:] - edges[:-1])[:, None] / 2.0
    y = (edges[1:] + edges[:-1])[:, None] / 2.0 + half * nodes
    x = (centre + scale * y.sinh()).reshape(-1)
    w = (half * weights * scale * y.cosh()).reshape(-1)
    log_p = target(x)

    def objective(parameters: np.ndarray) -> float:
        mean, log_std = float(parameters[0]), float(parameters[1])
        if abs(log_std) > 20.0:
            return 1e300
        z = (x - mean) * math.exp(-log_std)
        log_q = -0.5 * z.square() - log_std - 0.5 * math.log(2.0 * math.pi)
        value = float((row.integrand(log_p, log_q) * w).sum())
        return min(value, 1e300) if not math.isnan(value) else 1e300

    width = math.sqrt(target.variance)
    starts = [(target.mean, math.log(width))]
    if len(target.means) > 1:
        starts += [(m, math.log(s)) for m, s in zip(target.means, target.stds, strict=True)]
    # A coarse search from each start, then a fine one from the best.
    coarse = [_search(objective, start, 1e-3) for start in starts]
    best = _search(objective, min(coarse, key=objective), 1e-8)
    mean, std = float(best[0]), math.exp(float(best[1]))
    return GaussianFit(row, mean, std, divergence_1d(row, target, gaussian(mean, std)))


def _search(
    objective: Callable[[np.ndarray], float], start: Sequence[float] | np.ndarray, tolerance: float
) -> np.ndarray:
    step = 100.0 * tolerance if tolerance < 1e-4 else 0.2
    at = np.asarray(start, dtype=float)
    corners = at + np.array([[0.0, 0.0], [step, 0.0], [0.0, step]])
    options = {"xatol": tolerance, "fatol": tolerance**2, "initial_simplex": corners}
    return optimize.minimize(objective, at, method="Nelder-Mead", options=options).x


def cross_divergences(
    rows: Sequence[FDivergence], target: Mixture1D
) -> tuple[tuple[GaussianFit, ...], tuple[tuple[Estimate, ...], ...]]:
    """The best Gaussian under each row, and the divergences of all rows at each of them.

    Returns:
        the fits, and a table with the fitted divergence in its rows and the evaluated one in its
        columns, as in table 3 of Nowozin, Cseke & Tomioka 2016.
    """
    fits = tuple(fit_gaussian(row, target) for row in rows)
    return fits, tuple(divergences_1d(rows, target, fit.mixture) for fit in fits)
