"""Draws of two parameters, with the density where it is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from genlab.figures.style import COLOURS, GREY, SYMBOLS, figure, scatter_for

Array = NDArray[np.float64]
#: Of the lines: the first, the last and the step, as shares of the largest density.
LEVELS = (0.05, 0.95, 0.18)


@dataclass(frozen=True)
class Density:
    """A density on a grid.

    Args:
        x, y: the axes, (n,) and (m,).
        values: at x and y, (n, m).
    """

    x: Array
    y: Array
    values: Array


def pair_figure(
    draws: Mapping[str, Array], names: tuple[str, str], exact: Density | None = None
) -> go.Figure:
    """Draw pairs of numbers, (n, 2) each, over the lines of equal density.

    Example:
        >>> made = pair_figure({"q": np.zeros((3, 2))}, ("a", "b"))
        >>> made.data[0].name, made.layout.xaxis.title.text
        ('q', 'a')
    """
    traces: list[Any] = [
        scatter_for(len(pairs))(
            x=pairs[:, 0],
            y=pairs[:, 1],
            name=name,
            mode="markers",
            marker={
                "color": COLOURS[k % len(COLOURS)],
                "symbol": SYMBOLS[k % len(SYMBOLS)],
                "size": 5,
                "opacity": 0.45,
            },
        )
        for k, (name, pairs) in enumerate(draws.items())
    ]
    every = np.concatenate(list(draws.values()))
    low, high = every.min(axis=0), every.max(axis=0)
    room = 0.08 * np.maximum(high - low, 1e-12)
    spans = [[float(a), float(b)] for a, b in zip(low - room, high + room, strict=True)]
    if exact is not None:
        top = float(exact.values.max())
        traces.append(
            go.Contour(
                x=exact.x,
                y=exact.y,
                z=exact.values.T,
                name="exact density",
                contours={
                    "coloring": "none",
                    "start": LEVELS[0] * top,
                    "end": LEVELS[1] * top,
                    "size": LEVELS[2] * top,
                },
                line={"color": GREY, "width": 2},
                showscale=False,
                showlegend=True,
                hoverinfo="skip",
            )
        )
    return figure(
        *traces,
        height=460,
        xaxis={"title": {"text": names[0]}, "range": spans[0]},
        yaxis={"title": {"text": names[1]}, "range": spans[1]},
        showlegend=True,
    )
