"""The description of a user's dataset, stored with its tensors: shape, columns, parts, notes."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from genlab.core.errors import DataError
from genlab.data.readers.base import FEWEST, Examples, clean, split_rows
from genlab.data.schema import Column, common, encode, entries, spans
from genlab.data.splits import PARTS, sizes

FORMAT = 2

#: Names are shown and typed: letters, digits and a few signs, up to 40 of them.
NAME = re.compile(r"\w[\w .,+()'-]{0,39}")

ID = re.compile(r"[a-z0-9-]{1,24}-[0-9a-f]{12}")

#: The largest number of entries of an encoded example.
ENTRIES = 2000

#: Fields that descriptions of format 1 lack.
ADDED = {"schema", "parts", "whole_rows", "fill", "logs"}


@dataclass(frozen=True)
class Description:
    """What is known of a stored set without its tensors.

    Args:
        id: the id that a run names: of the name and the content.
        name: its name for users.
        shape: of one example.
        n: the number of examples.
        values: ``binary`` (0 and 1), ``levels`` (256 of them), ``unit`` (in [0, 1]), ``real``,
            or ``counts`` (whole numbers from 0).
        white: the stored value of an image that means white.
        columns, classes: their names.
        shift, scale: mean and standard deviation of each column of the training part.
        notes: the reader's findings, omissions and changes.
        size, sha256: of the file of the tensors.
        schema: of a table, its columns as stored: values, or indices of categories, NaN where an
            entry is missing. Empty for images and for sets stored before there was one.
        parts: the number of examples of each part; empty for sets stored before parts were stored.
        whole_rows: of each part, the rows without a missing entry.
        fill: the value that replaces a missing entry of each column: of the training part.
        logs: per entry, the offset c where log(v + c) is standardised; -1 where v is. Empty for
            sets stored before there were any.
        shape, columns, shift, scale: of examples as a model sees them, categories as 0/1 entries.
        created: when, in seconds since 1970.
    """

    id: str
    name: str
    shape: tuple[int, ...]
    n: int
    values: str
    white: int = 1
    columns: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    shift: tuple[float, ...] = ()
    scale: tuple[float, ...] = ()
    notes: tuple[str, ...] = ()
    size: int = 0
    sha256: str = ""
    created: float = 0.0
    format: int = FORMAT
    schema: tuple[Column, ...] = ()
    parts: tuple[int, ...] = ()
    whole_rows: tuple[int, ...] = ()
    fill: tuple[float, ...] = ()
    logs: tuple[float, ...] = ()

    @property
    def is_image(self) -> bool:
        """Whether its examples are images."""
        return len(self.shape) == 3

    @property
    def missing(self) -> bool:
        """Whether entries are missing."""
        return any(column.missing > 0 for column in self.schema)

    @property
    def sizes(self) -> dict[str, int]:
        """How many examples each part has."""
        if self.parts:
            return dict(zip(PARTS, self.parts, strict=True))
        return sizes(self.n)

    @property
    def fills(self) -> bool:
        """Whether ``incomplete=auto`` fills missing entries, since too few rows are whole."""
        return sum(self.whole_rows) < 0.5 * self.n or any(
            k < min(2, n) for k, n in zip(self.whole_rows, self.parts, strict=True)
        )

    @property
    def real(self) -> bool:
        """Whether its columns are real numbers, which may be standardised."""
        return self.values in {"real", "counts"}


def nature(examples: Examples) -> str:
    """What the values are: see :class:`Description`."""
    x = examples.x
    if x.dtype.kind == "f":
        x = encode(x, examples.schema) if examples.schema else x
        x = x[~np.isnan(x)]
        low, high = float(x.min()), float(x.max())
        whole = bool((x == np.rint(x)).all())
        if whole and low >= 0 and high <= 1:
            return "binary"
        if not examples.is_table:
            return "unit"
        return "counts" if whole and low >= 0 else "real"
    return {1: "binary", 255: "levels"}.get(examples.white, "unit")


def describe(examples: Examples, name: str) -> Description:
    """The description that a set will have once it is stored.

    Raises:
        DataError: for a name that cannot be kept.
    """
    name = name.strip()
    if not NAME.fullmatch(name):
        raise DataError(
            f"{clean(name)!r} is no name: letters, digits, spaces and .,+()'- , 40 at most. "
            "Nothing was stored."
        )
    x, kind = examples.x, nature(examples)
    if len(x) < FEWEST:
        raise DataError(f"A set needs at least {FEWEST} examples; nothing was stored.")
    digest = hashlib.blake2b(digest_size=6)
    head = [str(x.dtype), x.shape, examples.white, examples.columns, examples.classes]
    digest.update(json.dumps(head).encode())
    digest.update(np.ascontiguousarray(x).data)
    if examples.schema:
        # The same numbers may mean other categories.
        flat = [column.flat() for column in examples.schema]
        for one in flat:
            # What was added later: the same file keeps its id.
            one.pop("dispersion")
        digest.update(json.dumps(flat).encode())
    if examples.part is not None:
        digest.update(np.ascontiguousarray(examples.part).data)
    if examples.y is not None:
        digest.update(np.ascontiguousarray(examples.y).data)
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower().encode("ascii", "ignore").decode()).strip("-")
    set_id = f"{slug[:24].strip('-') or 'set'}-{digest.hexdigest()}"
    part = examples.part
    if part is None:
        part = split_rows(examples).part
        assert part is not None
    known = Description(
        id=set_id,
        name=name,
        shape=tuple(map(int, x.shape[1:])),
        n=len(x),
        values=kind,
        white=examples.white if x.dtype.kind != "f" else 1,
        columns=examples.columns,
        classes=examples.classes,
        notes=examples.notes,
        parts=tuple(int((part == k).sum()) for k in range(len(PARTS))),
    )
    if examples.schema:
        known = _with_schema(known, examples, part)
    if not known.real:
        return known
    wide = encode(x, examples.schema) if examples.schema else x
    training = wide[part == 0]
    logs = offsets(wide, examples.schema) if examples.schema else ()
    if any(c >= 0 for c in logs):
        training = with_logs(training, logs)
        known = replace(known, logs=logs)
    # A column that the user keeps may be constant in the training part.
    scale = [float(s) if s > 0 else 1.0 for s in np.nanstd(training, axis=0)]
    shift = [float(m) if np.isfinite(m) else 0.0 for m in np.nanmean(training, axis=0)]
    for column, (first, last) in zip(examples.schema, spans(examples.schema), strict=True):
        if column.indicators or (column.type == "binary" and column.categories):
            # What is 0 or 1 stays 0 or 1.
            scale[first:last], shift[first:last] = [1.0] * (last - first), [0.0] * (last - first)
    return replace(known, shift=tuple(shift), scale=tuple(scale))


def offsets(wide: Any, schema: tuple[Column, ...]) -> tuple[float, ...]:
    """The offset c of log(v + c) of each entry of a positive column; -1 if none is used.

    0 where all values are positive; half of the smallest positive value where some are 0.
    """
    found = []
    for column, (first, last) in zip(schema, spans(schema), strict=True):
        values = wide[:, first]
        if column.type != "positive" or not column.low >= 0 or not (values > 0).any():
            found += [-1.0] * (last - first)
        else:
            some = float(values[values > 0].min())
            found.append(0.0 if column.low > 0 else 0.5 * some)
    return tuple(found)


def with_logs(wide: Any, logs: tuple[float, ...]) -> Any:
    """Encoded rows, with the logarithm of the columns that use it."""
    made = np.array(wide, dtype=np.float64)
    for k, c in enumerate(logs):
        if c >= 0:
            made[:, k] = np.log(made[:, k] + c)
    return made


def _with_schema(known: Description, examples: Examples, part: Any) -> Description:
    """The description with columns as stored, and as a model sees them."""
    whole = np.isfinite(examples.x).all(axis=1)
    wide = entries(examples.schema)
    if len(wide) > ENTRIES:
        raise DataError(
            f"Its categories make {len(wide):,} entries of an example; at most {ENTRIES:,} are "
            "learned. Leave out columns with many categories. Nothing was stored."
        )
    return replace(
        known,
        shape=(len(wide),),
        columns=wide,
        schema=tuple(
            replace(column, dispersion=dispersion(examples.x[:, k]))
            if column.type == "count"
            else column
            for k, column in enumerate(examples.schema)
        ),
        whole_rows=tuple(int((whole & (part == k)).sum()) for k in range(len(PARTS))),
        fill=tuple(map(float, common(examples.x[part == 0], examples.schema))),
    )


def dispersion(values: Any) -> float:
    """The variance divided by the mean of the present entries; 0 without a mean.

    Example:
        >>> dispersion(np.array([1.0, 3.0, np.nan]))
        0.5
    """
    there = values[np.isfinite(values)]
    return float(there.var() / there.mean()) if len(there) and there.mean() > 0 else 0.0


def description_from_record(name: str, values: Any) -> Description:
    """The description in a stored record.

    Args:
        name: the id that it must have.
        values: the record.

    Raises:
        TypeError, ValueError, KeyError: if the record is damaged or from a newer version.
    """
    kinds = {entry.name: entry.type for entry in fields(Description)}
    if not isinstance(values, dict):
        raise TypeError(name)
    needed = set(kinds) - ADDED
    if values.get("format", 0) > FORMAT or not needed <= set(values) <= set(kinds):
        raise ValueError(name)
    if values["id"] != name:
        raise ValueError(name)
    checked: dict[str, Any] = {
        k: tuple(v) if str(kinds[k]).startswith("tuple") else v for k, v in values.items()
    }
    checked["schema"] = tuple(Column.of(one) for one in checked.get("schema", ()))
    return Description(**checked)
