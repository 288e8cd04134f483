"""Snapshots, pictures and results: whole or not at all, checked when read."""

from __future__ import annotations

import errno
import io
import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from genlab.core.errors import SnapshotError, StoreError
from genlab.core.folders import LocalFolder, folder, is_full
from genlab.core.measure import Picture
from genlab.panels.encoding import png, sheet, to_plain
from genlab.runs.files import RunFiles, has_result, load_result, save_result
from genlab.train.snapshots import Snapshot


def snapshot(step: int, value: float = 1.0) -> Snapshot:
    tensors = {
        "model/w": torch.full((3, 4), value),
        "optimiser/model/0/step": torch.tensor(float(step)),
        "rng": torch.arange(16, dtype=torch.uint8),
    }
    return Snapshot(step, tensors, {"note": "x"}, {"model": "vae", "steps": 9}, 2)


@pytest.fixture(params=["local", "remote"])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> RunFiles:
    url = tmp_path if request.param == "local" else f"memory://{tmp_path.name}-{os.getpid()}"
    return RunFiles(folder(url), "runs/r1")


def test_a_snapshot_comes_back_as_it_was(files: RunFiles) -> None:
    assert files.steps() == ()
    files.save(snapshot(7, 0.1))
    files.save(snapshot(12, 0.2))
    assert files.steps() == (7, 12)
    back = files.snapshot(7)
    assert (back.step, back.attempt, dict(back.values)) == (7, 2, {"note": "x"})
    assert dict(back.spec) == {"model": "vae", "steps": 9}
    for name, tensor in snapshot(7, 0.1).tensors.items():
        assert back.tensors[name].dtype == tensor.dtype
        assert torch.equal(back.tensors[name], tensor)
    assert set(files.snapshot(12, prefix="model/").tensors) == {"model/w"}
    files.forget_snapshot(7)
    assert files.steps() == (12,)


def test_any_memory_layout_comes_back_with_its_values(files: RunFiles) -> None:
    last = torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last)
    files.save(Snapshot(1, {"model/w": last, "model/t": last[0, 0].T}, {}, {}, 1))
    back = files.snapshot(1).tensors
    assert torch.equal(back["model/w"], last)
    assert torch.equal(back["model/t"], last[0, 0].T)


def test_a_missing_snapshot_is_named(files: RunFiles) -> None:
    files.save(snapshot(3))
    with pytest.raises(SnapshotError, match=r"no snapshot of step 5 .*steps: 3"):
        files.snapshot(5)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_bytes(path.read_bytes()[:-1] + b"\x7f"),
        lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
        lambda path: path.write_bytes(b""),
        lambda path: path.unlink(),
        lambda path: path.with_suffix(".json").write_text("{"),
        lambda path: path.with_suffix(".json").write_text("[1]"),
        lambda path: path.with_suffix(".json").write_text('{"format": 99}'),
    ],
)
def test_a_damaged_snapshot_is_named_and_the_older_one_used(tmp_path: Path, spoil) -> None:
    files = RunFiles(LocalFolder(tmp_path), "runs/r1")
    for step in (4, 8):
        files.save(snapshot(step))
    spoil(tmp_path / "runs/r1/snapshots/000000008.safetensors")
    with pytest.raises(SnapshotError, match="step 8") as caught:
        files.snapshot(8)
    assert "Traceback" not in str(caught.value)
    good, wrong = files.newest()
    assert good is not None
    assert good.step == 4
    assert len(wrong) == 1
    assert "step 8" in wrong[0]


def test_with_no_snapshot_there_is_no_newest(files: RunFiles) -> None:
    assert files.newest() == (None, [])


def test_a_write_that_is_cut_short_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = LocalFolder(tmp_path)
    place.write("a/b.bin", b"old", durable=True)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space") as caught:
        place.write("a/b.bin", b"new", durable=True)
    assert is_full(caught.value)
    assert place.read("a/b.bin") == b"old"
    assert [p.name for p in (tmp_path / "a").iterdir()] == ["b.bin"]


