"""The tables of the run store, and the steps that bring an older database up to date.

The SQL is the common subset of SQLite and PostgreSQL.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from genlab.runs.search import run_name

metadata = sa.MetaData()
big = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


class DatabaseClock(FunctionElement[float]):
    """Seconds since the epoch by the clock of the database, whatever the clock of a host says."""

    type = sa.Float()
    inherit_cache = True


@compiles(DatabaseClock)
def _clock_of_a_server(*_: Any, **__: Any) -> str:
    return "CAST(extract(epoch FROM clock_timestamp()) AS DOUBLE PRECISION)"


@compiles(DatabaseClock, "sqlite")
def _clock_of_sqlite(*_: Any, **__: Any) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"


about = sa.Table(
    "about",
    metadata,
    sa.Column("key", sa.String(40), primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)
#: The columns of which a search looks at every row.
SEARCHED = ("name", "words", "tags", "status", "model", "data")
runs = sa.Table(
    "runs",
    metadata,
    sa.Column("number", big, primary_key=True, autoincrement=True),
    sa.Column("id", sa.String(80), nullable=False, unique=True),
    sa.Column("spec", sa.Text, nullable=False),
    sa.Column("title", sa.Text, nullable=False, default=""),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("message", sa.Text, nullable=False, default=""),
    sa.Column("step", big, nullable=False, default=0),
    sa.Column("steps", big, nullable=False),
    sa.Column("speed", sa.Float, nullable=False, default=0.0),
    sa.Column("created", sa.Float, nullable=False),
    sa.Column("queued", sa.Float, nullable=False, default=0.0),
    sa.Column("started", sa.Float, nullable=False, default=0.0),
    sa.Column("beat", sa.Float, nullable=False, default=0.0),
    sa.Column("ended", sa.Float, nullable=False, default=0.0),
    sa.Column("worker", sa.String(200), nullable=False, default=""),
    sa.Column("series", sa.Text, nullable=False, default="[]"),
    sa.Column("attempt", sa.Integer, nullable=False, default=0),
    sa.Column("parent", sa.Text, nullable=False, default=""),
    sa.Column("parent_step", big, nullable=False, default=0),
    sa.Column("changes", sa.Text, nullable=False, default="{}"),
    sa.Column("owner", sa.String(40), nullable=False, default=""),
    sa.Column("room", sa.String(12), nullable=False, default=""),
    sa.Column("tags", sa.Text, nullable=False, default=""),
    # Until when the worker of this attempt holds the run, by the clock of the database.
    sa.Column("lease", sa.Float, nullable=False, default=0.0),
    # How often the run was resumed by itself since it last got ahead.
    sa.Column("restarts", sa.Integer, nullable=False, default=0),
    # What lists show, and what searches look at, in an index beside the long texts of a row.
    sa.Column("model", sa.Text, nullable=False, default=""),
    sa.Column("data", sa.Text, nullable=False, default=""),
    sa.Column("name", sa.Text, nullable=False, default=""),
    sa.Column("words", sa.Text, nullable=False, default=""),
    sa.Index("runs_by_status", "status", "queued", "number"),
    sa.Index("runs_by_owner", "owner", "started"),
    # A server searches without it, and refuses an index of long texts.
    sa.Index("runs_by_words", *SEARCHED).ddl_if(dialect="sqlite"),
    sa.Index("runs_by_step", "step"),
    sqlite_autoincrement=True,
)
#: The last numbers of a run, for tables that are sorted by them.
numbers = sa.Table(
    "numbers",
    metadata,
    sa.Column("run", sa.String(80), primary_key=True),
    sa.Column("name", sa.String(120), primary_key=True),
    sa.Column("value", sa.Float, nullable=False),
    sa.Index("numbers_by_name", "name", "value"),
)
records = sa.Table(
    "records",
    metadata,
    sa.Column("seq", big, primary_key=True, autoincrement=True),
    sa.Column("run", sa.String(80), nullable=False),
    sa.Column("step", big, nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("payload", sa.Text, nullable=False),
    sa.Column("time", sa.Float, nullable=False),
    sa.Index("records_by_run", "run", "seq"),
    # A deleted run must not hand its numbers to another one: they are the readers' cursors.
    sqlite_autoincrement=True,
)
wishes = sa.Table(
    "wishes",
    metadata,
    sa.Column("id", big, primary_key=True, autoincrement=True),
    sa.Column("run", sa.String(80), nullable=False),
    sa.Column("name", sa.String(40), nullable=False),
    sa.Column("values", sa.Text, nullable=False),
    sa.Index("wishes_by_run", "run", "id"),
    sqlite_autoincrement=True,
)
jobs = sa.Table(
    "jobs",
    metadata,
    sa.Column("key", sa.String(40), primary_key=True),
    sa.Column("kind", sa.String(40), nullable=False),
    sa.Column("values", sa.Text, nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("progress", sa.Float, nullable=False, default=0.0),
    sa.Column("message", sa.Text, nullable=False, default=""),
    sa.Column("created", sa.Float, nullable=False),
    sa.Column("beat", sa.Float, nullable=False, default=0.0),
    sa.Column("worker", sa.String(200), nullable=False, default=""),
    sa.Column("owner", sa.String(40), nullable=False, default=""),
    sa.Index("jobs_by_status", "status", "created"),
)

items = sa.Table(
    "items",
    metadata,
    sa.Column("kind", sa.String(40), primary_key=True),
    sa.Column("id", sa.String(160), primary_key=True),
    sa.Column("owner", sa.String(40), nullable=False, default=""),
    sa.Column("values", sa.Text, nullable=False),
    sa.Column("created", sa.Float, nullable=False),
    sa.Column("expires", sa.Float, nullable=False, default=0.0),
    sa.Index("items_by_owner", "kind", "owner"),
)


def found_by(run: str, title: str, spec: Mapping[str, Any], tags: str) -> dict[str, str]:
    """The columns by which a run is found.

    Args:
        run, title, spec: of the run.
        tags: as their column holds them.

    Example:
        >>> found_by("vae-abc", "", {"model": "vae", "data": "ring"}, "|Week 3|")["words"]
        'vae-abc\\n|week 3|'
    """
    model, data = str(spec.get("model", "")), str(spec.get("data", ""))
    name = run_name(title, model, data).casefold()
    return {"model": model, "data": data, "name": name, "words": f"{run}\n{tags}".casefold()}


def _forks(connection: Connection) -> None:
    """Runs may branch off others."""
    for column in (
        "parent TEXT NOT NULL DEFAULT ''",
        "parent_step BIGINT NOT NULL DEFAULT 0",
        "changes TEXT NOT NULL DEFAULT '{}'",
    ):
        connection.exec_driver_sql(f"ALTER TABLE runs ADD COLUMN {column}")


def _owners(connection: Connection) -> None:
    """Runs, computations and items belong to somebody; older runs belong to the machine."""
    for table in ("runs", "jobs"):
        statement = f"ALTER TABLE {table} ADD COLUMN owner VARCHAR(40) NOT NULL DEFAULT ''"
        connection.exec_driver_sql(statement)
    items.create(connection)


def _rooms(connection: Connection) -> None:
    """Runs know the room in which they were started, and are found by their owner."""
    connection.exec_driver_sql("ALTER TABLE runs ADD COLUMN room VARCHAR(12) NOT NULL DEFAULT ''")
    connection.exec_driver_sql("CREATE INDEX runs_by_owner ON runs (owner, started)")


def _tags(connection: Connection) -> None:
    """Runs have tags, and their last numbers in a table of their own."""
    connection.exec_driver_sql("ALTER TABLE runs ADD COLUMN tags TEXT NOT NULL DEFAULT ''")
    numbers.create(connection)


def _leases(connection: Connection) -> None:
    """A worker holds a run for a while; a run that lost its worker may resume by itself."""
    connection.exec_driver_sql("ALTER TABLE runs ADD COLUMN lease FLOAT NOT NULL DEFAULT 0")
    connection.exec_driver_sql("ALTER TABLE runs ADD COLUMN restarts INTEGER NOT NULL DEFAULT 0")


def _words(connection: Connection) -> None:
    """Runs are found by what lists show of them, without their descriptions being read."""
    for column in ("model", "data", "name", "words"):
        connection.exec_driver_sql(
            f"ALTER TABLE runs ADD COLUMN {column} TEXT NOT NULL DEFAULT ''"
        )
    for row in connection.execute(sa.text("SELECT id, title, spec, tags FROM runs")).all():
        values = found_by(row.id, row.title, json.loads(row.spec), row.tags)
        pairs = ", ".join(f"{name} = :{name}" for name in values)
        change = sa.text(f"UPDATE runs SET {pairs} WHERE id = :id")
        connection.execute(change, {**values, "id": row.id})
    if connection.dialect.name == "sqlite":
        columns = ", ".join(SEARCHED)
        connection.exec_driver_sql(f"CREATE INDEX runs_by_words ON runs ({columns})")
    connection.exec_driver_sql("CREATE INDEX runs_by_step ON runs (step)")


#: Entry i takes a database from version i + 1 to i + 2. A new database is made from the tables
#: above in one go, so whoever changes a table adds the step that does the same to an old one.
MIGRATIONS: list[Callable[[Connection], None]] = [
    _forks,
    _owners,
    _rooms,
    _tags,
    _leases,
    _words,
]
#: The version from which on runs have their last numbers.
WITH_NUMBERS = 5
