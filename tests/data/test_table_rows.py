"""The one way out: examples in the file's own units and names, in float64."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest
import torch

from genlab.data import own_dataset, set_description
from genlab.data.base import DataMeta
from genlab.data.readers import read
from genlab.data.schema import Column
from genlab.data.table_rows import TableRows, to_rows


def mixed(n: int = 60, seed: int = 0) -> bytes:
    """A table with columns of several kinds; like a data set the same under GENLAB_TEST_SEED."""
    rng = np.random.Generator(np.random.PCG64(seed))
    lines = ["age,smoker,city,bmi,stars"]
    for _ in range(n):
        row = (
            rng.poisson(40),
            ["no", "yes"][rng.integers(2)],
            ["Bonn", "Oslo", "Rome"][rng.integers(3)],
            round(rng.normal(25, 4), 1),
            rng.integers(1, 6),
        )
        lines.append(",".join(map(str, row)))
    return "\n".join(lines).encode()


def option_help(content: bytes) -> tuple[set_description.Description, DataMeta, torch.Tensor]:
    found = read(content)
    known = set_description.describe(found, "a table")
    meta = own_dataset.meta_of(known, own_dataset.OwnOptions())
    data = own_dataset.dataset(
        known, meta, own_dataset.OwnOptions(), torch.from_numpy(found.x), None
    )
    return known, meta, torch.cat([data.train.x, data.validation.x, data.test.x])


def test_what_a_model_sees_comes_back_as_the_rows_of_the_file() -> None:
    content = mixed()
    _, meta, x = option_help(content)
    rows = to_rows(meta, x)
    written = list(csv.reader(io.StringIO(rows.csv())))
    given = list(csv.reader(io.StringIO(content.decode())))
    assert written[0] == given[0]

    def comparable(lines: list[list[str]]) -> list[tuple[object, ...]]:
        return sorted((int(a), b, c, round(float(d), 6), int(e)) for a, b, c, d, e in lines)

    assert comparable(written[1:]) == comparable(given[1:])
    assert all(isinstance(v, int) for v in rows.cells()["age"])
    assert set(rows.cells()["city"]) <= {"Bonn", "Oslo", "Rome"}


def test_293_values_of_a_column_far_from_zero_stay_293() -> None:
    stamps = 1.7e12 + 1000.0 * np.arange(293)
    rng = np.random.default_rng(1)
    pairs = zip(rng.permutation(stamps), rng.normal(size=293), strict=True)
    lines = [f"{t:.0f},{v:.3f}" for t, v in pairs]
    content = ("stamp,value\n" + "\n".join(lines)).encode()
    found = read(content, {"column": "stamp:type=numeric,role=feature"})
    known = set_description.describe(found, "far")
    meta = own_dataset.meta_of(known, own_dataset.OwnOptions())
    x = meta.standardised(torch.from_numpy(found.x))
    assert x.dtype == torch.float32
    values = to_rows(meta, x).values[:, 0]
    assert values.dtype == np.float64
    assert len(np.unique(values)) == 293
    # Single precision of a standardised value, in the unit of the column.
    np.testing.assert_allclose(values, found.x[:, 0], atol=2e-7 * 3 * stamps.std())
    out = list(csv.reader(io.StringIO(to_rows(meta, x).csv())))[1:]
    assert len({row[0] for row in out}) == 293


@pytest.mark.parametrize(
    ("column", "given", "wanted"),
    [
        (Column("n", "count", whole=True), [-0.7, 2.4], [0, 2]),
        (Column("b", "binary", low=1.0, high=2.0, whole=True), [0.9, 1.6], [1, 2]),
        (Column("s", "ordinal", low=1.0, high=5.0, whole=True), [0.2, 5.7], [1, 5]),
        (Column("p", "bounded", low=3.0, high=40.0), [-1.0, 104.0], [0.0, 100.0]),
        (Column("t", "bounded", low=-5.0, high=40.0), [-9.0, 44.0], [-5.0, 40.0]),
        (Column("y", "numeric", low=1900, high=2000, whole=True), [1949.6, 2010.2], [1950, 2010]),
        (Column("w", "ordinal", categories=("s", "m", "l")), [-0.4, 1.6], ["s", "l"]),
        (Column("z", "binary", categories=("no", "yes")), [0.4, 7.0], ["no", "yes"]),
    ],
)
def test_no_value_leaves_that_the_column_cannot_have(column, given, wanted) -> None:
    meta = DataMeta((1,), "real", schema=(column,), axes=column.entries)
    cells = to_rows(meta, torch.tensor(given)[:, None]).cells()[column.name]
    assert cells == wanted
    assert all(type(a) is type(b) for a, b in zip(cells, wanted, strict=True))


def test_points_without_a_file_have_their_axes_as_names() -> None:
    rows = to_rows(DataMeta((2,), "real"), torch.tensor([[0.5, 1.0]]))
    assert rows.csv() == "x₁,x₂\n0.5,1\n"
    with pytest.raises(ValueError, match="no rows"):
        to_rows(DataMeta((1, 8, 8), "unit"), torch.zeros(1, 1, 8, 8))


def test_logarithms_are_undone() -> None:
    meta = DataMeta((2,), "real", shift=(1.0, 0.0), scale=(2.0, 1.0), logs=(0.5, -1.0))
    v = torch.tensor([[0.0, 3.0], [100.0, -4.0]], dtype=torch.float64)
    back = meta.original(meta.standardised(v))
    np.testing.assert_allclose(back.numpy(), v.numpy(), rtol=1e-6, atol=1e-6)
    assert "logarithms" in meta.unit_note


def test_a_missing_entry_is_an_empty_cell() -> None:
    rows = TableRows((Column("a"), Column("b")), np.array([[1.0, np.nan]]))
    assert rows.csv() == "a,b\n1,\n"
    assert set(rows.arrays()) == {"x", "columns"}
