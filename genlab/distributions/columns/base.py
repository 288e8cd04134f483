"""The interface of a column's likelihood, and the choice of a likelihood for each column.

Log-probabilities are in the unit of the file: densities of continuous columns and probabilities of
discrete columns. A model sees each column standardised, v = shift + scale x, or log(v + c) = shift
+ scale x, so that a density has the terms −log(scale) and, after a logarithm, −log(v + c).
"""

from __future__ import annotations

import abc
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from genlab.core.errors import SpecError
from genlab.core.registry import Registry
from genlab.data.base import DataMeta
from genlab.data.schema import NAMED, Column, bounds, spans

#: How far the log of a mean may lie outside the range of the training values, in nats.
MARGIN = 0.2

COLUMN_LIKELIHOODS: Registry[type[ColumnLikelihood]] = Registry(
    "likelihood of a column", "genlab.distributions.columns"
)


@dataclass(frozen=True)
class Part:
    """A column and its entries in an encoded example.

    Args:
        column: as stored.
        first, last: the slice of its entries.
        shift, scale: of its first entry.
        log: the offset of its logarithm; -1 for none.
        standardised: whether shift and scale are those of the training part.
    """

    column: Column
    first: int
    last: int
    shift: float = 0.0
    scale: float = 1.0
    log: float = -1.0
    standardised: bool = True

    @property
    def levels(self) -> int:
        """How many values a column with categories, or with the steps of a scale, has."""
        low, high = bounds(self.column)
        return round(high - low) + 1


def log_range(part: Part, offset: float = 0.0) -> tuple[float, float]:
    """The logs of the smallest and the largest training value; infinite if unknown.

    A decoder extrapolates at unlikely codes, and its exponential could exceed every training value
    by far.
    """
    low, high = part.column.low, part.column.high
    if not high > low or high <= 0:
        return -math.inf, math.inf
    least = max(low, 2 * offset) or 0.05
    return math.log(least) - MARGIN, math.log(high) + MARGIN


def parts_of(meta: DataMeta) -> tuple[Part, ...]:
    """The columns of a table with their entries and units."""
    d = meta.dim
    shift, scale = meta.shift or (0.0,) * d, meta.scale or (1.0,) * d
    logs = meta.logs or (-1.0,) * d
    return tuple(
        Part(column, a, b, shift[a], scale[a], logs[a], bool(meta.scale))
        for column, (a, b) in zip(meta.schema, spans(meta.schema), strict=True)
    )


class ColumnLikelihood(nn.Module, abc.ABC):
    """One likelihood, evaluated for all columns of a table that use it.

    Args:
        parts: k columns. The entries x of a batch are (..., w) with w the sum of their widths,
            the outputs h of a net (..., o) with o = ``self.size``.
    """

    name: ClassVar[str]
    #: Likelihoods are tried in this order; the first that fits the column is proposed.
    order: ClassVar[int] = 50
    #: Outputs of the decoder for each column with one entry.
    outputs: ClassVar[int] = 2
    #: Outputs of a generator for each column with one entry.
    generator_outputs: ClassVar[int] = 1
    shift: Tensor
    scale: Tensor

    def __init__(self, parts: Sequence[Part]) -> None:
        super().__init__()
        self.parts = tuple(parts)
        self.widths = [part.last - part.first for part in parts]
        self._numbers("shift", [part.shift for part in parts])
        self._numbers("scale", [part.scale for part in parts])

    def _numbers(self, name: str, values: Sequence[float]) -> None:
        """Constants that move with the model to its device and are not trained."""
        made = torch.tensor(values, dtype=torch.get_default_dtype())
        self.register_buffer(name, made, persistent=False)

    @property
    def size(self) -> int:
        """The number of decoder outputs that its columns read."""
        return self.outputs * len(self.parts)

    @property
    def generator_size(self) -> int:
        """The number of generator outputs that its columns read."""
        return self.generator_outputs * len(self.parts)

    def split(self, h: Tensor) -> list[Tensor]:
        """Outputs (..., outputs * k) as ``outputs`` tensors (..., k)."""
        return list(h.unflatten(-1, (-1, len(self.parts))).unbind(-2))

    def value(self, x: Tensor) -> Tensor:
        """Entries in the unit of the file; a logarithm is not undone."""
        return self.shift + self.scale * x

    def entry(self, v: Tensor) -> Tensor:
        """Values in the unit of the file as entries; undoes :meth:`value`."""
        return (v - self.shift) / self.scale

    @classmethod
    @abc.abstractmethod
    def incompatibility(cls, part: Part) -> str | None:
        """None if a column can have it, else the reason why not."""

    @classmethod
    @abc.abstractmethod
    def reason(cls, column: Column) -> str | None:
        """One sentence on why it is proposed for a column; None if it is not proposed."""

    @abc.abstractmethod
    def log_prob(self, h: Tensor, x: Tensor) -> Tensor:
        """log p of each column in nats and in the unit of the file, (..., k).

        Args:
            h: outputs of the net, (..., o).
            x: entries, none missing, (..., w).
        """

    @abc.abstractmethod
    def sample(self, h: Tensor) -> Tensor:
        """Draws as entries, (..., o) -> (..., w)."""

    @abc.abstractmethod
    def mean(self, h: Tensor) -> Tensor:
        """Means as entries, (..., o) -> (..., w)."""

    @abc.abstractmethod
    def generate(self, h: Tensor) -> Tensor:
        """Entries of valid values, with a gradient, (..., generator_size) -> (..., w).

        Discrete values use the straight-through estimator: the value is discrete, and its gradient
        is that of the continuous value before rounding.
        """


