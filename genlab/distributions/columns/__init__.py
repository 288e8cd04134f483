"""Likelihoods of single columns of a table, as rows of one table: a new one is a new file."""

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
