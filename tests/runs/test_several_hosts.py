"""Two hosts on one store: no run has two workers, whatever the clocks and the scheduler do."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from genlab.core.errors import LeaseLost, StoreError
from genlab.core.folders import LocalFolder
from genlab.core.run_spec import RunSpec
from genlab.runs import catalog
from genlab.runs.leases import LEASE, Lease
from genlab.runs.sql import SqlStore
from genlab.runs.store import Command, Record
from genlab.runs.supervisor import Supervisor
from genlab.testing.servers import empty_database
from genlab.testing.store_contract import SPEC
from tests.waiting import wait_for

ROOT = Path(__file__).resolve().parents[2]
SMALL: dict[str, Any] = {"model": "vae", "data": "digits", "batch": 16, "hidden": 16, "latent": 2}
#: A supervisor whose host has another clock.
HOST = """
import sys, time
real, off = time.time, float(sys.argv.pop(1))
time.time = lambda: real() + off
from genlab.runs.supervisor import main
main(60.0)
"""


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/genlab.db"
        return
    with empty_database() as found:
        yield found


def age(store: SqlStore, run: str, seconds: float) -> None:
    """Let a run's last heartbeat be so old by the clock of the database."""
    with store._writing() as connection:
        text = f"update runs set beat = beat - {seconds}, lease = lease - {seconds}"
        connection.exec_driver_sql(f"{text} where id = '{run}'")


