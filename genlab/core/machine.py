"""What this machine has: memory and disk, within the limits of the container it may be in."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from genlab.core.errors import StoreError

MEMINFO = Path("/proc/meminfo")
CGROUP = Path("/sys/fs/cgroup")
#: A worker may take such a part of the memory that is free when it starts.
SHARE = 0.9


def _meminfo(name: str) -> int:
    try:
        for line in MEMINFO.read_text().splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) << 10
    except (OSError, ValueError, IndexError):
        pass
    return 0


def _cgroup() -> tuple[int, int] | None:
    """The limit of this container and what is used of it, in bytes; None without a limit."""
    try:
        limit = (CGROUP / "memory.max").read_text().strip()
        if limit == "max":
            return None
        used = int((CGROUP / "memory.current").read_text())
        kept = dict(
            line.split() for line in (CGROUP / "memory.stat").read_text().splitlines() if line
        )
        # Pages of files that nobody uses are given back when memory is short.
        return int(limit), used - int(kept.get("inactive_file", 0))
    except (OSError, ValueError):
        return None


def total_memory() -> int:
    """Bytes of memory that the processes of this machine or container can have; 0: unknown."""
    total, group = _meminfo("MemTotal"), _cgroup()
    return total if group is None else min(total or group[0], group[0])


def available_memory() -> int:
    """Bytes of memory that are free for a new process; 0: unknown."""
    free, group = _meminfo("MemAvailable"), _cgroup()
    if group is None:
        return free
    left = max(0, group[0] - group[1])
    return min(free, left) if free else left


def worker_memory(environ: Mapping[str, str] = os.environ) -> int:
    """Bytes of memory that a run may take, from ``GENLAB_WORKER_MEMORY`` (MiB); 0: no limit.

    Without the setting a run may take nine tenths of what is free when it starts.

    Raises:
        StoreError: if the setting is not a whole number.

    Example:
        >>> worker_memory({"GENLAB_WORKER_MEMORY": "2048"}) == 2 << 30
        True
    """
    given = environ.get("GENLAB_WORKER_MEMORY", "").strip()
    if not given:
        return int(SHARE * available_memory())
    if not given.isdigit():
        raise StoreError(
            f"GENLAB_WORKER_MEMORY = {given!r} is not possible: allowed: a whole number of MiB, "
            "0 for no limit. Nothing was started."
        )
    return int(given) << 20


def free_disk(folder: str | Path) -> int:
    """Bytes that are free on the disk of a folder, or of the nearest folder above it.

    Example:
        >>> free_disk("/no/such/folder") > 0
        True
    """
    place = Path(folder).absolute()
    while not place.exists():
        place = place.parent
    return shutil.disk_usage(place).free


def in_bytes(count: float) -> str:
    """A number of bytes as people read it.

    Example:
        >>> in_bytes(1536), in_bytes(3_221_225_472), in_bytes(0)
        ('1.5 KiB', '3 GiB', '0 B')
    """
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(count) < 1024 or unit == "GiB":
            return f"{count:.3g} {unit}" if abs(count) < 1000 else f"{count:,.0f} {unit}"
        count /= 1024
    raise AssertionError
