"""Supports and tails of densities, which decide whether a KL is finite."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

Bound = float | Callable[[Mapping[str, Tensor]], Tensor]


SupportKind = Literal[
    "real", "positive", "above", "unit", "interval", "positive interval", "simplex", "vector"
]


#: For each kind of support, the kinds that can contain it for some parameters.
MAY_LIE_IN: Mapping[str, frozenset[str]] = {
    "real": frozenset({"real"}),
    "positive": frozenset({"real", "positive"}),
    "above": frozenset({"real", "positive", "above"}),
    "unit": frozenset({"real", "positive", "unit", "interval"}),
    "interval": frozenset({"real", "positive", "above", "unit", "interval", "positive interval"}),
    "positive interval": frozenset(
        {"real", "positive", "above", "unit", "interval", "positive interval"}
    ),
    "simplex": frozenset({"simplex"}),
    "vector": frozenset({"vector"}),
}


def _bound(bound: Bound, params: Mapping[str, Tensor]) -> Tensor:
    if callable(bound):
        return bound(params)
    return torch.as_tensor(bound, dtype=next(iter(params.values())).dtype)


@dataclass(frozen=True, eq=False)
class Support:
    """Where a density is positive.

    Args:
        kind: its kind, which decides which supports can contain it.
        text: LaTeX.
        lower, upper: the edges, fixed or a function of the parameters (numbers only).
    """

    kind: SupportKind
    text: str
    lower: Bound = -math.inf
    upper: Bound = math.inf

    @property
    def fixed(self) -> bool:
        """Whether it is the same for all parameters."""
        return not (callable(self.lower) or callable(self.upper))

    @property
    def event_ndim(self) -> int:
        """0 where a point is a number, 1 where it is a vector."""
        return 1 if self.kind in ("simplex", "vector") else 0

    def bounds(self, params: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """The two edges, of the batch shape or ``()``."""
        return _bound(self.lower, params), _bound(self.upper, params)

    def outside(self, params: Mapping[str, Tensor], z: Tensor) -> Tensor:
        """Whether points have density zero; False for NaN, so that it stays visible."""
        if self.kind == "vector":
            return torch.zeros(z.shape[:-1], dtype=torch.bool, device=z.device)
        if self.kind == "simplex":
            off = (z.sum(-1) - 1).abs() > 64 * z.shape[-1] * torch.finfo(z.dtype).eps
            return off | (z < 0).any(-1)
        low, high = self.bounds(params)
        return (z < low) | (z > high)

    def inner(self, params: Mapping[str, Tensor], z: Tensor) -> Tensor:
        """A point well inside the support, of the shape of ``z``."""
        if self.kind == "simplex":
            return torch.full_like(z, 1 / z.shape[-1])
        low, high = self.bounds(params)
        if self.kind == "above":
            return (2 * low).expand_as(z)
        if self.kind in ("interval", "positive interval", "unit"):
            return ((low + high) / 2).expand_as(z)
        return torch.ones_like(z)


TailKind = Literal["bounded", "power", "log-normal", "exponential", "double exponential"]


@dataclass(frozen=True, eq=False)
class Tail:
    """How fast a density decays towards one end. −log p grows as fast, which decides whether a KL
    is finite.

    Args:
        kind: ``power`` z^(−index−1), ``log-normal`` exp(−log² z), ``exponential``
            exp(−rate |z|^index), ``double exponential`` exp(−exp(rate |z|)), or ``bounded``.
        index, rate: fixed or functions of the parameters.
    """

    kind: TailKind
    index: Bound = 1.0
    rate: Bound = 1.0


BOUNDED = Tail("bounded")


def _read(bound: Bound, params: Mapping[str, Tensor] | None) -> Tensor | None:
    """The number, or None if it is a free parameter."""
    if callable(bound):
        return None if params is None else bound(params)
    return torch.tensor(bound)


def tails_meet(
    q: Tail, p: Tail, q_params: Mapping[str, Tensor] | None, p_params: Mapping[str, Tensor] | None
) -> Tensor:
    """Whether E_q[−log p] is finite in this tail, or can be for some free parameters."""
    yes, no = torch.tensor(True), torch.tensor(False)
    if q.kind == "bounded" or p.kind in ("bounded", "power", "log-normal"):
        return yes
    if p.kind == "exponential":
        if q.kind != "power":
            return yes
        order, index = _read(p.index, p_params), _read(q.index, q_params)
        return yes if order is None or index is None else order < index
    if q.kind in ("power", "log-normal"):
        return no
    if q.kind == "double exponential":
        return yes
    order, rate = _read(q.index, q_params), _read(q.rate, q_params)
    steep = _read(p.rate, p_params)
    if order is None or rate is None or steep is None:
        return yes if order is None else torch.as_tensor(order >= 1).all()
    return (order > 1) | ((order == 1) & (steep < rate))


REAL_LINE = Support("real", r"\mathbb{R}")
POSITIVE_LINE = Support("positive", r"(0, \infty)", 0.0)
