"""Leases: a run has one worker at a time, and a worker that was replaced writes nothing more."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from genlab.core.errors import LeaseLost
from genlab.runs.store import LEASE, Command, Record, RunRow, RunStore, Status


def lost_words(run: str, attempt: int) -> str:
    """The message for a worker that has lost its run."""
    return (
        f"Run {run} is no longer held by its attempt {attempt}: it was given to another worker, "
        "or has ended. Nothing was written."
    )


class Lease:
    """A worker's hold on a run: all that the worker writes goes through it.

    The store compares the attempt in the transaction that writes
    (:class:`~genlab.core.errors.LeaseLost` otherwise). Files have no transactions: before a worker
    writes one it asks :meth:`check`, which asks the store where the last answer is old.

    Args:
        store: where the run was claimed.
        row: the run as it was claimed.
        clock: returns seconds that also pass while the process is stopped; for tests.
    """

    def __init__(
        self, store: RunStore, row: RunRow, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.store, self.run, self.attempt = store, row.id, row.attempt
        self._clock, self._renewed = clock, clock()
        self._step, self._speed = row.step, 0.0
        #: What the run's controls said last: ``running`` or ``paused``.
        self._told: Status = "running"

    def renew(self, step: int, speed: float) -> None:
        """Renew the lease for :data:`LEASE` seconds, and store the status.

        Raises:
            LeaseLost: if another worker has it.
            RunNotFound: if it was deleted.
        """
        asked = self._clock()
        self.store.heartbeat(self.run, step=step, speed=speed, attempt=self.attempt)
        self._step, self._speed, self._renewed = step, speed, asked

    def is_fresh(self) -> bool:
        """Whether the last renewal is so young that nobody can have taken the run since."""
        return self._clock() - self._renewed < LEASE

    def check(self) -> None:
        """Make sure that the run is still held, before something outside the store is written.

        Raises:
            LeaseLost: if it is not.
        """
        if not self.is_fresh():
            self.renew(self._step, self._speed)

    def append(self, records: Sequence[Record], *, again: bool = False) -> None:
        """Add records (:meth:`RunStore.append`)."""
        self.store.append(self.run, records, attempt=self.attempt, again=again)

    def describe(self, series: Sequence[Mapping[str, Any]]) -> None:
        """Store the series that the run records."""
        self.store.describe(self.run, series, attempt=self.attempt)

    def pending(self) -> list[Command]:
        """The pending commands."""
        return self.store.pending(self.run, attempt=self.attempt)

    def set_status(
        self, status: Status, *, message: str = "", only_from: Collection[str] | None = None
    ) -> bool:
        """Change the status (:meth:`RunStore.set_status`)."""
        return self.store.set_status(
            self.run, status, message=message, only_from=only_from, attempt=self.attempt
        )

    def tell(self, status: Status) -> None:
        """Store whether a person has paused the run."""
        self._told = status
        self.set_status(status, only_from={"running", "paused"})

    def hold(self, words: str) -> None:
        """Show that the run had to pause itself, and why."""
        self.set_status("paused", message=words, only_from={"running", "paused"})

    def let_go(self) -> None:
        """Set the status to running, unless a user has paused the run."""
        self.set_status(self._told, only_from={"running", "paused"})


__all__ = ["LEASE", "Lease", "LeaseLost", "lost_words"]
