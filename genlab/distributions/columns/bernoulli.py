"""The Bernoulli likelihood of a column of two values."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import softplus

from genlab.data.schema import Column
from genlab.distributions.columns.base import (
    COLUMN_LIKELIHOODS,
    ColumnLikelihood,
    Part,
    straight_through,
)


@COLUMN_LIKELIHOODS.register("bernoulli", title="Bernoulli")
class BernoulliColumn(ColumnLikelihood):
    """log P = b h − log(1 + e^h), where b is 1 for the higher of the two values."""

    order = 10
    outputs = 1
    low: Tensor
    high: Tensor

    def __init__(self, parts: Sequence[Part]) -> None:
        super().__init__(parts)
        ends = [(*_ends(part.column), part) for part in parts]
        self._numbers("low", [(a - p.shift) / p.scale for a, _, p in ends])
        self._numbers("high", [(b - p.shift) / p.scale for _, b, p in ends])

    @classmethod
    def incompatibility(cls, part: Part) -> str | None:
        column = part.column
        two = column.type == "binary" or len(column.categories) == 2
        return None if two and part.last - part.first == 1 else "it needs exactly two values"

    @classmethod
    def reason(cls, column: Column) -> str | None:
        two = column.type == "binary" or len(column.categories) == 2
        return "It has two values." if two else None

    def log_prob(self, h: Tensor, x: Tensor) -> Tensor:
        high = (x > 0.5 * (self.low + self.high)).to(h.dtype)
        return high * h - softplus(h)

    def _entry_of(self, high: Tensor) -> Tensor:
        return self.low + (self.high - self.low) * high

    def sample(self, h: Tensor) -> Tensor:
        return self._entry_of(torch.bernoulli(h.sigmoid()))

    def mean(self, h: Tensor) -> Tensor:
        return self._entry_of(h.sigmoid())

    def generate(self, h: Tensor) -> Tensor:
        soft = h.sigmoid()
        return self._entry_of(straight_through((h > 0).to(h.dtype), soft))


def _ends(column: Column) -> tuple[float, float]:
    return (0.0, 1.0) if column.categories else (column.low, column.high)
