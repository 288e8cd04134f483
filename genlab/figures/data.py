"""Pictures of data: sheets of images, points with their density, points on the line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike, NDArray

from genlab.figures.style import COLOURS, DENSITY, GREY, SYMBOLS, figure, scatter_for


@dataclass(frozen=True)
class PointsInfo:
    """Points in the plane or on the line, and what is drawn over them.

    Args:
        x: (n, d), d of 1 or 2.
        label: (n,) class index, or None.
        classes: names of the classes.
        marks: points by name, (k, d) each, drawn large ("A", "reconstruction of A").
        paths: lines by name, (k, d) each.
        grid: the axes and the values of a density, ``(x, y, density)`` in 2-D and ``(x, density)``
            in 1-D; None where none is known.
        columns: what the axes are called; more than two are drawn against each other.
    """

    x: NDArray[np.float64]
    label: NDArray[np.int64] | None = None
    classes: tuple[str, ...] = ()
    marks: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    paths: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    grid: tuple[NDArray[np.float64], ...] | None = None
    columns: tuple[str, ...] = ()

    @property
    def dim(self) -> int:
        """1 or 2."""
        return self.x.shape[1]


def points_info(
    x: ArrayLike,
    *,
    label: ArrayLike | None = None,
    classes: Sequence[str] = (),
    marks: Mapping[str, ArrayLike] | None = None,
    paths: Mapping[str, ArrayLike] | None = None,
    grid: Sequence[ArrayLike] | None = None,
    columns: Sequence[str] = (),
) -> PointsInfo:
    """Collect the content of a figure of points as arrays of floats."""

    def flat(value: ArrayLike) -> NDArray[np.float64]:
        array = np.asarray(value, dtype=np.float64)
        return array.reshape(-1, array.shape[-1] if array.ndim else 1)

    return PointsInfo(
        x=flat(x),
        label=None if label is None else np.asarray(label, dtype=np.int64),
        classes=tuple(classes),
        marks={name: flat(value) for name, value in (marks or {}).items()},
        paths={name: flat(value) for name, value in (paths or {}).items()},
        grid=None if grid is None else tuple(np.asarray(g, dtype=np.float64) for g in grid),
        columns=tuple(columns),
    )


def points_figure(info: PointsInfo, *, height: int = 360) -> go.Figure:
    """Draw points: a scatter in the plane over its density, a histogram on the line.

    Of a table with more than two columns, each column against each other one.
    """
    if len(info.columns) > 2:
        return figure(
            _matrix(info), height=max(height, 140 * (len(info.columns) - 1)), uirevision="points"
        )
    drawn = _plane(info) if info.dim >= 2 else _line(info)
    square = {"scaleanchor": "x"} if info.dim >= 2 else {"title": {"text": "density"}}
    named = [{"title": {"text": name}} for name in info.columns]
    if len(named) == 2:
        square = named[1]
    return figure(
        *drawn,
        height=height,
        uirevision="points",
        barmode="overlay",
        yaxis={"zeroline": False, **square},
        xaxis={"zeroline": False, **(named[0] if named else {})},
    )


def _matrix(info: PointsInfo) -> Any:
    columns = [
        {"label": name, "values": info.x[:, i].tolist()} for i, name in enumerate(info.columns)
    ]
    kinds = [-1] * len(info.x) if info.label is None else [int(k) for k in info.label]
    shown = {-1: GREY} | {k: COLOURS[k % len(COLOURS)] for k in set(kinds) - {-1}}
    named = [info.classes[k] if 0 <= k < len(info.classes) else "data" for k in kinds]
    return go.Splom(
        dimensions=columns,
        name="data",
        text=named,
        showupperhalf=False,
        diagonal={"visible": False},
        marker={"size": 4, "opacity": 0.6, "color": [shown[k] for k in kinds]},
    )


def _plane(info: PointsInfo) -> list[Any]:
    traces: list[Any] = []
    if info.grid is not None:
        gx, gy, density = info.grid
        traces.append(
            go.Heatmap(
                x=gx.tolist(),
                y=gy.tolist(),
                z=density.tolist(),
                colorscale=DENSITY,
                showscale=False,
                hoverinfo="skip",
                name="density",
            )
        )
    labels = info.label if info.label is not None else np.full(len(info.x), -1)
    for k in sorted({int(v) for v in labels}):
        rows = labels == k
        name = info.classes[k] if 0 <= k < len(info.classes) else "data"
        traces.append(
            scatter_for(int(rows.sum()))(
                x=info.x[rows, 0].tolist(),
                y=info.x[rows, 1].tolist(),
                mode="markers",
                name=name,
                marker={
                    "size": 4,
                    "opacity": 0.6,
                    "color": COLOURS[k % len(COLOURS)] if k >= 0 else GREY,
                    "symbol": SYMBOLS[k % len(SYMBOLS)] if k >= 0 else "circle",
                },
            )
        )
    for i, (name, path) in enumerate(info.paths.items()):
        traces.append(
            go.Scatter(
                x=path[:, 0].tolist(),
                y=path[:, 1].tolist(),
                mode="lines+markers",
                name=name,
                line={"color": COLOURS[(i + 2) % len(COLOURS)], "dash": ("solid", "dot")[i % 2]},
            )
        )
    for i, (name, at) in enumerate(info.marks.items()):
        traces.append(
            go.Scatter(
                x=at[:, 0].tolist(),
                y=at[:, 1].tolist(),
                mode="markers+text",
                name=name,
                text=[name],
                textposition="top center",
                marker={
                    "size": 13,
                    "color": COLOURS[(i // 2 + (3 if i % 2 else 0)) % len(COLOURS)],
                    "symbol": "cross" if i % 2 else "diamond",
                    "line": {"width": 1, "color": "white"},
                },
            )
        )
    return traces


def _line(info: PointsInfo) -> list[Any]:
    traces: list[Any] = [
        go.Histogram(
            x=info.x[:, 0].tolist(),
            histnorm="probability density",
            name="data",
            marker={"color": GREY, "opacity": 0.5},
            nbinsx=60,
        )
    ]
    if info.grid is not None:
        gx, density = info.grid
        traces.append(
            go.Scatter(
                x=gx.tolist(),
                y=density.tolist(),
                mode="lines",
                name="exact density",
                line={"color": COLOURS[3]},
            )
        )
    marks = {**info.paths, **info.marks}
    for i, (name, at) in enumerate(marks.items()):
        traces.append(
            go.Scatter(
                x=at[:, 0].tolist(),
                y=[0.0] * len(at),
                mode="markers",
                name=name,
                marker={"size": 11, "symbol": SYMBOLS[i % 10], "color": COLOURS[(i + 1) % 10]},
            )
        )
    return traces
