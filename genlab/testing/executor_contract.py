"""What every executor must do, as test cases: subclass, give a ``make`` fixture, and run."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from genlab.runs.executors import Executor, Task

Make = Callable[[Callable[[Task], None]], Executor]


def all_ended(executor: Executor, seconds: float = 180.0) -> dict[str, bool]:
    """What became of every task, by its key."""
    found: dict[str, bool] = {}
    until = time.monotonic() + seconds
    while executor.active():
        assert time.monotonic() < until, "a task did not end in time"
        found.update({ended.task.key: ended.well for ended in executor.poll_ended()})
        time.sleep(0.01)
    return found


class ExecutorContract:
    """The cases; ``make`` builds an executor for a function that does a task."""

    @pytest.fixture
    def make(self) -> Make:
        """Builds an executor."""
        raise RuntimeError("a subclass builds the executor")

    def test_a_task_runs_in_a_process_of_its_own(self, make: Make, tmp_path: Path) -> None:
        def work(task: Task) -> None:
            (tmp_path / task.key).write_text(f"{os.getpid()}")

        executor = make(work)
        executor.start(Task("run", "a"))
        executor.start(Task("job", "b"))
        assert {task.key for task in executor.active()} == {"a", "b"}
        assert all_ended(executor) == {"a": True, "b": True}
        pids = {(tmp_path / name).read_text() for name in ("a", "b")}
        assert len(pids | {str(os.getpid())}) == 3
        assert executor.poll_ended() == []

    def test_starting_does_not_wait(self, make: Make) -> None:
        executor = make(lambda _: time.sleep(1.5))
        start = time.monotonic()
        executor.start(Task("run", "slow"))
        assert time.monotonic() - start < 1.0
        assert executor.poll_ended() == []
        assert all_ended(executor) == {"slow": True}

    def test_one_that_fails_or_is_killed_leaves_the_others(self, make: Make) -> None:
        def work(task: Task) -> None:
            if task.key == "fails":
                raise RuntimeError("as it should in this test")
            if task.key == "killed":
                os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(0.2)

        executor = make(work)
        for key in ("fails", "killed", "good"):
            executor.start(Task("run", key))
        assert all_ended(executor) == {"fails": False, "killed": False, "good": True}
