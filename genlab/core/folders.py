"""Where the files of this installation lie: a folder, or a place behind an fsspec URL.

A file appears whole or not at all.
"""

from __future__ import annotations

import abc
import contextlib
import errno
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from genlab.core.errors import StoreError

#: The folder of the package ``genlab``.
PACKAGE = Path(__file__).resolve().parents[1]
_APP = PACKAGE / "_app"
#: The folder that holds ``app.py``, ``pages/`` and the shipped models: the checkout, or the copy
#: that a wheel puts inside the package.
ROOT = _APP if _APP.is_dir() else PACKAGE.parent

_chosen: list[str] = []
#: Seconds after which a half-written file belongs to nobody.
PARTIAL_AGE = 3600.0


def is_checkout() -> bool:
    """Whether the package lies in a checkout of the project and was not installed."""
    return PACKAGE.parent == ROOT and (ROOT / "checkpoints").is_dir()


def home() -> Path:
    """The folder in which ``checkpoints/`` lies: the checkout, or the current folder if installed.

    It is not created here: only a command that stores something creates it.
    """
    return ROOT if is_checkout() else Path.cwd()


def default_url() -> str:
    """The folder or fsspec URL of the files, from ``GENLAB_FILES``."""
    return os.environ.get("GENLAB_FILES", "").strip() or str(home() / "checkpoints")


def files_url() -> str:
    """The folder or fsspec URL of the files in use: that of :func:`choose`, or the default."""
    return _chosen[0] if _chosen else default_url()


def choose(url: str | Path | None) -> None:
    """Set the folder or URL for this process, over the environment; None resets it."""
    _chosen[:] = [] if url is None else [str(url)]


class Folder(abc.ABC):
    """A store of small files under relative paths with ``/``."""

    @abc.abstractmethod
    def write(
        self,
        name: str,
        content: bytes,
        *,
        durable: bool = False,
        before: Callable[[], None] | None = None,
    ) -> None:
        """Write a file atomically.

        Args:
            name: of the file.
            content: of the file.
            durable: whether the content is on disk before the name appears.
            before: called as the last thing before the name appears; what it raises leaves what
                was there.
        """

    @abc.abstractmethod
    def read(self, name: str) -> bytes:
        """The content; FileNotFoundError if there is none."""

    @abc.abstractmethod
    def names(self, folder: str) -> list[str]:
        """The names of the files in a folder, sorted; none if there is no such folder."""

    @abc.abstractmethod
    def remove(self, name: str) -> None:
        """Remove a file or a whole folder; nothing happens if there is none."""

    def size(self, name: str) -> int:
        """Bytes of a file, or of all files below a folder; 0 if there is none."""
        return 0

    def sweep(self, folder: str, age: float = PARTIAL_AGE) -> int:
        """Remove what writers that died left half-written; how many files.

        Args:
            folder: whose files.
            age: seconds for which a writer may still be at work.
        """
        return 0


class LocalFolder(Folder):
    """A folder of this computer."""

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root).absolute()

    def write(
        self,
        name: str,
        content: bytes,
        *,
        durable: bool = False,
        before: Callable[[], None] | None = None,
    ) -> None:
        target = self.root / name
        # One temporary name a thread of a process: two writers never share a half-written file.
        part = target.with_name(f".{target.name}.{os.getpid()}-{threading.get_ident()}.part")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with open(part, "wb") as file:
                file.write(content)
                if durable:
                    file.flush()
                    os.fsync(file.fileno())
            if before is not None:
                before()
            os.replace(part, target)
        except BaseException:
            part.unlink(missing_ok=True)
            raise

    def read(self, name: str) -> bytes:
        return (self.root / name).read_bytes()

    def names(self, folder: str) -> list[str]:
        try:
            with os.scandir(self.root / folder) as entries:
                return sorted(e.name for e in entries if not e.name.startswith("."))
        except (FileNotFoundError, NotADirectoryError):
            return []

    def sweep(self, folder: str, age: float = PARTIAL_AGE) -> int:
        swept = 0
        with contextlib.suppress(OSError):
            for part in (self.root / folder).glob(".*.part"):
                with contextlib.suppress(OSError):
                    if time.time() - part.stat().st_mtime > age:
                        part.unlink()
                        swept += 1
        return swept

    def remove(self, name: str) -> None:
        target = self.root / name
        if target.is_dir():
            shutil.rmtree(target, ignore_errors=True)
        else:
            target.unlink(missing_ok=True)


