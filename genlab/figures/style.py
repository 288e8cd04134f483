"""One look for every figure: readable in light and dark, and for colour-blind eyes."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
import plotly.graph_objects as go

from genlab.core.escape import escape_plotly
from genlab.panels.colours import COLOURS, GREY, ROLES, faded

# Streamlit imports pandas at its first chart, and plotly takes up what it finds of it, which in
# another thread may be half a module.
with contextlib.suppress(ImportError):
    import pandas  # noqa: F401

__all__ = [
    "COLOURS",
    "DENSITY",
    "FAINT",
    "GREY",
    "ROLES",
    "SYMBOLS",
    "figure",
    "scatter_for",
    "template",
]

#: A second cue beside the colour.
SYMBOLS: tuple[str, ...] = (
    "circle",
    "square",
    "diamond",
    "triangle-up",
    "cross",
    "triangle-down",
    "pentagon",
    "star",
    "hexagon",
    "x",
)
#: Points of a trace that are drawn as SVG.
MOST_IN_SVG = 3000
FAINT = faded(GREY, 0.25)
#: What of a trace holds texts, or names of categories.
TEXTS = ("name", "legendgroup", "text", "hovertext", "x", "y", "labels")
DENSITY = ((0.0, faded(COLOURS[0], 0)), (1.0, faded(COLOURS[0], 0.55)))


def template() -> go.layout.Template:
    """Transparent background, faint grid, no colour that one of the two modes hides."""
    axis = {"gridcolor": FAINT, "zerolinecolor": FAINT, "linecolor": FAINT, "ticks": ""}
    return go.layout.Template(
        layout={
            "colorway": list(COLOURS),
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "xaxis": axis,
            "yaxis": axis,
            "margin": {"l": 36, "r": 8, "t": 36, "b": 32},
            "legend": {"orientation": "h", "y": -0.12, "itemsizing": "constant"},
            "hoverlabel": {"namelength": -1},
        }
    )


def scatter_for(count: int) -> type[go.Scatter] | type[go.Scattergl]:
    """The trace for so many points: SVG while it is fluid, since WebGL is not everywhere.

    Example:
        >>> scatter_for(300).__name__, scatter_for(10_000).__name__
        ('Scatter', 'Scattergl')
    """
    return go.Scattergl if count > MOST_IN_SVG else go.Scatter


def figure(*traces: go.Figure, **layout: object) -> go.Figure:
    """A figure in the common look.

    Names of traces, categories and titles of axes may come from a user: what they hold is shown as
    text, but for line breaks (``<br>``).
    """
    made = go.Figure(data=list(traces), layout={"template": template(), **layout})
    for trace in made.data:
        for key in TEXTS:
            if key in trace and trace[key] is not None:
                trace[key] = plain(trace[key])
    for axis in (*made.select_xaxes(), *made.select_yaxes()):
        if axis.title.text:
            axis.title.text = plain(axis.title.text)
    return made


def plain(value: Any) -> Any:
    """Text of a figure, or a list of texts, without tags; numbers are left alone.

    Example:
        >>> plain(["a<br>b", "<b>c</b>", 1.0])
        ['a<br>b', '&lt;b&gt;c&lt;/b&gt;', 1.0]
    """
    if isinstance(value, str):
        return "<br>".join(escape_plotly(part) for part in value.split("<br>"))
    if isinstance(value, np.ndarray) and value.dtype.kind not in "OUS":
        return value
    if isinstance(value, (list, tuple, np.ndarray)):
        return [plain(one) for one in value]
    return value
