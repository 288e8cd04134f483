"""Likelihoods of a column of counts: Poisson, and negative binomial for overdispersed counts."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from genlab.data.schema import Column
from genlab.distributions.columns.base import (
    COLUMN_LIKELIHOODS,
    ColumnLikelihood,
    Part,
    is_named,
    log_range,
    soft_clamp,
    straight_through,
)

#: Bounds of log rate minus log of the training mean.
REACH = 12.0
#: Counts whose variance over mean lies in this range are treated as Poisson.
EVEN, POISSON = 0.8, 1.3


class CountColumn(ColumnLikelihood):
    """The base of count likelihoods: the mean is the training mean times exp(h)."""

    usual: Tensor
    least: Tensor
    most: Tensor

    def __init__(self, parts: Sequence[Part]) -> None:
        super().__init__(parts)
        usual = [max(p.shift, 0.05) if p.standardised else 1.0 for p in parts]
        self._numbers("usual", usual)
        ends = [log_range(part) for part in parts]
        self._numbers("least", [max(a, math.log(0.01)) for a, _ in ends])
        self._numbers("most", [b for _, b in ends])

    @classmethod
    def incompatibility(cls, part: Part) -> str | None:
        column = part.column
        if is_named(column) or part.log >= 0:
            return "it holds no counts"
        good = column.whole and column.low >= 0
        return None if good else "its values are not whole numbers from 0"

    def log_rate(self, h: Tensor) -> Tensor:
        """The logarithm of the mean in the unit of the file."""
        return soft_clamp(self.usual.log() + h.clamp(-REACH, REACH), self.least, self.most)

    def counts(self, x: Tensor) -> Tensor:
        """Whole numbers from 0."""
        return self.value(x).round().clamp(min=0.0)

    def generate(self, h: Tensor) -> Tensor:
        soft = self.value(h)
        return self.entry(straight_through(soft.round().clamp(min=0.0), soft))


@COLUMN_LIKELIHOODS.register("poisson", title="Poisson")
class PoissonColumn(CountColumn):
    """log P(y) = y log λ − λ − log Γ(y + 1)."""

    order = 30
    outputs = 1

    @classmethod
    def reason(cls, column: Column) -> str | None:
        if column.type != "count" or not EVEN <= column.dispersion <= POISSON:
            return None
        return f"Counts whose variance is {column.dispersion:.2g} times their mean."

    def log_prob(self, h: Tensor, x: Tensor) -> Tensor:
        y, log_rate = self.counts(x), self.log_rate(h)
        return y * log_rate - log_rate.exp() - torch.lgamma(y + 1)

    def sample(self, h: Tensor) -> Tensor:
        return self.entry(torch.poisson(self.log_rate(h).exp()))

    def mean(self, h: Tensor) -> Tensor:
        return self.entry(self.log_rate(h).exp())


@COLUMN_LIKELIHOODS.register("negative_binomial", title="Negative binomial")
class NegativeBinomialColumn(CountColumn):
    """log P(y) = log Γ(y+θ) − log Γ(θ) − log Γ(y+1) + θ log(θ/(θ+m)) + y log(m/(θ+m)).

    The variance is m + m²/θ; θ → ∞ is Poisson. log θ lies between −7 and 9.
    """

    order = 40

    @classmethod
    def reason(cls, column: Column) -> str | None:
        if column.type != "count" or 0 < column.dispersion < EVEN:
            return None
        more = f": their variance is {column.dispersion:.2g} times their mean"
        return "Counts" + more * (column.dispersion > 0) + "."

    def _law(self, h: Tensor) -> tuple[Tensor, Tensor]:
        """log m and log θ."""
        rate, raw = self.split(h)
        return self.log_rate(rate), 1.0 + 8.0 * torch.tanh(raw / 8.0)

    def log_prob(self, h: Tensor, x: Tensor) -> Tensor:
        log_m, log_theta = self._law(h)
        # In double precision: Γ(y + θ)/Γ(θ) cancels where θ is large.
        y, theta = self.counts(x).double(), log_theta.double().exp()
        log_m, log_theta = log_m.double(), log_theta.double()
        log_sum = torch.logaddexp(log_m, log_theta)
        found = torch.lgamma(y + theta) - torch.lgamma(theta) - torch.lgamma(y + 1)
        found = found + theta * (log_theta - log_sum) + y * (log_m - log_sum)
        return found.to(h.dtype)

    def sample(self, h: Tensor) -> Tensor:
        log_m, log_theta = self._law(h)
        theta = log_theta.exp()
        rate = torch._standard_gamma(theta) * torch.exp(log_m - log_theta)
        return self.entry(torch.poisson(rate))

    def mean(self, h: Tensor) -> Tensor:
        return self.entry(self._law(h)[0].exp())
