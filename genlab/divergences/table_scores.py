"""How near generated rows of a table are to real ones, column by column and pair by pair.

The intervals rest on the centred bootstrap. A score is a norm ‖F̂ − Ĝ‖ of a difference of two
empirical functions, and by the triangle inequality its error is at most the norm of the error of
that difference, whose distribution the bootstrap gives: score ± the 95 % point of
‖(F* − G*) − (F̂ − Ĝ)‖. It holds at equal distributions too, where the norm is not normal, and
covers at least 95 %. Rows are resampled whole, so that the mean over columns has its interval.

Sources: the scores are those of SDMetrics (DataCebo); the bootstrap of empirical processes: van
der Vaart and Wellner 1996, "Weak convergence and empirical processes", section 3.6.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

#: Resamples of the bootstrap, and the share of them that the interval holds.
RESAMPLES, COVERED = 200, 0.95


@dataclass(frozen=True)
class Score:
    """A score between 0 and 1, 1 at equal distributions, with its interval.

    Args:
        value, low, high: the mean over columns or pairs, and the 95 % interval.
        each: the score of each column or pair, (k,).
    """

    value: float
    low: float
    high: float
    each: Tensor


def resampled(n: int, copies: int = RESAMPLES) -> Tensor:
    """How often each of n rows is drawn, over n, (copies, n), from the global stream."""
    drawn = torch.randint(n, (copies, n))
    counts = torch.zeros(copies, n, dtype=torch.float64)
    counts.scatter_add_(1, drawn, torch.ones(copies, n, dtype=torch.float64))
    return counts / n


def _score(each: Tensor, errors: Tensor) -> Score:
    """Distances of columns (k,) and norms of resampled errors (copies, k) as a score."""
    distance = float(each.mean())
    half = float(torch.quantile(errors.mean(1), COVERED))
    low, high = max(0.0, 1 - distance - half), min(1.0, 1 - distance + half)
    return Score(1 - distance, low, high, 1 - each)


def _share(weights: Tensor, there: Tensor) -> Tensor:
    """Weights of the observed rows alone, with sum 1, (copies, n)."""
    kept = weights * there
    return kept / kept.sum(1, keepdim=True).clamp(min=1e-300)


def ks_complement(real: Tensor, synthetic: Tensor) -> Score:
    """The mean over columns of 1 − sup |F − G|, the Kolmogorov-Smirnov distance.

    Args:
        real, synthetic: (n, k) and (m, k); NaN where missing, which counts for nothing.

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
        # Of tied values the last alone has the whole step.
        last = torch.cat([ordered[1:] != ordered[:-1], torch.ones(1, dtype=torch.bool)])
        gap = weights[:, order].cumsum(1)[:, last]
        each.append(gap[0].abs().amax())
        errors.append((gap[1:] - gap[0]).abs().amax(1))
    return _score(torch.stack(each), torch.stack(errors, 1))


def _with_plain(n: int) -> Tensor:
    """The plain weights 1/n first, then those of the resamples."""
    plain = torch.full((1, n), 1.0 / n, dtype=torch.float64)
    return torch.cat([plain, resampled(n)])


def tv_complement(real: Tensor, synthetic: Tensor) -> Score:
    """The mean over columns of 1 − ½ Σ |p − q|, the total variation distance.

    Args:
        real, synthetic: (n, k) and (m, k) of values of discrete columns; NaN where missing.

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
        real, synthetic: (n, k) and (m, k); rows with a missing entry count for nothing.

    Returns:
        None where no two columns vary on both sides. A column that does not vary has no
        correlation, and its pairs are left out.

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
    """Correlations under the plain and the resampled weights, (1 + copies, k, k)."""
    x = (x - x.mean(0)) / x.std(0)
    weights = _with_plain(len(x))
    first = weights @ x
    k = x.shape[1]
    second = (weights @ (x[:, :, None] * x[:, None, :]).flatten(1)).view(-1, k, k)
    cov = second - first[:, :, None] * first[:, None, :]
    sd = cov.diagonal(dim1=1, dim2=2).clamp(min=1e-12).sqrt()
    return cov / (sd[:, :, None] * sd[:, None, :])


def nearer_to_training(train: Tensor, held_out: Tensor, synthetic: Tensor) -> Tensor:
    """For each generated row 1 where the nearest training row is nearer than any held-out one.

    Args:
        train, held_out: as many of each, (n, d).
        synthetic: (m, d).

    Returns:
        (m,), ½ where both are as near. Its mean is ½ where nothing is copied, and ½ + c/2 where
        a share c of the rows are copies.

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


def ks_at_equal_laws(n: int, m: int) -> float:
    """The expected KS distance of two samples of one continuous law, (√(π/2) log 2) √(1/n + 1/m).

    Example:
        >>> round(ks_at_equal_laws(1000, 1000), 4)
        0.0388
    """
    return 0.8687 * (1 / n + 1 / m) ** 0.5


def tv_at_equal_laws(probabilities: Sequence[float], n: int, m: int) -> float:
    """The expected TV distance of two samples of one discrete law, ½ Σ √(2 p(1 − p)(1/n + 1/m)/π).

    Example:
        >>> round(tv_at_equal_laws([0.2] * 5, 1000, 1000), 4)
        0.0357
    """
    total = sum((2 * p * (1 - p) * (1 / n + 1 / m) / torch.pi) ** 0.5 for p in probabilities)
    return float(0.5 * total)
