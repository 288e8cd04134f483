"""The leases of a run store in a database: which worker holds a run, and until when.

A worker holds a run under the number of its attempt, which grows with every claim: writes of a
worker of an older attempt are refused. All times are of the database's clock, so that hosts whose
clocks differ agree on what has expired.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from genlab.core.errors import LeaseLost, RunNotFound
from genlab.runs import access
from genlab.runs.database import Database
from genlab.runs.fair import Waiting, fair_order
from genlab.runs.leases import LEASE, lost_words
from genlab.runs.schema import DatabaseClock, found_by, items, records, runs, wishes
from genlab.runs.sql_jobs import dump_json
from genlab.runs.sql_search import keep_last_numbers, tag_text
from genlab.runs.store import HELD, RESUMABLE, SETTLED, Record, RunRow

#: Columns that a restored run has as they are in its row.
PLAIN = (
    *("id", "title", "status", "message", "step", "steps", "created", "started", "ended"),
    *("worker", "attempt", "parent", "parent_step", "owner"),
)


def new_lease() -> dict[str, Any]:
    """The columns of a run whose lease starts now."""
    now = DatabaseClock()
    return {"beat": now, "lease": now + LEASE}


def _expired() -> sa.ColumnElement[bool]:
    """The runs whose lease has expired."""
    now = DatabaseClock()
    # A worker of an older program, still at work after an upgrade, renews its beat alone.
    past = sa.and_(runs.c.lease <= now, runs.c.beat <= now - LEASE)
    return sa.and_(runs.c.status.in_(["running", "paused"]), past)


def _open(now: float) -> sa.ColumnElement[bool]:
    """The items that have not expired."""
    return sa.or_(items.c.expires == 0.0, items.c.expires > now)


class LeaseTable(Database):
    """The part of the store that gives runs to workers and takes them back."""

    @staticmethod
    def _row(row: Any, position: int = 0) -> RunRow:
        return RunRow(
            id=row.id,
            spec=json.loads(row.spec),
            status=row.status,
            message=row.message,
            title=row.title,
            step=row.step,
            steps=row.steps,
            speed=row.speed,
            created=row.created,
            started=row.started,
            beat=row.beat,
            ended=row.ended,
            worker=row.worker,
            series=tuple(json.loads(row.series)),
            attempt=row.attempt,
            position=position,
            parent=row.parent,
            parent_step=row.parent_step,
            changes=json.loads(row.changes),
            owner=row.owner,
            tags=tuple(filter(None, row.tags.split("|"))),
        )

    @staticmethod
    def _missing(run: str) -> RunNotFound:
        return RunNotFound(f"There is no run {run!r}. `genlab list` shows those there are.")

    def _allow(self, connection: Connection, run: str, action: str, attempt: int = 0) -> str:
        """The status of a run with which who acts may do this; its row is locked until the end.

        Args:
            connection: of a transaction that writes.
            run: its id.
            action: a row of :data:`genlab.runs.access.ACTIONS`.
            attempt: of the worker that writes; 0 for who is none.

        Raises:
            RunNotFound: if there is no such run.
            NotAllowed: if it belongs to somebody else.
            LeaseLost: if the run is no longer that attempt's.
        """
        columns = (runs.c.status, runs.c.owner, runs.c.attempt)
        query = sa.select(*columns).where(runs.c.id == run).with_for_update()
        row = connection.execute(query).one_or_none()
        if row is None:
            raise self._missing(run)
        access.require(action, row.owner)
        if attempt and (row.attempt != attempt or row.status not in HELD):
            raise LeaseLost(lost_words(run, attempt))
        return str(row.status)

    def _queue(self, connection: Connection, limit: int = 0) -> dict[str, int]:
        """The places of the queued runs, in their order."""
        kept = (runs.c.id, runs.c.owner, runs.c.room, runs.c.number)
        query = sa.select(*kept).where(runs.c.status == "queued")
        found = connection.execute(query.order_by(runs.c.queued, runs.c.number)).all()
        if not found:
            return {}
        waiting = [Waiting(r.id, r.owner, r.room, place) for place, r in enumerate(found)]
        owners = {one.owner for one in waiting}
        busy = connection.execute(sa.select(*kept).where(runs.c.status == "running"))
        running = [Waiting(row.id, row.owner, row.room) for row in busy]
        begun: dict[str, float] = {}
        leaders: set[str] = set()
        if len(owners) > 1:
            last = sa.func.max(runs.c.started)
            by_owner = sa.select(runs.c.owner, last).where(runs.c.owner.in_(owners))
            begun = dict(connection.execute(by_owner.group_by(runs.c.owner)).tuples().all())
            led = sa.select(items.c.owner).where(items.c.kind == "room")
            leaders = set(connection.execute(led.where(_open(time.time()))).scalars())
        order = fair_order(waiting, running, begun=begun, leaders=leaders, limit=limit)
        return {run: place for place, run in enumerate(order, 1)}

    def claim(self, worker: str, run: str | None = None, *, resume: bool = False) -> RunRow | None:
        access.require("work")
        able = {"queued", *RESUMABLE} if resume and run is not None else {"queued"}
        query = sa.select(runs.c.id).where(runs.c.status.in_(sorted(able)), runs.c.id == run)
        while True:
            # First a query without a lock: an empty queue is queried many times a second.
            with self._reading() as connection:
                if run is None:
                    found = next(iter(self._queue(connection)), None)
                else:
                    found = connection.execute(query).scalar_one_or_none()
            if found is None:
                if run is not None:
                    self.get(run)
                return None
            first = sa.case((runs.c.started == 0.0, self.stamp()), else_=runs.c.started)
            take = (
                runs.update()
                .where(runs.c.id == found, runs.c.status.in_(sorted(able)))
                .values(
                    status="running",
                    message="",
                    worker=worker,
                    started=first,
                    ended=0.0,
                    attempt=runs.c.attempt + 1,
                    **new_lease(),
                )
            )
            with self._writing() as connection:
                if connection.execute(take).rowcount == 1:
                    row = connection.execute(sa.select(runs).where(runs.c.id == found)).one()
                    return self._row(row)

    def get(self, run: str) -> RunRow:
        with self._reading() as connection:
            row = connection.execute(sa.select(runs).where(runs.c.id == run)).one_or_none()
            if row is None:
                raise self._missing(run)
            queue = self._queue(connection) if row.status == "queued" else {}
            return self._row(row, queue.get(run, 0))

    def heartbeat(self, run: str, *, step: int, speed: float, attempt: int = 0) -> None:
        with self._writing() as connection:
            status = self._allow(connection, run, "work", attempt)
            settled = DatabaseClock() - runs.c.queued > SETTLED
            values: dict[str, Any] = {"step": step, "speed": speed, **new_lease()}
            values["restarts"] = sa.case((settled, 0), else_=runs.c.restarts)
            if attempt and status == "lost":
                # The machine slept and somebody gave this run up; it goes on.
                values |= {"status": "running", "message": "", "ended": 0.0}
            connection.execute(runs.update().where(runs.c.id == run).values(**values))

    def expired(self) -> list[RunRow]:
        query = sa.select(runs).where(_expired()).order_by(runs.c.number)
        with self._reading() as connection:
            return [self._row(row) for row in connection.execute(query)]

    def lose(self, run: str, message: str, *, worker: str = "") -> bool:
        access.require("work")
        gone = sa.and_(runs.c.status.in_(["running", "paused"]), runs.c.worker == worker)
        values = {"status": "lost", "message": message, "speed": 0.0, "ended": self.stamp()}
        change = runs.update().where(runs.c.id == run, gone if worker else _expired())
        with self._writing() as connection:
            changed = connection.execute(change.values(**values)).rowcount == 1
            if changed:
                self._end(connection, run)
        return changed

    def resume_lost(self, run: str, limit: int) -> int:
        access.require("work")
        values = {"status": "queued", "message": "", "queued": self.stamp(), "ended": 0.0}
        values |= {"worker": "", "restarts": runs.c.restarts + 1}
        may = (runs.c.id == run, runs.c.status == "lost", runs.c.restarts < limit)
        with self._writing() as connection:
            if connection.execute(runs.update().where(*may).values(**values)).rowcount != 1:
                return 0
            query = sa.select(runs.c.restarts).where(runs.c.id == run)
            return int(connection.execute(query).scalar_one())

    def restore(self, row: RunRow, kept: Sequence[Record]) -> None:
        """Write a run in its former state, with its records (:mod:`genlab.runs.repair`)."""
        access.require("work")
        values = {name: getattr(row, name) for name in PLAIN}
        values |= {"spec": dump_json(dict(row.spec)), "tags": tag_text(row.tags)}
        values |= found_by(row.id, row.title, row.spec, values["tags"])
        values |= {"series": dump_json([dict(one) for one in row.series])}
        values |= {"changes": dump_json(dict(row.changes)), "queued": row.created}
        with self._writing() as connection:
            connection.execute(runs.insert().values(**values))
            lines = [
                {
                    "run": row.id,
                    "step": one.step,
                    "kind": one.kind,
                    "payload": dump_json(dict(one.payload)),
                    "time": one.time,
                }
                for one in kept
            ]
            if lines:
                connection.execute(records.insert(), lines)
            keep_last_numbers(connection, row.id)

    def check(self) -> str:
        """What is wrong with the file of a SQLite store; empty if nothing is, or for a server."""
        if not self._sqlite:
            return ""
        with self._reading() as connection:
            found = connection.exec_driver_sql("PRAGMA quick_check(3)").scalars().all()
        return "" if list(found) == ["ok"] else "; ".join(map(str, found))

    @staticmethod
    def _end(connection: Connection, run: str) -> None:
        """Tidy up after a run that has ended."""
        connection.execute(wishes.delete().where(wishes.c.run == run))
        keep_last_numbers(connection, run)
