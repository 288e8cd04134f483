"""The type that the user chose for a column, held against what the column holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from genlab.data.readers import dates
from genlab.data.readers.ladders import ordinal_scale
from genlab.data.schema import Column

if TYPE_CHECKING:
    from genlab.data.readers.columns import Cells

#: Values of a column of categories, and steps of a scale, that are learned at most.
MOST = {"binary": 2, "categorical": 100, "ordinal": 100}


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
    if wanted == "ordinal" and words and not is_number and ordinal_scale(words) is None:
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


def _are_steps(kinds: NDArray[np.float64]) -> bool:
    whole = bool((kinds == np.rint(kinds)).all())
    return whole and (not len(kinds) or float(kinds[-1] - kinds[0]) <= MOST["ordinal"])


def only_valid(column: Column, cells: Cells, rows: NDArray[np.int64]) -> tuple[Column, Cells]:
    """A column of numbers without those that its type excludes, which are counted as not read.

    Args:
        column: with its type.
        cells: its values.
        rows: their numbers in the file.
    """
    values = cells.values
    if column.type == "ordinal" and column.categories:
        steps = np.unique(values[np.isfinite(values)])
        places = np.where(np.isfinite(values), np.searchsorted(steps, values), np.nan)
        return column, replace(cells, values=places, words=column.categories, is_number=False)
    if column.type == "date" and not cells.is_date:
        made = dates.compact_days(values)
    elif column.type == "count":
        made = np.where((values >= 0) & (values == np.rint(values)), values, np.nan)
    elif column.type == "positive":
        made = np.where(values >= 0, values, np.nan)
    else:
        return column, cells
    wrong = np.isfinite(values) & ~np.isfinite(made)
    there = made[np.isfinite(made)]
    first = cells.first
    if wrong.any():
        at = int(wrong.argmax())
        first = first or f"row {rows[at]:,}: '{values[at]:.15g}'"
    cells = replace(cells, values=made, unread=cells.unread + int(wrong.sum()), first=first)
    if column.type == "date":
        cells = replace(cells, is_date=True)
    column = replace(
        column,
        missing=1.0 - len(there) / max(1, len(made)),
        low=float(there.min()) if len(there) else 0.0,
        high=float(there.max()) if len(there) else 0.0,
        whole=bool(len(there)) and bool((there == np.rint(there)).all()),
    )
    return column, cells
