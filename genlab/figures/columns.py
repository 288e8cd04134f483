"""Columns of a table at a glance: range, mean, spread and a histogram of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

BINS = 24


def columns_info(x: ArrayLike, names: Sequence[str], bins: int = BINS) -> dict[str, list[Any]]:
    """Statistics of each column, by name.

    Args:
        x: (n, d); entries that are missing (NaN) do not count.
        names: of the columns, d of them.
        bins: of a histogram: equal parts of the column's range, each with its count.

    Example:
        >>> info = columns_info([[0.0], [1.0], [1.0], [2.0]], ["a"], bins=2)
        >>> info["histogram"], info["mean"], info["min"], info["values"]
        ([[1, 3]], [1.0], [0.0], [3])
    """
    values = np.asarray(x, dtype=np.float64)
    there = [column[np.isfinite(column)] for column in values.T]
    return {
        "column": list(names),
        "histogram": [np.histogram(column, bins)[0].tolist() for column in there],
        "min": [float(column.min()) for column in there],
        "mean": [float(column.mean()) for column in there],
        "max": [float(column.max()) for column in there],
        "std": [float(column.std()) for column in there],
        "values": [len(np.unique(column)) for column in there],
    }
