"""A worker outlives its store: it trains on, keeps what it records, pauses itself, never dies."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import torch

from genlab.core.errors import StoreError, StoreOutage
from genlab.core.folders import LocalFolder
from genlab.core.run_spec import RunSpec
from genlab.runs import catalog, worker
from genlab.runs.files import RunFiles, run_files
from genlab.runs.memory import MemoryStore
from genlab.runs.post import Deed, Post
from genlab.runs.sql import SqlStore
from genlab.runs.store import Record
from genlab.runs.supervisor import Supervisor
from genlab.runs.supervisor import main as supervisor_main
from genlab.runs.worker import perform
from genlab.testing.servers import Door, empty_database
from genlab.testing.store_contract import SPEC
from genlab.train.algorithm import Info
from genlab.train.observers import Observer
from tests.waiting import wait_for

SMALL: dict[str, Any] = {"model": "vae", "data": "digits", "batch": 16, "hidden": 16, "latent": 2}


class Pace(Observer):
    """Makes steps take time, and tells the step."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.step = seconds, 0

    def __call__(self, step: int, state: Any, info: Info) -> bool:
        self.step = step
        time.sleep(self.seconds)
        return False


@pytest.fixture
def server() -> Iterator[tuple[str, Door]]:
    with empty_database() as url:
        parsed = sa.make_url(url)
        assert parsed.host
        door = Door(parsed.host, parsed.port or 5432)
        yield parsed.set(port=door.port).render_as_string(hide_password=False), door
        door.close()


def train(url: str, place: Path, pace: Pace, steps: int) -> tuple[threading.Thread, str]:
    """Begin a run in a thread."""
    store = SqlStore(url, patience=0.3)
    run = store.create(RunSpec.build(**SMALL, steps=steps).flat(), worker="here:1")
    work = (store, LocalFolder(place), store.get(run))
    thread = threading.Thread(target=perform, args=work, kwargs={"observers": [pace]})
    thread.start()
    return thread, run


def check_whole(url: str, place: Path, run: str, steps: int) -> list[str]:
    """That a run is as an undisturbed one; the messages of its events."""
    store = SqlStore(url)
    assert (store.get(run).status, store.get(run).step) == ("done", steps)
    rows = store.read(run, limit=100_000)
    terms = [r.step for r in rows if r.kind == "scalars" and "elbo" in r.payload]
    assert terms == list(range(1, steps + 1))
    looks = [r.step for r in rows if r.kind == "frame"]
    assert looks == sorted(set(looks))
    whole = store.create(RunSpec.build(**SMALL, steps=steps).flat(), worker="here:1")
    perform(store, LocalFolder(place), store.get(whole))
    one, two = (catalog.open_stored(store, LocalFolder(place), r).model() for r in (run, whole))
    other = two.state_dict()
    assert all(torch.equal(value, other[name]) for name, value in one.state_dict().items())
    store.close()
    assert not list((place / "runs" / run).glob("kept-*/*"))
    return [r.payload["message"] for r in rows if r.kind == "event"]


@pytest.mark.parametrize("how", ["shut", "mute"])
def test_a_run_goes_on_while_its_server_is_away(
    server: tuple[str, Door], tmp_path: Path, how: str
) -> None:
    url, door = server
    pace = Pace(0.02)
    thread, run = train(url, tmp_path, pace, 500)
    wait_for(lambda: pace.step > 20)
    getattr(door, how)()
    # It trains, where a settled look would have waited for the answer at most some seconds.
    at = pace.step
    wait_for(lambda: pace.step > at + 60)
    door.open()
    wait_for(lambda: pace.step > at + 200)
    thread.join(timeout=90)
    assert not thread.is_alive()
    told = check_whole(url, tmp_path, run, 500)
    if how == "shut":
        (words,) = (text for text in told if "nothing could be stored" in text)
        assert "does not answer" in words


