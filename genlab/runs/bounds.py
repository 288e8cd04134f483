"""Limits of a run's memory and disk: checked before it starts, enforced while it runs, and named
in the message when the run exceeded them.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
from pathlib import Path
from typing import TYPE_CHECKING

from genlab.core.errors import SpecError
from genlab.core.folders import Folder, LocalFolder
from genlab.core.machine import free_disk, in_bytes, worker_memory
from genlab.core.run_spec import RunSpec
from genlab.runs.disk import check_quota

if TYPE_CHECKING:
    from genlab.train.resources import Resources

#: Bytes of a disk that no run may plan to fill.
RESERVE = 256 << 20
#: What a library says where memory is refused it.
REFUSED = ("can't allocate memory", "not enough memory", "memory allocation", "Cannot allocate")
STATUS = Path("/proc/self/status")
SIGNALS = {
    signal.SIGKILL: "It was killed (SIGKILL), as the system does where memory is short",
    signal.SIGSEGV: "It broke off with a segmentation fault (SIGSEGV)",
    signal.SIGABRT: "It was aborted (SIGABRT), as libraries do where memory is refused",
    signal.SIGBUS: "It broke off with a bus error (SIGBUS), as with a full shared memory",
    signal.SIGTERM: "It was ended (SIGTERM)",
}


def check_start(spec: RunSpec, files: Folder) -> Resources | None:
    """Refuse a run for which this machine has too little memory or disk.

    Where other machines do the work, each of them checks its own memory when it takes the run.

    Args:
        spec: of the run.
        files: where its snapshots will lie; the free space of a place behind a URL is unknown.

    Returns:
        What the run needs; None where that is another machine's.

    Raises:
        SpecError: with the numbers, and with what would fit. Nothing was started.
    """
    # The store is read without torch: it is imported where a run begins.
    from genlab.train.resources import check_memory

    here = os.environ.get("GENLAB_EXECUTOR", "").strip() in {"", "local"}
    need = check_memory(spec) if here else None
    if need is not None:
        check_quota(files, need.disk)
    if need is not None and isinstance(files, LocalFolder):
        _check_disk(need, free_disk(files.root) - RESERVE)
    return need


def _check_disk(need: Resources, free: int) -> None:
    if need.disk <= free:
        return
    # At least three snapshots are kept: the first and the last two.
    fewer = max(3, int(need.snapshots * free / need.disk)) if free > 0 else 3
    words = (
        f"the snapshots take about {in_bytes(need.disk)}, and the disk has {in_bytes(free)} left "
        f"for them ({in_bytes(RESERVE)} stay free)"
    )
    fits = fewer < need.snapshots and need.disk / need.snapshots * fewer <= free
    hint = f"snapshots = {fewer} would fit" if fits else "delete runs first (genlab disk)"
    raise SpecError(
        "snapshots", need.snapshots, f"{words}; {hint}", {"snapshots": fewer} if fits else {}
    )


def data_memory() -> int:
    """Bytes of private memory of this process, as ``RLIMIT_DATA`` counts them; 0: unknown."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in STATUS.read_text().splitlines():
            if line.startswith("VmData:"):
                return int(line.split()[1]) << 10
    return 0


def limit_memory(budget: int | None = None) -> int:
    """Limit the memory that this process may still take; what exceeds it is refused to it alone.

    Args:
        budget: bytes in addition to those that it has; None:
            :func:`genlab.core.machine.worker_memory`.

    Returns:
        The limit in bytes; 0 where there is none.
    """
    budget = worker_memory() if budget is None else budget
    before = data_memory()
    if not budget or not before:
        return 0
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    limit = before + budget if hard == resource.RLIM_INFINITY else min(hard, before + budget)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))
        return limit
    return 0


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory was refused; torch raises no ``MemoryError``.

    Example:
        >>> is_out_of_memory(RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"))
        True
        >>> is_out_of_memory(RuntimeError("shapes cannot be multiplied"))
        False
    """
    return isinstance(error, MemoryError) or any(words in str(error) for words in REFUSED)


def failure_words(error: BaseException) -> str:
    """What ended a run, as a sentence: out of memory with its numbers, or the error itself."""
    if not is_out_of_memory(error):
        return f"An error in the program ended the run: {type(error).__name__}: {error}."
    limit, _ = resource.getrlimit(resource.RLIMIT_DATA)
    most = f" of {in_bytes(limit)}" if limit != resource.RLIM_INFINITY else ""
    first = str(error).partition("\n")[0]
    return (
        f"Out of memory: the process has {in_bytes(data_memory())}{most} and was refused more "
        f"({first[:200] or type(error).__name__}). A smaller batch or a smaller net needs less."
    )


def death_words(status: int) -> str:
    """How a process ended, from its ``waitpid`` status; empty if it ended by itself.

    Example:
        >>> death_words(9)
        'It was killed (SIGKILL), as the system does where memory is short.'
        >>> death_words(256), death_words(0)
        ('Its process ended with the code 1.', '')
    """
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        words = SIGNALS.get(signal.Signals(number)) if number in set(signal.Signals) else None
        return f"{words or f'It was ended by the signal {number}'}."
    code = os.waitstatus_to_exitcode(status)
    return f"Its process ended with the code {code}." if code else ""
