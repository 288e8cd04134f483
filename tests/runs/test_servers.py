"""A department's set-up: the store on PostgreSQL, the files on S3, real supervisors."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from genlab import runs, studies
from genlab.core.errors import NotAllowed, RunStateError
from genlab.core.folders import folder
from genlab.core.run_spec import RunSpec
from genlab.runs import access, foreground, rooms, supervisor
from genlab.runs.access import Actor
from genlab.runs.files import run_files
from genlab.runs.items import token_key
from genlab.testing.servers import empty_bucket, empty_database
from tests.waiting import wait_for

SMALL: dict[str, Any] = {"model": "vae", "data": "digits", "batch": 16, "hidden": 16, "latent": 2}


@pytest.fixture
def place() -> Iterator[str]:
    with empty_database() as url, empty_bucket() as bucket:
        runs.configure(url, bucket)
        yield bucket
        runs.configure()


def test_files_lie_on_s3_whole_or_not_at_all(place: str) -> None:
    there = folder(place)
    there.write("a/b.json", b"{}", durable=True)
    there.write("a/c.json", b"[]")
    assert there.names("a") == ["b.json", "c.json"]
    assert there.read("a/b.json") == b"{}"
    assert there.names("nothing") == []
    with pytest.raises(FileNotFoundError):
        there.read("a/none.json")
    there.remove("a/b.json")
    there.remove("a/none.json")
    there.remove("a")
    assert there.names("a") == []


def test_a_run_its_fork_and_its_resumption(place: str) -> None:
    view = foreground.train({**SMALL, "steps": 12})
    assert (view.row.status, view.snapshots()[-1]) == ("done", 12)
    assert view.frames()
    fork = foreground.fork(view.id, view.files.whole_steps()[-2], {})
    assert fork.row.status == "done"
    one, two = view.model().state_dict(), fork.model().state_dict()
    assert all(torch.equal(one[name], two[name]) for name in one)
    runs.delete(fork.id)
    assert run_files(folder(place), fork.id).steps() == ()


def test_a_room_and_what_its_members_own(place: str) -> None:
    store = runs.store()
    with access.acting_as(Actor("ada")):
        room = rooms.open_room(store)
        led = rooms.lead(store, room.code, "/watch", "run=x", {"step": 3})
        assert led.number > room.number
        run = store.create(RunSpec.build(**SMALL, steps=5).flat())
        token = runs.offer("run", run)
    with access.acting_as(Actor("bob")):
        found = rooms.find_room(store, room.code)
        assert found is not None
        assert (found.path, found.number) == ("/watch", led.number)
        store.accept(token_key(token))
        with pytest.raises(RunStateError, match="used already"):
            store.accept(token_key(token))
        with pytest.raises(NotAllowed):
            rooms.end_room(store, room.code)
    assert store.get(run).owner == "bob"


def test_a_study(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "ensure_supervisor", lambda: None)
    base = {**SMALL, "steps": 4}
    study = studies.create(base, {"latent": [2, 4]}, 2, name="size")
    for run in runs.store().queue():
        foreground.resume(run)
    assert studies.state(study).ended
    again = studies.open_study("size")
    assert [cell.run for cell in again.cells] == [cell.run for cell in study.cells]


@pytest.mark.slow
def test_supervised_runs_on_both_survive_a_killed_worker(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENLAB_WORKERS", "2")
    monkeypatch.setenv("GENLAB_NODE", tmp_path.name)
    monkeypatch.delenv("GENLAB_AUTORESUME", raising=False)
    runs.ensure_supervisor()
    try:
        spec = RunSpec.build(**SMALL, steps=400)
        whole, killed = runs.start(spec), runs.start(spec)
        store = runs.store()
        wait_for(lambda: store.last_step(killed) > 30)
        os.kill(int(store.get(killed).worker.rpartition(":")[2]), signal.SIGKILL)
        wait_for(lambda: store.get(killed).attempt == 2)
        wait_for(lambda: {store.get(run).status for run in (whole, killed)} == {"done"})
        models = [runs.open_run(run).model().state_dict() for run in (whole, killed)]
        assert all(torch.equal(models[0][name], models[1][name]) for name in models[0])
        values = {"run": whole, "step": 400, "method": "pca", "n": 60, "seed": 0, "what": "data"}
        job = runs.submit_job("project", values)
        wait_for(lambda: runs.job(job.key).status == "done")  # type: ignore[union-attr]
        assert runs.job_result(job.key)
    finally:
        for child in supervisor._spawned:
            if child.poll() is None:
                child.terminate()
                child.wait(timeout=60)
