"""Divergences between samples and a known density on a grid of cells."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property

import torch
from torch import Tensor

from genlab.data.base import Density

#: A cell never weighs less than this under the truth, so that KL stays finite.
FLOOR = 1e-9


class Grid:
    """A grid of equal cells over a density's box, and one cell more for all that lies outside.

    The true mass of a cell is the integral of the density over it (midpoint rule on a finer
    grid). Samples are counted in the cells; the divergences are between these two tables, so they
    do not exceed the divergences of the densities, but for the bias of counting n samples.

    Args:
        density: the exact law, of one or two dimensions.
        cells: cells per axis.
        fine: points per axis and cell in the integration.
    """

    def __init__(self, density: Density, cells: int = 32, fine: int = 12) -> None:
        self.density, self.cells = density, cells
        self.low, self.high = density.box[0].double(), density.box[1].double()
        self.dim = len(self.low)
        self._fine = cells * fine
        #: Logarithms of the true masses of the cells, the last one of all that is outside; what is
        #: too small for a mass is not too small for its logarithm.
        self.log_masses = self.log_integrate(density.log_prob)
        #: True masses of the cells, the last one of all that is outside; they sum to 1.
        self.masses = self.log_masses.exp()

    def _mesh(self, points: int) -> Tensor:
        """The middles of a grid of so many cells an axis, (points^d, d)."""
        steps = (torch.arange(points, dtype=torch.float64) + 0.5) / points
        axes = [low + (high - low) * steps for low, high in zip(self.low, self.high, strict=True)]
        return torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1).view(-1, self.dim)

    @property
    def centres(self) -> Tensor:
        """The middles of the cells in the order of their indices, (cells^d, d)."""
        return self._mesh(self.cells)

    def log_integrate(self, log_prob: Callable[[Tensor], Tensor]) -> Tensor:
        """The log-masses of the cells under a density, (cells^d + 1,), the last one outside.

        Where the density does not vanish around the box, the mass outside is at least 1e-9.

        Args:
            log_prob: log-density in nats, (n, d) -> (n,).
        """
        mesh = self._mesh(self._fine)
        volume = float(((self.high - self.low) / self._fine).prod())
        logs = torch.cat([log_prob(part.float()).double() for part in mesh.split(65536)])
        index = self.index(mesh)
        peak = logs.new_full((self.cells**self.dim,), -math.inf)
        peak = peak.scatter_reduce(0, index, logs, "amax").clamp(min=-1e300)
        inside = torch.zeros_like(peak).index_add_(0, index, (logs - peak[index]).exp())
        inside = inside.log() + peak + math.log(volume)
        total = float(inside.exp().sum())
        rim = torch.cat([2.0 * self.low - self.high, 2.0 * self.high - self.low]).view(2, -1)
        reaches = bool(log_prob(rim.float()).isfinite().any())
        outside = max(FLOOR, 1.0 - total) if reaches else 0.0
        return torch.cat([inside, inside.new_tensor([outside]).log()]) - math.log(total + outside)

    def integrate(self, log_prob: Callable[[Tensor], Tensor]) -> Tensor:
        """The masses of the cells under a density; see :meth:`log_integrate`."""
        return self.log_integrate(log_prob).exp()

    def index(self, x: Tensor) -> Tensor:
        """The cell of each point, (n, d) -> (n,); the last index is outside."""
        place = ((x.double() - self.low) / (self.high - self.low) * self.cells).floor()
        out = ((place < 0) | (place >= self.cells) | ~place.isfinite()).any(dim=1)
        place = torch.where(out[:, None], 0.0, place).long()
        flat = place[:, 0]
        for axis in range(1, self.dim):
            flat = flat * self.cells + place[:, axis]
        return torch.where(out, self.cells**self.dim, flat)

    def shares(self, x: Tensor) -> Tensor:
        """The share of the samples in each cell, (n, d) -> (cells + 1,)."""
        counts = torch.bincount(self.index(x), minlength=len(self.masses))
        return counts.double() / len(x)

    def js(self, x: Tensor) -> float:
        """JS(samples ‖ truth) = ½KL(s‖m) + ½KL(t‖m), m = (s + t)/2, in nats, at most log 2."""
        s, t = self.shares(x), self.masses
        m = 0.5 * (s + t)
        return float(0.5 * (_kl(s, m) + _kl(t, m)))

    def kl(self, x: Tensor) -> float:
        """KL(samples ‖ truth) in nats; a cell's true mass is taken as at least 1e-9."""
        return float(_kl(self.shares(x), self.masses.clamp(min=FLOOR)))

    @cached_property
    def _floors(self) -> dict[int, tuple[float, float]]:
        return {}

    def floor(self, n: int, repeats: int = 16) -> tuple[float, float]:
        """(JS, KL) of a perfect sampler with n samples, the mean of simulated draws, in nats."""
        if n not in self._floors:
            source = torch.Generator().manual_seed(n)
            draws = [self.density.sample(n, source) for _ in range(repeats)]
            js = sum(self.js(x) for x in draws) / repeats
            kl = sum(self.kl(x) for x in draws) / repeats
            self._floors[n] = js, kl
        return self._floors[n]


class Pooled:
    """The cells of a grid, those of little true mass put together until each has enough.

    A divergence with f'(∞) = ∞ is infinite as soon as one cell of positive true mass has no
    sample. On these cells a perfect sampler leaves none empty, so that "infinite" says something
    of the model. Cells are pooled with those of about the same density; those where the truth has
    no mass at all stay apart, as samples there make the other direction infinite.

    Args:
        grid: the cells.
        least: true mass that a pool has at least.
    """

    def __init__(self, grid: Grid, least: float) -> None:
        self.grid = grid
        order = grid.log_masses.argsort(descending=True)
        empty = grid.log_masses[order] == -math.inf
        pool, total, pools = [], 0.0, 0
        for mass in grid.masses[order].tolist():
            pool.append(pools)
            total += mass
            if total >= least:
                pools, total = pools + 1, 0.0
        # What is left over in the end goes to the last pool.
        last = max(0, pools - 1)
        numbers = torch.where(empty, last + 1, torch.tensor(pool).clamp(max=last))
        self.count = int(numbers.max()) + 1
        self._pool = torch.empty_like(order).scatter_(0, order, numbers)
        self.masses = self.together(grid.masses)
        self.log_masses = self.masses.log()

    def together(self, masses: Tensor) -> Tensor:
        """Masses of the grid's cells as masses of the pools, (cells + 1,) -> (pools,)."""
        return masses.new_zeros(self.count).index_add_(0, self._pool, masses)

    def shares(self, x: Tensor) -> Tensor:
        """The share of the samples in each pool, (n, d) -> (pools,)."""
        return self.together(self.grid.shares(x))


def _kl(p: Tensor, q: Tensor) -> Tensor:
    return torch.special.xlogy(p, p).sum() - torch.special.xlogy(p, q).sum()