class RemoteFolder(Folder):
    """A folder behind an fsspec URL (``s3://...``, ``memory://...``)."""

    def __init__(self, url: str) -> None:
        import fsspec

        try:
            self._fs, self._root = fsspec.core.url_to_fs(url)
        except (ValueError, ImportError) as error:
            raise StoreError(
                f"GENLAB_FILES = {url!r} cannot be used: {error}. Give a folder or an fsspec URL; "
                "nothing was changed."
            ) from None

    def _path(self, name: str) -> str:
        return f"{self._root.rstrip('/')}/{name}"

    def write(
        self,
        name: str,
        content: bytes,
        *,
        durable: bool = False,
        before: Callable[[], None] | None = None,
    ) -> None:
        # An object store puts a whole object or none; others get a rename.
        path = self._path(name)
        self._fs.makedirs(path.rsplit("/", 1)[0], exist_ok=True)
        if "file" in self._fs.protocol:
            self._fs.pipe_file(f"{path}.part", content)
            if before is not None:
                before()
            self._fs.mv(f"{path}.part", path)
        else:
            if before is not None:
                before()
            self._fs.pipe_file(path, content)

    def read(self, name: str) -> bytes:
        result: bytes = self._fs.cat_file(self._path(name))
        return result

    def size(self, name: str) -> int:
        try:
            return int(self._fs.du(self._path(name)))
        except FileNotFoundError:
            return 0

    def names(self, folder: str) -> list[str]:
        try:
            self._fs.invalidate_cache()
            found = self._fs.ls(self._path(folder), detail=False)
        except (FileNotFoundError, NotADirectoryError):
            return []
        return sorted(str(name).rstrip("/").rsplit("/", 1)[-1] for name in found)

    def remove(self, name: str) -> None:
        path = self._path(name)
        if self._fs.exists(path):
            self._fs.rm(path, recursive=True)


def folder(url: str | Path) -> Folder:
    """The folder that a path or an fsspec URL names."""
    text = str(url)
    return RemoteFolder(text) if "://" in text else LocalFolder(text)


def is_full(error: BaseException) -> bool:
    """Whether an error says that the disk (or a quota) is full."""
    return isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


#: What the system says of a place that cannot be reached for now.
UNREACHABLE = {
    errno.ECONNREFUSED,
    errno.ECONNRESET,
    errno.ECONNABORTED,
    errno.EPIPE,
    errno.EHOSTUNREACH,
    errno.ENETUNREACH,
    errno.EIO,
    errno.ESTALE,
    errno.ETIMEDOUT,
}


def is_outage(error: BaseException) -> bool:
    """Whether an error says that a place cannot be reached for now, and may be later.

    Example:
        >>> is_outage(ConnectionRefusedError()), is_outage(PermissionError())
        (True, False)
    """
    if isinstance(error, (ConnectionError, TimeoutError)):
        return True
    if isinstance(error, OSError) and error.errno in UNREACHABLE:
        return True
    # What the clients of object stores raise is named, not numbered; botocore's
    # EndpointConnectionError is no OSError.
    names = {kind.__name__ for kind in type(error).__mro__}
    return bool(names & {"EndpointConnectionError", "HTTPClientError", "ServerTimeoutError"})


def forget_connections() -> None:
    """Give up the connections of remote folders, in a process that was forked from another.

    The clients of object stores work with threads, which a fork does not copy.
    """
    registry = sys.modules.get("fsspec.registry")
    for kind in list(registry.registry.values()) if registry is not None else []:
        kind.clear_instance_cache()
