"""The velocity over the plane at several times, with particles on their way."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from genlab.core.measure import Picture
from genlab.panels.axes import BOTTOM, LEFT, RIGHT, TOP, PlotAxes, format_tick
from genlab.panels.base import PANELS, Field, Form
from genlab.panels.colours import COLOURS, named_colour
from genlab.panels.encoding import png, to_plain
from genlab.panels.thumbnail import INKS, Thumbnail, shades

#: The byte of a cell that is not shown, and that of the largest value.
UNKNOWN, LARGEST = 255, 254
SIDE = 300.0


@PANELS.register("flow_field", title="Velocity over the plane and time")
class FlowField(Form):
    """Speeds and directions of velocity fields over cells of the plane, at several times."""

    fields: ClassVar[Mapping[str, Field]] = {
        "box": Field("array", "lower and upper corner, (2, 2)", (2, 2)),
        "axes": Field("list", "titles of the axes", (2,)),
        "cells": Field("number", "cells along each axis"),
        "times": Field("array", "times from noise (0) to data (1), (T,)", ("T",)),
        "fields": Field(
            "mapping",
            "by name: title, high (T,), speed (base64 of T x cells x cells bytes, 255 not shown)",
        ),
        "knots": Field("number", "arrows along each axis"),
        "arrows": Field(
            "mapping", "by name of a field: scale (T,), xy (base64 of T x knots x knots x 2 bytes)"
        ),
        "particles": Field("array", "their positions at each time, (T, P, 2)", ("T", "P", 2)),
        "excess": Field(
            "array", "mean |v - u|² over the points of each time, (T,)", ("T",), nullable=True
        ),
        "equal_units": Field(
            "number", "0 where the axes have units of their own, else 1", required=False
        ),
    }
    script: ClassVar[tuple[str, str]] = ("flow_field.js", "createFlowField")
    wide: ClassVar[bool] = True

    @classmethod
    def example(cls) -> dict[str, Any]:
        """A small payload of this form."""
        shades = bytes([0, 85, 170, UNKNOWN, 10, 20, 30, 254])
        field = {"title": "learned v", "high": [1.0, 2.0]}
        return {
            "box": [[-1.0, -1.0], [1.0, 1.0]],
            "axes": ["x₁", "x₂"],
            "cells": 2,
            "times": [0.0, 1.0],
            "fields": {"learned": {**field, "speed": base64.b64encode(shades).decode()}},
            "knots": 1,
            "arrows": {
                "learned": {
                    "scale": [1.0, 1.0],
                    "xy": base64.b64encode(bytes([127, 254, 0, 127])).decode(),
                }
            },
            "particles": [[[-0.3, 0.4]], [[0.5, 0.5]]],
            "excess": [0.1, 0.2],
        }

    @classmethod
    def svg(cls, picture: Picture, *, ink: str = "currentColor") -> str:
        """The fields side by side at the middle time."""
        about = to_plain(picture.payload)
        k = len(about["times"]) // 2
        plots = [_draw(about, field, k, ink) for field in about["fields"].values()]
        width, height = plots[0].width, plots[0].height
        page = PlotAxes(width, height, *_box(about), ink=ink)
        page.parts = [
            f'<g transform="translate({i * width:.0f} 0)">{"".join(plot.parts)}</g>'
            for i, plot in enumerate(plots)
        ]
        page.width = width * len(plots)
        return page.svg(picture.title or "velocity over the plane")

    @classmethod
    def thumbnail(cls, picture: Picture) -> bytes:
        """The paths of the particles over the first field, at the middle time."""
        about = to_plain(picture.payload)
        small = Thumbnail(*_box(about))
        for field in list(about["fields"].values())[:1]:
            field_image = Image.fromarray(_shades(about, field, len(about["times"]) // 2))
            small.image.paste(field_image.resize((144, 144), Image.Resampling.BICUBIC), (8, 8))
        small.dots(about["particles"][0], INKS[0])
        small.dots(about["particles"][-1], INKS[1], 1.6)
        return small.png()


def _box(about: Mapping[str, Any]) -> tuple[tuple[float, float], tuple[float, float]]:
    (x0, y0), (x1, y1) = about["box"]
    return (x0, x1), (y0, y1)


def _shades(about: Mapping[str, Any], field: Mapping[str, Any], k: int) -> NDArray[np.uint8]:
    """A field at a time as pixels from clear to blue, the highest y first."""
    cells = int(about["cells"])
    every = np.frombuffer(base64.b64decode(field["speed"]), np.uint8)
    rows = every.reshape(-1, cells, cells)[k][::-1]
    return shades(rows / LARGEST, rows == UNKNOWN)


def _draw(about: Mapping[str, Any], field: Mapping[str, Any], k: int, ink: str) -> PlotAxes:
    titles = [str(title) for title in about["axes"]]
    plot = PlotAxes(
        SIDE + LEFT + RIGHT,
        SIDE + TOP + BOTTOM,
        *_box(about),
        titles=(titles[0], titles[1]),
        ink=ink,
    )
    data = base64.b64encode(png(_shades(about, field, k))).decode()
    plot.parts.insert(
        0,
        f'<image x="{LEFT}" y="{TOP}" width="{SIDE}" height="{SIDE}" '
        f'preserveAspectRatio="none" href="data:image/png;base64,{data}"/>',
    )
    colour = named_colour("generated", 0, 1)
    for way in zip(*about["particles"], strict=True):
        plot.path([(x, y) for x, y in way], ink)
    plot.dots(about["particles"][k], colour)
    high = format_tick(field["high"][k])
    time = format_tick(about["times"][k])
    plot.legend([(f"{field['title']} at t = {time}, clear 0 to blue {high}", COLOURS[0])])
    plot.legend([("particles", colour)], ["disc"])
    return plot
