"""The difference of two ways of training, over seeds and over test examples.

Two runs compare two trained models. To compare two *ways of training*, each needs several seeds.
d_si is the difference of a metric at seed s and test example i. All seeds have the same test
examples (a crossed design), so the mean varies with the seeds and with the examples:

    A = n · Var(seed means),  B = k · Var(example means),  C = the residual mean square,
    SE² = max(A + B − C, A, B) / (k n),
    degrees of freedom = V² / (A² / (k − 1) + B² / (n − 1)),   V = k n SE².

Sources: Satterthwaite 1946, "An approximate distribution of estimates of variance components";
Cornfield and Tukey 1956, "Average values of mean squares in factorials" (the crossed design).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

#: With fewer seeds nothing is concluded; up to the second number the wider interval is used.
FEWEST, WIDER = 3, 5
#: Seeds beyond which more are not proposed, and the power for which they are counted.
MOST, POWER = 100, 0.8


@dataclass(frozen=True)
class SeedDifference:
    """The mean difference of two ways of training.

    Args:
        value: b − a.
        low, high: its 95 % interval; NaN for a single seed.
        p: the two-sided p-value of no difference.
        seeds: of each arm, or pairs of them.
        examples: test examples in the interval, 0 if it is over seeds alone.
        paired: whether runs of the same seed were compared.
        seed_sd: the standard deviation of the difference between seeds.
    """

    value: float
    low: float
    high: float
    p: float
    seeds: int
    examples: int
    paired: bool
    seed_sd: float

    @property
    def how(self) -> str:
        """The variation that the interval covers, in words."""
        pairs = "pairs of seeds" if self.paired else "seeds an arm"
        if self.examples:
            return f"over {self.seeds} {pairs} and {self.examples:,} test examples"
        return f"over {self.seeds} {pairs}"


def crossed_difference(d: NDArray[np.float64]) -> SeedDifference:
    """The mean of d_si with an interval over seeds and test examples.

    Up to five seeds the wider of it and Student's t interval of the seed means is taken.

    Args:
        d: (k, n), seeds by test examples; k ≥ 1, n ≥ 2.

    Example:
        >>> d = np.array([[0.10, 0.30, -0.05, 0.22, 0.15], [0.02, 0.25, -0.10, 0.20, 0.05],
        ...               [0.20, 0.35, 0.10, 0.30, 0.18]])
        >>> one = crossed_difference(d)
        >>> round(one.value, 4), round(one.low, 5), round(one.high, 5)
        (0.1513, -0.02574, 0.32841)
    """
    k, n = d.shape
    mean, rows = float(d.mean()), d.mean(axis=1)
    if k < 2:
        return SeedDifference(mean, math.nan, math.nan, math.nan, k, n, True, math.nan)
    error, freedom = crossed_error(d)
    half = float(stats.t.ppf(0.975, freedom)) * error
    p = _p(mean, error, freedom)
    if k <= WIDER:
        simple = float(rows.std(ddof=1)) / math.sqrt(k)
        half = max(half, float(stats.t.ppf(0.975, k - 1)) * simple)
        p = max(p, _p(mean, simple, k - 1))
    sd = float(rows.std(ddof=1))
    return SeedDifference(mean, mean - half, mean + half, p, k, n, True, sd)


def crossed_error(d: NDArray[np.float64]) -> tuple[float, float]:
    """The standard error of the mean of a crossed design, and its degrees of freedom.

    Args:
        d: (k, n), k and n ≥ 2.
    """
    k, n = d.shape
    a = n * float(d.mean(axis=1).var(ddof=1))
    b = k * float(d.mean(axis=0).var(ddof=1))
    rest = d - d.mean(axis=1, keepdims=True) - d.mean(axis=0, keepdims=True) + d.mean()
    c = float(np.square(rest).sum()) / ((k - 1) * (n - 1))
    v = max(a + b - c, a, b)
    below = a * a / (k - 1) + b * b / (n - 1)
    return math.sqrt(v / (k * n)), v * v / below if below > 0.0 else float(k - 1)


def paired_seeds(a: Sequence[float], b: Sequence[float]) -> SeedDifference:
    """The mean of b − a over pairs of runs with the same seed, with Student's t interval.

    Args:
        a, b: one number a seed, in the same order of seeds.
    """
    d = np.asarray(b, dtype=float) - np.asarray(a, dtype=float)
    k, mean = len(d), float(np.mean(d))
    if k < 2:
        return SeedDifference(mean, math.nan, math.nan, math.nan, k, 0, True, math.nan)
    sd = float(d.std(ddof=1))
    error = sd / math.sqrt(k)
    half = float(stats.t.ppf(0.975, k - 1)) * error
    return SeedDifference(mean, mean - half, mean + half, _p(mean, error, k - 1), k, 0, True, sd)


def independent_seeds(a: Sequence[float], b: Sequence[float]) -> SeedDifference:
    """The difference of the means of two arms whose seeds share nothing, by Welch's interval.

    Source: Welch 1947, "The generalization of 'Student's' problem".

    Args:
        a, b: one number a seed.
    """
    x, y = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    k, value = min(len(x), len(y)), float(y.mean() - x.mean())
    if k < 2:
        return SeedDifference(value, math.nan, math.nan, math.nan, k, 0, False, math.nan)
    u, v = float(x.var(ddof=1)) / len(x), float(y.var(ddof=1)) / len(y)
    below = u * u / (len(x) - 1) + v * v / (len(y) - 1)
    freedom = (u + v) ** 2 / below if below > 0.0 else len(x) + len(y) - 2.0
    error = math.sqrt(u + v)
    half = float(stats.t.ppf(0.975, freedom)) * error
    sd = math.sqrt(u * len(x) + v * len(y))
    p = _p(value, error, freedom)
    return SeedDifference(value, value - half, value + half, p, k, 0, False, sd)


def _p(value: float, error: float, freedom: float) -> float:
    if error <= 0.0 or not math.isfinite(error):
        return 0.0 if value and error == 0.0 else 1.0
    return float(2.0 * stats.t.sf(abs(value) / error, freedom))


def power(effect: float, k: int) -> float:
    """The power of the paired t test at 5 %: effect = |δ| / sd of the difference, k pairs.

    Example:
        >>> [round(power(effect, 5), 2) for effect in (1.0, 2.0, 3.0)]
        [0.4, 0.91, 1.0]
    """
    if k < 2:
        return 0.0
    edge = float(stats.t.ppf(0.975, k - 1))
    away = effect * math.sqrt(k)
    return float(stats.nct.sf(edge, k - 1, away) + stats.nct.cdf(-edge, k - 1, away))


def seeds_needed(effect: float, reach: float = POWER) -> int | None:
    """The number of pairs of seeds that find this effect with this power; None above 100.

    Args:
        effect: |δ| / the standard deviation of the difference between seeds.
        reach: the power.

    Example:
        >>> [seeds_needed(effect) for effect in (0.5, 0.75, 1.0, 1.5, 2.0, 3.0)]
        [34, 16, 10, 6, 5, 4]
    """
    for k in range(2, MOST + 1):
        if power(effect, k) >= reach:
            return k
    return None


def pilot_factor(k: int) -> float:
    """The factor by which the standard deviation of k seeds may be too small, at 80 % confidence.

        √((k − 1) / χ²_{0.2, k−1}).

    Example:
        >>> [round(pilot_factor(k), 2) for k in (3, 5, 10)]
        [2.12, 1.56, 1.29]
    """
    return math.sqrt((k - 1) / float(stats.chi2.ppf(0.2, k - 1)))


@dataclass(frozen=True)
class Verdict:
    """The conclusion about one metric of two arms.

    Args:
        words: one sentence.
        decided: whether one arm was called better.
        better: the name of that arm, otherwise empty.
        more: the number of further pairs of seeds that would decide; None if unknown or too large.
        more_cautious: the same, if the seeds so far underestimate the standard deviation.
    """

    words: str
    decided: bool
    better: str = ""
    more: int | None = None
    more_cautious: int | None = None


def verdict(
    one: SeedDifference, adjusted: float, direction: str, first: str, second: str
) -> Verdict:
    """Whether one of two ways of training is better.

    At least three seeds are required. An arm is better if the interval excludes zero and Holm's
    p-value over all shown comparisons is at most 5 %.

    Args:
        one: second − first.
        adjusted: its p-value by Holm.
        direction: the better direction: ``lower`` or ``higher``.
        first, second: the names of the arms.

    Example:
        >>> d = paired_seeds([1.0, 1.1, 0.9, 1.0], [2.0, 2.2, 1.9, 2.0])
        >>> verdict(d, d.p, "higher", "A", "B").words
        'B is better than A'
        >>> verdict(paired_seeds([1.0, 1.1], [2.0, 2.2]), 0.01, "higher", "A", "B").words
        'not decided: 2 seeds; at least 3 are needed'
    """
    if one.seeds < FEWEST:
        return Verdict(
            f"not decided: {one.seeds} seed{'s' * (one.seeds != 1)}; at least {FEWEST} are needed",
            False,
            more=FEWEST - one.seeds,
        )
    if adjusted <= 0.05 and not one.low <= 0.0 <= one.high:
        better, other = (
            (second, first) if (one.value > 0) == (direction == "higher") else (first, second)
        )
        return Verdict(f"{better} is better than {other}", True, better)
    if one.seed_sd <= 0.0:
        return Verdict("not decided: the seeds do not differ; the test examples decide", False)
    effect = abs(one.value) / one.seed_sd
    enough, cautious = seeds_needed(effect), seeds_needed(effect / pilot_factor(one.seeds))
    if enough is None:
        return Verdict(
            f"not decided: a difference of this size would need more than {MOST} seeds", False
        )
    more = max(1, enough - one.seeds)
    careful = None if cautious is None else max(1, cautious - one.seeds)
    up_to = f"up to {careful}" if careful is not None else f"over {MOST}"
    plural = "s" if more > 1 else ""
    return Verdict(
        f"not decided: about {more} more seed{plural} would find a difference of this size in "
        f"80 % of studies ({up_to}, if these seeds understate the spread)",
        False,
        more=more,
        more_cautious=careful,
    )
