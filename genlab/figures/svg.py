"""Charts as SVG text: for a file that is kept, where no script draws.

Ink is one colour (``currentColor`` inside a page, so that it follows light and dark); every text
is escaped.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from genlab.figures.live import clouds
from genlab.figures.style import COLOURS, GREY

LEFT, RIGHT, TOP, BOTTOM = 52.0, 20.0, 10.0, 34.0
#: Dashes that tell lines of one colour apart.
DASHES = ("", "7 4", "2 3", "9 3 2 3", "4 2", "1 2")


@dataclass(frozen=True)
class Trace:
    """A line.

    Args:
        name: what the legend says.
        x, y: its points; None where there is no number.
        colour, dash: how it is drawn.
        truth: a constant drawn with it, None where there is none; ``label``: what it is.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float | None]
    colour: str = COLOURS[0]
    dash: str = ""
    truth: float | None = None
    label: str = ""


def ticks(low: float, high: float, count: int) -> list[float]:
    """Round numbers between two, about so many.

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
    """A number as an axis says it.

    Example:
        >>> format_tick(1500.0), format_tick(0.25), format_tick(2.5e-7)
        ('1,500', '0.25', '2.5e-07')
    """
    if value == 0 or 1e-4 <= abs(value) < 1e6:
        return f"{value:,.6g}" if abs(value) < 1000 else f"{value:,.0f}"
    return f"{value:.3g}"


class Paper:
    """An SVG picture with two axes.

    Args:
        width, height: in pixels.
        x, y: the spans of the axes.
        titles: of the axes.
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
        """Where a value lies across, in pixels."""
        low, high = self.x
        return LEFT + (v - low) / ((high - low) or 1.0) * (self.width - LEFT - RIGHT)

    def py(self, v: float) -> float:
        """Where a value lies downwards, in pixels."""
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
        """A straight line, in pixels."""
        dashes = f' stroke-dasharray="{dash}"' if dash else ""
        self.parts.append(
            f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" '
            f'stroke-width="{width}" stroke-opacity="{opacity}"{dashes}/>'
        )

    def text(self, x: float, y: float, words: str, anchor: str) -> None:
        """Words at a place, in pixels."""
        if words:
            self.parts.append(
                f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="11" '
                f'fill="{self.ink}" font-family="system-ui, sans-serif">{escape(words)}</text>'
            )

    def path(self, points: Sequence[tuple[float, float] | None], colour: str, dash: str) -> None:
        """A line through values; None lifts the pen."""
        route, pen = [], False
        for point in points:
            if point is None:
                pen = False
                continue
            x, y = self.px(point[0]), self.py(point[1])
            route.append(f"{'L' if pen else 'M'}{x:.1f} {y:.1f}")
            pen = True
        dashes = f' stroke-dasharray="{dash}"' if dash else ""
        self.parts.append(
            f'<path d="{"".join(route)}" fill="none" stroke="{colour}" stroke-width="1.6" '
            f'stroke-linejoin="round"{dashes}/>'
        )

    def legend(self, rows: Sequence[tuple[str, str]]) -> None:
        """Names with their colours, below the picture."""
        x = LEFT
        for name, colour in rows:
            wide = 22.0 + 6.4 * len(name)
            if x + wide > self.width:
                x = LEFT
            if x == LEFT:
                self.height += 16
            at = self.height - 8
            self.parts.append(f'<circle cx="{x + 4:.1f}" cy="{at:.1f}" r="4" fill="{colour}"/>')
            self.text(x + 13, at + 4, name, "start")
            x += wide

    def svg(self, words: str) -> str:
        """The picture, and what it shows for those who do not see it."""
        size = f'viewBox="0 0 {self.width:.0f} {self.height:.0f}" width="{self.width:.0f}"'
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} height="{self.height:.0f}" '
            f'role="img" aria-label="{escape(words)}">{"".join(self.parts)}</svg>'
        )


