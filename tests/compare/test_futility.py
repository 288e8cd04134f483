"""Stopping for futility: the predictive power, the rate of false calls and the power lost."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from genlab.compare.futility import FEWEST, LEAST, is_futile, predictive_power
from genlab.compare.over_seeds import power


def drawn_power(d: np.ndarray, planned: int, rng: np.random.Generator, n: int = 20_000) -> float:
    """The same by drawing every single pair and doing the test."""
    k = len(d)
    sigma = np.sqrt((k - 1) * d.var(ddof=1) / rng.chisquare(k - 1, n))
    mu = d.mean() + sigma / np.sqrt(k) * rng.standard_normal(n)
    later = mu[:, None] + sigma[:, None] * rng.standard_normal((n, planned - k))
    whole = np.concatenate([np.broadcast_to(d, (n, k)), later], axis=1)
    return float(np.mean(stats.ttest_1samp(whole, 0.0, axis=1).pvalue < 0.05))


@pytest.mark.parametrize(("shift", "k", "planned"), [(0.3, 4, 10), (0.8, 5, 10), (0.5, 4, 5)])
def test_the_predictive_power_is_that_of_single_draws(shift: float, k: int, planned: int) -> None:
    rng = np.random.default_rng(11)
    d = shift + rng.standard_normal(k)
    found, exact = predictive_power(d, planned), drawn_power(d, planned, rng)
    # Binomial errors of 4,000 and of 20,000 draws.
    error = np.sqrt(exact * (1 - exact) * (1 / 4000 + 1 / 20_000))
    assert abs(found - exact) < 4 * error + 1e-3


def test_at_the_end_it_is_the_test_itself() -> None:
    rng = np.random.default_rng(3)
    for _ in range(50):
        d = 0.7 + rng.standard_normal(6)
        assert predictive_power(d, 6) == float(stats.ttest_1samp(d, 0.0).pvalue < 0.05)


def studied(delta: float, planned: int, rng: np.random.Generator) -> tuple[bool, int]:
    """A study that is looked at after every seed: whether it calls a difference, and its pairs."""
    d = delta + rng.standard_normal(planned)
    for k in range(FEWEST, planned):
        if is_futile(d[:k], planned):
            return False, k
    return bool(stats.ttest_1samp(d, 0.0).pvalue < 0.05), planned


def test_false_calls_stay_at_five_percent_and_little_power_is_lost() -> None:
    rng, n, planned = np.random.default_rng(5), 400, 10
    equal = [studied(0.0, planned, rng) for _ in range(n)]
    assert np.mean([called for called, _ in equal]) <= 0.07
    # A good part of the runs of equal arms is saved.
    assert np.mean([k for _, k in equal]) < 0.85 * planned
    other = [studied(1.0, planned, rng) for _ in range(n)]
    found, whole = float(np.mean([called for called, _ in other])), power(1.0, planned)
    assert whole == pytest.approx(0.80, abs=0.01)
    # Power lost by stopping: at most 3 of 80 points, with 4 binomial errors of 400 studies.
    assert found >= whole - 0.03 - 4 * np.sqrt(0.8 * 0.2 / n)


def test_nothing_is_stopped_too_early_or_at_the_end() -> None:
    nothing = [0.1, -0.1, 0.05, -0.06, 0.02]
    assert not is_futile(nothing[:3], 10)
    assert is_futile(nothing, 10)
    assert not is_futile(nothing, 5)
    assert 0.0 < LEAST < 0.2
