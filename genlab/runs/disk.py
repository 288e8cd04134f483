"""The disk: the space of each run, a quota, and thinning when space is short."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from dataclasses import dataclass

from genlab.core.errors import GenlabError, RunStateError, StoreError
from genlab.core.folders import Folder, LocalFolder
from genlab.core.machine import free_disk, in_bytes
from genlab.runs import access
from genlab.runs.files import run_files
from genlab.runs.store import ACTIVE, RunRow, RunStore

#: The tag of a run that nothing thins or deletes by itself.
PINNED = "pinned"


@dataclass(frozen=True)
class Usage:
    """What the files take.

    Args:
        runs: bytes by the run's id, the largest first.
        others: bytes of everything else: results of jobs, sets, sprites.
        free: bytes that are left on the disk; None where that is not known.
        quota: bytes that all runs may take; 0: any.
    """

    runs: dict[str, int]
    others: int
    free: int | None
    quota: int

    @property
    def total(self) -> int:
        """Bytes of all runs."""
        return sum(self.runs.values())

    def words(self) -> str:
        """The usage in a sentence.

        Example:
            >>> Usage({"a": 2 << 20}, 0, 3 << 30, 0).words()
            '1 run takes 2 MiB; the disk has 3 GiB left.'
        """
        count = len(self.runs)
        noun = "1 run takes" if count == 1 else f"{count:,} runs take"
        most = f" of the {in_bytes(self.quota)} allowed" if self.quota else ""
        left = "" if self.free is None else f"; the disk has {in_bytes(self.free)} left"
        return f"{noun} {in_bytes(self.total)}{most}{left}."


def quota() -> int:
    """Bytes that all runs together may take, from ``GENLAB_DISK_QUOTA`` (MiB); 0: any.

    Raises:
        StoreError: if it is not a whole number.
    """
    given = os.environ.get("GENLAB_DISK_QUOTA", "").strip()
    if given and not given.isdigit():
        raise StoreError(
            f"GENLAB_DISK_QUOTA = {given!r} is not possible: allowed: a whole number of MiB, 0 "
            "for no quota. Nothing was started."
        )
    return int(given or 0) << 20


def _tree_size(path: str) -> int:
    total = 0
    with contextlib.suppress(OSError), os.scandir(path) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):
                if entry.is_dir(follow_symlinks=False):
                    total += _tree_size(entry.path)
                else:
                    total += entry.stat(follow_symlinks=False).st_size
    return total


def usage(files: Folder) -> Usage:
    """What each run takes; of a place behind a URL, by asking it for every file."""
    found: dict[str, int] = {}
    others, free = 0, None
    if isinstance(files, LocalFolder):
        free = free_disk(files.root)
        with contextlib.suppress(OSError), os.scandir(files.root) as entries:
            for entry in entries:
                if entry.name == "runs":
                    names = files.names("runs")
                    found = {name: _tree_size(f"{entry.path}/{name}") for name in names}
                elif entry.is_dir(follow_symlinks=False) and entry.name != "pretrained":
                    others += _tree_size(entry.path)
    else:
        found = {name: files.size(f"runs/{name}") for name in files.names("runs")}
    ordered = sorted(found.items(), key=lambda pair: -pair[1])
    return Usage(dict(ordered), others, free, quota())


def check_quota(files: Folder, more: int) -> None:
    """Refuse a run that would exceed the quota.

    Args:
        files: of all runs.
        more: bytes that the run will take.

    Raises:
        StoreError: with the numbers; nothing was started.
    """
    most = quota()
    if not most:
        return
    used = usage(files).total
    if used + more > most:
        raise StoreError(
            f"The runs take {in_bytes(used)} of the {in_bytes(most)} allowed "
            f"(GENLAB_DISK_QUOTA), and this one needs up to {in_bytes(more)}. Nothing was "
            "started. "
            "Thin or delete runs first: genlab disk --thin RUN, genlab delete RUN."
        )


def best_step(store: RunStore, row: RunRow) -> int | None:
    """The step with the best value of the run's first series that has a direction.

    None if no series has a better direction.
    """
    good = next((s for s in row.series if s.get("direction") in {"lower", "higher"}), None)
    if good is None:
        return None
    sign = 1.0 if good["direction"] == "higher" else -1.0
    best: tuple[float, int] | None = None
    after = 0
    while page := store.read(row.id, after=after, limit=5000, kinds={"scalars"}):
        for record in page:
            value = record.payload.get(good["name"])
            if isinstance(value, (int, float)) and (best is None or sign * value > best[0]):
                best = sign * float(value), record.step
        after = page[-1].seq
    return None if best is None else best[1]


def thin_run(store: RunStore, files: Folder, run: str) -> int:
    """Keep of a run that has ended its first, best and last snapshot; the bytes that became free.

    The records and the pictures stay. The last snapshot stays whole, so that the run can be
    resumed and forked from it; the others hold the model alone.

    Raises:
        NotAllowed: if the run belongs to somebody else.
        RunStateError: while it is active, or if it is pinned.
    """
    row = store.get(run)
    access.require("edit", row.owner)
    if row.status in ACTIVE or PINNED in row.tags:
        why = "pinned (untag it first)" if PINNED in row.tags else row.status
        raise RunStateError(f"Run {run} is {why}: it is not thinned. Nothing was changed.")
    mine = run_files(files, run)
    before = _size(files, run)
    steps = mine.steps()
    if steps:
        best = best_step(store, row)
        near = min(steps, key=lambda step: abs(step - (steps[-1] if best is None else best)))
        stay = {steps[0], near, steps[-1]}
        for step in steps:
            if step not in stay:
                mine.forget_snapshot(step)
            elif step != steps[-1]:
                with contextlib.suppress(GenlabError):
                    mine.keep_model_alone(step)
    return max(0, before - _size(files, run))


def _size(files: Folder, run: str) -> int:
    name = f"runs/{run}"
    if isinstance(files, LocalFolder):
        return _tree_size(str(files.root / name))
    return files.size(name)


def thin_to(store: RunStore, files: Folder, most: int) -> tuple[list[str], int]:
    """Thin the oldest runs until all of them take no more than some bytes.

    Args:
        store, files: of the runs.
        most: bytes.

    Returns:
        The runs that were thinned, and the bytes that became free. Pinned and active runs, and
        those of others, are left alone.
    """
    there = usage(files)
    used, done, freed = there.total, list[str](), 0
    for row in _oldest(store.runs(limit=100_000)):
        if used <= most:
            break
        if row.id not in there.runs:
            continue
        with contextlib.suppress(GenlabError):
            less = thin_run(store, files, row.id)
            if less:
                done.append(row.id)
                used, freed = used - less, freed + less
    return done, freed


def _oldest(rows: Iterable[RunRow]) -> list[RunRow]:
    return sorted(rows, key=lambda row: row.created)


def sweep_parts(files: Folder) -> int:
    """Remove what writers that died left half-written; how many files."""
    swept = files.sweep("jobs")
    for run in files.names("runs"):
        swept += sum(files.sweep(f"runs/{run}{part}") for part in ("", "/snapshots", "/frames"))
    return swept
