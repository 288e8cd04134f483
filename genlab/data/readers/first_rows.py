"""Where a table begins, and a row of names that has fewer or more cells than the rows below it."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from genlab.data.readers.base import count_noun, refuse
from genlab.data.readers.numbers import looks_like_number

#: Lines before the table at most.
BEFORE = 60
Rows = Sequence[tuple[int, Sequence[str]]]


@dataclass(frozen=True)
class Start:
    """The first row of a table.

    Args:
        index: of that row.
        names: its cells, as many as the rows have, where the file has fewer or more; else None.
        note: how they were made as many; empty if nothing.
    """

    index: int
    names: tuple[str, ...] | None = None
    note: str = ""


def find_start(rows: Rows, width: int, number: Callable[[int], int], row: int) -> Start:
    """The first row of a table.

    Args:
        rows: cells with the numbers of their lines.
        width: cells of most rows.
        number: the number in the file of a line.
        row: the line of the header where the user says so; 0 for no header, -1 for auto.

    Raises:
        DataError: if the user's line holds no row.
    """
    start = _first(rows, width, number, row)
    if row > 0:
        return _chosen(rows, start, width)
    if row < 0 and start > 0:
        return _above(rows, start, width) or Start(start)
    return Start(start)


def _first(rows: Rows, width: int, number: Callable[[int], int], row: int) -> int:
    """The index of the first row of the usual width, or of the user's line."""
    if row > 0:
        for k, (line, _) in enumerate(rows):
            if number(line) == row:
                return k
        raise refuse(f"line {row:,} holds no row that could be the header", "Choose another line.")
    for k, (_, cells) in enumerate(rows[:BEFORE]):
        if len(cells) == width:
            # One more row must follow in the same form, or the next line is the table's first.
            following = [len(r[1]) == width for r in rows[k + 1 : k + 4]]
            if not following or sum(following) * 2 >= len(following):
                return k
    return 0


def _chosen(rows: Rows, start: int, width: int) -> Start:
    """The user's line, filled up with cells without a name, or cut."""
    cells = tuple(rows[start][1])
    if len(cells) == width:
        return Start(start)
    made = (*cells, *[""] * (width - len(cells)))[:width]
    return Start(start, made, f"The row of names has {count_noun(len(cells), 'cell')}.")


def _above(rows: Rows, start: int, width: int) -> Start | None:
    """The line above the first row if it holds the names all the same."""
    cells, first = [cell.strip() for cell in rows[start - 1][1]], rows[start][1]
    bare = cells[:width]
    if not all(bare) or any(map(looks_like_number, bare)) or len(bare) < 2:
        return None
    if len(cells) > width:
        # Names that end with a separator, above rows that do not.
        if any(cells[width:]):
            return None
        return Start(start - 1, tuple(bare), "The row of names alone ends with separators.")
    over = width - len(cells)
    ends = [r[1][-over:] for r in rows[start:] if len(r[1]) == width]
    if not any(cell.strip() for end in ends for cell in end):
        # Rows that end with separators, below names that do not: nothing moves.
        made = (*cells, *[""] * over)
        return Start(start - 1, made, "All rows but that of the names end with separators.")
    distinct = len(set(bare)) == len(bare)
    if over == 1 and distinct and any(looks_like_number(cell.strip()) for cell in first[1:]):
        # As R writes a table: the names of all columns but the first.
        note = f"The row of names has {len(cells)} cells: the first column has no name."
        return Start(start - 1, ("", *cells), note)
    return None


def written(cells: Sequence[str], separator: str) -> bytes:
    """A row as a line of a file.

    Example:
        >>> written(["a", "b;c"], ";")
        b'a;"b;c"\\n'
    """
    out = io.StringIO(newline="")
    # An empty first cell without quotation marks would be a space before the line.
    made = csv.writer(
        out,
        delimiter=separator or ",",
        lineterminator="\n",
        quoting=csv.QUOTE_ALL if "" in cells else csv.QUOTE_MINIMAL,
    )
    made.writerow(cells)
    return out.getvalue().encode()
