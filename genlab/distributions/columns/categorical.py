"""The categorical likelihood of a column of words, with one logit for each word."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from genlab.data.schema import Column
from genlab.distributions.columns.base import (
    COLUMN_LIKELIHOODS,
    ColumnLikelihood,
    Part,
    straight_through,
)


@COLUMN_LIKELIHOODS.register("categorical", title="Categorical")
class CategoricalColumn(ColumnLikelihood):
    """log P(k) = h_k − log Σ_j e^{h_j}; the entries of the column are the 0/1 code of k."""

    order = 20

    @property
    def size(self) -> int:
        return sum(self.widths)

    @property
    def generator_size(self) -> int:
        return self.size

    @classmethod
    def incompatibility(cls, part: Part) -> str | None:
        return None if part.column.indicators else "it is not encoded as 0/1 entries of categories"

    @classmethod
    def reason(cls, column: Column) -> str | None:
        return f"{len(column.categories)} words without an order." if column.indicators else None

    def log_prob(self, h: Tensor, x: Tensor) -> Tensor:
        pairs = zip(h.split(self.widths, -1), x.split(self.widths, -1), strict=True)
        return torch.stack([(b * torch.log_softmax(a, -1)).sum(-1) for a, b in pairs], dim=-1)

    def _each(self, h: Tensor) -> list[Tensor]:
        return list(h.split(self.widths, -1))

    def sample(self, h: Tensor) -> Tensor:
        drawn = []
        for logits in self._each(h):
            noise = -torch.empty_like(logits).exponential_().log()
            drawn.append(_hot(logits + noise))
        return torch.cat(drawn, -1)

    def mean(self, h: Tensor) -> Tensor:
        return torch.cat([torch.softmax(logits, -1) for logits in self._each(h)], -1)

    def generate(self, h: Tensor) -> Tensor:
        return torch.cat(
            [straight_through(_hot(a), torch.softmax(a, -1)) for a in self._each(h)], -1
        )


def _hot(scores: Tensor) -> Tensor:
    """The one-hot code of the largest score; with Gumbel noise, a draw from the softmax."""
    return one_hot(scores.argmax(-1), scores.shape[-1]).to(scores.dtype)
