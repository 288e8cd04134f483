"""The database behind a run store: its engine, its transactions, its tables and its messages."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    IntegrityError,
    InterfaceError,
    NoSuchModuleError,
    OperationalError,
)

from genlab.core.errors import StoreError, StoreOutage
from genlab.runs.schema import MIGRATIONS, WITH_NUMBERS, DatabaseClock, about, metadata, runs
from genlab.runs.sql_search import keep_last_numbers

#: The number of the lock under which a server makes and upgrades its tables.
CREATING = 7_316_114_221
#: KiB of pages that one connection to an SQLite file keeps.
PAGES = 512


def schema_version() -> int:
    """The version of the tables that this program reads and writes."""
    return 1 + len(MIGRATIONS)


class Database:
    """A database that SQLAlchemy reaches, with the tables of a run store.

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
            self.location = (
                parsed.database or "memory" if self._sqlite else parsed.render_as_string()
            )
            self._engine = self._make_engine(parsed)
        except (ArgumentError, NoSuchModuleError, ImportError) as error:
            raise StoreError(
                f"GENLAB_STORE = {url!r} cannot be used: {error}. Give a SQLAlchemy URL such as "
                "sqlite:///checkpoints/genlab.db; nothing was changed."
            ) from None
        self._prepare()

    def _make_engine(self, url: sa.URL) -> Engine:
        if not self._sqlite:
            return self._make_server_engine(url)
        pool: dict[str, int] = {}
        if url.database and url.database != ":memory:":
            # Each thread that answers a viewer may read at once; a file has no limit of readers.
            pool = {"pool_size": 16, "max_overflow": -1}
            try:
                os.makedirs(os.path.dirname(os.path.abspath(url.database)), exist_ok=True)
            except OSError as error:
                raise StoreError(
                    f"The folder of the run store {url.database} cannot be made: {error}."
                ) from None
        engine = sa.create_engine(
            url, connect_args={"timeout": self.patience, "check_same_thread": False}, **pool
        )

        @event.listens_for(engine, "connect")
        def _connect(connection: Any, _: object) -> None:
            # The driver's own transaction handling begins too late for an atomic claim.
            connection.isolation_level = None
            cursor = connection.cursor()
            cursor.execute("PRAGMA synchronous=NORMAL")
            # Each connection keeps pages of its own, and the system keeps them all anyway.
            cursor.execute(f"PRAGMA cache_size=-{PAGES}")
            cursor.close()

        @event.listens_for(engine, "begin")
        def _begin(connection: Connection) -> None:
            writes = connection.get_execution_options().get("writes", False)
            connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

        return engine

    @staticmethod
    def _make_server_engine(url: sa.URL) -> Engine:
        limits = {}
        if url.get_backend_name() == "postgresql":
            # A server that has vanished without a word is noticed within seconds.
            limits = {"connect_timeout": 5, "tcp_user_timeout": 10_000, "keepalives_idle": 10}
            limits |= {"keepalives_interval": 5, "keepalives_count": 2}
            limits = {name: value for name, value in limits.items() if name not in url.query}
        engine = sa.create_engine(url, pool_pre_ping=True, connect_args=limits)

        @event.listens_for(engine, "connect")
        def _connect(connection: Any, _: object) -> None:
            # What a worker holds that was stopped in the middle of a transaction is let go.
            if url.get_backend_name() != "postgresql":
                return
            cursor = connection.cursor()
            cursor.execute("SET lock_timeout = '15s'")
            # Shorter than the wait for a lock, so that those who wait outlive who holds it.
            cursor.execute("SET idle_in_transaction_session_timeout = '10s'")
            cursor.close()
            connection.commit()

        return engine

    def stamp(self) -> Any:
        """The present time of the database, as a value of a statement.

        A file has the clock of its host, which is finer than that of SQLite's own functions.
        """
        return time.time() if self._sqlite else DatabaseClock()

    # -- plain words -------------------------------------------------------------------------

    @contextlib.contextmanager
    def _plain(self) -> Iterator[None]:
        try:
            yield
        except IntegrityError:
            raise
        except DBAPIError as error:
            text = str(error.orig).lower().strip()
            if error.connection_invalidated or self._may_pass(error, text):
                full = "full" in text or "no space left" in text
                raise StoreOutage(self._words(text), full) from None
            raise StoreError(self._words(text)) from None
        except sa.exc.TimeoutError as error:
            raise StoreOutage(self._words(str(error).lower())) from None

    def _may_pass(self, error: DBAPIError, text: str) -> bool:
        """Whether an error is of the moment: the same may succeed later."""
        if not isinstance(error, (OperationalError, InterfaceError)):
            return False
        if not self._sqlite:
            return not (text.startswith("fatal: database") or '" does not exist' in text)
        if "unable to open" in text:
            return os.path.isdir(os.path.dirname(os.path.abspath(self.location)))
        return any(word in text for word in ("locked", "busy", "full", "disk i/o", "readonly"))

    def _words(self, text: str) -> str:
        if not self._sqlite and ("connection" in text or "starting up" in text):
            return (
                f"The run store {self.location} does not answer: {text.splitlines()[0]}. Nothing "
                "that was stored is lost; it is asked again."
            )
        if "locked" in text or "busy" in text or "lock timeout" in text:
            return (
                f"The run store {self.location} is locked by another program, which has held it "
                f"for {self.patience:g} s. Close that program and try again; nothing was lost."
            )
        if "not a database" in text or "malformed" in text or "corrupt" in text:
            return (
                f"The run store {self.location} is damaged, or is not a database. It was left "
                "as it is: move it away to begin a new one, or point GENLAB_STORE elsewhere. The "
                "snapshots of the runs are stored separately and are unaffected."
            )
        if "full" in text or "no space left" in text:
            return (
                f"The disk of the run store {self.location} is full. What was written before is "
                "kept; free some space and try again."
            )
        if "readonly" in text or "unable to open" in text or "permission" in text:
            return (
                f"The run store {self.location} cannot be written: {text}. Check its permissions."
            )
        return f"The run store {self.location} cannot be used: {text}"

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
            if not self._sqlite:
                # Of several processes that open an empty database at once, one makes the tables.
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({CREATING})")
            found = self._version(connection)
            current = schema_version()
            if found is None:
                metadata.create_all(connection)
                connection.execute(about.insert().values(key="schema", value=str(current)))
                return
            if found > current:
                raise StoreError(
                    f"The run store {self.location} was written by a newer GenLab (schema "
                    f"{found}, this version reads up to {current}). It was left as it is: update "
                    "GenLab, or point GENLAB_STORE elsewhere."
                )
            for migrate in MIGRATIONS[found - 1 :]:
                migrate(connection)
            if found < WITH_NUMBERS:
                for run in connection.execute(sa.select(runs.c.id)).scalars().all():
                    keep_last_numbers(connection, run)
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
                if "locked" not in text:
                    raise StoreError(self._words(text)) from None
                if time.monotonic() > until:
                    raise StoreOutage(self._words(text)) from None
                time.sleep(0.05)

    def _version(self, connection: Connection) -> int | None:
        if not sa.inspect(connection).has_table("about"):
            return None
        value = connection.execute(sa.select(about.c.value).where(about.c.key == "schema"))
        text = value.scalar_one_or_none()
        if text is None or not text.isdigit():
            raise StoreError(
                f"{self.location} is a database, but no GenLab run store. It was left as it is: "
                "point GENLAB_STORE elsewhere."
            )
        return int(text)

    # -- runs --------------------------------------------------------------------------------

    def close(self) -> None:
        self._engine.dispose()
