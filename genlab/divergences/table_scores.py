"""Scores of synthetic tables against real ones: per column and per pair of columns.

The intervals come from the centred bootstrap. A score is a norm ‖F̂ − Ĝ‖ of a difference of two
empirical functions, and by the triangle inequality its error is at most the norm of the error of
that difference. The bootstrap gives the distribution of that norm: score ± the 95 % quantile of
‖(F* − G*) − (F̂ − Ĝ)‖. This covers at least 95 %, also at equal distributions, where the norm is
not normal. Whole rows are resampled, so that the mean over columns has an interval too.

Sources: the scores are those of SDMetrics (DataCebo); the bootstrap of empirical processes: van
der Vaart and Wellner 1996, "Weak convergence and empirical processes", section 3.6.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

#: The number of bootstrap resamples, and the coverage of the interval.
RESAMPLES, COVERED = 200, 0.95


@dataclass(frozen=True)
class Score:
    """A score between 0 and 1 with its interval; equal distributions have 1.

    Args:
        value, low, high: the mean over columns or pairs, and the 95 % interval.
        each: the score of each column or pair, (k,).
    """

    value: float
    low: float
    high: float
    each: Tensor


def resampled(n: int, copies: int = RESAMPLES) -> Tensor:
    """Bootstrap weights: how often each of n rows is drawn, divided by n, (copies, n)."""
    drawn = torch.randint(n, (copies, n))
    counts = torch.zeros(copies, n, dtype=torch.float64)
    counts.scatter_add_(1, drawn, torch.ones(copies, n, dtype=torch.float64))
    return counts / n


def _score(each: Tensor, errors: Tensor) -> Score:
    """The score from distances of columns (k,) and norms of resampled errors (copies, k)."""
    distance = float(each.mean())
    half = float(torch.quantile(errors.mean(1), COVERED))
    low, high = max(0.0, 1 - distance - half), min(1.0, 1 - distance + half)
    return Score(1 - distance, low, high, 1 - each)


def _share(weights: Tensor, there: Tensor) -> Tensor:
    """Weights of the observed rows, normalised to sum 1, (copies, n)."""
    kept = weights * there
    return kept / kept.sum(1, keepdim=True).clamp(min=1e-300)


def ks_complement(real: Tensor, synthetic: Tensor) -> Score:
    """The mean over columns of 1 − sup |F − G|, the Kolmogorov-Smirnov distance.

    Args:
        real, synthetic: (n, k) and (m, k); missing values are NaN and are ignored.

    Example:
        >>> x = torch.arange(10.0, dtype=torch.float64)[:, None]
        >>> ks_complement(x, x).value, ks_complement(x, x + 5).value
        (1.0, 0.5)
    """
    w_real, w_synthetic = _with_plain(len(real)), _with_plain(len(synthetic))
    each, errors = [], []
    for x, y in zip(real.double().T, synthetic.double().T, strict=True):
        pooled = torch.cat([x, y])
        weights = torch.cat([_share(w_real, ~x.isnan()), -_share(w_synthetic, ~y.isnan())], 1)
        order = torch.argsort(pooled)
        ordered = pooled[order]
        # The last of tied values has the whole step.
        last = torch.cat([ordered[1:] != ordered[:-1], torch.ones(1, dtype=torch.bool)])
        gap = weights[:, order].cumsum(1)[:, last]
        each.append(gap[0].abs().amax())
        errors.append((gap[1:] - gap[0]).abs().amax(1))
    return _score(torch.stack(each), torch.stack(errors, 1))


def _with_plain(n: int) -> Tensor:
    """The uniform weights 1/n, followed by those of the resamples."""
    plain = torch.full((1, n), 1.0 / n, dtype=torch.float64)
    return torch.cat([plain, resampled(n)])


def tv_complement(real: Tensor, synthetic: Tensor) -> Score:
    """The mean over columns of 1 − ½ Σ |p − q|, the total variation distance.

    Args:
        real, synthetic: (n, k) and (m, k), values of discrete columns; missing values are NaN.

    Example:
        >>> tv_complement(torch.tensor([[0.0], [1.0]]), torch.tensor([[0.0], [0.0]])).value
        0.5
    """
    w_real, w_synthetic = _with_plain(len(real)), _with_plain(len(synthetic))
    each, errors = [], []
    for x, y in zip(real.double().T, synthetic.double().T, strict=True):
        kinds = torch.unique(torch.cat([x[~x.isnan()], y[~y.isnan()]]))
        p = _share(w_real, ~x.isnan()) @ (x[:, None] == kinds).double()
        q = _share(w_synthetic, ~y.isnan()) @ (y[:, None] == kinds).double()
        gap = p - q
        each.append(0.5 * gap[0].abs().sum())
        errors.append(0.5 * (gap[1:] - gap[0]).abs().sum(1))
    return _score(torch.stack(each), torch.stack(errors, 1))


def correlation_similarity(real: Tensor, synthetic: Tensor) -> Score | None:
    """The mean over pairs of columns of 1 − |ρ − ρ'|/2, ρ Pearson's correlation.

    Args:
        real, synthetic: (n, k) and (m, k); rows with a missing entry are ignored.

    Returns:
        None if fewer than two columns vary in both tables. A constant column has no correlation,
        and its pairs are left out.

    Example:
        >>> x = torch.tensor([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]])
        >>> correlation_similarity(x, x * torch.tensor([1.0, -1.0])).value
        0.0
    """
    real, synthetic = (x[~x.isnan().any(1)].double() for x in (real, synthetic))
    if len(real) < 3 or len(synthetic) < 3:
        return None
    varies = (real.std(0) > 0) & (synthetic.std(0) > 0)
    if int(varies.sum()) < 2:
        return None
    real, synthetic = real[:, varies], synthetic[:, varies]
    k = real.shape[1]
    rows, columns = torch.triu_indices(k, k, 1)
    gap = (_correlations(real) - _correlations(synthetic))[:, rows, columns] / 2
    each = gap[0].abs()
    return _score(each, (gap[1:] - gap[0]).abs())


def _correlations(x: Tensor) -> Tensor:
    """Correlations under the uniform and the resampled weights, (1 + copies, k, k)."""
    x = (x - x.mean(0)) / x.std(0)
    weights = _with_plain(len(x))
    first = weights @ x
    k = x.shape[1]
    second = (weights @ (x[:, :, None] * x[:, None, :]).flatten(1)).view(-1, k, k)
    cov = second - first[:, :, None] * first[:, None, :]
    sd = cov.diagonal(dim1=1, dim2=2).clamp(min=1e-12).sqrt()
    return cov / (sd[:, :, None] * sd[:, None, :])


def nearer_to_training(train: Tensor, held_out: Tensor, synthetic: Tensor) -> Tensor:
    """For each synthetic row, 1 if the nearest training row is nearer than any held-out row.

    Args:
        train, held_out: the same number of each, (n, d).
        synthetic: (m, d).

    Returns:
        (m,), ½ for ties. The mean is ½ if nothing is copied, and ½ + c/2 if a share c of the rows
        are copies.

    Example:
        >>> nearer_to_training(torch.tensor([[0.0]]), torch.tensor([[4.0]]),
        ...                    torch.tensor([[1.0], [2.0]])).tolist()
        [1.0, 0.5]
    """
    found = []
    for part in synthetic.double().split(512):
        to_train = torch.cdist(part, train.double()).amin(1)
        to_held = torch.cdist(part, held_out.double()).amin(1)
        found.append((to_train < to_held).double() + 0.5 * (to_train == to_held).double())
    return torch.cat(found)


def ks_at_equal_distributions(n: int, m: int) -> float:
    """The expected KS distance of two samples from one distribution, (√(π/2) log 2) √(1/n + 1/m).

    Example:
        >>> round(ks_at_equal_distributions(1000, 1000), 4)
        0.0388
    """
    return 0.8687 * (1 / n + 1 / m) ** 0.5


def tv_at_equal_distributions(probabilities: Sequence[float], n: int, m: int) -> float:
    """The expected TV distance of two samples from p, ½ Σ √(2 p(1 − p)(1/n + 1/m)/π).

    Example:
        >>> round(tv_at_equal_distributions([0.2] * 5, 1000, 1000), 4)
        0.0357
    """
    total = sum((2 * p * (1 - p) * (1 / n + 1 / m) / torch.pi) ** 0.5 for p in probabilities)
    return float(0.5 * total)
