"""The cells of a table as text: names, signs, rows, and the values of each column."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from genlab.data.readers import columns as judge
from genlab.data.readers import dialect, header, scripts, signs
from genlab.data.readers.base import FEWEST, NUMBERS, clean, count_noun, refuse
from genlab.data.readers.columns import Cells
from genlab.data.readers.csv_options import CsvOptions, parse_column_options, parse_header_line
from genlab.data.readers.dialect import AUTO, NONE, Decision
from genlab.data.readers.memory import Memory, NoMemory
from genlab.data.readers.reading import join_words

#: Words of a row that sums up the others.
TOTALS = re.compile(
    r"(grand |sub-?)?totals?:?|sum:?|summe:?|gesamt:?|insgesamt:?|average:?|mean:?|mittelwert:?"
    r"|durchschnitt:?|somme:?|moyenne:?",
    re.IGNORECASE,
)
#: What a user says of a column that changes its meaning, and not the values of its cells.
JUDGED_LATER = ("type", "role")
EMPTY = pa.chunked_array([[]], pa.string())


def _parse_columns(
    layout: dialect.Layout,
) -> tuple[list[pa.ChunkedArray], list[tuple[int, str]], int, list[str]]:
    """The trimmed text of each column, the rows of another length, and what was changed."""
    cells, ragged, n_ragged = dialect.parse_table(layout)
    # A column at a time, so that no two copies of the table are there at once.
    columns = cells.columns
    del cells
    digits: dict[str, int] = {}
    for k in range(layout.width):
        columns[k], script = scripts.with_digits(scripts.trim(columns[k]))
        if script:
            digits[script] = digits.get(script, 0) + 1
    changes = [
        f"The digits of {count_noun(n, 'column')} ({script}) were read as 0 to 9."
        for script, n in digits.items()
    ]
    return columns, ragged, n_ragged, changes


class CsvCells:
    """A table from its text to the values of its columns.

    Args:
        layout: where its rows are.
        options: what the user says.
        memory: of this file; a large one is kept only where it will be read again.

    Raises:
        DataError: if it has too few or too many rows, or a requested column does not exist.
    """

    def __init__(
        self, layout: dialect.Layout, options: CsvOptions, memory: Memory | None = None
    ) -> None:
        self.options, self.memory = options, memory or NoMemory()
        self.chosen = parse_column_options(options.column)
        row = parse_header_line(options.header_row)
        # All that the text of the columns depends on.
        self.form = (layout.separator, layout.width, hash(layout.body), row)
        parsed = self.memory.of("columns", self.form, lambda: _parse_columns(layout))
        columns, self.ragged, self.n_ragged, changes = parsed
        self.text = list(columns)
        self.layout = replace(layout, body=b"")
        self.notes: list[str] = list(changes)
        self.decisions: list[Decision] = list(self.layout.decisions)
        self._names_and_signs(row)
        self._rows()

    # -- names, signs, rows ------------------------------------------------------------------

    def _names_and_signs(self, row: int) -> None:
        options, top = self.options, self.layout.top
        total = len(self.text[0])
        # Names and units are not cells: the types are judged by the rows below, if there are
        # enough.
        skip = min(2, max(0, total - 3))
        seen = self.memory.of(
            "evidence",
            self.form,
            lambda: [judge.collect_evidence(column.slice(skip)) for column in self.text],
        )
        blank = [self.chosen.get(clean(c), {}) for c in top[0][1]]
        blank += [{}] * (self.layout.width - len(blank))
        self.signs, _ = signs.decide_signs(
            [""] * len(seen),
            seen,
            self.layout.separator,
            options.decimal,
            options.thousands,
            blank,
        )
        number = [judge.is_number(s, g) for s, g in zip(seen, self.signs, strict=True)]
        found = header.find_names(top, self.text, number, self.signs, row, options.units_row)
        self.decisions += found.decisions
        self.names, self.units, self.skip = found.names, found.units, found.rows
        written = {clean(cell) for cell in top[0][1]}
        again = [n for n in found.names if re.fullmatch(r".+ \(\d+\)", n) and n not in written]
        if again and found.rows < 2:
            self.notes.append(
                f"Names that occur more than once are numbered: {join_words(again)}."
            )
        unknown = sorted(set(self.chosen) - set(self.names))
        if unknown:
            raise refuse(
                f"there is no column {unknown[0]!r}", f"There are: {join_words(self.names)}."
            )
        more = [column.slice(self.skip, max(0, skip - self.skip)) for column in self.text]
        if self.skip <= skip:
            seen = [judge.collect_evidence(m, s.every) for m, s in zip(more, seen, strict=True)]
        self.text = [column.slice(self.skip) for column in self.text]
        if self.skip > skip:
            seen = self.memory.of(
                "evidence below names",
                (self.form, self.skip),
                lambda: [judge.collect_evidence(column) for column in self.text],
            )
        self.seen = seen
        mine = [self.chosen.get(name, {}) for name in self.names]
        self.signs, decisions = signs.decide_signs(
            self.names, seen, self.layout.separator, options.decimal, options.thousands, mine
        )
        self.decisions += decisions
        self.number = [
            judge.is_number(s, g) and m.get("type") not in ("categorical",)
            for s, g, m in zip(seen, self.signs, mine, strict=True)
        ]

    def _rows(self) -> None:
        """Leave out empty rows, and count."""
        n = len(self.text[0])
        if not n:
            raise refuse("it holds a header and no rows" if self.skip else "it has no rows")
        empty = np.ones(n, dtype=bool)
        for column in self.text:
            empty &= np.asarray(pc.equal(pc.binary_length(column), 0))
        if empty.any():
            self.notes.append(f"{count_noun(int(empty.sum()), 'empty row')} left out.")
        again = self._repeats_names(n)
        if again.any():
            first, many = int(again.argmax()) + 1 + self.skip, int(again.sum())
            self.notes.append(
                f"{count_noun(many, 'row')} left out that only repeat{'s' * (many == 1)} the "
                f"names (the first: row {first:,})."
            )
        gone = empty | again
        if gone.any():
            keep = pa.array(~gone)
            self.text = [column.filter(keep) for column in self.text]
        self.row = np.flatnonzero(~gone)
        self.n = len(self.row)
        if self.n < FEWEST:
            raise refuse(
                f"it has {count_noun(self.n, 'row')}; at least {FEWEST} are needed, so that some "
                "can be held out",
                "Send more of them.",
            )
        if self.n * len(self.text) > NUMBERS:
            raise refuse(
                f"it has {self.n:,} rows of {len(self.text):,} cells; at most "
                f"{NUMBERS // 10**6} million cells are read",
                "Send fewer rows or columns.",
            )
        pa.default_memory_pool().release_unused()

    def _repeats_names(self, n: int) -> NDArray[np.bool_]:
        """The rows whose cells are the names of their columns, as of files put together."""
        found = np.ones(n, dtype=bool)
        names = [cell.strip(scripts.UNSEEN) for cell in self.layout.top[0][1]]
        if not self.skip or not any(names) or len(names) != len(self.text):
            return ~found
        for name, column in zip(names, self.text, strict=True):
            found &= np.asarray(pc.equal(column, name))
            if not found.any():
                break
        return found

    # -- columns -----------------------------------------------------------------------------

    def read(self) -> list[Cells]:
        """The values of all columns, without rows that sum up others; the text is let go."""
        cells = self._read()
        total = self._totals(cells)
        if total.any():
            what = f"row {int(self.row[total.argmax()]) + 1 + self.skip:,}"
            keep = self.options.totals == "keep"
            self.decisions.append(
                Decision(
                    "totals",
                    "keep" if keep else AUTO,
                    f"{count_noun(int(total.sum()), 'row')} that sums up others "
                    f"{'kept' if keep else 'left out'} ({what}).",
                    False,
                )
            )
            if not keep:
                self._drop(cells, ~total)
        return cells

    def _read(self) -> list[Cells]:
        made = []
        for k, name in enumerate(self.names):
            given = dict(self.chosen.get(name, {}))
            if self.options.missing not in (AUTO, NONE) and "missing" not in given:
                given["missing"] = self.options.missing.replace(",", " ")
            known = tuple(sorted((key, given[key]) for key in given if key not in JUDGED_LATER))
            signs, number, auto = self.signs[k], self.number[k], self.options.missing == AUTO
            key = (self.form, self.skip, name, signs, number, known, auto)
            one = self.memory.of(f"cells {k}", key, partial(self._column, k, given))
            made.append(replace(one, key=key))
        # What the text took goes back to the system, before the table of numbers is made.
        pa.default_memory_pool().release_unused()
        return made

    def _column(self, k: int, given: Mapping[str, str]) -> Cells:
        """The values of one column."""
        # Its text is let go as soon as its values are known.
        text, self.text[k] = self.text[k], EMPTY
        rows = self.row + 1 + self.skip
        one = judge.read_column(
            self.names[k], text, self.signs[k], self.number[k], rows, given, self.seen[k]
        )
        del text
        if one.is_number and "missing" not in given and self.options.missing == AUTO:
            code = judge.missing_code(one.values)
            if code is not None:
                gone = one.values == code
                one.values = np.where(gone, np.nan, one.values)
                one.missing += int(gone.sum())
                one.warning = (
                    f"{count_noun(int(gone.sum()), 'entry', 'entries')} of {code:g} taken for "
                    "missing, since this is a usual code far from all other values; the "
                    "option missing changes that."
                )
        return one

    def _totals(self, cells: list[Cells]) -> NDArray[np.bool_]:
        """The rows that sum up the others."""
        found = np.zeros(self.n, dtype=bool)
        for one in cells:
            if one.is_number or not one.words:
                continue
            codes = [k for k, word in enumerate(one.words) if TOTALS.fullmatch(word.strip())]
            if codes and len(codes) < len(one.words):
                found |= np.isin(one.values, codes)
        if not found.any() and self.n > 5:
            found[-1] = _sums_up(cells)
        if found.sum() > max(3, 0.1 * self.n):
            self.notes.append(
                f"{count_noun(int(found.sum()), 'row')} look like totals or means of others, and "
                "were kept, since they are many."
            )
            found[:] = False
        return found

    def _drop(self, cells: list[Cells], keep: NDArray[np.bool_]) -> None:
        moved = np.cumsum(keep) - 1
        for one in cells:
            gone = one.values[~keep]
            one.missing -= int(np.isnan(gone).sum()) if not one.unread else 0
            one.values = one.values[keep]
            one.key = (one.key, tuple(np.flatnonzero(~keep).tolist()))
            one.written = {int(moved[k]): cell for k, cell in one.written.items() if keep[k]}
            if one.words and not one.is_number:
                used = np.unique(one.values[np.isfinite(one.values)]).astype(int)
                place = np.full(len(one.words), np.nan)
                place[used] = np.arange(len(used))
                there = np.isfinite(one.values)
                one.values[there] = place[one.values[there].astype(int)]
                one.words = tuple(one.words[k] for k in used)
        self.row, self.n = self.row[keep], int(keep.sum())


def _sums_up(cells: Sequence[Cells]) -> bool:
    """Whether the last row holds the sums of all rows above it.

    A sum lies beyond all that it sums up: among numbers of both signs, the sum is a number like
    the others, and the last row may be near it by chance.
    """
    right = compared = 0
    for one in cells:
        if not one.is_number or not np.isfinite(one.values[-1]):
            continue
        above = one.values[:-1][np.isfinite(one.values[:-1])]
        if len(above) < 5 or (above == above[0]).all():
            continue
        compared += 1
        last = float(one.values[-1])
        if np.abs(one.values[np.isfinite(one.values)]).max() > judge.LARGEST:
            return False
        near = abs(last - above.sum()) <= 1e-4 * abs(above).sum()
        right += near and abs(last) > abs(above).max()
    return compared > 0 and right == compared
