"""Arrays of NumPy: ``x`` and, if there are labels, ``y``; never unpickled."""

from __future__ import annotations

import io
import lzma
import math
import re
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import IO, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from genlab.core import options
from genlab.core.options import Options, option
from genlab.data.readers.base import (
    ARRAY,
    COLUMNS,
    FEWEST,
    READERS,
    Examples,
    Progress,
    Reader,
    check_room,
    count_noun,
    encode_labels,
    make_distinct,
    members,
    refuse,
    split_rows,
    white_value,
)
from genlab.data.readers.columns import Cells, build_column
from genlab.data.readers.numbers import Signs
from genlab.data.schema import Column
from genlab.data.splits import given_parts

#: Pixels of a side of an image, at most.
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
        if not shape:
            raise refuse(f"the array {name!r} is a single number, not one row an example", HINT)
        n = shape[0]
        each = math.prod(shape[1:])
        if any(side < 0 for side in shape):
            raise refuse(f"the array {name!r} has the shape {shape}", HINT)
        if kind.itemsize > 1024:
            raise refuse(f"an entry of {name!r} has {kind.itemsize:,} bytes", HINT)
        check_room(n, each)
        size = n * each * kind.itemsize
        if size > ARRAY:
            raise refuse(
                f"the array {name!r} has {size / 2**20:,.0f} MB; at most {ARRAY // 2**20} MB are "
                "read",
                "Send fewer examples, or images as 8 bits (uint8).",
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


@dataclass(frozen=True)
class NpzOptions(Options):
    """What may be chosen of arrays."""

    layout: str = option(
        "auto",
        "rows of 64, 784, 1024 or another square number of grey levels: as images or as a "
        "table; auto: images from 784 whole numbers of 0 to 255 on",
        choices=("auto", "pictures", "table"),
    )


#: Names of arrays of examples and of labels, and how the parts of a split are called.
X_NAMES = ("x", "images", "imgs", "image", "data", "features", "samples", "arr_0")
Y_NAMES = ("y", "labels", "label", "targets", "target", "classes", "arr_1")
SPLITS = {"train": 0, "training": 0, "val": 1, "valid": 1, "validation": 1, "dev": 1, "test": 2}


@READERS.register(
    "npz",
    title="npz",
    summary="Arrays of NumPy: x of numbers or images, y of labels.",
    order=20,
)
class Npz(Reader):
    """An archive of arrays made by ``numpy.savez``, also as MedMNIST, Keras and dSprites do."""

    Options: ClassVar[type[options.Options]] = NpzOptions

    @classmethod
    def takes(cls, content: bytes) -> bool:
        found = members(content)
        return bool(found) and all(info.filename.endswith(".npy") for info in found)

    @classmethod
    def read(cls, content: bytes, options: Any, progress: Progress | None = None) -> Examples:
        names = [info.filename.removesuffix(".npy") for info in members(content)]
        parts = split_names(names)
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            part: NDArray[np.int8] | None
            if parts:
                x, y, part, notes = _parts(archive, parts)
                used = {name for pair in parts.values() for name in pair if name}
            else:
                x, y, part, notes, used = _single(archive, names)
        others = [name for name in names if name not in used]
        if others:
            notes.append(f"Not used: the arrays {', '.join(map(repr, others[:8]))}.")
        return examples(x, y, notes, part=part, layout=options.layout)


def split_names(names: Sequence[str]) -> dict[int, tuple[str, str]]:
    """For each part of a split its arrays of examples and of labels; empty if there is none.

    Example:
        >>> split_names(["x_train", "y_train", "x_test", "y_test"])
        {0: ('x_train', 'y_train'), 2: ('x_test', 'y_test')}
        >>> split_names(["train_images", "train_labels", "test_images"])
        {0: ('train_images', 'train_labels'), 2: ('test_images', '')}
    """
    found: dict[int, list[str]] = {}
    for name in names:
        words = re.split(r"[_ .-]", name.lower())
        part = next((SPLITS[w] for w in words if w in SPLITS), None)
        if part is None:
            continue
        rest = [w for w in words if w not in SPLITS]
        pair = found.setdefault(part, ["", ""])
        if any(w in X_NAMES for w in rest) or not rest:
            pair[0] = pair[0] or name
        elif any(w in Y_NAMES for w in rest):
            pair[1] = pair[1] or name
    whole = {part: (pair[0], pair[1]) for part, pair in sorted(found.items()) if pair[0]}
    return whole if 0 in whole else {}


def _parts(
    archive: zipfile.ZipFile, parts: dict[int, tuple[str, str]]
) -> tuple[NDArray[Any], NDArray[Any] | None, NDArray[np.int8], list[str]]:
    """The arrays of all parts, one after the other."""
    xs, ys, of = [], [], []
    labelled = all(y for _, y in parts.values())
    for k, (first, second) in parts.items():
        xs.append(array(archive, first))
        of += [k] * len(xs[-1])
        if labelled:
            ys.append(array(archive, second))
            if len(ys[-1]) != len(xs[-1]):
                raise refuse(f"{second!r} has {len(ys[-1]):,} labels for {len(xs[-1]):,} examples")
    if len({a.shape[1:] for a in xs}) > 1 or len({a.shape[1:] for a in ys}) > 1:
        shapes = ", ".join(
            f"{x!r} {a.shape}" for (x, _), a in zip(parts.values(), xs, strict=True)
        )
        raise refuse(f"its parts have other shapes ({shapes})")
    shown = ", ".join(f"{x!r} ({len(a):,})" for (x, _), a in zip(parts.values(), xs, strict=True))
    notes = [f"The arrays {shown} are the parts of the split."]
    if not labelled and any(y for _, y in parts.values()):
        notes.append("Not every part has labels, so none are used.")
    x = np.concatenate(xs)
    check_room(len(x), math.prod(x.shape[1:]))
    part = given_parts(np.array(of, dtype=np.int8))
    return x, np.concatenate(ys) if labelled else None, part, notes


def _single(
    archive: zipfile.ZipFile, names: Sequence[str]
) -> tuple[NDArray[Any], NDArray[Any] | None, None, list[str], set[str]]:
    """One array of examples, and the labels, if any."""
    lower = {name.lower(): name for name in names}
    first = next((lower[w] for w in X_NAMES if w in lower), None)
    if first is None:
        first = names[0] if len(names) == 1 else _largest(archive, names)
    if first is None:
        raise refuse(
            f"it has the arrays {', '.join(map(repr, names[:8]))} and none called 'x'", HINT
        )
    x = array(archive, first)
    label = next((lower[w] for w in Y_NAMES if w in lower and lower[w] != first), None)
    notes = [f"The array {first!r} of shape {x.shape}, {x.dtype}."]
    y = None if label is None else array(archive, label)
    if y is not None and first.lower() != "x" and len(y) != len(x):
        notes.append(f"{label!r} has another length and is not used.")
        y, label = None, None
    return x, y, None, notes, {first, *([label] if label else [])}


def _largest(archive: zipfile.ZipFile, names: Sequence[str]) -> str | None:
    """The one array of images, where there is one only."""
    able = []
    for name in names:
        with archive.open(f"{name}.npy") as stream:
            shape, _, kind = header(stream, name)
        if len(shape) in (3, 4) and kind.kind in "buif":
            able.append(name)
    return able[0] if len(able) == 1 else None


def examples(
    x: NDArray[Any],
    y: NDArray[Any] | None,
    notes: list[str],
    *,
    part: NDArray[np.int8] | None = None,
    layout: str = "auto",
) -> Examples:
    """Numbers or images from arrays, checked.

    Args:
        x, y: as the file has them.
        notes: the findings; more are added.
        part: of each example, where the file itself is split.
        layout: see :class:`NpzOptions`.

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
    x = rows_as_images(x, layout, notes)
    if x.ndim > 2:
        x = channels_first(x, notes)
    elif x.ndim == 1:
        x = x[:, None]
    if x.ndim == 2 and x.shape[1] > COLUMNS:
        raise refuse(
            f"'x' has {x.shape[1]:,} columns; at most {COLUMNS} are read",
            "Give images in the shape (n, H, W).",
        )
    keep = np.ones(len(x), dtype=bool)
    if x.ndim == 2 and x.dtype.kind == "f":
        # An entry of a table may be missing: the others of its row are learned.
        keep = np.isfinite(x).any(axis=1) & ~np.isinf(x).any(axis=1)
    elif x.dtype.kind == "f":
        keep = np.isfinite(x).all(axis=tuple(range(1, x.ndim)))
    classes: tuple[str, ...] = ()
    if y is not None:
        y, classes, known = _labels(y, len(x))
        keep &= known
    bad = int((~keep).sum())
    if bad > 0.5 * len(x):
        raise refuse(f"{bad:,} of {len(x):,} examples hold NaN or infinity, or have no label")
    if bad:
        what = "nothing but NaN" if x.ndim == 2 else "NaN"
        notes.append(
            f"{count_noun(bad, 'example')} left out: {what}, infinity or no label in them."
        )
        x = x[keep]
        part = None if part is None else part[keep]
        y = None if y is None else y[keep]
    if y is not None and classes:
        used = np.unique(y)
        y, classes = np.searchsorted(used, y), tuple(classes[k] for k in used)
        notes.append(f"'y' is the class: {count_noun(len(classes), 'value')}.")
        if len(classes) < 2:
            y, classes = None, ()
    if x.ndim == 2:
        return split_rows(replace(_rows(x, y, classes, notes), part=part))
    pixels, white = grey_levels(x, notes)
    return split_rows(Examples(pixels, y, classes, white=white, notes=tuple(notes), part=part))


def rows_as_images(x: NDArray[Any], layout: str, notes: list[str]) -> NDArray[Any]:
    """Rows of grey levels as images (n, S, S), where they are asked for or surely are some.

    Example:
        >>> rows_as_images(np.full((10, 784), 7, np.uint8), "auto", []).shape
        (10, 28, 28)
        >>> rows_as_images(np.full((10, 64), 7, np.uint8), "auto", []).shape
        (10, 64)
    """
    if x.ndim != 2 or layout == "table":
        return x
    side = math.isqrt(x.shape[1])
    square = side * side == x.shape[1] and 2 <= side <= SIDE
    if layout == "pictures":
        if not square:
            raise refuse(f"rows of {x.shape[1]:,} numbers are no square images of up to {SIDE}")
    else:
        there = x[np.isfinite(x)] if x.dtype.kind == "f" else x
        levels = square and side >= 8 and there.size and there.min() >= 0 and there.max() <= 255
        if not levels:
            return x
        whole = x.dtype.kind in "bui" or bool((there == np.rint(there)).all())
        if side < 28 or not (whole or there.max() <= 1):
            notes.append(
                f"Rows of {x.shape[1]:,} numbers may be images of {side} × {side}: the option "
                "layout = pictures reads them so."
            )
            return x
    notes.append(
        f"Rows of {x.shape[1]:,} numbers were taken for images of {side} × {side} pixels "
        "(layout = table keeps them as columns)."
    )
    return x.reshape(len(x), side, side)


def channels_first(x: NDArray[Any], notes: list[str]) -> NDArray[Any]:
    """Images as (n, C, H, W), C of 1 or 3."""
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
            f"its images have {height} × {width} pixels; allowed: 2 to {SIDE} a side",
            "Make them smaller, best square with 8, 28, 32 or 64 pixels a side.",
        )
    notes.append(
        f"{len(x):,} images of {height} × {width} pixels, {'grey' if colours == 1 else 'RGB'}."
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
    if whole and low >= 0 and high <= 65_535:
        white = white_value(int(high))
        notes.append(
            f"Its largest value is {high:,.0f}: {white:,} is taken for white, and levels are kept "
            "as numbers from 0 to 1."
        )
        return (x.astype(np.float64) / white).astype(np.float32), 1
    if whole and x.dtype.kind == "i":
        notes.append(
            f"Its values from {low:,.0f} to {high:,.0f} were moved to [0, 1]: {low:,.0f} is "
            f"black, {high:,.0f} is white."
        )
        return ((x.astype(np.float64) - low) / (high - low)).astype(np.float32), 1
    raise refuse(
        f"its pixels lie from {low:.6g} to {high:.6g}; allowed: whole numbers, 0 to 1 or -1 to 1",
        "Scale them, or send the examples as rows of numbers, (n, d).",
    )


def _rows(
    x: NDArray[Any], y: NDArray[np.int64] | None, classes: tuple[str, ...], notes: list[str]
) -> Examples:
    rows = x.astype(np.float64)
    if np.nanmax(np.abs(rows)) > 1e30:
        raise refuse("it holds numbers beyond 1e30", "Give them in another unit.")
    gaps = np.isnan(rows)
    vary = np.where(gaps, np.inf, rows).min(axis=0) < np.where(gaps, -np.inf, rows).max(axis=0)
    if not vary.any():
        raise refuse("all its columns are constant: there is nothing to learn")
    names = make_distinct([""] * rows.shape[1])
    if not vary.all():
        flat = [name for name, moves in zip(names, vary, strict=True) if not moves]
        notes.append(f"Left out, since they are constant: {count_noun(len(flat), 'column')}.")
    kept = tuple(name for name, moves in zip(names, vary, strict=True) if moves)
    rows, gaps = rows[:, vary], gaps[:, vary]
    schema: tuple[Column, ...] = ()
    if gaps.any():
        notes.append(
            f"{count_noun(int(gaps.sum()), 'entry', 'entries')} in "
            f"{count_noun(int(gaps.any(axis=1).sum()), 'row')} missing (NaN): the other entries "
            "of these rows are learned."
        )
        cells = [Cells(name, Signs(), True, {}, rows[:, k]) for k, name in enumerate(kept)]
        judged = [build_column(one, {"role": "feature"}) for one in cells]
        schema = tuple(
            replace(c, type="numeric") if c.type in ("id", "constant", "date") else c
            for c in judged
        )
    return Examples(rows, y, classes, kept, notes=tuple(notes), schema=schema)


def _labels(
    y: NDArray[Any], n: int
) -> tuple[NDArray[np.int64], tuple[str, ...], NDArray[np.bool_]]:
    """Class indices, names of the classes, and where the class is known."""
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim == 2 and len(y) == n and y.shape[1] > 1 and y.dtype.kind in "buif":
        hot = y.astype(np.float64)
        if not (np.isin(hot, (0, 1)).all() and (hot.sum(axis=1) <= 1).all()):
            raise refuse(
                f"'y' has the shape {y.shape} and is not one-hot (one 1 a row); wanted: ({n},)"
            )
        known = hot.sum(axis=1) == 1
        codes, classes = encode_labels([str(k) for k in hot.argmax(axis=1)])
        return codes, classes, known
    if y.dtype.kind == "S":
        y = np.array([v.decode("utf-8", "replace") for v in y.ravel()]).reshape(y.shape)
    if y.shape != (n,):
        raise refuse(f"'y' has the shape {y.shape}, and there are {n:,} examples; wanted: ({n},)")
    known = np.isfinite(y) if y.dtype.kind == "f" else np.ones(n, dtype=bool)
    if y.dtype.kind == "f" and not (y[known] == np.rint(y[known])).all():
        raise refuse("'y' holds numbers that are not whole, so they are not classes", HINT)
    if y.dtype.kind not in "buifU":
        raise refuse(f"'y' holds {y.dtype}; allowed: whole numbers or text", HINT)
    whole = y.dtype.kind in "f"
    words = [str(int(v)) if whole else str(v) for v in (np.where(known, y, 0) if whole else y)]
    codes, classes = encode_labels(words)
    return codes, classes, known
