"""Fréchet and kernel distance, precision, recall, density and coverage against exact values."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from genlab.core.errors import DataError
from genlab.core.random import generator
from genlab.metrics.sample_quality import (
    expected_coverage,
    frechet,
    frechet_at_infinity,
    frechet_of_samples,
    kernel_inception,
    neighbour_scores,
)

D = 16


def normal(n: int, d: int, *names: object) -> Tensor:
    return torch.randn(n, d, generator=generator(0, *names), dtype=torch.float64)


def test_frechet_distance_of_two_normal_laws() -> None:
    one = torch.tensor([[2.0, 0.5], [0.5, 1.0]], dtype=torch.float64)
    two = torch.tensor([[1.0, -0.3], [-0.3, 0.5]], dtype=torch.float64)
    shift = torch.tensor([1.0, -1.0], dtype=torch.float64)
    found = frechet(torch.zeros(2, dtype=torch.float64), one, shift, two)
    assert found == pytest.approx(2.5533014128, abs=1e-9)
    same = frechet(shift, one, shift, one)
    assert same == pytest.approx(0.0, abs=1e-12)
    singular = torch.diag(torch.tensor([1.0, 0.0], dtype=torch.float64))
    assert frechet(shift, singular, shift, singular) == pytest.approx(0.0, abs=1e-7)


def test_the_plain_distance_has_the_known_bias_and_the_extrapolated_one_has_not() -> None:
    """Two samples of N(0, I): n · FD → 2 (d + d (d + 1)/4)."""
    n, repeats = 400, 100
    plain, line = [], []
    for i in range(repeats):
        x, y = normal(n, D, "x", i), normal(n, D, "y", i)
        found = frechet_at_infinity(x, y, generator(i, "parts"))
        assert found.plain == pytest.approx(frechet_of_samples(x, y), rel=1e-12)
        plain.append(found.plain)
        line.append(found.value)
    bias = 2 * (D + D * (D + 1) / 4) / n
    values = torch.tensor(plain)
    # The next order, 1/n², is d/n of the first.
    assert float(values.mean()) == pytest.approx(
        bias, abs=4 * float(values.std()) / 10 + bias * D / n
    )
    values = torch.tensor(line)
    assert abs(float(values.mean())) < 4 * float(values.std()) / 10 + bias * D / n
    assert float(values.mean()) < 0.1 * bias


def test_too_few_examples_are_refused() -> None:
    with pytest.raises(DataError, match="more than 68 examples"):
        frechet_at_infinity(normal(60, D, 1), normal(500, D, 2), generator(0))
    with pytest.raises(DataError, match="at least 6 of either kind, not 5"):
        neighbour_scores(normal(5, 2, 1), normal(50, 2, 2))


def exact_kernel(shift: float, std: float, d: int = D) -> float:
    """The cubic kernel distance of N(0, I) and N(shift, std² I) from the moments of xᵀy."""

    def mean(a: float, big_a: float, b: float, big_b: float) -> float:
        """E (w/d + 1)³, w = xᵀy, means a and b per axis, variances A and B."""
        ab, aa, bb = d * a * b, d * a * a, d * b * b
        one = ab
        two = ab**2 + big_a * bb + big_b * (aa + d * big_a)
        three = ab**3 + 3 * ab * big_a * bb + 3 * big_b * (ab * (aa + d * big_a) + 2 * big_a * ab)
        return three / d**3 + 3 * two / d**2 + 3 * one / d + 1

    v = std * std
    return mean(0, 1, 0, 1) + mean(shift, v, shift, v) - 2 * mean(0, 1, shift, v)


@pytest.mark.parametrize(
    ("shift", "std", "published"), [(0.1, 1.0, 0.032447875), (0.5, 1.0, 1.029296875)]
)
def test_kernel_distance_is_unbiased(shift: float, std: float, published: float) -> None:
    truth = exact_kernel(shift, std)
    assert truth == pytest.approx(published, abs=1e-9)
    values = torch.tensor(
        [
            kernel_inception(normal(200, D, "x", i), shift + std * normal(150, D, "y", i)).value
            for i in range(120)
        ]
    )
    assert float(values.mean()) == pytest.approx(truth, abs=4 * float(values.std()) / 120**0.5)


def test_kernel_distance_at_equal_distributions_may_be_negative_and_its_interval_holds_zero() -> (
    None
):
    assert exact_kernel(0.0, 1.2) == pytest.approx(0.0363, abs=5e-5)
    found = [kernel_inception(normal(150, D, "a", i), normal(150, D, "b", i)) for i in range(200)]
    negative = sum(one.value < 0 for one in found)
    # About 55 % are; the binomial sd of 200 is 3.5 %.
    assert 0.41 * 200 <= negative <= 0.69 * 200
    inside = sum(one.low <= 0.0 <= one.high for one in found)
    assert inside >= 0.90 * 200


def test_neighbour_scores_of_the_same_set_and_of_distant_ones() -> None:
    x = normal(100, 3, "x")
    same = neighbour_scores(x, x)
    assert (same.precision, same.recall, same.density, same.coverage) == (1.0, 1.0, 1.0, 1.0)
    far = neighbour_scores(x, x + 100.0)
    assert (far.precision, far.recall, far.density, far.coverage) == (0.0, 0.0, 0.0, 0.0)


def test_precision_sees_outliers_and_recall_a_missing_mode() -> None:
    real = torch.cat([normal(200, 2, 1), normal(200, 2, 2) + 20])
    one_mode = normal(400, 2, 3)
    missing = neighbour_scores(real, one_mode)
    assert missing.precision > 0.9
    assert missing.recall < 0.6
    assert missing.coverage < 0.55
    outliers = neighbour_scores(real, torch.cat([real + 1e-3, real[:200] + 100]))
    assert outliers.precision == pytest.approx(2 / 3, abs=0.01)
    assert outliers.coverage == 1.0


def test_expected_density_and_coverage_at_equal_distributions_are_exact_for_any_law() -> None:
    n, m, repeats = 120, 90, 150
    found = []
    for i in range(repeats):
        x, y = normal(n, 4, "x", i).exp(), normal(m, 4, "y", i).exp()
        found.append(neighbour_scores(x, y))
    for values, truth in (
        ([one.density for one in found], 1.0),
        ([one.coverage for one in found], expected_coverage(n, m)),
    ):
        t = torch.tensor(values)
        assert float(t.mean()) == pytest.approx(truth, abs=4 * float(t.std()) / math.sqrt(repeats))
