"""Codes as files: what is read back is what was written, in each format."""

from __future__ import annotations

import csv
import io

import numpy as np
import pyarrow.parquet
import pytest

from genlab.data.base import DataMeta
from genlab.latent.codes import Codes
from genlab.latent.exports import TABLE_FILES, code_columns, vector_columns

META = DataMeta((2,), "real", classes=("even", "odd, or so"))
CODES = Codes(
    np.zeros((3, 4), np.float32),
    np.array([[0.1, -2.5], [1e-9, 3.0], [np.nan, np.nan]], np.float32),
    np.array([0, 1, -1]),
    np.array([7, 3, -1]),
    "posterior mean",
    "train",
)
XY = np.array([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]], np.float32)


def read(ending: str, content: bytes) -> dict[str, list]:
    if ending == "csv":
        rows = list(csv.reader(io.StringIO(content.decode())))
        return {name: list(column) for name, *column in zip(*rows, strict=True)}
    if ending == "npz":
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            return {name: file[name].tolist() for name in file.files}
    return pyarrow.parquet.read_table(io.BytesIO(content)).to_pydict()


@pytest.mark.parametrize("ending", TABLE_FILES)
def test_what_is_read_back_is_what_was_written(ending: str) -> None:
    columns = code_columns(CODES, XY, META)
    found = read(ending, TABLE_FILES[ending].write(columns))
    assert list(found) == list(columns)
    assert found["source"] == ["train", "train", "generated"]
    assert found["class"] == ["even", "odd, or so", ""]
    for name in ("index", "label", "map_0", "map_1", "z_0", "z_1"):
        np.testing.assert_array_equal(
            np.array(found[name], dtype=np.float32), columns[name].astype(np.float32)
        )


def test_vectors_of_different_lengths_are_filled_up() -> None:
    rows = [
        {"name": "smile", "kind": "direction", "vector": [1.0, 0.0], "n": 5, "note": "a"},
        {"name": "set", "kind": "set", "vector": [0.5], "n": 2, "note": ""},
    ]
    columns = vector_columns(rows)
    assert columns["z_0"].tolist() == [1.0, 0.5]
    assert np.isnan(columns["z_1"][1])
    assert vector_columns([])["name"].tolist() == []
