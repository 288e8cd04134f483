"""Tables as text: how they are written is found, said, and may be changed."""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from genlab.core import options
from genlab.core.errors import DataError, SpecError
from genlab.core.options import Options, option
from genlab.data.image_uploads import is_xml
from genlab.data.readers import columns as judge
from genlab.data.readers import dates, dialect, header, numbers, pixel_table, signs
from genlab.data.readers.base import (
    CLASSES,
    FEWEST,
    NUMBERS,
    READERS,
    Examples,
    Progress,
    Reader,
    clean,
    count_noun,
    labels,
    refuse,
    split_rows,
)
from genlab.data.readers.columns import Cells
from genlab.data.readers.dialect import AUTO, NONE, Decision
from genlab.data.readers.reading import ColumnReading, TableReading, listed, sentences, shown
from genlab.data.schema import ROLES, TYPES, Column, encode
from genlab.data.splits import groups

#: Bytes of a table.
BYTES = 64 * 2**20
#: Words that name a column of classes, in any case.
LABELS = (
    "class",
    "label",
    "target",
    "species",
    "category",
    "y",
    "kind",
    "type",
    "diagnosis",
    "outcome",
    "group",
)
#: Words of a row that sums up the others.
TOTALS = re.compile(
    r"(grand |sub-?)?totals?:?|sum:?|summe:?|gesamt:?|insgesamt:?|average:?|mean:?|mittelwert:?"
    r"|durchschnitt:?|somme:?|moyenne:?",
    re.IGNORECASE,
)
EMPTY = pa.chunked_array([[]], pa.string())
NO_VALUES: NDArray[np.float64] = np.empty(0)
KEYS = ("type", "role", "missing", "decimal", "thousands")


@dataclass(frozen=True)
class CsvOptions(Options):
    """What may be chosen of a table."""

    label: str = option(
        AUTO, "column of the class: auto (found by its name or text), none, a name", label="Label"
    )
    columns: str = option(
        "", "columns to learn, their names separated by commas; empty: all", label="Columns"
    )
    separator: str = option(
        AUTO,
        "what separates the cells of a line",
        choices=(AUTO, ",", ";", "tab", "|", "space", NONE),
    )
    decimal: str = option(AUTO, "decimal sign", choices=(AUTO, ".", ","))
    thousands: str = option(
        AUTO, "sign between thousands", choices=(AUTO, NONE, ".", ",", "space", "'")
    )
    header_row: str = option(
        AUTO, "line of the file with the names: auto, 0 for none, or its number from 1"
    )
    units_row: str = option(
        AUTO, "whether the row below the names holds units", choices=(AUTO, "yes", "no")
    )
    comments: str = option(
        AUTO, "lines that begin with #, // or %: auto leaves them out", choices=(AUTO, "keep")
    )
    totals: str = option(
        AUTO, "rows that sum up the others: auto leaves them out", choices=(AUTO, "keep")
    )
    missing: str = option(
        AUTO,
        "codes for a missing entry besides empty and NA, separated by spaces, as in -999 x; auto "
        "finds usual ones, none takes none",
    )
    layout: str = option(
        AUTO,
        "rows of grey levels, with or without a label: as pictures or as a table; auto: pictures "
        "from more than 500 columns on",
        choices=(AUTO, "pictures", "table"),
    )
    column: str = option(
        "",
        "of single columns, as in price:type=positive,role=feature,missing=-1; several are "
        f"separated by line breaks; type: {', '.join(TYPES)}; role: {', '.join(ROLES)}",
    )


def of_column(text: str) -> dict[str, dict[str, str]]:
    """What a user says of single columns.

    Raises:
        SpecError: for a key or a value that there is not.

    Example:
        >>> of_column("a:b:type=count,role=leave out\\nc:missing=-1 -2")
        {'a:b': {'type': 'count', 'role': 'leave out'}, 'c': {'missing': '-1 -2'}}
    """
    allowed = {"type": TYPES, "role": ROLES, "decimal": (".", "comma"), "thousands": None}
    found: dict[str, dict[str, str]] = {}
    for line in filter(None, (w.strip() for w in text.split("\n"))):
        at = re.search(rf":(?=(?:{'|'.join(KEYS)})=[^:]*$)", line)
        if at is None:
            raise SpecError(
                "column", line, "allowed: NAME:key=value,...; keys: " + ", ".join(KEYS)
            )
        mine = found.setdefault(line[: at.start()], {})
        for pair in line[at.end() :].split(","):
            key, sign, value = pair.partition("=")
            if key not in KEYS or not sign:
                raise SpecError("column", pair, f"allowed: {', '.join(KEYS)}, each with =")
            choices = allowed.get(key)
            if choices is not None and value not in choices:
                raise SpecError("column", pair, f"allowed for {key}: {', '.join(choices)}")
            mine[key] = {"comma": ",", "point": "."}.get(value, value)
    return found


