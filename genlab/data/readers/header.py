"""The names and the units of a table: which of its first rows are not data."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import pyarrow as pa
import pyarrow.compute as pc

from genlab.data.readers import dates, numbers
from genlab.data.readers.base import clean, make_distinct
from genlab.data.readers.dialect import AUTO, Decision
from genlab.data.readers.numbers import Signs

Rows = Sequence[tuple[int, tuple[str, ...]]]
#: The form of a cell in a row of units.
UNIT = re.compile(r"[\[(]?[^\d\s][^,;]{0,14}[\])]?")
KNOWN = re.compile(
    rf"[\[(]?\s*(?:{numbers.UNITS}|{numbers.CURRENCY}|-|#|n|count|[\w°µ%/²³^·. ]+/[\w²³^]+)"
    r"\s*[\])]?"
)


@dataclass(frozen=True)
class Names:
    """What the first rows are.

    Args:
        names: of all columns.
        units: of all columns, empty without units.
        rows: the number of first rows that are not data.
        decisions: how that was found.
        names_found: whether there is a row of names.
    """

    names: tuple[str, ...]
    units: tuple[str, ...]
    rows: int
    decisions: tuple[Decision, ...]
    names_found: bool


def find_names(
    top: Rows,
    text: Sequence[pa.ChunkedArray],
    number: Sequence[bool],
    signs: Sequence[Signs],
    row: int,
    units: str,
) -> Names:
    """Names and units of a table.

    Args:
        top: its first rows, with their lines.
        text: all cells by column, the first rows among them.
        number: of each column, whether the cells below are numbers.
        signs: of the numbers.
        row: the line of the header if the user gave it, 0 for none, -1 for auto.
        units: ``auto``, ``yes`` or ``no``.
    """
    width = len(text)
    line, cells = top[0][0], _filled(top[0][1], width)
    if row > 0:
        header = Decision("header_row", str(line), f"Line {line} holds the names, as you chose.")
    elif row == 0:
        header = Decision("header_row", "0", "No row of names, as you chose.")
    else:
        header = _header(line, cells, text, number, signs)
    if row < 0 and header.value == "0" and (both := _two_lines(top, number, signs)) is not None:
        how = f"Lines {line} and {top[1][0]} hold the names ({both[0]!r}, …)."
        decision = Decision("header_row", str(top[1][0]), how, False)
        return Names(make_distinct(both), ("",) * width, 2, (decision,), True)
    if header.value == "0":
        return Names(make_distinct([""] * width), ("",) * width, 0, (header,), False)
    below = _filled(top[1][1], width) if len(top) > 1 else ()
    unit = _units(top[1][0], below, number, signs, units) if below else None
    if unit is not None and not unit.certain and units == AUTO and _spans(cells, below):
        both = _joined(cells, below)
        how = f"Lines {line} and {top[1][0]} hold the names ({both[0]!r}, {both[1]!r}, …)."
        decision = Decision("header_row", str(top[1][0]), how, False)
        return Names(make_distinct(both), ("",) * width, 2, (decision,), True)
    names = make_distinct(cells)
    if unit is None:
        return Names(names, ("",) * width, 1, (header,), True)
    found = tuple(clean(cell).strip("[]() ") for cell in below)
    return Names(names, found, 2, (header, unit), True)


def _two_lines(
    top: Rows, number: Sequence[bool], signs: Sequence[Signs]
) -> tuple[str, ...] | None:
    """The names of two lines, of which the first may hold years, and the second holds words."""
    those = [k for k, is_number in enumerate(number) if is_number]
    if len(top) < 3 or not those:
        return None
    first, second = (_filled(cells, len(number)) for _, cells in top[:2])
    if any(not second[k] or numbers.parse_number(second[k], signs[k]) is not None for k in those):
        return None
    return _joined(first, second)


def _joined(first: Sequence[str], second: Sequence[str]) -> tuple[str, ...]:
    """Names of two lines; a cell that spans several columns names all of them.

    Example:
        >>> _joined(["", "height", "", "note"], ["id", "left", "right", ""])
        ('id', 'height left', 'height right', 'note')
    """
    made, above = [], ""
    for a, b in zip(first, second, strict=True):
        above = a or (above if b else "")
        made.append(f"{above} {b}".strip())
    return tuple(made)


def _spans(cells: Sequence[str], below: Sequence[str]) -> bool:
    """Whether names span several columns: some are empty or repeated, and words stand below."""
    there = [cell for cell in cells if cell]
    words = [b for b in below if b]
    gaps = any(b and not a for a, b in zip(cells[1:], below[1:], strict=True))
    return len(words) > 1 and (gaps or len(set(there)) < len(there))


def _filled(cells: tuple[str, ...], width: int) -> tuple[str, ...]:
    return tuple(c.strip() for c in cells[:width]) + ("",) * (width - len(cells))


def _header(
    line: int,
    cells: tuple[str, ...],
    text: Sequence[pa.ChunkedArray],
    number: Sequence[bool],
    signs: Sequence[Signs],
) -> Decision:
    """Whether the first row holds the names."""
    read = [
        numbers.parse_number(cell, sign) if is_number else None
        for cell, sign, is_number in zip(cells, signs, number, strict=True)
    ]
    those = [k for k, is_number in enumerate(number) if is_number]
    words = [k for k in those if read[k] is None]
    if words:
        certain = 2 * len(words) > len(those)
        how = f"Line {line} holds the names: its cells are words, those below are numbers."
        return Decision("header_row", str(line), how, certain)
    if len(text[0]) < 2:
        return Decision("header_row", "0", "There is one row only.", False)
    if those:
        return _numbers(line, cells, text, those, number, signs)
    # Nothing but words: names do not occur again below themselves.
    again = [k for k, cell in enumerate(cells) if cell and _occurs(text[k], cell) > 1]
    if again:
        return Decision(
            "header_row", "0", f"The words of line {line} occur again below: no row of names."
        )
    if all(dates.is_date(c) for c in cells if c):
        return Decision("header_row", "0", "The first row holds dates: no row of names.", False)
    repeat = any(len(pc.unique(column)) <= 0.5 * len(column) for column in text)
    how = f"Line {line} holds the names: none of its words occurs again below."
    return Decision("header_row", str(line), how, repeat)


def _numbers(
    line: int,
    cells: tuple[str, ...],
    text: Sequence[pa.ChunkedArray],
    those: list[int],
    number: Sequence[bool],
    signs: Sequence[Signs],
) -> Decision:
    """Whether a first row of numbers holds names all the same: years, say."""
    none = Decision("header_row", "0", "The first row holds numbers like those below: no names.")
    top = [numbers.parse_number(cells[k], signs[k]) for k in those]
    if any(v is None or v != v or v != round(v) for v in top) or len(those) < 2:
        return none
    values = [float(v) for v in top if v is not None]
    if len(set(values)) < len(values):
        return none
    steps = {b - a for a, b in pairwise(values)}
    years = all(1800 <= v <= 2100 for v in values)
    below = [numbers.parse_numbers(text[k].slice(1), signs[k], numbers.MISSING) for k in those]
    fractions = sum(bool((b[b == b] != b[b == b].round()).any()) for b in below)
    outside = sum(
        bool(len(b[b == b])) and not b[b == b].min() <= v <= b[b == b].max()
        for v, b in zip(values, below, strict=True)
    )
    other = [k for k, n in enumerate(number) if not n and cells[k]]
    named = bool(other) and all(
        not numbers.parse_number(cells[k]) and _occurs(text[k], cells[k]) == 1 for k in other
    )
    shown = ", ".join(cells[k] for k in those[:3])
    likely = years and len(steps) == 1 and outside >= 0.5 * len(those)
    likely |= (
        fractions >= 0.5 * len(those) and outside == len(those) and (named or len(steps) == 1)
    )
    if likely:
        how = f"Line {line} ({shown}, …) is taken for names: whole numbers unlike those below."
        return Decision("header_row", str(line), how, named and years)
    if years and len(steps) == 1 and (named or len(those) > 2):
        question = f"Does line {line} ({shown}, …) hold names, or is it a row of data?"
        return Decision("header_row", str(line), "It may hold years.", False, question)
    return none


def _occurs(column: pa.ChunkedArray, cell: str) -> int:
    return int(pc.sum(pc.equal(column, cell)).as_py() or 0)


def _units(
    line: int,
    cells: tuple[str, ...],
    number: Sequence[bool],
    signs: Sequence[Signs],
    wanted: str,
) -> Decision | None:
    """Whether the row below the names holds units."""
    if wanted == "no":
        return None
    if wanted == "yes":
        return Decision("units_row", "yes", f"Line {line} holds units, as you chose.")
    those = [k for k, is_number in enumerate(number) if is_number]
    words = [cells[k] for k in those if numbers.parse_number(cells[k], signs[k]) is None]
    gaps = all(
        numbers.parse_number(cells[k], signs[k]) is None
        or numbers.parse_number(cells[k], signs[k]) != numbers.parse_number(cells[k], signs[k])
        for k in those
    )
    if not words or not gaps or not all(UNIT.fullmatch(w) for w in words):
        return None
    known = sum(KNOWN.fullmatch(w) is not None for w in words)
    if not known and len(those) < 2:
        return None
    how = f"Line {line} holds units ({', '.join(map(clean, words[:4]))})."
    return Decision("units_row", AUTO, how, known > 0)
