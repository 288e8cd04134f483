"""The contract of the run store, through which the app, the workers and the pages communicate.

The app only writes wishes here; a supervisor claims them; a worker appends records; pages read by
cursor. The store knows neither torch nor Streamlit.
"""

from __future__ import annotations

import abc
import hashlib
import json
import re
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from genlab.core.errors import RunStateError
from genlab.runs.items import Item, Key
from genlab.runs.search import Heading, RunPage, RunQuery, run_name

Status = Literal[
    "queued",  # waits for a worker
    "running",
    "paused",
    "done",
    "stopped",  # by request; can be resumed
    "diverged",  # a loss became NaN or infinite; the last good snapshot is kept
    "failed",  # an error that is not the mathematics' (disk full, data missing)
    "lost",  # its worker died; can be resumed
]
ACTIVE: frozenset[str] = frozenset({"queued", "running", "paused"})
RESUMABLE: frozenset[str] = frozenset({"stopped", "lost", "failed"})
#: Statuses in which a worker may write about its run. One that was lost and not claimed since
#: still belongs to the worker whose heartbeats were late.
HELD: frozenset[str] = frozenset({"running", "paused", "lost"})
#: Seconds for which a worker holds a run after each heartbeat, by the clock of the store.
LEASE = 15.0
#: Seconds at work after which a run that was resumed by itself counts as well again.
SETTLED = 600.0

RecordKind = Literal["scalars", "frame", "event"]


@dataclass(frozen=True)
class Record:
    """One record of a worker about a step.

    Args:
        step: the step it belongs to (the number of steps taken before it was seen).
        kind: ``scalars`` {series: number or None}, ``frame`` {"panels": [names]}: pictures of that
            step are in the files, ``event`` {"level": "info"|"warning"|"error", "message": text},
            perhaps with a "label": a word for it on the charts.
        payload: plain values.
        seq: position in the store, given on append; the cursor of readers.
        time: seconds since the epoch, given on append where it is 0.
    """

    step: int
    kind: RecordKind
    payload: Mapping[str, Any]
    seq: int = 0
    time: float = 0.0


@dataclass(frozen=True)
class Command:
    """A command for a run; :class:`genlab.train.controls.CommandLike` says which there are."""

    name: str
    values: Mapping[str, Any] = field(default_factory=dict)
    id: int = 0


@dataclass(frozen=True)
class RunRow:
    """A run as it is stored.

    Args:
        id: short, unique, safe in a URL and a path.
        spec: the flat dictionary of :meth:`genlab.core.run_spec.RunSpec.flat`.
        status, message: the status and a message for users, which is empty when all is well.
        step: steps taken so far; ``steps``: how many are wanted.
        speed: steps per second lately, 0 where unknown.
        created, started, beat, ended: seconds since the epoch, 0 where it has not happened.
        worker: ``host:pid`` of the process that runs it.
        series: what its numbers are (flat :class:`genlab.core.measure.Series`).
        attempt: how often it was started; grows by one with each resume.
        position: place in the queue from 1, 0 when it does not wait.
        parent, parent_step: the run (perhaps deleted since) and the step of it at which this one
            branched off; ``""`` and 0 for a run that began by itself.
        changes: the changed options: by the option's name, the value before and the value since.
        owner: the browser that owns it; empty for the machine.
        tags: words by which a person finds it again.
    """

    id: str
    spec: Mapping[str, Any]
    status: Status
    message: str = ""
    title: str = ""
    step: int = 0
    steps: int = 0
    speed: float = 0.0
    created: float = 0.0
    started: float = 0.0
    beat: float = 0.0
    ended: float = 0.0
    worker: str = ""
    series: Sequence[Mapping[str, Any]] = ()
    attempt: int = 0
    position: int = 0
    parent: str = ""
    parent_step: int = 0
    changes: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    owner: str = ""
    tags: Sequence[str] = ()


def heading_of(row: RunRow) -> Heading:
    """The heading of a run."""
    kind = str(row.spec.get("model", "")), str(row.spec.get("data", ""))
    return Heading(row.id, run_name(row.title, *kind), *kind, row.status, row.step)


@dataclass(frozen=True)
class Origin:
    """Where a run branches off another one: ``parent``, ``parent_step``, ``changes`` of a row."""

    parent: str
    step: int
    changes: Mapping[str, Sequence[Any]] = field(default_factory=dict)


JobStatus = Literal["queued", "running", "done", "failed"]


@dataclass(frozen=True)
class JobRow:
    """A background job (such as a projection), identified by its key.

    Args:
        key: a hash of kind and values; the same wish twice is one job.
        kind: a row of the table of jobs (``project``).
        values: its plain arguments.
        progress: 0 to 1; ``message``: its present activity, or its error.
        owner: who asked for it first.
    """

    key: str
    kind: str
    values: Mapping[str, Any]
    status: JobStatus = "queued"
    progress: float = 0.0
    message: str = ""
    created: float = 0.0
    beat: float = 0.0
    worker: str = ""
    owner: str = ""


