"""A throw-away Ray cluster on this machine, whose nodes may be killed."""

from __future__ import annotations

import contextlib
import os
import random
import secrets
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

#: Small enough for several nodes on one machine.
SIZE: Mapping[str, Any] = {"num_gpus": 0, "object_store_memory": 80 * 2**20}

#: One for all clusters of this process: Ray reads it once.
TOKEN = secrets.token_hex(16)


class RayCluster:
    """A head that does no task, and nodes of one processor.

    Args:
        nodes: how many.
    """

    def __init__(self, nodes: int) -> None:
        from ray.cluster_utils import Cluster

        head = {"num_cpus": 0, "include_dashboard": False, **SIZE}
        self._made = Cluster(initialize_head=True, head_node_args=head)
        self.nodes = [self._made.add_node(num_cpus=1, **SIZE) for _ in range(nodes)]
        self.address = str(self._made.address)

    def kill(self, draw: random.Random) -> None:
        """Kill a node and all of its processes."""
        node = self.nodes.pop(draw.randrange(len(self.nodes)))
        self._made.remove_node(node, allow_graceful=False)

    def add(self) -> None:
        """Add a node."""
        self.nodes.append(self._made.add_node(num_cpus=1, **SIZE))

    def stop(self) -> None:
        """End all of it."""
        self._made.shutdown()


@contextlib.contextmanager
def ray_cluster(nodes: int) -> Iterator[RayCluster]:
    """A cluster that ``GENLAB_EXECUTOR=ray`` finds; skipped where Ray is absent, but on CI."""
    set_here: dict[str, Any] = {
        "RAY_USAGE_STATS_ENABLED": "0",
        # Its ports listen on every address: nobody without the token gets in.
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": TOKEN,
        # As the local executor's: with Ray's own, 15, nothing is left for them on a busy machine.
        "RAY_worker_niceness": "5",
    }
    with pytest.MonkeyPatch.context() as patch:
        # Ray reads these when it is imported.
        for name, value in set_here.items():
            patch.setenv(name, os.environ.get(name, value))
        if os.environ.get("CI") != "true":
            pytest.importorskip("ray", reason="the extra `cluster` is not installed")
        import ray

        made = RayCluster(nodes)
        patch.setenv("GENLAB_RAY_ADDRESS", made.address)
        patch.setenv("GENLAB_EXECUTOR", "ray")
        try:
            yield made
        finally:
            ray.shutdown()
            made.stop()
