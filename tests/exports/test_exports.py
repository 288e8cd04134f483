"""What is taken along reads back as what the run holds."""

from __future__ import annotations

import csv
import io
import json
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from pyarrow import parquet
from safetensors.torch import load

from genlab import cli, runs
from genlab.core.errors import SpecError
from genlab.exports import EXPORTS, export_file, formats_for
from genlab.exports.tensorboard import framed
from genlab.latent.codes import codes_of
from genlab.runs import foreground


@pytest.fixture(scope="module")
def views(tmp_path_factory: pytest.TempPathFactory):
    """A VAE on digits and a GAN on the ring, trained for a moment."""
    folder = tmp_path_factory.mktemp("exports")
    runs.configure(f"sqlite:///{folder / 'genlab.db'}", folder / "files")
    made = {
        "digits": {"model": "vae", "data": "digits", "latent": 3, "steps": 12},
        "ring": {"model": "gan", "data": "ring", "steps": 8},
    }
    yield {name: runs.open_run(foreground.train(values).id) for name, values in made.items()}
    runs.configure()


def test_weights_are_those_of_the_model(views):
    for view in views.values():
        known = view.model().state_dict()
        found = load(export_file(view, "weights.safetensors"))
        assert set(found) == set(known)
        assert all(torch.equal(found[name], known[name]) for name in known)


def test_samples_are_the_same_in_every_format(views):
    view = views["ring"]
    x = np.load(io.BytesIO(export_file(view, "samples.npz", n=9, seed=4)))
    rows = list(csv.reader(io.StringIO(export_file(view, "samples.csv", n=9, seed=4).decode())))
    table = np.array(rows[1:], dtype=float)
    assert table.shape == (9, 2)
    assert any(np.allclose(table, x[name]) for name in x.files if x[name].shape == (9, 2))
    page = Image.open(io.BytesIO(export_file(views["digits"], "samples.png", n=9, seed=4)))
    assert page.size == (24, 24)


def test_codes_are_the_same_in_every_format(views):
    view = views["digits"]
    known = codes_of(view.model(), view.data(), "data", 20, 0)
    npz = np.load(io.BytesIO(export_file(view, "codes.npz", n=20)))
    assert np.array_equal(npz["code"], known.code)
    table = parquet.read_table(io.BytesIO(export_file(view, "codes.parquet", n=20)))
    assert table.column_names == ["index", "label", "z0", "z1", "z2"]
    assert np.array_equal(table["z1"].to_numpy(), known.code[:, 1])
    rows = list(csv.reader(io.StringIO(export_file(view, "codes.csv", n=20).decode())))
    assert np.array_equal(
        np.array(rows[1:], dtype=float)[:, 3].astype(np.float32), known.code[:, 1]
    )


def test_curves_are_the_records(views):
    view = views["digits"]
    rows = list(csv.DictReader(io.StringIO(export_file(view, "curves.csv").decode())))
    records = view.read(limit=5000, kinds={"scalars"})
    assert [int(row["step"]) for row in rows] == [record.step for record in records]
    for row, record in zip(rows, records, strict=True):
        for name, value in record.payload.items():
            assert row[name] == ("" if value is None else repr(value))


def test_a_format_that_a_run_does_not_have_is_refused(views):
    assert formats_for(views["ring"])["samples.png"] == "its data are no images"
    for name, words in (
        ("samples.png", "no images"),
        ("samples.xls", "allowed"),
    ):
        with pytest.raises(SpecError, match=words):
            export_file(views["ring"], name)
    with pytest.raises(SpecError, match="whole number"):
        export_file(views["ring"], "samples.npz", n=0)


def test_the_command_line_writes_every_format(views, tmp_path: Path, capsys):
    view = views["digits"]
    for name, why in formats_for(view).items():
        out = tmp_path / name
        code = cli.main(["export", view.id, "--format", name, "-n", "5", "--to", str(out)])
        assert code == (2 if why else 0)
        if not why:
            assert json.loads(capsys.readouterr().out)["bytes"] == out.stat().st_size
    parts = {row.value.part for row in EXPORTS.rows()}
    assert parts >= {"weights", "decoder", "samples", "codes", "curves"}


def varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def fields(data: bytes) -> list[tuple[int, object]]:
    """The fields of a message in the wire format of protocol buffers."""
    found, at = [], 0
    while at < len(data):
        key, at = varint(data, at)
        kind = key & 7
        if kind == 0:
            value, at = varint(data, at)
        elif kind == 2:
            size, at = varint(data, at)
            value, at = data[at : at + size], at + size
        else:
            size, form = (8, "<d") if kind == 1 else (4, "<f")
            value, at = struct.unpack(form, data[at : at + size])[0], at + size
        found.append((key >> 3, value))
    return found


def test_the_event_file_holds_the_records(views):
    view = views["digits"]
    body = export_file(view, "curves.tfevents")
    messages, at = [], 0
    while at < len(body):
        (size,) = struct.unpack("<Q", body[at : at + 8])
        content = body[at + 12 : at + 12 + size]
        assert body[at : at + 16 + size] == framed(content)
        messages.append(fields(content))
        at += 16 + size
    head, *rows = messages
    assert dict(head)[3] == b"brain.Event:2"
    records = view.read(limit=5000, kinds={"scalars"})
    assert len(rows) == len(records)
    for row, record in zip(rows, records, strict=True):
        event = dict(row)
        assert (event[1], event[2]) == (record.time, record.step)
        values = [dict(fields(value)) for number, value in fields(event[5]) if number == 1]
        read = {value[1].decode(): value[2] for value in values}
        known = {k: v for k, v in record.payload.items() if v is not None}
        assert read == pytest.approx(known, rel=1e-6)
