"""Thumbnails: a picture in 160 x 160 pixels on a clear ground, for light and dark pages."""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

Colour = tuple[int, int, int]
SIDE = 160
MARGIN = 8
CLEAR = (0, 0, 0, 0)
#: The colours of the groups, each readable on a light and on a dark page; the first of several is
#: the grey of data.
INKS: tuple[Colour, ...] = ((138, 138, 138), (0, 135, 95), (213, 94, 0), (0, 114, 178))
#: Of a cell whose value is not known, and of a thumbnail without a picture.
UNKNOWN_INK = (*INKS[0], 90)


class Thumbnail:
    """A small plot without axes.

    Args:
        x, y: the ranges that fill the picture.

    Example:
        >>> small = Thumbnail((0.0, 1.0), (0.0, 1.0))
        >>> small.dots([(0.5, 0.5)], INKS[1])
        >>> small.png()[1:4]
        b'PNG'
    """

    def __init__(self, x: tuple[float, float], y: tuple[float, float]) -> None:
        self._x, self._y = x, y
        self.image = Image.new("RGBA", (SIDE, SIDE), CLEAR)
        self._draw = ImageDraw.Draw(self.image)

    def _pixel(self, x: float, y: float) -> tuple[float, float]:
        inner = SIDE - 2 * MARGIN
        (x0, x1), (y0, y1) = self._x, self._y
        return (
            MARGIN + inner * (x - x0) / ((x1 - x0) or 1.0),
            SIDE - MARGIN - inner * (y - y0) / ((y1 - y0) or 1.0),
        )

    def dots(self, points: Iterable[Sequence[float]], colour: Colour, radius: float = 1.0) -> None:
        """Draw dots at values."""
        for x, y in points:
            u, v = self._pixel(x, y)
            self._draw.ellipse((u - radius, v - radius, u + radius, v + radius), fill=colour)

    def line(
        self, points: Sequence[tuple[float, float] | None], colour: Colour, width: int = 3
    ) -> None:
        """Draw a line through values; None interrupts it."""
        for a, b in itertools.pairwise(points):
            if a is not None and b is not None:
                self._draw.line((*self._pixel(*a), *self._pixel(*b)), fill=colour, width=width)

    def rectangle(self, a: tuple[float, float], b: tuple[float, float], colour: Colour) -> None:
        """Fill a rectangle between two corners."""
        (u0, v0), (u1, v1) = self._pixel(*a), self._pixel(*b)
        self._draw.rectangle((min(u0, u1), min(v0, v1), max(u0, u1), max(v0, v1)), fill=colour)

    def png(self) -> bytes:
        """The thumbnail as PNG."""
        return encode_png(self.image)


def encode_png(image: Image.Image) -> bytes:
    """Encode a PIL image as PNG."""
    out = io.BytesIO()
    image.save(out, format="PNG", optimize=True)
    return out.getvalue()


def shades(share: NDArray[np.float64], unknown: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """A field as pixels: the larger its value, the less of the page is seen through its blue.

    Args:
        share: (rows, columns), from 0 to 1.
        unknown: (rows, columns), where there is no value.
    """
    pixels = np.empty((*share.shape, 4), np.uint8)
    pixels[..., :3] = INKS[3]
    pixels[..., 3] = (255 * share.clip(0, 1)).round()
    pixels[unknown] = UNKNOWN_INK
    return pixels


def empty_thumbnail() -> bytes:
    """The thumbnail of a run without a picture."""
    return encode_png(Image.new("RGBA", (SIDE, SIDE), UNKNOWN_INK))
