"""Points in a plane, by group."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from genlab.core.measure import Picture
from genlab.panels.axes import BOTTOM, LEFT, RIGHT, TOP, PlotAxes
from genlab.panels.base import PANELS, Field, Form
from genlab.panels.colours import mark_of, named_colour
from genlab.panels.encoding import to_plain
from genlab.panels.thumbnail import INKS, Thumbnail

#: Pixels of a side of the square in which the points are drawn.
SIDE = 300.0


@PANELS.register("points", title="Points")
class Points(Form):
    """Points by group; the first of several groups is the grey background."""

    fields: ClassVar[Mapping[str, Field]] = {
        "x": Field("array", "coordinates (n, d); the first two are drawn", ("n", "d")),
        "label": Field("array", "group of each point, (n,)", ("n",), False, True),
        "classes": Field("any", "names of the groups", required=False, nullable=True),
        "box": Field("array", "lower and upper corner, (2, 2)", (2, "b"), False, True),
        "axes": Field("list", "titles of the two axes", required=False, nullable=True),
        "grid": Field("any", "axes and values of the density", required=False, nullable=True),
        "columns": Field("any", "names of the coordinates", required=False, nullable=True),
    }
    script: ClassVar[tuple[str, str]] = ("plots.js", "drawPoints")

    @classmethod
    def example(cls) -> dict[str, Any]:
        """A small payload of this form."""
        return {
            "x": [[0.0, 1.0], [1.0, 0.5], [0.5, None]],
            "label": [0, 1, 1],
            "classes": ["data", "generated"],
            "box": [[-1.0, -1.0], [2.0, 2.0]],
            "axes": ["x₁", "x₂"],
        }

    @classmethod
    def svg(cls, picture: Picture, *, ink: str = "currentColor") -> str:
        """Draw the picture as SVG."""
        about = to_plain(picture.payload)
        groups, names = points_by_group(about), list(about.get("classes") or [])
        (x0, x1), (y0, y1) = _ranges(about, groups)
        axes = [*(about.get("axes") or []), "", ""][:2]
        plot = PlotAxes(
            SIDE + LEFT + RIGHT,
            SIDE + TOP + BOTTOM,
            (float(x0), float(x1)),
            (float(y0), float(y1)),
            titles=(str(axes[0]), str(axes[1])),
            ink=ink,
        )
        for group, points in groups.items():
            name = str(names[group]) if 0 <= group < len(names) else ""
            colour = named_colour(name, group, len(names), ink)
            plot.dots(points, colour, mark=mark_of(name))
        keys = [
            (str(name), named_colour(str(name), i, len(names), ink))
            for i, name in enumerate(names)
        ]
        plot.legend(keys, [mark_of(str(name)) for name in names])
        return plot.svg(picture.title or "points")

    @classmethod
    def thumbnail(cls, picture: Picture) -> bytes:
        """The points of the first two groups."""
        about = to_plain(picture.payload)
        groups = points_by_group(about)
        small = Thumbnail(*_ranges(about, groups, square=True))
        for colour, points in zip(INKS[:2], groups.values(), strict=False):
            small.dots(points[:600], colour)
        return small.png()


Range = tuple[float, float]


def _ranges(
    about: Mapping[str, Any], groups: Mapping[int, list[list[float]]], *, square: bool = False
) -> tuple[Range, Range]:
    """The ranges of the two axes, of equal length if the plot is square."""
    every = about.get("box") or [p for points in groups.values() for p in points]
    every = every or [(0.0, 0.0), (1.0, 1.0)]
    x, y = (
        (min(_coordinate(p, i) for p in every), max(_coordinate(p, i) for p in every))
        for i in (0, 1)
    )
    if square:
        length = max(x[1] - x[0], y[1] - y[0]) or 1.0
        x, y = (x[0], x[0] + length), (y[0], y[0] + length)
    return x, y


def _coordinate(point: Any, index: int) -> float:
    return float(point[index]) if index < len(point) else 0.0


def points_by_group(payload: Mapping[str, Any]) -> dict[int, list[list[float]]]:
    """The points of each group, (x, y) each; points with a missing coordinate are left out.

    Example:
        >>> points_by_group({"x": [[1.0, 2.0], [3.0, 4.0]], "label": [1, 0]})
        {0: [[3.0, 4.0]], 1: [[1.0, 2.0]]}
    """
    rows = payload.get("x") or []
    label = payload.get("label") or [0] * len(rows)
    groups: dict[int, list[list[float]]] = {k: [] for k in sorted(set(label))}
    for point, group in zip(rows, label, strict=True):
        if None not in point:
            groups[group].append([_coordinate(point, 0), _coordinate(point, 1)])
    return groups
