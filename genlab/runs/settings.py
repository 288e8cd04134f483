"""Settings of the installation (not of a run): read from the environment each time."""

from __future__ import annotations

import hashlib
import os
import socket
import tempfile
from pathlib import Path

from genlab.core.errors import StoreError
from genlab.core.folders import ROOT, home


def store_url() -> str:
    """The SQLAlchemy URL of the run store, from ``GENLAB_STORE``."""
    given = os.environ.get("GENLAB_STORE", "").strip()
    return given or f"sqlite:///{home() / 'checkpoints' / 'genlab.db'}"


def pretrained_folder() -> Path:
    """The folder of the models that ship with the project."""
    return ROOT / "checkpoints" / "pretrained"


def workers() -> int:
    """How many runs may run at once on this host, from ``GENLAB_WORKERS``.

    Raises:
        StoreError: if it is not a whole number of at least 1.
    """
    given = os.environ.get("GENLAB_WORKERS", "").strip()
    if not given:
        return max(1, (os.cpu_count() or 2) - 1)
    if not given.isdigit() or int(given) < 1:
        raise StoreError(
            f"GENLAB_WORKERS = {given!r} is not possible: allowed: a whole number from 1. "
            "Nothing was started."
        )
    return int(given)


def _limit(name: str, usual: int) -> int:
    given = os.environ.get(name, "").strip()
    if not given:
        return usual
    if not given.isdigit():
        raise StoreError(
            f"{name} = {given!r} is not possible: allowed: a whole number from 0, which means no "
            "limit. Nothing was started."
        )
    return int(given)


def waiting_limit() -> int:
    """How many runs of one browser may wait, from ``GENLAB_RUNS_WAITING``; 0 is no limit.

    Raises:
        StoreError: if it is not a whole number.
    """
    return _limit("GENLAB_RUNS_WAITING", 10)


def running_limit() -> int:
    """How many runs of one browser may run at once, from ``GENLAB_RUNS_RUNNING``; 0: no limit.

    Raises:
        StoreError: if it is not a whole number.
    """
    return _limit("GENLAB_RUNS_RUNNING", 0)


#: How often a lost run is resumed by itself before a person has to.
RESTARTS = 3


def restarts() -> int:
    """How often a lost run is resumed by itself, from ``GENLAB_AUTORESUME``: on, or off (0).

    Raises:
        StoreError: if it is neither.
    """
    given = os.environ.get("GENLAB_AUTORESUME", "").strip().lower()
    if given in {"", "1", "on", "true", "yes"}:
        return RESTARTS
    if given in {"0", "off", "false", "no"}:
        return 0
    raise StoreError(
        f"GENLAB_AUTORESUME = {given!r} is not possible: allowed: 1 (lost runs are resumed by "
        f"themselves, up to {RESTARTS} times) or 0. Nothing was started."
    )


def host() -> str:
    """The name of this host, as in the ``worker`` of a run: ``GENLAB_NODE``, or the system's.

    Hosts that share a store need different names: a process of the same host is looked for by
    its number.
    """
    given = os.environ.get("GENLAB_NODE", "").strip()
    return (given or socket.gethostname()).replace(":", "_") or "localhost"


def worker_id(pid: int | None = None) -> str:
    """``host:pid`` of a process of this host, by default of this one."""
    return f"{host()}:{os.getpid() if pid is None else pid}"


def local_file(url: str) -> Path | None:
    """The file of a SQLite store, None for a server or a store in memory.

    >>> local_file("sqlite:////data/genlab.db")
    PosixPath('/data/genlab.db')
    >>> local_file("postgresql://server/genlab") is None
    True
    """
    prefix = "sqlite:///"
    name = url.removeprefix(prefix)
    if not url.startswith(prefix) or name in {"", ":memory:"}:
        return None
    return Path(name).absolute()


def local_folder(url: str) -> Path | None:
    """The folder of a SQLite store, None for a server or a store in memory."""
    file = local_file(url)
    return None if file is None else file.parent


def state_folder(url: str) -> Path:
    """A local folder for the supervisor's lock and log."""
    folder = local_folder(url) or Path(tempfile.gettempdir()) / f"genlab-{os.getuid()}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def lock_file(url: str) -> Path:
    """The lock file of the supervisor of this host and store."""
    name = str(Path(url.removeprefix("sqlite:///")).absolute()) if "sqlite" in url else url
    digest = hashlib.blake2b(name.encode(), digest_size=5).hexdigest()
    return state_folder(url) / f"supervisor-{host()}-{digest}.lock"
