"""Grid divergences against quadrature and against what counting must give."""

from __future__ import annotations

import math

import pytest
import torch

from genlab.core.random import generator
from genlab.data.densities import Checkerboard, GaussianMixture
from genlab.divergences import LOG_2, F, Grid
from genlab.divergences.grid import Pooled
from genlab.divergences.quadrature import divergences_on_cells


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


def test_what_is_too_small_for_a_mass_has_a_logarithm_still() -> None:
    law = GaussianMixture(torch.ones(2), torch.tensor([[0.0], [1.0]]), torch.full((2, 1, 1), 1e-4))
    grid = Grid(law, cells=40, fine=20)
    middle = int(grid.index(torch.tensor([[0.5]])))
    assert float(grid.masses[middle]) == 0.0
    assert -1300 < float(grid.log_masses[middle]) < -700  # -½ (0.5/0.01)² = -1250 at the middle
    assert float(grid.log_masses.exp().sum()) == pytest.approx(1.0, abs=1e-12)
    assert 0.99e-9 < float(grid.masses[-1]) < 1e-6


def test_outside_the_support_there_is_no_mass() -> None:
    grid = Grid(Checkerboard(4, 1.0), cells=16, fine=2)
    assert float(grid.masses[-1]) == 0.0
    assert int((grid.log_masses == -math.inf).sum()) == 8 * 16 + 1


def test_pools_hold_enough_and_only_refine_upward() -> None:
    law = normal(0.0, 2)
    grid = Grid(law, cells=24, fine=8)
    pools = Pooled(grid, 0.002)
    assert 50 < pools.count < 250
    assert float(pools.masses.sum()) == pytest.approx(1.0, abs=1e-12)
    assert float(pools.masses.min()) >= 0.002
    x = normal(0.3, 2).sample(20_000, generator(0, "x"))
    assert float(pools.shares(x).sum()) == pytest.approx(1.0)
    rows = [F[name] for name in F]
    for fine, coarse in zip(
        divergences_on_cells(rows, grid, x), divergences_on_cells(rows, pools, x), strict=True
    ):
        assert coarse.value <= fine.value + 1e-12
    # KL(N(0, I) || N(0.3, I)) = ½ · 2 · 0.09 in each direction.
    kl = {e.series.name: e for e in divergences_on_cells(rows, pools, x)}
    assert kl["kl"].value == pytest.approx(0.09, abs=0.02)
    assert kl["reverse_kl"].value == pytest.approx(0.09, abs=0.02)


def test_pools_keep_the_places_apart_where_the_truth_has_no_mass() -> None:
    grid = Grid(Checkerboard(4, 1.0), cells=16, fine=2)
    pools = Pooled(grid, 0.005)
    assert float(pools.masses.min()) == 0.0
    outside = torch.tensor([[100.0, 0.0], [0.5, 0.5]])
    got = {
        e.series.name: e.value
        for e in divergences_on_cells([F["kl"], F["reverse_kl"], F["jeffrey"]], pools, outside)
    }
    assert got == {"kl": math.inf, "reverse_kl": math.inf, "jeffrey": math.inf}
    inside = grid.density.sample(20_000, generator(0, "board"))
    assert divergences_on_cells([F["jeffrey"]], pools, inside)[0].value < 0.05