def straight_through(hard: Tensor, soft: Tensor) -> Tensor:
    """The value of ``value`` with the gradient of ``soft``.

    Source: Bengio, Léonard and Courville 2013, "Estimating or propagating gradients through
    stochastic neurons".

    Example:
        >>> x = torch.tensor(0.6, requires_grad=True)
        >>> y = straight_through(x.round(), x)
        >>> y.backward()
        >>> y.item(), x.grad.item()
        (1.0, 1.0)
    """
    return soft + (hard - soft).detach()


def soft_clamp(y: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """A smooth clamp of y to its bounds: y − s(y − high) + s(low − y).

    s(t) = log(1 + e^{5t})/5. An infinite bound has no effect.

    Example:
        >>> ends = torch.tensor(-1.0), torch.tensor(2.0)
        >>> [round(float(soft_clamp(torch.tensor(y), *ends)), 3) for y in (-50.0, 0.5, 50.0)]
        [-1.0, 0.5, 2.0]
    """
    return y - softplus(y - high, beta=5) + softplus(low - y, beta=5)


def is_named(column: Column) -> bool:
    """Whether the values of a column are indices of categories."""
    return column.type in NAMED and bool(column.categories)


def choose(part: Part) -> tuple[str, str]:
    """The likelihood proposed for a column, and the reason in one sentence.

    Example:
        >>> choose(Part(Column("smoker", "binary", categories=("no", "yes")), 0, 1))
        ('bernoulli', 'It has two values.')
    """
    rows = sorted(COLUMN_LIKELIHOODS.rows(), key=lambda row: row.value.order)
    for row in rows:
        why = row.value.reason(part.column)
        if why is not None and row.value.incompatibility(part) is None:
            return row.name, why
    return "gaussian", "Real numbers."


def read_choices(text: str) -> dict[str, str]:
    """Parse the likelihoods that a user chose for single columns, by column name.

    Raises:
        SpecError: for an unknown likelihood.

    Example:
        >>> read_choices("age=poisson, city = categorical")
        {'age': 'poisson', 'city': 'categorical'}
    """
    found: dict[str, str] = {}
    for pair in filter(None, (word.strip() for word in text.split(","))):
        name, sign, row = (word.strip() for word in pair.rpartition("="))
        if not sign or row not in COLUMN_LIKELIHOODS:
            raise SpecError(
                "column_likelihoods",
                pair,
                "allowed: NAME=LIKELIHOOD, separated by commas; likelihoods: "
                + ", ".join(COLUMN_LIKELIHOODS.names()),
            )
        found[name] = row
    return found


def chosen_rows(meta: DataMeta, text: str = "") -> list[tuple[Part, str, str]]:
    """Each column with its likelihood and the reason.

    Args:
        meta: of a table.
        text: what the user chose instead, see :func:`read_choices`.

    Raises:
        SpecError: for an unknown column, or a likelihood that does not support the column.
    """
    given, made = read_choices(text), []
    names = {column.name for column in meta.schema}
    unknown = sorted(set(given) - names)
    if unknown:
        raise SpecError("column_likelihoods", unknown[0], f"columns: {', '.join(sorted(names))}")
    for part in parts_of(meta):
        row, why = choose(part)
        if part.column.name in given:
            row, why = given[part.column.name], "You chose it."
            wrong = COLUMN_LIKELIHOODS[row].incompatibility(part)
            if wrong is not None:
                raise SpecError(
                    "column_likelihoods", f"{part.column.name}={row}", f"not possible: {wrong}"
                )
        made.append((part, row, why))
    return made


def constants(values: Sequence[float], like: Tensor) -> Any:
    """Constants with the dtype and device of a tensor."""
    return torch.tensor(values, dtype=like.dtype, device=like.device)
