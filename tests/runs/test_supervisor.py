"""A real supervisor, with real processes: queue, heartbeat, death and return."""

from __future__ import annotations

import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch

from genlab import runs
from genlab.core.run_spec import RunSpec
from genlab.runs import settings, supervisor
from genlab.runs.store import LEASE, Command
from tests.waiting import wait_for

ROOT = Path(__file__).resolve().parents[2]
SMALL: dict[str, Any] = {"model": "vae", "data": "digits", "batch": 16, "hidden": 16, "latent": 2}


def spec(steps: int, **more: Any) -> RunSpec:
    return RunSpec.build(**{**SMALL, "steps": steps, **more})


def status(run: str) -> str:
    return runs.store().get(run).status


def url() -> str:
    return runs.store_url()


def log() -> str:
    return supervisor.log_file(url()).read_text()


def end_supervisor(how: int) -> None:
    for child in supervisor._spawned:
        if child.poll() is None:
            child.send_signal(how)
            child.wait(timeout=30)
    wait_for(lambda: not supervisor.alive(url()))


@pytest.fixture(scope="module", autouse=True)
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    tmp_path = tmp_path_factory.mktemp("supervised")
    patch = pytest.MonkeyPatch()
    patch.setenv("GENLAB_WORKERS", "1")
    patch.setenv("GENLAB_AUTORESUME", "0")
    patch.delenv("GENLAB_EXECUTOR", raising=False)
    runs.configure(f"sqlite:///{tmp_path}/genlab.db", tmp_path)
    runs.ensure_supervisor()
    wait_for(lambda: "ready" in log(), 120)
    yield tmp_path
    for row in runs.store().runs(status={"queued", "running", "paused"}):
        runs.store().request(row.id, Command("stop"))
    wait_for(lambda: not runs.store().runs(status={"running", "paused"}))
    end_supervisor(signal.SIGTERM)
    runs.configure()
    patch.undo()


def test_a_run_goes_from_the_queue_to_the_end() -> None:
    run = runs.start(spec(40))
    wait_for(lambda: status(run) == "done")
    view = runs.open_run(run)
    assert view.snapshots()[-1] == 40
    host, pid = view.row.worker.rsplit(":", 1)
    assert host == settings.host()
    assert int(pid) != os.getpid()
    again = runs.start(spec(40))
    wait_for(lambda: status(again) == "done")
    one, two = view.model().state_dict(), runs.open_run(again).model().state_dict()
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_what_does_not_fit_waits_visibly_and_a_pause_makes_room() -> None:
    long = runs.start(spec(1_000_000))
    wait_for(lambda: status(long) == "running")
    second, third = runs.start(spec(5)), runs.start(spec(5))
    time.sleep(0.5)
    assert [runs.store().get(r).position for r in (long, second, third)] == [0, 1, 2]
    runs.request(third, "stop")
    assert status(third) == "stopped"
    runs.request(long, "pause")
    wait_for(lambda: status(long) == "paused")
    wait_for(lambda: status(second) == "done")
    at = runs.open_run(long).snapshots()[-1]
    runs.request(long, "step", n=3)
    wait_for(lambda: runs.open_run(long).snapshots()[-1] == at + 3)
    runs.resume(long)
    wait_for(lambda: status(long) == "running")
    runs.request(long, "stop")
    wait_for(lambda: status(long) == "stopped")
    row = runs.store().get(long)
    assert at + 3 <= row.step < 1_000_000
    assert runs.open_run(long).snapshots()[-1] == row.step


def test_a_killed_process_is_lost_and_its_run_resumes_bit_identical() -> None:
    whole = runs.start(spec(600))
    wait_for(lambda: status(whole) == "done")
    run = runs.start(spec(600))
    wait_for(lambda: runs.store().last_step(run) > 60)
    pid = int(runs.store().get(run).worker.rsplit(":", 1)[1])
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: status(run) == "lost", 10)
    assert "Resume it" in runs.store().get(run).message
    runs.resume(run)
    wait_for(lambda: status(run) == "done")
    assert runs.store().get(run).attempt == 2
    one = runs.open_run(whole).model().state_dict()
    two = runs.open_run(run).model().state_dict()
    assert all(torch.equal(one[name], two[name]) for name in one)
    steps = [
        r.step
        for r in runs.store().read(run, limit=9999, kinds={"scalars"})
        if "elbo" in r.payload
    ]
    assert steps == sorted(set(steps))


def test_a_stale_heartbeat_of_another_host_is_lost() -> None:
    store = runs.store()
    fresh = store.create(spec(10).flat(), worker="elsewhere:12")
    stale = store.create(spec(10).flat(), worker="elsewhere:13")
    with sqlite3.connect(url().removeprefix("sqlite:///")) as connection:
        connection.execute(
            "update runs set beat = beat - 16, lease = lease - 16 where id = ?", (stale,)
        )
    wait_for(lambda: status(stale) == "lost", LEASE + 10)
    assert status(fresh) in {"running", "lost"}
    row = store.get(stale)
    assert row.ended - row.beat > LEASE
    assert "not been heard of" in row.message
    store.set_status(fresh, "stopped")


