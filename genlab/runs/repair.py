"""Rebuilds a run store from the folders of the runs: the journals contain its rows."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from genlab.core.errors import GenlabError, RunNotFound, StoreError
from genlab.core.folders import Folder
from genlab.runs import settings
from genlab.runs.files import RunFiles, run_files
from genlab.runs.journal import HEAD, read_journal
from genlab.runs.sql import SqlStore
from genlab.runs.store import ACTIVE, RunRow

WORDS = (
    "The run store was rebuilt from its folder. Resume it: it continues from its last snapshot."
)


@dataclass(frozen=True)
class Repair:
    """What a repair did.

    Args:
        moved: where the damaged database was moved; empty if it was intact.
        restored: the runs that were written to the store.
        known: runs of the folder that the store has already.
        skipped: folders without a readable description, and why.
    """

    moved: str
    restored: tuple[str, ...]
    known: tuple[str, ...]
    skipped: Mapping[str, str]


def repair(url: str, folder: Folder) -> Repair:
    """Write every run of a folder that the store lacks into the store.

    A SQLite database that is damaged is moved aside first, never deleted. A run that was active
    is lost, and can be resumed. What the journals do not hold, rooms, claim links and background
    jobs, is gone.

    Args:
        url: of the store.
        folder: of the runs' files.

    Raises:
        StoreError: if the store is not damaged but cannot be used for another reason; nothing
            was changed.
    """
    moved = ""
    try:
        store = SqlStore(url)
        _look_at(store)
    except StoreError as error:
        if "damaged" not in str(error):
            raise
        moved = _move_aside(url)
        store = SqlStore(url)
    restored, known, skipped = list[str](), list[str](), dict[str, str]()
    for run in folder.names("runs"):
        files = run_files(folder, run)
        with contextlib.suppress(RunNotFound):
            store.get(run)
            known.append(run)
            continue
        try:
            store.restore(_row(run, files), read_journal(files))
            restored.append(run)
        except (OSError, ValueError, TypeError, KeyError, GenlabError) as error:
            skipped[run] = f"{type(error).__name__}: {error}"
    store.close()
    return Repair(moved, tuple(restored), tuple(known), skipped)


def _look_at(store: SqlStore) -> None:
    """Have SQLite read every page of its file.

    Raises:
        StoreError: if the file is damaged.
    """
    try:
        problems = store.check()
    except StoreError:
        store.close()
        raise
    if problems:
        store.close()
        raise StoreError(f"The run store {store.location} is damaged: {problems}")


def _move_aside(url: str) -> str:
    file = settings.local_file(url)
    if file is None:
        raise StoreError(
            f"The run store {url} is damaged, and is not a file that could be moved aside. Create "
            "an empty database, name it in GENLAB_STORE, and repair again; nothing was changed."
        )
    target = file.with_name(f"{file.name}.damaged-{time.strftime('%Y%m%d-%H%M%S')}")
    for end in ("", "-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            os.replace(f"{file}{end}", f"{target}{end}")
    return str(target)


def _row(run: str, files: RunFiles) -> RunRow:
    """The run as its folder describes it."""
    found: dict[str, Any] = dict(files.read_json(HEAD))
    names = {entry.name for entry in fields(RunRow)}
    row = RunRow(**{**{k: v for k, v in found.items() if k in names}, "id": run})
    if row.status not in ACTIVE:
        return row
    last = max(files.steps(), default=0)
    return RunRow(**{**row.__dict__, "status": "lost", "message": WORDS, "step": last})


__all__ = ["Repair", "repair"]
