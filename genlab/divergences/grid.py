"""Divergences between samples and a known density on a grid of cells."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property

import torch
from torch import Tensor

from genlab.data.base import Density

#: The smallest true mass of a cell, so that KL stays finite.
FLOOR = 1e-9


class Grid:
    """A grid of equal cells over a density's box, plus one cell for everything outside.

    The true mass of a cell is the integral of the density over it (midpoint rule on a finer
    grid). Samples are counted in the cells. The divergences compare these two tables, so they do
    not exceed the divergences of the densities, except for the bias of counting n samples.

    Args:
        density: the exact distribution, of one or two dimensions.
        cells: cells per axis.
        fine: points per axis and cell in the integration.
    """

    def __init__(self, density: Density, cells: int = 32, fine: int = 12) -> None:
        self.density, self.cells = density, cells
        self.low, self.high = density.box[0].double(), density.box[1].double()
        self.dim = len(self.low)
        self._fine = cells * fine
        #: Logarithms of the true masses of the cells, the last one outside the box. A mass that
        #: underflows still has a finite logarithm.
        self.log_masses = self.log_integrate(density.log_prob)
        #: True masses of the cells, the last one outside the box; they sum to 1.
        self.masses = self.log_masses.exp()

    def _mesh(self, points: int) -> Tensor:
        """The centres of a grid with this many cells per axis, (points^d, d)."""
        steps = (torch.arange(points, dtype=torch.float64) + 0.5) / points
        axes = [low + (high - low) * steps for low, high in zip(self.low, self.high, strict=True)]
        return torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1).view(-1, self.dim)

    @property
    def centres(self) -> Tensor:
        """The centres of the cells in the order of their indices, (cells^d, d)."""
        return self._mesh(self.cells)

    @property
    def edges(self) -> Tensor:
        """The edges of the cells on the line, (cells + 1,)."""
        steps = torch.arange(self.cells + 1, dtype=torch.float64) / self.cells
        return self.low[0] + (self.high[0] - self.low[0]) * steps

    def log_integrate(self, log_prob: Callable[[Tensor], Tensor]) -> Tensor:
        """The log-masses of the cells under a density, (cells^d + 1,), the last one outside.

        If the density does not vanish around the box, the mass outside is at least 1e-9.

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
        cell = ((x.double() - self.low) / (self.high - self.low) * self.cells).floor()
        out = ((cell < 0) | (cell >= self.cells) | ~cell.isfinite()).any(dim=1)
        cell = torch.where(out[:, None], 0.0, cell).long()
        flat = cell[:, 0]
        for axis in range(1, self.dim):
            flat = flat * self.cells + cell[:, axis]
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
        """KL(samples ‖ truth) in nats; the true mass of a cell is clamped to at least 1e-9."""
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
    """The cells of a grid, where cells of small true mass are pooled until each pool has enough.

    A divergence with f'(∞) = ∞ is infinite as soon as one cell of positive true mass has no
    sample. A perfect sampler leaves no pool empty, so that "infinite" tells something about the
    model. Cells are pooled with neighbours of about the same density, at most a power of ten apart
    if there are enough of them. Cells without true mass stay separate, because samples there make
    the other direction infinite.

    Args:
        grid: the cells.
        least: the smallest true mass of a pool.
    """

    def __init__(self, grid: Grid, least: float) -> None:
        self.grid = grid
        pools = _pools(grid, least)
        self.count = len(pools)
        self._pool = torch.empty(len(grid.masses), dtype=torch.long)
        for number, cells in enumerate(pools):
            self._pool[cells] = number
        self.masses = self.together(grid.masses)
        self.log_masses = self.masses.log()

    def together(self, masses: Tensor) -> Tensor:
        """Sum the masses of the grid's cells over the pools, (cells + 1,) -> (pools,)."""
        return masses.new_zeros(self.count).index_add_(0, self._pool, masses)

    def shares(self, x: Tensor) -> Tensor:
        """The share of the samples in each pool, (n, d) -> (pools,)."""
        return self.together(self.grid.shares(x))


def _pools(grid: Grid, least: float) -> list[list[int]]:
    """The cells of each pool; those without mass come last, as one pool."""
    logs, masses = grid.log_masses.tolist(), grid.masses.tolist()
    rank = _along_a_curve(grid.cells, grid.dim)
    bands: dict[int, list[int]] = {}
    for cell, log in enumerate(logs):
        if log > -math.inf:
            band = max(0, math.ceil((math.log(least) - log) / math.log(10.0)))
            bands.setdefault(band, []).append(cell)
    pools: list[list[int]] = []
    rest: list[int] = []
    for band in sorted(bands):
        # A band too light for a pool joins the next one.
        rest = sorted(rest + bands[band], key=lambda cell: rank[cell])
        if sum(masses[cell] for cell in rest) < least:
            continue
        now, total = [], 0.0
        for cell in rest:
            now.append(cell)
            total += masses[cell]
            if total >= least:
                pools.append(now)
                now, total = [], 0.0
        pools[-1] += now
        rest = []
    if rest:
        pools[-1:] = [[*(pools[-1] if pools else []), *rest]]
    empty = [cell for cell, log in enumerate(logs) if log == -math.inf]
    return [*pools, empty] if empty else pools


def _along_a_curve(cells: int, dim: int) -> list[int]:
    """The position of each cell on a curve that keeps neighbours close (Morton order)."""
    bits = max(1, (cells - 1).bit_length())
    found = []
    for index in range(cells**dim):
        axes = [(index // cells**axis) % cells for axis in range(dim)]
        found.append(
            sum(
                ((value >> bit) & 1) << (bit * dim + axis)
                for axis, value in enumerate(axes)
                for bit in range(bits)
            )
        )
    return [*found, 1 << (bits * dim)]


def _kl(p: Tensor, q: Tensor) -> Tensor:
    return torch.special.xlogy(p, p).sum() - torch.special.xlogy(p, q).sum()
