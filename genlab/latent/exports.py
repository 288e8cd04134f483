"""Codes and vectors as files: CSV, npz and Parquet, one row of a table for each format."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genlab.data.base import DataMeta
from genlab.latent.codes import Codes

#: Columns by name, each (N,).
Columns = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class TableFile:
    """A format that a table is saved in.

    Args:
        title: what people read.
        mime: its media type.
        write: from the columns to the file.
    """

    title: str
    mime: str
    write: Callable[[Columns], bytes]


def write_csv(columns: Columns) -> bytes:
    """A table as CSV in UTF-8, the first line its names.

    Example:
        >>> write_csv({"a": np.array([1, 2]), "b": np.array(["x", "y"])})
        b'a,b\\r\\n1,x\\r\\n2,y\\r\\n'
    """
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows(zip(*(column.tolist() for column in columns.values()), strict=True))
    return text.getvalue().encode()


def write_npz(columns: Columns) -> bytes:
    """A table as an npz file, an array for each column; it holds no pickled objects.

    Example:
        >>> with np.load(io.BytesIO(write_npz({"a": np.arange(3)})), allow_pickle=False) as file:
        ...     file["a"].tolist()
        [0, 1, 2]
    """
    content = io.BytesIO()
    np.savez_compressed(content, allow_pickle=False, **columns)
    return content.getvalue()


def write_parquet(columns: Columns) -> bytes:
    """A table as Parquet.

    Example:
        >>> import pyarrow.parquet
        >>> content = write_parquet({"a": np.arange(3), "b": np.array(["x", "y", "z"])})
        >>> pyarrow.parquet.read_table(io.BytesIO(content)).to_pydict()
        {'a': [0, 1, 2], 'b': ['x', 'y', 'z']}
    """
    import pyarrow
    from pyarrow import parquet

    content = io.BytesIO()
    table = pyarrow.table({name: pyarrow.array(column) for name, column in columns.items()})
    parquet.write_table(table, content)
    return content.getvalue()


#: The formats by the ending of a file's name.
TABLE_FILES: Mapping[str, TableFile] = {
    "csv": TableFile("CSV", "text/csv", write_csv),
    "npz": TableFile("npz (NumPy)", "application/octet-stream", write_npz),
    "parquet": TableFile("Parquet", "application/vnd.apache.parquet", write_parquet),
}


def code_columns(codes: Codes, xy: NDArray[Any], meta: DataMeta) -> dict[str, NDArray[Any]]:
    """The points of a map as columns.

    Args:
        codes: of the points.
        xy: (N, dims) their places on the map.
        meta: of the data, for the names of the classes.

    Returns:
        ``source`` (the split, or ``generated``), ``index`` (row in the split, -1 for a generated
        point), ``label``, ``class`` where classes have names, ``map_0``, ``map_1``, ... and the
        latent code ``z_0``, ``z_1``, ... (NaN where a point has none).
    """
    generated = codes.index < 0
    columns: dict[str, NDArray[Any]] = {
        "source": np.where(generated, "generated", codes.part),
        "index": codes.index,
        "label": codes.label,
    }
    if meta.classes:
        names = np.array([*meta.classes, ""])
        columns["class"] = names[np.where(codes.label < 0, len(meta.classes), codes.label)]
    columns |= {f"map_{k}": column for k, column in enumerate(np.asarray(xy).T)}
    return columns | {f"z_{k}": column for k, column in enumerate(codes.z.T)}


def vector_columns(rows: list[dict[str, Any]]) -> dict[str, NDArray[Any]]:
    """Saved vectors (directions, and means of sets) as columns, a row for each.

    Args:
        rows: ``{name, kind, vector, n, note}``, as :mod:`genlab.runs.saved_vectors` keeps them.
    """
    columns: dict[str, NDArray[Any]] = {
        key: np.array([row[key] for row in rows]) for key in ("name", "kind", "n", "note")
    }
    size = max((len(row["vector"]) for row in rows), default=0)
    whole = np.full((len(rows), size), np.nan)
    for k, row in enumerate(rows):
        whole[k, : len(row["vector"])] = row["vector"]
    return columns | {f"z_{k}": column for k, column in enumerate(whole.T)}
