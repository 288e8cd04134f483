"""Images in a ZIP: known by their bytes; the folder that varies is the class."""

from __future__ import annotations

import io
import lzma
import time
import zipfile
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from genlab.core import options
from genlab.core.errors import DataError
from genlab.core.options import Options, option
from genlab.data import image_fitting, image_uploads
from genlab.data.base import DataMeta
from genlab.data.readers.base import (
    READERS,
    Examples,
    Progress,
    Reader,
    check_room,
    clean,
    count_noun,
    encode_labels,
    members,
    refuse,
    split_rows,
    white_value,
)
from genlab.data.splits import given_parts

#: Sides that the convolutional nets know.
SIDES = (8, 28, 32, 64)
#: Pixels of all images together, and seconds of the processor that they may take.
PIXELS, SECONDS = 2_000_000_000, 60.0
#: Images with transparency by which the ground is chosen.
CLEAR = 64
NOTHING = image_fitting.BackgroundStyle(0.5)
#: Names of folders -> the part that they hold.
PARTS = {
    "train": 0,
    "training": 0,
    "train_set": 0,
    "trainset": 0,
    "val": 1,
    "valid": 1,
    "validation": 1,
    "dev": 1,
    "test": 2,
    "testing": 2,
    "test_set": 2,
    "testset": 2,
}


@dataclass(frozen=True)
class ImageOptions(Options):
    """How the images are processed."""

    side: int = option(
        28, "pixels of a side", choices=SIDES, unit="pixels", label="Gaussians per side"
    )
    colour: str = option("grey", "grey levels or colours", choices=("grey", "RGB"), label="Colour")
    fit: str = option(
        "crop",
        "what of an image that is not square: the square in its middle, or all of it on its "
        "ground",
        choices=("crop", "whole"),
        label="Fit",
    )
    level: int = option(
        0,
        "level of folders that gives the class, 1 for the outermost; 0: the first that varies",
        low=0,
        high=20,
    )
    ground: str = option(
        "auto",
        "what lies behind transparent parts; auto: black behind bright images, white behind "
        "dark ones",
        choices=("auto", "white", "black"),
    )


@READERS.register(
    "images",
    title="ZIP of images",
    summary="10 or more of PNG, JPEG, WebP, BMP, GIF or TIFF; a folder is a class.",
    order=30,
)
class Images(Reader):
    """An archive of images, each made square and small."""

    Options: ClassVar[type[options.Options]] = ImageOptions

    @classmethod
    def takes(cls, content: bytes) -> bool:
        found = members(content)
        return bool(found) and not all(info.filename.endswith(".npy") for info in found)

    @classmethod
    def read(cls, content: bytes, options: Any, progress: Progress | None = None) -> Examples:
        there = members(content)
        began = time.thread_time()
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            wanted, others = _pictures(archive, there)
            if not wanted:
                raise refuse(
                    f"the archive holds {count_noun(len(there), 'file')} and no image (PNG, "
                    f"JPEG, WebP, BMP, GIF, TIFF){_inside(there)}"
                )
            channels = 1 if options.colour == "grey" else 3
            check_room(len(wanted), channels * options.side**2)
            found = _ImageSet(archive, wanted, options, channels, began, progress)
            found.summarise()
            found.read_all()
        notes = found.notes()
        if others:
            notes.append(f"{count_noun(others, 'file')} left out: no image by their content.")
        x = np.stack(found.kept) if found.kept else np.zeros((0, channels, 1, 1), np.uint8)
        if len(x) and x.min() == x.max():
            raise refuse("all its pixels are the same: there is nothing to learn")
        y, classes, part = _folders(found.paths, options.level, notes)
        white = 255
        # Black and white alone are two values, not 256 levels.
        if set(np.unique(x)) == {0, 255}:
            x, white = x // 255, 1
        made = Examples(x, y, classes, white=white, notes=tuple(notes), part=part)
        return split_rows(made)


def _inside(there: Sequence[zipfile.ZipInfo]) -> str:
    """A hint if the archive holds a table or arrays."""
    for info in there:
        if PurePosixPath(info.filename).suffix.lower() in {".csv", ".tsv", ".npz", ".txt"}:
            return f"; take {clean(info.filename)!r} out of it and send that"
    return ""


def _pictures(
    archive: zipfile.ZipFile, there: Sequence[zipfile.ZipInfo]
) -> tuple[list[zipfile.ZipInfo], int]:
    """The members that are images by their first bytes or by their name, and how many not."""
    wanted, others = [], 0
    for info in sorted(there, key=lambda i: i.filename):
        path = PurePosixPath(info.filename)
        if any(part.startswith(".") or part == "__MACOSX" for part in path.parts):
            others += 1
            continue
        try:
            with archive.open(info) as stream:
                head = stream.read(32)
        except DAMAGED:
            head = b""
        # A file with the name of an image that is not one counts as bad.
        if image_uploads.kind_of(head) is not None or path.suffix.lower() in ENDINGS:
            wanted.append(info)
        else:
            others += 1
    return wanted, others


