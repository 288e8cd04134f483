"""The interval of a squared kernel distance, for a kernel whose distance is that of the means."""

from __future__ import annotations

import math

import pytest
import torch

from genlab.divergences import kernel_interval
from genlab.divergences.kernel_interval import kernel_distance


def linear(
    seed: int, shift: float, n: int = 100, m: int = 150, axis: int = 0
) -> tuple[float, float, float]:
    """‖mean difference‖² of two clouds of covariance diag(1, 0.25) by the kernel x·y."""
    source = torch.Generator().manual_seed(seed)
    scale = torch.tensor([1.0, 0.5], dtype=torch.float64)
    x, y = (torch.randn(k, 2, generator=source, dtype=torch.float64) * scale for k in (n, m))
    y[:, axis] += shift
    # Where the clouds lie must not matter, only how far they are apart.
    x, y = x + 20.0, y + 20.0
    found = kernel_distance(x @ x.T, y @ y.T, x @ y.T)
    return found.low, found.value, found.high


@pytest.mark.parametrize("shift", [0.0, 0.5, 3.0])
def test_it_covers_the_distance_of_the_means(shift: float) -> None:
    found = [linear(seed, shift) for seed in range(300)]
    below = sum(low > shift**2 for low, _, _ in found) / 300
    above = sum(high < shift**2 for _, _, high in found) / 300
    # Up to 3.3 % on either side (1,500 draws; 4.7 % above with 40 and 60 points), and four
    # standard errors of 300 draws.
    assert below < 0.075
    assert above < 0.075
    assert 0.004 < below + above < 0.1


def test_far_apart_it_is_the_normal_interval() -> None:
    for axis, scale in enumerate((1.0, 0.5)):
        low, value, high = linear(1, 30.0, axis=axis)
        # Var D̂ = 4 δᵀΣδ, Σ = C/n + C/m.
        half = 1.96 * 2.0 * 30.0 * scale * math.sqrt(1 / 100 + 1 / 150)
        assert value == pytest.approx(900.0, rel=0.05)
        assert (high - low) / 2 == pytest.approx(half, rel=0.25)


def test_the_spectrum_is_that_of_the_covariance_and_large_samples_are_thinned() -> None:
    source = torch.Generator().manual_seed(2)
    scale = torch.tensor([2.0, 1.0], dtype=torch.float64)
    n = 2 * kernel_interval.CUBE
    x, y = (torch.randn(n, 2, generator=source, dtype=torch.float64) * scale for _ in range(2))
    second = 2 * (4.0**2 + 1.0**2) * 2 / n**2
    s = kernel_interval._spectrum(x @ x.T, y @ y.T, x @ y.T, second)
    assert float(s.square().sum()) == pytest.approx(second, rel=1e-9)
    assert float(s[0] / s[1]) == pytest.approx(4.0, rel=0.25)
    assert float(s[2:].sum()) < 1e-9


def test_equal_points_have_distance_0_without_an_interval() -> None:
    zero = torch.zeros(4, 4, dtype=torch.float64)
    found = kernel_distance(zero, zero, zero)
    assert (found.low, found.value, found.high) == (0.0, 0.0, 0.0)
