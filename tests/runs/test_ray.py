"""Runs on a Ray cluster of two nodes on this machine; a node that dies loses no run."""

from __future__ import annotations

import os
import secrets
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
from genlab.runs.supervisor import Supervisor

SMALL: dict[str, Any] = {"model": "vae", "data": "digits", "batch": 16, "hidden": 16, "latent": 2}


def wait(boss: Supervisor, true: Callable[[], Any], seconds: float = 240.0) -> Any:
    until = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < until, "it did not happen in time"
        boss.tick()
        time.sleep(0.05)
    return found


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    # Ray reads these when it is imported.
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    # Its ports listen on every address: nobody without the token gets in.
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setenv("RAY_AUTH_TOKEN", secrets.token_hex(16))
    if os.environ.get("CI") != "true":
        pytest.importorskip("ray", reason="the extra `cluster` is not installed")
    import ray
    from ray.cluster_utils import Cluster

    size = {"num_gpus": 0, "object_store_memory": 80 * 2**20}
    made = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False, **size}
    )
    nodes = [made.add_node(num_cpus=1, **size) for _ in range(2)]
    monkeypatch.setenv("GENLAB_RAY_ADDRESS", made.address)
    monkeypatch.setenv("GENLAB_EXECUTOR", "ray")
    yield made, nodes
    ray.shutdown()
    made.shutdown()


@pytest.mark.slow
def test_runs_go_on_elsewhere_when_their_node_is_killed(
    cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, nodes = cluster
    monkeypatch.delenv("GENLAB_AUTORESUME", raising=False)
    boss = Supervisor(f"sqlite:///{tmp_path}/genlab.db", str(tmp_path), 2)
    store = boss.store
    spec = RunSpec.build(**SMALL, steps=3000).flat()
    ids = [store.create(spec) for _ in range(2)]
    wait(boss, lambda: all(store.last_step(run) > 50 for run in ids))
    assert {store.get(run).attempt for run in ids} == {1}
    made.remove_node(nodes[0], allow_graceful=False)
    wait(boss, lambda: all(store.get(run).status == "done" for run in ids))
    assert sorted(store.get(run).attempt for run in ids) == [1, 2]
    place = LocalFolder(tmp_path)
    models = [catalog.open_stored(store, place, run).model().state_dict() for run in ids]
    assert all(torch.equal(models[0][name], models[1][name]) for name in models[0])
    for run in ids:
        rows = store.read(run, limit=100_000, kinds={"scalars"})
        terms = [row.step for row in rows if "elbo" in row.payload]
        assert terms == sorted(set(terms))
    store.close()


def test_without_ray_or_a_cluster_nothing_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(StoreError, match="needs the package ray"):
        EXECUTORS["ray"](lambda task: None)
