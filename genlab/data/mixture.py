"""Mixtures written as text: ``0.67*N(2,2)+0.33*N(-1,0.065)``."""

from __future__ import annotations

import re
from typing import Any, NoReturn

import torch

from genlab.core.errors import SpecError
from genlab.data.densities import GaussianMixture

MAX_LENGTH, MAX_COMPONENTS, MAX_VALUE = 2000, 50, 1e6
_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|(?P<mark>[-+*(),\[\]N]))"
)
FORM = (
    "terms such as 0.5*N(2, 0.25) joined by +, where N(mean, variance) is for the line and "
    "N([x, y], v), N([x, y], [v, w]) or N([x, y], [[v, c], [c, w]]) for the plane"
)
Value = float | list[Any]


class _Reader:
    """Reads one mixture from left to right."""

    def __init__(self, text: str, option: str) -> None:
        self.text, self.option = text, option
        if len(text) > MAX_LENGTH:
            raise SpecError(option, text[:40] + "...", f"at most {MAX_LENGTH} characters")
        self.tokens: list[tuple[str, int]] = []
        position, end = 0, len(text.rstrip())
        while position < end:
            found = _TOKEN.match(text, position)
            if found is None:
                self._refuse("cannot be read", position)
            self.tokens.append((found.group().strip(), position))
            position = found.end()
        self.at = 0

    def _refuse(self, why: str, position: int | None = None) -> NoReturn:
        if position is None:
            position = self.tokens[self.at][1] if self.at < len(self.tokens) else len(self.text)
        rest = self.text[position:].strip()[:20]
        where = f"at {rest!r}" if rest else "at its end"
        raise SpecError(self.option, self.text, f"the text {why} {where}; allowed: {FORM}")

    def _peek(self) -> str:
        return self.tokens[self.at][0] if self.at < len(self.tokens) else ""

    def _take(self, mark: str) -> bool:
        if self._peek() != mark:
            return False
        self.at += 1
        return True

    def _need(self, mark: str) -> None:
        if not self._take(mark):
            self._refuse(f"lacks {mark!r}")

    def number(self) -> float:
        sign = -1.0 if self._take("-") else 1.0
        token = self._peek()
        if not token or not (token[0].isdigit() or token[0] == "."):
            self._refuse("lacks a number")
        value = sign * float(token)
        if abs(value) > MAX_VALUE:
            self._refuse(f"has a number beyond {MAX_VALUE:g}")
        self.at += 1
        return value

    def value(self, depth: int = 0) -> Value:
        for left, right in (("[", "]"), ("(", ")")):
            if self._peek() == left:
                if depth == 2:
                    self._refuse("has too many brackets")
                self.at += 1
                items = [self.value(depth + 1)]
                while self._take(","):
                    items.append(self.value(depth + 1))
                self._need(right)
                return items
        return self.number()

    def term(self) -> tuple[float, Value, Value]:
        weight = 1.0
        if self._peek() != "N":
            weight = self.number()
            self._need("*")
        self._need("N")
        self._need("(")
        mean = self.value()
        self._need(",")
        variance = self.value()
        self._need(")")
        return weight, mean, variance

    def terms(self) -> list[tuple[float, Value, Value]]:
        found = [self.term()]
        while self._take("+"):
            found.append(self.term())
            if len(found) > MAX_COMPONENTS:
                self._refuse(f"has more than {MAX_COMPONENTS} terms")
        if self.at < len(self.tokens):
            self._refuse("goes on")
        return found


def parse(text: str, option: str = "components") -> GaussianMixture:
    """Read a mixture of Gaussians on the line or in the plane from text.

    The second argument of ``N`` is a variance, as is usual in formulas; in the plane it is one
    number, two (a diagonal) or a 2 by 2 matrix. Weights are rescaled to sum to one; a term
    without a weight has weight one.

    Args:
        text: the mixture.
        option: the name of the option, for the message.

    Raises:
        SpecError: if the text cannot be read or describes no mixture; the message says where.

    Example:
        >>> distribution = parse("0.67*N(2,2) + 0.33*N(-1,0.065)")
        >>> distribution.weights.tolist(), distribution.means.flatten().tolist()
        ([0.67, 0.33], [2.0, -1.0])
        >>> parse("N([0,0],1) + N([3,1],[[1,0.5],[0.5,1]])").means.shape
        torch.Size([2, 2])
    """
    terms = _Reader(text, option).terms()
    sizes = {len(mean) if isinstance(mean, list) else 1 for _, mean, _ in terms}
    if len(sizes) > 1 or sizes - {1, 2}:
        raise SpecError(option, text, f"every mean must have one entry, or every one two; {FORM}")
    d = sizes.pop()
    try:
        weights = torch.tensor([weight for weight, _, _ in terms], dtype=torch.float64)
        means = torch.tensor([_row(mean, d) for _, mean, _ in terms], dtype=torch.float64)
        covariances = torch.stack([_matrix(variance, d) for _, _, variance in terms])
        return GaussianMixture(weights, means, covariances)
    except (ValueError, TypeError) as error:
        raise SpecError(option, text, f"{error}; allowed: {FORM}") from None


def _row(value: Value, d: int) -> list[float]:
    row = value if isinstance(value, list) else [value]
    if len(row) != d or any(isinstance(entry, list) for entry in row):
        raise ValueError(f"a mean must be {d} number{'s' if d > 1 else ''}")
    return row


def _matrix(value: Value, d: int) -> torch.Tensor:
    if not isinstance(value, list):
        matrix = torch.eye(d, dtype=torch.float64) * value
    elif not any(isinstance(entry, list) for entry in value) and len(value) == d:
        matrix = torch.diag(torch.tensor(value, dtype=torch.float64))
    elif len(value) == d and all(isinstance(row, list) and len(row) == d for row in value):
        matrix = torch.tensor(value, dtype=torch.float64)
    else:
        raise ValueError(f"a variance must be a number, {d} numbers or a {d} by {d} matrix")
    if not torch.equal(matrix, matrix.T):
        raise ValueError("a covariance matrix must be symmetric")
    if not bool((torch.diagonal(matrix) >= 1e-6).all()):
        raise ValueError("every variance must be positive, at least 1e-06")
    return matrix
