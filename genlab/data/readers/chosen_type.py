"""The type that the user chose for a column, held against what the column holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from genlab.data.readers import dates, numbers
from genlab.data.readers.ladders import ordinal_scale
from genlab.data.schema import Column

if TYPE_CHECKING:
    from genlab.data.readers.columns import Cells

#: Values of a column of categories, and steps of a scale, that are learned at most.
MOST = {"binary": 2, "categorical": 100, "ordinal": 100}
#: Types whose values are numbers, as words may be taken for.
OF_NUMBERS = ("numeric", "positive", "count", "bounded", "date")
#: Words by which the order of day and month is judged.
JUDGED = 2000


def with_type(
    column: Column, wanted: str, words: Sequence[str], is_number: bool, kinds: NDArray[np.float64]
) -> Column:
    """The column with the type that the user chose, or as it was where it has too many values.

    Args:
        column: as it was judged.
        wanted: type.
        words: of the column, by index.
        is_number: whether its values are numbers, not indices of words.
        kinds: its distinct values.

    Example:
        >>> red = Column("a", "id", "id")
        >>> with_type(red, "binary", ["x", "y", "z"], False, np.arange(3.0)).why
        'The type binary has at most 2 values; this column has 3, so that its type was kept.'
    """
    if len(kinds) > MOST.get(wanted, len(kinds)):
        why = (
            f"The type {wanted} has at most {MOST[wanted]} values; this column has "
            f"{len(kinds):,}, so that its type was kept."
        )
        return replace(column, why=f"{why} {column.why}".strip())
    why = "You chose the type."
    if wanted == "ordinal" and not is_number and is_alphabetical(words):
        why += (
            " No order of its words is known, so that they have that of the alphabet: "
            f"{', '.join(words[:5])}. Numbers at their beginning give another (1 - {words[0]})."
        )
    made = replace(column, type=wanted, why=why)
    if wanted in MOST and not is_number:
        made = replace(made, categories=tuple(words))
    if wanted == "ordinal" and is_number and not _are_steps(kinds):
        # Steps that are no whole numbers near each other have names, in their order.
        made = replace(made, categories=tuple(f"{v:.15g}" for v in kinds))
    if wanted in ("id", "constant"):
        return replace(made, role="id" if wanted == "id" else "leave out")
    return replace(made, role="feature") if made.role in ("leave out", "id") else made


def is_alphabetical(words: Sequence[str]) -> bool:
    """Whether words that are taken for steps have no known order but that of the alphabet.

    Example:
        >>> is_alphabetical(["low", "high"]), is_alphabetical(["red", "blue"])
        (False, True)
    """
    return bool(words) and ordinal_scale(words) is None


def _are_steps(kinds: NDArray[np.float64]) -> bool:
    whole = bool((kinds == np.rint(kinds)).all())
    return whole and (not len(kinds) or float(kinds[-1] - kinds[0]) <= MOST["ordinal"])


def as_type(column: Column, cells: Cells, rows: NDArray[np.int64]) -> tuple[Column, Cells]:
    """A learned column with the values that its type has; cells without one count as not read.

    Args:
        column: with its type.
        cells: its values: numbers, or indices of words that may be numbers or dates.
        rows: their numbers in the file.
    """
    if not cells.is_number:
        if column.type not in OF_NUMBERS:
            return column, cells
        shown = [repr(word) for word in cells.words]
        column, cells = _with_values(column, cells, numbers_of_words(cells), rows, shown)
        column, cells = replace(column, categories=()), replace(cells, words=(), is_number=True)
    values = cells.values
    if column.type == "ordinal" and column.categories:
        steps = np.unique(values[np.isfinite(values)])
        places = np.where(np.isfinite(values), np.searchsorted(steps, values), np.nan)
        return column, replace(cells, values=places, words=column.categories, is_number=False)
    if column.type == "date" and not cells.is_date:
        column, cells = _with_values(column, cells, dates.compact_days(values), rows)
        return column, replace(cells, is_date=True)
    if column.type == "count":
        valid = (values >= 0) & (values == np.rint(values))
        return _with_values(column, cells, np.where(valid, values, np.nan), rows)
    if column.type == "positive":
        return _with_values(column, cells, np.where(values >= 0, values, np.nan), rows)
    return column, cells


def numbers_of_words(cells: Cells) -> NDArray[np.float64]:
    """The number or the day that each cell is, (n,); NaN for a word that is neither."""
    few = cells.words[:: max(1, len(cells.words) // JUDGED)]
    month_first = dates.month_first(few) is not False
    known = [np.nan]
    for word in cells.words:
        value = numbers.parse_number(word, cells.signs)
        known.append(dates.days(word, month_first) if value is None else value)
    index = np.where(np.isfinite(cells.values), cells.values + 1, 0).astype(int)
    return np.array(known)[index]


def _with_values(
    column: Column,
    cells: Cells,
    made: NDArray[np.float64],
    rows: NDArray[np.int64],
    words: Sequence[str] = (),
) -> tuple[Column, Cells]:
    """The column with new values, its range, and the cells that have none any more counted.

    Args:
        column: with its type.
        cells: its values before.
        made: its values now; NaN where there is none.
        rows: their numbers in the file.
        words: what the values before mean, by index; empty where they are numbers.
    """
    values = cells.values
    wrong = np.isfinite(values) & ~np.isfinite(made)
    there = made[np.isfinite(made)]
    first = cells.first
    if wrong.any() and not first:
        at = int(wrong.argmax())
        cell = words[int(values[at])] if words else f"'{values[at]:.15g}'"
        first = f"row {rows[at]:,}: {cell}"
    cells = replace(cells, values=made, unread=cells.unread + int(wrong.sum()), first=first)
    column = replace(
        column,
        missing=1.0 - len(there) / max(1, len(made)),
        low=float(there.min()) if len(there) else 0.0,
        high=float(there.max()) if len(there) else 0.0,
        whole=bool(len(there)) and bool((there == np.rint(there)).all()),
        zeros=float((there == 0).mean()) if len(there) else 0.0,
    )
    return column, cells
