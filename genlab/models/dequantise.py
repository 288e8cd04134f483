"""Uniform dequantisation of a table's categories and whole numbers, for models of densities.

A density is unbounded on columns whose values are discrete. Uniform noise of one cell makes it
finite: the cell of a category or of a whole number then has the probability

    P(x) = ∫ p(x + u) du over u in the cell,   E_u log p(x + u) ≤ log P(x).

Sources: Theis, van den Oord and Bethge 2016, "A note on the evaluation of generative models";
Ho et al. 2019, "Flow++: improving flow-based generative models with variational dequantization
and architecture design".
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from genlab.core.measure import Kind
from genlab.data.base import DataMeta
from genlab.data.schema import NAMED, is_whole

#: Points of a cell at which its probability is estimated.
POINTS = 16


def cell_widths(meta: DataMeta) -> tuple[float, ...]:
    """The width of the cell of each entry of a table's row, as a model sees it; 0: continuous.

    A column of which a logarithm is taken counts as continuous. Empty if all entries do.

    Example:
        >>> from genlab.data.schema import Column
        >>> columns = Column("age", "count"), Column("size")
        >>> cell_widths(DataMeta((2,), "real", schema=columns, scale=(10.0, 2.0)))
        (0.1, 0.0)
    """
    widths: list[float] = []
    for column in meta.schema:
        width = 1.0 if column.type in NAMED or is_whole(column) else 0.0
        if column.type == "binary" and not column.categories:
            width = min(1.0, column.high - column.low)
        widths += [width] * len(column.entries)
    scale, logs = meta.scale or (1.0,) * len(widths), meta.logs or (-1.0,) * len(widths)
    found = tuple(
        0.0 if c >= 0 else width / s for width, s, c in zip(widths, scale, logs, strict=True)
    )
    return found if any(found) else ()


class Dequantises:
    """A model that sees discrete entries of a table's row as cells of uniform noise."""

    _cells: Tensor

    def _find_cells(self, meta: DataMeta) -> None:
        widths = torch.tensor(cell_widths(meta))
        this: Any = self
        # Not in the state: the widths follow from the data.
        this.register_buffer("_cells", widths, persistent=False)

    def with_noise(self, x: Tensor) -> Tensor:
        """x + u, with u uniform in the cell of each discrete entry, (B, d) -> (B, d)."""
        if not len(self._cells):
            return x
        return x + self._cells * (torch.rand_like(x) - 0.5)

    def cell_points(self) -> Tensor:
        """Well-spread offsets in the cell, the same at every call, (POINTS, d)."""
        source = torch.quasirandom.SobolEngine(len(self._cells), scramble=True, seed=0)
        points = source.draw(POINTS, dtype=torch.float64) - 0.5
        return self._cells * points.to(self._cells)


def sees_cells(model: type[object], meta: DataMeta) -> bool:
    """Whether a model dequantises entries of such data."""
    return issubclass(model, Dequantises) and bool(cell_widths(meta))


def log_density_title(title: str, model: type[object], meta: DataMeta) -> str:
    """The title of a log-density of a model, with its unit and whether discrete entries are cells.

    Example:
        >>> from genlab.core.tables import MODELS
        >>> from genlab.data.schema import Column
        >>> meta = DataMeta((1,), "real", schema=(Column("age", "count"),))
        >>> log_density_title("log p(x)", MODELS["maf"], meta)
        'log p(x), categories and whole numbers as cells of width 1'
    """
    cells = "categories and whole numbers as cells of width 1" if sees_cells(model, meta) else ""
    return ", ".join(filter(None, (title, meta.unit_note, cells)))


def log_density_kind(kind: Kind, model: type[object], meta: DataMeta) -> Kind:
    """The kind of number that a log-density is, given its kind without cells.

    The log of a mean over points of the cell lies below log P on average, and so does the mean of
    the log.

    Example:
        >>> from genlab.core.tables import MODELS
        >>> log_density_kind("exact", MODELS["maf"], DataMeta((2,), "real"))
        'exact'
    """
    return "lower bound" if sees_cells(model, meta) else kind
