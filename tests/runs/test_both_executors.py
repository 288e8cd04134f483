"""The same of both executors: whatever starts the processes, runs and jobs go the same ways."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch

from genlab import runs, studies
from genlab.core.run_spec import RunSpec
from genlab.runs import access, foreground, rooms, supervisor
from genlab.runs.access import Actor
from genlab.runs.store import ACTIVE
from genlab.testing.ray_cluster import ray_cluster

# Runs of other processes are compared with one of this process.
pytestmark = [pytest.mark.slow, pytest.mark.own_seed]

SMALL: dict[str, Any] = {"model": "vae", "data": "digits", "batch": 16, "hidden": 16, "latent": 2}
STEPS = 400
#: More than any test waits for.
ENDLESS = 1_000_000


def spec(steps: int = STEPS) -> RunSpec:
    return RunSpec.build(**SMALL, steps=steps)


def wait(true: Callable[[], Any], what: str, seconds: float = 300.0) -> Any:
    until = time.monotonic() + seconds
    while not (found := true()):
        rows = [(r.id, r.status, r.step, r.message) for r in runs.store().runs(limit=9)]
        assert time.monotonic() < until, f"{what} did not happen in time: {rows}"
        time.sleep(0.05)
    return found


def reached(run: str, *statuses: str) -> Any:
    return wait(lambda: runs.store().get(run).status in statuses, f"{run}: {statuses}")


def ended_alike(run: str, truth: dict[str, torch.Tensor]) -> None:
    """The run is done with the tensors of the undisturbed one, its numbers once a step."""
    reached(run, "done")
    mine = runs.open_run(run).model().state_dict()
    assert all(torch.equal(mine[name], truth[name]) for name in truth)
    rows = runs.store().read(run, limit=100_000, kinds={"scalars"})
    terms = [row.step for row in rows if "elbo" in row.payload]
    assert terms == sorted(set(terms))
    assert terms[-1] == STEPS


@pytest.fixture(scope="module", params=["local", "ray"], autouse=True)
def place(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """A store with its supervisor, which has two places, under each executor."""
    folder = tmp_path_factory.mktemp(f"executor-{request.param}")
    cluster = ray_cluster(2) if request.param == "ray" else contextlib.nullcontext()
    with pytest.MonkeyPatch.context() as patch, cluster:
        if request.param == "local":
            patch.setenv("GENLAB_EXECUTOR", "local")
        patch.setenv("GENLAB_WORKERS", "2")
        patch.delenv("GENLAB_AUTORESUME", raising=False)
        runs.configure(f"sqlite:///{folder}/genlab.db", folder)
        runs.ensure_supervisor()
        yield request.param
        for child in supervisor._spawned:
            if child.poll() is None:
                child.terminate()
                child.wait(timeout=60)
        runs.configure()


@pytest.fixture(scope="module")
def truth(place: str) -> dict[str, torch.Tensor]:
    """The tensors of a run that nobody disturbed."""
    return foreground.train({**SMALL, "steps": STEPS}).model().state_dict()


@pytest.fixture(autouse=True)
def nothing_goes_on() -> Iterator[None]:
    yield
    for row in runs.store().runs(status=ACTIVE):
        runs.request(row.id, "stop")
    wait(lambda: not runs.store().runs(status=ACTIVE), "the end of all runs")


def test_runs_are_done_once_in_processes_of_their_own(truth: dict[str, torch.Tensor]) -> None:
    ids = [runs.start(spec()) for _ in range(3)]
    for run in ids:
        ended_alike(run, truth)
    rows = [runs.store().get(run) for run in ids]
    assert {row.attempt for row in rows} == {1}
    pids = {int(row.worker.rpartition(":")[2]) for row in rows}
    assert len(pids) == 3
    assert os.getpid() not in pids


def test_a_run_is_stopped_in_the_queue_and_at_work_and_goes_on(
    truth: dict[str, torch.Tensor],
) -> None:
    full = [runs.start(spec(ENDLESS)) for _ in range(2)]
    for run in full:
        reached(run, "running")
    waiting = runs.start(spec())
    runs.request(waiting, "stop")
    assert runs.store().get(waiting).status == "stopped"
    wait(lambda: runs.store().last_step(full[0]) > 10, "its first steps")
    for run in full:
        runs.request(run, "stop")
        reached(run, "stopped")
        row = runs.store().get(run)
        assert runs.open_run(run).snapshots()[-1] == row.step < ENDLESS
    runs.resume(waiting)
    ended_alike(waiting, truth)


def test_a_paused_run_stands_still_and_goes_on_in_the_same_process(
    truth: dict[str, torch.Tensor],
) -> None:
    run = runs.start(spec())
    reached(run, "running")
    runs.request(run, "pause")
    reached(run, "paused")
    before = runs.store().get(run)
    # Two heartbeats later it has not moved.
    wait(lambda: runs.store().get(run).beat > before.beat, "a heartbeat")
    first = runs.store().get(run)
    wait(lambda: runs.store().get(run).beat > first.beat, "another heartbeat")
    assert runs.store().get(run).step == first.step < STEPS
    at = runs.open_run(run).snapshots()[-1]
    runs.request(run, "step", n=3)
    wait(lambda: runs.open_run(run).snapshots()[-1] == at + 3, "three steps")
    runs.resume(run)
    ended_alike(run, truth)
    row = runs.store().get(run)
    assert (row.worker, row.attempt) == (before.worker, 1)


def test_who_leads_a_room_goes_first_and_the_others_take_turns() -> None:
    def start(owner: str, n: int) -> list[str]:
        with access.acting_as(Actor(owner * 16)):
            return [runs.start(spec(ENDLESS)) for _ in range(n)]

    def stop(run: str) -> None:
        runs.request(run, "stop")
        reached(run, "stopped")

    # Their owner ends them with them: a machine may do so too.
    ada = start("a", 4)
    for run in ada[:2]:
        reached(run, "running")
    bob = start("b", 1)
    with access.acting_as(Actor("t" * 16)):
        room = rooms.open_room(runs.store())
    teacher = start("t", 2)
    assert runs.store().queue()[:2] == [teacher[0], bob[0]]
    stop(ada[0])
    reached(teacher[0], "running")
    assert runs.store().get(bob[0]).status == "queued"
    stop(ada[1])
    reached(bob[0], "running")
    assert {runs.store().get(run).status for run in (*ada[2:], teacher[1])} == {"queued"}
    with access.acting_as(Actor("t" * 16)):
        rooms.end_room(runs.store(), room.code)


def test_a_job_and_a_study(truth: dict[str, torch.Tensor]) -> None:
    run = runs.start(spec())
    ended_alike(run, truth)
    values = {"run": run, "step": STEPS, "method": "pca", "n": 60, "seed": 0, "what": "data"}
    job = runs.submit_job("project", values)
    wait(lambda: runs.job(job.key).status == "done", "the job")  # type: ignore[union-attr]
    assert runs.job_result(job.key)
    study = studies.create({**SMALL, "steps": 4}, {"latent": [2, 4]}, 2, name="size")
    wait(lambda: studies.state(study).ended, "the end of the study")
    cells = [runs.store().get(cell.run) for cell in studies.open_study("size").cells]
    assert [(row.status, row.attempt) for row in cells] == [("done", 1)] * 4


def test_a_killed_worker_is_told_and_its_run_goes_on(truth: dict[str, torch.Tensor]) -> None:
    run, other = runs.start(spec()), runs.start(spec())
    wait(lambda: runs.store().last_step(run) > 50, "its first steps")
    os.kill(int(runs.store().get(run).worker.rpartition(":")[2]), signal.SIGKILL)
    wait(lambda: runs.store().get(run).attempt == 2, "its second attempt")
    ended_alike(run, truth)
    ended_alike(other, truth)
    assert runs.store().get(other).attempt == 1
    told = [
        str(row.payload["message"])
        for row in runs.store().read(run, limit=1000, kinds={"event"})
        if row.payload.get("level") == "warning"
    ]
    assert any("resumes by itself (1 of 3)" in words for words in told), told
    assert all(words.startswith(("It was killed", "Its process died")) for words in told), told


def test_a_job_whose_process_is_killed_says_so(truth: dict[str, torch.Tensor]) -> None:
    run = runs.start(spec())
    ended_alike(run, truth)
    values = {"run": run, "step": STEPS, "method": "tsne", "n": 1500, "seed": 0, "what": "data"}
    job = runs.submit_job("project", values)
    wait(lambda: runs.job(job.key).worker, "the start of the job")  # type: ignore[union-attr]
    row = runs.job(job.key)
    assert row is not None
    with contextlib.suppress(ProcessLookupError):
        os.kill(int(row.worker.rpartition(":")[2]), signal.SIGKILL)
    wait(lambda: runs.job(job.key).status == "failed", "the end of the job")  # type: ignore[union-attr]
    assert "died" in runs.job(job.key).message  # type: ignore[union-attr]
