"""Columns and pairs of columns of a user's table, real beside generated."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from genlab.core.measure import Picture, Reading
from genlab.core.random import scope
from genlab.core.run_spec import RunSpec
from genlab.core.views import View
from genlab.data.base import Dataset, Split
from genlab.data.schema import Column, is_whole
from genlab.data.table_rows import to_rows
from genlab.distributions.columns.base import is_named
from genlab.models.base import GenerativeModel
from genlab.probes.base import PROBES, Probe
from genlab.probes.common import distinguishing_digits, draw, points, round_digits

#: Rows of each sort in a histogram, and in a plot of pairs; columns and pairs that are shown.
CROWD, CLOUD, COLUMNS, PAIRS = 2000, 200, 6, 3
#: Bins of a histogram; whole numbers up to so many have one each.
BINS, STEPS, WORDS = 30, 40, 6
Array = NDArray[np.float64]
MARGINAL = View(
    "quality",
    "The distribution of a column: the model has learned it where the two shapes overlap.",
    "",
    45,
)
PAIR = View(
    "quality",
    "The most correlated pairs of columns: the two clouds should have the same slope.",
    "",
    44,
)


def edges_of(column: Column, real: Array) -> Array:
    """The edges of the bins of a column, computed from the real values alone.

    Example:
        >>> edges_of(Column("n", "count", whole=True), np.array([0.0, 2.0])).tolist()
        [-0.5, 0.5, 1.5, 2.5]
    """
    there = real[np.isfinite(real)]
    low, high = (float(there.min()), float(there.max())) if len(there) else (0.0, 1.0)
    if is_named(column):
        return np.linspace(-0.5, len(column.categories) - 0.5, len(column.categories) + 1)
    if is_whole(column) and high - low <= STEPS:
        return np.linspace(low - 0.5, high + 0.5, round(high - low) + 2)
    if column.type == "positive" and len(there):
        # A long tail would leave one bin for nearly all values.
        high = float(np.quantile(there, 0.98))
    width = (high - low) or 1.0
    return np.linspace(low - 0.02 * width, high + 0.02 * width, BINS + 1)


def axis_title(column: Column) -> str:
    """The name of a column with its unit, or the meaning of its numbers."""
    if is_named(column):
        words = [f"{k} {word}" for k, word in enumerate(column.categories[:WORDS])]
        more = ", …" if len(column.categories) > WORDS else ""
        return f"{column.name}: {', '.join(words)}{more}"
    return f"{column.name} ({column.unit})" if column.unit else column.name


class TablePictures:
    """Histograms of the columns of a table, and plots of pairs, in the units of the file.

    Bins and pairs follow from the data alone, so that runs on one table have the same.

    Args:
        data: a table with a schema.
        held_out: the part that generated rows are shown beside.
    """

    def __init__(self, data: Dataset, held_out: Split) -> None:
        self.data, self.schema = data, data.meta.schema
        self.real = to_rows(data.meta, held_out.x[:CROWD]).values
        train = to_rows(data.meta, data.train.x[:5000]).values
        both = np.concatenate([train, self.real])
        self.edges = [edges_of(c, both[:, k]) for k, c in enumerate(self.schema[:COLUMNS])]
        self.pairs = strongest_pairs(self.schema, train)

    def draw(self, model: GenerativeModel) -> dict[str, Picture]:
        """The pictures of a model, by panel; the same random numbers each time, with the noise
        of the likelihood.
        """
        with scope(0, "samples"):
            made = to_rows(self.data.meta, draw(model, CROWD, self.data)).values
        pictures = {f"marginal_{k + 1}": self._marginal(k, made) for k in range(len(self.edges))}
        for k, (i, j) in enumerate(self.pairs):
            pictures[f"pair_{k + 1}"] = self._pair(i, j, made)
        return pictures

    def _marginal(self, k: int, made: Array) -> Picture:
        column, edges = self.schema[k], self.edges[k]
        counts = {
            name: np.histogram(rows[:, k], edges)[0].tolist()
            for name, rows in (("data", self.real), ("generated", made))
        }
        ends = torch.from_numpy(edges)
        payload = {
            "edges": round_digits(ends, distinguishing_digits(ends[:, None])),
            "counts": counts,
            "x_title": axis_title(column),
        }
        inside = sum(counts["generated"])
        note = f"{len(self.real)} held-out, {len(made)} generated ({inside} in the range shown)"
        return Picture("histogram", column.name, payload, note)

    def _pair(self, i: int, j: int, made: Array) -> Picture:
        real, made = self.real[:CLOUD, [i, j]], made[:CLOUD, [i, j]]
        names = [axis_title(self.schema[k]) for k in (i, j)]
        low, high = real.min(0), real.max(0)
        margin = 0.1 * (high - low)
        payload = points(
            torch.from_numpy(np.concatenate([real, made])),
            [0] * len(real) + [1] * len(made),
            ["data", "generated"],
            names,
            torch.from_numpy(np.stack([low - margin, high + margin])),
        )
        title = f"{self.schema[j].name} against {self.schema[i].name}"
        return Picture("points", title, payload, f"{len(real)} held-out, {len(made)} generated")


def strongest_pairs(schema: tuple[Column, ...], rows: Array) -> list[tuple[int, int]]:
    """The pairs of columns of numbers whose correlation is largest, at most ``PAIRS`` of them."""
    able = [k for k, c in enumerate(schema) if not is_named(c) and rows[:, k].std() > 0]
    if len(able) < 2:
        return []
    rho = np.abs(np.corrcoef(rows[:, able].T))
    found: list[tuple[float, int, int]] = [
        (-float(rho[a, b]), able[a], able[b])
        for a in range(len(able))
        for b in range(a + 1, len(able))
        if math.isfinite(rho[a, b])
    ]
    return [(i, j) for _, i, j in sorted(found)[:PAIRS]]


@PROBES.register("table_columns", title="Columns of a table, real and generated")
class TableColumns(Probe):
    """The :class:`TablePictures` of held-out and generated rows."""

    views: ClassVar[Mapping[str, View]] = {
        **{f"marginal_{k}": MARGINAL for k in range(1, COLUMNS + 1)},
        **{f"pair_{k}": PAIR for k in range(1, PAIRS + 1)},
    }
    #: The share of the training time that this probe may take.
    share = 0.05

    def __init__(self, spec: RunSpec, data: Dataset) -> None:
        super().__init__(spec, data)
        self.pictures = TablePictures(data, data.validation)

    @classmethod
    def fits(cls, model: type[GenerativeModel], data: Dataset) -> bool:
        return bool(data.meta.schema)

    def read(self, model: GenerativeModel, step: int) -> Reading:
        return Reading(pictures=self.pictures.draw(model))
