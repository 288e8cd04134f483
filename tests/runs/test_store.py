"""The stores keep the contract; the database version also meets what only databases suffer."""

from __future__ import annotations

import multiprocessing
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

from genlab.core.errors import StoreError
from genlab.runs import database as upgrades
from genlab.runs.memory import MemoryStore
from genlab.runs.sql import SqlStore
from genlab.runs.store import Origin, Record, RunStore
from genlab.testing.servers import empty_database
from genlab.testing.store_contract import SPEC, StoreContract

OLD = Path(__file__).with_name("schema_1.sql")


class TestMemory(StoreContract):
    @pytest.fixture
    def store(self) -> RunStore:
        return MemoryStore()


class TestSqlite(StoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> RunStore:
        return SqlStore(f"sqlite:///{tmp_path}/new/genlab.db")


class TestPostgres(StoreContract):
    @pytest.fixture
    def store(self) -> Iterator[RunStore]:
        with empty_database() as url:
            store = SqlStore(url)
            yield store
            store.close()


def database(path: Path) -> str:
    return f"sqlite:///{path}/genlab.db"


def columns(path: Path) -> dict[str, list[str]]:
    with sqlite3.connect(path / "genlab.db") as connection:
        names = [
            row[0]
            for row in connection.execute(
                "select name from sqlite_master where type = 'table' and name not like 'sqlite%'"
            )
        ]
        return {
            name: [row[1] for row in connection.execute(f"pragma table_info({name})")]
            for name in sorted(names)
        }


def test_the_journal_is_written_ahead_and_reads_use_an_index(tmp_path: Path) -> None:
    store = SqlStore(database(tmp_path))
    run = store.create(SPEC)
    store.append(run, [Record(0, "scalars", {"a": 1.0})])
    with sqlite3.connect(tmp_path / "genlab.db") as connection:
        assert connection.execute("pragma journal_mode").fetchone()[0] == "wal"
        plan = connection.execute(
            "explain query plan select * from records where run = 'x' and seq > 5 "
            "order by seq limit 10"
        ).fetchall()
    text = " ".join(str(row) for row in plan)
    assert "records_by_run" in text
    assert "SCAN" not in text
    assert "TEMP B-TREE" not in text


def _claim_all(url: str, name: str, out: multiprocessing.Queue) -> None:  # type: ignore[type-arg]
    store = SqlStore(url)
    got = []
    while (row := store.claim(name)) is not None:
        got.append(row.id)
    out.put(got)


def test_a_run_is_claimed_once_among_processes(tmp_path: Path) -> None:
    store = SqlStore(database(tmp_path))
    ids = sorted(store.create(SPEC) for _ in range(20))
    context = multiprocessing.get_context("spawn")
    out = context.Queue()
    workers = [
        context.Process(target=_claim_all, args=(database(tmp_path), f"h:{i}", out))
        for i in range(2)
    ]
    for worker in workers:
        worker.start()
    got = [run for _ in workers for run in out.get(timeout=60)]
    for worker in workers:
        worker.join(timeout=60)
    assert sorted(got) == ids


def test_a_locked_database_is_said_in_plain_words(tmp_path: Path) -> None:
    store = SqlStore(database(tmp_path), patience=0.2)
    run = store.create(SPEC)
    other = sqlite3.connect(tmp_path / "genlab.db", isolation_level=None)
    other.execute("begin exclusive")
    try:
        with pytest.raises(StoreError, match="locked by another program"):
            store.append(run, [Record(0, "scalars", {"a": 1.0})])
    finally:
        other.execute("rollback")
        other.close()
    store.append(run, [Record(0, "scalars", {"a": 1.0})])
    assert len(store.read(run)) == 1


@pytest.mark.parametrize("content", [b"this is no database, but a text" * 40, b"x" * 5000])
def test_a_damaged_database_is_said_and_left_alone(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "genlab.db").write_bytes(content)
    with pytest.raises(StoreError, match="damaged, or is not a database"):
        SqlStore(database(tmp_path))
    assert (tmp_path / "genlab.db").read_bytes() == content


def test_a_database_of_something_else_is_left_alone(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "genlab.db") as connection:
        connection.execute("create table about (key text, value text)")
    with pytest.raises(StoreError, match="no GenLab run store"):
        SqlStore(database(tmp_path))
    assert columns(tmp_path) == {"about": ["key", "value"]}


def test_a_newer_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    store = SqlStore(database(tmp_path))
    run = store.create(SPEC)
    store.close()
    with sqlite3.connect(tmp_path / "genlab.db") as connection:
        connection.execute("update about set value = '99' where key = 'schema'")
    with pytest.raises(StoreError, match=r"newer GenLab \(schema 99"):
        SqlStore(database(tmp_path))
    with sqlite3.connect(tmp_path / "genlab.db") as connection:
        assert connection.execute("select id from runs").fetchall() == [(run,)]


def _old(path: Path) -> None:
    with sqlite3.connect(path / "genlab.db") as connection:
        connection.executescript(OLD.read_text())


def test_a_database_of_the_first_version_opens_with_its_runs(tmp_path: Path) -> None:
    _old(tmp_path)
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    SqlStore(database(fresh)).close()
    store = SqlStore(database(tmp_path))
    assert columns(tmp_path) == columns(fresh)
    (row,) = store.runs()
    assert (row.id, row.status, row.step, row.spec["model"]) == (
        "vae-digits-abcde",
        "done",
        3,
        "vae",
    )
    assert [r.payload for r in store.read(row.id)] == [{"elbo": -40.5}, {"elbo": -30.25}]
    assert (row.parent, row.parent_step, dict(row.changes)) == ("", 0, {})
    fork = store.create(SPEC, origin=Origin(row.id, 3, {"lr": (1e-3, 1e-4)}))
    assert store.get(fork).parent == row.id


def test_an_old_database_is_upgraded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def add_a_column(connection: sa.Connection) -> None:
        calls.append(1)
        connection.exec_driver_sql("alter table runs add column colour text not null default ''")

    _old(tmp_path)
    monkeypatch.setattr(upgrades, "MIGRATIONS", [*upgrades.MIGRATIONS, add_a_column])
    for _ in range(2):
        SqlStore(database(tmp_path)).close()
    assert calls == [1]
    assert columns(tmp_path)["runs"][-1] == "colour"


def test_an_upgrade_that_fails_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_halfway(connection: sa.Connection) -> None:
        connection.exec_driver_sql("alter table runs add column colour text")
        connection.exec_driver_sql("alter table nothing add column colour text")

    _old(tmp_path)
    before = columns(tmp_path)
    monkeypatch.setattr(upgrades, "MIGRATIONS", [*upgrades.MIGRATIONS, break_halfway])
    with pytest.raises(StoreError, match="cannot be used"):
        SqlStore(database(tmp_path))
    assert columns(tmp_path) == before
    monkeypatch.undo()
    assert len(SqlStore(database(tmp_path)).runs()) == 1


@pytest.mark.parametrize("url", ["nonsense", "mysterydb://host/x", "sqlite:////dev/null/x/y.db"])
def test_an_impossible_url_is_said(url: str) -> None:
    with pytest.raises(StoreError):
        SqlStore(url)


def test_an_empty_queue_is_asked_for_cheaply(tmp_path: Path) -> None:
    store = SqlStore(database(tmp_path))
    for _ in range(30):
        store.set_status(store.create(SPEC), "done")
    store.queue()
    start = time.process_time()
    for _ in range(50):
        assert store.queue() == []
        assert store.claim_job("w") is None
    # 25 rounds a second at most 5 % of a core, here with a wide margin for slow machines.
    assert (time.process_time() - start) / 50 < 0.01


def test_a_copy_of_the_files_is_a_whole_store(tmp_path: Path) -> None:
    store = SqlStore(database(tmp_path))
    run = store.create(SPEC)
    store.close()
    (tmp_path / "copy").mkdir()
    for file in tmp_path.glob("genlab.db*"):
        shutil.copy(file, tmp_path / "copy" / file.name)
    assert [row.id for row in SqlStore(database(tmp_path / "copy")).runs()] == [run]


MEMORY_OF_READERS = """
import os, sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from genlab.runs.sql import SqlStore

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20

store = SqlStore(sys.argv[1])
(run,) = store.runs()
meet = Barrier(16)

def read(_):
    meet.wait()
    seq = 0
    while rows := store.read(run.id, after=seq, limit=500):
        seq = rows[-1].seq

with ThreadPoolExecutor(16) as pool:
    pool.submit(lambda: None).result()
    store.read(run.id, after=0, limit=500)
    before = resident()
    list(pool.map(read, range(16)))
print(resident() - before)
"""


def test_sixteen_readers_of_a_large_file_keep_little(tmp_path: Path) -> None:
    """Each connection could keep 2 MiB of pages, so that a server grew for an hour."""
    url = f"sqlite:///{tmp_path / 'large.db'}"
    store = SqlStore(url)
    run = store.create(SPEC)
    for first in range(0, 20_000, 1000):
        values = {"y" * 300: 1.0}
        store.append(run, [Record(k, "scalars", values) for k in range(first, first + 1000)])
    store.close()
    done = subprocess.run(
        [sys.executable, "-c", MEMORY_OF_READERS, url], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 34, done.stdout


def test_forty_readers_read_at_once(tmp_path: Path) -> None:
    store = SqlStore(database(tmp_path))
    together = threading.Barrier(40, timeout=60)

    def read() -> int:
        with store._reading() as connection:
            together.wait()
            return int(connection.exec_driver_sql("select 1").scalar_one())

    with ThreadPoolExecutor(40) as pool:
        assert [one.result() for one in [pool.submit(read) for _ in range(40)]] == [1] * 40
