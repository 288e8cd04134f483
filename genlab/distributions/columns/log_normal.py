"""The log-normal likelihood of a positive column, and its mixture with exact zeros."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid, softplus

from genlab.data.schema import Column
from genlab.distributions.columns.base import (
    COLUMN_LIKELIHOODS,
    ColumnLikelihood,
    Part,
    log_range,
    soft_clamp,
    straight_through,
)
from genlab.distributions.columns.gaussian import log_normal_density
from genlab.distributions.gaussian_learned import log_scale

#: A value below this share of the offset counts as 0; it covers single-precision round-off.
ZERO = 1e-3
NO_LOG = "its logarithm is not learned; choose the type positive for it when it is read"


#: The largest standard deviation of an entry; all training entries together have 1.
BROADEST = 1.2


def _log_sigma(raw: Tensor) -> Tensor:
    """log σ of entries, from e⁻⁶ to ``BROADEST``."""
    found = log_scale(raw)
    return found - softplus(found - math.log(BROADEST), beta=5)


def _mean_bounds(likelihood: ColumnLikelihood, parts: Sequence[Part]) -> None:
    """Keep the bounds of the means of entries."""
    ends = [log_range(part, part.log) for part in parts]
    for name, k in (("least", 0), ("most", 1)):
        values = [(end[k] - p.shift) / p.scale for end, p in zip(ends, parts, strict=True)]
        likelihood._numbers(name, values)


@COLUMN_LIKELIHOODS.register("log_normal", title="Log-normal")
class LogNormalColumn(ColumnLikelihood):
    """log p(v) = log N(x; μ, σ²) − log(scale) − log v, log v = shift + scale x, v > 0."""

    order = 30
    #: Bounds of μ, of entries.
    least: Tensor
    most: Tensor

    def __init__(self, parts: Sequence[Part]) -> None:
        super().__init__(parts)
        _mean_bounds(self, parts)

    @classmethod
    def incompatibility(cls, part: Part) -> str | None:
        return None if part.log == 0 else NO_LOG

    @classmethod
    def reason(cls, column: Column) -> str | None:
        fits = column.type == "positive" and column.low > 0
        return "Positive numbers with a long tail." if fits else None

    def _moments(self, h: Tensor) -> tuple[Tensor, Tensor]:
        """μ and log σ of entries."""
        mean, raw = self.split(h)
        return soft_clamp(mean, self.least, self.most), _log_sigma(raw)

    def log_prob(self, h: Tensor, x: Tensor) -> Tensor:
        mean, log_sigma = self._moments(h)
        density = log_normal_density(x, mean, log_sigma)
        return density - self.scale.log() - self.value(x)

    def sample(self, h: Tensor) -> Tensor:
        mean, log_sigma = self._moments(h)
        return mean + log_sigma.exp() * torch.randn_like(mean)

    def mean(self, h: Tensor) -> Tensor:
        """The entry of E[v] = exp(m + s²/2), m and s those of log v."""
        mean, log_sigma = self._moments(h)
        return mean + 0.5 * self.scale * log_sigma.mul(2).exp()

    def generate(self, h: Tensor) -> Tensor:
        return soft_clamp(h, self.least, self.most)


@COLUMN_LIKELIHOODS.register("zero_log_normal", title="Zero, or log-normal")
class ZeroLogNormalColumn(ColumnLikelihood):
    """P(v = 0) = 1 − σ(ℓ), else log v is normal: log p = log σ(ℓ) + log N(u; μ, σ²) − log(s v).

    u = (log v − shift)/scale. The entry of v is that of log(v + c), c half of the smallest
    positive value, so that v = 0 has a finite entry.

    Source: Duan et al. 1983, "A comparison of alternative models for the demand for medical
    care" (the two-part model).
    """

    order = 30
    outputs = 3
    offset: Tensor
    least: Tensor
    most: Tensor

    def __init__(self, parts: Sequence[Part]) -> None:
        super().__init__(parts)
        self._numbers("offset", [part.log for part in parts])
        _mean_bounds(self, parts)

    @classmethod
    def incompatibility(cls, part: Part) -> str | None:
        return None if part.log > 0 else NO_LOG

    @classmethod
    def reason(cls, column: Column) -> str | None:
        fits = column.type == "positive" and column.low == 0
        return "Positive numbers and exact zeros." if fits else None

    def _positive(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Whether v > 0, and log v; for v = 0 the log of the offset."""
        c = self.offset
        v = self.value(x).exp() - c
        there = v > ZERO * c
        return there, torch.where(there, v, c.expand_as(v)).log()

    def _moments(self, h: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """ℓ, μ and log σ."""
        logit, mean, raw = self.split(h)
        return logit, soft_clamp(mean, self.least, self.most), _log_sigma(raw)

    def log_prob(self, h: Tensor, x: Tensor) -> Tensor:
        logit, mean, log_sigma = self._moments(h)
        there, log_v = self._positive(x)
        density = log_normal_density(self.entry(log_v), mean, log_sigma)
        some = logsigmoid(logit) + density - self.scale.log() - log_v
        return torch.where(there, some, logsigmoid(-logit))

    def _entry_of(self, u: Tensor, there: Tensor) -> Tensor:
        c = self.offset
        v = torch.where(there, self.value(u).exp(), torch.zeros_like(u))
        return self.entry((v + c).log())

    def sample(self, h: Tensor) -> Tensor:
        logit, mean, log_sigma = self._moments(h)
        u = mean + log_sigma.exp() * torch.randn_like(mean)
        return self._entry_of(u, torch.rand_like(u) < logit.sigmoid())

    def mean(self, h: Tensor) -> Tensor:
        """The entry of E[v] = σ(ℓ) exp(m + s²/2)."""
        logit, mean, log_sigma = self._moments(h)
        c = self.offset
        log_mean = self.value(mean + 0.5 * self.scale * log_sigma.mul(2).exp())
        return self.entry((logit.sigmoid() * log_mean.exp() + c).log())

    def generate(self, h: Tensor) -> Tensor:
        c = self.offset
        # A value below half of the smallest positive value is zero.
        zero = self.entry((torch.zeros_like(h) + c).log())
        edge = self.entry((torch.zeros_like(h) + 2 * c).log())
        soft = h - softplus(h - self.most, beta=5)
        return straight_through(torch.where(soft < edge, zero, soft), soft)
