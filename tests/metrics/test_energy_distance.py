"""The energy distance against its closed form for normal laws, and its interval's coverage."""

from __future__ import annotations

import math

import pytest
import torch
from scipy import stats

from genlab.core.random import generator
from genlab.metrics.energy_distance import Energy, energy


def of_normals(shift: float, spread: float = 1.0) -> float:
    """2E|X − Y| − E|X − X'| − E|Y − Y'| of N(0, 1) and N(shift, spread²): folded normal laws."""

    def size(mean: float, std: float) -> float:
        return float(stats.foldnorm.mean(abs(mean) / std, scale=std))

    return (
        2 * size(shift, math.hypot(1.0, spread))
        - size(0.0, math.sqrt(2))
        - size(0.0, spread * math.sqrt(2))
    )


def estimates(shift: float, spread: float, n: int, m: int, repeats: int) -> list[Energy]:
    found = []
    for i in range(repeats):
        source = generator(i, "energy")
        x = torch.randn(n, 1, generator=source)
        found.append(energy(x, shift + spread * torch.randn(m, 1, generator=source)))
    return found


@pytest.mark.parametrize(("shift", "spread"), [(1.0, 1.0), (0.0, 0.3), (0.0, 1.0)])
def test_it_is_unbiased_and_its_interval_holds_the_truth(shift: float, spread: float) -> None:
    truth = of_normals(shift, spread)
    found = estimates(shift, spread, 120, 90, 200)
    values = torch.tensor([one.value for one in found])
    assert float(values.mean()) == pytest.approx(truth, abs=4 * float(values.std()) / 200**0.5)
    inside = sum(one.low <= truth <= one.high for one in found)
    # Below is 4 standard errors of a coverage of 0.94; the table of intervals judges it closely.
    assert inside >= 0.875 * 200
    if truth:
        # Neither too wide.
        spread_seen = float(values.std())
        mean_error = sum(one.error for one in found) / 200
        assert mean_error == pytest.approx(spread_seen, rel=0.25)


def test_blur_is_seen() -> None:
    """Samples that are all the mean of the data are as far as the data are wide."""
    x = torch.randn(300, 10, generator=generator(0, "x"))
    again = torch.randn(300, 10, generator=generator(1, "x"))
    blurred = 0.5 * again
    same, worse, worst = (energy(x, y) for y in (again, blurred, torch.zeros(300, 10)))
    assert abs(same.value) < 3 * same.error
    assert worse.value > 10 * worse.error
    assert worst.value > 3 * worse.value
