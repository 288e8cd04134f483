"""The map of a latent space: what it shows, then how it is drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from genlab.figures.style import COLOURS, GREY, SYMBOLS, figure

METHODS: Mapping[str, str] = {"pca": "PCA", "tsne": "t-SNE"}


@dataclass(frozen=True)
class MapInfo:
    """A map of codes in the plane.

    Args:
        xy: (N, 2) positions.
        label: (N,) class index, -1 where there is none.
        generated: (N,) whether the point was made by the model.
        classes: names of the classes.
        method: ``pca`` or ``tsne``.
        space: what was mapped, with its number of dimensions.
        trustworthiness: 0 to 1; ``neighbours``: how many were looked at.
        explained: the share of the variance on each axis, NaN where the method has none.
    """

    xy: NDArray[np.float32]
    label: NDArray[np.int64]
    generated: NDArray[np.bool_]
    classes: tuple[str, ...]
    method: str
    space: str
    trustworthiness: float
    neighbours: int
    explained: tuple[float, float]

    @property
    def caption(self) -> str:
        """What the map is, with its quality: for a person, and read out by a screen reader."""
        text = f"{METHODS.get(self.method, self.method)} of {len(self.xy):,} {self.space}"
        if np.isfinite(self.explained[0]):
            text += f" · variance shown {100 * sum(self.explained):.0f} %"
        score = f"{self.trustworthiness:.3f}"
        return f"{text} · trustworthiness {score} (k = {self.neighbours}; 1 is best)"


SPACES: Mapping[str, str] = {
    "posterior mean": "posterior means",
    "critic feature": "critic features",
    "data": "examples, as they are",
}


def map_info(
    result: Mapping[str, Any], *, method: str, space: str, classes: Sequence[str] = ()
) -> MapInfo:
    """Take the result of the job ``project`` to what the map shows.

    Args:
        result: arrays ``xy``, ``code``, ``label``, ``index``, ``explained``, ``trustworthiness``,
            ``neighbours``.
        method: how the map was made.
        space: what the codes are.
        classes: names of the classes.
    """
    dims = np.asarray(result["code"]).shape[1]
    share = np.asarray(result["explained"], dtype=float)
    return MapInfo(
        xy=np.asarray(result["xy"]),
        label=np.asarray(result["label"]),
        generated=np.asarray(result["index"]) < 0,
        classes=tuple(classes),
        method=method,
        space=f"{SPACES.get(space, space)} ({dims}-d)",
        trustworthiness=float(np.asarray(result["trustworthiness"])),
        neighbours=int(np.asarray(result["neighbours"])),
        explained=(float(share[0]), float(share[1])),
    )


def map_figure(info: MapInfo) -> go.Figure:
    """Draw a map: a colour and a shape for each class, hollow stars for generated points.

    The same info gives the same figure, byte for byte. Each point carries its row as customdata.
    """
    traces = [
        _trace(info, rows, _name(info, k), COLOURS[k % len(COLOURS)], SYMBOLS[k % len(SYMBOLS)])
        for k in sorted({int(v) for v in info.label[~info.generated]})
        if len(rows := np.flatnonzero((info.label == k) & ~info.generated))
    ]
    rows = np.flatnonzero(info.generated)
    if len(rows):
        traces.append(_trace(info, rows, "generated", GREY, "star-open"))
    first, second = ("PC 1", "PC 2") if info.method == "pca" else ("", "")
    return figure(
        *traces,
        height=520,
        uirevision="map",
        clickmode="event+select",
        dragmode="pan",
        xaxis={"title": {"text": first}, "zeroline": False},
        yaxis={"title": {"text": second}, "zeroline": False, "scaleanchor": "x"},
    )


def _name(info: MapInfo, k: int) -> str:
    if k < 0:
        return "data"
    return info.classes[k] if k < len(info.classes) else str(k)


def _trace(
    info: MapInfo, rows: NDArray[np.intp], name: str, colour: str, symbol: str
) -> go.Scattergl:
    return go.Scattergl(
        x=info.xy[rows, 0].tolist(),
        y=info.xy[rows, 1].tolist(),
        customdata=rows.tolist(),
        name=name,
        mode="markers",
        marker={"size": 7, "color": colour, "symbol": symbol, "opacity": 0.85},
        hovertemplate=f"{name}, point %{{customdata}}<extra></extra>",
        # A click selects one point; the others stay as they are.
        selected={"marker": {"opacity": 1.0, "size": 11}},
        unselected={"marker": {"opacity": 0.6}},
    )
