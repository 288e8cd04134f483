"""The curves of a study: for each arm the median over seeds, the band, and each run on hover."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from genlab.figures.style import COLOURS, figure
from genlab.panels.axes import DASHES
from genlab.panels.colours import faded
from genlab.studies.curves import Band


def bands_figure(bands: Sequence[Band], title: str, *, height: int = 380) -> go.Figure:
    """Median lines with bands from the lowest to the highest seed.

    Args:
        bands: one an arm.
        title: of the vertical axis.
        height: in pixels.
    """
    traces: list[go.Scatter] = []
    for number, band in enumerate(bands):
        colour, dash = COLOURS[number % len(COLOURS)], DASHES[number % len(DASHES)]
        group = {"legendgroup": band.arm, "x": band.step}
        hidden = {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip", "showlegend": False}
        traces.append(go.Scatter(**group, **hidden, y=band.high))
        fill = {"fill": "tonexty", "fillcolor": faded(colour, 0.18)}
        traces.append(go.Scatter(**group, **hidden, **fill, y=band.low))
        for run, values in band.runs.items():
            thin = {"width": 0.7, "color": faded(colour, 0.5)}
            traces.append(
                go.Scatter(**group, y=values, mode="lines", line=thin, name=run, showlegend=False)
            )
        line = {"width": 2.5, "color": colour, "dash": dash or "solid"}
        traces.append(go.Scatter(**group, y=band.median, mode="lines", line=line, name=band.arm))
    return figure(
        *traces,
        height=height,
        xaxis_title="step",
        yaxis_title=title,
        uirevision=title,
        hovermode="closest",
    )
