"""Tables as text: the delimiter, the header and the decimal sign are found."""

from __future__ import annotations

import csv
import io
import math
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from genlab.core import options
from genlab.core.errors import DataError
from genlab.core.options import Options, option
from genlab.data.image_uploads import is_xml
from genlab.data.readers.base import (
    CLASSES,
    COLUMNS,
    READERS,
    Examples,
    Progress,
    Reader,
    clean,
    count_noun,
    distinct,
    labels,
    refuse,
    room,
)

#: Bytes of a table, signs of a cell, rows by which the form of the table is found.
BYTES, CELL, LOOK = 32 * 2**20, 2_000, 500
DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars", " ": "spaces"}
MISSING = {"", "na", "n/a", "nan", "null", "none", "?", "-", ".", "missing"}
#: Words that name a column of classes, in any case.
LABELS = ("class", "label", "target", "species", "category", "y")
AUTO, NONE = "auto", "none"


@dataclass(frozen=True)
class CsvOptions(Options):
    """What may be chosen of a table."""

    label: str = option(
        AUTO, "column of the class: auto (found by its name or text), none, a name"
    )
    columns: str = option("", "columns to learn, their names separated by commas; empty: all")


@dataclass(frozen=True)
class Form:
    """How a table is written: its delimiter, its decimal sign, its columns, and which are numbers.

    Args:
        names: of the columns, as the page shows them.
        header: whether the first row holds them.
        number: of each column, whether its cells are numbers.
    """

    delimiter: str
    decimal: str
    names: tuple[str, ...]
    header: bool
    number: tuple[bool, ...]


def value(cell: str, decimal: str = ".") -> float | None:
    """The number in a cell, None where there is none; NaN where the value is missing.

    Example:
        >>> value("1,5", ","), value(" 2e3 "), value("red"), value("NA")
        (1.5, 2000.0, None, nan)
    """
    text = cell.strip()
    if text.lower() in MISSING:
        return math.nan
    if decimal == ",":
        if "." in text:
            return None
        text = text.replace(",", ".")
    # Python takes 1_000 for a number; a table does not.
    if "_" in text:
        return None
    try:
        return float(text)
    except ValueError:
        return None


