"""The table of intervals, its row, and the samples that rows draw."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from numpy.polynomial.hermite_e import hermegauss

from genlab.core.measure import Series

SERIES = Series("a", "a", "g", "nats", "Monte Carlo")
Interval = tuple[float, float, float]


@dataclass(frozen=True)
class Row:
    """One interval: ``once(seed)`` gives its low end, its high end, and the truth."""

    prints: tuple[str, ...]
    once: Callable[[int], Interval]
    low: float = 0.93
    high: float = 0.97
    note: str = ""


TABLE: dict[str, Row] = {}


def row(
    name: str, *prints: str, low: float = 0.93, high: float = 0.97, note: str = ""
) -> Callable[[Callable[[int], Interval]], Callable[[int], Interval]]:
    def put(once: Callable[[int], Interval]) -> Callable[[int], Interval]:
        TABLE[name] = Row(prints, once, low, high, note)
        return once

    return put


def source(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def normal(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=source(seed), dtype=torch.float64)


def ends(one: Any, truth: float) -> Interval:
    return float(one.low), float(one.high), truth


@functools.cache
def expectation(f: Callable[[torch.Tensor], torch.Tensor], mean: float, std: float) -> float:
    """E f(X), X normal, by Gauss-Hermite quadrature."""
    node, weight = hermegauss(100)
    values = f(torch.from_numpy(mean + std * node))
    return float(values @ torch.from_numpy(weight / weight.sum()))