def test_a_lock_beyond_the_patience_is_waited_out(tmp_path: Path) -> None:
    url, pace = f"sqlite:///{tmp_path}/genlab.db", Pace(0.02)
    thread, run = train(url, tmp_path, pace, 200)
    wait_for(lambda: pace.step > 20)
    other = sqlite3.connect(tmp_path / "genlab.db", isolation_level=None)
    other.execute("begin exclusive")
    at = pace.step
    wait_for(lambda: pace.step > at + 60)
    assert (tmp_path / "runs" / run).is_dir()
    wait_for(lambda: pace.step == 200)
    time.sleep(1.0)
    # The training has ended, and its end still has to be stored.
    assert thread.is_alive()
    other.execute("rollback")
    other.close()
    thread.join(timeout=60)
    told = check_whole(url, tmp_path, run, 200)
    assert any("locked by another program" in text for text in told)


def test_errors_of_the_moment_are_told_from_those_for_good(tmp_path: Path) -> None:
    store = SqlStore(f"sqlite:///{tmp_path}/genlab.db", patience=0.1)
    run = store.create(SPEC)
    other = sqlite3.connect(tmp_path / "genlab.db", isolation_level=None)
    other.execute("begin exclusive")
    with pytest.raises(StoreOutage, match="locked"):
        store.append(run, [Record(0, "scalars", {})])
    other.execute("rollback")
    other.execute("drop table records")
    other.close()
    with pytest.raises(StoreError) as caught:
        store.append(run, [Record(0, "scalars", {})])
    assert not isinstance(caught.value, StoreOutage)


def test_a_full_disk_of_the_store_reads_as_one(tmp_path: Path) -> None:
    store = SqlStore(f"sqlite:///{tmp_path}/genlab.db")
    run = store.create(SPEC)
    with store._engine.connect() as connection:
        pages = connection.exec_driver_sql("pragma page_count").scalar_one()
        connection.exec_driver_sql(f"pragma max_page_count = {pages}")
        connection.commit()
    rows = [Record(k, "event", {"message": "x" * 4000}) for k in range(20)]
    with pytest.raises(StoreOutage, match=r"The disk of the run store .* is full") as caught:
        store.append(run, rows)
    assert caught.value.full


def test_a_server_that_is_not_there_is_an_outage_and_a_missing_database_is_none(
    server: tuple[str, Door],
) -> None:
    url, door = server
    with pytest.raises(StoreError, match="does not exist") as caught:
        SqlStore(sa.make_url(url).set(database="nobody").render_as_string(False))
    assert not isinstance(caught.value, StoreOutage)
    store = SqlStore(url)
    door.shut()
    with pytest.raises(StoreOutage):
        store.runs()
    door.open()
    assert store.runs() == []
    store.close()


def test_a_second_try_of_what_had_succeeded_adds_nothing(tmp_path: Path) -> None:
    store = SqlStore(f"sqlite:///{tmp_path}/genlab.db")
    run = store.create(SPEC, worker="a:1")
    rows = [Record(step, "scalars", {"a": 1.0}, time=7.5 + step) for step in (1, 2)]
    store.append(run, rows, attempt=1)
    store.append(run, rows, attempt=1, again=True)
    store.append(run, [Record(3, "scalars", {}, time=7.5)], attempt=1, again=True)
    assert [record.step for record in store.read(run)] == [1, 2, 3]


class Failing:
    """A parcel that fails until it is told otherwise."""

    def __init__(self, size: int = 0) -> None:
        self.error: BaseException | None = StoreOutage("away.")
        self.tries, self.kept, self._size = list[bool](), 0, size

    def deliver(self, again: bool) -> None:
        self.tries.append(again)
        if self.error is not None:
            raise self.error

    def keep(self) -> None:
        self.kept += 1

    def drop(self) -> bool:
        return False

    def size(self) -> int:
        return self._size

    def records(self) -> int:
        return 0


