"""Runs on a Ray cluster of several nodes on this machine; nodes that die lose no run."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from genlab.core.errors import StoreError
from genlab.core.folders import LocalFolder
from genlab.core.run_spec import RunSpec
from genlab.runs import catalog
from genlab.runs.executor_table import EXECUTORS
from genlab.runs.executors import Executor, Task
from genlab.runs.ray_executor import RayExecutor
from genlab.runs.supervisor import Supervisor
from genlab.testing.executor_contract import ExecutorContract, Make
from genlab.testing.ray_cluster import RayCluster, ray_cluster

SMALL: dict[str, Any] = {"model": "vae", "data": "digits", "batch": 16, "hidden": 16, "latent": 2}
STEPS, NODES, KILLED = 3000, 3, 4


def wait(boss: Supervisor, true: Callable[[], Any], seconds: float = 240.0) -> Any:
    until = time.monotonic() + seconds
    while not (found := true()):
        rows = [(r.id, r.status, r.step, r.attempt, r.message) for r in boss.store.runs()]
        assert time.monotonic() < until, f"it did not happen in time: {rows}"
        boss.tick()
        time.sleep(0.05)
    return found


@pytest.fixture(scope="module")
def cluster() -> Iterator[RayCluster]:
    with ray_cluster(NODES) as made:
        yield made


@pytest.mark.slow
class TestRay(ExecutorContract):
    @pytest.fixture
    def make(self, cluster: RayCluster) -> Make:
        """An executor whose nodes do the task of a test, not that of a store."""

        def built(work: Callable[[Task], None]) -> Executor:
            import ray

            executor = RayExecutor(work)

            def do(url: str, files: str, kind: Any, key: str) -> None:
                work(Task(kind, key))

            executor._remote = ray.remote(num_cpus=1, max_calls=1, max_retries=0)(do)
            return executor

        return built


@pytest.mark.slow
def test_runs_go_on_elsewhere_while_nodes_are_killed_at_random(
    cluster: RayCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GENLAB_AUTORESUME", raising=False)
    boss = Supervisor(f"sqlite:///{tmp_path}/genlab.db", str(tmp_path), NODES)
    store, draw = boss.store, random.Random(0)
    spec = RunSpec.build(**SMALL, steps=STEPS).flat()
    ids = [store.create(spec) for _ in range(NODES)]
    for _ in range(KILLED):
        before = {run: store.last_step(run) for run in ids}
        # Whoever is at work has trained on since the last node died.
        going = [run for run in ids if store.get(run).status != "done"]
        wait(boss, lambda on=going, b=before: any(store.last_step(r) > b[r] + 50 for r in on))
        if all(store.get(run).status == "done" for run in ids):
            break
        cluster.kill(draw)
        cluster.add()
    wait(boss, lambda: all(store.get(run).status in {"done", "lost"} for run in ids))
    for run in ids:
        # More than three deaths are for a person to judge.
        if store.get(run).status == "lost":
            store.set_status(run, "queued")
    wait(boss, lambda: all(store.get(run).status == "done" for run in ids))
    attempts = [store.get(run).attempt for run in ids]
    assert sum(attempts) > len(ids), "no run was at work on a node that was killed"
    place = LocalFolder(tmp_path)
    alone = store.create(spec)
    wait(boss, lambda: store.get(alone).status == "done")
    assert store.get(alone).attempt == 1
    truth = catalog.open_stored(store, place, alone).model().state_dict()
    for run in ids:
        mine = catalog.open_stored(store, place, run).model().state_dict()
        assert all(torch.equal(mine[name], truth[name]) for name in truth)
        rows = store.read(run, limit=100_000, kinds={"scalars"})
        terms = [row.step for row in rows if "elbo" in row.payload]
        assert terms == sorted(set(terms))
        assert terms[-1] == STEPS
    store.close()


def test_without_ray_or_a_cluster_nothing_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(StoreError, match="needs the package ray"):
        EXECUTORS["ray"](lambda task: None)
