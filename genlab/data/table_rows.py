"""Examples as rows of the file that they came from: the one way out of the model's units.

The command line, the Python interface, the pages and the charts all call :func:`to_rows`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from genlab.data.base import DataMeta
from genlab.data.schema import NAMED, Column, bounds, decode, is_whole

#: Significant digits of a number in a file: what float64 holds for certain.
DIGITS = 15


@dataclass(frozen=True)
class TableRows:
    """Rows in the units and by the names of their file.

    Args:
        columns: of the file that are learned; of points without a file one a coordinate.
        values: (n, p) float64; of a column with categories their indices.
    """

    columns: tuple[Column, ...]
    values: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.values)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(column.name for column in self.columns)

    def cells(self) -> dict[str, list[Any]]:
        """The columns by name: categories by name, whole numbers as int, None where missing.

        Example:
            >>> size = Column("size", "count", whole=True)
            >>> TableRows((size,), np.array([[3.0], [np.nan]])).cells()
            {'size': [3, None]}
        """
        return {
            column.name: cells_of(column, self.values[:, k])
            for k, column in enumerate(self.columns)
        }

    def csv(self, same: Mapping[str, str] | None = None) -> str:
        """The rows as CSV with the header; a missing entry is an empty cell.

        Args:
            same: more columns by name, with the text that all of their cells hold.
        """
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        cells = self.cells() | {k: [v] * len(self) for k, v in (same or {}).items()}
        writer.writerow(cells)
        written = [[_text(cell) for cell in column] for column in cells.values()]
        writer.writerows(zip(*written, strict=True))
        return out.getvalue()

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What an npz holds: ``x`` (n, p), ``columns``, and the categories of each that has some.

        The entry ``categories/NAME`` lists the words that the indices of a column stand for.
        """
        result: dict[str, NDArray[Any]] = {"x": self.values, "columns": np.array(self.names)}
        for column in self.columns:
            if column.categories:
                result[f"categories/{column.name}"] = np.array(column.categories)
        return result


def cells_of(column: Column, values: NDArray[np.float64]) -> list[Any]:
    """The cells of one column: a word, an int, a float, or None where missing."""
    there = ~np.isnan(values)
    if column.categories and column.type in NAMED:
        words = column.categories
        return [words[int(v)] if ok else None for v, ok in zip(values, there, strict=True)]
    if is_whole(column):
        return [int(v) if ok else None for v, ok in zip(values.tolist(), there, strict=True)]
    return [v if ok else None for v, ok in zip(values.tolist(), there, strict=True)]


def _text(cell: Any) -> str:
    if cell is None:
        return ""
    return f"{cell:.{DIGITS}g}" if isinstance(cell, float) else str(cell)


def to_rows(meta: DataMeta, x: Tensor) -> TableRows:
    """Examples as a model sees them in the file's own units and names, in float64.

    v = shift + scale · x; the largest of a column's 0/1 entries is its category; whole numbers
    are rounded, and values outside of a column's bounds take the nearest bound.

    Args:
        meta: of the dataset.
        x: (n, *shape), points or rows of a table.

    Raises:
        ValueError: for images, which are not rows.

    Example:
        >>> import torch
        >>> column = Column("age", "count", whole=True)
        >>> meta = DataMeta((1,), "real", shift=(40.0,), scale=(10.0,), schema=(column,))
        >>> to_rows(meta, torch.tensor([[0.52], [-5.0]])).cells()
        {'age': [45, 0]}
    """
    if meta.is_image:
        raise ValueError("images are no rows of a table")
    flat = meta.original(x).detach().cpu().double().numpy().reshape(len(x), -1)
    if not meta.schema:
        names = meta.columns or tuple(meta.axis(k) for k in range(meta.dim))
        return TableRows(tuple(Column(name) for name in names), flat)
    rows = decode(flat, meta.schema)
    for k, column in enumerate(meta.schema):
        rows[:, k] = within(column, rows[:, k])
    return TableRows(meta.schema, rows)


def within(column: Column, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values that the column may have: rounded if the column is whole, and within its bounds.

    Example:
        >>> within(Column("share", "bounded", low=0.1, high=0.9), np.array([0.5, 1.2])).tolist()
        [0.5, 1.0]
    """
    if column.type == "binary" and not column.categories:
        return np.where(values > 0.5 * (column.low + column.high), column.high, column.low)
    if is_whole(column):
        values = np.rint(values)
    low, high = bounds(column)
    return values.clip(low, high)
