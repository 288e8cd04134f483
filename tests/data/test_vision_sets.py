"""The sets behind torchvision: absent, damaged, fetched, and (where at hand) the full ones."""

from __future__ import annotations

import gzip
import hashlib
import os
import struct
import subprocess
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from genlab.core import vision
from genlab.core.errors import DataError
from genlab.core.tables import DATASETS
from genlab.data import offline, preview
from genlab.testing.data_contract import rows

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("GENLAB_SHARED_DATA", ROOT.parent / "shared" / "data"))
NAMES = ("mnist", "fashion_mnist", "kmnist", "cifar10")


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GENLAB_DATA", str(tmp_path))
    return tmp_path


def idx(array: np.ndarray) -> bytes:
    """The format of MNIST's files: a magic number, the sizes, the bytes."""
    head = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    return head + array.astype(np.uint8).tobytes()


def small(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    images = random.integers(0, 256, (n, 28, 28), dtype=np.uint8)
    return images, (np.arange(n) % 10).astype(np.uint8)


def lay_out(folder: Path, sets: dict[str, tuple[np.ndarray, np.ndarray]]) -> None:
    folder.mkdir(parents=True)
    for part, (images, labels) in sets.items():
        (folder / f"{part}-images-idx3-ubyte").write_bytes(idx(images))
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(idx(labels))


@pytest.mark.parametrize("name", NAMES)
def test_without_files_the_error_names_what_works(name: str, root: Path) -> None:
    source = DATASETS[name]
    assert source.meta(source.Options()).network
    for call in (
        lambda: source.load(source.Options()),
        lambda: preview(name, {"download": True}),
    ):
        with pytest.raises(DataError) as caught:
            call()
        text = str(caught.value)
        assert str(root) in text
        assert "GENLAB_DATA" in text
        assert "download = true" in text
        assert all(known in text for known in offline())
    assert list(root.iterdir()) == [], "something was fetched or written"


def test_a_small_set_is_read_whole(root: Path) -> None:
    train, test = small(240, 0), small(60, 1)
    lay_out(root / "MNIST" / "raw", {"train": train, "t10k": test})
    source = DATASETS["mnist"]
    seen: list[tuple[float, str]] = []
    data = source.load(source.Options(), lambda fraction, text: seen.append((fraction, text)))
    assert (len(data.train), len(data.validation), len(data.test)) == (220, 20, 60)
    assert torch.equal(data.test.x, torch.from_numpy(test[0])[:, None].float() / 255)
    assert torch.equal(data.test.y, torch.from_numpy(test[1]).long())
    carved = torch.cat([data.train.x, data.validation.x])
    assert rows((carved * 255).round()) == rows(torch.from_numpy(train[0]).float())
    assert seen[-1] == (1.0, "240 images read")
    again = source.load(source.Options(examples=7))
    assert torch.equal(again.train.x, data.train.x[:7])
    assert preview("mnist", {}, n=5).payload["x"].shape == (5, 1, 28, 28)


def test_downloading_changes_no_tensor_of_what_is_there(root: Path) -> None:
    lay_out(root / "KMNIST" / "raw", {"train": small(48, 0), "t10k": small(10, 1)})
    source = DATASETS["kmnist"]
    plain, asked = (source.load(source.Options(download=flag)) for flag in (False, True))
    assert torch.equal(plain.train.x, asked.train.x)
    assert torch.equal(plain.validation.y, asked.validation.y)


@pytest.mark.parametrize("damage", ["cut", "head", "labels", "size", "class", "gone"])
def test_damaged_files_are_said(root: Path, damage: str) -> None:
    raw = root / "MNIST" / "raw"
    images, labels = small(48, 0)
    lay_out(raw, {"train": (images, labels), "t10k": small(12, 1)})
    path = raw / "train-images-idx3-ubyte"
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-100])
    elif damage == "head":
        path.write_bytes(b"not idx at all")
    elif damage == "labels":
        (raw / "train-labels-idx1-ubyte").write_bytes(idx(labels[:-1]))
    elif damage == "size":
        path.write_bytes(idx(images[:, :20]))
    elif damage == "class":
        (raw / "train-labels-idx1-ubyte").write_bytes(idx(labels + 5))
    else:
        path.unlink()
    source = DATASETS["mnist"]
    with pytest.raises(DataError) as caught:
        source.load(source.Options())
    text = str(caught.value)
    assert str(root) in text
    assert "download = true" in text
    assert "nothing was" in text


