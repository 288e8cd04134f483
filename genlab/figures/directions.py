"""The effect of a direction: bars with standard errors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike

from genlab.figures.style import COLOURS, GREY, figure


def gains_figure(
    names: Sequence[str], value: ArrayLike, error: ArrayLike, *, unit: str
) -> go.Figure:
    """Draw a number for each name with twice its standard error, the largest in colour.

    Example:
        >>> gains_figure(["a", "b"], [1.0, -3.0], [0.1, 0.2], unit="nats").data[0].x
        (1.0, -3.0)
    """
    x, spread = np.asarray(value, dtype=float), np.asarray(error, dtype=float)
    largest = int(np.nanargmax(np.abs(x))) if np.isfinite(x).any() else -1
    bars = go.Bar(
        x=tuple(x.tolist()),
        y=list(names),
        orientation="h",
        error_x={
            "type": "data",
            "array": (2 * spread).tolist(),
            "color": COLOURS[1],
            "thickness": 1.5,
            "width": 3,
        },
        marker={"color": [COLOURS[0] if k == largest else GREY for k in range(len(x))]},
        hovertemplate="%{y}: %{x:.3g} ± %{error_x.array:.2g}<extra></extra>",
    )
    return figure(
        bars,
        height=80 + 22 * len(names),
        xaxis={"title": {"text": unit}},
        yaxis={"autorange": "reversed", "type": "category"},
        margin={"l": 96, "r": 8, "t": 12, "b": 40},
    )
