"""Pictures in a ZIP: the folder of a picture is its class."""

from __future__ import annotations

import io
import lzma
import zipfile
import zlib
from collections import Counter
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from genlab.core import options
from genlab.core.errors import DataError
from genlab.core.options import Options, option
from genlab.data import image_uploads
from genlab.data.base import DataMeta
from genlab.data.readers.base import (
    READERS,
    Examples,
    Progress,
    Reader,
    clean,
    count_noun,
    labels,
    members,
    refuse,
    room,
)

#: Sides that the convolutional nets know.
SIDES = (8, 28, 32, 64)
ENDINGS = {".png", ".jpg", ".jpeg", ".webp", ".bmp"}
NOTHING = image_uploads.Manner(0.5)


@dataclass(frozen=True)
class PictureOptions(Options):
    """What is made of pictures."""

    side: int = option(
        28, "pixels of a side", choices=SIDES, unit="pixels", label="Gaussians per side"
    )
    colour: str = option("grey", "grey levels or colours", choices=("grey", "RGB"), label="Colour")
    fit: str = option(
        "crop",
        "what of a picture that is not square: the square in its middle, or all of it on its "
        "ground",
        choices=("crop", "whole"),
        label="Fit",
    )


@READERS.register(
    "images", title="ZIP of pictures", summary="PNG, JPEG, WebP or BMP; a folder is a class."
)
class Images(Reader):
    """An archive of pictures, each made square and small."""

    Options: ClassVar[type[options.Options]] = PictureOptions

    @classmethod
    def takes(cls, content: bytes) -> bool:
        found = members(content)
        return bool(found) and not all(info.filename.endswith(".npy") for info in found)

    @classmethod
    def read(cls, content: bytes, options: Any, progress: Progress | None = None) -> Examples:
        there = members(content)
        wanted = sorted((i for i in there if _is_picture(i.filename)), key=lambda i: i.filename)
        if not wanted:
            raise refuse(
                f"the archive holds {count_noun(len(there), 'file')} and no picture (PNG, JPEG, "
                "WebP, BMP)"
            )
        channels = 1 if options.colour == "grey" else 3
        room(len(wanted), channels * options.side**2)
        kept, folders, wrong = [], [], Counter[str]()
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for k, info in enumerate(wanted):
                if progress is not None and k % 50 == 0:
                    progress(k / len(wanted), f"{k:,} of {len(wanted):,} pictures read")
                try:
                    kept.append(picture(_unfolded(archive, info), channels, options))
                except DataError as error:
                    wrong[_reason(error)] += 1
                    _bearable(sum(wrong.values()), len(wanted), wrong)
                    continue
                folders.append(_folder(info.filename))
        notes = [
            f"{count_noun(len(kept), 'picture')} made {options.side} × {options.side} pixels."
        ]
        if others := len(there) - len(wanted):
            notes.append(f"{count_noun(others, 'file')} left out: no PNG, JPEG, WebP or BMP.")
        for why, n in wrong.most_common(3):
            notes.append(f"{count_noun(n, 'picture')} left out: {why}.")
        x = np.stack(kept) if kept else np.zeros((0, channels, 1, 1), np.uint8)
        if len(x) and x.min() == x.max():
            raise refuse("all its pixels are the same: there is nothing to learn")
        y, classes = _classes(folders, notes)
        # Black and white alone are two values, not 256 levels.
        if set(np.unique(x)) == {0, 255}:
            return Examples(x // 255, y, classes, white=1, notes=tuple(notes))
        return Examples(x, y, classes, notes=tuple(notes))


def _is_picture(name: str) -> bool:
    path = PurePosixPath(name)
    hidden = any(part.startswith(".") or part == "__MACOSX" for part in path.parts)
    return path.suffix.lower() in ENDINGS and not hidden


def _folder(name: str) -> str:
    parent = PurePosixPath(name.replace("\\", "/")).parent.name
    return clean(parent)


def _reason(error: DataError) -> str:
    """Why a picture was not taken, without what it says of sending another one."""
    return str(error).removeprefix("This picture was not taken: ").split(". Nothing was")[0]


def _bearable(bad: int, n: int, wrong: Counter[str]) -> None:
    """Refuse an archive as soon as half of its pictures are bad: no need to read the others."""
    if bad > max(1, n // 2):
        why = "; ".join(reason for reason, _ in wrong.most_common(2))
        raise refuse(f"{bad:,} of its {n:,} pictures cannot be used ({why})")


def _unfolded(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """The bytes of a picture, no more than a picture may have."""
    try:
        with archive.open(info) as stream:
            return stream.read(image_uploads.BYTES + 1)
    except (
        zipfile.BadZipFile,
        NotImplementedError,
        RuntimeError,
        OSError,
        EOFError,
        ValueError,
        zlib.error,
        lzma.LZMAError,
    ) as error:
        raise refuse(f"it is cut off or damaged ({type(error).__name__})") from None


def picture(content: bytes, channels: int, options: Any) -> NDArray[np.uint8]:
    """A picture of an archive as an example, (C, side, side).

    Raises:
        DataError: if it is no picture, or a hostile one.
    """
    sent = image_uploads.read(content, image_uploads.MORE)
    pixels = sent.pixels
    if options.fit == "crop":
        height, width, _ = pixels.shape
        side = min(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        pixels = pixels[top : top + side, left : left + side]
    meta = DataMeta((channels, options.side, options.side), "unit")
    whole = image_uploads.Picture(pixels, sent.size)
    seen = image_uploads.fit_to_model(whole, meta, NOTHING, invert=False, centre=False)
    return np.rint(seen.x.numpy() * 255).astype(np.uint8)


def _classes(
    folders: list[str], notes: list[str]
) -> tuple[NDArray[np.int64] | None, tuple[str, ...]]:
    if len(set(folders)) < 2:
        notes.append("No classes: the pictures lie in one folder.")
        return None, ()
    y, classes = labels([name or "no folder" for name in folders])
    notes.append(f"The folder is the class: {count_noun(len(classes), 'value')}.")
    return y, classes