def job_key(kind: str, values: Mapping[str, Any]) -> str:
    """The key of a job: the same for the same kind and values, in any order.

    Example:
        >>> job_key("project", {"a": 1, "b": 2}) == job_key("project", {"b": 2, "a": 1})
        True
    """
    text = json.dumps([kind, dict(values)], sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=10).hexdigest()


def new_id(spec: Mapping[str, Any]) -> str:
    """A new id for a run: readable, and safe in a path and a URL.

    Example:
        >>> new_id({"model": "vae", "data": "digits"}).startswith("vae-digits-")
        True
    """
    words = [re.sub(r"[^a-z0-9_]+", "", str(spec.get(k, "")).lower()) for k in ("model", "data")]
    letters = "".join(secrets.choice("abcdefghjkmnpqrstuvwxyz23456789") for _ in range(5))
    return "-".join([*filter(None, words), letters])


def too_many(limit: int) -> RunStateError:
    """The error for a run more than an owner may have waiting."""
    return RunStateError(
        f"{limit} of your runs are waiting already, which is the limit for one person here. "
        "Nothing was started. Stop one of them, or wait for one to begin."
    )


class RunStore(abc.ABC):
    """What every store must do; :mod:`genlab.testing.store_contract` is the test of it.

    Each method that writes asks :func:`genlab.runs.access.require` in the same transaction, and
    raises :class:`~genlab.core.errors.NotAllowed` where who acts may not do it.
    """

    @abc.abstractmethod
    def create(
        self,
        spec: Mapping[str, Any],
        *,
        title: str = "",
        worker: str = "",
        run: str = "",
        origin: Origin | None = None,
    ) -> str:
        """Queue a run and return its id. ``steps`` is taken from the spec.

        Args:
            spec: the flat description.
            title: what lists show.
            worker: if given, this worker gets the run at once instead of the queue (a run in the
                foreground of a terminal).
            run: the id that it gets; a fresh one where it is empty.
            origin: of a fork, which begins at the step of its origin.

        Raises:
            RunStateError: if a run with the given id exists, or too many runs of its owner are
                waiting (``GENLAB_RUNS_WAITING``).
        """

    @abc.abstractmethod
    def get(self, run: str) -> RunRow:
        """The run.

        Raises:
            RunNotFound: if there is none.
        """

    @abc.abstractmethod
    def runs(self, *, status: Collection[str] | None = None, limit: int = 200) -> list[RunRow]:
        """Runs, the newest first."""

    @abc.abstractmethod
    def set_status(
        self,
        run: str,
        status: Status,
        *,
        message: str = "",
        only_from: Collection[str] | None = None,
        attempt: int = 0,
    ) -> bool:
        """Change the status in one atomic step; False if it was not one of ``only_from``.

        A run that is queued goes to the end of the queue; one that ends loses its open wishes.

        Args:
            run, status, message, only_from: what to change, and from where.
            attempt: of the worker that writes, here and in the methods below; 0: who writes is no
                worker.

        Raises:
            LeaseLost: if the run is not held by this attempt; nothing was written.
        """

    @abc.abstractmethod
    def describe(self, run: str, series: Sequence[Mapping[str, Any]], *, attempt: int = 0) -> None:
        """Store the series that the run records."""

    @abc.abstractmethod
    def queue(self, *, limit: int = 0) -> list[str]:
        """The queued runs, the next one first (:func:`genlab.runs.fair.fair_order`); cheap.

        Args:
            limit: runs that an owner may have at work at once; those above it are left out. 0 for
                no limit.
        """

    @abc.abstractmethod
    def claim(self, worker: str, run: str | None = None, *, resume: bool = False) -> RunRow | None:
        """Take the next queued run for this worker, atomically: at most one worker gets it.

        Args:
            worker: who takes it.
            run: this one, and no other.
            resume: take it also if it is stopped, lost or failed.
        """

    @abc.abstractmethod
    def heartbeat(self, run: str, *, step: int, speed: float, attempt: int = 0) -> None:
        """Renew the worker's lease, and record the step and the speed.

        A run that was given up as lost, and that no worker has claimed since, is its worker's
        again.
        """

    @abc.abstractmethod
    def expired(self) -> list[RunRow]:
        """The active runs whose lease has expired, by the clock of the store."""

    @abc.abstractmethod
    def lose(self, run: str, message: str, *, worker: str = "") -> bool:
        """Mark a run as lost; False if its worker holds it.

        Args:
            run: its id.
            message: the message of the run.
            worker: one that is known to be gone; the run is lost if it is its worker. Without one
                the run is lost if its lease has expired.
        """

    @abc.abstractmethod
    def resume_lost(self, run: str, limit: int) -> int:
        """Queue a lost run again without being asked; 0 if it is not lost, or was too often.

        A run that has then been at work for :data:`SETTLED` seconds has all its tries again, as
        has one that a person resumes.

        Args:
            run: its id.
            limit: how often that may happen.

        Returns:
            How often it has happened now.
        """

    @abc.abstractmethod
    def append(
        self, run: str, records: Sequence[Record], *, attempt: int = 0, again: bool = False
    ) -> None:
        """Add records in one transaction, in order.

        Args:
            run, attempt: as above.
            records: what to add.
            again: whether this is another try of a call that failed, and may have succeeded
                unheard; the records, whose times are given, are then added only once.
        """

    @abc.abstractmethod
    def read(
        self,
        run: str,
        *,
        after: int = 0,
        limit: int = 1000,
        kinds: Collection[str] | None = None,
    ) -> list[Record]:
        """Records with ``seq`` above the cursor, in order, of these kinds alone where given."""

    @abc.abstractmethod
    def last_step(self, run: str) -> int:
        """The largest step that has a ``scalars`` or ``frame`` record, -1 where there is none."""

    @abc.abstractmethod
    def request(self, run: str, command: Command) -> None:
        """Send a command to the run's worker; a queued run is stopped at once.

        Raises:
            RunStateError: if the run is not active.
        """

    @abc.abstractmethod
    def pending(self, run: str, *, attempt: int = 0) -> list[Command]:
        """The pending commands in order; reading removes them."""

    @abc.abstractmethod
    def delete(self, run: str) -> None:
        """Delete the run, its records and commands; RunStateError while it is active."""

    @abc.abstractmethod
    def edit(self, run: str, *, title: str | None = None, tags: Sequence[str] = ()) -> None:
        """Change the title (None: it stays) and the tags of a run.

        Raises:
            NotAllowed: if it belongs to somebody else.
        """

    def headings(
        self, *, without: Collection[str] = (), data: str = "", limit: int = 200
    ) -> list[Heading]:
        """What lists show of the newest runs; their descriptions are not read.

        Args:
            without: statuses that are left out.
            data: a dataset by name; empty: any.
            limit: runs at most, the newest.
        """
        every = (heading_of(row) for row in self.runs(limit=100_000))
        found = [one for one in every if one.status not in without and data in ("", one.data)]
        return found[:limit]

    @abc.abstractmethod
    def find(self, query: RunQuery) -> RunPage:
        """A page of the runs that a query asks for, with their last numbers."""

    @abc.abstractmethod
    def put_numbers(self, run: str, values: Mapping[str, float]) -> None:
        """Keep numbers of a run for :meth:`find`; those of other names stay.

        The last numbers of its records are kept by themselves when a run ends.
        """

    @abc.abstractmethod
    def known_words(self) -> tuple[list[str], list[str]]:
        """All tags, and the names of all numbers, in alphabetical order."""

    @abc.abstractmethod
    def submit(self, kind: str, values: Mapping[str, Any]) -> JobRow:
        """Queue a job, or find the same one again (a failed one is queued again)."""

    @abc.abstractmethod
    def job(self, key: str) -> JobRow | None:
        """The job of this key, or None."""

    @abc.abstractmethod
    def claim_job(self, worker: str, key: str | None = None) -> JobRow | None:
        """Take the oldest queued job, or the one of a key, atomically; None if there is none."""

    @abc.abstractmethod
    def jobs(self, *, status: Collection[str] | None = None, limit: int = 200) -> list[JobRow]:
        """Jobs, the oldest first."""

    @abc.abstractmethod
    def update_job(
        self,
        key: str,
        *,
        status: JobStatus,
        progress: float = 0.0,
        message: str = "",
        worker: str = "",
    ) -> None:
        """Update the status of a job.

        Args:
            key: of the job.
            status, progress, message: what becomes of it.
            worker: nothing happens unless the job is at work in this one; empty: whoever has it.
        """

    @abc.abstractmethod
    def expired_jobs(self) -> list[JobRow]:
        """The running jobs whose worker has sent no heartbeat for :data:`LEASE` seconds."""

    # -- items and ownership -----------------------------------------------------------------

    @abc.abstractmethod
    def put_item(
        self, item: Item, *, action: str, only_new: bool = False, while_open: Key | None = None
    ) -> bool:
        """Keep an item; one that is there already keeps its owner and the time it was made.

        Args:
            item: the item. A new one belongs to who acts.
            action: a row of :data:`genlab.runs.access.ACTIONS` that who acts must be allowed.
            only_new: whether an existing item stays unchanged.
            while_open: kind and id of another item that must exist; otherwise nothing is written.
                Both are one transaction, so that nothing is written after that item was removed.

        Returns:
            False if nothing was written for one of these reasons.
        """

    @abc.abstractmethod
    def item(self, kind: str, name: str) -> Item | None:
        """An item; None if there is none, or it has expired."""

    @abc.abstractmethod
    def items(self, kind: str, prefix: str = "") -> list[Item]:
        """All items of a kind that have not expired, the oldest first.

        Args:
            kind: of the items.
            prefix: with which their ids begin.
        """

    @abc.abstractmethod
    def remove(self, kind: str, name: str, *, action: str) -> bool:
        """Forget an item; False if there was none."""

    @abc.abstractmethod
    def accept(self, offer: str) -> Item:
        """Transfer the offered object and delete the offer, in one transaction.

        Args:
            offer: the id of an item ``offer`` with the values ``kind`` and ``id``.

        Returns:
            The offer.

        Raises:
            RunStateError: if there is no such offer (any more).
        """

    def close(self) -> None:
        """Close the connections."""
        return None
