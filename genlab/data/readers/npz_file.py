"""Arrays of NumPy: ``x`` and, if there are labels, ``y``; never unpickled."""

from __future__ import annotations

import io
import lzma
import math
import zipfile
import zlib
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from genlab.data.readers.base import (
    ARRAY,
    COLUMNS,
    FEWEST,
    READERS,
    Examples,
    Progress,
    Reader,
    count_noun,
    distinct,
    labels,
    members,
    refuse,
    room,
)

#: Pixels of a side of a picture, at most.
SIDE = 128
HINT = "Save it by numpy.savez(file, x=examples, y=labels)."


def header(stream: IO[bytes], name: str) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """The shape, the order and the type of an array, read before any of its numbers.

    Raises:
        DataError: for objects, which would have to be unpickled, or a damaged header.
    """
    try:
        version = np.lib.format.read_magic(stream)
        reader = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }[version]
        shape, order, kind = reader(stream)
    except (ValueError, KeyError, EOFError, OSError, zipfile.BadZipFile, SyntaxError) as error:
        raise refuse(f"the array {name!r} is damaged ({type(error).__name__})", HINT) from None
    if kind.hasobject:
        raise refuse(
            f"the array {name!r} holds Python objects, which would have to be unpickled", HINT
        )
    return tuple(map(int, shape)), order, kind


def array(archive: zipfile.ZipFile, name: str) -> NDArray[Any]:
    """One array, after its header was judged."""
    with archive.open(f"{name}.npy") as stream:
        shape, order, kind = header(stream, name)
        n = shape[0] if shape else 0
        each = math.prod(shape[1:])
        if any(side < 0 for side in shape):
            raise refuse(f"the array {name!r} has the shape {shape}", HINT)
        if kind.itemsize > 1024:
            raise refuse(f"an entry of {name!r} has {kind.itemsize:,} bytes", HINT)
        room(n, each)
        size = n * each * kind.itemsize
        if size > ARRAY:
            raise refuse(
                f"the array {name!r} has {size / 2**20:,.0f} MB; at most {ARRAY // 2**20} MB are "
                "read",
                "Send fewer examples, or pictures as 8 bits (uint8).",
            )
        try:
            body = stream.read(size)
        except (zipfile.BadZipFile, OSError, EOFError, ValueError) as error:
            words = f"the array {name!r} is cut off or damaged ({type(error).__name__})"
            raise refuse(words) from None
        except (zlib.error, lzma.LZMAError) as error:
            words = f"the array {name!r} cannot be unfolded ({type(error).__name__})"
            raise refuse(words) from None
    if len(body) < size:
        raise refuse(f"the array {name!r} is cut off: {len(body):,} of {size:,} bytes are there")
    flat = np.frombuffer(body, dtype=kind)
    return flat.reshape(shape, order="F" if order else "C")


@READERS.register(
    "npz", title="npz", summary="Arrays of NumPy: x of numbers or pictures, y of labels."
)
class Npz(Reader):
    """An archive of arrays made by ``numpy.savez``."""

    @classmethod
    def takes(cls, content: bytes) -> bool:
        found = members(content)
        return bool(found) and all(info.filename.endswith(".npy") for info in found)

    @classmethod
    def read(cls, content: bytes, options: Any, progress: Progress | None = None) -> Examples:
        names = [info.filename.removesuffix(".npy") for info in members(content)]
        lower = {name.lower(): name for name in names}
        first = lower.get("x") or (names[0] if len(names) == 1 else None)
        if first is None:
            raise refuse(
                f"it has the arrays {', '.join(map(repr, names[:8]))} and none called 'x'", HINT
            )
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            x = array(archive, first)
            y = array(archive, lower["y"]) if "y" in lower else None
        notes = [f"The array {first!r} of shape {x.shape}, {x.dtype}."]
        others = [name for name in names if name not in {first, lower.get("y")}]
        if others:
            notes.append(f"Not used: the arrays {', '.join(map(repr, others[:8]))}.")
        return examples(x, y, notes)


def examples(x: NDArray[Any], y: NDArray[Any] | None, notes: list[str]) -> Examples:
    """Numbers or pictures from arrays, checked.

    Raises:
        DataError: for a type or shape that is neither, or labels that do not belong to them.

    Example:
        >>> examples(np.zeros((20, 4, 4, 3), np.uint8) + np.arange(4, dtype=np.uint8)[:, None],
        ...          None, []).x.shape
        (20, 3, 4, 4)
    """
    if x.dtype.kind not in "buif":
        raise refuse(f"'x' holds {x.dtype}, no numbers", HINT)
    if x.ndim not in (1, 2, 3, 4):
        raise refuse(
            f"'x' has the shape {x.shape}; allowed: (n, d), (n, H, W), (n, H, W, C), (n, C, H, W)"
        )
    if len(x) < FEWEST:
        raise refuse(f"'x' has {count_noun(len(x), 'example')}; at least {FEWEST} are needed")
    if 0 in x.shape:
        raise refuse(f"'x' has the shape {x.shape}: its examples are empty")
    if x.ndim > 2:
        x = channels_first(x, notes)
    elif x.ndim == 1:
        x = x[:, None]
    if x.ndim == 2 and x.shape[1] > COLUMNS:
        raise refuse(
            f"'x' has {x.shape[1]:,} columns; at most {COLUMNS} are read",
            "Give pictures in the shape (n, H, W).",
        )
    keep = np.ones(len(x), dtype=bool)
    if x.dtype.kind == "f":
        keep = np.isfinite(x).all(axis=tuple(range(1, x.ndim)))
    classes: tuple[str, ...] = ()
    if y is not None:
        y, classes, known = _labels(y, len(x))
        keep &= known
    bad = int((~keep).sum())
    if bad > 0.5 * len(x):
        raise refuse(f"{bad:,} of {len(x):,} examples hold NaN or infinity, or have no label")
    if bad:
        notes.append(f"{count_noun(bad, 'example')} left out: NaN, infinity or no label in them.")
        x = x[keep]
        y = None if y is None else y[keep]
    if y is not None and classes:
        used = np.unique(y)
        y, classes = np.searchsorted(used, y), tuple(classes[k] for k in used)
        notes.append(f"'y' is the class: {count_noun(len(classes), 'value')}.")
        if len(classes) < 2:
            y, classes = None, ()
    if x.ndim == 2:
        return _rows(x, y, classes, notes)
    pixels, white = grey_levels(x, notes)
    return Examples(pixels, y, classes, white=white, notes=tuple(notes))


