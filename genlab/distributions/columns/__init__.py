"""Likelihoods of single columns, registered in one table; each has its own file."""

from __future__ import annotations

from genlab.distributions.columns.base import (
    COLUMN_LIKELIHOODS,
    ColumnLikelihood,
    Part,
    choose,
    chosen_rows,
    parts_of,
    read_choices,
)

__all__ = [
    "COLUMN_LIKELIHOODS",
    "ColumnLikelihood",
    "Part",
    "choose",
    "chosen_rows",
    "parts_of",
    "read_choices",
]
