"""The ordinal likelihood of a column of ordered words or of scale steps."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid, softplus

from genlab.data.schema import Column, bounds
from genlab.distributions.columns.base import (
    COLUMN_LIKELIHOODS,
    ColumnLikelihood,
    Part,
    straight_through,
)


@COLUMN_LIKELIHOODS.register("ordinal", title="Ordinal")
class OrdinalColumn(ColumnLikelihood):
    """P(y ≤ j) = σ(c_j − η), c_1 < ... < c_{K−1}; the net gives η, c_1 and the steps' softplus.

    Source: McCullagh 1980, "Regression models for ordinal data".
    """

    order = 15
    low: Tensor
    top: Tensor

    def __init__(self, parts: Sequence[Part]) -> None:
        super().__init__(parts)
        self.levels = [part.levels for part in parts]
        self._numbers("low", [bounds(part.column)[0] for part in parts])
        self._numbers("top", [float(k - 1) for k in self.levels])

    @property
    def size(self) -> int:
        return sum(self.levels)

    @classmethod
    def incompatibility(cls, part: Part) -> str | None:
        fits = part.column.type == "ordinal" and part.levels <= 200
        return None if fits else "its values have no order; choose the type ordinal for it"

    @classmethod
    def reason(cls, column: Column) -> str | None:
        return "Steps of a scale." if column.type == "ordinal" else None

    def _log_masses(self, h: Tensor) -> list[Tensor]:
        """log P(y = j) of each column, (..., K) each."""
        made = []
        for one, k in zip(h.split(self.levels, -1), self.levels, strict=True):
            gaps = softplus(one[..., 2:k])
            first = one[..., 1:2]
            cuts = torch.cat([first, first + gaps.cumsum(-1)], -1) - one[..., :1]
            # log[σ(b) − σ(a)] = log σ(b) + log σ(−a) + log(1 − e^{a − b}).
            inner = logsigmoid(cuts[..., 1:]) + logsigmoid(-cuts[..., :-1])
            inner = inner + torch.log(-torch.expm1(-gaps.clamp(min=1e-12)))
            made.append(
                torch.cat([logsigmoid(cuts[..., :1]), inner, logsigmoid(-cuts[..., -1:])], -1)
            )
        return made

    def log_prob(self, h: Tensor, x: Tensor) -> Tensor:
        index = (self.value(x) - self.low).round().long()
        found = []
        for k, masses in enumerate(self._log_masses(h)):
            place = index[..., k : k + 1].clamp(0, self.levels[k] - 1)
            masses = masses.expand(*place.shape[:-1], -1)
            found.append(masses.gather(-1, place).squeeze(-1))
        return torch.stack(found, -1)

    def _from_index(self, index: Tensor) -> Tensor:
        return self.entry(index + self.low)

    def sample(self, h: Tensor) -> Tensor:
        drawn = []
        for masses in self._log_masses(h):
            noise = -torch.empty_like(masses).exponential_().log()
            drawn.append((masses + noise).argmax(-1).to(h.dtype))
        return self._from_index(torch.stack(drawn, -1))

    def mean(self, h: Tensor) -> Tensor:
        means = []
        for masses in self._log_masses(h):
            steps = torch.arange(masses.shape[-1], dtype=h.dtype, device=h.device)
            means.append((masses.exp() * steps).sum(-1))
        return self._from_index(torch.stack(means, -1))

    def generate(self, h: Tensor) -> Tensor:
        soft = (self.top + 1) * h.sigmoid() - 0.5
        hard = torch.minimum(soft.round().clamp(min=0.0), self.top)
        return self._from_index(straight_through(hard, soft))
