"""The journal of a run: everything that the store has about it, in its own folder.

A damaged store is rebuilt from it (:mod:`genlab.runs.repair`). ``run.json`` describes the run;
``journal/<attempt>-<part>.json`` are the records as the store has them, in parts of
:data:`PART`, of which only the last one is written more than once.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict

from genlab.runs.files import RunFiles
from genlab.runs.store import Record, RunRow, RunStore

PART = 1000
HEAD = "run.json"
_NAME = re.compile(r"^(?P<attempt>\d{4})-(?P<part>\d{5})\.json$")


def _line(record: Record) -> str:
    row = [record.step, record.kind, dict(record.payload), record.time]
    return json.dumps(row, separators=(",", ":"))


class Journal:
    """Writes the journal of an attempt.

    Args:
        files: of the run.
        attempt: of the worker.
        check: raises if the run no longer belongs to this worker.
    """

    def __init__(
        self, files: RunFiles, attempt: int, check: Callable[[], None] | None = None
    ) -> None:
        self._files, self._attempt, self._check = files, attempt, check
        self._lines: list[str] = []
        self._part = 0
        self._changed = False

    def begin(self, store: RunStore, row: RunRow) -> None:
        """Write the description, and what earlier attempts recorded."""
        write_head(self._files, row)
        old = list(_parts(self._files))
        cursor = 0
        while row.attempt > 1 and (batch := store.read(row.id, after=cursor, limit=PART)):
            cursor = batch[-1].seq
            self.add(batch)
            self.write()
        for name in old:
            if not name.startswith(f"{self._attempt:04d}-"):
                self._files.folder.remove(self._files.path("journal", name))

    @property
    def length(self) -> int:
        """How many records it has."""
        return self._part * PART + len(self._lines)

    def add(self, records: Sequence[Record]) -> None:
        """Note records that the store has now."""
        self._lines += map(_line, records)
        self._changed = True

    def write(self) -> None:
        """Write the pending notes.

        Raises:
            OSError: if the folder cannot be written; it can be tried again.
        """
        while self._changed:
            text = "[" + ",\n".join(self._lines[:PART]) + "]"
            name = f"{self._attempt:04d}-{self._part:05d}.json"
            path = self._files.path("journal", name)
            self._files.folder.write(path, text.encode(), before=self._check)
            if len(self._lines) < PART:
                self._changed = False
                return
            self._part, self._lines = self._part + 1, self._lines[PART:]
            self._changed = bool(self._lines)


def write_head(files: RunFiles, row: RunRow) -> None:
    """Write the description of a run beside its snapshots."""
    values = asdict(row) | {"spec": dict(row.spec), "position": 0}
    files.write_json(HEAD, values)


def _parts(files: RunFiles) -> Iterator[str]:
    for name in files.folder.names(files.path("journal")):
        if _NAME.match(name):
            yield name


def read_journal(files: RunFiles) -> list[Record]:
    """The records of a journal, as its newest attempt has them, without parts that are damaged."""
    names = sorted(_parts(files))
    newest = names[-1][:4] if names else ""
    found: list[Record] = []
    for name in names:
        if name[:4] != newest:
            continue
        try:
            rows = json.loads(files.folder.read(files.path("journal", name)))
            found += [Record(row[0], row[1], dict(row[2]), 0, row[3]) for row in rows]
        except (OSError, ValueError, TypeError, IndexError):
            continue
    return found
