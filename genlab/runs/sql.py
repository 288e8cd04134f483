"""The run store in a database: SQLite by default, any server that SQLAlchemy reaches.

Times are seconds since the epoch, specs and payloads JSON text. The SQL is the common subset, so
that PostgreSQL runs it too.
"""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from genlab.core.errors import RunStateError
from genlab.runs import access, settings
from genlab.runs.schema import found_by, numbers, records, runs, wishes
from genlab.runs.search import (
    Heading,
    RunPage,
    RunQuery,
    check_tags,
    check_text,
    check_title,
    run_name,
)
from genlab.runs.sql_items import ItemTable
from genlab.runs.sql_jobs import JobTable, dump_json
from genlab.runs.sql_leases import LeaseTable, new_lease
from genlab.runs.sql_search import distinct, find_rows, read_numbers, tag_text, write_numbers
from genlab.runs.store import (
    ACTIVE,
    Command,
    Origin,
    Record,
    RunRow,
    RunStore,
    Status,
    new_id,
    too_many,
)


class SqlStore(LeaseTable, JobTable, ItemTable, RunStore):
    """A store behind a SQLAlchemy URL.

    Args:
        url: for example ``sqlite:////data/genlab.db``.
        patience: seconds to wait for another program's lock before giving up.

    Raises:
        StoreError: if the database is locked, damaged, newer than this program, or not there.
    """

    def create(
        self,
        spec: Mapping[str, Any],
        *,
        title: str = "",
        worker: str = "",
        run: str = "",
        origin: Origin | None = None,
    ) -> str:
        now = self.stamp()
        actor = access.require("work" if worker else "start" if origin is None else "fork")
        values: dict[str, Any] = {
            "owner": actor.id,
            "room": actor.room,
            "spec": dump_json(dict(spec)),
            "title": check_text("title", title),
            "status": "running" if worker else "queued",
            "steps": int(spec["steps"]),
            "created": now,
            "queued": now,
            "worker": worker,
        }
        if worker:
            values |= {"started": now, "attempt": 1, **new_lease()}
        if origin is not None:
            values |= {"parent": origin.parent, "changes": dump_json(dict(origin.changes))}
            values |= dict.fromkeys(("step", "parent_step"), origin.step)
        while True:
            name = run or new_id(spec)
            try:
                words = found_by(name, title, spec, "")
                with self._writing() as connection:
                    self._check_waiting(connection, actor)
                    connection.execute(runs.insert().values(id=name, **values, **words))
                return name
            except IntegrityError:
                if run:
                    raise RunStateError(
                        f"There is a run {run} already. Nothing was started."
                    ) from None

    @staticmethod
    def _check_waiting(connection: Connection, actor: access.Actor) -> None:
        """Refuse a run more than an owner may have waiting."""
        limit = settings.waiting_limit()
        if not limit or not actor.is_limited:
            return
        mine = sa.and_(runs.c.owner == actor.id, runs.c.status == "queued")
        if connection.execute(sa.select(sa.func.count()).where(mine)).scalar_one() >= limit:
            raise too_many(limit)

    def runs(self, *, status: Collection[str] | None = None, limit: int = 200) -> list[RunRow]:
        query = sa.select(runs).order_by(runs.c.number.desc()).limit(limit)
        if status is not None:
            query = query.where(runs.c.status.in_(list(status)))
        with self._reading() as connection:
            rows = connection.execute(query).all()
            queue = self._queue(connection) if any(r.status == "queued" for r in rows) else {}
            return [self._row(row, queue.get(row.id, 0)) for row in rows]

    def set_status(
        self,
        run: str,
        status: Status,
        *,
        message: str = "",
        only_from: Collection[str] | None = None,
        attempt: int = 0,
    ) -> bool:
        values: dict[str, Any] = {"status": status, "message": message.replace("\0", "")}
        values["ended"] = 0.0 if status in ACTIVE else self.stamp()
        if status == "queued":
            values |= {"queued": self.stamp(), "worker": "", "speed": 0.0, "restarts": 0}
        if status not in ACTIVE:
            values["speed"] = 0.0
        change = runs.update().where(runs.c.id == run).values(**values)
        if only_from is not None:
            change = change.where(runs.c.status.in_(list(only_from)))
        with self._writing() as connection:
            self._allow(connection, run, "resume" if status == "queued" else "work", attempt)
            if status == "queued":
                self._check_waiting(connection, access.acting())
            changed = connection.execute(change).rowcount == 1
            if changed and status not in ACTIVE:
                self._end(connection, run)
        return changed

    def describe(self, run: str, series: Sequence[Mapping[str, Any]], *, attempt: int = 0) -> None:
        text = dump_json([dict(entry) for entry in series])
        with self._writing() as connection:
            self._allow(connection, run, "work", attempt)
            connection.execute(runs.update().where(runs.c.id == run).values(series=text))

    def queue(self, *, limit: int = 0) -> list[str]:
        with self._reading() as connection:
            return list(self._queue(connection, limit))

    # -- records -----------------------------------------------------------------------------

    def append(
        self, run: str, records_: Sequence[Record], *, attempt: int = 0, again: bool = False
    ) -> None:
        if not records_:
            return
        now = time.time()
        rows = [
            {
                "run": run,
                "step": record.step,
                "kind": record.kind,
                "payload": dump_json(dict(record.payload)),
                "time": record.time or now,
            }
            for record in records_
        ]
        with self._writing() as connection:
            self._allow(connection, run, "note", attempt)
            if again and self._has(connection, rows[0]):
                return
            connection.execute(records.insert(), rows)

    @staticmethod
    def _has(connection: Connection, row: Mapping[str, Any]) -> bool:
        same = (records.c[name] == row[name] for name in ("run", "step", "kind", "time"))
        query = sa.select(records.c.seq).where(*same).limit(1)
        return connection.execute(query).first() is not None

    def read(
        self,
        run: str,
        *,
        after: int = 0,
        limit: int = 1000,
        kinds: Collection[str] | None = None,
    ) -> list[Record]:
        wanted = (records.c.step, records.c.kind, records.c.payload, records.c.seq, records.c.time)
        query = (
            sa.select(*wanted)
            .where(records.c.run == run, records.c.seq > after)
            .order_by(records.c.seq)
            .limit(limit)
        )
        if kinds is not None:
            query = query.where(records.c.kind.in_(list(kinds)))
        with self._reading() as connection:
            rows = connection.execute(query).all()
        # One text of all payloads is read several times as fast as each by itself.
        payloads = json.loads(f"[{','.join([row[2] for row in rows])}]")
        return [
            Record(step, kind, payload, seq, when)
            for (step, kind, _, seq, when), payload in zip(rows, payloads, strict=True)
        ]

    def last_step(self, run: str) -> int:
        query = sa.select(sa.func.max(records.c.step)).where(
            records.c.run == run, records.c.kind != "event"
        )
        with self._reading() as connection:
            found = connection.execute(query).scalar_one_or_none()
        return -1 if found is None else int(found)

    # -- wishes ------------------------------------------------------------------------------

    def request(self, run: str, command: Command) -> None:
        with self._writing() as connection:
            status = self._allow(connection, run, access.of_command(command.name))
            if status not in ACTIVE:
                raise RunStateError(
                    f"Run {run} is {status}: {command.name!r} is for runs that are queued, "
                    "running or paused. Nothing was changed."
                )
            if command.name == "stop" and status == "queued":
                stop = (
                    runs.update()
                    .where(runs.c.id == run, runs.c.status == "queued")
                    .values(status="stopped", ended=self.stamp())
                )
                if connection.execute(stop).rowcount == 1:
                    connection.execute(wishes.delete().where(wishes.c.run == run))
                    return
            values = dump_json(dict(command.values))
            connection.execute(
                wishes.insert().values({"run": run, "name": command.name, "values": values})
            )

    def pending(self, run: str, *, attempt: int = 0) -> list[Command]:
        access.require("work")
        query = sa.select(wishes).where(wishes.c.run == run).order_by(wishes.c.id)
        with self._reading() as connection:
            if connection.execute(query.limit(1)).first() is None:
                return []
        with self._writing() as connection:
            if attempt:
                self._allow(connection, run, "work", attempt)
            rows = connection.execute(query).mappings().all()
            last = max((row["id"] for row in rows), default=0)
            connection.execute(wishes.delete().where(wishes.c.run == run, wishes.c.id <= last))
        return [Command(r["name"], json.loads(r["values"]), r["id"]) for r in rows]

    def delete(self, run: str) -> None:
        with self._writing() as connection:
            status = self._allow(connection, run, "delete")
            if status in ACTIVE:
                raise RunStateError(
                    f"Run {run} is {status}; stop it before deleting it. Nothing was deleted."
                )
            connection.execute(records.delete().where(records.c.run == run))
            connection.execute(wishes.delete().where(wishes.c.run == run))
            connection.execute(numbers.delete().where(numbers.c.run == run))
            connection.execute(runs.delete().where(runs.c.id == run))

    # -- finding -----------------------------------------------------------------------------

    def edit(self, run: str, *, title: str | None = None, tags: Sequence[str] = ()) -> None:
        kept = tag_text(check_tags(tags))
        title = None if title is None else check_title(title)
        of_run = runs.c.id == run
        with self._writing() as connection:
            self._allow(connection, run, "edit")
            query = sa.select(runs.c.title, runs.c.model, runs.c.data).where(of_run)
            before = connection.execute(query).one()
            named = before.title if title is None else title
            values = found_by(run, named, {"model": before.model, "data": before.data}, kept)
            values |= {"title": named, "tags": kept}
            connection.execute(runs.update().where(of_run).values(values))

    def headings(
        self, *, without: Collection[str] = (), data: str = "", limit: int = 200
    ) -> list[Heading]:
        shown = (runs.c.id, runs.c.title, runs.c.model, runs.c.data, runs.c.status, runs.c.step)
        query = sa.select(*shown).where(runs.c.status.not_in(list(without)))
        if data:
            query = query.where(runs.c.data == data)
        with self._reading() as connection:
            rows = connection.execute(query.order_by(runs.c.number.desc()).limit(limit)).all()
        return [
            Heading(run, run_name(title, model, data), model, data, status, step)
            for run, title, model, data, status, step in rows
        ]

    def find(self, query: RunQuery) -> RunPage:
        with self._reading() as connection:
            rows, total = find_rows(connection, query)
            kept = read_numbers(connection, [row.id for row in rows])
        places = {}
        if any(row.status == "queued" for row in rows):
            places = {run: place for place, run in enumerate(self.queue(), 1)}
        return RunPage([self._row(row, places.get(row.id, 0)) for row in rows], total, kept)

    def put_numbers(self, run: str, values: Mapping[str, float]) -> None:
        with self._writing() as connection:
            self._allow(connection, run, "work")
            write_numbers(connection, run, values)

    def known_words(self) -> tuple[list[str], list[str]]:
        tags = sa.select(runs.c.tags).where(runs.c.tags != "").distinct()
        with self._reading() as connection:
            texts = connection.execute(tags).scalars().all()
            known = connection.execute(distinct(numbers.c.name)).scalars().all()
        return sorted({tag for text in texts for tag in text.split("|") if tag}), sorted(known)
