"""One look for every figure: readable in light and dark, and for colour-blind eyes."""

from __future__ import annotations

import contextlib

import plotly.graph_objects as go

from genlab.panels.colours import COLOURS, GREY, ROLES

# Streamlit imports pandas at its first chart, and plotly takes up what it finds of it, which in
# another thread may be half a module.
with contextlib.suppress(ImportError):
    import pandas  # noqa: F401

__all__ = ["COLOURS", "DENSITY", "FAINT", "GREY", "ROLES", "SYMBOLS", "figure", "template"]

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
FAINT = "rgba(138,138,138,0.25)"
DENSITY = ((0.0, "rgba(0,114,178,0)"), (1.0, "rgba(0,114,178,0.55)"))


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


def figure(*traces: go.Figure, **layout: object) -> go.Figure:
    """A figure in the common look."""
    return go.Figure(data=list(traces), layout={"template": template(), **layout})
