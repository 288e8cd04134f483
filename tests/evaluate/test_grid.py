"""Grid divergences against quadrature and against what counting must give."""

from __future__ import annotations

import math

import pytest
import torch

from genlab.data.laws import GaussianMixture
from genlab.divergences import LOG_2, Grid
from genlab.random import generator


def normal(mean: float, dim: int = 1) -> GaussianMixture:
    return GaussianMixture(torch.ones(1), torch.full((1, dim), mean), torch.eye(dim)[None])


@pytest.mark.parametrize("dim", [1, 2])
def test_cell_masses_are_the_integrals(dim: int) -> None:
    law = normal(0.0, dim)
    grid = Grid(law, cells=12, fine=16)
    edges = torch.linspace(float(law.box[0, 0]), float(law.box[1, 0]), 13, dtype=torch.float64)
    line = torch.special.ndtr(edges).diff()
    exact = line if dim == 1 else torch.outer(line, line).flatten()
    assert float(grid.masses.sum()) == pytest.approx(1.0, abs=1e-12)
    torch.testing.assert_close(grid.masses[:-1], exact, atol=2e-4, rtol=0)


def test_every_point_is_counted_once_and_outside_is_a_cell() -> None:
    grid = Grid(normal(0.0, 2), cells=8, fine=4)
    x = torch.tensor([[0.01, 0.01], [100.0, 0.0], [0.0, -100.0], [math.nan, 0.0], [-5.99, -5.99]])
    index = grid.index(x)
    assert index.tolist() == [4 * 8 + 4, 64, 64, 64, 0]
    assert grid.shares(x).sum() == pytest.approx(1.0)


def test_divergences_of_two_shifted_gaussians() -> None:
    """N(2, 1) against N(0, 1): KL = 2 and JS = 0.3368, less what the cells hide."""
    grid = Grid(normal(0.0), cells=64, fine=32)
    x = normal(2.0).sample(400_000, generator(0, "x"))
    assert grid.js(x) == pytest.approx(0.33683, abs=0.005)
    assert grid.kl(x) == pytest.approx(2.0, abs=0.03)
    assert grid.js(x + 50) == pytest.approx(LOG_2, abs=1e-6)


def test_floor_is_what_a_perfect_sampler_scores() -> None:
    law = normal(0.0)
    grid = Grid(law, cells=64, fine=32)
    js, kl = grid.floor(2000)
    occupied = float((1 - (1 - grid.masses) ** 2000).sum())
    assert kl == pytest.approx((occupied - 1) / 4000, rel=0.35)
    assert 0 < js < kl
    assert grid.floor(2000) == (js, kl)
    fresh = law.sample(2000, generator(9, "fresh"))
    assert grid.kl(fresh) == pytest.approx(kl, rel=0.6)
    assert grid.floor(50_000)[1] < kl / 10
