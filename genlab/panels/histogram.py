"""Shares of several groups in the same bins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from genlab.core.measure import Picture
from genlab.panels.axes import PlotAxes
from genlab.panels.base import PANELS, Field, Form, shape_of
from genlab.panels.colours import named_colour
from genlab.panels.encoding import to_plain
from genlab.panels.thumbnail import INKS, Thumbnail


@PANELS.register("histogram", title="Histogram")
class Histogram(Form):
    """The share of each group in equal bins, so that groups of different sizes compare."""

    fields: ClassVar[Mapping[str, Field]] = {
        "edges": Field("array", "ends of the bins, (k + 1,)", ("k+1",)),
        "counts": Field("mapping", "counts of each group by its name, (k,) each"),
        "x_title": Field("text", "title of the axis, with its unit", required=False),
    }
    script: ClassVar[tuple[str, str]] = ("plots.js", "drawHistogram")

    @classmethod
    def example(cls) -> dict[str, Any]:
        """A small payload of this form."""
        return {
            "edges": [0.0, 0.5, 1.0],
            "counts": {"held-out": [3, 1], "generated": [1, 2]},
            "x_title": "D(x), probability of real",
        }

    @classmethod
    def check(cls, payload: Mapping[str, Any]) -> None:
        """Check the entries and shapes of a payload."""
        super().check(payload)
        bins = len(payload["edges"]) - 1
        for name, counts in payload["counts"].items():
            if shape_of(counts) != (bins,):
                raise cls._error(f"has {len(counts)} counts of {name!r} in {bins} bins")

    @classmethod
    def svg(cls, picture: Picture, *, ink: str = "currentColor") -> str:
        """Draw the picture as SVG."""
        about = to_plain(picture.payload)
        edges = [float(v) for v in about["edges"]]
        shares = {name: _shares(counts) for name, counts in about["counts"].items()}
        top = max((v for row in shares.values() for v in row), default=1.0) or 1.0
        plot = PlotAxes(
            430,
            230,
            (edges[0], edges[-1]),
            (0.0, 1.05 * top),
            titles=(str(about.get("x_title") or ""), "share"),
            ink=ink,
        )
        keys = [
            (str(name), named_colour(str(name), i, len(shares), ink))
            for i, name in enumerate(shares)
        ]
        for (_, colour), row in zip(keys, shares.values(), strict=True):
            plot.path(_outline(edges, row), colour)
        plot.legend(keys)
        return plot.svg(picture.title or "histogram")

    @classmethod
    def thumbnail(cls, picture: Picture) -> bytes:
        """The tops of the first two groups' columns."""
        rows = list(to_plain(picture.payload)["counts"].values())[:2]
        top = max((max(row) for row in rows if row), default=0) or 1
        bins = max((len(row) for row in rows), default=1)
        small = Thumbnail((0.0, float(bins)), (0.0, top * 144 / 140))
        for row, colour in zip(rows, INKS, strict=False):
            for i, count in enumerate(row):
                small.line([(i, count), (i + 1, count)], colour)
        return small.png()


def _shares(counts: list[float]) -> list[float]:
    total = sum(counts) or 1
    return [count / total for count in counts]


def _outline(edges: list[float], shares: list[float]) -> list[tuple[float, float] | None]:
    """The outline of the columns, from the axis to the axis."""
    found: list[tuple[float, float] | None] = [(edges[0], 0.0)]
    for k, share in enumerate(shares):
        found += [(edges[k], share), (edges[k + 1], share)]
    return [*found, (edges[-1], 0.0)]
