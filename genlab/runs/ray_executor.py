"""The executor of a Ray cluster: Ray assigns the processes to its nodes, the store does the rest.

The supervisor only submits. Each task is a process that claims its run in the store, as a forked
one does; its heartbeats, commands and snapshots go the same ways. Ray never tries a
task again: it cannot know whether the worker of a node that fell silent is still writing. A lost
run is queued by the supervisor when its lease is over, and claimed under its next attempt.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from genlab.core.errors import StoreError
from genlab.core.folders import PACKAGE
from genlab.runs.executors import Ended, Executor, Task

#: Variables that a node needs in order to do a task as the supervisor's host would.
PASSED = ("GENLAB_", "AWS_")


def work(url: str, files: str, kind: Any, key: str) -> None:
    """Do a task in this process: what Ray calls on a node."""
    from genlab.runs.tasks import do

    do(url, files, Task(kind, key))


class RayExecutor(Executor):
    """Starts processes on the nodes of a Ray cluster.

    The environment variable ``GENLAB_RAY_ADDRESS`` has the address of the cluster, by default
    that of this host. A task takes one processor, which is the number of threads of a run.

    Args:
        task_work: does a task; a node has :func:`work` instead, which opens its own store.
        before, after: of executors that fork; unused here.
        place: the URLs of the store and of the files, which every node must reach.

    Raises:
        StoreError: if Ray is not installed, or there is no cluster.
    """

    keeps_places = True

    def __init__(
        self,
        task_work: Callable[[Task], None],
        *,
        before: Callable[[], None] = lambda: None,
        after: Callable[[], None] = lambda: None,
        place: tuple[str, str] = ("", ""),
    ) -> None:
        super().__init__(task_work)
        self._place = place
        try:
            import ray
        except ImportError:
            raise StoreError(
                "GENLAB_EXECUTOR = 'ray' needs the package ray: pip install 'genlab[cluster]'. "
                "Nothing was started."
            ) from None
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        address = os.environ.get("GENLAB_RAY_ADDRESS", "").strip() or "auto"
        given = {k: v for k, v in os.environ.items() if k.startswith(PASSED)}
        given |= {"PYTHONPATH": str(PACKAGE.parent), "OPENBLAS_NUM_THREADS": "1"}
        # The name of the node, on which the process is looked up.
        given.pop("GENLAB_NODE", None)
        try:
            ray.init(
                address=address,
                runtime_env={"env_vars": given},
                log_to_driver=False,
                ignore_reinit_error=True,
            )
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise StoreError(
                f"GENLAB_RAY_ADDRESS = {address!r}: there is no Ray cluster: {error}. Start one "
                "by `ray start --head`. Nothing was started."
            ) from None
        self._ray = ray
        self._remote = ray.remote(num_cpus=1, max_calls=1, max_retries=0)(work)
        self._tasks: dict[Any, Task] = {}

    def start(self, task: Task) -> None:
        self._tasks[self._remote.remote(*self._place, task.kind, task.key)] = task

    def release(self, task: Task) -> None:
        for ref, known in list(self._tasks.items()):
            if known == task:
                del self._tasks[ref]
                self._ray.cancel(ref, force=True)

    def poll_ended(self) -> list[Ended]:
        if not self._tasks:
            return []
        refs = list(self._tasks)
        ended, _ = self._ray.wait(refs, num_returns=len(refs), timeout=0)
        found = []
        for ref in ended:
            try:
                self._ray.get(ref)
                well = True
            except self._ray.exceptions.RayError:
                well = False
            found.append(Ended(self._tasks.pop(ref), well))
        return found

    def active(self) -> tuple[Task, ...]:
        return tuple(self._tasks.values())
