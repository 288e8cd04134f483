"""A field of values over the plane, as colours."""

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
from genlab.panels.encoding import png, to_plain
from genlab.panels.thumbnail import Thumbnail

#: Pixels of a side of the square in which the field is drawn.
SIDE = 300.0
#: The colours of the least and of the largest value; the middle lies between them.
LOW, HIGH = (247, 251, 255), (8, 69, 148)


@PANELS.register("field", title="Field over the plane")
class FieldOverPlane(Form):
    """A value at each point of a grid; each row of ``z`` belongs to one y."""

    fields: ClassVar[Mapping[str, Field]] = {
        "x": Field("array", "positions of the columns, (n,)", ("n",)),
        "y": Field("array", "positions of the rows, (m,)", ("m",)),
        "z": Field("array", "values, (m, n); None where unknown", ("m", "n")),
    }
    script: ClassVar[tuple[str, str]] = ("plots.js", "drawField")

    @classmethod
    def example(cls) -> dict[str, Any]:
        """A small payload of this form."""
        return {"x": [-1.0, 0.0, 1.0], "y": [-1.0, 1.0], "z": [[0.0, 1.0, 2.0], [2.0, None, 4.0]]}

    @classmethod
    def svg(cls, picture: Picture, *, ink: str = "currentColor") -> str:
        """Draw the picture as SVG."""
        about = to_plain(picture.payload)
        values = _values(about)
        plot = PlotAxes(
            SIDE + LEFT + RIGHT,
            SIDE + TOP + BOTTOM,
            (about["x"][0], about["x"][-1]),
            (about["y"][0], about["y"][-1]),
            ink=ink,
        )
        data = base64.b64encode(png(_colours(values))).decode()
        plot.parts.append(
            f'<image x="{LEFT}" y="{TOP}" width="{SIDE}" height="{SIDE}" '
            f'preserveAspectRatio="none" style="image-rendering:pixelated" '
            f'href="data:image/png;base64,{data}"/>'
        )
        if np.isfinite(values).any():
            ends = (float(np.nanmin(values)), float(np.nanmax(values)))
            colours = (f"rgb{LOW}", f"rgb{HIGH}")
            plot.legend([(format_tick(v), c) for v, c in zip(ends, colours, strict=True)])
        return plot.svg(picture.title or "field")

    @classmethod
    def thumbnail(cls, picture: Picture) -> bytes:
        """The field alone."""
        small = Thumbnail((0.0, 1.0), (0.0, 1.0))
        shades = Image.fromarray(_colours(_values(to_plain(picture.payload))))
        small.image.paste(shades.resize((144, 144), Image.Resampling.NEAREST), (8, 8))
        return small.png()


def _values(about: Mapping[str, Any]) -> NDArray[np.float64]:
    """The values with the largest y first, NaN where unknown, (m, n)."""
    rows = [[np.nan if v is None else float(v) for v in row] for row in about["z"]]
    return np.array(rows[::-1], dtype=np.float64)


def _colours(values: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Colours between :data:`LOW` and :data:`HIGH`, grey where unknown, (m, n, 3)."""
    known = np.isfinite(values)
    least = float(values[known].min()) if known.any() else 0.0
    largest = float(values[known].max()) if known.any() else 1.0
    share = np.where(known, (values - least) / ((largest - least) or 1.0), 0.0)[..., None]
    shades = (1.0 - share) * np.array(LOW) + share * np.array(HIGH)
    return np.where(known[..., None], shades, 160.0).round().astype(np.uint8)
