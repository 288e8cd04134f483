"""Runs that train by turns: a group shares one slot among the workers, fair by steps.

Each run of a group has a note in its files that names the others. The supervisor gives all of them
one slot, so that none waits in the queue while another trains. Where more runs are at work on a
host than it has workers, the run of the group that is furthest behind trains until it is some
steps ahead of another one, and then lets that one train.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from genlab.core.errors import GenlabError
from genlab.core.folders import Folder
from genlab.runs import settings
from genlab.runs.files import run_files
from genlab.runs.store import RunRow, RunStore

NOTE = "partner.json"
#: A turn is such a part of the run.
PART = 0.005
#: Seconds for which the answer of the store about other runs is cached.
BELIEVED = 0.5


def note_group(place: Folder, runs: Sequence[str]) -> None:
    """Note in the files of some runs that they are a group."""
    for run in runs:
        others = [other for other in runs if other != run]
        run_files(place, run).write_json(NOTE, {"runs": others})


def partners_in(note: Any) -> tuple[str, ...]:
    """The other runs that a note names; older notes name one.

    Example:
        >>> partners_in({"runs": ["b", "c"]}), partners_in({"run": "b"}), partners_in({})
        (('b', 'c'), ('b',), ())
    """
    if not isinstance(note, dict):
        return ()
    named = note.get("runs", [note["run"]] if "run" in note else [])
    return tuple(map(str, named))


def partners_of(place: Folder, run: str) -> tuple[str, ...]:
    """The other runs of the group; empty where a run is not in one."""
    try:
        return partners_in(run_files(place, run).read_json(NOTE))
    except (OSError, ValueError):
        return ()


class Turns:
    """Says whether a run of a group may take its next step now.

    The run that is furthest behind goes; it stops where it is a turn ahead of another. Where some
    are at the same share of their steps, the one with the smallest id goes.

    Args:
        store: where the runs are.
        row: the run.
        partners: ids of the others.
        folder: a local folder in which each run of a host says how far it is.
        workers: runs at once on this host.
        clock: returns seconds; for tests.
    """

    def __init__(
        self,
        store: RunStore,
        row: RunRow,
        partners: Sequence[str],
        folder: Path,
        workers: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store, self._row = store, row
        self._workers, self._clock = workers, clock
        folder.mkdir(parents=True, exist_ok=True)
        self._mine = folder / f"{row.id}.step"
        self._theirs = {run: folder / f"{run}.step" for run in partners}
        self._mine.unlink(missing_ok=True)
        self._going = False
        self._asked = -BELIEVED
        #: The partners that train here and with whom this run takes turns.
        self._rivals: tuple[str, ...] = ()

    def __call__(self, step: int) -> bool:
        """Whether the step after this one may be taken now."""
        share = step / self._row.steps
        shares = ((self._share_of(run), run) for run in self._at_work())
        known_shares = [(other, run) for other, run in shares if other is not None]
        if not known_shares:
            self._going = False
            self._tell(share)
            return True
        behind, run = min(known_shares)
        if self._going and share - behind < PART:
            return True
        self._tell(share)
        self._going = (share, self._row.id) < (behind, run)
        return self._going

    def close(self) -> None:
        """Forget how far this run is."""
        self._mine.unlink(missing_ok=True)

    def _tell(self, share: float) -> None:
        with contextlib.suppress(OSError):
            self._mine.write_text(f"{share:.12f}")

    def _share_of(self, run: str) -> float | None:
        """How far another run is, as a share of its steps; None where that is unknown."""
        try:
            return float(self._theirs[run].read_text())
        except (OSError, ValueError):
            return None

    def _at_work(self) -> tuple[str, ...]:
        """The partners that train here; none where there are workers enough for all runs."""
        now = self._clock()
        if now - self._asked < BELIEVED:
            return self._rivals
        self._asked = now
        with contextlib.suppress(GenlabError):
            rows = self._store.runs(status={"running"}, limit=1000)
            here = {row.id for row in rows if is_here(row)}
            enough = len(here) <= self._workers
            self._rivals = () if enough else tuple(run for run in self._theirs if run in here)
        return self._rivals


def is_here(row: RunRow) -> bool:
    """Whether a run is at work on this host."""
    return row.worker.rpartition(":")[0] == settings.host()