@pytest.fixture
def publisher(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A publisher of a tiny MNIST on this disk, with checksums of its own."""
    folder = tmp_path_factory.mktemp("publisher")
    kind = vision._datasets().MNIST
    resources = []
    for part, n, seed in (("train", 48, 0), ("t10k", 12, 1)):
        images, labels = small(n, seed)
        for name, array in (("images-idx3", images), ("labels-idx1", labels)):
            packed = gzip.compress(idx(array))
            (folder / f"{part}-{name}-ubyte.gz").write_bytes(packed)
            resources.append((f"{part}-{name}-ubyte.gz", hashlib.md5(packed).hexdigest()))
    monkeypatch.setattr(kind, "mirrors", ["file:///no/such/mirror/", f"{folder.as_uri()}/"])
    monkeypatch.setattr(kind, "resources", resources)
    return folder


def test_a_download_on_request_tells_its_progress(root: Path, publisher: Path) -> None:
    source = DATASETS["mnist"]
    seen: list[tuple[float, str]] = []
    data = source.load(
        source.Options(download=True), lambda fraction, text: seen.append((fraction, text))
    )
    assert (len(data.train), len(data.validation), len(data.test)) == (44, 4, 12)
    fractions = [fraction for fraction, text in seen if "downloading" in text]
    assert fractions == sorted(fractions)
    assert (fractions[0], fractions[-1]) == (0.0, 1.0)
    assert {text.split()[-1] for _, text in seen if "downloading" in text} == {
        path.name for path in publisher.iterdir()
    }
    # The next load needs neither the request nor the publisher.
    for path in publisher.iterdir():
        path.unlink()
    assert torch.equal(source.load(source.Options()).train.x, data.train.x)


def test_a_wrong_checksum_is_refused_and_leaves_nothing(root: Path, publisher: Path) -> None:
    (publisher / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(b"something else"))
    source = DATASETS["mnist"]
    with pytest.raises(DataError, match="checksum") as caught:
        source.load(source.Options(download=True))
    assert all(name in str(caught.value) for name in offline())
    assert list((root / "MNIST" / "raw").iterdir()) == []


def test_without_a_network_the_request_fails_clearly(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = vision._datasets().CIFAR10
    monkeypatch.setattr(kind, "url", "http://127.0.0.1:9/cifar.tar.gz")
    source = DATASETS["cifar10"]
    with pytest.raises(DataError) as caught:
        source.load(source.Options(download=True))
    assert "could not be downloaded" in str(caught.value)
    assert all(name in str(caught.value) for name in offline())


def test_colour_images_are_channels_first(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stored = np.random.default_rng(0).integers(0, 256, (24, 32, 32, 3), dtype=np.uint8)

    class Stub:
        base_folder = "cifar-10-batches-py"

        def __new__(cls, folder: str, *, train: bool, download: bool) -> SimpleNamespace:
            assert (folder, download) == (str(root), False)
            return SimpleNamespace(data=stored, targets=[k % 10 for k in range(24)])

    (root / Stub.base_folder).mkdir()
    monkeypatch.setattr(vision._datasets(), "CIFAR10", Stub)
    source = DATASETS["cifar10"]
    data = source.load(source.Options())
    assert data.test.x.shape == (24, 3, 32, 32)
    truth = torch.from_numpy(stored).permute(0, 3, 1, 2).float() / 255
    assert torch.equal(data.test.x, truth)
    assert data.meta.classes[int(data.test.y[3])] == "cat"  # type: ignore[index]
    assert (len(data.train), len(data.validation)) == (22, 2)


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    script = SHARED / "unpack.sh"
    if not script.is_file():
        pytest.skip(f"the full sets are not at hand ({script} is not there)")
    folder = tmp_path_factory.mktemp("full")
    subprocess.run(["sh", str(script), str(folder)], check=True, timeout=120)
    return folder


def test_the_full_mnist(full: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENLAB_DATA", str(full))
    source = DATASETS["mnist"]
    data = source.load(source.Options())
    assert (len(data.train), len(data.validation), len(data.test)) == (55_000, 5_000, 10_000)
    assert data.train.y is not None
    assert data.validation.y is not None
    assert data.test.y is not None
    both = torch.bincount(data.train.y) + torch.bincount(data.validation.y)
    # The counts of the official parts, and the usual normalisation constants.
    official = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert both.tolist() == official
    assert torch.bincount(data.test.y).tolist() == [
        *[980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    ]
    assert float(data.train.x.mean()) == pytest.approx(0.1307, abs=5e-4)
    assert float(data.train.x.std()) == pytest.approx(0.3081, abs=5e-4)


def test_mnist5k_is_a_part_of_the_full_mnist(full: Path) -> None:
    from genlab.testing.data_contract import loaded

    pixels, _ = vision.read("MNIST", full, True, download=False)
    small_set = loaded("mnist5k")
    known = rows(pixels)
    assert rows((small_set.train.x * 255).round().byte()) <= known
    assert rows((small_set.test.x * 255).round().byte()) <= known


def test_the_full_fashion_mnist(full: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENLAB_DATA", str(full))
    source = DATASETS["fashion_mnist"]
    data = source.load(source.Options())
    assert data.train.y is not None
    assert data.validation.y is not None
    both = torch.bincount(data.train.y) + torch.bincount(data.validation.y)
    assert both.tolist() == [6000] * 10
    assert float(data.train.x.mean()) == pytest.approx(0.2860, abs=5e-3)
    assert data.meta.classes[9] == "ankle boot"