ENDINGS = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".jfif", ".jpe"}
DAMAGED = (
    zipfile.BadZipFile,
    NotImplementedError,
    RuntimeError,
    OSError,
    EOFError,
    ValueError,
    zlib.error,
    lzma.LZMAError,
)


class _ImageSet:
    """The images of an archive: inspected once for common properties, then read."""

    def __init__(
        self,
        archive: zipfile.ZipFile,
        wanted: Sequence[zipfile.ZipInfo],
        options: Any,
        channels: int,
        began: float,
        progress: Progress | None,
    ) -> None:
        self.archive, self.wanted, self.options = archive, wanted, options
        self.channels, self.began, self.progress = channels, began, progress
        self.how = image_uploads.Rule(first_frame=True)
        self.kept: list[NDArray[np.uint8]] = []
        self.paths: list[tuple[str, ...]] = []
        self.wrong: Counter[str] = Counter()
        self.done: Counter[str] = Counter()
        self.sizes: Counter[tuple[int, int]] = Counter()
        self.notes_so_far: list[str] = []

    def summarise(self) -> None:
        """What white is, and on which ground transparent parts are laid."""
        pixels = index = 0
        shallow, depths = 0.0, [0.0]
        masks = self.channels == 1
        bright, clear = 0.0, 0
        bad = 0
        for k, info in enumerate(self.wanted):
            self._tell(0.5 * k / len(self.wanted), f"{k:,} of {len(self.wanted):,} looked at")
            try:
                seen = image_uploads.summarise_image(
                    _unfolded(self.archive, info),
                    levels=shallow <= 128,
                    ground=clear < CLEAR,
                )
            except DataError as error:
                bad += 1
                _check_bad_images(bad, len(self.wanted), Counter({_reason(error): bad}))
                continue
            pixels += seen.pixels
            if pixels > PIXELS:
                raise refuse(
                    f"its images have more than {PIXELS // 10**6:,} million pixels together",
                    "Send fewer or smaller ones.",
                )
            if seen.deep:
                depths += [seen.low, seen.top]
            else:
                shallow = max(shallow, seen.top)
            masks = masks and seen.index is not None
            index = max(index, seen.index or 0)
            if seen.opaque is not None:
                bright, clear = bright + seen.opaque, clear + 1
        if masks and index:
            self.how = replace(self.how, index=index)
            self.notes_so_far.append(
                f"They are masks of {index + 1} coloured classes: the indices 0 to {index} of the "
                "palette became grey levels from black to white (colour = RGB keeps the colours)."
            )
        self._decide(min(depths), max(depths), int(shallow), bright / clear if clear else None)

    def _decide(self, low: float, deep: float, shallow: int, bright: float | None) -> None:
        how = self.how
        if low < 0 or 0 < deep < 2:
            # Real numbers, as microscopes and heights have them: no bits say what white is.
            white = 1.0 if low >= 0 and 0.5 < deep <= 1 else deep
            how = replace(how, deep=white, black=low)
            self.notes_so_far.append(
                f"The values of the images lie from {low:g} to {deep:g}: {low:g} is taken for "
                f"black and {white:g} for white."
            )
        elif deep:
            how = replace(how, deep=white_value(int(deep)))
            self.notes_so_far.append(
                f"The largest value of the images of more than 8 bits is {deep:,g}: "
                f"{how.deep:,g} is taken for white."
            )
        if 0 < shallow <= 128:
            how = replace(how, shallow=shallow)
            self.notes_so_far.append(
                f"The largest value of all images is {shallow}, which is taken for white."
            )
        if bright is not None:
            black = bright > 0.5
            if self.options.ground != "auto":
                black = self.options.ground == "black"
            how = replace(how, ground=0 if black else 255)
            self.notes_so_far.append(
                f"Transparent parts were laid on {'black' if black else 'white'}"
                + (
                    ", since what is opaque is mostly "
                    f"{'bright' if bright > 0.5 else 'dark'} (option ground)."
                    if self.options.ground == "auto"
                    else ", as you chose."
                )
            )
        self.how = how

    def read_all(self) -> None:
        """Read the images."""
        for k, info in enumerate(self.wanted):
            self._tell(0.5 + 0.5 * k / len(self.wanted), f"{k:,} of {len(self.wanted):,} read")
            try:
                self.kept.append(self._one(_unfolded(self.archive, info)))
            except DataError as error:
                self.wrong[_reason(error)] += 1
                _check_bad_images(sum(self.wrong.values()), len(self.wanted), self.wrong)
                continue
            self.paths.append(PurePosixPath(info.filename.replace("\\", "/")).parts)

    def _tell(self, fraction: float, words: str) -> None:
        if time.thread_time() - self.began > SECONDS:
            raise refuse(
                f"its images take more than {SECONDS:.0f} s to read",
                "Send fewer or smaller ones.",
            )
        if self.progress is not None and len(self.kept) % 50 == 0:
            self.progress(fraction, f"images: {words}")

    def _one(self, content: bytes) -> NDArray[np.uint8]:
        """An image of an archive as an example, (C, side, side)."""
        options = self.options
        sent = image_uploads.read(content, image_uploads.MANY, self.how)
        pixels = sent.pixels
        self.sizes[sent.size] += 1
        self.done.update(note for note in sent.notes if "Transparent" not in note)
        height, width, _ = pixels.shape
        if height != width:
            crop = options.fit == "crop"
            self.done[
                "Only the square in the middle was kept (fit = whole keeps all)."
                if crop
                else "Not square, so placed on the ground."
            ] += 1
        if options.fit == "crop":
            side = min(height, width)
            top, left = (height - side) // 2, (width - side) // 2
            pixels = pixels[top : top + side, left : left + side]
        if self.channels == 1 and np.ptp(pixels, axis=2).max(initial=0.0) > 0.02:
            self.done["The colours became grey levels (colour = RGB keeps them)."] += 1
        meta = DataMeta((self.channels, options.side, options.side), "unit")
        whole = image_uploads.UploadedImage(pixels, sent.size)
        seen = image_fitting.fit_to_model(whole, meta, NOTHING, invert=False, centre=False)
        return np.rint(seen.x.numpy() * 255).astype(np.uint8)

    def notes(self) -> list[str]:
        """The changes, with the number of images."""
        side, n = self.options.side, len(self.kept)
        sizes = self.sizes.most_common(1)
        first = f"{count_noun(n, 'image')} made {side} × {side} pixels"
        if sizes:
            (width, height), many = sizes[0]
            which = f"all were {width:,} × {height:,}"
            if many < n:
                wide, high = zip(*self.sizes, strict=True)
                which = f"before {min(wide):,} to {max(wide):,} wide, {min(high):,} to "
                which += f"{max(high):,} high"
            first += f" ({which})"
        made = [f"{first}.", *self.notes_so_far]
        for words, many in self.done.most_common(8):
            made.append(f"{'All images' if many == n else count_noun(many, 'image')}: {words}")
        for why, many in self.wrong.most_common(3):
            made.append(f"{count_noun(many, 'image')} left out: {why}.")
        return made


