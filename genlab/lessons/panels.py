"""What a lesson shows, as arrays: curves, bars, matrices, the plane. Figures draw them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
#: A place in the palette, or a role.
Colour = int | Literal["data", "generated"]
Style = Literal["line", "dash", "dot", "area", "points", "steps", "faint"]


def array(values: ArrayLike) -> Array:
    """As float64, detached from whatever it came from."""
    if hasattr(values, "detach"):
        values = values.detach().cpu().numpy()
    return np.asarray(values, dtype=np.float64)


@dataclass(frozen=True)
class Curve:
    """One curve.

    Args:
        name: what the legend says; an empty one is left out of it.
        x, y: (n,).
        style: how it is drawn; ``area`` is filled down to zero, ``steps`` are bars of a histogram
            whose centres are x, ``faint`` is a thin line that stands for many.
        colour: its place in the palette, -1 for grey; or the name of a role, ``data`` or
            ``generated``, whose colour is the same on every page.
        low, high: (n,) a band or error bars about y; None for none.
    """

    name: str
    x: Array
    y: Array
    style: Style = "line"
    colour: Colour = 0
    low: Array | None = None
    high: Array | None = None


@dataclass(frozen=True)
class Panel:
    """Base of the panels.

    Args:
        title: what it shows.
        note: kind of number, unit and sample size, in words.
    """

    title: str
    note: str


@dataclass(frozen=True)
class Curves(Panel):
    """Curves over one axis.

    Args:
        curves: what is drawn, in this order.
        x_title, y_title: of the axes, with units.
        x_log, y_log: whether an axis is logarithmic.
        levels: horizontal truth lines by label.
        marks: vertical lines by label.
    """

    curves: tuple[Curve, ...]
    x_title: str = ""
    y_title: str = ""
    x_log: bool = False
    y_log: bool = False
    levels: tuple[tuple[str, float], ...] = ()
    marks: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class Bars(Panel):
    """Groups of bars.

    Args:
        labels: of the groups.
        bars: (name, heights) of each bar in the groups; NaN for none.
        y_title: of the axis, with the unit.
        y_log: whether the axis is logarithmic.
        bases: where each bar starts, (name, (groups,)); zero where it is not given.
        levels: horizontal truth lines by label.
    """

    labels: tuple[str, ...]
    bars: tuple[tuple[str, Array], ...]
    y_title: str = ""
    y_log: bool = False
    bases: tuple[tuple[str, Array], ...] = ()
    levels: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class Matrix(Panel):
    """A matrix as a map, the first row on top.

    Args:
        values: (rows, columns).
        rows, columns: labels.
        classes: where the values are 0, 1, ..., what each means; empty for a measured value.
        row_title, column_title: what the two axes are.
        mark: (row, column) to point out, None for none.
        texts: what each cell says, (rows, columns); empty for cells without text.
    """

    values: Array
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    classes: tuple[str, ...] = ()
    row_title: str = ""
    column_title: str = ""
    mark: tuple[int, int] | None = None
    texts: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class Plane(Panel):
    """Densities, lines and points in the plane.

    Args:
        grid: the axes and the values (ny, nx) of the density underneath; None for none.
        lines: closed or open lines, each with x and y.
        points: draws, (n, 2).
        points_are: what the draws are.
        spots: (name, x, y) of points worth a name.
        x_title, y_title: of the axes.
        equal: whether both axes have one scale.
        span: the ends of the colour scale of the grid; None for the smallest and largest value.
        grid_is: what the grid shows.
        points_colour, grid_colour: of the draws and of the density, as of a curve.
    """

    grid: tuple[Array, Array, Array] | None = None
    lines: tuple[Curve, ...] = ()
    points: Array | None = None
    points_are: str = "draws"
    spots: tuple[tuple[str, float, float], ...] = ()
    x_title: str = ""
    y_title: str = ""
    equal: bool = True
    span: tuple[float, float] | None = None
    grid_is: str = "density"
    points_colour: Colour = "generated"
    grid_colour: Colour = 0


@dataclass(frozen=True)
class Table(Panel):
    """Words and numbers in rows.

    Args:
        columns: their heads.
        rows: the cells, each of as many as there are columns.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def ellipse(mean: ArrayLike, covariance: ArrayLike, radius: float = 1.0) -> tuple[Array, Array]:
    """The points whose Mahalanobis distance from a Gaussian's mean is the radius.

    Example:
        >>> x, y = ellipse([0.0, 0.0], [[4.0, 0.0], [0.0, 1.0]])
        >>> float(x.max()), float(y.max())
        (2.0, 1.0)
    """
    angle = np.linspace(0.0, 2 * np.pi, 145)
    circle = np.stack([np.cos(angle), np.sin(angle)])
    points = array(mean)[:, None] + radius * np.linalg.cholesky(array(covariance)) @ circle
    return points[0], points[1]


def histogram(values: ArrayLike, low: float, high: float, bins: int = 60) -> tuple[Array, Array]:
    """Centres and heights of a histogram scaled as a density of *all* values, shown in a range."""
    x = array(values)
    counts, edges = np.histogram(x, bins=bins, range=(low, high))
    width = (high - low) / bins
    return (edges[1:] + edges[:-1]) / 2, counts / (max(len(x), 1) * width)
