"""The f-divergences as a table: generator, convex conjugate, output activation, exact critic.

For a convex generator f with f(1) = 0,

    D_f(P‖Q) = ∫ q f(p/q)  ≥  E_P[T] − E_Q[f*(T)],    f*(t) = sup_{u ≥ 0} {u t − f(u)},

with equality at T*(x) = f′(p(x)/q(x)) (Nguyen, Wainwright & Jordan 2010; Nowozin, Cseke & Tomioka
2016, "f-GAN"). P is the data and comes first, Q is the model, r = p/q; logarithms are natural.

Every function here maps a tensor to a tensor of the same shape and dtype, float32 or float64.
Formulas use log r wherever possible, so that no ratio of densities is computed.

Example:
    >>> import torch
    >>> kl = F["kl"]
    >>> t = kl.critic(torch.tensor(0.0))        # p = q: T* is the threshold f'(1)
    >>> float(t), kl.threshold
    (1.0, 1.0)
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from genlab.core.errors import SpecError
from genlab.core.registry import Registry

Map = Callable[[Tensor], Tensor]
INF = math.inf
LOG2 = math.log(2.0)


@dataclass(frozen=True)
class Domain:
    """The interval on which a conjugate is finite.

    Example:
        >>> Domain(high=0.0).contains(torch.tensor([-1.0, 0.0])).tolist()
        [True, False]
    """

    low: float = -INF
    high: float = INF
    low_closed: bool = False
    high_closed: bool = False

    def contains(self, t: Tensor) -> Tensor:
        """Whether entries lie inside, (*) -> (*) of bool; a NaN lies outside."""
        above = t >= self.low if self.low_closed or self.low == -INF else t > self.low
        below = t <= self.high if self.high_closed or self.high == INF else t < self.high
        return above & below


@dataclass(frozen=True)
class Latex:
    """The formulas of a row as LaTeX."""

    f: str
    divergence: str
    conjugate: str
    domain: str
    activation: str
    critic: str


@dataclass(frozen=True)
class Parameter:
    """The parameter of a family of divergences: its name, value, range and what it means."""

    name: str
    value: float
    low: float
    high: float
    help: str
    excluded: tuple[float, ...] = ()


@dataclass(frozen=True)
class FDivergence:
    """One f-divergence with all formulas that training and plots need.

    Args:
        name, title: the key in the table, and the name that users read.
        f: the generator at u ≥ 0.
        f_prime: its derivative.
        conjugate: f*(t); +inf outside ``domain``.
        activation: g_f, increasing, from any real score v into ``domain``: T = g_f(V).
        conjugate_of_activation: f*(g_f(v)) in one numerically safe formula.
        critic: the exact T* as a function of log r.
        score: the exact pre-activation V*, with g_f(V*) = T*, as a function of log r.
        perspective: q f(p/q) from (log p, log q), both finite; never forms p/q.
        domain: where the conjugate is finite.
        threshold: f′(1); a sample is called real when T is above it.
        at_one: f(1), the value of D_f(P‖P).
        at_zero: f(0+), the cost of a unit of Q's mass where P has none; may be inf.
        slope_at_infinity: lim f(u)/u, the cost of P's mass where Q has none; may be inf.
        symmetric: whether D_f(P‖Q) = D_f(Q‖P) for all pairs.
        unit: ``nats``, ``probability`` or ``dimensionless``.
        latex: the formulas as LaTeX.
        convention: which of the field's competing conventions this row uses.
        parameter: for a family, its parameter at this member; else None.
        family: for a family, the function from a parameter to its member; else None.
    """

    name: str
    title: str
    f: Map
    f_prime: Map
    conjugate: Map
    activation: Map
    conjugate_of_activation: Map
    critic: Map
    score: Map
    perspective: Callable[[Tensor, Tensor], Tensor]
    domain: Domain
    threshold: float
    at_zero: float
    slope_at_infinity: float
    symmetric: bool
    unit: str
    latex: Latex
    convention: str = ""
    at_one: float = 0.0
    parameter: Parameter | None = None
    family: Callable[[float], FDivergence] | None = field(default=None, repr=False)

    @property
    def upper(self) -> float:
        """The largest value of D_f, f(0) + lim f(u)/u, reached for disjoint supports."""
        return self.at_zero + self.slope_at_infinity

    def with_parameter(self, value: float) -> FDivergence:
        """The member of this family with another parameter.

        Raises:
            SpecError: for a divergence without a parameter, or a value outside its range.

        Example:
            >>> F["alpha"].with_parameter(2.0).parameter.value
            2.0
        """
        if self.parameter is None or self.family is None:
            raise SpecError("parameter", value, f"the divergence {self.name!r} has none")
        row = self.parameter
        try:
            number = float(value)
        except (TypeError, ValueError):
            raise SpecError(row.name, value, "a number is needed") from None
        if not row.low <= number <= row.high or number in row.excluded:
            but = "".join(f", not {x:g}" for x in row.excluded)
            raise SpecError(row.name, value, f"from {row.low:g} to {row.high:g}{but}: {row.help}")
        return self.family(number)

    def integrand(self, log_p: Tensor, log_q: Tensor) -> Tensor:
        """q f(p/q) at log-densities of any size, -inf included; may be +inf, never NaN.

        The value is q f(0) where P has no mass, p lim f(u)/u where Q has none, and 0 where neither
        has any (Liese & Vajda 2006). NaN propagates.

        Args:
            log_p, log_q: log-densities or log-probabilities in nats, (*).

        Example:
            >>> log_p = torch.tensor([0.25, 0.75, 0.0]).log()
            >>> log_q = torch.tensor([0.0, 0.5, 0.5]).log()
            >>> F["kl"].integrand(log_p, log_q)[[0, 2]].tolist()
            [inf, 0.0]
        """
        log_p, log_q = torch.broadcast_tensors(log_p, log_q)
        no_p, no_q = log_p == -INF, log_q == -INF
        zero = torch.zeros_like(log_p)
        safe_p = torch.where(no_p | no_q, zero, log_p)
        safe_q = torch.where(no_p | no_q, zero, log_q)
        value = self.perspective(safe_p, safe_q)
        only_q = _price(log_q, self.at_zero)
        only_p = _price(log_p, self.slope_at_infinity)
        value = torch.where(no_p & ~no_q, only_q, value)
        value = torch.where(no_q & ~no_p, only_p, value)
        return torch.where(no_p & no_q, zero, value)

    def of_probabilities(self, log_p: Tensor, log_q: Tensor) -> Tensor:
        """D_f of two discrete distributions, Σ q f(p/q) over the last axis, (*, k) -> (*)."""
        return self.integrand(log_p, log_q).sum(-1)


def _price(log_mass: Tensor, price: float) -> Tensor:
    mass = log_mass.exp()
    return torch.where(mass > 0, mass * price, torch.zeros_like(mass)) if price else 0.0 * mass


def log_wright_omega(s: Tensor) -> Tensor:
    """y with y + e^y = s, which is log W(e^s), by Newton; s may be of any size.

    The left side is convex and increasing and the start lies above the root, so Newton's method
    decreases to the root without overflow. Computing W(e^s) from e^s overflows for s above 709.

    Args:
        s: any shape; float32 or float64.

    Example:
        >>> y = log_wright_omega(torch.tensor([1.0, 1000.0], dtype=torch.float64))
        >>> [round(v, 9) for v in (y + y.exp()).tolist()]
        [1.0, 1000.0]
    """
    with torch.no_grad():
        y = torch.where(s > 1.0, torch.log(s.clamp(min=1.0)), s.clamp(max=1.0))
        for _ in range(8):
            e = y.exp()
            y = y - (y + e - s) / (1.0 + e)
    e = y.exp()
    # The last step carries the gradient dy/ds = 1/(1 + e^y): that of the root itself.
    return y - (y + e - s) / (1.0 + e)


F: Registry[FDivergence] = Registry("f-divergence", "genlab.divergences")
