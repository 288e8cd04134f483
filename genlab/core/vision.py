"""The one place that imports torchvision, with or without its compiled part.

A torchvision wheel built for another torch loads none of its C++ operators, and then fails at
import because it registers Python code for operators that do not exist. Only its Python parts are
used here, so the missing operators are declared (not implemented) and the import goes on.
"""

from __future__ import annotations

import functools
import hashlib
import http.client
import os
import re
import shutil
import threading
import urllib.request
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from genlab.core.errors import DataError

Progress = Callable[[float, str], None]

#: Declarations of the operators whose absence is known to stop the import.
SCHEMAS = {
    "nms": "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms": "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}
_MISSING = re.compile(r"operator torchvision::(\w+) does not exist")


@functools.lru_cache(maxsize=1)
def _library() -> torch.library.Library:
    return torch.library.Library("torchvision", "FRAGMENT")


_LOCK = threading.Lock()


def torchvision() -> ModuleType:
    """The module torchvision, made importable if its compiled operators are missing.

    Raises:
        DataError: if it is not installed or cannot be imported at all.
    """
    with _LOCK:
        return _imported()


def _import() -> ModuleType:
    import torchvision as module

    result: ModuleType = module
    return result


@functools.lru_cache(maxsize=1)
def _imported() -> ModuleType:
    declared: set[str] = set()
    while True:
        try:
            return _import()
        except ImportError as error:
            raise DataError(
                f"torchvision cannot be imported ({error}), and this dataset is read through it; "
                "the offline sets do not need it"
            ) from None
        except RuntimeError as error:
            found = _MISSING.search(str(error))
            if found is None or found[1] in declared or found[1] not in SCHEMAS:
                raise DataError(
                    f"torchvision does not fit the installed torch ({error}); "
                    "install the torchvision that belongs to this torch"
                ) from None
            for name in sorted(SCHEMAS.keys() - declared):
                if not hasattr(torch.ops.torchvision, name):
                    _library().define(SCHEMAS[name])
                declared.add(name)


def _datasets() -> ModuleType:
    torchvision()
    from torchvision import datasets

    result: ModuleType = datasets
    return result


def read(
    name: str, folder: Path, train: bool, *, download: bool, progress: Progress | None = None
) -> tuple[Tensor, Tensor]:
    """One official part of a torchvision set as whole tensors.

    Args:
        name: the class in ``torchvision.datasets``: MNIST, FashionMNIST, KMNIST or CIFAR10.
        folder: torchvision's root folder.
        train: the training part, else the test part.
        download: fetch what is missing first.
        progress: told the fraction done and what is being done.

    Returns:
        Images (n, C, H, W) and labels (n,), both uint8 as stored.

    Raises:
        FileNotFoundError: if files are missing and ``download`` is false.
        DataError: if a file is damaged, or the download fails.
    """
    datasets = _datasets()
    kind = getattr(datasets, name)
    if download:
        _fetch(kind, folder, progress)
    try:
        if name == "CIFAR10":
            return _read_cifar(kind, folder, train)
        return _read_idx(datasets, kind, folder, train)
    except FileNotFoundError:
        raise
    except (OSError, ValueError, RuntimeError, AssertionError, KeyError, EOFError) as error:
        raise DataError(
            f"the files of {name} in {folder} are damaged ({error}); nothing was changed; "
            "delete that folder's copy and load it again with download = true"
        ) from None


def _read_idx(datasets: ModuleType, kind: Any, folder: Path, train: bool) -> tuple[Tensor, Tensor]:
    part = "train" if train else "t10k"
    raw = folder / kind.__name__ / "raw"
    images = datasets.mnist.read_image_file(str(raw / f"{part}-images-idx3-ubyte"))
    labels = datasets.mnist.read_label_file(str(raw / f"{part}-labels-idx1-ubyte"))
    return images[:, None], labels.to(torch.uint8)


def _read_cifar(kind: Any, folder: Path, train: bool) -> tuple[Tensor, Tensor]:
    base = folder / kind.base_folder
    if not base.is_dir():
        raise FileNotFoundError(str(base))
    # torchvision compares every file with its published checksum before it reads it.
    stored = kind(str(folder), train=train, download=False)
    images = torch.from_numpy(stored.data).permute(0, 3, 1, 2).contiguous()
    return images, torch.tensor(stored.targets, dtype=torch.uint8)


def _fetch(kind: Any, folder: Path, progress: Progress | None) -> None:
    """Fetch the archives with progress, compare them with their checksums, and unpack them."""
    tell = progress or _silent
    if hasattr(kind, "resources"):
        target = folder / kind.__name__ / "raw"
        wanted = [
            (file, digest, [mirror + file for mirror in kind.mirrors])
            for file, digest in kind.resources
            if not (target / file.removesuffix(".gz")).is_file()
        ]
    else:
        target = folder
        present = all(
            (folder / kind.base_folder / file).is_file()
            for file, _ in (*kind.train_list, *kind.test_list)
        )
        wanted = [] if present else [(kind.filename, kind.tgz_md5, [kind.url])]
    try:
        target.mkdir(parents=True, exist_ok=True)
        for position, (file, digest, urls) in enumerate(wanted):
            tell(position / len(wanted), f"downloading {file}")
            share = functools.partial(_share, tell, position, len(wanted), file)
            _download(urls, target / file, digest, share)
            _datasets().utils.extract_archive(str(target / file), str(target))
    except (OSError, EOFError, ValueError, RuntimeError) as error:
        raise DataError(
            f"{kind.__name__} could not be downloaded to {target} ({error}); what was fetched "
            "before is kept; try again when the network is there"
        ) from None
    tell(1.0, "downloaded")


def _silent(_fraction: float, _text: str) -> None:
    pass


def _share(tell: Progress, position: int, total: int, file: str, fraction: float) -> None:
    tell((position + fraction) / total, f"downloading {file}")


def _download(
    urls: list[str], target: Path, digest: str, progress: Callable[[float], None]
) -> None:
    """Download one file from the first mirror that delivers it completely, atomically."""
    if target.is_file() and _md5(target) == digest:
        return
    part = target.with_name(f"{target.name}.{os.getpid()}.part")
    failures = []
    try:
        for url in urls:
            try:
                with urllib.request.urlopen(url, timeout=30) as reply, part.open("wb") as out:
                    size = int(reply.headers.get("Content-Length") or 0)
                    done = 0
                    while block := reply.read(1 << 16):
                        out.write(block)
                        done += len(block)
                        progress(min(1.0, done / size) if size else 0.0)
            except (OSError, http.client.HTTPException) as error:  # URLError is an OSError
                failures.append(f"{url}: {error}")
                continue
            if _md5(part) == digest:
                shutil.move(part, target)
                return
            failures.append(f"{url}: the file's checksum is not the published one")
        raise RuntimeError("; ".join(failures))
    finally:
        part.unlink(missing_ok=True)


def _md5(path: Path) -> str:
    # The checksum that the publishers give; it guards against damage, not against an attacker.
    hasher = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            hasher.update(block)
    return hasher.hexdigest()