@READERS.register(
    "csv", title="CSV", summary="A table: numbers, words, and a column of classes.", order=10
)
class Csv(Reader):
    """A table as text, a row an example."""

    Options: ClassVar[type[options.Options]] = CsvOptions

    @classmethod
    def takes(cls, content: bytes) -> bool:
        head = content[:4096]
        # What is no text has zeros or other control bytes early on.
        signs_ = sum(byte < 9 or 13 < byte < 32 for byte in head)
        return not signs_ and not is_xml(content) and not head.startswith((b"%PDF", b"GIF8"))

    @classmethod
    def read(cls, content: bytes, options: Any, progress: Progress | None = None) -> Examples:
        if len(content) > BYTES:
            raise refuse(
                f"the table has {len(content) / 2**20:.0f} MB; at most {BYTES // 2**20} MB of "
                "text are read",
                "Send fewer rows, or save the numbers by numpy.savez.",
            )
        checked(content)
        if progress is not None:
            progress(0.1, "the form of the table")
        layout = dialect.lay_out(
            content, options.separator, options.comments, _row(options.header_row)
        )
        if pixel_table.wanted(layout.width, options.layout):
            return pixel_table.read(layout)
        table = _Table(layout, options)
        if progress is not None:
            progress(0.5, f"{table.n:,} rows read")
        return table.examples()


def checked(content: bytes) -> None:
    """Refuse what is not UTF-8, or has too many lines; a piece at a time.

    Raises:
        DataError: with the line.
    """
    if content.count(b"\n") > dialect.ROWS:
        raise refuse(f"it has more than {dialect.ROWS:,} lines", "Send fewer rows.")
    decoder = codecs.getincrementaldecoder("utf-8")()
    for at in range(0, len(content), 2**20):
        piece = content[at : at + 2**20]
        try:
            decoder.decode(piece, final=at + 2**20 >= len(content))
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, at + max(error.start, 0)) + 1
            raise refuse(
                f"line {line:,} is not text in UTF-8",
                "Save it as CSV in UTF-8, then send it again.",
            ) from None