def decoded(content: bytes) -> str:
    """The text of a file.

    Raises:
        DataError: if it is not UTF-8.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise refuse(
            f"line {line:,} is not text in UTF-8", "Save it as CSV in UTF-8, then send it again."
        ) from None
    return text


def rows_of(text: str, delimiter: str) -> Iterator[list[str]]:
    """The rows of a table that are not empty.

    Raises:
        DataError: where a quotation mark is never closed, or a cell is no cell of a table.
    """
    source = io.StringIO(text, newline="")
    found = csv.reader(source, delimiter=delimiter, skipinitialspace=True)
    while True:
        try:
            row = next(found, None)
        except csv.Error as error:
            raise refuse(f"line {found.line_num:,} is damaged ({error})") from None
        if row is None:
            return
        if any(len(cell) > CELL for cell in row):
            raise refuse(f"line {found.line_num:,} has a cell of more than {CELL:,} signs")
        if delimiter == " " and row and row[-1] == "":
            row = row[:-1]
        if any(cell.strip() for cell in row):
            yield row


def first(text: str, delimiter: str, n: int = LOOK) -> list[list[str]]:
    """The first rows."""
    found = []
    for row in rows_of(text, delimiter):
        found.append(row)
        if len(found) == n:
            break
    return found


def _fit(rows: list[list[str]], decimal: str) -> tuple[float, int]:
    """How well a delimiter splits: the share of rows of one length times that of numbers."""
    body = rows[1:] or rows
    length = Counter(map(len, body)).most_common(1)[0][0]
    cells = [cell for row in body if len(row) == length for cell in row]
    numbers = sum(value(cell, decimal) is not None for cell in cells)
    return sum(len(row) == length for row in rows) / len(rows) * (numbers + 0.01) / (
        len(cells) + 0.01
    ), length


def form_of(text: str) -> Form:
    """Find how a table is written, by its first rows.

    Raises:
        DataError: if it is no table of numbers.

    Example:
        >>> form = form_of("x;kind\\n1,5;red\\n2,5;blue\\n")
        >>> form.delimiter, form.decimal, form.names, form.number
        (';', ',', ('x', 'kind'), (True, False))
    """
    # Only the beginning: one of the delimiters may leave a quotation mark open to the end.
    head = text[: 2**18]
    if len(text) > len(head):
        head = head[: head.rfind("\n") + 1] or head
    best: tuple[float, int, str, str] | None = None
    wrong: DataError | None = None
    for delimiter in DELIMITERS:
        try:
            rows = first(head, delimiter)
        except DataError as error:
            wrong = wrong or error
            continue
        if not rows:
            raise refuse("it holds no rows")
        for decimal in (".", ",") if delimiter != "," else (".",):
            score, length = _fit(rows, decimal)
            # More columns only where they are as good: "1,5" is one number or two.
            if length > 1 and (best is None or score > best[0] + 1e-9):
                best = (score, length, delimiter, decimal)
    if best is None and wrong is not None:
        raise wrong
    if best is None:
        best = (0.0, 1, ",", ".")
    _, length, delimiter, decimal = best
    if length > COLUMNS:
        raise refuse(f"it has {length:,} columns; at most {COLUMNS} are read", "Send fewer.")
    rows = first(head, delimiter)
    full = [row for row in rows if len(row) == length]
    body = full[1:] or full
    number = tuple(_mostly(body, k, decimal) for k in range(length))
    top = rows[0]
    header = len(top) == length and any(
        number[k] and value(top[k], decimal) is None for k in range(length)
    )
    if not any(number):
        raise refuse("none of its columns holds numbers")
    names = distinct(top if header else [""] * length)
    return Form(delimiter, decimal, names, header, number)


def _mostly(rows: list[list[str]], k: int, decimal: str) -> bool:
    """Whether nine of ten values of a column are numbers."""
    found = [value(row[k], decimal) for row in rows]
    known = [v for v in found if v is None or not math.isnan(v)]
    return bool(known) and sum(v is not None for v in known) >= 0.9 * len(known)


@READERS.register("csv", title="CSV", summary="A table: numbers, and a column of classes.")
class Csv(Reader):
    """A table of numbers as text, a row an example."""

    Options: ClassVar[type[options.Options]] = CsvOptions

    @classmethod
    def takes(cls, content: bytes) -> bool:
        head = content[:4096]
        # What is no text has zeros or other control bytes early on.
        signs = sum(byte < 9 or 13 < byte < 32 for byte in head)
        return not signs and not is_xml(content) and not head.startswith((b"%PDF", b"GIF8"))

    @classmethod
    def read(cls, content: bytes, options: Any, progress: Progress | None = None) -> Examples:
        if len(content) > BYTES:
            raise refuse(
                f"the table has {len(content) / 2**20:.0f} MB; at most {BYTES // 2**20} MB of "
                "text are read",
                "Send fewer rows, or save the numbers by numpy.savez.",
            )
        text = decoded(content)
        form = form_of(text)
        table = _Table(form, len(content), progress)
        table.fill(rows_of(text, form.delimiter))
        return table.examples(options)


class _Table:
    """A table while it is read: numbers as numbers at once, words as indices."""

    def __init__(self, form: Form, size: int, progress: Progress | None) -> None:
        self.form, self.size, self.progress = form, size, progress
        width = len(form.names)
        self.numbers = {k: array("d") for k in range(width) if form.number[k]}
        self.words = {k: array("q") for k in range(width) if not form.number[k]}
        self.known: dict[int, dict[str, int]] = {k: {} for k in self.words}
        self.ragged, self.ragged_at = 0, 0
        self.strange, self.strange_at = 0, ""
        self.rows = 0

    def fill(self, rows: Iterator[list[str]]) -> None:
        """Take all rows."""
        width, decimal = len(self.form.names), self.form.decimal
        if self.form.header:
            next(rows)
        for at, row in enumerate(rows, 1 + self.form.header):
            if len(row) != width:
                self.ragged, self.ragged_at = self.ragged + 1, self.ragged_at or at
                continue
            self.rows += 1
            if self.rows % 1000 == 0:
                room(self.rows, 1)
                if self.progress is not None:
                    self.progress(0.0, f"{self.rows:,} rows read")
            for k, kept in self.numbers.items():
                found = value(row[k], decimal)
                if found is None:
                    self.strange += 1
                    self.strange_at = self.strange_at or (
                        f"row {at:,}, column {self.form.names[k]!r}: {clean(row[k])!r}"
                    )
                    found = math.nan
                kept.append(found)
            for k, codes in self.words.items():
                word, known = clean(row[k]), self.known[k]
                if word.lower() in MISSING:
                    codes.append(-1)
                elif len(known) > CLASSES and word not in known:
                    codes.append(-2)
                else:
                    codes.append(known.setdefault(word, len(known)))
        if not self.rows:
            raise refuse("it holds a header and no rows" if self.form.header else "it has no rows")

    def examples(self, options: Any) -> Examples:
        """What is learned: complete rows of the columns that vary."""
        names, notes = self.form.names, [self._said()]
        label = self._label(options.label)
        wanted = self._wanted(options.columns, label)
        x = np.column_stack([np.frombuffer(self.numbers[k], dtype=np.float64) for k in wanted])
        x, wanted = self._sound_columns(x, wanted, bool(options.columns.strip()), notes)
        words = [names[k] for k in self.words if k != label]
        if words:
            notes.append(f"Left out, since they hold words: {_listed(words)}.")
        y, complete = None, np.isfinite(x).all(axis=1)
        classes: tuple[str, ...] = ()
        if label is not None:
            y, classes, known = self._classes(label)
            complete &= known
        x = x[complete]
        self._left_out(int((~complete).sum()), notes)
        if y is not None:
            # A class may have lost all its rows.
            y, classes = labels([classes[i] for i in y[complete]]) if len(x) else (y[:0], ())
            notes.append(f"{names[label]!r} is the class: {count_noun(len(classes), 'value')}.")  # type: ignore[index]
            if len(classes) < 2:
                y, classes = None, ()
                notes.append("With one value only it tells nothing apart, and is left out.")
        x, final = self._varying(x, [names[k] for k in wanted], notes)
        room(len(x), x.shape[1])
        return Examples(x, y, classes, tuple(final), notes=tuple(notes), offered=self._offered())

    def _said(self) -> str:
        form = self.form
        sign = "comma" if form.decimal == "," else "point"
        head = "the first row holds the names" if form.header else "no row of names"
        how = DELIMITERS[form.delimiter]
        return (
            f"{count_noun(self.rows, 'row')} of {count_noun(len(form.names), 'column')} "
            f"separated by {how}; decimal {sign}; {head}."
        )

    def _label(self, asked: str) -> int | None:
        """The column of the class."""
        names, lower = self.form.names, [name.lower() for name in self.form.names]
        if asked == NONE:
            return None
        if asked != AUTO:
            if asked not in names:
                raise refuse(
                    f"there is no column {asked!r} for the label", f"There are: {_listed(names)}."
                )
            return names.index(asked)
        able = [k for k, known in self.known.items() if 2 <= len(known) <= self._most()]
        for word in LABELS:
            for k in able:
                if lower[k] == word:
                    return k
        for word in LABELS:
            for k in self.numbers:
                if lower[k] == word and len(self._kinds(k)) <= 20:
                    return k
        return able[-1] if able else None

    def _most(self) -> int:
        """More classes than half the rows are no classes."""
        return min(CLASSES, max(2, self.rows // 2))

    def _kinds(self, k: int) -> NDArray[np.float64]:
        """The values of a numeric column, if it has few whole ones."""
        found = np.frombuffer(self.numbers[k], dtype=np.float64)
        kinds = np.unique(found[np.isfinite(found)])
        whole = len(kinds) > 1 and bool((kinds == np.rint(kinds)).all())
        return kinds if whole else np.arange(CLASSES + 1.0)

    def _offered(self) -> dict[str, tuple[str, ...]]:
        names = self.form.names
        able = [names[k] for k, known in self.known.items() if 2 <= len(known) <= self._most()]
        able += [names[k] for k in self.numbers if len(self._kinds(k)) <= 20]
        return {"label": (AUTO, NONE, *able)}

    def _wanted(self, asked: str, label: int | None) -> list[int]:
        """The columns to learn."""
        names = self.form.names
        if not asked.strip():
            found = [k for k in self.numbers if k != label]
        else:
            found = []
            for word in filter(None, (w.strip() for w in asked.split(","))):
                if word not in names or names.index(word) not in self.numbers:
                    able = _listed([names[k] for k in self.numbers])
                    raise refuse(f"there is no column of numbers {word!r}", f"There are: {able}.")
                if names.index(word) not in found:
                    found.append(names.index(word))
        if not found:
            raise refuse("no column of numbers is left beside the label")
        return found

    def _sound_columns(
        self, x: NDArray[np.float64], wanted: list[int], chosen: bool, notes: list[str]
    ) -> tuple[NDArray[np.float64], list[int]]:
        """Without columns that are mostly empty, or that number the rows."""
        names = self.form.names
        gaps = [k for k, column in zip(wanted, x.T, strict=True) if np.isnan(column).mean() > 0.5]
        if gaps:
            where = _listed([names[k] for k in gaps])
            notes.append(f"Left out, since more than half of their values are missing: {where}.")
        ranks: list[int] = []
        if not chosen and len(wanted) > 1:
            order = np.arange(len(x))
            for k, column in zip(wanted, x.T, strict=True):
                if column[0] in (0, 1) and np.array_equal(column - column[0], order):
                    ranks.append(k)
        if ranks:
            where = _listed([names[k] for k in ranks])
            notes.append(f"Left out, since they only number the rows: {where}.")
        keep = [i for i, k in enumerate(wanted) if k not in {*gaps, *ranks}]
        if not keep:
            raise refuse("no column of numbers with enough values is left")
        return x[:, keep], [wanted[i] for i in keep]

    def _classes(self, k: int) -> tuple[NDArray[np.int64], tuple[str, ...], NDArray[np.bool_]]:
        """Class indices, the classes' names, and where the class is known."""
        if k in self.words:
            codes = np.frombuffer(self.words[k], dtype=np.int64)
            if (codes == -2).any():
                raise refuse(
                    f"the column {self.form.names[k]!r} has more than {CLASSES} values",
                    "Choose another label, or none.",
                )
            return np.maximum(codes, 0), tuple(self.known[k]), codes >= 0
        found = np.frombuffer(self.numbers[k], dtype=np.float64)
        known = np.isfinite(found)
        kinds = np.unique(found[known])
        if len(kinds) > CLASSES:
            raise refuse(
                f"the column {self.form.names[k]!r} has {len(kinds):,} values; at most {CLASSES} "
                "classes are told apart",
                "Choose another label, or none.",
            )
        codes = np.searchsorted(kinds, np.where(known, found, kinds[0] if len(kinds) else 0.0))
        return codes.astype(np.int64), tuple(f"{v:g}" for v in kinds), known

    def _left_out(self, gaps: int, notes: list[str]) -> None:
        """Say how many rows are not used, and refuse where that is most of them."""
        all_rows = self.rows + self.ragged
        if self.ragged:
            notes.append(
                f"{count_noun(self.ragged, 'row')} of another length left out (the first: row "
                f"{self.ragged_at:,})."
            )
        if gaps:
            notes.append(
                f"{count_noun(gaps, 'row')} left out: a value is missing, infinite or no number."
            )
        if self.strange_at:
            notes.append(f"The first that is no number: {self.strange_at}.")
        if gaps + self.ragged > 0.5 * all_rows:
            raise refuse(
                f"{gaps + self.ragged:,} of {all_rows:,} rows cannot be used. {' '.join(notes)}",
                "Fill or remove what is missing, or choose the columns to learn.",
            )

    @staticmethod
    def _varying(
        x: NDArray[np.float64], names: Sequence[str], notes: list[str]
    ) -> tuple[NDArray[np.float64], list[str]]:
        """Without columns that always hold the same."""
        if not len(x):
            return x, list(names)
        even = [bool((column == column[0]).all()) for column in x.T]
        if any(even) and len(x) > 1:
            if all(even):
                raise refuse("all its columns are constant: there is nothing to learn")
            constant = [name for name, flat in zip(names, even, strict=True) if flat]
            notes.append(f"Left out, since they are constant: {_listed(constant)}.")
            x = x[:, ~np.array(even)]
            names = [name for name, flat in zip(names, even, strict=True) if not flat]
        if np.abs(x).max() > 1e30:
            raise refuse("it holds numbers beyond 1e30", "Give them in another unit.")
        return x, list(names)


def _listed(names: Sequence[str]) -> str:
    """Up to eight names."""
    more = f" and {len(names) - 8:,} more" if len(names) > 8 else ""
    return ", ".join(map(repr, names[:8])) + more
