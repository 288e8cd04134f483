"""The reliability diagram of a discriminator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from genlab.core.measure import Picture
from genlab.panels.axes import PlotAxes, format_tick
from genlab.panels.base import PANELS, Field, Form
from genlab.panels.colours import COLOURS, GREY
from genlab.panels.encoding import to_plain
from genlab.panels.thumbnail import INKS, Thumbnail


@PANELS.register("calibration", title="Reliability diagram")
class Calibration(Form):
    """The share of real examples against the predicted probability, by bins of D(x)."""

    fields: ClassVar[Mapping[str, Field]] = {
        "bins": Field("list", "low, high, d (mean), share, error, truth, n of each bin"),
        "ece": Field("number", "expected calibration error", nullable=True),
        "chance": Field("number", "its value by chance", nullable=True),
        "n": Field("number", "examples"),
    }
    script: ClassVar[tuple[str, str]] = ("calibration.js", "createCalibration")

    @classmethod
    def example(cls) -> dict[str, Any]:
        """A small payload of this form."""
        first = {"low": 0.0, "high": 0.5, "d": 0.3, "share": 0.25, "error": 0.02, "truth": 0.28}
        empty = {"low": 0.5, "high": 1.0, "d": None, "share": None, "error": None, "truth": None}
        return {
            "bins": [{**first, "n": 100}, {**empty, "n": 0}],
            "ece": 0.05,
            "chance": 0.01,
            "n": 100,
            "distance": None,
            "floor": None,
        }

    @classmethod
    def check(cls, payload: Mapping[str, Any]) -> None:
        """Check the entries and shapes of a payload."""
        super().check(payload)
        for row in payload["bins"]:
            for key in ("low", "high", "d", "share", "error", "n"):
                if key not in row:
                    raise cls._error(f"has a bin without {key!r}: {row!r:.60}")

    @classmethod
    def svg(cls, picture: Picture, *, ink: str = "currentColor") -> str:
        """Draw the picture as SVG."""
        about = to_plain(picture.payload)
        plot = PlotAxes(
            340,
            340,
            (0.0, 1.0),
            (0.0, 1.0),
            titles=("D(x), probability of real", "share that is real"),
            ink=ink,
        )
        most = max([1, *(row["n"] for row in about["bins"])])
        for row in about["bins"]:
            plot.rectangle(row["low"], 0.0, row["high"], 0.25 * row["n"] / most, GREY, 0.25)
        plot.path([(0.0, 0.0), (1.0, 1.0)], ink, "6 4")
        known = _known(about)
        for row in known:
            if row["error"] is not None:
                low = max(0.0, row["share"] - 2 * row["error"])
                high = min(1.0, row["share"] + 2 * row["error"])
                plot.path([(row["d"], low), (row["d"], high)], COLOURS[0])
        plot.dots([(row["d"], row["share"]) for row in known], COLOURS[0], 7)
        truth = [(row["d"], row["truth"]) for row in known if row.get("truth") is not None]
        plot.dots(truth, COLOURS[1], 5)
        keys = [("share of real examples, ± 2 standard errors", COLOURS[0])]
        keys += [("mean D*", COLOURS[1])] if truth else []
        plot.legend(keys)
        ece = "" if about["ece"] is None else f", error {format_tick(about['ece'])}"
        return plot.svg(f"{picture.title or 'calibration'}{ece}")

    @classmethod
    def thumbnail(cls, picture: Picture) -> bytes:
        """Draw the picture as a small PNG."""
        small = Thumbnail((0.0, 1.0), (0.0, 1.0))
        small.line([(0.0, 0.0), (1.0, 1.0)], INKS[0], 2)
        known = _known(to_plain(picture.payload))
        small.dots([(row["d"], row["share"]) for row in known], INKS[1], 3)
        return small.png()


def _known(about: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [row for row in about["bins"] if row["d"] is not None and row["share"] is not None]
