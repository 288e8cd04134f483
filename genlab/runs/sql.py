"""The run store in a database: SQLite by default, any server that SQLAlchemy reaches.

Times are seconds since the epoch, specs and payloads JSON text. The SQL is the common subset, so
that PostgreSQL runs it too.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, NoSuchModuleError

from genlab.core.errors import RunNotFound, RunStateError, StoreError
from genlab.runs import access
from genlab.runs.items import NO_OFFER, Item
from genlab.runs.schema import MIGRATIONS, about, items, jobs, metadata, records, runs, wishes
from genlab.runs.store import (
    ACTIVE,
    RESUMABLE,
    Command,
    JobRow,
    JobStatus,
    Origin,
    Record,
    RunRow,
    RunStore,
    Status,
    job_key,
    new_id,
)


def schema_version() -> int:
    """The version of the tables that this program reads and writes."""
    return 1 + len(MIGRATIONS)


def _dump(value: object) -> str:
    # NaN is not JSON: a reader in another language would refuse the whole record.
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


class SqlStore(RunStore):
    """A store behind a SQLAlchemy URL.

    Args:
        url: for example ``sqlite:////data/genlab.db``.
        patience: seconds to wait for another program's lock before giving up.

    Raises:
        StoreError: if the database is locked, damaged, newer than this program, or not there.
    """

    def __init__(self, url: str, *, patience: float = 15.0) -> None:
        self.url, self.patience = url, patience
        try:
            parsed = sa.make_url(url)
            self._sqlite = parsed.get_backend_name() == "sqlite"
            self.place = parsed.database or "memory" if self._sqlite else parsed.render_as_string()
            self._engine = self._make_engine(parsed)
        except (ArgumentError, NoSuchModuleError, ImportError) as error:
            raise StoreError(
                f"GENLAB_STORE = {url!r} cannot be used: {error}. Give a SQLAlchemy URL such as "
                "sqlite:///checkpoints/genlab.db; nothing was changed."
            ) from None
        self._prepare()

    def _make_engine(self, url: sa.URL) -> Engine:
        if not self._sqlite:
            return sa.create_engine(url, pool_pre_ping=True)
        if url.database and url.database != ":memory:":
            try:
                os.makedirs(os.path.dirname(os.path.abspath(url.database)), exist_ok=True)
            except OSError as error:
                raise StoreError(
                    f"The folder of the run store {url.database} cannot be made: {error}."
                ) from None
        engine = sa.create_engine(
            url, connect_args={"timeout": self.patience, "check_same_thread": False}
        )

        @event.listens_for(engine, "connect")
        def _connect(connection: Any, _: object) -> None:
            # The driver's own transaction handling begins too late for an atomic claim.
            connection.isolation_level = None
            cursor = connection.cursor()
            cursor.execute("PRAGMA synchronous=NORMAL")
            cursor.close()

        @event.listens_for(engine, "begin")
        def _begin(connection: Connection) -> None:
            writes = connection.get_execution_options().get("writes", False)
            connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

        return engine

    # -- plain words -------------------------------------------------------------------------

    @contextlib.contextmanager
    def _plain(self) -> Iterator[None]:
        try:
            yield
        except IntegrityError:
            raise
        except DBAPIError as error:
            raise StoreError(self._words(str(error.orig).lower())) from None

    def _words(self, text: str) -> str:
        if "locked" in text or "busy" in text:
            return (
                f"The run store {self.place} is locked by another program, which did not let go "
                f"within {self.patience:g} s. Close that program and try again; nothing was lost."
            )
        if "not a database" in text or "malformed" in text or "corrupt" in text:
            return (
                f"The run store {self.place} is damaged or no database at all. It was left as it "
                "is: move it away to begin a new one, or point GENLAB_STORE elsewhere. The "
                "snapshots of the runs lie apart from it and are unaffected."
            )
        if "full" in text:
            return (
                f"The disk of the run store {self.place} is full. What was written before is "
                "kept; free some space and try again."
            )
        if "readonly" in text or "unable to open" in text or "permission" in text:
            return f"The run store {self.place} cannot be written: {text}. Check its permissions."
        return f"The run store {self.place} cannot be used: {text}"

    @contextlib.contextmanager
    def _reading(self) -> Iterator[Connection]:
        with self._plain(), self._engine.begin() as connection:
            yield connection

    @contextlib.contextmanager
    def _writing(self) -> Iterator[Connection]:
        with self._plain(), self._engine.connect() as plain:
            connection = plain.execution_options(writes=True)
            with connection.begin():
                yield connection

    # -- schema ------------------------------------------------------------------------------

    def _prepare(self) -> None:
        if self._sqlite:
            self._write_ahead()
        with self._writing() as connection:
            found = self._version(connection)
            current = schema_version()
            if found is None:
                metadata.create_all(connection)
                connection.execute(about.insert().values(key="schema", value=str(current)))
                return
            if found > current:
                raise StoreError(
                    f"The run store {self.place} was written by a newer GenLab (schema {found}; "
                    f"this one knows up to {current}). It was left as it is: update GenLab, or "
                    "point GENLAB_STORE elsewhere."
                )
            for migrate in MIGRATIONS[found - 1 :]:
                migrate(connection)
            if found < current:
                connection.execute(
                    about.update().where(about.c.key == "schema").values(value=str(current))
                )

    def _write_ahead(self) -> None:
        # Changing the journal takes the whole file for a moment and does not wait for it by
        # itself; every process that opens a new store at once would fail without the retry.
        until = time.monotonic() + self.patience
        while True:
            try:
                raw = self._engine.raw_connection()
                try:
                    cursor = raw.cursor()
                    cursor.execute("PRAGMA journal_mode=WAL")
                    cursor.close()
                finally:
                    raw.close()
                return
            except Exception as error:
                text = str(error).lower()
                if "locked" not in text or time.monotonic() > until:
                    raise StoreError(self._words(text)) from None
                time.sleep(0.05)

    def _version(self, connection: Connection) -> int | None:
        if not sa.inspect(connection).has_table("about"):
            return None
        value = connection.execute(sa.select(about.c.value).where(about.c.key == "schema"))
        text = value.scalar_one_or_none()
        if text is None or not text.isdigit():
            raise StoreError(
                f"{self.place} is a database, but no GenLab run store. It was left as it is: "
                "point GENLAB_STORE elsewhere."
            )
        return int(text)

    # -- runs --------------------------------------------------------------------------------

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
        )

    @staticmethod
    def _missing(run: str) -> RunNotFound:
        return RunNotFound(f"There is no run {run!r}. `genlab list` shows those there are.")

    def _allow(self, connection: Connection, run: str, action: str) -> str:
        """The status of a run with which who acts may do this.

        Raises:
            RunNotFound: if there is no such run.
            NotAllowed: if it belongs to somebody else.
        """
        query = sa.select(runs.c.status, runs.c.owner).where(runs.c.id == run)
        row = connection.execute(query).one_or_none()
        if row is None:
            raise self._missing(run)
        access.require(action, row.owner)
        return str(row.status)

    def create(
        self,
        spec: Mapping[str, Any],
        *,
        title: str = "",
        worker: str = "",
        run: str = "",
        origin: Origin | None = None,
    ) -> str:
        now = time.time()
        actor = access.require("work" if worker else "start" if origin is None else "fork")
        values: dict[str, Any] = {
            "owner": actor.id,
            "spec": _dump(dict(spec)),
            "title": title,
            "status": "running" if worker else "queued",
            "steps": int(spec["steps"]),
            "created": now,
            "queued": now,
            "worker": worker,
        }
        if worker:
            values |= {"started": now, "beat": now, "attempt": 1}
        if origin is not None:
            values |= {"parent": origin.parent, "changes": _dump(dict(origin.changes))}
            values |= dict.fromkeys(("step", "parent_step"), origin.step)
        while True:
            name = run or new_id(spec)
            try:
                with self._writing() as connection:
                    connection.execute(runs.insert().values(id=name, **values))
                return name
            except IntegrityError:
                if run:
                    raise RunStateError(
                        f"There is a run {run} already. Nothing was started."
                    ) from None

    def _queue(self, connection: Connection) -> dict[str, int]:
        query = (
            sa.select(runs.c.id)
            .where(runs.c.status == "queued")
            .order_by(runs.c.queued, runs.c.number)
        )
        return {row.id: place for place, row in enumerate(connection.execute(query), 1)}

    def get(self, run: str) -> RunRow:
        with self._reading() as connection:
            row = connection.execute(sa.select(runs).where(runs.c.id == run)).one_or_none()
            if row is None:
                raise self._missing(run)
            queue = self._queue(connection) if row.status == "queued" else {}
            return self._row(row, queue.get(run, 0))

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
    ) -> bool:
        now = time.time()
        values: dict[str, Any] = {"status": status, "message": message}
        values["ended"] = 0.0 if status in ACTIVE else now
        if status == "queued":
            values |= {"queued": now, "worker": "", "speed": 0.0}
        if status not in ACTIVE:
            values["speed"] = 0.0
        change = runs.update().where(runs.c.id == run).values(**values)
        if only_from is not None:
            change = change.where(runs.c.status.in_(list(only_from)))
        with self._writing() as connection:
            self._allow(connection, run, "resume" if status == "queued" else "work")
            changed = connection.execute(change).rowcount == 1
            if changed and status not in ACTIVE:
                connection.execute(wishes.delete().where(wishes.c.run == run))
        return changed

    def describe(self, run: str, series: Sequence[Mapping[str, Any]]) -> None:
        text = _dump([dict(entry) for entry in series])
        with self._writing() as connection:
            self._allow(connection, run, "work")
            connection.execute(runs.update().where(runs.c.id == run).values(series=text))

    def queue(self) -> list[str]:
        with self._reading() as connection:
            return list(self._queue(connection))

    def claim(self, worker: str, run: str | None = None, *, resume: bool = False) -> RunRow | None:
        access.require("work")
        able = {"queued", *RESUMABLE} if resume and run is not None else {"queued"}
        query = sa.select(runs.c.id).where(runs.c.status.in_(sorted(able)))
        query = query.order_by(runs.c.queued, runs.c.number).limit(1)
        if run is not None:
            query = query.where(runs.c.id == run)
        while True:
            # A look without a lock first: an empty queue is asked many times a second.
            with self._reading() as connection:
                found = connection.execute(query).scalar_one_or_none()
            if found is None:
                if run is not None:
                    self.get(run)
                return None
            now = time.time()
            take = (
                runs.update()
                .where(runs.c.id == found, runs.c.status.in_(sorted(able)))
                .values(
                    status="running",
                    message="",
                    worker=worker,
                    started=sa.case((runs.c.started == 0.0, now), else_=runs.c.started),
                    beat=now,
                    ended=0.0,
                    attempt=runs.c.attempt + 1,
                )
            )
            with self._writing() as connection:
                if connection.execute(take).rowcount == 1:
                    row = connection.execute(sa.select(runs).where(runs.c.id == found)).one()
                    return self._row(row)

    def beat(self, run: str, *, step: int, speed: float) -> None:
        access.require("work")
        change = (
            runs.update().where(runs.c.id == run).values(step=step, speed=speed, beat=time.time())
        )
        with self._writing() as connection:
            done = connection.execute(change)
        if done.rowcount != 1:
            raise self._missing(run)

    # -- records -----------------------------------------------------------------------------

    def append(self, run: str, records_: Sequence[Record]) -> None:
        if not records_:
            return
        now = time.time()
        rows = [
            {
                "run": run,
                "step": record.step,
                "kind": record.kind,
                "payload": _dump(dict(record.payload)),
                "time": record.time or now,
            }
            for record in records_
        ]
        with self._writing() as connection:
            self._allow(connection, run, "note")
            connection.execute(records.insert(), rows)

    def read(
        self,
        run: str,
        *,
        after: int = 0,
        limit: int = 1000,
        kinds: Collection[str] | None = None,
    ) -> list[Record]:
        query = (
            sa.select(records)
            .where(records.c.run == run, records.c.seq > after)
            .order_by(records.c.seq)
            .limit(limit)
        )
        if kinds is not None:
            query = query.where(records.c.kind.in_(list(kinds)))
        with self._reading() as connection:
            return [
                Record(row.step, row.kind, json.loads(row.payload), row.seq, row.time)
                for row in connection.execute(query)
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
                    .values(status="stopped", ended=time.time())
                )
                if connection.execute(stop).rowcount == 1:
                    connection.execute(wishes.delete().where(wishes.c.run == run))
                    return
            values = _dump(dict(command.values))
            connection.execute(
                wishes.insert().values({"run": run, "name": command.name, "values": values})
            )

    def pending(self, run: str) -> list[Command]:
        access.require("work")
        query = sa.select(wishes).where(wishes.c.run == run).order_by(wishes.c.id)
        with self._reading() as connection:
            if connection.execute(query.limit(1)).first() is None:
                return []
        with self._writing() as connection:
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
            connection.execute(runs.delete().where(runs.c.id == run))

    # -- jobs --------------------------------------------------------------------------------

    @staticmethod
    def _job(row: Any) -> JobRow:
        return JobRow(
            key=row["key"],
            kind=row["kind"],
            values=json.loads(row["values"]),
            status=row["status"],
            progress=row["progress"],
            message=row["message"],
            created=row["created"],
            beat=row["beat"],
            worker=row["worker"],
            owner=row["owner"],
        )

    def submit(self, kind: str, values: Mapping[str, Any]) -> JobRow:
        key, actor = job_key(kind, values), access.require("submit_job")
        fresh: dict[str, Any] = {
            "kind": kind,
            "values": _dump(dict(values)),
            "status": "queued",
            "progress": 0.0,
            "message": "",
            "created": time.time(),
        }
        with contextlib.suppress(IntegrityError), self._writing() as connection:
            found = self.job_in(connection, key)
            if found is None:
                connection.execute(jobs.insert().values({"key": key, "owner": actor.id, **fresh}))
            elif found.status == "failed":
                connection.execute(jobs.update().where(jobs.c.key == key).values(fresh))
        row = self.job(key)
        assert row is not None
        return row

    def job_in(self, connection: Connection, key: str) -> JobRow | None:
        """The job of this key within an open transaction."""
        found = connection.execute(sa.select(jobs).where(jobs.c.key == key)).mappings().first()
        return None if found is None else self._job(found)

    def job(self, key: str) -> JobRow | None:
        with self._reading() as connection:
            return self.job_in(connection, key)

    def jobs(self, *, status: Collection[str] | None = None, limit: int = 200) -> list[JobRow]:
        query = sa.select(jobs).order_by(jobs.c.created).limit(limit)
        if status is not None:
            query = query.where(jobs.c.status.in_(list(status)))
        with self._reading() as connection:
            return [self._job(row) for row in connection.execute(query).mappings()]

    def claim_job(self, worker: str) -> JobRow | None:
        access.require("work_job")
        query = (
            sa.select(jobs.c.key)
            .where(jobs.c.status == "queued")
            .order_by(jobs.c.created)
            .limit(1)
        )
        while True:
            with self._reading() as connection:
                key = connection.execute(query).scalar_one_or_none()
            if key is None:
                return None
            take = (
                jobs.update()
                .where(jobs.c.key == key, jobs.c.status == "queued")
                .values(status="running", worker=worker, beat=time.time())
            )
            with self._writing() as connection:
                if connection.execute(take).rowcount == 1:
                    return self.job_in(connection, key)

    def update_job(
        self, key: str, *, status: JobStatus, progress: float = 0.0, message: str = ""
    ) -> None:
        access.require("submit_job" if status == "queued" else "work_job")
        change = (
            jobs.update()
            .where(jobs.c.key == key)
            .values(status=status, progress=progress, message=message, beat=time.time())
        )
        with self._writing() as connection:
            connection.execute(change)

    # -- items and ownership -----------------------------------------------------------------

    @staticmethod
    def _item(row: Any) -> Item:
        values = json.loads(row["values"])
        return Item(row["kind"], row["id"], values, row["owner"], row["created"], row["expires"])

    def _item_in(self, connection: Connection, kind: str, name: str) -> Item | None:
        query = sa.select(items).where(items.c.kind == kind, items.c.id == name)
        row = connection.execute(query).mappings().first()
        return None if row is None else self._item(row)

    def put(self, item: Item, *, action: str, only_new: bool = False) -> bool:
        here = sa.and_(items.c.kind == item.kind, items.c.id == item.id)
        content = {"values": _dump(dict(item.values)), "expires": item.expires}
        with self._writing() as connection:
            old = sa.and_(items.c.expires > 0.0, items.c.expires <= time.time())
            connection.execute(items.delete().where(items.c.kind == item.kind, old))
            known = self._item_in(connection, item.kind, item.id)
            if known is not None and only_new:
                return False
            if known is not None:
                access.require(action, known.owner)
                connection.execute(items.update().where(here).values(content))
                return True
            owner = access.require(action, access.acting().id).id
            new = {"kind": item.kind, "id": item.id, "owner": owner, "created": time.time()}
            connection.execute(items.insert().values({**new, **content}))
        return True

    def item(self, kind: str, name: str) -> Item | None:
        with self._reading() as connection:
            found = self._item_in(connection, kind, name)
        return None if found is None or found.gone() else found

    def items(self, kind: str) -> list[Item]:
        query = sa.select(items).where(items.c.kind == kind).order_by(items.c.created, items.c.id)
        with self._reading() as connection:
            found = [self._item(row) for row in connection.execute(query).mappings()]
        return [one for one in found if not one.gone()]

    def remove(self, kind: str, name: str, *, action: str) -> bool:
        with self._writing() as connection:
            known = self._item_in(connection, kind, name)
            if known is None:
                return False
            access.require(action, known.owner)
            connection.execute(items.delete().where(items.c.kind == kind, items.c.id == name))
        return True

    def accept(self, offer: str) -> Item:
        actor = access.require("claim")
        with self._writing() as connection:
            found = self._item_in(connection, "offer", offer)
            if found is None or found.gone():
                raise RunStateError(NO_OFFER)
            self._pass(connection, found, actor.id)
            here = sa.and_(items.c.kind == "offer", items.c.id == offer)
            connection.execute(items.delete().where(here))
        return found

    @staticmethod
    def _pass(connection: Connection, offer: Item, to: str) -> None:
        """Write the new owner, where the offer's owner still is the owner."""
        kind, name = offer.values["kind"], offer.values["id"]
        if kind == "all":
            for table in (runs, jobs, items):
                change = table.update().where(table.c.owner == offer.owner)
                connection.execute(change.values(owner=to))
            return
        if kind == "run":
            change = runs.update().where(runs.c.id == name)
            held = runs.c.owner
        else:
            change = items.update().where(items.c.kind == kind, items.c.id == name)
            held = items.c.owner
        of = str(offer.values["owner"])
        if connection.execute(change.where(held == of).values(owner=to)).rowcount != 1:
            raise RunStateError(NO_OFFER)

    def close(self) -> None:
        self._engine.dispose()
