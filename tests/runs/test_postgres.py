"""The run store on a real PostgreSQL server: what only a server suffers."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from genlab.runs.database import schema_version
from genlab.runs.schema import MIGRATIONS, metadata
from genlab.runs.sql import SqlStore
from genlab.runs.store import Origin
from genlab.testing.servers import empty_database
from genlab.testing.store_contract import SPEC

OLD = Path(__file__).with_name("schema_1.sql")


@pytest.fixture
def url() -> Iterator[str]:
    with empty_database() as found:
        yield found


def _open(url: str, barrier: object, out: multiprocessing.Queue) -> None:  # type: ignore[type-arg]
    try:
        barrier.wait(60)  # type: ignore[attr-defined]
        store = SqlStore(url)
        out.put(store.create(SPEC))
        store.close()
    except BaseException as error:
        out.put(error.__class__.__name__ + str(error))


def test_six_processes_that_open_an_empty_database_at_once_all_live(url: str) -> None:
    context = multiprocessing.get_context("fork")
    barrier, out = context.Barrier(6), context.Queue()
    children = [context.Process(target=_open, args=(url, barrier, out)) for _ in range(6)]
    for child in children:
        child.start()
    made = sorted(out.get(timeout=60) for _ in children)
    for child in children:
        child.join(timeout=60)
    store = SqlStore(url)
    assert sorted(row.id for row in store.runs()) == made
    store.close()


def _columns(engine: sa.Engine) -> dict[str, set[str]]:
    look = sa.inspect(engine)
    return {t: {c["name"] for c in look.get_columns(t)} for t in look.get_table_names()}


def _script_of_version_1() -> list[str]:
    """The script of the first version as PostgreSQL would have had it, sequences included."""
    own = "INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT"
    text = OLD.read_text().replace(own, "BIGSERIAL PRIMARY KEY").partition("DELETE FROM")[0]
    lines = [line for line in text.splitlines() if not line.startswith(("--", "BEGIN"))]
    parts = [part.strip() for part in "\n".join(lines).split(";\n") if part.strip()]
    after = ("runs_number_seq', 1", "records_seq_seq', 2")
    return [*parts, *(f"SELECT setval('{one})" for one in after)]


def test_a_database_of_the_first_version_is_brought_up_to_date(url: str) -> None:
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        for statement in _script_of_version_1():
            connection.exec_driver_sql(statement)
    store = SqlStore(url)
    (row,) = store.runs()
    assert (row.id, row.status, row.step) == ("vae-digits-abcde", "done", 3)
    assert [r.payload for r in store.read(row.id)] == [{"elbo": -40.5}, {"elbo": -30.25}]
    fork = store.create(SPEC, origin=Origin(row.id, 3, {"lr": (1e-3, 1e-4)}))
    assert store.claim("a:1", fork) is not None
    found = _columns(engine)
    assert found == {name: set(table.columns.keys()) for name, table in metadata.tables.items()}
    with engine.connect() as connection:
        said = connection.exec_driver_sql("select value from about where key = 'schema'")
        assert said.scalar_one() == str(schema_version()) == str(1 + len(MIGRATIONS))
    store.close()
    engine.dispose()
