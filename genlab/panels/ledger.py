"""Divergences between data and model, one row each."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

from genlab.core.measure import Picture
from genlab.panels.axes import PlotAxes, format_tick
from genlab.panels.base import PANELS, Field, Form
from genlab.panels.colours import COLOURS
from genlab.panels.encoding import to_plain
from genlab.panels.thumbnail import INKS, Thumbnail

#: The exponents of ten between which a bar is drawn.
LOWEST, HIGHEST = -3, 2
#: A divergence above this depends on a few regions that the model hardly reaches.
MEASURABLE = 1e4
ROW = 22.0


@PANELS.register("ledger", title="Ledger of divergences")
class Ledger(Form):
    """A table of divergences; the bars show value - least on one logarithmic scale."""

    fields: ClassVar[Mapping[str, Field]] = {
        "rows": Field(
            "list",
            "name, title, unit, value (a number or 'infinite'), error, at_least, kind, n, floor, "
            "least, bound",
        ),
    }
    script: ClassVar[tuple[str, str]] = ("ledger.js", "createLedger")
    wide: ClassVar[bool] = True

    @classmethod
    def example(cls) -> dict[str, Any]:
        """A small payload of this form."""
        row = {"name": "kl", "title": "Kullback-Leibler", "unit": "nats", "error": 0.01}
        row |= {"at_least": None, "kind": "grid", "n": 100, "floor": 0.02, "least": 0.0}
        return {
            "rows": [
                {**row, "value": 0.5, "bound": None},
                {**row, "name": "reverse_kl", "value": "infinite", "at_least": 3.0, "bound": None},
            ]
        }

    @classmethod
    def check(cls, payload: Mapping[str, Any]) -> None:
        """Check the entries and shapes of a payload."""
        super().check(payload)
        for row in payload["rows"]:
            for key in ("title", "value", "least", "floor"):
                if key not in row:
                    raise cls._error(f"has a row without {key!r}: {row!r:.60}")

    @classmethod
    def svg(cls, picture: Picture, *, ink: str = "currentColor") -> str:
        """Draw the picture as SVG."""
        rows = to_plain(picture.payload)["rows"]
        plot = PlotAxes(560, 20 + ROW * len(rows), (0.0, 1.0), (0.0, 1.0), ink=ink)
        plot.parts = []
        for i, row in enumerate(rows):
            at = 20 + ROW * i
            plot.text(190, at, str(row["title"]), "end")
            width = 220 * bar_length(row["value"], row["least"])
            plot.parts.append(
                f'<rect x="200" y="{at - 10:.1f}" width="{width:.1f}" height="12" '
                f'fill="{COLOURS[0]}"/>'
            )
            plot.text(430, at, _value_text(row), "start")
        return plot.svg(picture.title or "ledger of divergences")

    @classmethod
    def thumbnail(cls, picture: Picture) -> bytes:
        """Draw the picture as a small PNG."""
        rows = to_plain(picture.payload)["rows"]
        small = Thumbnail((0.0, 1.0), (0.0, float(max(1, len(rows)))))
        for i, row in enumerate(reversed(rows)):
            length = bar_length(row["value"], row["least"])
            small.rectangle((0.0, i + 0.2), (max(0.01, length), i + 0.8), INKS[1])
        return small.png()


def bar_length(value: Any, least: float) -> float:
    """The length of a bar in [0, 1] on the logarithmic scale; 1 for an infinite value.

    Example:
        >>> bar_length(0.001, 0.0), bar_length("infinite", 0.0), bar_length(None, 0.0)
        (0.0, 1.0, 0.0)
    """
    if value == "infinite":
        return 1.0
    if not isinstance(value, (int, float)) or value - least <= 0:
        return 0.0
    share = (math.log10(value - least) - LOWEST) / (HIGHEST - LOWEST)
    return min(1.0, max(0.0, share))


def _value_text(row: Mapping[str, Any]) -> str:
    value = row["value"]
    if value == "infinite":
        at_least = row.get("at_least")
        if at_least is None or at_least >= MEASURABLE:
            return "not measurable here"
        return f"not measurable here: above {format_tick(at_least)}"
    if isinstance(value, (int, float)) and value > MEASURABLE and row.get("unit") != "data units":
        return "not measurable here"
    if not isinstance(row["value"], (int, float)):
        return str(row["value"])
    error = f" ± {format_tick(row['error'])}" if row.get("error") else ""
    value = format_tick(float(f"{row['value']:.4g}"))
    return f"{value}{error} {row.get('unit', '')}".rstrip()
