"""Columns of a table: type, role and categories of each, and their encoding as real entries."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

Type = Literal[
    "numeric",
    "positive",
    "bounded",
    "count",
    "binary",
    "categorical",
    "ordinal",
    "date",
    "id",
    "constant",
]
Role = Literal["feature", "class", "id", "leave out"]
TYPES: tuple[str, ...] = get_args(Type)
ROLES: tuple[str, ...] = get_args(Role)
#: Types whose values are indices of named categories.
NAMED = ("binary", "categorical", "ordinal")


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Args:
        name: as the file has it, made harmless.
        type: what its values are.
        role: ``feature`` (learned), ``class`` (the label), ``id`` or ``leave out``.
        why: the reason for type and role, one sentence.
        unit: of its values, from a row of units or a sign in every cell; empty if none.
        categories: of a binary, categorical or ordinal column: the names, by index.
        low, high: the smallest and the largest value seen, in the file's unit.
        whole: whether all values are whole numbers.
        zeros: the share of values that are exactly 0, of a count or a positive column.
        missing: the share of missing entries.
        dispersion: variance by mean of a column of counts; 0 if not known.

    Example:
        >>> Column("city", "categorical", categories=("Bonn", "Oslo", "Rome")).entries
        ('city = Bonn', 'city = Oslo', 'city = Rome')
    """

    name: str
    type: str = "numeric"
    role: str = "feature"
    why: str = ""
    unit: str = ""
    categories: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 0.0
    whole: bool = False
    zeros: float = 0.0
    missing: float = 0.0
    dispersion: float = 0.0

    @property
    def indicators(self) -> bool:
        """Whether it is encoded as one 0/1 entry a category."""
        return self.type == "categorical" and len(self.categories) > 2

    @property
    def entries(self) -> tuple[str, ...]:
        """The names of its entries in an encoded example."""
        if self.indicators:
            return tuple(f"{self.name} = {word}" for word in self.categories)
        return (self.name,)

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Column:
        """A column from its JSON; keys that an older version lacks take their defaults.

        Raises:
            ValueError: for a key, a type or a role that there is not.
        """
        known = {entry.name for entry in fields(cls)}
        if not set(values) <= known:
            raise ValueError(f"unknown keys {sorted(set(values) - known)}")
        column = cls(**{**values, "categories": tuple(values.get("categories", ()))})
        if column.type not in TYPES or column.role not in ROLES:
            raise ValueError(f"{column.type} {column.role}")
        return column

    def flat(self) -> dict[str, Any]:
        """As JSON."""
        return {**asdict(self), "categories": list(self.categories)}


def is_whole(column: Column) -> bool:
    """Whether a column holds whole numbers alone."""
    return column.whole or column.type == "count"


def bounds(column: Column) -> tuple[float, float]:
    """The smallest and the largest value that a column may have; infinite without a bound.

    A bounded column has the bounds of a share or a percentage where its values lie within
    these, else the extremes that were seen.

    Example:
        >>> bounds(Column("share", "bounded", low=0.2, high=0.7)), bounds(Column("n", "count"))
        ((0.0, 1.0), (0.0, inf))
    """
    low, high = column.low, column.high
    if column.type in NAMED and column.categories:
        return 0.0, len(column.categories) - 1.0
    if column.type == "bounded":
        for top in (1.0, 100.0):
            if low >= 0 and high <= top:
                return 0.0, top
        return low, high
    if column.type in {"ordinal", "binary"}:
        return low, high
    if column.type in {"count", "positive"} and low >= 0:
        return 0.0, math.inf
    return -math.inf, math.inf


def entries(columns: Sequence[Column]) -> tuple[str, ...]:
    """The names of the entries of encoded examples."""
    return tuple(name for column in columns for name in column.entries)


def spans(columns: Sequence[Column]) -> tuple[tuple[int, int], ...]:
    """For each column the slice of an encoded example that holds it.

    Example:
        >>> spans([Column("a"), Column("b", "categorical", categories=("x", "y", "z"))])
        ((0, 1), (1, 4))
    """
    found, at = [], 0
    for column in columns:
        found.append((at, at + len(column.entries)))
        at += len(column.entries)
    return tuple(found)


def encode(raw: NDArray[np.float64], columns: Sequence[Column]) -> NDArray[np.float64]:
    """Rows as real entries: one 0/1 entry a category, other columns as they are; NaN stays.

    Args:
        raw: (n, p), values, or indices of categories; NaN where missing.
        columns: p of them.

    Returns:
        (n, d) with d the number of :func:`entries`.

    Example:
        >>> encode(np.array([[1.5, 2.0]]),
        ...        [Column("a"), Column("b", "categorical", categories=("x", "y", "z"))]).tolist()
        [[1.5, 0.0, 0.0, 1.0]]
    """
    parts = []
    for column, values in zip(columns, raw.T, strict=True):
        if not column.indicators:
            parts.append(values[:, None])
            continue
        levels = np.arange(len(column.categories))
        hot = (values[:, None] == levels).astype(np.float64)
        hot[np.isnan(values)] = np.nan
        parts.append(hot)
    return np.concatenate(parts, axis=1) if parts else np.zeros((len(raw), 0))


def decode(x: NDArray[Any], columns: Sequence[Column]) -> NDArray[np.float64]:
    """The rows that encoded entries mean: the largest of a column's 0/1 entries is its category.

    Args:
        x: (n, d) in the file's unit.
        columns: p of them.

    Returns:
        (n, p) float64; indices of categories are whole and within range, other columns as they
        are.

    Example:
        >>> decode(np.array([[1.5, 0.1, 0.2, 0.7]]),
        ...        [Column("a"), Column("b", "categorical", categories=("x", "y", "z"))]).tolist()
        [[1.5, 2.0]]
    """
    x = np.asarray(x, dtype=np.float64)
    raw = np.empty((len(x), len(columns)))
    for k, (column, (first, last)) in enumerate(zip(columns, spans(columns), strict=True)):
        if column.indicators:
            raw[:, k] = x[:, first:last].argmax(axis=1)
        elif column.type in NAMED and column.categories:
            raw[:, k] = np.rint(x[:, first]).clip(0, len(column.categories) - 1)
        else:
            raw[:, k] = x[:, first]
    return raw


def common(raw: NDArray[np.float64], columns: Sequence[Column]) -> NDArray[np.float64]:
    """The value that replaces a missing entry of each column: its mean, or its commonest category.

    Args:
        raw: (n, p), NaN where missing: the training part alone.
        columns: p of them.

    Returns:
        (p,); 0 for a column without any value.
    """
    found = np.zeros(len(columns))
    for k, (column, values) in enumerate(zip(columns, raw.T, strict=True)):
        there = values[~np.isnan(values)]
        if not len(there):
            continue
        if column.type in NAMED:
            kinds, sizes = np.unique(there, return_counts=True)
            found[k] = kinds[sizes.argmax()]
        else:
            found[k] = there.mean()
    return found
