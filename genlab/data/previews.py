"""Previews: examples of a dataset, before a run is trained on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from genlab.core.measure import Picture
from genlab.core.tables import DATASETS
from genlab.data.base import Dataset
from genlab.data.densities import grid

#: Points shown where the number is not given.
POINTS = 1000
#: Columns of a table drawn against each other, at most.
COLUMNS = 6


def preview(name: str, values: Mapping[str, Any] | None = None, n: int = 64) -> Picture:
    """A preview of a dataset with these options; never fetches anything from a network.

    For images the payload holds ``x`` (n, C, H, W), ``columns``, and for points ``x`` (n, d) and
    ``grid``: the axes and the exact density ``(x, y, p[y, x])``, ``(x, p)`` on the line, None if
    no density is known. Both hold ``label`` (n,) or None, and ``classes``. At least a thousand
    points are shown. Rows of a table come with the names of their ``columns``, of a wide one the
    first few, in the unit of the file.

    Args:
        name: a name in the table of datasets.
        values: options of the dataset, as text or numbers; others are ignored.
        n: how many images, or at least how many points.

    Raises:
        SpecError: for an unknown name or a value that is not allowed.
        DataError: if the files of a set that needs files are not there.

    Example:
        >>> picture = preview("digits", {"binarise": "threshold"}, n=4)
        >>> picture.form, picture.payload["x"].shape
        ('images', (4, 1, 8, 8))
    """
    source = DATASETS[name]
    known = {row.name for row in source.Options.table()}
    given = {key: value for key, value in (values or {}).items() if key in known}
    if "download" in known:
        given["download"] = False
    data = source.load(source.Options.build(given))
    title = DATASETS.row(name).title
    return _images(data, title, n) if data.meta.is_image else _points(data, title, n)


def _labels(data: Dataset, n: int) -> dict[str, Any]:
    y = data.train.y
    return {
        "label": None if y is None else y[:n].numpy(),
        "classes": data.meta.classes,
    }


def _sizes(data: Dataset) -> str:
    parts = {"training": data.train, "validation": data.validation, "test": data.test}
    return ", ".join(f"{len(split):,} {part}" for part, split in parts.items())


def _images(data: Dataset, title: str, n: int) -> Picture:
    x = data.train.x[:n]
    if data.draw is not None:
        x = torch.bernoulli(x, generator=torch.Generator().manual_seed(0))
    columns = min(len(x), 8 if n <= 64 else 16)
    note = f"training data, n = {len(x)}; {_sizes(data)} images. {data.meta.note}"
    payload = {"x": x.numpy(), "columns": columns, **_labels(data, n)}
    return Picture("images", title, payload, note)


def _points(data: Dataset, title: str, n: int) -> Picture:
    n = min(max(n, POINTS), len(data.train))
    drawn = None
    if data.density is not None:
        axes, p = grid(data.density, 400 if data.meta.dim == 1 else 120)
        drawn = (*(axis.numpy() for axis in axes), p.numpy())
    columns = data.meta.columns or data.meta.axes
    what = "rows" if columns else "points"
    note = f"training data, n = {n}; {_sizes(data)} {what}. {data.meta.note}"
    if len(columns) > COLUMNS:
        note = f"the first {COLUMNS} of {len(columns)} columns; {note}"
        columns = columns[:COLUMNS]
    x = data.meta.original(data.train.x[:n])
    payload = {"x": x[:, :COLUMNS].numpy(), "grid": drawn, **_labels(data, n)}
    if columns:
        payload["columns"] = columns
    return Picture("points", title, payload, note)
