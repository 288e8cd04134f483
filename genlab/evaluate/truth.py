"""The best discriminator at a fixed generator, D* = p/(p + q), on the cells of a grid."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from genlab.divergences.grid import Grid
from genlab.evaluate.common import draw
from genlab.models.base import GenerativeModel, HasLogProb
from genlab.registry import OBJECTIVES
from genlab.spec import RunSpec

#: Samples from which q is counted, and how many of them a cell must expect to say anything.
MANY, LEAST = 20_000, 5.0


def logit_of(spec: RunSpec) -> bool:
    """Whether σ(score) is the critic's probability that x is real, under the run's objective."""
    return bool(getattr(OBJECTIVES[spec.objective](spec.objective_options), "logit", True))


def judges_examples(spec: RunSpec) -> bool:
    """Whether the run trains a critic whose score is of one example, and not of a pack."""
    objective = OBJECTIVES[spec.objective](spec.objective_options)
    trains = any(player.name == "discriminator" for player in objective.players)
    return trains and getattr(spec.model_options, "pack", 1) == 1


@dataclass(frozen=True)
class Best:
    """D* on the cells of a grid.

    Args:
        p, q: masses of the cells under the data and the model, (cells,).
        n: samples from which q is counted, 0 where it is integrated.
    """

    p: Tensor
    q: Tensor
    n: int

    @property
    def d(self) -> Tensor:
        """D* = p/(p + q), (cells,); NaN where both are zero."""
        return self.p / (self.p + self.q)

    @property
    def known(self) -> Tensor:
        """The cells in which D* is known: they expect at least five samples of either law."""
        both = self.p + self.q
        return both * self.n >= LEAST if self.n else both > 0

    @property
    def weight(self) -> Tensor:
        """(p + q)/2 over the known cells, zero elsewhere; sums to 1."""
        both = torch.where(self.known, self.p + self.q, 0.0)
        return both / both.sum().clamp(min=1e-300)

    def distance(self, d: Tensor) -> Tensor:
        """Mean |D − D*| under (p + q)/2, of D on the cells."""
        away = torch.where(self.known, (d - self.d).abs(), 0.0)
        return (self.weight * away).sum()

    @property
    def floor(self) -> Tensor:
        """What D* itself would score for :meth:`distance`, since q is counted: the mean error.

        A count of mean nq has variance nq (1 − q), so that of D* is about
        (p/(p + q)²)² q (1 − q)/n; the mean size of a normal error is √(2/π) of its root.
        """
        if not self.n:
            return self.p.new_zeros(())
        q = self.q.clamp(min=1.0 / self.n)
        error = self.p / (self.p + q).square() * (q * (1.0 - q) / self.n).sqrt()
        return math.sqrt(2.0 / math.pi) * (self.weight * error).sum()

    @property
    def words(self) -> str:
        """How q came about."""
        return f"q counted from n = {self.n:,} samples" if self.n else "q integrated"


class Truth:
    """D* of whatever model, for one density.

    Args:
        grid: cells over the density of the data.
    """

    def __init__(self, grid: Grid) -> None:
        self.grid = grid

    def of(self, model: GenerativeModel) -> Best:
        """D* on the cells: q is counted, or integrated where the model knows its density."""
        if isinstance(model, HasLogProb):
            return Best(self.grid.masses[:-1], self.grid.integrate(model.log_prob)[:-1], 0)
        shares = self.grid.shares(draw(model, MANY))
        return Best(self.grid.masses[:-1], shares[:-1], MANY)
