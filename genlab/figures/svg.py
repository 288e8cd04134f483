"""Charts as SVG text, for files without a script.

Ink is one colour (``currentColor`` inside a page, so that it follows light and dark); every text
is escaped.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from genlab.panels.axes import BOTTOM, LEFT, RIGHT, TOP, PlotAxes, format_tick
from genlab.panels.colours import COLOURS
from genlab.panels.run_marks import mark_at


@dataclass(frozen=True)
class Trace:
    """A line.

    Args:
        name: what the legend says.
        x, y: its points; None where there is no number.
        colour, dash: how it is drawn.
        truth: a constant drawn with it, None where there is none; ``label``: what it is.
        run: the place of its run in a comparison, whose mark stands at the line's end; None for
            no mark.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float | None]
    colour: str = COLOURS[0]
    dash: str = ""
    truth: float | None = None
    label: str = ""
    run: int | None = None


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
    axes = PlotAxes(
        width,
        height,
        (0.0, max([*xs, 1e-9])),
        (low - pad, high + pad),
        titles=(x_title, ""),
        ink=ink,
    )
    if mark is not None:
        at = axes.px(mark)
        axes.line(at, TOP, at, height - BOTTOM, ink, 1.0, dash="2 3", opacity=0.7)
    named: set[str] = set()
    occupied: list[float] = []
    for one in traces:
        finite = [
            (x, y) if y is not None and math.isfinite(y) else None
            for x, y in zip(one.x, one.y, strict=True)
        ]
        axes.path(finite, one.colour, one.dash)
        last = next((point for point in reversed(finite) if point is not None), None)
        if one.run is not None and last is not None:
            axes.parts.append(mark_at(one.run, axes.px(last[0]), axes.py(last[1])))
        if one.truth is None or not one.y:
            continue
        at = axes.py(one.truth)
        label = one.label or "truth"
        label = label if any(c.isdigit() for c in label) else f"{label} = {format_tick(one.truth)}"
        if label not in named:
            named.add(label)
            axes.line(LEFT, at, width - RIGHT, at, one.colour, 1.2, dash="6 4", opacity=0.85)
            baseline = at - 4 if at > TOP + 16 else at + 13
            while any(abs(other - baseline) < 12 for other in occupied) and baseline > TOP + 24:
                baseline -= 13
            occupied.append(baseline)
            axes.text(width - RIGHT - 4, baseline, label, "end")
    return axes.svg(words)
