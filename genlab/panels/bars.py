"""One bar for each name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from genlab.core.measure import Picture
from genlab.panels.axes import BOTTOM, PlotAxes
from genlab.panels.base import PANELS, Field, Form
from genlab.panels.colours import COLOURS
from genlab.panels.encoding import to_plain
from genlab.panels.thumbnail import INKS, Thumbnail


@PANELS.register("bars", title="Bars")
class Bars(Form):
    """One value for each name; a missing value has no bar."""

    fields: ClassVar[Mapping[str, Field]] = {
        "x": Field("array", "names or numbers of the bars, (n,)", ("n",)),
        "y": Field("array", "heights, None where unknown, (n,)", ("n",)),
        "x_title": Field("text", "title of the horizontal axis", required=False),
        "y_title": Field("text", "title of the vertical axis, with its unit", required=False),
    }
    script: ClassVar[tuple[str, str]] = ("plots.js", "drawBars")

    @classmethod
    def example(cls) -> dict[str, Any]:
        """A small payload of this form."""
        return {
            "x": ["a", "b", "c"],
            "y": [0.5, None, 0.2],
            "x_title": "latent dimension",
            "y_title": "KL (nats)",
        }

    @classmethod
    def svg(cls, picture: Picture, *, ink: str = "currentColor") -> str:
        """Draw the picture as SVG."""
        about = to_plain(picture.payload)
        plot = PlotAxes(430, 230, _across(about), _upwards(about), ink=ink)
        # The horizontal axis shows the names, not numbers.
        plot.parts = [part for part in plot.parts if 'text-anchor="middle"' not in part]
        plot.text(plot.width - 20, plot.height - 4, str(about.get("x_title") or ""), "end")
        plot.text(52, 12, str(about.get("y_title") or ""), "start")
        names = [str(name) for name in about["x"]]
        every = max(1, -(-len(names) * 24 // 358))
        for i, (name, value) in enumerate(zip(names, about["y"], strict=True)):
            if value is not None:
                plot.rectangle(i - 0.4, 0.0, i + 0.4, value, COLOURS[0])
            if i % every == 0:
                plot.text(plot.px(i), plot.height - BOTTOM + 15, name, "middle")
        return plot.svg(picture.title or "bars")

    @classmethod
    def thumbnail(cls, picture: Picture) -> bytes:
        """Draw the picture as a small PNG."""
        about = to_plain(picture.payload)
        small = Thumbnail(_across(about), _upwards(about))
        for i, value in enumerate(about["y"]):
            if value is not None:
                small.rectangle((i - 0.4, 0.0), (i + 0.4, value), INKS[1])
        return small.png()


def _across(about: Mapping[str, Any]) -> tuple[float, float]:
    return -0.5, max(1, len(about["x"])) - 0.5


def _upwards(about: Mapping[str, Any]) -> tuple[float, float]:
    known = [v for v in about["y"] if v is not None]
    return min([0.0, *known]), 1.08 * max([1e-12, *known])
