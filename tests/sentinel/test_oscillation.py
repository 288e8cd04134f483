"""The test for a cycle: what it finds, and how often it finds one where there is none."""

from __future__ import annotations

import math

import numpy as np
import pytest

from genlab.sentinel.statistics import LEAST, find_cycle, running_median, start_of_last_run

RNG = np.random.default_rng


def red(phi, n, rng):
    """x_t = φ x_{t−1} + ε_t, begun in equilibrium by a long run before."""
    noise, x = rng.normal(size=n + 300), np.zeros(n + 300)
    for t in range(1, n + 300):
        x[t] = phi * x[t - 1] + noise[t]
    return x[300:]


#: What learning curves look like that do not go round.
NULLS = {
    "white noise": lambda n, rng: rng.normal(size=n),
    "random walk": lambda n, rng: rng.normal(size=n).cumsum(),
    "integrated walk": lambda n, rng: rng.normal(size=n).cumsum().cumsum(),
    "walk and noise": lambda n, rng: rng.normal(size=n).cumsum() + 3 * rng.normal(size=n),
    "red, 0.9": lambda n, rng: red(0.9, n, rng),
    "red, 0.97": lambda n, rng: red(0.97, n, rng),
    "decay and noise": lambda n, rng: 9 * np.exp(-np.arange(n) / 20) + 0.1 * rng.normal(size=n),
    "heavy tails": lambda n, rng: rng.standard_t(2, size=n),
}


@pytest.mark.parametrize("name", NULLS)
def test_the_rate_of_false_alarms_is_below_one_percent(name):
    rng = RNG(11)
    alarms = sum(
        find_cycle(NULLS[name](n, rng)) is not None for n in (128, 256) for _ in range(300)
    )
    # 600 trials at a true rate of 0.2 % (the worst of these) give more than 6 with p < 0.0003.
    assert alarms <= 6


@pytest.mark.parametrize(
    ("period", "n"), [(6, 128), (13, 128), (25, 128), (6, 256), (13, 256), (40, 256)]
)
def test_a_sine_under_noise_is_found_with_its_period_and_amplitude(period, n):
    t = np.arange(n)
    x = 2.0 * np.sin(2 * math.pi * t / period + 1) + 0.4 * RNG(3).normal(size=n) + 0.02 * t
    found = find_cycle(x)
    assert found is not None
    # A peak is known to half a bin of the periodogram.
    assert n / found.period == pytest.approx(n / period, abs=0.75)
    assert found.amplitude == pytest.approx(2.0, rel=0.15)
    assert found.share > 0.85


def test_a_limit_cycle_whose_phase_wanders_is_found():
    rng = RNG(5)
    hits = 0
    for _ in range(50):
        phase = np.cumsum(2 * math.pi / 14 * (1 + 0.15 * rng.normal(size=256)))
        hits += find_cycle(np.sin(phase) + 0.3 * rng.normal(size=256)) is not None
    assert hits >= 45


def test_too_few_records_or_a_number_that_is_none_say_nothing():
    x = np.sin(np.arange(300) / 3)
    assert find_cycle(x[: LEAST - 1]) is None
    assert find_cycle(np.where(np.arange(300) == 299, np.nan, x)) is None
    assert find_cycle(np.full(300, 0.7)) is None
    assert find_cycle(x) is not None


def test_three_cycles_are_not_enough():
    assert find_cycle(np.sin(2 * math.pi * 3 * np.arange(256) / 256)) is None


def test_the_running_median_is_that_of_numpy():
    x = RNG(0).normal(size=50)
    found = running_median(x, 7)
    for i in range(50):
        assert found[i] == np.median(x[max(0, i - 6) : i + 1])
    assert len(running_median(np.array([]), 3)) == 0


@pytest.mark.parametrize(
    ("mask", "since"),
    [([], None), ([0], None), ([1], 0), ([1, 0, 1, 1], 2), ([1, 1], 0), ([1, 1, 0], None)],
)
def test_lasting_is_the_last_unbroken_stretch(mask, since):
    assert start_of_last_run(np.array(mask, dtype=bool)) == since
