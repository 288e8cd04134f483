"""Images that are written as a table: a row of grey levels each, with or without a label."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa

from genlab.data.readers import numbers
from genlab.data.readers.base import COLUMNS, Examples, check_room, refuse
from genlab.data.readers.dialect import Layout, parse_table

#: Pixels of a side, at most.
SIDE = 128


def side_of(width: int) -> tuple[int, int] | None:
    """The side of the images in a table of so many columns, and how many columns are labels.

    Example:
        >>> side_of(785), side_of(784), side_of(800)
        ((28, 1), (28, 0), None)
    """
    for labels in (0, 1):
        side = math.isqrt(width - labels)
        if side * side == width - labels and 8 <= side <= SIDE:
            return side, labels
    return None


def is_pixel_table(width: int, layout: str) -> bool:
    """Whether a table is read as images.

    Raises:
        DataError: for too many columns that are not square images.
    """
    if layout == "pictures" and side_of(width) is None:
        raise refuse(f"its rows of {width:,} cells are no square images, with or without a label")
    if layout != "auto":
        return layout == "pictures"
    if width > COLUMNS and side_of(width) is None:
        raise refuse(f"it has {width:,} columns; at most {COLUMNS} are read", "Send fewer.")
    return width > COLUMNS


def read(layout: Layout) -> Examples:
    """The images of a table.

    Raises:
        DataError: if a cell is not a grey level.
    """
    # The order of the table of formats is that of their modules.
    from genlab.data.readers import npz_file

    found = side_of(layout.width)
    assert found is not None
    side, labels = found
    cells, _, ragged = parse_table(layout)
    check_room(cells.num_rows, layout.width)
    top = layout.top[0][1]
    header = any(numbers.parse_number(cell) is None for cell in top)
    values = np.empty((cells.num_rows - header, layout.width), dtype=np.float32)
    for k in range(layout.width):
        try:
            column = pa.compute.utf8_trim_whitespace(cells[k].slice(int(header)))
            values[:, k] = pa.compute.cast(column, pa.float32()).to_numpy()
        except pa.ArrowInvalid:
            name = top[k] if header and k < len(top) else f"column {k + 1}"
            raise refuse(f"a cell of {name!r} is no grey level") from None
    at = _label(top if header else (), values) if labels else None
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    if low < 0 or high > 255:
        raise refuse(
            f"it has {layout.width:,} columns; at most {COLUMNS} are read, and they are no grey "
            f"levels of 0 to 255 (they lie from {low:g} to {high:g})",
            "Send fewer.",
        )
    notes = [f"{len(values):,} rows of {layout.width:,} cells."]
    if ragged:
        notes.append(f"{ragged:,} rows of another length left out.")
    y = None
    if at is not None:
        y = values[:, at].astype(np.int64)
        values = np.delete(values, at, axis=1)
        name = repr(top[at]) if header else ("the first column" if at == 0 else "the last column")
        notes.append(f"{name} is the label.")
    shape = (len(values), side, side)
    return npz_file.examples(values.reshape(shape), y, notes)


def _label(top: tuple[str, ...], values: np.ndarray) -> int:
    """Which column is the label: by its name, else the first, unless the last has fewer values."""
    for k, cell in enumerate(top):
        if cell.strip().lower() in {"label", "class", "y", "target", "digit"}:
            return k
    kinds = [len(np.unique(values[:, k])) for k in (0, -1)]
    return 0 if kinds[0] <= kinds[1] else values.shape[1] - 1
