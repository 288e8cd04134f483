"""What is learned of the columns of a table: features, the class, and how it was read."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from genlab.data.readers import chosen_type, dates, dialect, pixel_table
from genlab.data.readers import columns as judge
from genlab.data.readers.base import (
    CLASSES,
    Examples,
    count_noun,
    encode_labels,
    refuse,
    split_rows,
)
from genlab.data.readers.columns import Cells
from genlab.data.readers.csv_cells import CsvCells
from genlab.data.readers.dialect import AUTO, NONE
from genlab.data.readers.reading import (
    ColumnReading,
    TableReading,
    describe_column,
    join_words,
    sentences,
)
from genlab.data.schema import Column

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
NO_VALUES: NDArray[np.float64] = np.empty(0)


def examples_of(table: CsvCells) -> Examples:
    """What is learned of a table, and how it was read.

    Raises:
        DataError: if no column can be learned.
    """
    return _Examples(table).examples()


class _Examples:
    def __init__(self, table: CsvCells) -> None:
        self.table, self.options, self.chosen = table, table.options, table.chosen
        self.names, self.notes = table.names, table.notes
        self.cells = table.read()
        self.n = table.n

    def examples(self) -> Examples:
        """What is learned, and how it was read."""
        cells = self.cells
        columns = [self._judged(k, one) for k, one in enumerate(list(cells))]
        columns = self._features(columns, cells)
        label = self._label(columns, cells)
        columns = [replace(c, role="class") if k == label else c for k, c in enumerate(columns)]
        columns = self._duplicates(columns, cells)
        raw = [self._values(c, one) for c, one in zip(columns, cells, strict=True)]
        readings = tuple(
            describe_column(c, one, values)
            for c, one, values in zip(columns, cells, raw, strict=True)
        )
        return self._made(columns, cells, raw, label, readings)

    def _judged(self, k: int, one: Cells) -> Column:
        """The type and the role of a column; its cells become numbers where the type asks."""
        given, unit = self.chosen.get(one.name, {}), self.table.units[k]

        def judged() -> tuple[Column, Cells]:
            column = judge.build_column(one, given, unit)
            if column.role != "feature":
                return column, one
            return chosen_type.as_type(column, one, self.table.row + 1 + self.table.skip)

        key = (one.key, unit, tuple(sorted(given.items())))
        column, cells = self.table.memory.of(f"column {k}", key, judged)
        self.cells[k] = replace(cells)
        wanted = given.get("type")
        is_kept = wanted in (None, column.type, "constant")
        if wanted == "ordinal" and not one.is_number and chosen_type.is_alphabetical(one.words):
            is_kept = False
        if not is_kept:
            self.notes.append(f"Look at {one.name!r}: {column.why}")
        if column.role == "feature" and not np.isfinite(cells.values).any():
            why = f"None of its cells is a value of the type {column.type}."
            self.notes.append(f"Look at {one.name!r}: {why} It is left out.")
            column = replace(column, role="leave out", why=why)
        return column

    def _features(self, columns: list[Column], cells: list[Cells]) -> list[Column]:
        """The columns that the user names, or all; an index is kept where nothing else is left."""
        if asked := self.options.columns.strip():
            wanted = [w for w in (word.strip() for word in asked.split(",")) if w]
            able = [c.name for c in columns if c.type != "constant"]
            for word in wanted:
                if word not in able:
                    raise refuse(
                        f"there is no column of numbers or categories {word!r}",
                        f"There are: {join_words(able)}.",
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
                    f"there is no column {asked!r} for the label",
                    f"There are: {join_words(names)}.",
                )
            return names.index(asked)
        features = {name for name, g in self.chosen.items() if "role" in g}
        if self.options.columns.strip():
            features |= {w.strip() for w in self.options.columns.split(",")}
        # Rows without a class are left out: one that most rows lack is not taken unasked.
        able = [
            k
            for k in self._able(columns, cells)
            if names[k] not in features and columns[k].missing <= 0.5
        ]
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

    def _values(self, column: Column, one: Cells) -> NDArray[np.float64]:
        """The numbers that a preview shows, and that are learned, of a column."""
        if column.type == "date" and not one.is_number:
            return chosen_type.numbers_of_words(one)
        if column.type == "date" and column.role != "feature" and not one.is_date:
            return dates.compact_days(one.values)
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
            if (large := np.flatnonzero(np.abs(raw[k]) > judge.LARGEST)).size:
                name, row = self.names[k], int(self.table.row[large[0]]) + 1 + self.table.skip
                raise refuse(
                    f"{count_noun(len(large), 'cell')} of {name!r} hold"
                    f"{'s' * (len(large) == 1)} a number beyond 1e30 (the first: row {row:,}: "
                    f"{raw[k][large[0]]:g})",
                    "Give them in another unit, name the code if they are missing entries, or "
                    "leave the column out.",
                )
            x[:, at] = raw[k]
            # One copy of the numbers at a time: the class alone is needed again.
            if k != label:
                cells[k].values = raw[k] = NO_VALUES
        first = self.table.decisions[0]
        plain = first.certain and "sep=" not in first.how
        shown = self.table.decisions[1:] if plain else self.table.decisions
        notes = [self._summary_note(), *self.table.layout.notes, *(d.how for d in shown)]
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
            y, classes = encode_labels([classes[i] for i in y[keep]]) if len(x) else (y[:0], ())
            notes.append(
                f"{self.names[label]!r} is the class: {count_noun(len(classes), 'value')}."
            )
            if len(classes) < 2:
                y, classes = None, ()
                notes.append("It has only one value, and is left out.")
        pixels = pixel_table.side_of(len(self.names))
        if pixels and len(self.names) > 60 and all(c.high <= 255 and c.low >= 0 for c in columns):
            notes.append(
                f"Its rows may be images of {pixels[0]} × {pixels[0]}: the option layout = "
                "images reads them so."
            )
        self._ragged(notes, int((~keep).sum()))
        schema = [columns[k] for k in wanted]
        reading = TableReading(self.n, tuple(self.table.decisions), readings)
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

    def _summary_note(self) -> str:
        how = dialect.SEPARATORS.get(self.table.layout.separator, "nothing")
        head = "the first row holds the names" if self.table.skip else "no row of names"
        kinds = {s.decimal for s, n in zip(self.table.signs, self.table.number, strict=True) if n}
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
        """Note the number of rows of another length; refuse if these are most rows."""
        if self.table.n_ragged:
            which = f"the first: {self.table.ragged[0][1]!r}"
            notes.append(
                f"{count_noun(self.table.n_ragged, 'row')} of another length left out ({which})."
            )
        every = self.n + self.table.n_ragged
        if self.table.n_ragged + left > 0.5 * every:
            raise refuse(
                f"{self.table.n_ragged + left:,} of {every:,} rows cannot be used. "
                f"{' '.join(notes)}",
                "Choose the separator, or repair the rows.",
            )