class _Table:
    """A table from its text to examples."""

    def __init__(self, layout: dialect.Layout, options: CsvOptions) -> None:
        self.options, self.layout = options, layout
        self.chosen = of_column(options.column)
        row = _row(options.header_row)
        cells, self.ragged, self.n_ragged = dialect.table(self.layout)
        self.layout = replace(self.layout, body=b"")
        # A column at a time, so that no two copies of the table are there at once.
        self.text = cells.columns
        del cells
        for k in range(self.layout.width):
            self.text[k] = numbers.trimmed(self.text[k])
        self.notes: list[str] = []
        self.decisions: list[Decision] = list(self.layout.decisions)
        self._names_and_signs(row)
        self._rows()

    # -- names, signs, rows ------------------------------------------------------------------

    def _names_and_signs(self, row: int) -> None:
        options, top = self.options, self.layout.top
        total = len(self.text[0])
        # The names and units are no cells: judged is what is below them, where there is enough.
        skip = min(2, max(0, total - 3))
        seen = [judge.look(column.slice(skip)) for column in self.text]
        blank = [self.chosen.get(clean(c), {}) for c in top[0][1]]
        blank += [{}] * (self.layout.width - len(blank))
        self.signs, _ = signs.of_columns(
            [""] * len(seen),
            seen,
            self.layout.separator,
            options.decimal,
            options.thousands,
            blank,
        )
        number = [judge.is_number(s, g) for s, g in zip(seen, self.signs, strict=True)]
        found = header.find(top, self.text, number, self.signs, row, options.units_row)
        self.decisions += found.decisions
        self.names, self.units, self.skip = found.names, found.units, found.rows
        unknown = sorted(set(self.chosen) - set(self.names))
        if unknown:
            raise refuse(f"there is no column {unknown[0]!r}", f"There are: {listed(self.names)}.")
        more = [column.slice(self.skip, max(0, skip - self.skip)) for column in self.text]
        if self.skip <= skip:
            seen = [judge.look(m, s.every) for m, s in zip(more, seen, strict=True)]
        self.text = [column.slice(self.skip) for column in self.text]
        if self.skip > skip:
            seen = [judge.look(column) for column in self.text]
        self.seen = seen
        mine = [self.chosen.get(name, {}) for name in self.names]
        self.signs, decisions = signs.of_columns(
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
        self.row = np.flatnonzero(~empty)
        if empty.any():
            self.notes.append(f"{count_noun(int(empty.sum()), 'empty row')} left out.")
            keep = pa.array(~empty)
            self.text = [column.filter(keep) for column in self.text]
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

    # -- columns -----------------------------------------------------------------------------

    def _read(self) -> list[Cells]:
        rows = self.row + 1 + self.skip
        made = []
        for k, name in enumerate(self.names):
            given = dict(self.chosen.get(name, {}))
            if self.options.missing not in (AUTO, NONE) and "missing" not in given:
                given["missing"] = self.options.missing.replace(",", " ")
            # Its text is let go as soon as its values are known.
            text, self.text[k] = self.text[k], EMPTY
            one = judge.read_column(
                name, text, self.signs[k], self.number[k], rows, given, self.seen[k]
            )
            del text
            if one.is_number and "missing" not in given and self.options.missing == AUTO:
                code = judge.sentinel(one.values)
                if code is not None:
                    gone = one.values == code
                    one.values = np.where(gone, np.nan, one.values)
                    one.missing += int(gone.sum())
                    one.warning = (
                        f"{count_noun(int(gone.sum()), 'entry', 'entries')} of {code:g} taken for "
                        "missing, since this is a usual code far from all other values; the "
                        "option missing changes that."
                    )
            made.append(one)
        # What the text took goes back to the system, before the table of numbers is made.
        pa.default_memory_pool().release_unused()
        return made

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

    # -- examples ----------------------------------------------------------------------------

    def examples(self) -> Examples:
        """What is learned, and how it was read."""
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
        columns = [
            judge.column_of(one, self.chosen.get(one.name, {}), unit)
            for one, unit in zip(cells, self.units, strict=True)
        ]
        columns = self._features(columns, cells)
        label = self._label(columns, cells)
        columns = [replace(c, role="class") if k == label else c for k, c in enumerate(columns)]
        columns = self._duplicates(columns, cells)
        raw = [self._values(c, one) for c, one in zip(columns, cells, strict=True)]
        readings = tuple(
            shown(c, one, values) for c, one, values in zip(columns, cells, raw, strict=True)
        )
        return self._made(columns, cells, raw, label, readings)

    def _drop(self, cells: list[Cells], keep: NDArray[np.bool_]) -> None:
        moved = np.cumsum(keep) - 1
        for one in cells:
            gone = one.values[~keep]
            one.missing -= int(np.isnan(gone).sum()) if not one.unread else 0
            one.values = one.values[keep]
            one.written = {int(moved[k]): cell for k, cell in one.written.items() if keep[k]}
            if one.words and not one.is_number:
                used = np.unique(one.values[np.isfinite(one.values)]).astype(int)
                place = np.full(len(one.words), np.nan)
                place[used] = np.arange(len(used))
                there = np.isfinite(one.values)
                one.values[there] = place[one.values[there].astype(int)]
                one.words = tuple(one.words[k] for k in used)
        self.row, self.n = self.row[keep], int(keep.sum())

    def _features(self, columns: list[Column], cells: list[Cells]) -> list[Column]:
        """The columns that the user names, or all; an index is kept where nothing else is left."""
        if asked := self.options.columns.strip():
            wanted = [w for w in (word.strip() for word in asked.split(",")) if w]
            able = [c.name for c in columns if c.type != "constant"]
            for word in wanted:
                if word not in able:
                    raise refuse(
                        f"there is no column of numbers or categories {word!r}",
                        f"There are: {listed(able)}.",
                    )
            made = [
                replace(
                    c,
                    role="feature" if c.name in wanted else "leave out",
                    why=f"{c.why} You chose the columns.",
                )
                for c in columns
            ]
            return [
                replace(c, type="numeric")
                if c.role == "feature" and c.type == "id" and one.is_number
                else c
                for c, one in zip(made, cells, strict=True)
            ]
        if any(c.role in ("feature", "class") for c in columns):
            return columns
        spare = [k for k, c in enumerate(columns) if c.type == "id" and cells[k].is_number]
        if spare and not any(self.chosen.get(c.name, {}).get("role") for c in columns):
            columns[spare[0]] = replace(columns[spare[0]], type="numeric", role="feature")
        return columns

    def _label(self, columns: list[Column], cells: list[Cells]) -> int | None:
        """The column of the class."""
        names, asked = list(self.names), self.options.label
        chosen = [k for k, c in enumerate(columns) if c.role == "class"]
        if chosen:
            return chosen[0]
        if asked == NONE:
            return None
        if asked != AUTO:
            if asked not in names:
                raise refuse(
                    f"there is no column {asked!r} for the label", f"There are: {listed(names)}."
                )
            return names.index(asked)
        taken = {name for name, g in self.chosen.items() if "role" in g}
        if self.options.columns.strip():
            taken |= {w.strip() for w in self.options.columns.split(",")}
        able = [k for k in self._able(columns, cells) if names[k] not in taken]
        for word in LABELS:
            for k in able:
                if names[k].lower() == word and not (cells[k].is_number and word in LABELS[6:]):
                    return k
        others = any(
            c.role == "feature" and one.is_number for c, one in zip(columns, cells, strict=True)
        )
        words = [k for k in able if not cells[k].is_number]
        every = [
            k
            for k, one in enumerate(cells)
            if not one.is_number and len(one.words) > 1 and columns[k].role == "feature"
        ]
        lone = len(words) == 1 and every == words and words[0] in (0, len(names) - 1)
        return words[0] if lone and others else None

    def _able(self, columns: list[Column], cells: list[Cells]) -> list[int]:
        """Columns whose values may be classes."""
        whole = [column.whole for column in columns]
        most = min(CLASSES, max(2, self.n // 2))
        found = []
        for k, one in enumerate(cells):
            if one.n_kinds > 1 and (
                one.n_kinds <= most if not one.is_number else whole[k] and one.n_kinds <= 20
            ):
                found.append(k)
        return found

    def _duplicates(self, columns: list[Column], cells: list[Cells]) -> list[Column]:
        """A column that repeats another one is left out."""
        known: dict[bytes, str] = {}
        made = []
        for column, one in zip(columns, cells, strict=True):
            key = one.values.tobytes() + ",".join(one.words).encode()
            chosen = "role" in self.chosen.get(column.name, {})
            if column.role == "feature" and key in known and not chosen:
                self.notes.append(
                    f"{column.name!r} repeats {known[key]!r} and is left out; role feature keeps "
                    "it."
                )
                column = replace(
                    column, role="leave out", why=f"It repeats {known[key]!r} in every row."
                )
            elif column.role in ("feature", "class"):
                known.setdefault(key, column.name)
            made.append(column)
        return made

    @staticmethod
    def _values(column: Column, one: Cells) -> NDArray[np.float64]:
        """The numbers that are learned of a column."""
        if one.is_number:
            if column.type == "date":
                return dates.compact_days(one.values)
            return one.values
        wants_days = one.is_date and column.type in ("date", "numeric", "positive")
        if wants_days or column.type in ("numeric", "positive", "count", "bounded"):
            first = dates.month_first([str(c) for c in one.words[:2000]]) is not False
            known = np.array([dates.days(w, first) for w in one.words] or [np.nan])
            there = np.isfinite(one.values)
            made = np.full(len(one.values), np.nan)
            made[there] = known[one.values[there].astype(int)]
            return made
        return one.values

    def _made(
        self,
        columns: list[Column],
        cells: list[Cells],
        raw: list[NDArray[np.float64]],
        label: int | None,
        readings: tuple[ColumnReading, ...],
    ) -> Examples:
        wanted = [k for k, c in enumerate(columns) if c.role == "feature"]
        if not wanted:
            why = "; ".join(f"{c.name}: {c.why}" for c in columns[:5])
            if all(c.type == "constant" for c in columns):
                raise refuse("all its columns are constant: there is nothing to learn")
            raise refuse(
                f"no column that can be learned is left ({why})",
                "Choose the type or the role of a column.",
            )
        x = np.empty((self.n, len(wanted)))
        for at, k in enumerate(wanted):
            if np.any(np.abs(raw[k]) > 1e30):
                raise refuse("it holds numbers beyond 1e30", "Give them in another unit.")
            x[:, at] = raw[k]
            # One copy of the numbers at a time: the class alone is needed again.
            if k != label:
                cells[k].values = raw[k] = NO_VALUES
        first = self.decisions[0]
        plain = first.certain and "sep=" not in first.how
        told = self.decisions[1:] if plain else self.decisions
        notes = [self._said(), *self.layout.notes, *(d.how for d in told)]
        notes += self.notes + sentences(readings)
        known = np.zeros(self.n, dtype=bool)
        for values in x.T:
            known |= np.isfinite(values)
        keep = known.copy()
        y: NDArray[np.int64] | None = None
        classes: tuple[str, ...] = ()
        if label is not None:
            y, classes = self._classes(cells[label])
            unknown = int((y < 0).sum())
            if unknown:
                notes.append(
                    f"{count_noun(unknown, 'row')} left out: {self.names[label]!r}, the class, is "
                    "missing there."
                )
            keep &= y >= 0
        if empty := int((~known).sum()):
            notes.append(f"{count_noun(empty, 'row')} left out: nothing in them can be learned.")
        if not keep.all():
            x = x[keep]
        if y is not None and label is not None:
            y, classes = labels([classes[i] for i in y[keep]]) if len(x) else (y[:0], ())
            notes.append(
                f"{self.names[label]!r} is the class: {count_noun(len(classes), 'value')}."
            )
            if len(classes) < 2:
                y, classes = None, ()
                notes.append("With one value only it tells nothing apart, and is left out.")
        pixels = pixel_table.side_of(len(self.names))
        if pixels and len(self.names) > 60 and all(c.high <= 255 and c.low >= 0 for c in columns):
            notes.append(
                f"Its rows may be pictures of {pixels[0]} × {pixels[0]}: the option layout = "
                "pictures reads them so."
            )
        self._ragged(notes, int((~keep).sum()))
        schema = [columns[k] for k in wanted]
        reading = TableReading(self.n, tuple(self.decisions), readings)
        forced = {name for name, g in self.chosen.items() if "role" in g or "type" in g}
        offered = {"label": (AUTO, NONE, *(self.names[k] for k in self._able(columns, cells)))}
        made = Examples(
            x,
            y,
            classes,
            tuple(c.name for c in schema),
            notes=tuple(notes),
            offered=offered,
            schema=tuple(schema),
            reading=reading,
        )
        return split_rows(made, forced)

    def _said(self) -> str:
        how = dialect.SEPARATORS.get(self.layout.separator, "nothing")
        head = "the first row holds the names" if self.skip else "no row of names"
        kinds = {s.decimal for s, n in zip(self.signs, self.number, strict=True) if n}
        sign = {".": "; decimal point", ",": "; decimal comma"}.get("".join(kinds), "")
        return (
            f"{count_noun(self.n, 'row')} of {count_noun(len(self.names), 'column')} separated by "
            f"{how}{sign}; {head}."
        )

    def _classes(self, one: Cells) -> tuple[NDArray[np.int64], tuple[str, ...]]:
        """Class indices, -1 where unknown, and names."""
        there = np.isfinite(one.values)
        kinds = np.unique(one.values[there])
        if len(kinds) > CLASSES:
            raise refuse(
                f"the column {one.name!r} has {len(kinds):,} values; at most {CLASSES} classes "
                "are told apart",
                "Choose another label, or none.",
            )
        codes = np.where(there, np.searchsorted(kinds, np.where(there, one.values, 0)), -1)
        names = one.words if not one.is_number else tuple(f"{v:g}" for v in kinds)
        return codes.astype(np.int64), tuple(names)

    def _ragged(self, notes: list[str], left: int) -> None:
        """Say how many rows have another length, and refuse where that is most of them."""
        if self.n_ragged:
            which = f"the first: {self.ragged[0][1]!r}"
            notes.append(
                f"{count_noun(self.n_ragged, 'row')} of another length left out ({which})."
            )
        every = self.n + self.n_ragged
        if self.n_ragged + left > 0.5 * every:
            raise refuse(
                f"{self.n_ragged + left:,} of {every:,} rows cannot be used. {' '.join(notes)}",
                "Choose the separator, or repair the rows.",
            )


def _row(text: str) -> int:
    """The line of the header: -1 for auto."""
    word = text.strip().lower()
    if word in (AUTO, ""):
        return -1
    if word == NONE:
        return 0
    found = options.parse_int(word, 0, dialect.ROWS)
    if found is None:
        raise SpecError("header_row", text, "allowed: auto, 0 for none, or the number of a line")
    return found


def _sums_up(cells: Sequence[Cells]) -> bool:
    """Whether the last row holds the sums or means of all rows above it."""
    right = compared = 0
    for one in cells:
        if not one.is_number or not np.isfinite(one.values[-1]):
            continue
        above = one.values[:-1][np.isfinite(one.values[:-1])]
        if len(above) < 5 or (above == above[0]).all():
            continue
        compared += 1
        last = float(one.values[-1])
        right += abs(last - above.sum()) <= 1e-4 * abs(above).sum() and last != 0
    return compared > 0 and right == compared


__all__ = ["BYTES", "Csv", "CsvOptions", "DataError", "encode", "groups", "of_column"]
