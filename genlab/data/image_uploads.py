"""Images that a user uploads, decoded with care.

The kind of a file is read from its first bytes, never from its name. The size is read from the
header before any pixel is decoded, so that a small file that would unpack to gigabytes is refused.
"""

from __future__ import annotations

import base64
import contextlib
import io
import struct
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from genlab.core.errors import DataError

#: Bytes of a file, pixels of an image, pixels of a side, at most.
BYTES, PIXELS, SIDE = 10 * 2**20, 20_000_000, 12_000

#: A larger image is first reduced to this many pixels a side.
WORK = 512

PNG, JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"

#: Kinds of images that are read: from a person, and from an archive of many.
USUAL, MORE = ("PNG", "JPEG"), ("PNG", "JPEG", "WEBP", "BMP")

MANY = (*MORE, "GIF", "TIFF")

#: First bytes -> the kind of file, for the refusal.
OTHERS: tuple[tuple[bytes, str], ...] = (
    (b"PK\x03\x04", "a ZIP archive"),
    (b"PK\x05\x06", "an empty ZIP archive"),
    (b"GIF8", "a GIF"),
    (b"RIFF", "a WebP or another RIFF file"),
    (b"BM", "a BMP"),
    (b"II*\x00", "a TIFF"),
    (b"MM\x00*", "a TIFF"),
    (b"%PDF", "a PDF"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
)

NOTHING = "Nothing was stored. Send a PNG or a JPEG."


@dataclass(frozen=True)
class UploadedImage:
    """An uploaded image, ready to be fitted to a model.

    Args:
        pixels: (H, W, 3) in [0, 1], at most 512 a side, upright, without transparency.
        size: (width, height) of the file.
        notes: the changes to it, in sentences.
    """

    pixels: NDArray[np.float32]
    size: tuple[int, int]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rule:
    """How all images of a set are decoded.

    Args:
        first_frame: whether of an animation the first frame is taken, else it is refused.
        deep: the value of white of images of more than 8 bits; None: by the image.
        black: the value of black of these.
        shallow: the value of white of images of 8 bits.
        ground: behind transparent parts, 0 or 255.
        index: if images are masks (the indices of a palette), the index that means white.
    """

    first_frame: bool = False
    deep: float | None = None
    black: float = 0.0
    shallow: int = 255
    ground: int = 255
    index: int = 0


@dataclass(frozen=True)
class ImageSummary:
    """Properties of an image, without its pixels.

    Args:
        pixels: how many.
        deep: whether it has more than 8 bits a pixel.
        top: its largest value, if it was asked for, otherwise 0.
        low: its smallest value, if it is deep.
        opaque: the mean brightness of the opaque pixels, if some pixels are transparent.
        index: the largest index of a coloured palette of few colours, as masks have; else None.
    """

    pixels: int
    deep: bool = False
    top: float = 0.0
    low: float = 0.0
    opaque: float | None = None
    index: int | None = None


def _refuse(why: str) -> DataError:
    return DataError(f"This image was not taken: {why}. {NOTHING}")


def is_xml(content: bytes) -> bool:
    """Whether a file begins like an SVG, a web page or another document in XML."""
    head = content[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return head.startswith((b"<svg", b"<?xml", b"<!doctype", b"<html")) or b"<svg" in head


def kind_of(content: bytes) -> str | None:
    """The kind of an image by its first bytes, whatever its name says; None if it is not an image.

    Example:
        >>> kind_of(b"GIF89a"), kind_of(b"II*\\x00...."), kind_of(b"hello")
        ('GIF', 'TIFF', None)
    """
    if content.startswith(PNG):
        return "PNG"
    if content.startswith(JPEG):
        return "JPEG"
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return "WEBP"
    if content.startswith(b"BM"):
        return "BMP"
    if content.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    return "TIFF" if content.startswith((b"II*\x00", b"MM\x00*")) else None


def _kind(content: bytes, kinds: tuple[str, ...]) -> str:
    """One of the kinds, by the first bytes."""
    if not content:
        raise _refuse("the file is empty")
    if len(content) > BYTES:
        raise _refuse(
            f"the file has {len(content) / 2**20:.1f} MB; at most {BYTES // 2**20} MB are read"
        )
    found = kind_of(content)
    if found is not None and found in kinds:
        return found
    for magic, words in OTHERS:
        if content.startswith(magic):
            raise _refuse(f"it is {words}, whatever its name says")
    if is_xml(content):
        raise _refuse("it is an SVG or another document in XML, which may hold scripts")
    raise _refuse("it is neither a PNG nor a JPEG")


def _size(width: int, height: int) -> None:
    """Refuse an impossible size, or one that would take too much memory."""
    if width < 1 or height < 1:
        raise _refuse(f"its header says {width:,} × {height:,} pixels")
    if width * height > PIXELS or max(width, height) > SIDE:
        raise _refuse(
            f"it has {width:,} × {height:,} pixels; at most {PIXELS // 10**6} million, and "
            f"{SIDE:,} a side, are decoded"
        )


def _png(content: bytes, rule: Rule) -> None:
    """Check the header of a PNG by hand; an animated one is refused unless a frame is meant."""
    if len(content) < 33 or content[12:16] != b"IHDR":
        raise _refuse("the file is cut off or damaged: it has no header")
    _size(*struct.unpack(">II", content[16:24]))
    # Chunks are walked by their lengths, up to the pixels: an animation says so before them.
    at = 8
    while at + 8 <= len(content):
        length, name = struct.unpack(">I4s", content[at : at + 8])
        if name == b"acTL" and not rule.first_frame:
            raise _refuse("it is an animated PNG; which of its frames is meant is not known")
        if name in (b"IDAT", b"IEND"):
            return
        at += 12 + length


def _webp(content: bytes, rule: Rule) -> None:
    """Check the header of a WebP by hand; an animated one is refused unless a frame is meant."""
    form, at = content[12:16], content[20:30]
    if len(content) < 30:
        raise _refuse("the file is cut off or damaged: it has no header")
    if form == b"VP8X":
        if at[0] & 2 and not rule.first_frame:
            raise _refuse("it is an animated WebP; which of its frames is meant is not known")
        _size(1 + int.from_bytes(at[4:7], "little"), 1 + int.from_bytes(at[7:10], "little"))
    elif form == b"VP8L":
        bits = int.from_bytes(at[1:5], "little")
        _size(1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF))
    else:
        width, height = struct.unpack("<HH", at[6:10])
        _size(width & 0x3FFF, height & 0x3FFF)


def read(content: bytes, kinds: tuple[str, ...] = USUAL, rule: Rule = Rule()) -> UploadedImage:
    """Decode a PNG or JPEG that somebody sent, within bounded time and memory.

    The orientation of the camera is applied, transparency is laid on white, 16 bits a channel,
    palettes and CMYK become red, green and blue in [0, 1]; the notes say so.

    Args:
        content: the file; its name is ignored.
        kinds: those that are read, ``USUAL``, ``MORE`` or ``MANY``.
        rule: the rule that all images of a set share.

    Raises:
        DataError: for anything else, a damaged file, an animation, more than 10 MB, more than 20
            million pixels or 12,000 a side; the message says which.

    Example:
        >>> out = io.BytesIO()
        >>> Image.new("L", (3, 2), 255).save(out, "PNG")
        >>> read(out.getvalue()).pixels.shape
        (2, 3, 3)
    """
    with _opened(content, kinds, rule) as (opened, kind):
        return _decoded(opened, kind, rule)


def summarise_image(content: bytes, *, levels: bool = True, ground: bool = True) -> ImageSummary:
    """The white value and the transparent pixels of an image of a set.

    Args:
        content: the file.
        levels: whether the largest value of 8 bits is wanted; that of 16 bits always is.
        ground: whether the brightness of opaque parts is wanted.

    Raises:
        DataError: as :func:`read`.
    """
    with _opened(content, MANY, Rule(first_frame=True)) as (opened, _):
        pixels = opened.size[0] * opened.size[1]
        deep = opened.mode.startswith("I") or opened.mode == "F"
        clear = "A" in opened.mode or "transparency" in opened.info
        top, low, opaque = 0.0, 0.0, None
        if deep:
            values = _deep(opened)
            top, low = float(values.max()), float(values.min())
        elif levels or (clear and ground):
            small = opened.convert("RGBA" if clear else "RGB")
            small.thumbnail((WORK, WORK), Image.Resampling.NEAREST)
            values = np.asarray(small)
            there = values[..., 3] > 127 if clear else np.ones(values.shape[:2], dtype=bool)
            top = float(values[..., :3][there].max(initial=0))
            if clear and not there.all():
                opaque = float(values[..., :3][there].mean()) / 255 if there.any() else None
        return ImageSummary(pixels, deep, top, low, opaque, _mask(opened))


def _deep(opened: Any) -> NDArray[np.float64]:
    """The values of an image of more than 8 bits, all of them numbers."""
    values = np.asarray(opened, dtype=np.float64)
    if not np.isfinite(values).all():
        raise _refuse("some of its values are NaN or infinite")
    return values


def _mask(opened: Any) -> int | None:
    """The largest index of a palette of up to 32 colours that are not all grey."""
    if opened.mode != "P" or "transparency" in opened.info:
        return None
    index = int(np.asarray(opened).max(initial=0))
    colours = np.asarray((opened.getpalette() or [])[: 3 * (index + 1)]).reshape(-1, 3)
    coloured = len(colours) > 1 and bool((np.ptp(colours, axis=1) > 8).any())
    return index if index < 32 and coloured else None


@contextlib.contextmanager
def _opened(content: bytes, kinds: tuple[str, ...], rule: Rule) -> Iterator[tuple[Any, str]]:
    """An image whose header was checked; what it raises becomes a refusal."""
    kind = _kind(content, kinds)
    if check := {"PNG": _png, "WEBP": _webp}.get(kind):
        check(content, rule)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(content), formats=(kind,)) as opened:
                _size(*opened.size)
                yield opened, kind
    except DataError:
        raise
    except (
        OSError,
        ValueError,
        SyntaxError,
        struct.error,
        EOFError,
        LookupError,
        TypeError,
        ArithmeticError,
        RuntimeError,
    ) as error:
        raise _refuse(f"the file is cut off or damaged ({type(error).__name__})") from None
    except Image.DecompressionBombError:
        raise _refuse(
            f"its header claims more than the {PIXELS // 10**6} million pixels that are decoded"
        ) from None


