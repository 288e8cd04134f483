"""The expression tree of a formula in u: parsing, evaluation and LaTeX."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from genlab.core.errors import SpecError

INF = math.inf


MAX_LENGTH = 200


MAX_NODES = 120


MAX_DEPTH = 24


MAX_NUMBER = 1e6


EXAMPLE = "for example u*log(u), -log(u), (sqrt(u) - 1)^2, abs(u - 1)/2"


CONSTANTS = {"pi": math.pi, "e": math.e}


OPERATORS: dict[type[ast.operator], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.Pow: "^",
}


#: name -> number of arguments
FUNCTIONS = {"log": 1, "ln": 1, "exp": 1, "sqrt": 1, "abs": 1, "max": 2, "min": 2}


_WORDS = f"u, numbers, pi, e, + - * / ^, {', '.join(f'{name}()' for name in FUNCTIONS)}"


_SPELLINGS = {"−": "-", "·": "*", "×": "*", "÷": "/", "²": "**2", "³": "**3", "^": "**"}


@dataclass(frozen=True)
class Node:
    """One operation of a formula: its name and its arguments; ``value`` for a number.

    ``op`` is one of ``u``, ``number``, ``neg``, ``+ - * / ^`` and the names in ``FUNCTIONS``.
    """

    op: str
    args: tuple[Node, ...] = ()
    value: float = 0.0

    def __call__(self, u: Tensor) -> Tensor:
        """The formula at u, (*) -> (*), in the dtype of u."""
        if self.op == "u":
            return u
        if self.op == "number":
            return torch.full_like(u, self.value)
        return _PLAIN[self.op](*(arg(u) for arg in self.args))

    def in_logs(self, l: Tensor) -> tuple[Tensor, Tensor]:
        """(sign, log|value|) of the formula at u = e^l, for l of any size, (*) -> 2 × (*)."""
        if self.op == "u":
            return torch.ones_like(l), l
        if self.op == "number":
            size = math.log(abs(self.value)) if self.value else -INF
            sign = float(self.value > 0) - float(self.value < 0)
            return torch.full_like(l, sign), torch.full_like(l, size)
        return _IN_LOGS[self.op](*(arg.in_logs(l) for arg in self.args))

    @property
    def size(self) -> int:
        """The number of operations, numbers and variables."""
        return 1 + sum(arg.size for arg in self.args)

    def latex(self, outer: int = 0) -> str:
        """The formula as LaTeX; ``outer`` is the precedence of the surrounding operation."""
        text, own = _latex(self)
        return rf"\left({text}\right)" if own < outer else text


Signed = tuple[Tensor, Tensor]


def _plain_log(x: Tensor) -> Tensor:
    return x.log()


_PLAIN: dict[str, Callable[..., Tensor]] = {
    "neg": lambda x: -x,
    "+": lambda x, y: x + y,
    "-": lambda x, y: x - y,
    "*": lambda x, y: x * y,
    "/": lambda x, y: x / y,
    "^": lambda x, y: x.pow(y),
    "log": _plain_log,
    "ln": _plain_log,
    "exp": lambda x: x.exp(),
    "sqrt": lambda x: x.sqrt(),
    "abs": lambda x: x.abs(),
    "max": torch.maximum,
    "min": torch.minimum,
}


def _nan(x: Tensor) -> Tensor:
    return torch.full_like(x, math.nan)


def _log_neg(x: Signed) -> Signed:
    return -x[0], x[1]


def _log_add(x: Signed, y: Signed) -> Signed:
    first = x[1] >= y[1]
    sign = torch.where(first, x[0], y[0])
    big, small = torch.maximum(x[1], y[1]), torch.minimum(x[1], y[1])
    gap = torch.where(small == -INF, small, small - big)  # at most 0
    same = x[0] * y[0] >= 0
    size = torch.where(same, torch.log1p(gap.exp()), torch.log(-torch.expm1(gap)))
    total = torch.where(big == -INF, big, big + size)
    return torch.where(total == -INF, torch.zeros_like(sign), sign), total


def _log_mul(x: Signed, y: Signed) -> Signed:
    return x[0] * y[0], x[1] + y[1]


def _log_div(x: Signed, y: Signed) -> Signed:
    return x[0] * y[0], torch.where(y[0] == 0, _nan(y[1]), x[1] - y[1])


def signed_value(x: Signed) -> Tensor:
    """The number with a given sign and log|value|."""
    return torch.where(x[0] == 0, torch.zeros_like(x[1]), x[0] * x[1].exp())


def _of_value(v: Tensor) -> Signed:
    return v.sign(), v.abs().log()


def _log_pow(x: Signed, y: Signed) -> Signed:
    power = signed_value(y)
    whole = (power - power.round()).abs() < 1e-12 * power.abs()  # a logarithm and back
    power = torch.where(whole, power.round(), power)
    odd = power.remainder(2.0) == 1.0
    sign = torch.where((x[0] < 0) & odd, -torch.ones_like(x[0]), x[0].abs())
    size = torch.where(power == 0, torch.zeros_like(power), power * x[1])
    size = torch.where((x[0] < 0) & ~whole, _nan(size), size)
    return torch.where(size == -INF, torch.zeros_like(sign), sign), size


def _log_log(x: Signed) -> Signed:
    return _of_value(torch.where(x[0] > 0, x[1], _nan(x[1])))


def _log_exp(x: Signed) -> Signed:
    return torch.ones_like(x[0]), signed_value(x)


def _log_sqrt(x: Signed) -> Signed:
    return x[0], torch.where(x[0] < 0, _nan(x[1]), x[1] / 2.0)


def _log_abs(x: Signed) -> Signed:
    return x[0].abs(), x[1]


def _pick(x: Signed, y: Signed, first: Tensor) -> Signed:
    return torch.where(first, x[0], y[0]), torch.where(first, x[1], y[1])


def _above(x: Signed, y: Signed) -> Tensor:
    """Whether x ≥ y."""
    both_plus, both_minus = (x[0] > 0) & (y[0] > 0), (x[0] < 0) & (y[0] < 0)
    by_sign = torch.where(both_minus, x[1] <= y[1], x[0] >= y[0])
    return torch.where(both_plus, x[1] >= y[1], by_sign)


_IN_LOGS: dict[str, Callable[..., Signed]] = {
    "neg": _log_neg,
    "+": _log_add,
    "-": lambda x, y: _log_add(x, _log_neg(y)),
    "*": _log_mul,
    "/": _log_div,
    "^": _log_pow,
    "log": _log_log,
    "ln": _log_log,
    "exp": _log_exp,
    "sqrt": _log_sqrt,
    "abs": _log_abs,
    "max": lambda x, y: _pick(x, y, _above(x, y)),
    "min": lambda x, y: _pick(x, y, ~_above(x, y)),
}


def _latex(node: Node) -> tuple[str, int]:
    """LaTeX and the precedence of its outermost operation (1 sum, 2 product, 3 power, 4 atom)."""
    if node.op == "u":
        return "u", 4
    if node.op == "number":
        for name, value in CONSTANTS.items():
            if node.value == value:
                return (r"\pi" if name == "pi" else "e"), 4
        return f"{node.value:.12g}", 4
    a = node.args
    if node.op == "neg":
        return f"-{a[0].latex(2)}", 1
    if node.op in "+-":
        return f"{a[0].latex(1)}{node.op}{a[1].latex(2)}", 1
    if node.op == "*":
        dot = r" \cdot " if a[1].op == "number" else r"\,"
        return f"{a[0].latex(2)}{dot}{a[1].latex(2)}", 2
    if node.op == "/":
        return rf"\frac{{{a[0].latex()}}}{{{a[1].latex()}}}", 3
    if node.op == "^":
        return f"{a[0].latex(4)}^{{{a[1].latex()}}}", 3
    if node.op == "sqrt":
        return rf"\sqrt{{{a[0].latex()}}}", 4
    if node.op == "abs":
        return rf"\left|{a[0].latex()}\right|", 4
    name = {"ln": "log"}.get(node.op, node.op)
    inside = ", ".join(arg.latex() for arg in a)
    return rf"\{name}\left({inside}\right)", 3


def parse(text: str) -> Node:
    """The tree of a formula in u.

    Args:
        text: numbers, u, pi, e, + - * / ^ (or **), parentheses, log, ln, exp, sqrt, abs, max, min;
            at most 200 characters.

    Raises:
        SpecError: for anything else; the message names the problem and what is allowed.

    Example:
        >>> parse("(sqrt(u) - 1)^2").latex()
        '\\\\left(\\\\sqrt{u}-1\\\\right)^{2}'
    """
    if not isinstance(text, str) or not text.strip():
        raise SpecError("formula", text, f"write f(u) as a formula in u, {EXAMPLE}")
    if len(text) > MAX_LENGTH:
        raise SpecError("formula", text[:40] + "...", f"at most {MAX_LENGTH} characters")
    source = text.strip()
    for spelling, python in _SPELLINGS.items():
        source = source.replace(spelling, python)
    strange = sorted(
        {c for c in source if not (c.isascii() and (c.isalnum() or c in "_ .+-*/(),"))}
    )
    if strange:
        raise SpecError("formula", text, f"{strange[0]!r} has no meaning here; allowed: {_WORDS}")
    try:
        tree = ast.parse(source, mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise SpecError(
            "formula",
            text,
            f"it cannot be parsed; look for a missing bracket or operator (2*u, not 2u), "
            f"{EXAMPLE}",
        ) from None
    node = _convert(tree.body, text, 0)
    if node.size > MAX_NODES:
        raise SpecError("formula", text, f"at most {MAX_NODES} operations, this has {node.size}")
    return node


def _convert(tree: ast.AST, text: str, depth: int) -> Node:
    if depth > MAX_DEPTH:
        raise SpecError("formula", text, f"nested more than {MAX_DEPTH} deep")
    if isinstance(tree, ast.Constant):
        return _number(tree.value, text)
    if isinstance(tree, ast.Name):
        if tree.id == "u":
            return Node("u")
        if tree.id in CONSTANTS:
            return Node("number", value=CONSTANTS[tree.id])
        raise SpecError("formula", text, f"{tree.id!r} is not known; allowed: {_WORDS}")
    if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.USub | ast.UAdd):
        inner = _convert(tree.operand, text, depth + 1)
        return Node("neg", (inner,)) if isinstance(tree.op, ast.USub) else inner
    if isinstance(tree, ast.BinOp) and type(tree.op) in OPERATORS:
        both = _convert(tree.left, text, depth + 1), _convert(tree.right, text, depth + 1)
        return Node(OPERATORS[type(tree.op)], both)
    if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name):
        name = tree.func.id
        if name not in FUNCTIONS:
            raise SpecError(
                "formula", text, f"the function {name!r} is not known; allowed: {_WORDS}"
            )
        if tree.keywords or len(tree.args) != FUNCTIONS[name]:
            raise SpecError("formula", text, f"{name} takes {FUNCTIONS[name]} argument(s)")
        return Node(name, tuple(_convert(arg, text, depth + 1) for arg in tree.args))
    raise SpecError("formula", text, f"only these may be used: {_WORDS}")


def _number(value: object, text: str) -> Node:
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > MAX_NUMBER:
        shown = str(value)[:20] if not isinstance(value, int) or abs(value) < 1e20 else "a number"
        raise SpecError(
            "formula", text, f"{shown} is not possible; numbers are real, at most {MAX_NUMBER:g}"
        )
    return Node("number", value=float(value))