def test_writing_a_step_again_replaces_it(files: RunFiles) -> None:
    files.save(snapshot(5, 1.0))
    files.save(snapshot(5, 2.0))
    assert files.steps() == (5,)
    assert float(files.snapshot(5).tensors["model/w"][0, 0]) == 2.0


def test_pictures_are_kept_by_panel_and_step(files: RunFiles) -> None:
    x = torch.zeros(5, 1, 2, 3)
    x[4] = 1.0
    images = Picture("images", "Samples", {"x": x, "columns": 2, "labels": [1, 2]}, "fixed z")
    points = Picture("points", "Codes", {"x": np.array([[0.1, np.nan]], np.float32)})
    files.save_frame(3, {"samples": images, "codes": points})
    files.save_frame(10, {"samples": images})
    assert files.frames() == {"samples": [3, 10], "codes": [3]}
    head = files.frame("samples", 3)
    assert head == {
        "form": "images",
        "title": "Samples",
        "note": "fixed z",
        "step": 3,
        "columns": 2,
        "n": 5,
        "shape": [1, 2, 3],
        "labels": [1, 2],
    }
    picture = np.asarray(Image.open(io.BytesIO(files.frame_file("samples", 3, "png"))))
    assert picture.shape == (6, 6)
    assert picture[4:, :3].min() == 255
    assert picture[:4].max() == 0
    assert picture[4:, 3:].max() == 0
    assert files.frame("codes", 3)["x"] == [[0.1, None]]
    files.forget_frames(3)
    assert files.frames() == {"samples": [10]}
    with pytest.raises(SnapshotError, match="codes"):
        files.frame("codes", 3)


@pytest.mark.parametrize("panel", ["../../secret", "a/b", "", "x\0"])
def test_a_panel_is_no_path(files: RunFiles, panel: str) -> None:
    with pytest.raises(SnapshotError):
        files.frame_file(panel, 3, "json")


def test_a_colour_sheet_keeps_its_colours() -> None:
    x = torch.zeros(2, 3, 1, 1)
    x[0, 0] = 1.0
    x[1] = torch.tensor([0.0, 0.5, 2.0]).view(3, 1, 1)
    grid = sheet(x, 2)
    assert grid.tolist() == [[[255, 0, 0], [0, 128, 255]]]
    assert np.asarray(Image.open(io.BytesIO(png(grid)))).tolist() == grid.tolist()


def test_plain_values_are_json() -> None:
    value = {
        "a": torch.tensor([1.0, float("inf")]),
        "b": (np.int64(3), float("nan")),
        "c": {1: "x"},
    }
    assert to_plain(value) == {"a": [1.0, None], "b": [3, None], "c": {"1": "x"}}
    assert json.dumps(to_plain({"t": np.zeros((2, 0))})) == '{"t": [[], []]}'


def test_a_result_comes_back_without_pickle(tmp_path: Path) -> None:
    place = LocalFolder(tmp_path)
    assert not has_result(place, "k")
    given = {"xy": np.arange(6.0).reshape(3, 2), "who": np.array(["a", "bc"]), "trust": 0.97}
    save_result(place, "k", given)
    back = load_result(place, "k")
    assert has_result(place, "k")
    assert np.array_equal(back["xy"], given["xy"])
    assert back["who"].tolist() == ["a", "bc"]
    assert back["trust"] == 0.97
    with pytest.raises(TypeError, match="objects"):
        save_result(place, "bad", {"o": np.array([object()])})
    with pytest.raises(SnapshotError, match="not there"):
        load_result(place, "other")
    (tmp_path / "jobs/k.npz").write_bytes(b"spoilt")
    with pytest.raises(SnapshotError, match="cannot be read"):
        load_result(place, "k")


def test_forgetting_a_run_leaves_the_others(files: RunFiles) -> None:
    other = RunFiles(files.folder, "runs/r2")
    files.save(snapshot(1))
    other.save(snapshot(1))
    files.forget()
    assert files.steps() == ()
    assert other.steps() == (1,)


def test_an_unknown_kind_of_folder_is_said() -> None:
    with pytest.raises(StoreError, match="GENLAB_FILES"):
        folder("nonsense://x")
