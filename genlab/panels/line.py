"""Densities and a critic along the line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from genlab.core.measure import Picture
from genlab.panels.axes import PlotAxes
from genlab.panels.base import PANELS, Field, Form, shape_of
from genlab.panels.colours import COLOURS
from genlab.panels.encoding import to_plain
from genlab.panels.thumbnail import INKS, Thumbnail

HEIGHT = 230.0


@PANELS.register("line", title="Distributions on the line")
class Line(Form):
    """Curves over one axis, each on a scale of its own unit (density, probability, score)."""

    fields: ClassVar[Mapping[str, Field]] = {
        "x": Field("array", "points on the line, (n,)", ("n",)),
        "lines": Field("mapping", "by name: title, on (the unit), y (n,) with None for unknown"),
        "real": Field("array", "held-out examples", ("r",)),
        "fake": Field("array", "generated examples", ("f",)),
        "arrows": Field(
            "array", "the generator's negative gradient at the first generated examples", ("k",)
        ),
        "push": Field("number", "length of the longest gradient"),
        "told": Field("list", "name, value and unit of each number beside the chart"),
        "n": Field("number", "samples behind the counted distribution"),
    }
    script: ClassVar[tuple[str, str]] = ("density.js", "createDensityPlot")
    wide: ClassVar[bool] = True

    @classmethod
    def example(cls) -> dict[str, Any]:
        """A small payload of this form."""
        return {
            "x": [0.0, 0.5, 1.0],
            "lines": {
                "p": {"title": "p(x)", "on": "density", "y": [0.1, 0.9, None]},
                "d": {"title": "learned D(x)", "on": "probability", "y": [0.5, 0.6, 0.7]},
            },
            "real": [0.2, 0.4],
            "fake": [0.6],
            "arrows": [0.1],
            "push": 0.3,
            "told": [["JS", 0.1, "nats"]],
            "n": 100,
        }

    @classmethod
    def check(cls, payload: Mapping[str, Any]) -> None:
        """Check the entries and shapes of a payload."""
        super().check(payload)
        n = len(payload["x"])
        for name, line in payload["lines"].items():
            if shape_of(line["y"]) != (n,):
                raise cls._error(f"has a line {name!r} without a value at each of {n} places")

    @classmethod
    def svg(cls, picture: Picture, *, ink: str = "currentColor") -> str:
        """One chart for each unit, below one another."""
        about = to_plain(picture.payload)
        units = list(dict.fromkeys(line["on"] for line in about["lines"].values()))
        body, top, page = [], 0.0, None
        for unit in units:
            plot = _draw_unit(about, unit, ink)
            body.append(f'<g transform="translate(0 {top:.0f})">{"".join(plot.parts)}</g>')
            top, page = top + plot.height, page or plot
        page = page or PlotAxes(430, HEIGHT, (0.0, 1.0), (0.0, 1.0), ink=ink)
        if body:
            page.parts, page.height = body, top
        return page.svg(picture.title or "distributions on the line")

    @classmethod
    def thumbnail(cls, picture: Picture) -> bytes:
        """The curves of the first unit."""
        about = to_plain(picture.payload)
        rows = list(about["lines"].values())
        rows = [row for row in rows if row["on"] == rows[0]["on"]]
        xs = about["x"] or [0.0, 1.0]
        small = Thumbnail((xs[0], xs[-1]), _range(rows))
        for row, colour in zip(rows, INKS, strict=False):
            small.line(_points(about["x"], row["y"]), colour)
        return small.png()


def _points(xs: list[float], ys: list[float | None]) -> list[tuple[float, float] | None]:
    return [None if y is None else (x, y) for x, y in zip(xs, ys, strict=True)]


def _range(rows: list[Any]) -> tuple[float, float]:
    known = [v for row in rows for v in row["y"] if v is not None]
    return min([0.0, *known]), max([1e-9, *known])


def _draw_unit(about: Mapping[str, Any], unit: str, ink: str) -> PlotAxes:
    rows = [line for line in about["lines"].values() if line["on"] == unit]
    xs = about["x"] or [0.0, 1.0]
    low, high = _range(rows)
    plot = PlotAxes(430, HEIGHT, (xs[0], xs[-1]), (low, 1.05 * high), titles=("x", unit), ink=ink)
    for i, row in enumerate(rows):
        plot.path(_points(about["x"], row["y"]), COLOURS[i % len(COLOURS)])
    plot.legend([(row["title"], COLOURS[i % len(COLOURS)]) for i, row in enumerate(rows)])
    return plot
