"""Drawn distributions: weights on a grid, stored as JSON and named by a digest."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import math
import re
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from genlab.core.errors import DataError
from genlab.core.folders import Folder, files_url, folder
from genlab.data import image_uploads
from genlab.data.grid_density import GridDensity

#: Cells an axis, and half the side of the box. The number divides the finer grids on which the
#: probes integrate, so that their midpoint rule is exact for a drawing.
CELLS, HALF = 64, 2.0
#: Levels of a weight, and the folder of the drawings.
LEVELS, PLACE, FORMAT = 255, "drawings", 1
ID = re.compile(r"drawing-[0-9a-f]{16}")
NOTHING = "Nothing was stored; the drawing that was there is kept."
Weights = NDArray[np.uint8]
#: Drawings that exported runs brought along, by id.
_guests: dict[str, Drawing] = {}


@dataclass(frozen=True, eq=False)
class Drawing:
    """Weights on a grid.

    Args:
        weights: (CELLS,) on the line, (CELLS, CELLS) in the plane, indexed [x, y], 0 to 255.
    """

    weights: Weights

    @property
    def dim(self) -> int:
        """1 on the line, 2 in the plane."""
        return self.weights.ndim

    @property
    def id(self) -> str:
        """A name computed from the content: equal drawings have equal names."""
        head = f"{FORMAT},{self.dim},{CELLS},{HALF};".encode()
        digest = hashlib.blake2b(head + self.weights.tobytes(), digest_size=8).hexdigest()
        return f"drawing-{digest}"

    @property
    def covered(self) -> int:
        """How many cells have a weight."""
        return int((self.weights > 0).sum())

    @property
    def density(self) -> GridDensity:
        """The density that the weights make."""
        return GridDensity(torch.from_numpy(self.weights.astype(np.float64)), -HALF, HALF)

    def flat(self) -> dict[str, Any]:
        """The drawing as plain values, for JSON."""
        text = base64.b64encode(self.weights.tobytes()).decode()
        return {"format": FORMAT, "dim": self.dim, "cells": CELLS, "weights": text}


def drawing(values: ArrayLike) -> Drawing:
    """A drawing from weights in any unit; the largest becomes 255.

    Args:
        values: (64,) or (64, 64) numbers from 0, indexed [x, y].

    Raises:
        DataError: if the shape is another, a number is not finite or below 0, or all are 0.

    Example:
        >>> drawing(np.eye(64)).covered
        64
    """
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise DataError(f"A drawing holds numbers and nothing else. {NOTHING}") from None
    if array.shape not in {(CELLS,), (CELLS, CELLS)}:
        raise DataError(
            f"A drawing has {CELLS} cells, or {CELLS} by {CELLS}; this one has the shape "
            f"{array.shape}. {NOTHING}"
        )
    if not np.isfinite(array).all() or (array < 0).any():
        raise DataError(f"A weight of a drawing is a finite number from 0. {NOTHING}")
    if not (array > 0).any():
        raise DataError(f"Nothing is drawn yet, so there is no distribution. {NOTHING}")
    scaled = np.ceil(array * (LEVELS / array.max()) - 0.5)
    # What has a weight keeps one: rounding removes no part of the support.
    return Drawing(np.where(array > 0, np.clip(scaled, 1, LEVELS), 0).astype(np.uint8))


def from_flat(values: Mapping[str, Any]) -> Drawing:
    """The drawing of plain values.

    Raises:
        DataError: if they are not a drawing.
    """
    try:
        dim, raw = int(values["dim"]), base64.b64decode(str(values["weights"]), validate=True)
        good = values["format"] == FORMAT and values["cells"] == CELLS and dim in (1, 2)
        weights = np.frombuffer(raw, dtype=np.uint8).reshape((CELLS,) * dim)
    except (KeyError, TypeError, ValueError):
        good = False
    if not good:
        raise DataError(f"This is not a drawing of this program. {NOTHING}")
    if not weights.any():
        raise DataError(f"Nothing is drawn yet, so there is no distribution. {NOTHING}")
    return Drawing(weights.copy())


def from_image(content: bytes, *, light: bool | None = None) -> Drawing:
    """An image as a density in the plane: its ink becomes mass.

    The image is fitted into the square. Brightness is averaged over the pixels of each cell.

    Args:
        content: a PNG or JPEG file.
        light: whether light parts are the ink; by the border of the image if not given.

    Raises:
        DataError: if it cannot be read, or holds no ink.
    """
    grey = image_uploads.read(content).pixels.mean(axis=2)
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    is_light = border.mean() < 0.5 if light is None else light
    ink = torch.from_numpy(np.ascontiguousarray(grey if is_light else 1.0 - grey))
    height, width = ink.shape
    side = CELLS / max(height, width)
    size = max(1, round(height * side)), max(1, round(width * side))
    small = torch.nn.functional.adaptive_avg_pool2d(ink[None, None], size)[0, 0].numpy()
    # A background that is not quite even gets no mass.
    small = np.where(small < 0.04, 0.0, small)
    square = np.zeros((CELLS, CELLS))
    top, left = (CELLS - size[0]) // 2, (CELLS - size[1]) // 2
    square[top : top + size[0], left : left + size[1]] = small
    return drawing(square[::-1].T)


def from_file(name: str, content: bytes) -> Drawing:
    """A drawing of a file: an npz with one array, the JSON of a drawing, or an image.

    Raises:
        DataError: if the file is not one of these, or not a drawing.
    """
    ending = name.rpartition(".")[2].lower()
    try:
        if ending == "json":
            return from_flat(json.loads(content))
        if ending == "npz":
            with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
                if len(arrays.files) != 1:
                    raise DataError(
                        f"The file holds {len(arrays.files)} arrays, not one. {NOTHING}"
                    )
                return drawing(arrays[arrays.files[0]])
    except (ValueError, OSError, AttributeError, zipfile.BadZipFile):
        raise DataError(f"{name} cannot be read as a drawing. {NOTHING}") from None
    return from_image(content)


# --- examples ------------------------------------------------------------------------------------


def _axis() -> NDArray[np.float64]:
    return np.asarray(-HALF + (np.arange(CELLS) + 0.5) * (2 * HALF / CELLS), dtype=np.float64)


def _plane() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    x, y = np.meshgrid(_axis(), _axis(), indexing="ij")
    return x, y


def _smile() -> NDArray[np.float64]:
    x, y = _plane()
    radius, angle = np.hypot(x, y), np.arctan2(y, x)
    face = np.exp(-0.5 * ((radius - 1.6) / 0.1) ** 2)
    mouth = np.exp(-0.5 * ((radius - 0.9) / 0.1) ** 2) / (1 + np.exp(12 * (angle + 0.6)))
    mouth *= 1 / (1 + np.exp(-12 * (angle + np.pi - 0.6)))
    eyes = sum(np.exp(-0.5 * ((x - s) ** 2 + (y - 0.6) ** 2) / 0.02) for s in (-0.55, 0.55))
    return np.asarray(face + 1.2 * mouth + 1.2 * eyes)


def _spiral() -> NDArray[np.float64]:
    x, y = _plane()
    radius, angle = np.hypot(x, y), np.arctan2(y, x) / (2 * np.pi)
    turn = (radius / 0.7 - angle + 0.5) % 1.0 - 0.5
    return np.asarray(np.exp(-0.5 * (turn / 0.14) ** 2) / (1 + np.exp(14 * (radius - 1.75))))


def _letter() -> NDArray[np.float64]:
    x, y = _plane()

    def stroke(ax: float, ay: float, bx: float, by: float) -> NDArray[np.float64]:
        t = np.clip(((x - ax) * (bx - ax) + (y - ay) * (by - ay)), 0, None)
        t = np.clip(t / ((bx - ax) ** 2 + (by - ay) ** 2), 0, 1)
        away = np.hypot(x - ax - t * (bx - ax), y - ay - t * (by - ay))
        return np.asarray(np.exp(-0.5 * (away / 0.12) ** 2))

    parts = stroke(-1.1, -1.4, 0, 1.4), stroke(0, 1.4, 1.1, -1.4), stroke(-0.65, -0.3, 0.65, -0.3)
    return np.asarray(np.maximum.reduce(parts))


def _hills() -> NDArray[np.float64]:
    x = _axis()
    hills = ((-1.2, 0.18, 1.0), (0.1, 0.3, 0.6), (1.3, 0.12, 0.8))
    return np.asarray(sum(h * np.exp(-0.5 * ((x - m) / s) ** 2) for m, s, h in hills))


EXAMPLES: Mapping[str, Callable[[], NDArray[np.float64]]] = {
    "smile": _smile,
    "spiral": _spiral,
    "letter": _letter,
    "hills": _hills,
}


def example(name: str) -> Drawing:
    """A drawing that comes with the project; very small weights become 0.

    Example:
        >>> example("hills").dim, example("smile").dim
        (1, 2)
    """
    values = EXAMPLES[name]()
    return drawing(np.where(values < 0.01 * values.max(), 0.0, values))


# --- storage -------------------------------------------------------------------------------------


def _folder() -> Folder:
    return folder(files_url())


def store(drawing: Drawing) -> str:
    """Store a drawing; the same one again is the same file.

    Returns:
        Its id, which a run names.

    Raises:
        DataError: if it cannot be written.
    """
    try:
        content = json.dumps(drawing.flat(), separators=(",", ":")).encode()
        _folder().write(f"{PLACE}/{drawing.id}.json", content)
    except OSError as error:
        raise DataError(f"The drawing could not be written: {error}. {NOTHING}") from None
    return drawing.id


def find(name: str) -> Drawing:
    """A drawing by the name of an example or by its id.

    Raises:
        DataError: if there is none, or it is damaged.
    """
    if name in EXAMPLES:
        return example(name)
    if name in _guests:
        return _guests[name]
    known = f"Draw it again on the page Data, or use an example: {', '.join(EXAMPLES)}."
    if not ID.fullmatch(name):
        raise DataError(f"There is no drawing {name[:40]!r}. {known}")
    try:
        found = from_flat(json.loads(_folder().read(f"{PLACE}/{name}.json")))
    except FileNotFoundError:
        raise DataError(f"There is no drawing {name!r}. {known}") from None
    except (ValueError, DataError):
        raise DataError(f"The drawing {name!r} is damaged. {known}") from None
    if found.id != name:
        raise DataError(f"The drawing {name!r} is damaged: its content is another. {known}")
    return found


def names() -> tuple[str, ...]:
    """The examples, and the ids of the stored drawings."""
    stored = (name.removesuffix(".json") for name in _folder().names(PLACE))
    return (*EXAMPLES, *(name for name in stored if ID.fullmatch(name)))


def take_guest(values: Mapping[str, Any]) -> None:
    """Take up the drawing that an exported run brought along.

    Raises:
        DataError: if it is not one.
    """
    made = from_flat(values)
    _guests[made.id] = made


class Names(tuple[str, ...]):
    """The drawings to choose from; one that an exported run brought along is taken as well."""

    def __contains__(self, value: object) -> bool:
        return super().__contains__(value) or value in _guests


def choices() -> Names:
    """The choices of the option ``drawing``."""
    return Names(names())


def share(drawing: Drawing) -> str:
    """How much of the box a drawing covers, in words.

    Example:
        >>> share(drawing(np.ones(64)))
        '64 of 64 cells of side 0.0625'
    """
    total = math.prod(drawing.weights.shape)
    return f"{drawing.covered:,} of {total:,} cells of side {2 * HALF / CELLS:g}"
