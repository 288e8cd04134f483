"""The neural spline flow: monotone rational-quadratic splines, on the line too."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genlab.core.options import option
from genlab.core.tables import MODELS
from genlab.models.normalizing_flow import (
    Affine,
    FlowOptions,
    Layer,
    NormalizingFlow,
    near_zero,
)
from genlab.nets.mlp import mlp

#: The spline bends [−REACH, REACH]; beyond it is the identity.
REACH = 4.0
#: The least share of the width or height of a bin, and the least slope at a knot.
LEAST_SHARE, LEAST_SLOPE = 1e-3, 1e-3
#: The raw number that stands for the slope 1.
SLOPE_ONE = math.log(math.expm1(1.0 - LEAST_SLOPE))


@dataclass(frozen=True)
class SplineFlowOptions(FlowOptions):
    """Options of the row ``spline_flow``."""

    bins: int = option(
        8, "bins of each spline", low=2, high=64, log=True, label="Bins of a spline"
    )


class _Bin:
    """The bin of each entry: its lower corner, its size, and the slopes at both ends."""

    def __init__(self, at: Tensor, raw: Tensor, bins: int, inverse: bool) -> None:
        wide, high, slopes = raw[..., :bins], raw[..., bins : 2 * bins], raw[..., 2 * bins :]
        knots, sizes = [], []
        for part in (wide, high):
            share = LEAST_SHARE + (1.0 - bins * LEAST_SHARE) * part.softmax(-1)
            edges = F.pad(share.cumsum(-1), (1, 0)) * 2.0 * REACH - REACH
            # The last edge is REACH itself, whatever the rounding of the sum.
            edges = torch.cat([edges[..., :-1], edges.new_full((*edges.shape[:-1], 1), REACH)], -1)
            knots.append(edges)
            sizes.append(edges.diff(dim=-1))
        slope = LEAST_SLOPE + F.softplus(slopes + SLOPE_ONE)
        slope = F.pad(slope, (1, 1), value=1.0)
        inner = knots[1 if inverse else 0][..., 1:-1].contiguous()
        index = torch.searchsorted(inner, at[..., None].contiguous())

        def pick(values: Tensor, offset: int = 0) -> Tensor:
            return values.gather(-1, index + offset)[..., 0]

        self.x, self.y = pick(knots[0]), pick(knots[1])
        self.wide, self.high = pick(sizes[0]), pick(sizes[1])
        self.first, self.last = pick(slope), pick(slope, 1)
        self.mean = self.high / self.wide
        self.bend = self.first + self.last - 2.0 * self.mean


def spline(x: Tensor, raw: Tensor, bins: int) -> tuple[Tensor, Tensor]:
    """A monotone rational-quadratic spline and the logarithm of its slope, entry by entry.

    With ξ = (x − x_k)/w_k, s = h_k/w_k and slopes δ at the knots of a bin,

        y = y_k + h_k [s ξ² + δ_k ξ(1 − ξ)] / [s + (δ_{k+1} + δ_k − 2s) ξ(1 − ξ)].

    Source: Durkan, Bekasov, Murray and Papamakarios 2019, "Neural spline flows", equations 4, 5.

    Args:
        x: entries, (...).
        raw: widths, heights and inner slopes before their constraints, (..., 3 bins − 1).
        bins: K.

    Returns:
        y and log dy/dx, (...) each; y = x beyond [−REACH, REACH].

    Example:
        >>> y, slope = spline(torch.tensor([0.5, 9.0]), torch.zeros(2, 11), 4)
        >>> [round(v, 4) + 0.0 for v in (*y.tolist(), *slope.tolist())]
        [0.5, 9.0, 0.0, 0.0]
    """
    inside = x.abs() < REACH
    at = torch.where(inside, x, 0.0)
    bin_ = _Bin(at, raw, bins, inverse=False)
    part = (at - bin_.x) / bin_.wide
    both = part * (1.0 - part)
    below = bin_.mean + bin_.bend * both
    y = bin_.y + bin_.high * (bin_.mean * part.square() + bin_.first * both) / below
    slope = bin_.last * part.square() + 2.0 * bin_.mean * both + bin_.first * (1 - part).square()
    log_slope = 2.0 * bin_.mean.log() + slope.log() - 2.0 * below.log()
    return torch.where(inside, y, x), torch.where(inside, log_slope, 0.0)


def inverse_spline(y: Tensor, raw: Tensor, bins: int) -> Tensor:
    """The x with ``spline(x, raw, bins)[0] = y``, (...); the root of a quadratic equation."""
    inside = y.abs() < REACH
    at = torch.where(inside, y, 0.0)
    bin_ = _Bin(at, raw, bins, inverse=True)
    up = at - bin_.y
    a = bin_.high * (bin_.mean - bin_.first) + up * bin_.bend
    b = bin_.high * bin_.first - up * bin_.bend
    c = -bin_.mean * up
    root = (b.square() - 4.0 * a * c).clamp(min=0.0).sqrt()
    return torch.where(inside, bin_.x + bin_.wide * 2.0 * c / (-b - root), y)


class SplineCoupling(Layer):
    """y_a = x_a, and y_b is a spline of x_b whose knots depend on x_a; without x_a they are free.

    Args:
        mask: (d,) of booleans, true for the entries x_a that stay.
        hidden, layers: of the net of the knots.
        bins: of each spline.
    """

    unchanged: Tensor
    transformed: Tensor

    def __init__(self, mask: Tensor, hidden: int, layers: int, bins: int) -> None:
        super().__init__()
        self.bins = bins
        self.register_buffer("unchanged", mask.nonzero().flatten(), persistent=False)
        self.register_buffer("transformed", (~mask).nonzero().flatten(), persistent=False)
        numbers = len(self.transformed) * (3 * bins - 1)
        self.net: nn.Module | None = None
        if len(self.unchanged):
            net = mlp([len(self.unchanged), *[hidden] * layers, numbers])
            near_zero(net[-1])  # type: ignore[arg-type]
            self.net = net
        else:
            self.knots = nn.Parameter(0.01 * torch.randn(numbers))

    def _raw(self, x: Tensor) -> Tensor:
        raw = self.knots if self.net is None else self.net(x[:, self.unchanged])
        return raw.expand(len(x), -1).view(len(x), len(self.transformed), 3 * self.bins - 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        moved, slope = spline(x[:, self.transformed], self._raw(x), self.bins)
        return x.index_copy(1, self.transformed, moved), slope.sum(1)

    def inverse(self, y: Tensor) -> Tensor:
        moved = inverse_spline(y[:, self.transformed], self._raw(y), self.bins)
        return y.index_copy(1, self.transformed, moved)


@MODELS.register(
    "spline_flow",
    order=415,
    title="Neural spline flow",
    summary="A normalising flow of monotone splines: exact density, fast in both directions, "
    "also in one dimension.",
)
class SplineFlow(NormalizingFlow):
    """Couplings by rational-quadratic splines, with a learned scale of every entry in between."""

    Options = SplineFlowOptions
    bends_lines: ClassVar[bool] = True

    @classmethod
    def defaults(cls, meta: Any) -> dict[str, Any]:
        few = {"flow_layers": 4} if meta.dim == 1 else {}
        return super().defaults(meta) | few

    def _layers(self, options: FlowOptions, dim: int) -> list[Layer]:
        assert isinstance(options, SplineFlowOptions)
        layers: list[Layer] = []
        for i in range(options.flow_layers):
            mask = (torch.arange(dim) + i) % 2 == (0 if dim > 1 else 2)
            coupling = SplineCoupling(mask, options.hidden, options.layers, options.bins)
            layers += [Affine(dim), coupling]
        return layers