@pytest.fixture
def hours(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    real = time.time

    def shift(number: float) -> None:
        monkeypatch.setattr(time, "time", lambda: real() + 3600 * number)

    return shift


@pytest.mark.parametrize("off", [-2.0, 2.0])
def test_a_clock_two_hours_off_neither_loses_a_run_nor_saves_one(
    url: str, off: float, hours: Callable[[float], None]
) -> None:
    store = SqlStore(url)
    run = store.create(SPEC)
    hours(off)
    row = store.claim("a:1")
    assert row is not None
    store.heartbeat(run, step=1, speed=1.0, attempt=row.attempt)
    hours(0.0)
    assert abs(store.get(run).beat - time.time()) < 5
    assert store.expired() == []
    hours(off)
    assert store.expired() == []
    assert not store.lose(run, "late")
    age(store, run, LEASE + 1)
    assert [one.id for one in store.expired()] == [run]
    assert store.lose(run, "late")
    assert store.get(run).status == "lost"
    store.close()


def test_a_lease_asks_the_store_only_when_its_last_answer_is_old(url: str) -> None:
    store, now = SqlStore(url), [0.0]
    run = store.create(SPEC)
    row = store.claim("a:1")
    assert row is not None
    lease = Lease(store, row, lambda: now[0])
    store.lose(run, "gone", worker="a:1")
    store.claim("b:1", run, resume=True)
    lease.check()
    now[0] = LEASE
    with pytest.raises(LeaseLost):
        lease.check()
    store.close()


def test_a_supervisor_leaves_the_run_of_another_host_alone(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both hosts start a process for it, and one of them claims it."""
    monkeypatch.setenv("GENLAB_NODE", "a")
    boss = Supervisor(url, str(tmp_path), 2)
    boss.executor._child_first = lambda: None  # type: ignore[attr-defined]
    run = boss.store.create(SPEC)
    boss.executor.work = lambda task: None
    boss.tick()
    assert boss.store.claim("b:77", run) is not None
    boss.store.request(run, Command("pause"))
    wait_for(lambda: _is_reaped(boss))
    boss._patient = 0.0
    boss._swept = -60.0
    boss.tick()
    row = boss.store.get(run)
    assert (row.status, row.worker) == ("running", "b:77")
    assert [wish.name for wish in boss.store.pending(run, attempt=1)] == ["pause"]
    boss.store.append(run, [Record(1, "scalars", {})], attempt=1)
    boss.store.close()


def _is_reaped(boss: Supervisor) -> bool:
    boss.reap()
    return not boss.executor.active()


def test_expired_leases_wait_until_workers_had_time_to_renew(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a sleep of the machine, or an outage, every lease is old at first."""
    monkeypatch.setenv("GENLAB_NODE", "a")
    monkeypatch.setenv("GENLAB_AUTORESUME", "off")
    boss = Supervisor(url, str(tmp_path), 1)
    run = boss.store.create(SPEC, worker="b:1")
    age(boss.store, run, LEASE + 1)
    boss.sweep()
    assert boss.store.get(run).status == "running"
    boss._patient = 0.0
    boss.sweep()
    assert boss.store.get(run).status == "lost"
    boss._round = time.monotonic() - 60.0
    boss.tick()
    assert boss._patient > time.monotonic() + LEASE - 2
    boss.store.close()


def test_a_lost_run_resumes_by_itself_three_times(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a restart of the machine: its processes are gone, and nobody has seen them end."""
    monkeypatch.setenv("GENLAB_NODE", "a")
    monkeypatch.delenv("GENLAB_AUTORESUME", raising=False)
    gone = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True
    )
    worker = f"a:{int(gone.stdout)}"
    boss = Supervisor(url, str(tmp_path), 1)
    store = boss.store
    run = store.create(SPEC)
    for count in (1, 2, 3):
        assert store.claim(worker, run) is not None
        boss.sweep()
        assert store.get(run).status == "queued"
        words = store.read(run)[-1].payload["message"]
        assert words == f"Its process died. It resumes by itself ({count} of 3)."
    store.claim(worker, run)
    boss.sweep()
    assert store.get(run).status == "lost"
    assert "Resume it" in store.get(run).message
    # A person resumes it, or it works for long: then it has its three tries again.
    store.set_status(run, "queued")
    row = store.claim(worker, run)
    assert row is not None
    boss.sweep()
    assert store.get(run).status == "queued"
    row = store.claim("b:1", run)
    assert row is not None
    with store._writing() as connection:  # type: ignore[attr-defined]
        connection.exec_driver_sql("update runs set queued = queued - 601, restarts = 3")
    store.heartbeat(run, step=1, speed=1.0, attempt=row.attempt)
    assert store.lose(run, "gone", worker="b:1")
    assert store.resume_lost(run, 3) == 1
    monkeypatch.setenv("GENLAB_AUTORESUME", "perhaps")
    with pytest.raises(StoreError, match="GENLAB_AUTORESUME"):
        Supervisor(url, str(tmp_path), 1)
    store.close()


class Host:
    """A supervisor of a host with its own name and clock."""

    def __init__(self, name: str, url: str, files: Path, off: float) -> None:
        self.log = files / f"{name}.log"
        environment = {
            **os.environ,
            "GENLAB_NODE": name,
            "GENLAB_STORE": url,
            "GENLAB_FILES": str(files),
            "GENLAB_WORKERS": "2",
            "GENLAB_AUTORESUME": "0",
            "OPENBLAS_NUM_THREADS": "1",
            "PYTHONPATH": str(ROOT),
        }
        with open(self.log, "wb") as out:
            self.child = subprocess.Popen(
                [sys.executable, "-c", HOST, str(off)],
                env=environment,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )

    def is_ready(self) -> bool:
        assert self.child.poll() is None, self.log.read_text()
        return "ready" in self.log.read_text()

    def end(self) -> None:
        self.child.kill()
        self.child.wait(timeout=30)


@pytest.mark.slow
def test_two_hosts_share_a_store_and_a_stopped_worker_writes_nothing_more(
    url: str, tmp_path: Path
) -> None:
    store = SqlStore(url)
    hosts = [Host("a", url, tmp_path, 0.0), Host("b", url, tmp_path, 7200.0)]
    stopped: list[int] = []
    try:
        for host in hosts:
            wait_for(host.is_ready)
        spec = RunSpec.build(**SMALL, steps=4000).flat()
        ids = [store.create(spec) for _ in range(4)]
        wait_for(lambda: all(store.last_step(run) > 20 for run in ids))
        rows = {run: store.get(run) for run in ids}
        assert {row.worker.split(":")[0] for row in rows.values()} == {"a", "b"}
        assert {row.attempt for row in rows.values()} == {1}
        # One worker is stopped in the middle of its work, and its host's supervisor dies.
        hung = next(run for run, row in rows.items() if row.worker.startswith("a:"))
        stopped.append(int(rows[hung].worker.split(":")[1]))
        # Whoever writes into a file locks all of it: it is stopped while it writes nothing there.
        with store._writing():
            os.kill(stopped[0], signal.SIGSTOP)
        hosts[0].end()
        age(store, hung, LEASE + 1)
        wait_for(lambda: store.get(hung).status == "lost")
        store.set_status(hung, "queued", only_from={"lost"})
        wait_for(lambda: store.get(hung).attempt == 2)
        wait_for(lambda: store.get(hung).status == "done")
        # The worker that ended writes its row into the run's folder after the store has it.
        head = tmp_path / "runs" / hung / "run.json"
        wait_for(lambda: json.loads(head.read_text())["status"] == "done")
        before = store.get(hung), store.read(hung, limit=100_000)
        files = whole_files(tmp_path / "runs" / hung)
        os.kill(stopped[0], signal.SIGCONT)
        wait_for(lambda: not _exists(stopped[0]))
        stopped.clear()
        assert (store.get(hung), store.read(hung, limit=100_000)) == before
        assert whole_files(tmp_path / "runs" / hung) == files
        wait_for(lambda: all(store.get(run).status == "done" for run in ids))
        place = LocalFolder(tmp_path)
        models = [catalog.open_stored(store, place, run).model().state_dict() for run in ids]
        assert all(torch.equal(models[0][k], other[k]) for other in models for k in models[0])
        for run in ids:
            steps = [r.step for r in store.read(run, limit=100_000, kinds={"scalars"})]
            terms = [step for step in steps if step % 8 == 0]
            assert steps == sorted(steps)
            assert set(range(8, 4001, 8)) <= set(terms)
        assert {store.get(run).attempt for run in ids if run != hung} == {1}
    finally:
        for pid in stopped:
            os.kill(pid, signal.SIGKILL)
        for host in hosts:
            host.end()
        for row in store.runs(status={"running", "paused"}):
            store.request(row.id, Command("stop"))
        store.close()


def whole_files(folder: Path) -> dict[Path, bytes]:
    """The files below a folder, without those that were being written."""
    found = (p for p in folder.rglob("*") if p.is_file() and p.suffix != ".part")
    return {p: p.read_bytes() for p in found}


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
