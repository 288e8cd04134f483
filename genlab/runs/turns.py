"""Two runs that train by turns: a pair shares one slot among the workers, fair by steps.

Each run of a pair has a note in its files that names the other. The supervisor gives the pair one
slot, so that neither run waits in the queue while the other trains. If a host has more active
runs than workers, each run of the pair trains until it is some steps ahead, and then lets the
other train.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from pathlib import Path

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


def note_pair(place: Folder, first: str, second: str) -> None:
    """Note in the files of two runs that they are a pair."""
    for run, other in ((first, second), (second, first)):
        run_files(place, run).write_json(NOTE, {"run": other})


def partner_of(place: Folder, run: str) -> str:
    """The other run of the pair; empty where a run is not in one."""
    try:
        return str(run_files(place, run).read_json(NOTE)["run"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


class Turns:
    """Says whether a run of a pair may take its next step now.

    The run that is behind goes; it stops when it is a turn ahead. Where both are at the same
    share of their steps, the one with the smaller id goes.

    Args:
        store: where both runs are.
        row: the run.
        partner: id of the other one.
        folder: a local folder in which each run of a host says how far it is.
        workers: runs at once on this host.
        clock: returns seconds; for tests.
    """

    def __init__(
        self,
        store: RunStore,
        row: RunRow,
        partner: str,
        folder: Path,
        workers: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store, self._row, self._partner = store, row, partner
        self._workers, self._clock = workers, clock
        folder.mkdir(parents=True, exist_ok=True)
        self._mine, self._theirs = (folder / f"{run}.step" for run in (row.id, partner))
        self._mine.unlink(missing_ok=True)
        self._going = False
        self._asked, self._alone = -BELIEVED, True

    def __call__(self, step: int) -> bool:
        """Whether the step after this one may be taken now."""
        share = step / self._row.steps
        other = self._other()
        if self._is_alone() or other is None:
            self._going = False
            self._tell(share)
            return True
        ahead = share - other
        if self._going and ahead < PART:
            return True
        self._tell(share)
        self._going = ahead < 0 or (ahead == 0 and self._row.id < self._partner)
        return self._going

    def close(self) -> None:
        """Forget how far this run is."""
        self._mine.unlink(missing_ok=True)

    def _tell(self, share: float) -> None:
        with contextlib.suppress(OSError):
            self._mine.write_text(f"{share:.12f}")

    def _other(self) -> float | None:
        """How far the other run is, as a share of its steps; None where that is unknown."""
        try:
            return float(self._theirs.read_text())
        except (OSError, ValueError):
            return None

    def _is_alone(self) -> bool:
        """Whether the other one does not train, or there are workers enough for both."""
        now = self._clock()
        if now - self._asked < BELIEVED:
            return self._alone
        self._asked = now
        with contextlib.suppress(GenlabError):
            rows = {row.id: row for row in self._store.runs(status={"running"}, limit=1000)}
            here = [row for row in rows.values() if is_here(row)]
            other = rows.get(self._partner)
            self._alone = other is None or not is_here(other) or len(here) <= self._workers
        return self._alone


def is_here(row: RunRow) -> bool:
    """Whether a run is at work on this host."""
    return row.worker.rpartition(":")[0] == settings.host()
