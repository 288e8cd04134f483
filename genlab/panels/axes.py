"""Plot axes as SVG text, and the round numbers on them.

The ink is one colour: ``currentColor`` inside a page, so that it follows light and dark. Every
text is escaped.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from genlab.core.escape import escape_html

LEFT, RIGHT, TOP, BOTTOM = 52.0, 20.0, 10.0, 34.0
#: Dash patterns that distinguish lines of one colour.
DASHES = ("", "7 4", "2 3", "9 3 2 3", "4 2", "1 2")


def ticks(low: float, high: float, count: int) -> list[float]:
    """About ``count`` round numbers between two ends.

    Example:
        >>> ticks(0.0, 1.0, 5)
        [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    """
    span = high - low
    if not span > 0 or not math.isfinite(span):
        return [low]
    power = 10.0 ** math.floor(math.log10(span / count))
    step = next(k * power for k in (1, 2, 5, 10, 20) if k * power * count >= span * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [round(k * step, 12) for k in range(first, math.floor(high / step + 1e-9) + 1)]


def format_tick(value: float) -> str:
    """Format a number for an axis.

    Example:
        >>> format_tick(1500.0), format_tick(0.25), format_tick(2.5e-7)
        ('1,500', '0.25', '2.5e-07')
    """
    if value == 0 or 1e-4 <= abs(value) < 1e6:
        return f"{value:,.6g}" if abs(value) < 1000 else f"{value:,.0f}"
    return f"{value:.3g}"


class PlotAxes:
    """An SVG picture with two axes.

    Args:
        width, height: in pixels.
        x, y: the ranges of the axes.
        titles: the titles of the axes.
        ink: the colour of text and grid.
    """

    def __init__(
        self,
        width: float,
        height: float,
        x: tuple[float, float],
        y: tuple[float, float],
        *,
        titles: tuple[str, str] = ("", ""),
        ink: str = "currentColor",
    ) -> None:
        self.width, self.height = width, height
        self.x, self.y, self.ink = x, y, ink
        self.parts: list[str] = []
        for v in ticks(*y, 5):
            at = self.py(v)
            self.line(LEFT, at, width - RIGHT, at, ink, 0.6, opacity=0.25)
            self.text(LEFT - 6, at + 4, format_tick(v), "end")
        for v in ticks(*x, 5):
            self.text(self.px(v), height - BOTTOM + 15, format_tick(v), "middle")
        self.text(width - RIGHT, height - 4, titles[0], "end")
        self.text(LEFT, TOP + 2, titles[1], "start")

    def px(self, v: float) -> float:
        """The horizontal pixel of a value."""
        low, high = self.x
        return LEFT + (v - low) / ((high - low) or 1.0) * (self.width - LEFT - RIGHT)

    def py(self, v: float) -> float:
        """The vertical pixel of a value."""
        low, high = self.y
        inner = self.height - TOP - BOTTOM
        return self.height - BOTTOM - (v - low) / ((high - low) or 1.0) * inner

    def line(
        self,
        x1: float,
        y1: float,
        x2: float,
        y2: float,
        colour: str,
        width: float,
        *,
        dash: str = "",
        opacity: float = 1.0,
    ) -> None:
        """Add a straight line between two pixels."""
        dashes = f' stroke-dasharray="{dash}"' if dash else ""
        self.parts.append(
            f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" '
            f'stroke-width="{width}" stroke-opacity="{opacity}"{dashes}/>'
        )

    def rectangle(
        self, x1: float, y1: float, x2: float, y2: float, colour: str, opacity: float = 1.0
    ) -> None:
        """Add a filled rectangle between two corners in data coordinates."""
        left, right = sorted((self.px(x1), self.px(x2)))
        top, bottom = sorted((self.py(y1), self.py(y2)))
        self.parts.append(
            f'<rect x="{left:.1f}" y="{top:.1f}" width="{max(0.5, right - left):.1f}" '
            f'height="{max(0.5, bottom - top):.1f}" fill="{colour}" fill-opacity="{opacity}"/>'
        )

    def text(self, x: float, y: float, words: str, anchor: str) -> None:
        """Add words at a pixel."""
        if words:
            self.parts.append(
                f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="11" '
                f'fill="{self.ink}" font-family="system-ui, sans-serif">'
                f"{escape_html(words)}</text>"
            )

    def path(
        self, points: Sequence[tuple[float, float] | None], colour: str, dash: str = ""
    ) -> None:
        """Add a line through values; None interrupts it."""
        route, drawing = [], False
        for point in points:
            if point is None:
                drawing = False
                continue
            x, y = self.px(point[0]), self.py(point[1])
            route.append(f"{'L' if drawing else 'M'}{x:.1f} {y:.1f}")
            drawing = True
        dashes = f' stroke-dasharray="{dash}"' if dash else ""
        self.parts.append(
            f'<path d="{"".join(route)}" fill="none" stroke="{colour}" stroke-width="1.6" '
            f'stroke-linejoin="round"{dashes}/>'
        )

    def dots(
        self,
        points: Sequence[Sequence[float]],
        colour: str,
        size: float = 3.2,
        mark: str = "disc",
    ) -> None:
        """Add marks at values, ``disc`` or ``plus``; those outside the axes are left out."""
        route = []
        plus = f"m-{size:g} 0h{2 * size:g}m-{size:g} -{size:g}v{2 * size:g}"
        sign, width = (plus, 1.0) if mark == "plus" else ("h.01", size)
        for x, y in points:
            px, py = self.px(x), self.py(y)
            if LEFT <= px <= self.width - RIGHT and TOP <= py <= self.height - BOTTOM:
                route.append(f"M{px:.1f} {py:.1f}{sign}")
        self.parts.append(
            f'<path d="{"".join(route)}" stroke="{colour}" stroke-width="{width:g}" '
            'stroke-linecap="round" stroke-opacity="0.75" fill="none"/>'
        )

    def legend(self, rows: Sequence[tuple[str, str]], marks: Sequence[str] = ()) -> None:
        """Add names with their colours, and marks other than discs, below the picture."""
        x = LEFT
        for i, (name, colour) in enumerate(rows):
            wide = 22.0 + 6.4 * len(name)
            if x + wide > self.width:
                x = LEFT
            if x == LEFT:
                self.height += 16
            at = self.height - 8
            if i < len(marks) and marks[i] == "plus":
                self.parts.append(
                    f'<path d="M{x:.1f} {at:.1f}h8m-4 -4v8" stroke="{colour}" '
                    'stroke-width="1.6" fill="none"/>'
                )
            else:
                self.parts.append(
                    f'<circle cx="{x + 4:.1f}" cy="{at:.1f}" r="4" fill="{colour}"/>'
                )
            self.text(x + 13, at + 4, name, "start")
            x += wide

    def svg(self, description: str) -> str:
        """The picture as SVG, with a description for screen readers."""
        size = f'viewBox="0 0 {self.width:.0f} {self.height:.0f}" width="{self.width:.0f}"'
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} height="{self.height:.0f}" '
            f'role="img" aria-label="{escape_html(description)}">{"".join(self.parts)}</svg>'
        )
