"""The table of families for the lessons: options of a row, a quadrature rule for its density."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from genlab.core.options import Option
from genlab.core.random import generator
from genlab.distributions.families import FAMILIES, Family, Parameter, Params
from genlab.lessons.panels import Array, array

#: Names of the entries of a vector or a matrix parameter, as suffixes.
INFINITE = "infinite"
#: Short names of parameters in words.
PARAMETERS = {
    "loc": "location",
    "df": "degrees of freedom",
    "df1": "degrees of freedom 1",
    "df2": "degrees of freedom 2",
}


def names() -> tuple[str, ...]:
    """The rows of the table."""
    return FAMILIES.names()


def _places(shape: tuple[int, ...]) -> list[tuple[tuple[int, ...], str]]:
    """Every index of a shape, with the suffix of its option: ``_1``, ``_12``."""
    return [(at, "_" + "".join(str(i + 1) for i in at)) for at in np.ndindex(*shape)]


def _extended(part: Parameter) -> bool:
    """Whether a parameter may be infinite, a value that no slider has."""
    return "inf" in part.constraint.text


def options(row: Family, prefix: str = "", *, infinite: bool = False) -> tuple[Option, ...]:
    """The parameters of a row as options; vectors and matrices have one option per entry.

    Args:
        row: of the table.
        prefix: before each name.
        infinite: the default of the switch where a parameter may be infinite.

    Example:
        >>> [o.name for o in options(FAMILIES["gaussian"], "q_")]
        ['q_loc', 'q_scale']
    """
    found: list[Option] = []
    for part in row.parameters:
        name = prefix + part.name
        say = f"{part.constraint.text} ({part.name} of {row.title})"
        words = f"{prefix.rstrip('_')}: " if prefix else ""
        words += PARAMETERS.get(part.name, part.name.replace("_", " "))
        words = words if prefix else words[0].upper() + words[1:]
        if part.constraint.event_ndim:
            default = np.asarray(part.default, dtype=float)
            found += [
                Option(
                    name + end,
                    float,
                    float(default[at]),
                    say,
                    part.low,
                    part.high,
                    label=f"{words} {', '.join(str(i + 1) for i in at)}",
                )
                for at, end in _places(default.shape)
            ]
            continue
        kind = float if part.continuous else int
        found.append(Option(name, kind, kind(part.default), say, part.low, part.high, label=words))
        if _extended(part):
            say = f"{part.name} is infinite: the Gaussian case"
            found.append(
                Option(f"{name}_{INFINITE}", bool, infinite, say, label=f"{words} infinite")
            )
    return tuple(found)


def params(row: Family, values: Mapping[str, Any], prefix: str = "") -> Params:
    """The parameters of a row, in float64, from the values of its options.

    Raises:
        SpecError: for a combination that the row does not allow.
    """
    found: dict[str, Tensor] = {}
    for part in row.parameters:
        name = prefix + part.name
        if part.constraint.event_ndim:
            whole = np.array(part.default, dtype=float)
            for at, end in _places(whole.shape):
                whole[at] = values[name + end]
            found[part.name] = torch.tensor(whole)
            continue
        number = math.inf if values.get(f"{name}_{INFINITE}") else float(values[name])
        found[part.name] = torch.tensor(number, dtype=torch.float64)
    return row.check(found)


@dataclass(frozen=True)
class Rule:
    """Points and log weights of an integral over the support of a density.

    Args:
        z: (n,) or (n, d), ascending where they are numbers.
        log_weight: (n,).
    """

    z: Tensor
    log_weight: Tensor


def rule(row: Family, at: Params) -> Rule:
    """A double-exponential rule for the support of a row: the trapezoidal rule in t, where z runs
    through the support as exp(sinh t), so that edges, singularities and heavy tails are harmless.

    Source: Takahasi and Mori 1974, "Double exponential formulas for numerical integration".
    """
    if row.support.kind == "simplex":
        return _simplex()
    if row.support.kind == "vector":
        return _polar(at)
    draws = row.sample(at, (2001,), generator(0, "rule", row.name)).detach()
    quarter, middle, upper = (float(draws.quantile(v)) for v in (0.25, 0.5, 0.75))
    low, high = (float(edge) for edge in row.support.bounds(at))
    t, step = _axis(5.5, 20_001)
    if math.isfinite(low) and math.isfinite(high):
        t, step = _axis(3.5, 20_001)
        u = math.pi * torch.sinh(t)
        z = low + (high - low) * torch.sigmoid(u)
        slope = torch.nn.functional.logsigmoid(u) + torch.nn.functional.logsigmoid(-u)
        weight = slope + math.log((high - low) * math.pi) + torch.log(torch.cosh(t))
    elif math.isfinite(low):
        u = math.pi / 2 * torch.sinh(t)
        scale = max(middle - low, 1e-30)
        z = low + scale * torch.exp(u)
        weight = u + math.log(scale * math.pi / 2) + torch.log(torch.cosh(t))
    else:
        u = math.pi / 2 * torch.sinh(t)
        scale = max((upper - quarter) / 1.35, 1e-30)
        z = middle + scale * torch.sinh(u)
        weight = u.abs() + torch.log1p(torch.exp(-2 * u.abs())) - math.log(2)
        weight = weight + math.log(scale * math.pi / 2) + torch.log(torch.cosh(t))
    inside = (z > low) & (z < high)
    return Rule(z[inside], weight[inside] + math.log(step))


def _axis(most: float, count: int) -> tuple[Tensor, float]:
    return torch.linspace(-most, most, count, dtype=torch.float64), 2 * most / (count - 1)


@functools.cache
def _simplex() -> Rule:
    """The triangle, as z₁ = s, z₂ = (1 − s) v."""
    t, step = _axis(3.2, 301)
    u = math.pi * torch.sinh(t)
    log_one, log_rest = torch.nn.functional.logsigmoid(u), torch.nn.functional.logsigmoid(-u)
    slope = log_one + log_rest + math.log(math.pi * step) + torch.log(torch.cosh(t))
    first, rest = log_one.exp()[:, None], log_rest.exp()[:, None]
    z = torch.stack([first.expand(-1, len(t)), rest * first.T, rest * rest.T], -1).flatten(0, 1)
    weight = (slope[:, None] + slope + log_rest[:, None]).flatten()
    inside = (z > 0).all(-1)
    return Rule(z[inside], weight[inside])


def _polar(at: Params) -> Rule:
    """The plane, as loc + A r (cos φ, sin φ)."""
    t, step = _axis(4.5, 401)
    u = math.pi / 2 * torch.sinh(t)
    turns = 48
    angle = torch.arange(turns, dtype=torch.float64) * (2 * math.pi / turns)
    circle = torch.stack([angle.cos(), angle.sin()], -1)
    z = at["loc"] + (u.exp()[:, None, None] * (circle @ at["matrix"].mT)).flatten(0, 1)
    log_det = float(torch.linalg.slogdet(at["matrix"])[1])
    weight = 2 * u + math.log(math.pi / 2 * step) + torch.log(torch.cosh(t))
    weight = weight + log_det + math.log(2 * math.pi / turns)
    return Rule(z, weight[:, None].expand(-1, turns).flatten())


@dataclass(frozen=True)
class Density:
    """A density on its rule: (n,) log values and (n,) probabilities of the points.

    Args:
        z, log_p, weight: at each point; the weights sum to about 1.
    """

    z: Tensor
    log_p: Tensor
    weight: Tensor

    @property
    def mass(self) -> float:
        """The integral of the density by the rule."""
        return float(self.weight.sum())

    def mean(self, f: Callable[[Tensor], Tensor]) -> float:
        """E[f(z)]."""
        value = f(self.z)
        return float(torch.where(self.weight > 0, self.weight * value, 0.0).sum())

    def cdf(self) -> tuple[Array, Array]:
        """The points and the distribution function at them, for a density on the line."""
        total = self.weight.cumsum(0) - self.weight / 2
        return array(self.z), array(total.clamp(0, 1))


def density(row: Family, at: Params) -> Density:
    """A row's density on its rule."""
    points = rule(row, at)
    log_p = row.log_prob(at, points.z).detach()
    weight = torch.exp(log_p + points.log_weight)
    good = torch.isfinite(log_p) & torch.isfinite(weight)
    weight = torch.where(good, weight, torch.zeros_like(weight))
    return Density(points.z, log_p, weight)


def window(*draws: Tensor, share: float = 0.01) -> tuple[float, float]:
    """A range that shows nearly all of some draws and leaves out the tails.

    Example:
        >>> window(torch.linspace(0, 1, 101, dtype=torch.float64), share=0.1)
        (0.02, 0.98)
    """
    low = min(float(d.quantile(share)) for d in draws)
    high = max(float(d.quantile(1 - share)) for d in draws)
    margin = 0.1 * (high - low)
    return round(low - margin, 12), round(high + margin, 12)
