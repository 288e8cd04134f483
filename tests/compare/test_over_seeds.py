"""Differences over seeds against worked examples, published powers, and simulated studies."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from genlab.compare.difference import holm
from genlab.compare.over_seeds import (
    SeedDifference,
    crossed_difference,
    crossed_error,
    independent_seeds,
    paired_seeds,
    power,
    seeds_needed,
    verdict,
)

WORKED = np.array(
    [
        [0.10, 0.30, -0.05, 0.22, 0.15],
        [0.02, 0.25, -0.10, 0.20, 0.05],
        [0.20, 0.35, 0.10, 0.30, 0.18],
    ]
)


def test_the_worked_example() -> None:
    error, freedom = crossed_error(WORKED)
    assert error == pytest.approx(0.0683748, abs=1e-7)
    assert freedom == pytest.approx(5.8375, abs=1e-4)
    half = float(stats.t.ppf(0.975, freedom)) * error
    mean = float(WORKED.mean())
    assert mean == pytest.approx(0.1513333, abs=1e-7)
    assert (mean - half, mean + half) == pytest.approx((-0.01711, 0.31978), abs=1e-5)
    # With three seeds the wider interval, that of the seed means, is taken.
    one = crossed_difference(WORKED)
    assert (one.low, one.high) == pytest.approx((-0.02574, 0.32841), abs=1e-5)
    simple = paired_seeds([0.0] * 3, list(WORKED.mean(1)))
    assert (simple.low, simple.high) == pytest.approx((one.low, one.high), abs=1e-12)


def simulated(
    rng: np.random.Generator, k: int, n: int, ratio: float, delta: float = 0.0
) -> NDArray[np.float64]:
    """Differences with effects of seeds and of examples; the ratio is that of their SEs."""
    of_examples = rng.normal(size=(1, n))
    of_seeds = ratio * math.sqrt(k / n) * rng.normal(size=(k, 1))
    return delta + of_examples + of_seeds + rng.normal(size=(k, n))


@pytest.mark.parametrize("k", [3, 5, 10])
@pytest.mark.parametrize("ratio", [0.0, 1.0, 3.0])
def test_the_interval_covers(k: int, ratio: float) -> None:
    rng = np.random.default_rng([k, int(10 * ratio)])
    repeats = 1000
    inside = 0
    for _ in range(repeats):
        one = crossed_difference(simulated(rng, k, 60, ratio))
        inside += one.low <= 0.0 <= one.high
    # The binomial standard error is 0.0073; the interval itself holds between 0.943 and 0.985.
    assert 0.943 - 4 * 0.0073 <= inside / repeats <= 0.99


def test_intervals_of_numbers_without_test_examples_cover() -> None:
    rng = np.random.default_rng(1)
    repeats, inside, welch = 2000, 0, 0
    for _ in range(repeats):
        a, b = rng.normal(size=5), 0.5 + rng.normal(size=5)
        one, two = paired_seeds(a, b), independent_seeds(a, 4 * (b - 0.5) + 0.5)
        inside += one.low <= 0.5 <= one.high
        welch += two.low <= 0.5 <= two.high
    assert inside / repeats == pytest.approx(0.95, abs=0.02)
    assert welch / repeats == pytest.approx(0.95, abs=0.02)


@pytest.mark.parametrize(
    ("k", "published"), [(3, (0.18, 0.47, 0.75)), (5, (0.40, 0.91, 0.998)), (10, (0.80, 1.0, 1.0))]
)
def test_power_is_the_published_one(k: int, published: tuple[float, ...]) -> None:
    found = [power(effect, k) for effect in (1.0, 2.0, 3.0)]
    assert found == pytest.approx(published, abs=0.006)


def studies(count: int, k: int, delta: float, metrics: int = 3) -> list[list[SeedDifference]]:
    rng = np.random.default_rng([count, k, int(100 * delta)])
    return [
        [crossed_difference(simulated(rng, k, 60, 2.0, delta)) for _ in range(metrics)]
        for _ in range(count)
    ]


def test_a_study_of_equal_arms_calls_a_difference_in_at_most_five_percent() -> None:
    count, called = 400, 0
    for rows in studies(count, 5, 0.0):
        adjusted = holm([one.p for one in rows])
        called += any(
            verdict(one, p, "higher", "A", "B").decided
            for one, p in zip(rows, adjusted, strict=True)
        )
    assert called / count <= 0.07


def test_a_study_of_unequal_arms_finds_the_difference_with_the_stated_power() -> None:
    rng = np.random.default_rng(7)
    count, called, k, effect = 1000, 0, 5, 2.0
    for _ in range(count):
        d = effect + rng.normal(size=k)
        one = paired_seeds(np.zeros(k), d)
        called += verdict(one, one.p, "higher", "A", "B").better == "B"
    assert called / count == pytest.approx(power(effect, k), abs=4 * math.sqrt(0.09 / count))


def test_what_is_said_when_nothing_is_decided() -> None:
    few = paired_seeds([1.0, 1.0], [2.0, 2.1])
    assert "at least 3" in verdict(few, 0.0, "higher", "A", "B").words
    assert "better" not in verdict(few, 0.0, "higher", "A", "B").words
    one = paired_seeds([0.0] * 4, [1.0, -0.4, 1.4, 0.3])
    said = verdict(one, one.p, "higher", "A", "B")
    assert not said.decided
    effect = one.value / one.seed_sd
    needed = seeds_needed(effect)
    assert needed is not None
    assert said.more == needed - 4
    assert said.more_cautious is not None
    assert said.more_cautious > said.more
    assert f"about {said.more} more seeds" in said.words
    tiny = paired_seeds([0.0] * 4, [1.0, -1.0, 1.01, -1.0])
    assert "more than 100 seeds" in verdict(tiny, tiny.p, "higher", "A", "B").words
    # Significant alone, but not after Holm.
    clear = paired_seeds([0.0] * 4, [1.0, 1.2, 0.9, 1.1])
    assert not verdict(clear, 0.2, "higher", "A", "B").decided
    assert verdict(clear, 0.01, "lower", "A", "B").better == "A"
    alone = crossed_difference(WORKED[:1])
    assert math.isnan(alone.low)
    assert "1 seed;" in verdict(alone, math.nan, "higher", "A", "B").words