def test_a_run_pauses_itself_after_fifteen_minutes_and_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("genlab.runs.post.RETRY", (0.01, 0.01))
    now, told, paused = [100.0], list[tuple[str, float]](), list[str]()
    post = Post(lambda: None, lambda *said: told.append(said), paused.append, lambda: now[0])
    assert post.may_go()
    parcel, done = Failing(), list[int]()
    post.put(parcel)
    post.put(Deed(lambda: done.append(1)))
    wait_for(lambda: len(parcel.tries) > 2)
    assert parcel.kept
    now[0] += 899.0
    assert post.may_go()
    post.settle()
    now[0] += 2.0
    assert not post.may_go()
    wait_for(lambda: paused)
    assert paused[0] == "away. The run has paused itself, and continues when it is back."
    parcel.error = None
    post.finish()
    assert done == [1]
    assert parcel.tries[0] is False
    assert parcel.tries[-1] is True
    assert told == [("away.", 901.0)]
    assert paused[-1] == ""
    assert post.may_go()
    post.close()


def test_what_waits_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("genlab.runs.post.MOST_BYTES", 100)
    post, parcel = Post(lambda: None), Failing(size=60)
    post.put(parcel)
    wait_for(post.down_for)
    assert post.may_go()
    post.put(Failing(size=60))
    assert not post.may_go()
    post.close()


def test_an_error_that_is_no_outage_is_raised_once() -> None:
    post, parcel = Post(lambda: None), Failing()
    parcel.error = PermissionError("no")
    post.put(parcel)
    wait_for(lambda: post._error)
    with pytest.raises(PermissionError):
        post.settle()
    post.settle()
    post.close()


def test_a_supervisor_that_begins_during_an_outage_waits_for_its_end(
    server: tuple[str, Door], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, door = server
    SqlStore(url).close()
    monkeypatch.setenv("GENLAB_STORE", url)
    monkeypatch.setenv("GENLAB_FILES", str(tmp_path))
    monkeypatch.setenv("GENLAB_NODE", tmp_path.name)
    served: list[Supervisor] = []
    monkeypatch.setattr("genlab.runs.supervisor.preload", lambda: None)
    monkeypatch.setattr("genlab.runs.supervisor.gc.freeze", lambda: None)
    monkeypatch.setattr("genlab.runs.supervisor.signal.signal", lambda *_: None)
    monkeypatch.setattr(Supervisor, "serve", lambda self, idle: served.append(self))
    door.shut()
    thread = threading.Thread(target=supervisor_main)
    thread.start()
    time.sleep(1.0)
    assert thread.is_alive()
    assert not served
    door.open()
    thread.join(timeout=30)
    assert len(served) == 1
    served[0].lock.close()
    served[0].store.close()


class EndpointConnectionError(Exception):
    """What the client of an object store raises while its server is away: no ``OSError``."""


@pytest.mark.parametrize("name", ["read_json", "newest"])
def test_a_run_begins_once_its_files_can_be_reached(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = MemoryStore()
    row = store.get(store.create(RunSpec.build(**SMALL, steps=6).flat(), worker="here:1"))
    assert perform(store, LocalFolder(tmp_path), row).status == "done"
    real, away = getattr(RunFiles, name), [2]

    def reached_later(self: RunFiles, *given: Any) -> Any:
        if away[0]:
            away[0] -= 1
            raise EndpointConnectionError("Could not connect to the endpoint URL")
        return real(self, *given)

    monkeypatch.setattr(RunFiles, name, reached_later)
    store.set_status(row.id, "queued")
    again = store.claim("here:1", row.id)
    assert again is not None
    assert again.attempt == 2
    assert perform(store, LocalFolder(tmp_path), again).status == "done"
    assert away == [0]


def test_that_snapshots_cannot_be_listed_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(self: RunFiles) -> Any:
        raise EndpointConnectionError("Could not connect to the endpoint URL")

    files = run_files(LocalFolder(tmp_path), "run")
    assert worker._last_snapshot(files) == "No snapshot was taken yet."
    monkeypatch.setattr(RunFiles, "steps", away)
    assert worker._last_snapshot(files) == "Its snapshots cannot be listed now."