def _decoded(opened: Any, kind: str, rule: Rule) -> UploadedImage:
    size, notes = tuple(opened.size), []
    if getattr(opened, "n_frames", 1) > 1:
        notes.append("The first of several frames was taken.")
    if kind == "JPEG":
        # A large photo is decoded at a half, a quarter or an eighth of its size.
        opened.draft("RGB" if opened.mode != "L" else "L", (WORK, WORK))
    turned = opened.getexif().get(0x0112, 1)
    if opened.mode == "CMYK":
        notes.append("The inks (CMYK) were turned to red, green and blue.")
    opened.load()
    picture = opened
    if rule.index and picture.mode == "P":
        index = np.asarray(picture, dtype=np.float64) / rule.index * 255
        picture = Image.fromarray(np.rint(index).clip(0, 255).astype(np.uint8))
    if picture.mode.startswith("I") or picture.mode == "F":
        grey = _deep(picture)
        most = grey.max(initial=0)
        top = 65535.0 if most > 255 or "16" in picture.mode else 255.0 if most > 1 else 1.0
        top = top if rule.deep is None else float(rule.deep)
        bits = 16 if "16" in picture.mode else 32
        shade = (grey - rule.black) / (top - rule.black) * 255
        picture = Image.fromarray(np.rint(shade).clip(0, 255).astype(np.uint8), "L")
        notes.append(f"{bits} bits a pixel were rounded to 8.")
    clear = "A" in picture.mode or "transparency" in picture.info
    # Smaller first: what follows then costs the same for a photo and for an icon.
    if max(picture.size) > WORK:
        if picture.mode in ("1", "P"):
            picture = picture.convert("RGBA" if clear else "RGB")
        picture.thumbnail((WORK, WORK), Image.Resampling.BOX)
    if clear:
        layer = picture.convert("RGBA")
        if layer.getextrema()[3][0] < 255:
            word = "white" if rule.ground else "black"
            notes.append(f"Transparent parts were laid on {word}.")
        page = Image.new("RGBA", layer.size, (rule.ground,) * 3 + (255,))
        picture = Image.alpha_composite(page, layer)
    picture = picture.convert("RGB")
    if turned in range(2, 9):
        picture.info.pop("exif", None)
        picture = _upright(picture, turned)
        notes.append("Turned upright, as the camera noted.")
    pixels = np.asarray(picture, dtype=np.float32) / float(rule.shallow)
    pixels = pixels.clip(0.0, 1.0)
    return UploadedImage(pixels, (int(size[0]), int(size[1])), tuple(notes))


def _upright(picture: Any, orientation: int) -> Any:
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture.info["exif"] = exif.tobytes()
    return ImageOps.exif_transpose(picture)


def read_drawing(address: Any) -> UploadedImage:
    """A drawing of the page's canvas, a ``data:`` address of a PNG; read like any other file.

    Raises:
        DataError: if it is not such an address.
    """
    head, _, body = str(address).partition(",")
    try:
        if head != "data:image/png;base64" or len(body) > 2 * BYTES:
            raise ValueError
        content = base64.b64decode(body, validate=True)
    except ValueError:
        raise DataError("The drawing did not arrive whole; draw a stroke again.") from None
    return read(content)
