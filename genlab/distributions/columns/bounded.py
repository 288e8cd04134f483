"""The likelihood of a column between two bounds: a truncated normal distribution."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from genlab.data.schema import Column, bounds
from genlab.distributions.columns.base import COLUMN_LIKELIHOODS, ColumnLikelihood, Part
from genlab.distributions.columns.gaussian import HALF_LOG_2PI, log_normal_density

#: The smallest and the largest scale, as shares of the column's range.
NARROW, BROAD = 0.01, 10.0


@COLUMN_LIKELIHOODS.register("bounded", title="Normal between two bounds")
class BoundedColumn(ColumnLikelihood):
    """log p(v) = log φ((v − m)/s) − log s − log[Φ((b − m)/s) − Φ((a − m)/s)], a ≤ m, v ≤ b.

    m = a + (b − a) σ(h₁); s is between a hundredth and ten times b − a.
    """

    order = 30
    low: Tensor
    range: Tensor

    def __init__(self, parts: Sequence[Part]) -> None:
        super().__init__(parts)
        ends = [bounds(part.column) for part in parts]
        self._numbers("low", [a for a, _ in ends])
        self._numbers("range", [b - a for a, b in ends])

    @classmethod
    def incompatibility(cls, part: Part) -> str | None:
        if part.log >= 0:
            return "its logarithm is learned; choose the type bounded for it when it is read"
        if part.column.type != "bounded":
            return "it has no bounds; choose the type bounded for it when it is read"
        return None

    @classmethod
    def reason(cls, column: Column) -> str | None:
        low, high = bounds(column)
        return f"Values from {low:g} to {high:g}." if column.type == "bounded" else None

    def _law(self, h: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log of the scale of the normal, in shares of the range."""
        mean, raw = self.split(h)
        low, high = (torch.tensor(v).log().item() for v in (NARROW, BROAD))
        return mean.sigmoid(), low + (high - low) * torch.sigmoid(raw - 1.0)

    def log_prob(self, h: Tensor, x: Tensor) -> Tensor:
        mean, log_s = self._law(h)
        share = (self.value(x) - self.low) / self.range
        a, b = -mean * torch.exp(-log_s), (1 - mean) * torch.exp(-log_s)
        # 0 lies between them, so that nothing cancels.
        mass = torch.special.erf(b / 2**0.5) - torch.special.erf(a / 2**0.5)
        density = log_normal_density(share, mean, log_s)
        return density - torch.log(0.5 * mass) - self.range.log()

    def _share_to_entry(self, share: Tensor) -> Tensor:
        return self.entry(self.low + self.range * share.clamp(0.0, 1.0))

    def sample(self, h: Tensor) -> Tensor:
        mean, log_s = (t.double() for t in self._law(h))
        a, b = -mean * torch.exp(-log_s), (1 - mean) * torch.exp(-log_s)
        low, high = torch.special.ndtr(a), torch.special.ndtr(b)
        z = torch.special.ndtri(low + (high - low) * torch.rand_like(low))
        return self._share_to_entry((mean + log_s.exp() * z).to(h.dtype))

    def mean(self, h: Tensor) -> Tensor:
        """The entry of m + s [φ(a) − φ(b)]/[Φ(b) − Φ(a)]."""
        mean, log_s = self._law(h)
        a, b = -mean * torch.exp(-log_s), (1 - mean) * torch.exp(-log_s)
        mass = 0.5 * (torch.special.erf(b / 2**0.5) - torch.special.erf(a / 2**0.5))
        lean = torch.exp(-0.5 * a.square() - HALF_LOG_2PI)
        lean = lean - torch.exp(-0.5 * b.square() - HALF_LOG_2PI)
        return self._share_to_entry(mean + log_s.exp() * lean / mass)

    def generate(self, h: Tensor) -> Tensor:
        return self._share_to_entry(h.sigmoid())