def test_a_job_is_done_off_the_request_path() -> None:
    run = runs.start(spec(20))
    wait_for(lambda: status(run) == "done")
    values = {"run": run, "step": 20, "method": "pca", "n": 60, "seed": 0, "what": "data"}
    row = runs.submit_job("project", values)
    wait_for(lambda: runs.job(row.key).status in {"done", "failed"})
    found = runs.job(row.key)
    assert (found.status, found.message, found.progress) == ("done", "", 1.0)
    result = runs.job_result(row.key)
    assert any(getattr(v, "shape", ())[:1] == (60,) for v in result.values())
    assert runs.submit_job("project", values).status == "done"
    bad = runs.submit_job("project", {**values, "step": 7777})
    wait_for(lambda: runs.job(bad.key).status == "failed")
    assert "7777" in runs.job(bad.key).message


def test_there_is_one_supervisor_and_it_can_be_replaced(place: Path) -> None:
    before_asking = [c.pid for c in supervisor._spawned if c.poll() is None]
    runs.ensure_supervisor()
    assert [c.pid for c in supervisor._spawned if c.poll() is None] == before_asking
    second = subprocess.run(
        [sys.executable, "-m", "genlab", "worker"],
        cwd=ROOT,
        env={**os.environ, "GENLAB_STORE": url(), "GENLAB_FILES": str(place)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert second.returncode == 0
    assert "already" in second.stderr
    run = runs.start(spec(1_000_000))
    wait_for(lambda: status(run) == "running")
    pid = int(runs.store().get(run).worker.rsplit(":", 1)[1])
    end_supervisor(signal.SIGKILL)
    ready = log().count("ready")
    before = runs.store().last_step(run)
    wait_for(lambda: runs.store().last_step(run) > before)
    waiting = runs.start(spec(5))
    wait_for(lambda: log().count("ready") > ready, 120)
    time.sleep(0.5)
    # The one that was running before is adopted: it goes on, and still counts.
    assert status(run) == "running"
    assert int(runs.store().get(run).worker.rsplit(":", 1)[1]) == pid
    assert status(waiting) == "queued"
    runs.request(run, "stop")
    wait_for(lambda: status(run) == "stopped")
    wait_for(lambda: status(waiting) == "done")


def test_thirty_clicks_at_once_start_one_supervisor(tmp_path: Path) -> None:
    """Each of them would have started a process of its own for as long as the first one boots."""
    store = f"sqlite:///{tmp_path}/genlab.db"
    before = len(supervisor._spawned)
    with ThreadPoolExecutor(30) as pool:
        asked = [pool.submit(supervisor.ensure, store, str(tmp_path), 0.5) for _ in range(30)]
    assert sorted(one.result() for one in asked) == [False] * 29 + [True]
    (child,) = supervisor._spawned[before:]
    assert supervisor.alive(store)
    assert child.wait(timeout=120) == 0
    assert supervisor.log_file(store).read_text().count("ready after") == 1
    assert not supervisor.alive(store)
    # One that dies while it boots leaves the lock free.
    assert supervisor.ensure(store, str(tmp_path))
    supervisor._spawned[-1].kill()
    supervisor._spawned[-1].wait(timeout=30)
    assert not supervisor.alive(store)


def test_nothing_bad_was_logged() -> None:
    assert not re.search(r"Traceback|Error", log())


def test_an_idle_supervisor_ends(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "genlab", "worker", "--idle-exit", "0.3"],
        cwd=ROOT,
        env={
            **os.environ,
            "GENLAB_STORE": f"sqlite:///{tmp_path}/genlab.db",
            "GENLAB_FILES": str(tmp_path),
        },
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0
    assert "ended" in done.stderr


def test_a_changed_program_is_begun_anew_when_nothing_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Renewed(Exception):
        pass

    def execv(path: str, words: list[str]) -> None:
        assert path == words[0] == sys.executable
        raise Renewed

    (tmp_path / "a.py").write_text("a = 1")
    one = supervisor.fingerprint(tmp_path)
    os.utime(tmp_path / "a.py", ns=(1, 1))
    two = supervisor.fingerprint(tmp_path)
    assert one[0] == two[0] == 1
    assert one != two
    boss = supervisor.Supervisor(f"sqlite:///{tmp_path}/other.db", str(tmp_path), 1)
    monkeypatch.setattr(supervisor.os, "execv", execv)
    boss._compared = -supervisor.SWEEP
    assert not boss.is_outdated()
    monkeypatch.setattr(supervisor, "fingerprint", lambda: two)
    boss._compared = -supervisor.SWEEP
    # Files that have just changed may go on changing: an update is many files.
    assert not boss.is_outdated()
    assert boss._newest == two
    boss._changed -= supervisor.STILL
    boss._compared = -supervisor.SWEEP
    with pytest.raises(Renewed):
        boss.serve()

    # One that an app started, and that nobody has used since, ends instead.
    unused = supervisor.Supervisor(f"sqlite:///{tmp_path}/unused.db", str(tmp_path), 1)
    assert unused.lock.take()
    unused._code = one
    unused._changed -= supervisor.STILL
    unused._compared = -supervisor.SWEEP
    unused.serve(idle=600)
    assert not supervisor.alive(unused.url)


def test_a_supervisor_ends_when_its_store_is_removed(tmp_path: Path) -> None:
    place = tmp_path / "removed"
    place.mkdir()
    url = f"sqlite:///{place}/genlab.db"
    boss = supervisor.Supervisor(url, str(place), 1)
    assert boss.lock.take()
    assert not boss.lock.is_removed()
    shutil.rmtree(place)
    assert boss.lock.is_removed()
    boss.serve()
    assert not place.exists() or not list(place.glob("*.db"))
