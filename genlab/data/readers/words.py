"""Columns of words: the categories, their order, and dates among them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from genlab.data.readers import dates
from genlab.data.readers.base import make_distinct
from genlab.data.readers.ladders import ordinal_scale

#: Words by which it is judged whether a column holds dates.
JUDGED = 2000


@dataclass(frozen=True)
class Words:
    """The words of a column.

    Args:
        values: their indices, NaN where missing.
        words: by index, all different.
        is_date, is_ambiguous: whether they are dates, and may be day or month first.
        warning: of dates whose order differs; empty if nothing.
    """

    values: NDArray[np.float64]
    words: tuple[str, ...]
    is_date: bool
    is_ambiguous: bool
    warning: str = ""


def read_words(text: pa.ChunkedArray, there: NDArray[np.bool_]) -> Words:
    """Indices of the words of a column, in the order of a ladder or of the alphabet.

    Args:
        text: trimmed cells.
        there: which of them are not missing.
    """
    coded = text.combine_chunks().dictionary_encode()
    coded = coded.chunk(0) if isinstance(coded, pa.ChunkedArray) else coded
    index = np.asarray(coded.indices)
    used = np.unique(index[there])
    names = [str(name) for name in coded.dictionary.take(pa.array(used)).to_pylist()]
    few = names if len(names) <= JUDGED else names[:: len(names) // (JUDGED // 2)]
    is_date = bool(few) and sum(map(dates.is_date, few)) >= 0.95 * len(few)
    day, month = dates.orders(few) if is_date else (0, 0)
    ambiguous = is_date and not day and not month and any(map(dates.is_of_two_numbers, few))
    warning = ""
    if day and month:
        first = "month" if month > day else "day"
        warning = (
            f"Its dates are of two kinds: in {day:,} the day must be first, and in {month:,} the "
            f"month. Dates that may be either are read with the {first} first."
        )
    order = sorted(range(len(names)), key=lambda k: names[k])
    if (ladder := ordinal_scale(names)) is not None:
        order.sort(key=lambda k: ladder.index(names[k].lower()))
    place = np.full(len(coded.dictionary) + 1, np.nan)
    for rank, k in enumerate(order):
        place[used[k]] = rank
    values = place[index]
    values[~there] = np.nan
    words = make_distinct(names[k] for k in order)
    return Words(values, words, is_date, ambiguous, warning)


def other_signs(points: int, commas: int) -> str:
    """Why cells that are numbers were read as words.

    Args:
        points: cells with a decimal point for sure.
        commas: cells with a decimal comma for sure.
    """
    if points and commas:
        return (
            "Its cells are numbers, some with a decimal point and some with a decimal comma; they "
            "were read as words."
        )
    return (
        "Its cells are numbers, but not all with the same signs between thousands; they were read "
        "as words."
    )
