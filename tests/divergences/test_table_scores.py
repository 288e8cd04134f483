"""Scores of tables against closed forms, published constants, and what they must not do."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats

from genlab.core.random import scope
from genlab.divergences.table_scores import (
    correlation_similarity,
    ks_at_equal_distributions,
    ks_complement,
    nearer_to_training,
    tv_at_equal_distributions,
    tv_complement,
)


def normal(seed: int, *shape: int) -> torch.Tensor:
    with scope(seed, "rows"):
        return torch.randn(*shape, dtype=torch.float64)


def test_ks_is_that_of_scipy_with_ties_too_and_gaps_count_for_nothing() -> None:
    x, y = normal(1, 200, 2), normal(2, 300, 2) + 0.3
    x[:, 1], y[:, 1] = x[:, 1].round(), y[:, 1].round()
    found = ks_complement(x, y)
    for k in range(2):
        exact = stats.ks_2samp(x[:, k].numpy(), y[:, k].numpy()).statistic
        assert float(found.each[k]) == pytest.approx(1 - exact, abs=1e-12)
    gappy = torch.cat([x, torch.full((50, 2), torch.nan, dtype=torch.float64)])
    assert ks_complement(gappy, y).value == pytest.approx(found.value, abs=1e-12)


def test_values_of_known_laws() -> None:
    n = 200_000
    x, y = normal(3, n, 1), normal(4, n, 1) + 0.5
    assert ks_complement(x, y).value == pytest.approx(1 - 0.1974127, abs=0.01)
    pairs = [normal(k, n, 2) for k in (5, 6)]
    for z, rho in zip(pairs, (0.6, 0.4), strict=True):
        z[:, 1] = rho * z[:, 0] + math.sqrt(1 - rho**2) * z[:, 1]
    small = [z[:20_000] for z in pairs]
    found = correlation_similarity(*small)
    assert found is not None
    assert found.value == pytest.approx(0.9, abs=0.01)


def test_the_interval_of_a_pair_is_near_that_of_fisher() -> None:
    halves = []
    for seed in range(6):
        z = [normal(10 * seed + k, 1000, 2) for k in (1, 2)]
        for one, rho in zip(z, (0.6, 0.4), strict=True):
            one[:, 1] = rho * one[:, 0] + math.sqrt(1 - rho**2) * one[:, 1]
        with scope(seed, "bootstrap"):
            found = correlation_similarity(*z)
        assert found is not None
        halves.append((found.high - found.low) / 2)
    # Fisher's, joined: (0.8672, 0.9327).
    assert np.mean(halves) == pytest.approx((0.9327 - 0.8672) / 2, rel=0.15)


def test_perfect_samplers_score_what_is_said_of_equal_laws() -> None:
    # Over 40 pairs of samples; the standard error is about 2 %.
    found = [
        1 - ks_complement(normal(k, 300, 1), normal(k + 500, 300, 1)).value for k in range(80)
    ]
    error = np.std(found) / math.sqrt(len(found))
    assert abs(np.mean(found) - ks_at_equal_distributions(300, 300)) < 4 * error + 0.04 * np.mean(
        found
    )
    assert ks_at_equal_distributions(1000, 1000) == pytest.approx(0.0387, abs=3e-4)
    for k, wanted in ((2, 0.0178), (5, 0.0357), (10, 0.0535), (50, 0.1249)):
        assert tv_at_equal_distributions([1 / k] * k, 1000, 1000) == pytest.approx(
            wanted, abs=1e-4
        )


def test_total_variation_is_half_the_sum_of_differences() -> None:
    x = torch.tensor([0.0, 0, 0, 1, 1, 2, torch.nan])[:, None]
    y = torch.tensor([0.0, 1, 1, 3])[:, None]
    # Shares 1/2, 1/3, 1/6, 0 and 1/4, 1/2, 0, 1/4.
    assert tv_complement(x, y).value == pytest.approx(1 - (1 / 4 + 1 / 6 + 1 / 6 + 1 / 4) / 2)


def test_a_column_that_does_not_vary_has_no_correlation() -> None:
    x = normal(7, 100, 3)
    y = x.clone()
    y[:, 2] = 4.0
    found = correlation_similarity(x, y)
    assert found is not None
    assert len(found.each) == 1
    assert correlation_similarity(x[:, :1], x[:, :1]) is None
    assert correlation_similarity(x, torch.ones(50, 3)) is None


@pytest.mark.parametrize("copied", [0.0, 0.3, 1.0])
def test_copies_are_seen(copied: float) -> None:
    train, held, made = normal(8, 300, 4), normal(9, 300, 4), normal(10, 2000, 4)
    k = int(copied * len(made))
    made[:k] = train[torch.arange(k) % 300]
    found = float(nearer_to_training(train, held, made).mean())
    # The sets themselves vary: over draws of them the share has a standard deviation of 0.02.
    assert abs(found - (0.5 + copied / 2)) < 0.08
    assert float(nearer_to_training(train, train, made).mean()) == 0.5
