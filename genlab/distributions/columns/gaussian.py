"""The Gaussian likelihood of a column of real numbers, and a rounded one for whole numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from genlab.data.schema import Column, bounds
from genlab.distributions.columns.base import (
    COLUMN_LIKELIHOODS,
    ColumnLikelihood,
    Part,
    is_named,
    straight_through,
)
from genlab.distributions.gaussian_learned import log_scale

#: A lower bound of an entry that never binds.
NONE = -1e4
HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)


def log_normal_density(x: Tensor, mean: Tensor, log_sigma: Tensor) -> Tensor:
    """log N(x; μ, σ²) in nats, entry by entry."""
    return -0.5 * ((x - mean) * torch.exp(-log_sigma)).square() - log_sigma - HALF_LOG_2PI


@COLUMN_LIKELIHOODS.register("gaussian", title="Gaussian")
class GaussianColumn(ColumnLikelihood):
    """log p(v) = log N(x; μ, σ²) − log(scale), v = shift + scale x; the net gives μ and log σ."""

    order = 90

    @classmethod
    def incompatibility(cls, part: Part) -> str | None:
        if part.log >= 0:
            return "its logarithm is learned; choose the type numeric for it when it is read"
        return "it has categories" if is_named(part.column) else None

    @classmethod
    def reason(cls, column: Column) -> str | None:
        return None if column.whole else "Real numbers without bounds."

    def log_prob(self, h: Tensor, x: Tensor) -> Tensor:
        mean, raw = self.split(h)
        return log_normal_density(x, mean, log_scale(raw)) - self.scale.log()

    def sample(self, h: Tensor) -> Tensor:
        mean, raw = self.split(h)
        return mean + log_scale(raw).exp() * torch.randn_like(mean)

    def mean(self, h: Tensor) -> Tensor:
        return self.split(h)[0]

    def generate(self, h: Tensor) -> Tensor:
        return h


@COLUMN_LIKELIHOODS.register("rounded_gaussian", title="Gaussian, rounded to whole numbers")
class RoundedGaussian(GaussianColumn):
    """P(v) = Φ((v + ½ − m)/s) − Φ((v − ½ − m)/s) of whole numbers v: a mass function.

    If the column has a lower bound, as counts have, the distribution is truncated there. If the
    step is below a twentieth of s, the difference is computed by its series, log[φ(t) w] + (t² −
    1) w²/24, because the direct difference would cancel.
    """

    order = 80
    half_step: Tensor
    #: The lower bound of entries.
    low: Tensor

    def __init__(self, parts: Sequence[Part]) -> None:
        super().__init__(parts)
        self._numbers("half_step", [0.5 / part.scale for part in parts])
        low = [(bounds(p.column)[0] - p.shift) / p.scale for p in parts]
        self._numbers("low", [max(a, NONE) for a in low])

    @classmethod
    def incompatibility(cls, part: Part) -> str | None:
        return super().incompatibility(part) or (
            None if part.column.whole else "its values are not whole"
        )

    @classmethod
    def reason(cls, column: Column) -> str | None:
        if column.type == "count":
            return f"Counts whose variance is {column.dispersion:.2g} times their mean."
        return "Whole numbers that are not counts." if column.whole else None

    def log_prob(self, h: Tensor, x: Tensor) -> Tensor:
        mean, log_sigma = self._mean_and_scale(h)
        half = self.half_step * torch.exp(-log_sigma)
        t = (x - mean) * torch.exp(-log_sigma)
        narrow = half < 0.025
        series = -0.5 * t.square() - HALF_LOG_2PI + torch.log(2 * half)
        series = series + (t.square() - 1) * half.square() / 6
        wide = log_ndtr_difference(-t.abs() - half, -t.abs() + half)
        below = (self.low - mean) * torch.exp(-log_sigma) - half
        return torch.where(narrow, series, wide) - torch.special.log_ndtr(-below)

    def _mean_and_scale(self, h: Tensor) -> tuple[Tensor, Tensor]:
        """μ and log σ of entries; μ is never below a column's lower bound."""
        mean, raw = self.split(h)
        return torch.maximum(mean, self.low), log_scale(raw)

    def sample(self, h: Tensor) -> Tensor:
        mean, log_sigma = (t.double() for t in self._mean_and_scale(h))
        below = (self.low - self.half_step - mean) * torch.exp(-log_sigma)
        mass = torch.special.ndtr(below)
        u = mass + (1 - mass) * torch.rand_like(mass)
        v = self.value(mean + log_sigma.exp() * torch.special.ndtri(u)).round()
        return torch.maximum(self.entry(v), self.low).to(h.dtype)

    def mean(self, h: Tensor) -> Tensor:
        """The mean of the normal distribution truncated at its lower bound, before rounding."""
        mean, log_sigma = self._mean_and_scale(h)
        below = (self.low - self.half_step - mean) * torch.exp(-log_sigma)
        lean = torch.exp(-0.5 * below.square() - HALF_LOG_2PI - torch.special.log_ndtr(-below))
        return mean + log_sigma.exp() * lean

    def generate(self, h: Tensor) -> Tensor:
        soft = self.value(h)
        hard = torch.maximum(soft.round(), self.value(self.low))
        return self.entry(straight_through(hard, soft))


def log_ndtr_difference(a: Tensor, b: Tensor) -> Tensor:
    """log[Φ(b) − Φ(a)], a < b, exact in the lower tail; of values far above 0 flip both signs.

    Example:
        >>> round(float(log_ndtr_difference(torch.tensor(-1.0), torch.tensor(1.0)).exp()), 5)
        0.68269
    """
    top, bottom = torch.special.log_ndtr(b), torch.special.log_ndtr(a)
    gap = (bottom - top).clamp(max=-1e-6)
    return top + torch.log(-torch.expm1(gap))