def lines(
    traces: Sequence[Trace],
    *,
    x_title: str,
    words: str,
    mark: float | None = None,
    width: float = 430,
    height: float = 230,
    ink: str = "currentColor",
) -> str:
    """Lines over one axis, with their truths dashed and named.

    Args:
        traces: at least one point among them, else the axes stay empty.
        x_title: what the axis counts.
        words: what the picture shows.
        mark: a place of the axis that is marked.
        width, height, ink: of the picture.

    Example:
        >>> chart = lines([Trace("a < b", [0, 1], [0.0, 1.0])], x_title="step", words="a < b")
        >>> chart.count("<path"), "a < b" in chart, "a &lt; b" in chart
        (1, False, True)
    """
    ys = [v for one in traces for v in one.y if v is not None and math.isfinite(v)]
    ys += [one.truth for one in traces if one.truth is not None and one.y]
    xs = [v for one in traces for v in one.x]
    low, high = (min(ys), max(ys)) if ys else (0.0, 1.0)
    pad = 0.06 * (high - low) or 0.1 * abs(high) or 0.5
    paper = Paper(
        width,
        height,
        (0.0, max([*xs, 1e-9])),
        (low - pad, high + pad),
        titles=(x_title, ""),
        ink=ink,
    )
    if mark is not None:
        at = paper.px(mark)
        paper.line(at, TOP, at, height - BOTTOM, ink, 1.0, dash="2 3", opacity=0.7)
    named: set[str] = set()
    taken: list[float] = []
    for one in traces:
        finite = [
            (x, y) if y is not None and math.isfinite(y) else None
            for x, y in zip(one.x, one.y, strict=True)
        ]
        paper.path(finite, one.colour, one.dash)
        if one.truth is None or not one.y:
            continue
        at = paper.py(one.truth)
        label = one.label or "truth"
        label = label if any(c.isdigit() for c in label) else f"{label} = {format_tick(one.truth)}"
        if label not in named:
            named.add(label)
            paper.line(LEFT, at, width - RIGHT, at, one.colour, 1.2, dash="6 4", opacity=0.85)
            place = at - 4 if at > TOP + 16 else at + 13
            while any(abs(other - place) < 12 for other in taken) and place > TOP + 24:
                place -= 13
            taken.append(place)
            paper.text(width - RIGHT - 4, place, label, "end")
    return paper.svg(words)


def points(about: Mapping[str, Any], *, ink: str = "currentColor", side: float = 300) -> str:
    """A picture of form ``points``; what is held out or real stays grey in the background."""
    found, names = clouds(about), list(about.get("classes") or [])
    every = about.get("box") or [p for cloud in found.values() for p in cloud] or [(0, 0), (1, 1)]
    spans = [(min(p[i] for p in every), max(p[i] for p in every)) for i in (0, 1)]
    axes = [*(about.get("axes") or []), "", ""][:2]
    paper = Paper(
        side + LEFT + RIGHT,
        side + TOP + BOTTOM,
        (float(spans[0][0]), float(spans[0][1])),
        (float(spans[1][0]), float(spans[1][1])),
        titles=(str(axes[0]), str(axes[1])),
        ink=ink,
    )
    for kind, cloud in found.items():
        colour = _colour(kind, len(names))
        dots = []
        for x, y in cloud:
            px, py = paper.px(x), paper.py(y)
            if LEFT <= px <= paper.width - RIGHT and TOP <= py <= paper.height - BOTTOM:
                dots.append(f"M{px:.1f} {py:.1f}h.01")
        paper.parts.append(
            f'<path d="{"".join(dots)}" stroke="{colour}" stroke-width="3.2" '
            'stroke-linecap="round" stroke-opacity="0.75" fill="none"/>'
        )
    paper.legend([(str(name), _colour(i, len(names))) for i, name in enumerate(names)])
    return paper.svg(str(about.get("title") or "points"))


def histogram(about: Mapping[str, Any], *, ink: str = "currentColor") -> str:
    """A picture of form ``histogram``: the share of each kind in equal bins."""
    edges = [float(v) for v in about["edges"]]
    shares = {}
    for name, counts in about["counts"].items():
        total = sum(counts) or 1
        shares[name] = [c / total for c in counts]
    top = max((v for row in shares.values() for v in row), default=1.0) or 1.0
    paper = Paper(
        430,
        230,
        (edges[0], edges[-1]),
        (0.0, 1.05 * top),
        titles=(str(about.get("x_title") or ""), "share"),
        ink=ink,
    )
    for i, row in enumerate(shares.values()):
        steps = [(edges[0], 0.0)]
        for k, v in enumerate(row):
            steps += [(edges[k], v), (edges[k + 1], v)]
        paper.path([*steps, (edges[-1], 0.0)], _colour(i, len(shares)), "")
    paper.legend([(str(name), _colour(i, len(shares))) for i, name in enumerate(shares)])
    return paper.svg(str(about.get("title") or "histogram"))


def _colour(kind: int, of: int) -> str:
    """Grey for the first of several sorts, which is what the others are seen against."""
    return GREY if kind == 0 and of > 1 else COLOURS[(kind - 1) % len(COLOURS)]
