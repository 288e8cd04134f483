"""Tables of numbers as a heat map, and lines over a few positions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike

from genlab.figures.style import COLOURS, SYMBOLS, figure


def heat_figure(
    table: ArrayLike, *, rows: Sequence[str], columns: Sequence[str], unit: str = ""
) -> go.Figure:
    """Draw a table, (rows, columns), with each number in its cell where there is room.

    Example:
        >>> heat_figure([[0.5]], rows=["x"], columns=["z[0]"]).data[0].text[0][0]
        '0.50'
    """
    values = np.asarray(table, dtype=float)
    text = [[f"{v:.2f}" for v in row] for row in values] if values.shape[1] <= 16 else None
    trace = go.Heatmap(
        z=values.tolist(),
        x=list(columns),
        y=list(rows),
        text=text,
        texttemplate="%{text}" if text else None,
        colorscale="Cividis",
        zmin=0.0,
        colorbar={"title": {"text": unit, "side": "right"}, "thickness": 12},
        hovertemplate="%{y}, %{x}: %{z:.4f}<extra></extra>",
    )
    return figure(
        trace,
        height=90 + 34 * len(rows),
        yaxis={"autorange": "reversed"},
        xaxis={"type": "category"},
    )


def lines_figure(
    lines: Mapping[str, Sequence[float]], *, x_title: str, y_title: str, ordered: bool = True
) -> go.Figure:
    """Draw lines over 0, 1, 2, ..., each with a colour and a shape of its own.

    Args:
        lines: values by name.
        x_title, y_title: of the axes.
        ordered: whether 0, 1, 2, ... have an order; without one only marks are drawn.

    Example:
        >>> lines_figure({"a": [1.0, 2.0]}, x_title="step", y_title="value").data[0].name
        'a'
    """
    traces = [
        go.Scatter(
            x=list(range(len(values))),
            y=[float(v) for v in values],
            name=name,
            mode="lines+markers" if ordered else "markers",
            line={"color": COLOURS[i % len(COLOURS)]},
            marker={"symbol": SYMBOLS[i % len(SYMBOLS)]},
        )
        for i, (name, values) in enumerate(lines.items())
    ]
    return figure(
        *traces,
        height=300,
        xaxis={"title": {"text": x_title}, "dtick": 1},
        yaxis={"title": {"text": y_title}},
        showlegend=True,
    )
