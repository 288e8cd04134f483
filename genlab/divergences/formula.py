"""A custom f-divergence from a formula in u, such as ``u*log(u)`` or ``(sqrt(u) - 1)^2``.

The text is parsed into a small tree of known operations. It is never executed as code. The tree is
evaluated on tensors, and in signed logarithms (sign and log|value|, as a function of log u) where
u or f(u) leaves the range of a float. From f come, numerically, f′ (autograd), the conjugate
f*(t) = sup_u {u t − f(u)} (bisection on f′(u) = t), its domain and an activation into it.

Source of the definitions: Nowozin, Cseke & Tomioka 2016.

Example:
    >>> own = from_formula("u*log(u)")
    >>> t = torch.tensor([0.0, 1.0], dtype=torch.float64)
    >>> [round(x, 6) for x in own.conjugate(t).tolist()]      # e^{t-1}
    [0.367879, 1.0]
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn.functional import softplus

from genlab.core.errors import SpecError
from genlab.divergences.f import Domain, FDivergence, Latex
from genlab.divergences.formula_tree import EXAMPLE, INF, Node, parse, signed_value

#: The grid of log u on which a formula is checked and its conjugate is tabulated.
_REACH = 100.0
_NEEDED = 3.0
#: Up to this log u, float64 can distinguish a slope from its finite limit.
_RESOLVED = 25.0


@dataclass(frozen=True)
class _Generator:
    """A checked formula with its limits, slopes and tabulated conjugate."""

    node: Node
    grid: Tensor  # log u where f and f' are finite
    slopes: Tensor  # f' there, made non-decreasing
    at_zero: float
    slope_at_zero: float
    slope_at_infinity: float

    def prime(self, u: Tensor) -> Tensor:
        """f′(u), differentiable if u requires a gradient."""
        further = u.requires_grad and torch.is_grad_enabled()
        with torch.enable_grad():
            x = u if further else u.detach().clone().requires_grad_(True)
            # A constant f′ does not depend on u, so autograd has no graph.
            total = (self.node(x) + 0.0 * x).sum()
            (gradient,) = torch.autograd.grad(total, x, create_graph=further)
        return gradient

    def argmax(self, t: Tensor) -> Tensor:
        """log of the maximiser of ut − f(u) within the grid; t is float64."""
        index = torch.searchsorted(self.slopes, t.contiguous()).clamp(1, len(self.grid) - 1)
        low, high = self.grid[index - 1], self.grid[index]
        for _ in range(30):
            middle = (low + high) / 2.0
            rising = self.prime(middle.exp()) < t
            low, high = torch.where(rising, middle, low), torch.where(rising, high, middle)
        low = torch.where(t <= self.slopes[0], self.grid[0].expand_as(t), low)
        return torch.where(t > self.slopes[-1], self.grid[-1].expand_as(t), low)

    def conjugate(self, t: Tensor) -> Tensor:
        """f*(t); its gradient is the maximising u, by the envelope theorem."""
        wide = t.double()
        if math.isfinite(self.slope_at_infinity):
            # Beyond the last slope of the table, u t − f(u) cancels.
            wide = wide.clamp(max=max(float(self.slopes[-1]), -1e300))
        known = torch.where(wide.isnan(), torch.zeros_like(wide), wide.detach())
        u = self.argmax(known).exp()
        value = wide * u - self.node(u)
        if math.isfinite(self.at_zero):
            # For t below f'(0+) the supremum is at u = 0, which the end of the grid represents.
            end = torch.full_like(wide, -self.at_zero)
            value = torch.where(wide <= self.slope_at_zero, end, torch.maximum(value, end))
        beyond = t.double() > self.slope_at_infinity + 1e-11 * (1.0 + abs(self.slope_at_infinity))
        value = torch.where(beyond, torch.full_like(wide, INF), value)
        return torch.where(wide.isnan(), wide, value).to(t.dtype)


def _grid() -> Tensor:
    coarse = torch.linspace(-_REACH, _REACH, 4001, dtype=torch.float64)
    # u = 1 is left out: some generators have a kink there.
    fine = torch.linspace(-1.0, 1.0, 800, dtype=torch.float64)
    return torch.cat([coarse[coarse != 0.0], fine]).sort().values


def _limit(node: Node, sign: float, shift: bool) -> float:
    """lim f(u) as u → 0 (sign −1), or lim f(u)/u as u → ∞ (sign +1, ``shift``)."""
    l = sign * torch.tensor([50.0, 100.0, 500.0, 1e4, 1e6], dtype=torch.float64)
    signs, sizes = node.in_logs(l)
    values = signed_value((signs, sizes - l if shift else sizes)).tolist()
    if math.isnan(values[-1]) or abs(values[-1]) > 1.01 * abs(values[-2]) + 0.01:
        return INF
    # The nearest converged point: further out, cancelling terms lose digits.
    for here, there in pairwise(values):
        if abs(here - there) < 1e-12 * (1.0 + abs(there)):
            return float(f"{here:.12g}") if abs(here) > 1e-12 else 0.0
    return values[-1]


def _checked(node: Node, text: str) -> _Generator:
    grid = _grid()
    u = grid.exp()
    generator = _Generator(node, grid, grid, INF, -INF, INF)
    f, slopes = node(u), generator.prime(u)
    finite = f.isfinite() & slopes.isfinite()
    middle = int((grid < 0).sum())
    broken = (~finite).nonzero().flatten()
    low = int(broken[broken < middle].max()) + 1 if bool((broken < middle).any()) else 0
    high = int(broken[broken >= middle].min()) if bool((broken >= middle).any()) else len(grid)
    undefined = f.isnan() | (f == -INF)
    at = None
    if bool(undefined.any()):
        positions = undefined.nonzero().flatten()
        at = float(u[positions[grid[positions].abs().argmin()]])
    elif float(grid[min(low, len(grid) - 1)]) > -_NEEDED:
        at = float(u[low - 1])
    elif float(grid[high - 1]) < _NEEDED:
        at = float(u[min(high, len(grid) - 1)])
    if at is None and not math.isfinite(float(node(u.new_ones(1)))):
        at = 1.0
    if at is not None:
        raise SpecError(
            "formula", text, f"f must be finite for every u > 0, and it is not at u = {at:.4g}"
        )
    grid, u, f, slopes = grid[low:high], u[low:high], f[low:high], slopes[low:high]
    slack = 1e-9 * (1.0 + slopes[1:].abs() + slopes[:-1].abs())
    falls = (slopes[1:] < slopes[:-1] - slack).nonzero().flatten()
    if len(falls):
        where = float(u[falls[0]])
        raise SpecError(
            "formula",
            text,
            f"f must be convex, and its slope falls near u = {where:.4g}; {EXAMPLE}",
        )
    # Chords lie above a convex function; slopes alone miss a jump. Further out, terms of the
    # size of u that cancel (as in u log u − (u + 1) log(u + 1)) leave too much round-off.
    core = grid.abs() < 12.0
    left, value = u[core], f[core]
    chord = (value[1:] + value[:-1]) / 2.0
    above = node((left[1:] + left[:-1]) / 2.0) > chord + 1e-8 * (1.0 + chord.abs())
    if bool(above.any()):
        where = float(left[:-1][above][0])
        raise SpecError("formula", text, f"f must be convex, and it is not near u = {where:.4g}")
    if float(slopes[-1] - slopes[0]) < 1e-9 * (1.0 + float(slopes.abs().max())):
        raise SpecError(
            "formula",
            text,
            "a straight line gives 0 for every pair of distributions; f must be curved somewhere",
        )
    one = float(node(u.new_ones(1)))
    if abs(one) > 1e-9:
        minus = f"- {one:.6g}" if one > 0 else f"+ {-one:.6g}"
        raise SpecError(
            "formula",
            text,
            f"f(1) must be 0 and is {one:.6g}; write {text.strip()} {minus}, or let it be shifted",
        )
    top = _limit(node, 1.0, shift=True)
    if math.isfinite(top):
        resolved = grid <= _RESOLVED
        grid, slopes = grid[resolved], slopes[resolved]
    slopes = slopes.cummax(0).values
    below = float(slopes[0])
    further = float(slopes[int((grid < grid[0] / 2.0).sum())])
    settled = abs(further - below) < 1e-3 * (1.0 + abs(below))
    at_zero = _limit(node, -1.0, shift=False)
    return _Generator(
        node,
        grid,
        slopes,
        at_zero,
        below if settled and math.isfinite(at_zero) else -INF,
        top,
    )


@dataclass(frozen=True)
class _Activation:
    """g_f, f*∘g_f, and V* as a function of log r, with g_f as LaTeX."""

    activation: Callable[[Tensor], Tensor]
    composed: Callable[[Tensor], Tensor]
    score: Callable[[Tensor], Tensor]
    latex: str


def _activation(generator: _Generator) -> _Activation:
    """g_f(v) = f′(e^v): it lies in the domain, its V* is log r, and f*(g_f(v)) = u f′(u) − f(u)
    at u = e^v needs no search. If f has straight parts, this is a step function without a
    gradient; then a sigmoid between the two outermost slopes (or a softplus from the finite one)
    replaces it.
    """
    core = generator.slopes[generator.grid.abs() < _NEEDED][::20]
    if bool((core[1:] - core[:-1] > 1e-9 * (1.0 + core[1:].abs())).all()):
        return _by_ratio(generator)
    low, high = generator.slope_at_zero, generator.slope_at_infinity
    if math.isfinite(low) and math.isfinite(high):
        width, text = high - low, rf"{low:.4g}+{high - low:.4g}\,\sigma(v)"
        squash = _Map(
            lambda v: low + width * v.sigmoid(), lambda t: ((t - low) / (high - t)).log()
        )
    elif math.isfinite(high):
        text = rf"{high:.4g}-\log(1+e^{{-v}})"
        squash = _Map(lambda v: high - softplus(-v), lambda t: -_inverse_softplus(high - t))
    elif math.isfinite(low):
        text = rf"{low:.4g}+\log(1+e^{{v}})"
        squash = _Map(lambda v: low + softplus(v), lambda t: _inverse_softplus(t - low))
    else:
        text, squash = "v", _Map(lambda v: v, lambda t: t)
    return _Activation(
        squash.forward,
        lambda v: generator.conjugate(squash.forward(v.double())).to(v.dtype),
        lambda l: squash.inverse(_critic(generator, l)),
        text,
    )


@dataclass(frozen=True)
class _Map:
    forward: Callable[[Tensor], Tensor]
    inverse: Callable[[Tensor], Tensor]


def _by_ratio(generator: _Generator) -> _Activation:
    u = generator.grid.exp()
    sizes = torch.maximum(generator.slopes.abs(), (u * generator.slopes).abs())
    # Scores are clamped here, since float32 would overflow beyond.
    usable = generator.grid[(sizes < 1e30) & (generator.grid.abs() < 60.0)]
    low = float(usable.min())
    high = min(float(usable.max()), 20.0 if math.isfinite(generator.slope_at_infinity) else 60.0)

    def ratio(v: Tensor) -> Tensor:
        return v.double().clamp(low, high).exp()

    def composed(v: Tensor) -> Tensor:
        at = ratio(v)
        return (at * generator.prime(at) - generator.node(at)).to(v.dtype)

    return _Activation(
        lambda v: generator.prime(ratio(v)).to(v.dtype),
        composed,
        lambda l: l,
        r"f'(e^{v})",
    )


def _critic(generator: _Generator, l: Tensor) -> Tensor:
    ends = float(generator.grid[0]), float(generator.grid[-1])
    return generator.prime(l.double().clamp(*ends).exp()).to(l.dtype)


def _inverse_softplus(s: Tensor) -> Tensor:
    return s + torch.log(-torch.expm1(-s))


def from_formula(
    text: str, *, name: str = "custom", title: str = "", shift: bool = False
) -> FDivergence:
    """The f-divergence of a formula in u, usable like a row of the table.

    f must be finite and convex on u > 0 with f(1) = 0, which is checked at 4,800 points evenly
    spaced in log u. The conjugate is computed by bisection in float64 and checked against
    Fenchel's equality f*(f′(u)) = u f′(u) − f(u).

    Args:
        text: the formula; see :func:`parse`.
        name, title: of the row; the default title is the formula.
        shift: subtract f(1) if it is not 0; otherwise such a formula is an error.

    Raises:
        SpecError: for a formula that cannot be read, is not finite, not convex, straight, or not
            0 at 1; the message says where and with which value.

    Example:
        >>> own = from_formula("abs(u - 1)/2")
        >>> own.domain, own.symmetric
        (Domain(low=-inf, high=0.5, low_closed=False, high_closed=True), True)
    """
    node = parse(text)
    if shift:
        one = float(node(torch.ones(1, dtype=torch.float64)))
        if math.isfinite(one) and one != 0.0:
            node = Node("-", (node, Node("number", value=one)))
    generator = _checked(node, text)
    top = generator.slope_at_infinity
    squash = _activation(generator)
    # At t = lim f(u)/u the supremum is lim (ut − f(u)), which may be infinite.
    closed = math.isfinite(top) and _gap_is_bounded(node, top)

    def perspective(a: Tensor, b: Tensor) -> Tensor:
        wide_a, wide_b = torch.broadcast_tensors(a.double(), b.double())
        l = wide_a - wide_b
        near = l.abs() < 1.0
        direct = wide_b.exp() * node(torch.where(near, l, torch.zeros_like(l)).exp())
        signs, sizes = node.in_logs(torch.where(near, torch.ones_like(l), l))
        far = torch.where(signs == 0, torch.zeros_like(l), signs * (sizes + wide_b).exp())
        return torch.where(near, direct, far).to(a.dtype)

    shown = node.latex()
    threshold = float(generator.prime(torch.ones(1, dtype=torch.float64)))
    row = FDivergence(
        name=name,
        title=title or f"f(u) = {text.strip()}",
        f=node,
        f_prime=generator.prime,
        conjugate=generator.conjugate,
        activation=squash.activation,
        conjugate_of_activation=squash.composed,
        critic=lambda l: _critic(generator, l),
        score=squash.score,
        perspective=perspective,
        domain=Domain(high=top, high_closed=closed),
        threshold=threshold,
        at_zero=generator.at_zero,
        slope_at_infinity=top,
        symmetric=_is_symmetric(node),
        unit="dimensionless",
        latex=Latex(
            shown,
            rf"\int q\, f\left(\frac{{p}}{{q}}\right),\quad f(u)={shown}",
            r"\sup_{u\ge 0}\{ut-f(u)\}\ \text{(numerical)}",
            r"\mathbb{R}"
            if math.isinf(top)
            else rf"t\le {top:.6g}"
            if closed
            else rf"t<{top:.6g}",
            squash.latex,
            r"f'(r)",
        ),
        convention="D_f(P‖Q) = ∫ q f(p/q) with the data P first; the conjugate is numerical.",
    )
    _check_conjugate(row, generator, text)
    return row


def _gap_is_bounded(node: Node, top: float) -> bool:
    """Whether ut − f(u) stays bounded at t = lim f(u)/u."""
    u = torch.tensor([1e3, 1e5, 1e7], dtype=torch.float64)
    gap = u * top - node(u)
    steps = (gap[1:] - gap[:-1]).abs()
    return bool(steps[1] < 0.5 * steps[0] + 1e-6 * (1.0 + gap[-1].abs()))


def _is_symmetric(node: Node) -> bool:
    """Whether f(u) = u f(1/u) + c (u − 1) for some c, up to round-off."""
    u = torch.linspace(-4.0, 4.0, 81, dtype=torch.float64).exp()
    gap = node(u) - u * node(1.0 / u)
    line = u - 1.0
    slope = float((gap * line).sum() / line.square().sum())
    return bool(((gap - slope * line).abs() < 1e-8 * (1.0 + node(u).abs() + u)).all())


def _check_conjugate(row: FDivergence, generator: _Generator, text: str) -> None:
    inside = generator.grid.abs() < 8.0
    u = generator.grid[inside][::16].exp()
    t = generator.prime(u)
    expected = u * t - generator.node(u)
    found = row.conjugate(t)
    scale = 1.0 + expected.abs() + (u * t).abs()
    if not bool(((found - expected).abs() < 1e-6 * scale).all()):
        raise SpecError(
            "formula", text, "its conjugate could not be computed to six digits; try a smoother f"
        )
