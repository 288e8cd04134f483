"""What was found in a table: decisions, questions, and each column before and after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genlab.data.readers.base import count_noun
from genlab.data.readers.columns import Cells
from genlab.data.readers.dialect import Decision
from genlab.data.schema import Column

#: Values shown of a column, before and after.
SHOWN = 5


@dataclass(frozen=True)
class ColumnReading:
    """One column: its detected type and the treatment of its cells.

    Args:
        column: name, type, role, reason.
        before: five cells as the file has them.
        after: the same cells as they were read.
        missing: entries that are missing.
        unread: cells that are not values of this type; they count as missing.
        first_unread: the first of them, with its row.
        how: decimal and thousands signs, or the order of the categories.
        warning: the warnings; empty if nothing.
    """

    column: Column
    before: tuple[str, ...]
    after: tuple[str, ...]
    missing: int = 0
    unread: int = 0
    first_unread: str = ""
    how: str = ""
    warning: str = ""


@dataclass(frozen=True)
class TableReading:
    """How a table was read.

    Args:
        rows: rows of the table, without names and units.
        decisions: about its form.
        columns: all columns of the file.
    """

    rows: int
    decisions: tuple[Decision, ...]
    columns: tuple[ColumnReading, ...]

    @property
    def questions(self) -> tuple[Decision, ...]:
        """What cannot be decided from the file, and must be answered before it is stored."""
        return tuple(d for d in self.decisions if d.question)


def describe_column(column: Column, cells: Cells, after: NDArray[np.float64]) -> ColumnReading:
    """A column as the preview shows it."""
    before = tuple(cells.written.values())
    made = tuple(_value(column, cells, float(after[k])) for k in cells.written)
    how = cells.signs.words if cells.is_number and not cells.is_date else ""
    return ColumnReading(
        column, before, made, cells.missing, cells.unread, cells.first, how, cells.warning
    )


def _value(column: Column, cells: Cells, value: float) -> str:
    if not np.isfinite(value):
        return "missing"
    if cells.words and not cells.is_number and column.type != "date":
        return cells.words[int(value)]
    return f"{value:.15g}"


def join_words(names: Sequence[str]) -> str:
    """Up to eight names.

    Example:
        >>> join_words(["a", "b"])
        "'a', 'b'"
    """
    more = f" and {len(names) - 8:,} more" if len(names) > 8 else ""
    return ", ".join(map(repr, names[:8])) + more


def sentences(columns: Sequence[ColumnReading]) -> list[str]:
    """What was left out, not read or doubtful, in sentences."""
    notes: list[str] = []
    groups: dict[str, list[str]] = {}
    for one in columns:
        column = one.column
        if column.role == "feature" and column.categories:
            groups.setdefault("Learned as categories", []).append(column.name)
        if column.role in ("feature", "class"):
            continue
        word = {
            "constant": "Left out, since they are constant",
            "id": "Left out, since they only name or number the rows",
            "date": "Left out, since they are dates (a choice: role feature makes them days)",
        }.get(column.type, "Left out")
        if column.missing > 0.5 and column.why.endswith(("empty.",)) is False:
            word = "Left out, since more than half of their values are missing"
        if "You chose" in column.why:
            word = "Left out, as you chose"
        groups.setdefault(word, []).append(column.name)
    notes += [f"{word}: {join_words(names)}." for word, names in groups.items()]
    for one in columns:
        learned = one.column.role in ("feature", "class")
        if one.unread and learned:
            notes.append(
                f"{count_noun(one.unread, 'cell')} of {one.column.name!r} not read, counted as "
                f"missing; the first: {one.first_unread}."
            )
        # An id may be one by mistake.
        if one.warning and (learned or one.column.type == "id"):
            notes.append(f"Look at {one.column.name!r}: {one.warning}")
    return notes
