"""Pictures of the lessons: one drawing for each kind of panel."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from genlab.figures.style import COLOURS, FAINT, GREY, SYMBOLS, figure, scatter_for
from genlab.lessons.panels import Array, Bars, Colour, Curve, Curves, Matrix, Panel, Plane
from genlab.panels.colours import faded, named_colour

HEIGHT = 340
#: What a legend may count on, in pixels, with two panels a row.
LEGEND_WIDTH = 360
#: Above so many bars no number stands on them.
CROWD = 10
DASHES: Mapping[str, str] = {"dash": "dash", "dot": "dot"}
#: Of a measured matrix: nothing is transparent, so that it is right in light and dark.
SCALE = ((0.0, faded(COLOURS[0], 0.03)), (1.0, faded(COLOURS[0], 1)))
#: Of 0, 1, 2: infinite, Monte Carlo, closed form.
CLASSES = (faded(GREY, 0.35), COLOURS[1], COLOURS[0])
GROUND = faded(GREY, 0.12)
#: The keys stand at the foot of the picture and take their room from the plot, so that they do not
#: lie on the title of an axis that is narrow.
LEGEND = {"orientation": "h", "yref": "container", "y": 0, "yanchor": "bottom"}


def _scale(log: bool) -> dict[str, str]:
    """The kind of an axis; on a logarithmic one each tick says its whole number, not a digit."""
    return {"type": "log", "tickformat": "~g"} if log else {"type": "linear"}


def panel_figure(panel: Panel, height: int = HEIGHT) -> go.Figure:
    """Draw a panel of a lesson.

    Raises:
        TypeError: for a kind of panel that has no drawing.
    """
    for kind, draw in DRAWINGS.items():
        if isinstance(panel, kind):
            return draw(panel, height)
    raise TypeError(f"no drawing for a {type(panel).__name__}")


def panel_text(panel: Panel) -> str:
    """What a panel shows, in words, for the line below it and for a screen reader."""
    return f"{panel.title}: {panel.note}"


def _plain(values: Array) -> list[float | None]:
    """Numbers as JSON holds them; what is not finite is a gap."""
    return [float(v) if np.isfinite(v) else None for v in np.asarray(values, dtype=float)]


def _colour(index: Colour) -> str:
    if isinstance(index, str):
        return named_colour(index, 0, 1)
    return GREY if index < 0 else COLOURS[index % len(COLOURS)]


def _density(colour: Colour) -> list[tuple[float, str]]:
    """The scale of a density: from clear to its colour."""
    return [(0.0, faded(_colour(colour), 0)), (1.0, faded(_colour(colour), 0.55))]


def _curve(curve: Curve) -> list[Any]:
    colour = _colour(curve.colour)
    common: dict[str, Any] = {
        "x": _plain(curve.x),
        "y": _plain(curve.y),
        "name": curve.name,
        "showlegend": bool(curve.name),
    }
    band: list[Any] = []
    if curve.style == "points":
        error = None
        if curve.low is not None and curve.high is not None:
            error = {
                "array": _plain(curve.high - curve.y),
                "arrayminus": _plain(curve.y - curve.low),
                "color": colour,
            }
        symbol = SYMBOLS[
            0 if isinstance(curve.colour, str) else max(curve.colour, 0) % len(SYMBOLS)
        ]
        few = len(curve.x) <= 40
        marker = {
            "color": colour,
            "size": 9 if few else 5,
            "symbol": symbol,
            "opacity": 1 if few else 0.6,
        }
        return [go.Scatter(**common, mode="markers", marker=marker, error_y=error)]
    if curve.style == "steps":
        width = float(curve.x[1] - curve.x[0]) if len(curve.x) > 1 else 1.0
        marker = {"color": colour, "opacity": 0.5}
        return [go.Bar(**common, width=width, marker=marker)]
    if curve.low is not None and curve.high is not None:
        band = [
            go.Scatter(
                x=_plain(np.concatenate([curve.x, curve.x[::-1]])),
                y=_plain(np.concatenate([curve.high, curve.low[::-1]])),
                fill="toself",
                fillcolor=faded(colour, 0.18),
                line={"width": 0},
                hoverinfo="skip",
                showlegend=False,
            )
        ]
    faint = curve.style == "faint"
    line = {
        "color": faded(colour, 0.8) if faint else colour,
        "width": 1 if faint else 2.5,
        "dash": DASHES.get(curve.style, "solid"),
    }
    fill = {"fill": "tozeroy", "fillcolor": faded(colour, 0.22)} if curve.style == "area" else {}
    return [*band, go.Scatter(**common, mode="lines", line=line, **fill)]


def _legend_room(names: Sequence[str]) -> int:
    """Pixels that a legend below the plot takes beyond its first two rows."""
    rows, used = 1, 0
    widest = max((45 + 6 * len(name) for name in names), default=0)
    for _ in names:
        # Every entry is as wide as the widest.
        if used and used + widest > LEGEND_WIDTH:
            rows, used = rows + 1, 0
        used += widest
    return 20 * max(0, rows - 2)


def _curves(panel: Curves, height: int) -> go.Figure:
    names = [curve.name for curve in panel.curves if curve.name]
    room = _legend_room([*names, *(name for name, _ in panel.levels)])
    height += room
    drawn = figure(
        *(trace for curve in panel.curves for trace in _curve(curve)),
        *_level_keys(panel.levels),
        height=height,
        title=_title(panel),
        barmode="overlay",
        bargap=0,
        xaxis={
            "title": {"text": panel.x_title},
            "zeroline": False,
            "automargin": True,
            **_scale(panel.x_log),
        },
        yaxis={
            "title": {"text": panel.y_title},
            "zeroline": False,
            **_scale(panel.y_log),
        },
        legend=LEGEND,
        margin={"l": 50, "r": 10, "t": 56 if panel.marks else 40, "b": 40 + room},
    )
    _levels(drawn, panel.levels)
    for name, x in panel.marks:
        drawn.add_vline(
            x=x,
            line={"color": GREY, "dash": "dash", "width": 1.5},
            annotation={"text": name, "font": {"color": GREY, "size": 13}},
            annotation_position="top",
        )
    return drawn


def _level_line(k: int) -> dict[str, Any]:
    """The line of a level: the first one stands out."""
    return {"color": COLOURS[3] if k == 0 else GREY, "dash": "dash", "width": 1.5}


def _level_keys(levels: Sequence[tuple[str, float]]) -> list[go.Scatter]:
    """The names of levels, as keys of the legend: beside a line they would lie on the curves."""
    return [
        go.Scatter(
            x=[None], y=[None], name=name, mode="lines", line=_level_line(k), showlegend=True
        )
        for k, (name, _) in enumerate(levels)
    ]


def _levels(drawn: go.Figure, levels: tuple[tuple[str, float], ...]) -> None:
    for k, (_, y) in enumerate(levels):
        drawn.add_hline(y=y, line=_level_line(k))


def _title(panel: Panel) -> dict[str, Any]:
    return {"text": panel.title, "font": {"size": 14}, "x": 0, "xanchor": "left"}


def _wrapped(labels: Sequence[str]) -> list[str]:
    """Few long names in several lines, so that they need not be tilted; many stay as they are."""
    if len(labels) > 4:
        return list(labels)
    return ["<br>".join(textwrap.wrap(label, 48 // len(labels)) or [""]) for label in labels]


def _bars(panel: Bars, height: int) -> go.Figure:
    bases = dict(panel.bases)
    # In a crowd the numbers would be too small to read; the pointer says them.
    crowd = len(panel.labels) * len(panel.bars) > CROWD
    traces = [
        go.Bar(
            x=list(panel.labels),
            y=_plain(values),
            base=_plain(bases[name]) if name in bases else None,
            name=name,
            # The name of the only bars is what their axis says.
            showlegend=len(panel.bars) > 1,
            marker={
                "color": COLOURS[k % len(COLOURS)],
                "pattern": {
                    "shape": "/" if k % 2 else "",
                    "fgcolor": "rgba(255,255,255,0.55)",
                    "fillmode": "overlay",
                },
            },
            text=[f"{v:.3g}" if np.isfinite(v) and not crowd else "" for v in values],
            textposition="auto",
            textangle=0,
        )
        for k, (name, values) in enumerate(panel.bars)
    ]
    drawn = figure(
        *traces,
        *_level_keys(panel.levels),
        height=height,
        title=_title(panel),
        barmode="group",
        showlegend=len(panel.bars) > 1 or bool(panel.levels),
        yaxis={"title": {"text": panel.y_title}, **_scale(panel.y_log)},
        xaxis={
            "type": "category",
            "automargin": True,
            "tickvals": list(range(len(panel.labels))),
            "ticktext": _wrapped(panel.labels),
        },
        legend=LEGEND,
        margin={"l": 50, "r": 10, "t": 40, "b": 40},
    )
    if panel.bases:
        # Bars that hang between two levels: zero is not among what matters.
        ends = [y for _, y in panel.levels]
        for name, values in panel.bars:
            base = bases.get(name, np.zeros_like(values))
            ends += [*base.tolist(), *(base + values).tolist()]
        margin = 0.12 * max(max(ends) - min(ends), 1e-9)
        drawn.update_yaxes(range=[min(ends) - margin, max(ends) + margin])
    _levels(drawn, panel.levels)
    return drawn


def _matrix(panel: Matrix, height: int) -> go.Figure:
    values = np.asarray(panel.values, dtype=float)
    rows, columns = list(range(len(panel.rows))), list(range(len(panel.columns)))
    hover = (
        f"{panel.row_title} %{{customdata[0]}}, {panel.column_title} %{{customdata[1]}}"
        ": %{customdata[2]}<extra></extra>"
    )
    texts = [
        [
            [row, column, _format_cell(panel, values[i, j])]
            for j, column in enumerate(panel.columns)
        ]
        for i, row in enumerate(panel.rows)
    ]
    trace = go.Heatmap(
        x=columns,
        y=rows,
        z=values.tolist(),
        customdata=texts,
        hovertemplate=hover,
        colorscale=_colorscale(panel),
        zmin=0,
        zmax=len(panel.classes) - 1 if panel.classes else max(float(values.max()), 1e-12),
        showscale=not panel.classes,
        colorbar={"thickness": 10},
        xgap=1,
        ygap=1,
        **_texts(panel),
    )
    # A map of classes has no scale: its legend is made of empty traces.
    legend = [
        go.Scatter(
            x=[None],
            y=[None],
            mode="markers",
            name=f"{name}: {int((values == k).sum())}",
            marker={"symbol": "square", "size": 12, "color": _classes(panel)[k]},
        )
        for k, name in enumerate(panel.classes)
    ]
    every = 1 if len(columns) <= 30 else max(1, len(columns) // 12)
    drawn = figure(
        trace,
        *legend,
        height=max(height, 18 * len(rows) + 170) if panel.mark else height,
        title=_title(panel),
        plot_bgcolor=GROUND,
        xaxis={
            "title": {"text": panel.column_title},
            "tickvals": columns[::every],
            "ticktext": list(panel.columns)[::every],
            "showgrid": False,
            "zeroline": False,
            "range": [-0.5, len(columns) - 0.5],
        },
        yaxis={
            "title": {"text": panel.row_title},
            "tickvals": rows[:: 1 if len(rows) <= 30 else max(1, len(rows) // 12)],
            "ticktext": list(panel.rows)[:: 1 if len(rows) <= 30 else max(1, len(rows) // 12)],
            "showgrid": False,
            "zeroline": False,
            "range": [len(rows) - 0.5, -0.5],
        },
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 1, "xanchor": "right"},
        margin={"l": 50, "r": 10, "t": 60 if panel.classes else 40, "b": 40},
    )
    drawn.update_xaxes(automargin=True)
    drawn.update_yaxes(automargin=True)
    if panel.mark is not None:
        i, j = panel.mark
        drawn.add_shape(
            type="rect",
            x0=j - 0.5,
            x1=j + 0.5,
            y0=i - 0.5,
            y1=i + 0.5,
            line={"color": COLOURS[3], "width": 3},
        )
    return drawn


def _texts(panel: Matrix) -> dict[str, Any]:
    """What stands in the cells, where anything does."""
    if not panel.texts:
        return {}
    return {"text": [list(row) for row in panel.texts], "texttemplate": "%{text}"}


def _format_cell(panel: Matrix, value: float) -> str:
    return panel.classes[int(value)] if panel.classes else f"{value:.3g}"


def _classes(panel: Matrix) -> tuple[str, ...]:
    return CLASSES if len(panel.classes) > 2 else (FAINT, COLOURS[0])


def _colorscale(panel: Matrix) -> list[tuple[float, str]]:
    """A stepped scale for classes, a smooth one for measured values."""
    if not panel.classes:
        return list(SCALE)
    colours, count = _classes(panel), len(panel.classes)
    steps: list[tuple[float, str]] = []
    for k in range(count):
        steps += [(k / count, colours[k]), ((k + 1) / count, colours[k])]
    return steps


def _plane(panel: Plane, height: int) -> go.Figure:
    traces: list[Any] = []
    if panel.grid is not None:
        x, y, density = panel.grid
        traces.append(
            go.Contour(
                x=x.tolist(),
                y=y.tolist(),
                z=density.tolist(),
                colorscale=_density(panel.grid_colour),
                showscale=False,
                contours={"coloring": "heatmap", "showlines": False},
                hoverinfo="skip",
                name=panel.grid_is,
                **({"zmin": panel.span[0], "zmax": panel.span[1]} if panel.span else {}),
            )
        )
    if panel.points is not None:
        traces.append(
            scatter_for(len(panel.points))(
                x=_plain(panel.points[:, 0]),
                y=_plain(panel.points[:, 1]),
                mode="markers",
                name=panel.points_are,
                marker={"size": 4, "opacity": 0.5, "color": _colour(panel.points_colour)},
            )
        )
    traces += [trace for line in panel.lines for trace in _curve(line)]
    for k, (name, px, py) in enumerate(panel.spots):
        traces.append(
            go.Scatter(
                x=[px],
                y=[py],
                mode="markers",
                name=name,
                marker={
                    "size": 12,
                    "symbol": SYMBOLS[(k + 2) % len(SYMBOLS)],
                    "color": COLOURS[(k + 2) % len(COLOURS)],
                    "line": {"width": 1, "color": "white"},
                },
            )
        )
    span: dict[str, Any] = {}
    if panel.grid is not None:
        span = {"range": [float(panel.grid[0][0]), float(panel.grid[0][-1])]}
    tall = {"range": [float(panel.grid[1][0]), float(panel.grid[1][-1])]} if panel.grid else {}
    ratio = {"scaleanchor": "x", "constrain": "domain"} if panel.equal else {}
    return figure(
        *traces,
        height=height + 60,
        title=_title(panel),
        xaxis={
            "title": {"text": panel.x_title},
            "zeroline": False,
            "automargin": True,
            "constrain": "domain",
            **span,
        },
        yaxis={"title": {"text": panel.y_title}, "zeroline": False, **ratio, **tall},
        legend=LEGEND,
        margin={"l": 50, "r": 10, "t": 40, "b": 40},
    )


DRAWINGS: Mapping[type[Panel], Callable[[Any, int], go.Figure]] = {
    Curves: _curves,
    Bars: _bars,
    Matrix: _matrix,
    Plane: _plane,
}
