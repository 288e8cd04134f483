"""The ladder of a long run: its records condensed, in a file beside its snapshots.

A worker extends it now and then, so that who opens the run first reads some thousand records and
the newest, and not all of them. It is a shortcut and no truth: one that does not fit the store, as
after a repair or a restored backup, is passed over.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Protocol

from genlab.core.condense import condense
from genlab.runs.files import RunFiles
from genlab.runs.store import Record

FILE = "ladder.json"
#: New records after which the ladder is extended.
STEP = 4000
#: Records that are read at once.
PAGE = 20_000


class Read(Protocol):
    """Reads records with a number above a cursor, in order."""

    def __call__(self, *, after: int, limit: int) -> list[Record]:
        """At most so many."""


def read_on(read: Read, since: int) -> tuple[int, list[Record]]:
    """All records after a cursor, and the cursor of the last of them.

    Args:
        read: of the run.
        since: the cursor.
    """
    records: list[Record] = []
    after = since
    while page := read(after=after, limit=PAGE):
        records += page
        after = page[-1].seq
        if len(page) < PAGE:
            break
    return after, records


def read_ladder(files: RunFiles, read: Read) -> tuple[int, list[Record]]:
    """The condensed records of a run, and the cursor of the last that was condensed.

    (0, []) where there are none, or where the store has another record at that cursor.

    Args:
        files: of the run.
        read: its records.
    """
    try:
        values = json.loads(files.folder.read(files.path(FILE)))
        last, records = Record(*values["last"]), [Record(*row) for row in values["records"]]
    except (OSError, ValueError, TypeError, KeyError):
        return 0, []
    there = read(after=last.seq - 1, limit=1)
    if not there or _row(there[0]) != _row(last):
        return 0, []
    return last.seq, records


def extend_ladder(files: RunFiles, read: Read, check: Callable[[], None] | None = None) -> None:
    """Condense what is new in a run into its ladder, where there is enough of it.

    Args:
        files: of the run.
        read: its records.
        check: raises where the run is no longer this worker's.

    Raises:
        OSError: if the file cannot be written.
    """
    after, known = read_ladder(files, read)
    _, new = read_on(read, after)
    records = condense([*known, *new])
    if len(records) < len(known) + len(new):
        values = {"last": _row(new[-1]), "records": [_row(record) for record in records]}
        text = json.dumps(values, separators=(",", ":"))
        files.folder.write(files.path(FILE), text.encode(), before=check)


def _row(record: Record) -> list[object]:
    return [record.step, record.kind, dict(record.payload), record.seq, record.time]