def _reason(error: DataError) -> str:
    """Why an image was refused, without the advice to send another one."""
    return str(error).removeprefix("This image was not taken: ").split(". Nothing was")[0]


def _check_bad_images(bad: int, n: int, wrong: Counter[str]) -> None:
    """Refuse an archive as soon as half of its images are bad: no need to read the others."""
    if bad > max(1, n // 2):
        why = "; ".join(reason for reason, _ in wrong.most_common(2))
        raise refuse(f"{bad:,} of its {n:,} images cannot be used ({why})")


def _unfolded(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """The bytes of an image, up to the limit of one image."""
    try:
        with archive.open(info) as stream:
            return stream.read(image_uploads.BYTES + 1)
    except DAMAGED as error:
        raise refuse(f"it is cut off or damaged ({type(error).__name__})") from None


def _folders(
    paths: Sequence[tuple[str, ...]], level: int, notes: list[str]
) -> tuple[NDArray[np.int64] | None, tuple[str, ...], NDArray[np.int8] | None]:
    """Classes and parts from the folders of images."""
    depth = max((len(path) - 1 for path in paths), default=0)
    levels = [[path[k] if k < len(path) - 1 else "" for path in paths] for k in range(depth)]
    part = None
    for k, names in enumerate(levels):
        known = {name.lower() for name in names}
        if len(known) > 1 and known <= set(PARTS):
            part = given_parts(np.array([PARTS[name.lower()] for name in names], dtype=np.int8))
            shown = ", ".join(sorted({clean(name) for name in names}))
            notes.append(f"The folders {shown} are the parts of the split.")
            if level in (0, k + 1):
                levels[k] = [""] * len(paths)
            break
    vary = [k for k, names in enumerate(levels) if len(set(names)) > 1]
    at = level - 1 if level else (vary[0] if vary else -1)
    if not 0 <= at < depth or len(set(levels[at])) < 2:
        notes.append("No classes: the images lie in one folder.")
        return None, (), part
    # If nearly every image has its own folder, the folders are not classes.
    if not level and len(set(levels[at])) > max(2, len(paths) // 2):
        notes.append("No classes: nearly every image lies in a folder of its own.")
        return None, (), part
    y, classes = encode_labels([clean(name) or "no folder" for name in levels[at]])
    where = "" if depth == 1 else f" of level {at + 1} of {depth}, the first that varies,"
    notes.append(f"The folder{where} is the class: {count_noun(len(classes), 'value')}.")
    return y, classes, part
