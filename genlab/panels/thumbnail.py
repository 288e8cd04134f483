"""Thumbnails: a picture in 160 x 160 pixels."""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterable, Sequence

from PIL import Image, ImageDraw

Colour = tuple[int, int, int]
SIDE = 160
MARGIN = 8
BACKGROUND: Colour = (247, 247, 247)
#: The colours of the groups; the first of several is the background.
INKS: tuple[Colour, ...] = ((185, 185, 185), (0, 135, 95), (213, 94, 0), (0, 114, 178))


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
        self.image = Image.new("RGB", (SIDE, SIDE), BACKGROUND)
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


def empty_thumbnail() -> bytes:
    """The thumbnail of a run without a picture."""
    return encode_png(Image.new("RGB", (SIDE, SIDE), (236, 236, 236)))