def channels_first(x: NDArray[Any], notes: list[str]) -> NDArray[Any]:
    """Pictures as (n, C, H, W), C of 1 or 3."""
    if x.ndim == 3:
        x = x[:, None]
    elif x.shape[1] in (1, 3) and not (x.shape[3] in (1, 3) and x.shape[2] > 3 >= x.shape[3]):
        pass
    elif x.shape[3] in (1, 3):
        x = x.transpose(0, 3, 1, 2)
        notes.append("The last axis was taken for the colours.")
    else:
        raise refuse(
            f"'x' has the shape {x.shape}, of which neither the second nor the last axis is 1 or 3"
            " colours"
        )
    _, colours, height, width = x.shape
    if max(height, width) > SIDE or min(height, width) < 2:
        raise refuse(
            f"its pictures have {height} × {width} pixels; allowed: 2 to {SIDE} a side",
            "Make them smaller, best square with 8, 28, 32 or 64 pixels a side.",
        )
    notes.append(
        f"{len(x):,} pictures of {height} × {width} pixels, {'grey' if colours == 1 else 'RGB'}."
    )
    return x


def grey_levels(x: NDArray[Any], notes: list[str]) -> tuple[NDArray[Any], int]:
    """Pixels as 8 bits with the value of white, or as numbers in [0, 1] (white is 1).

    Raises:
        DataError: for values that are no grey levels.
    """
    low, high = float(x.min()), float(x.max())
    if low == high:
        raise refuse("all its pixels are the same: there is nothing to learn")
    if x.dtype.kind == "b":
        return x.astype(np.uint8), 1
    whole = x.dtype.kind in "ui" or bool((x == np.rint(x)).all())
    if whole and low >= 0 and high <= 255:
        white = 255 if high > 128 else int(high)
        if white not in (1, 255):
            notes.append(f"The largest value is {white}, which is taken for white.")
        return x.astype(np.uint8), white
    if x.dtype.kind == "f" and low >= 0 and high <= 1:
        levels = x.astype(np.float64) * 255
        near = np.rint(levels)
        if float(np.abs(levels - near).max()) < 1e-3:
            notes.append("Its values are 256 levels from 0 to 1: kept as 8 bits.")
            return near.astype(np.uint8), 255
        return np.ascontiguousarray(x, dtype=np.float32), 1
    if x.dtype.kind == "f" and low >= -1 and high <= 1:
        notes.append("Its values from -1 to 1 were moved to [0, 1].")
        return grey_levels((x.astype(np.float64) + 1) / 2, notes)
    raise refuse(
        f"its pixels lie from {low:.6g} to {high:.6g}; allowed: 0 to 255, 0 to 1 or -1 to 1",
        "Scale them, or send the examples as rows of numbers, (n, d).",
    )


def _rows(
    x: NDArray[Any], y: NDArray[np.int64] | None, classes: tuple[str, ...], notes: list[str]
) -> Examples:
    rows = x.astype(np.float64)
    if np.abs(rows).max() > 1e30:
        raise refuse("it holds numbers beyond 1e30", "Give them in another unit.")
    vary = rows.min(axis=0) < rows.max(axis=0)
    if not vary.any():
        raise refuse("all its columns are constant: there is nothing to learn")
    names = distinct([""] * rows.shape[1])
    if not vary.all():
        flat = [name for name, moves in zip(names, vary, strict=True) if not moves]
        notes.append(f"Left out, since they are constant: {count_noun(len(flat), 'column')}.")
    kept = tuple(name for name, moves in zip(names, vary, strict=True) if moves)
    return Examples(rows[:, vary], y, classes, kept, notes=tuple(notes))


def _labels(
    y: NDArray[Any], n: int
) -> tuple[NDArray[np.int64], tuple[str, ...], NDArray[np.bool_]]:
    """Class indices, names of the classes, and where the class is known."""
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.shape != (n,):
        raise refuse(f"'y' has the shape {y.shape}, and there are {n:,} examples; wanted: ({n},)")
    known = np.isfinite(y) if y.dtype.kind == "f" else np.ones(n, dtype=bool)
    if y.dtype.kind == "f" and not (y[known] == np.rint(y[known])).all():
        raise refuse("'y' holds numbers that are not whole, so they are no classes", HINT)
    if y.dtype.kind not in "buifU":
        raise refuse(f"'y' holds {y.dtype}; allowed: whole numbers or text", HINT)
    whole = y.dtype.kind in "f"
    words = [str(int(v)) if whole else str(v) for v in (np.where(known, y, 0) if whole else y)]
    codes, classes = labels(words)
    return codes, classes, known
