"""The map of a critic: fields over the plane, with points, arrows and a warped grid."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from genlab.core.measure import Picture
from genlab.panels.axes import BOTTOM, LEFT, RIGHT, TOP, PlotAxes, format_tick
from genlab.panels.base import PANELS, Field, Form
from genlab.panels.colours import COLOURS, mark_of, named_colour
from genlab.panels.encoding import png, to_plain
from genlab.panels.thumbnail import INKS, Thumbnail, shades

#: The byte of a cell whose value is unknown, and that of the largest value.
UNKNOWN, LARGEST = 255, 254
SIDE = 300.0
#: The colour of generated points (the role "generated" on a light page).
GENERATED = INKS[1]


@PANELS.register("gap", title="Map of a critic")
class Gap(Form):
    """Fields over cells of the plane, as bytes, with real and generated points over them."""

    fields: ClassVar[Mapping[str, Field]] = {
        "box": Field("array", "lower and upper corner, (2, 2)", (2, 2)),
        "axes": Field("list", "titles of the axes", (2,)),
        "cells": Field("number", "cells along each axis"),
        "fields": Field(
            "mapping", "by name: title, low, high, z (base64 of cells x cells bytes, 255 unknown)"
        ),
        "real": Field("array", "held-out points, (n, 2)", ("n", 2)),
        "fake": Field("array", "generated points, (m, 2)", ("m", 2)),
        "arrows": Field(
            "array",
            "the generator's negative gradient at the first generated points, (k, 2)",
            ("k", 2),
        ),
        "push": Field("number", "length of the longest gradient"),
        "grid": Field("list", "lines of a warped grid, each a list of points"),
        "distance": Field("number", "mean |D - D*|", required=False, nullable=True),
        "floor": Field("number", "the distance of D* itself", required=False, nullable=True),
        "n": Field("number", "samples behind D*"),
    }
    script: ClassVar[tuple[str, str]] = ("gap.js", "createGapMap")
    wide: ClassVar[bool] = True

    @classmethod
    def example(cls) -> dict[str, Any]:
        """A small payload of this form."""
        shades = bytes([0, 85, 170, UNKNOWN])
        field = {"title": "learned D(x)", "low": 0.0, "high": 1.0}
        return {
            "box": [[-1.0, -1.0], [1.0, 1.0]],
            "axes": ["x₁", "x₂"],
            "cells": 2,
            "logit": True,
            "fields": {"d": {**field, "z": base64.b64encode(shades).decode()}},
            "real": [[0.1, 0.2]],
            "fake": [[-0.3, 0.4], [0.5, 0.5]],
            "arrows": [[0.1, 0.0]],
            "push": 0.7,
            "grid": [[[0.0, 0.0], [0.5, 0.5]]],
            "distance": 0.1,
            "floor": 0.01,
            "n": 100,
        }

    @classmethod
    def check(cls, payload: Mapping[str, Any]) -> None:
        """Check the entries and shapes of a payload."""
        super().check(payload)
        cells = int(payload["cells"]) ** 2
        for name, field in payload["fields"].items():
            if len(base64.b64decode(field["z"])) != cells:
                raise cls._error(f"has a field {name!r} that does not have {cells} cells")

    @classmethod
    def svg(cls, picture: Picture, *, ink: str = "currentColor") -> str:
        """The fields below one another; the first one carries the arrows."""
        about = to_plain(picture.payload)
        plots = [
            _draw_field(about, field, ink, arrows=i == 0)
            for i, field in enumerate(about["fields"].values())
        ] or [_draw_field(about, None, ink, arrows=True)]
        width, height = plots[0].width, plots[0].height
        body = "".join(
            f'<g transform="translate({i * width:.0f} 0)">{"".join(plot.parts)}</g>'
            for i, plot in enumerate(plots)
        )
        page = PlotAxes(width, height, *_box(about), ink=ink)
        page.parts, page.width = [body], width * len(plots)
        return page.svg(picture.title or "map of a critic")

    @classmethod
    def thumbnail(cls, picture: Picture) -> bytes:
        """The points over the first field."""
        about = to_plain(picture.payload)
        small = Thumbnail(*_box(about))
        for field in list(about["fields"].values())[:1]:
            from PIL import Image

            field_image = Image.fromarray(_shades(field, int(about["cells"])))
            small.image.paste(field_image.resize((144, 144), Image.Resampling.BICUBIC), (8, 8))
        small.dots(about["real"], INKS[0])
        small.dots(about["fake"], GENERATED, 1.6)
        return small.png()


def _box(about: Mapping[str, Any]) -> tuple[tuple[float, float], tuple[float, float]]:
    (x0, y0), (x1, y1) = about["box"]
    return (x0, x1), (y0, y1)


def _shades(field: Mapping[str, Any], cells: int) -> NDArray[np.uint8]:
    """The field as pixels from clear to blue, the highest y first; unknown cells are grey."""
    rows = np.frombuffer(base64.b64decode(field["z"]), np.uint8).reshape(cells, cells)[::-1]
    return shades(rows / LARGEST, rows == UNKNOWN)


def _draw_field(
    about: Mapping[str, Any], field: Mapping[str, Any] | None, ink: str, *, arrows: bool
) -> PlotAxes:
    titles = [*about["axes"], ""]
    plot = PlotAxes(
        SIDE + LEFT + RIGHT,
        SIDE + TOP + BOTTOM,
        *_box(about),
        titles=(str(titles[0]), str(titles[1])),
        ink=ink,
    )
    if field is not None:
        data = base64.b64encode(png(_shades(field, int(about["cells"])))).decode()
        plot.parts.insert(
            0,
            f'<image x="{LEFT}" y="{TOP}" width="{SIDE}" height="{SIDE}" '
            f'preserveAspectRatio="none" '
            f'href="data:image/png;base64,{data}"/>',
        )
        low, high = format_tick(field["low"]), format_tick(field["high"])
        plot.legend([(f"{field['title']}, clear {low} to blue {high}", COLOURS[0])])
    generated = named_colour("generated", 0, 1)
    plot.dots(about["real"], ink, mark=mark_of("held-out"))
    plot.dots(about["fake"], generated)
    if arrows:
        for (x, y), (dx, dy) in zip(about["fake"], about["arrows"], strict=False):
            plot.path([(x, y), (x + dx, y + dy)], ink)
    plot.legend([("held-out", ink), ("generated", generated)], ["plus", "disc"])
    return plot
