"""The formats: weights, samples, codes and curves of a run."""

from __future__ import annotations

import csv
import io
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from pyarrow import parquet
from safetensors.torch import save

from genlab.exports.table import EXPORTS, Export
from genlab.latent.codes import Codes, codes_of
from genlab.panels.encoding import png, sheet
from genlab.runs.samples import sample_run

if TYPE_CHECKING:
    from genlab.runs.catalog import RunView

PAGE = 5000


def _weights(view: RunView, step: int, n: int, seed: int) -> bytes:  # noqa: ARG001
    state = view.model(step).state_dict()
    about = {"run": view.id, "step": str(step), "model": view.spec.model, "data": view.spec.data}
    return save({name: value.contiguous().clone() for name, value in state.items()}, about)


def _npz(arrays: dict[str, Any]) -> bytes:
    out = io.BytesIO()
    np.savez(out, **arrays)
    return out.getvalue()


def _samples_npz(view: RunView, step: int, n: int, seed: int) -> bytes:
    return _npz(sample_run(view, n, step=step, seed=seed).arrays())


def _samples_csv(view: RunView, step: int, n: int, seed: int) -> bytes:
    return sample_run(view, n, step=step, seed=seed).csv().encode()


def _samples_png(view: RunView, step: int, n: int, seed: int) -> bytes:
    x = sample_run(view, n, step=step, seed=seed).x.numpy()
    return png(sheet(x, math.ceil(math.sqrt(len(x)))))


def _codes(view: RunView, step: int, n: int, seed: int) -> Codes:
    return codes_of(view.model(step), view.data(), "data", n, seed)


def code_table(codes: Codes) -> dict[str, Any]:
    """The columns of codes: the row in the held-out split, the class, and each coordinate."""
    columns: dict[str, Any] = {"index": codes.index, "label": codes.label}
    return columns | {f"z{i}": column for i, column in enumerate(codes.code.T)}


def _codes_npz(view: RunView, step: int, n: int, seed: int) -> bytes:
    codes = _codes(view, step, n, seed)
    about = {"index": codes.index, "label": codes.label, "space": np.array(codes.space)}
    return _npz({"code": codes.code, **about})


def _codes_csv(view: RunView, step: int, n: int, seed: int) -> bytes:
    columns = code_table(_codes(view, step, n, seed))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*(column.tolist() for column in columns.values()), strict=True))
    return out.getvalue().encode()


def _codes_parquet(view: RunView, step: int, n: int, seed: int) -> bytes:
    out = io.BytesIO()
    parquet.write_table(pa.table(code_table(_codes(view, step, n, seed))), out)
    return out.getvalue()


def _curves_csv(view: RunView, step: int, n: int, seed: int) -> bytes:  # noqa: ARG001
    rows, after = [], 0
    while page := view.read(after=after, limit=PAGE, kinds={"scalars"}):
        rows += page
        after = page[-1].seq
    names = list(dict.fromkeys(name for row in rows for name in row.payload))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["step", "time", *names])
    for row in rows:
        values = (row.payload.get(name) for name in names)
        writer.writerow([row.step, row.time, *("" if v is None else repr(v) for v in values)])
    return out.getvalue().encode()


def _of_images(view: RunView) -> str:
    return "" if view.data().meta.is_image else "its data are no images"


def _of_rows(view: RunView) -> str:
    return "its data are images" if view.data().meta.is_image else ""


_BINARY = "application/octet-stream"
for _row in (
    Export("weights", "safetensors", _BINARY, _weights),
    Export("samples", "npz", _BINARY, _samples_npz),
    Export("samples", "png", "image/png", _samples_png, _of_images),
    Export("samples", "csv", "text/csv", _samples_csv, _of_rows),
    Export("codes", "npz", _BINARY, _codes_npz),
    Export("codes", "csv", "text/csv", _codes_csv),
    Export("codes", "parquet", _BINARY, _codes_parquet),
    Export("curves", "csv", "text/csv", _curves_csv),
):
    EXPORTS.register(_row.file_name, title=f"{_row.part.capitalize()} as {_row.suffix}")(_row)
