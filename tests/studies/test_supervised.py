"""A study and a sweep with a real supervisor that is killed in the middle."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from genlab import runs, studies
from genlab.runs import supervisor
from genlab.runs.store import Command
from genlab.studies import trials

BASE: dict[str, Any] = {
    "model": "vae", "data": "digits", "steps": 400, "batch": 16, "hidden": 16, "latent": 2,
}  # fmt: skip


def wait(true: Callable[[], Any], seconds: float = 120.0) -> Any:
    until = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < until, supervisor.log_file(runs.store_url()).read_text()[-3000:]
        time.sleep(0.05)
    return found


def end_supervisor(how: int) -> None:
    for child in supervisor._spawned:
        if child.poll() is None:
            child.send_signal(how)
            child.wait(timeout=30)
    wait(lambda: not supervisor.alive(runs.store_url()))


def processes() -> list[int]:
    """What serves this store: a step of a sweep may have started a supervisor, too."""
    wanted = f"GENLAB_STORE={runs.store_url()}".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if b"\0worker\0" not in (folder / "cmdline").read_bytes():
                continue
            if wanted in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
    return found


@pytest.fixture(scope="module", autouse=True)
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    tmp_path = tmp_path_factory.mktemp("studies")
    patch = pytest.MonkeyPatch()
    patch.setenv("GENLAB_WORKERS", "2")
    patch.delenv("GENLAB_EXECUTOR", raising=False)
    runs.configure(f"sqlite:///{tmp_path}/genlab.db", tmp_path)
    yield tmp_path
    for row in runs.store().runs(status={"queued", "running", "paused"}):
        runs.store().request(row.id, Command("stop"))
    wait(lambda: not runs.store().runs(status={"running", "paused"}))
    for one in processes():
        with contextlib.suppress(ProcessLookupError):
            os.kill(one, signal.SIGTERM)
    end_supervisor(signal.SIGTERM)
    runs.configure()
    patch.undo()


def test_a_killed_supervisor_loses_no_run_of_a_study_and_starts_none_twice() -> None:
    study = studies.create(BASE, {"latent": [2, 4]}, 3, name="killed")
    wait(lambda: runs.store().runs(status={"done"}))
    # In the middle: some have ended, some train, some wait.
    assert len(runs.store().runs(status={"queued", "running"})) > 0
    end_supervisor(signal.SIGKILL)
    studies.submit_missing(studies.open_study("killed"))
    runs.ensure_supervisor()
    wait(lambda: studies.state(study).ended)
    rows = [runs.store().get(cell.run) for cell in study.cells]
    assert [(row.status, row.attempt) for row in rows] == [("done", 1)] * 6
    assert len(runs.store().runs(limit=100)) == 6


def test_a_killed_supervisor_loses_no_trial_of_a_sweep_and_starts_none_twice() -> None:
    study = studies.start_search(
        BASE, {"lr": "1e-4..1e-2:log"}, 4, seeds=3, prune=False, at_once=2, name="sweep"
    )
    assert study.search is not None
    wait(lambda: any(one.ended == "done" for one in trials.tried("sweep", study.search)))
    end_supervisor(signal.SIGKILL)
    runs.ensure_supervisor()
    wait(lambda: not studies.state(studies.open_study("sweep")).searching)
    study = studies.open_study("sweep")
    wait(lambda: len(studies.state(study).rows) == 4 + 6 and studies.state(study).ended)
    found = trials.tried("sweep", study.search)
    assert [one.ended for one in found] == ["done"] * 4
    rows = list(studies.state(study).rows.values())
    assert [(row.status, row.attempt) for row in rows] == [("done", 1)] * 10
    assert not runs.store().items("chore")
