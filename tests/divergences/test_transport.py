"""Wasserstein distances and MMD against closed forms, brute force and their own error bars."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from scipy import stats

from genlab.core.errors import DataError
from genlab.divergences.mixtures_1d import f_gan_mixture, gaussian
from genlab.divergences.transport import (
    median_bandwidth,
    mmd,
    sliced_w1,
    w1,
    w1_densities,
    w1_floor,
    w1_line,
)


def draw(n: int, d: int, seed: int, shift: float = 0.0) -> torch.Tensor:
    source = torch.Generator().manual_seed(seed)
    x = torch.randn(n, d, generator=source, dtype=torch.float64)
    x[:, 0] += shift
    return x


@pytest.mark.parametrize("shift", [0.5, 2.0, 10.0])
def test_w1_between_shifted_densities_is_the_shift(shift):
    row = w1_densities(gaussian(0.0, 1.0), gaussian(shift, 1.0))
    assert row.value == pytest.approx(shift, abs=1e-6)
    assert row.series.kind == "exact"


def test_w1_between_scaled_densities():
    # Equal means: W1 = E|σ₁ z − σ₂ z| = |σ₁ − σ₂| √(2/π).
    row = w1_densities(gaussian(0.0, 1.0), gaussian(0.0, 2.5))
    assert row.value == pytest.approx(1.5 * math.sqrt(2.0 / math.pi), abs=1e-6)
    target = f_gan_mixture()
    assert w1_densities(target, target).value == pytest.approx(0.0, abs=1e-9)


def test_w1_of_a_law_without_a_mean_is_refused():
    def cauchy(x: torch.Tensor) -> torch.Tensor:
        return -math.log(math.pi) - torch.log1p(x * x)

    with pytest.raises(DataError, match=r"mean|variance"):
        w1_densities(cauchy, gaussian(0.0, 1.0))


@pytest.mark.parametrize(("n", "m"), [(50, 50), (37, 80), (5, 2)])
def test_w1_on_the_line_equals_scipy(n, m):
    x, y = draw(n, 1, 1)[:, 0], draw(m, 1, 2, shift=0.3)[:, 0]
    expected = stats.wasserstein_distance(x.numpy(), y.numpy())
    row = w1_line(x, y)
    assert row.value == pytest.approx(expected, rel=1e-10)
    assert row.series.n == n + m
    assert row.series.unit == "data units"


def test_w1_of_shifted_gaussians_with_its_error_bar():
    hits, errors, values = 0, [], []
    for seed in range(60):
        row = w1_line(draw(500, 1, 2 * seed), draw(500, 1, 2 * seed + 1, shift=2.0))
        hits += row.low <= 2.0 <= row.high
        errors.append((row.high - row.low) / 3.92)
        values.append(row.value)
    assert 51 <= hits <= 60
    # A shift's potential is x itself, so the standard error is √(1/n + 1/m).
    assert sum(errors) / 60 == pytest.approx(math.sqrt(2.0 / 500), rel=0.05)
    assert float(torch.tensor(values).std()) == pytest.approx(math.sqrt(2.0 / 500), rel=0.35)


def test_w1_in_the_plane_equals_brute_force():
    x, y = draw(6, 2, 3), draw(6, 2, 4, shift=1.0)
    cost = torch.cdist(x, y)
    best = min(
        float(cost[torch.arange(6), list(order)].mean())
        for order in itertools.permutations(range(6))
    )
    assert w1(x, y).value == pytest.approx(best, rel=1e-12)


def test_w1_in_the_plane_of_a_shift():
    x = draw(300, 2, 5)
    moved = x + torch.tensor([3.0, 4.0], dtype=torch.float64)
    row = w1(x, moved)
    assert row.value == pytest.approx(5.0, abs=1e-9)
    separate = w1(draw(400, 2, 6), draw(400, 2, 7, shift=4.0))
    floor = w1_floor(draw(800, 2, 8))
    assert 0.05 < floor.value < 0.3
    # Biased upward, by no more than what equal laws show.
    assert 4.0 - (separate.high - separate.value) * 1.6 < separate.value < 4.0 + floor.value
    assert (separate.high - separate.value) / 1.96 == pytest.approx(math.sqrt(2 / 400), rel=0.2)


def test_assignment_potentials_are_dual_optimal():
    from genlab.divergences.transport import assignment

    cost = torch.cdist(draw(120, 2, 9), draw(120, 2, 10, shift=1.0)).numpy()
    partner, u, v = assignment(cost, precision=0.0)
    assert (u[:, None] + v[None, :] <= cost + 1e-9).all()
    assert u.sum() + v.sum() == pytest.approx(cost[range(120), partner].sum(), rel=1e-10)


def test_w1_caps_the_number_of_points():
    x = draw(900, 2, 11)
    assert w1(x, x, limit=100).series.n == 200
    assert w1(x, x[:50]).series.n == 100
    assert w1(x[:, :1], x[:40, :1]).series.n == 940


def test_sliced_w1_of_a_shift():
    x, y = draw(1000, 2, 12), draw(1000, 2, 13, shift=3.0)
    row = sliced_w1(x, y, projections=200, seed=1)
    # A shift by d in the plane projects to d |cos θ|, whose mean is 2d/π.
    expected = 3.0 * 2.0 / math.pi
    error = (row.high - row.low) / 3.92
    assert abs(row.value - expected) < 4 * error
    assert 0.03 < error < 0.15
    assert row == sliced_w1(x, y, projections=200, seed=1)
    assert row.value != sliced_w1(x, y, projections=200, seed=2).value


def test_sliced_w1_on_the_line_is_w1():
    x, y = draw(80, 1, 14), draw(120, 1, 15, shift=1.0)
    assert sliced_w1(x, y, projections=3).value == pytest.approx(w1_line(x, y).value, rel=1e-12)


def test_mmd_is_zero_for_equal_laws_within_its_error():
    hits, values = 0, []
    for seed in range(40):
        row = mmd(draw(150, 2, 100 + seed), draw(150, 2, 200 + seed), bandwidths=[0.5, 1.0, 2.0])
        hits += row.low <= 0.0 <= row.high
        values.append(row.value)
    assert 34 <= hits <= 40
    assert min(values) < 0.0 < max(values)
    assert abs(sum(values) / 40) < 4 * float(torch.tensor(values).std()) / math.sqrt(40)


def test_mmd_of_shifted_gaussians_has_its_closed_form():
    # E k for N(m, 2I) differences: (h²/(h²+2))^{d/2} exp(−|m|²/(2(h²+2))).
    h, d, shift = 1.0, 2, 1.5
    base = (h * h / (h * h + 2.0)) ** (d / 2)
    expected = 2.0 * base * (1.0 - math.exp(-(shift**2) / (2.0 * (h * h + 2.0))))
    hits = 0
    for seed in range(20):
        row = mmd(draw(400, d, seed), draw(400, d, 50 + seed, shift=shift), bandwidths=[h])
        hits += row.low <= expected <= row.high
        assert row.value == pytest.approx(expected, abs=0.06)
        assert row.low > 0.0
    assert 16 <= hits <= 20


def test_mmd_against_a_direct_double_sum():
    x, y = draw(7, 2, 16), draw(7, 2, 17)

    def kernel(a: torch.Tensor, b: torch.Tensor) -> float:
        return math.exp(-float((a - b).square().sum()) / 2.0)

    within, between = 0.0, 0.0
    for i, j in itertools.permutations(range(7), 2):
        within += kernel(x[i], x[j]) + kernel(y[i], y[j])
    for i, j in itertools.product(range(7), repeat=2):
        between += kernel(x[i], y[j])
    expected = within / 42.0 - 2.0 * between / 49.0
    assert mmd(x, y, bandwidths=[1.0]).value == pytest.approx(expected, rel=1e-9)
    assert mmd(x, y).value == pytest.approx(mmd(x, y).value)
    assert 0.5 < median_bandwidth(x, y) < 4.0


def test_samples_that_cannot_be_compared_are_refused():
    x = draw(10, 2, 18)
    with pytest.raises(DataError, match="dimensions"):
        w1(x, draw(10, 3, 19))
    with pytest.raises(DataError, match="at least 2"):
        sliced_w1(x[:1], x)
    with pytest.raises(DataError, match="at least 4"):
        mmd(x[:3], x)
    with pytest.raises(DataError, match="not finite"):
        w1(x, x * math.nan)
    with pytest.raises(DataError, match="line"):
        w1_line(x, x)


def test_images_are_compared_as_vectors():
    x = draw(12, 64, 20).view(12, 1, 8, 8)
    assert w1(x, x).value == pytest.approx(0.0, abs=1e-12)
    assert sliced_w1(x, x).value == pytest.approx(0.0, abs=1e-12)


def test_w1_of_densities_counts_heavy_tails():
    # The 12 standard deviations of the grid end at 20.8, past which a t of 3 degrees of freedom
    # holds 0.4 % of its mean absolute value, 2√3/π = 1.1027.
    three = torch.distributions.StudentT(torch.tensor(3.0, dtype=torch.float64))
    exact = 2.0 * math.sqrt(3.0) / math.pi - 0.01 * math.sqrt(2.0 / math.pi)
    found = w1_densities(three.log_prob, gaussian(0.0, 0.01))
    assert found.value == pytest.approx(exact, abs=2e-5)
    assert found.low <= exact <= found.high
    # The sum of two powers beyond the grid is in the interval, as F and G might cross there.
    other = torch.distributions.StudentT(torch.tensor(3.0, dtype=torch.float64), 1.0)
    moved = w1_densities(three.log_prob, other.log_prob)
    assert moved.value == pytest.approx(1.0, abs=1e-4)
    assert moved.low <= 1.0 <= moved.high < 1.02
    half = w1_densities(lambda x: -x, lambda x: math.log(2.0) - 2.0 * x, low=0.0)
    assert half.value == pytest.approx(0.5, abs=1e-6)
