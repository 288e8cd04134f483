"""A density that is constant within each cell of a grid, and zero outside."""

from __future__ import annotations

import math
from functools import cached_property

import torch
from torch import Tensor

from genlab.data.base import Density


class GridDensity(Density):
    """A piecewise constant density on the line or in the plane.

    Cell i of volume V has mass m_i = w_i / Σ w, and within it

    .. math:: p(x) = m_i / V

    A sample is a cell drawn by its mass and a uniform point in that cell, so it is exact.

    Args:
        weights: of the cells, from 0, in any unit: (cells,) on the line, (cells, cells) in the
            plane, indexed [x, y].
        low, high: the box, the same on every axis.

    Raises:
        ValueError: if the weights are not a square of numbers from 0, or none is positive.

    Example:
        >>> density = GridDensity(torch.tensor([1.0, 3.0]), 0.0, 1.0)
        >>> density.log_prob(torch.tensor([[0.2], [0.7], [2.0]])).exp()
        tensor([0.5000, 1.5000, 0.0000])
        >>> round(density.entropy, 4)  # −¼ log ½ − ¾ log 1½
        -0.1308
    """

    def __init__(self, weights: Tensor, low: float, high: float) -> None:
        weights = weights.double()
        self.dim, self.cells = weights.dim(), len(weights)
        if self.dim not in (1, 2) or weights.shape != (self.cells,) * self.dim or not self.cells:
            raise ValueError("weights are (cells,) on the line or (cells, cells) in the plane")
        if not bool(torch.isfinite(weights).all()) or bool((weights < 0).any()):
            raise ValueError("every weight is a finite number from 0")
        if not bool((weights > 0).any()):
            raise ValueError("no cell has a weight, so there is no density")
        if not low < high:
            raise ValueError("the box is empty")
        self.low, self.high = float(low), float(high)
        #: Masses of the cells, flat; they sum to 1.
        self.masses = (weights / weights.sum()).flatten()
        self.box = torch.tensor([[low] * self.dim, [high] * self.dim], dtype=torch.float64)

    @property
    def side(self) -> float:
        """The side of a cell, in data units."""
        return (self.high - self.low) / self.cells

    @cached_property
    def entropy(self) -> float:
        """The differential entropy −Σ m log(m / V), exact, in nats."""
        volume = self.side**self.dim
        return float(-torch.special.xlogy(self.masses, self.masses / volume).sum())

    def _index(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The flat index of the cell of each point, and whether it lies in the box."""
        place = torch.floor((x.detach().double() - self.low) / self.side)
        inside = ((place >= 0) & (place < self.cells)).all(-1)
        place = torch.where(inside[:, None], place, 0.0).long()
        index = place[:, 0]
        for axis in range(1, self.dim):
            index = index * self.cells + place[:, axis]
        return index, inside

    def log_prob(self, x: Tensor) -> Tensor:
        index, inside = self._index(x)
        level = self.masses[index].log() - self.dim * math.log(self.side)
        # Zero times x keeps the graph, so that a gradient exists (and is zero) in every cell.
        flat = (0.0 * x.double()).sum(-1) + level
        return torch.where(inside, flat, -math.inf).to(x.dtype)

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        cell = torch.multinomial(self.masses, n, replacement=True, generator=generator)
        places = [(cell // self.cells ** (self.dim - 1 - k)) % self.cells for k in range(self.dim)]
        corner = torch.stack(places, -1).double()
        within = torch.rand(n, self.dim, generator=generator, dtype=torch.float64)
        x = (self.low + (corner + within) * self.side).float()
        # Rounding to single precision may push a point over the edge of its cell.
        low, high = ((self.low + (corner + k) * self.side) for k in (0, 1))
        first, last = low.float(), high.float()
        first = torch.where(first.double() < low, torch.nextafter(first, last), first)
        last = torch.where(last.double() >= high, torch.nextafter(last, first), last)
        return torch.minimum(torch.maximum(x, first), last)
