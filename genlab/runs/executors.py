"""Executors, which start the processes of runs and jobs: the interface, and the one that forks."""

from __future__ import annotations

import abc
import contextlib
import os
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from genlab.runs import settings
from genlab.runs.bounds import death_words


@dataclass(frozen=True)
class Task:
    """The task of a process: a run by its id, a job by its key, a step of a chore by its name."""

    kind: Literal["run", "job", "chore"]
    key: str


class Ended(NamedTuple):
    """A task whose process ended.

    Args:
        task: the task.
        well: whether the process succeeded.
        worker: the name under which it claimed runs; empty where the executor does not know it.
        words: what ended the process, as a sentence; empty where that is not known.
    """

    task: Task
    well: bool
    worker: str = ""
    words: str = ""


class Executor(abc.ABC):
    """Starts processes and reports which have ended.

    Args:
        work: does a task to its end, in the process started for it.
    """

    def __init__(self, work: Callable[[Task], None]) -> None:
        self.work = work

    #: Whether its tasks keep their slots while they are paused, or running on another host.
    keeps_places = False

    def release(self, task: Task) -> None:
        """Forget a task whose worker does not answer: another process may take it."""
        return None

    @abc.abstractmethod
    def start(self, task: Task) -> None:
        """Start a process for a task; does not wait."""

    @abc.abstractmethod
    def poll_ended(self) -> list[Ended]:
        """The tasks whose process ended since the last call."""

    @abc.abstractmethod
    def active(self) -> tuple[Task, ...]:
        """The tasks whose process has not ended."""


class LocalExecutor(Executor):
    """Forks this process, so that imported modules and loaded data are available at once.

    The process that forks must never have run a parallel torch operation.

    Args:
        work: does a task.
        before: called first in the child, to close what it must not share.
        after: called in the parent before each fork, for the same reason.
        place: what ``work`` knows already.
    """

    def __init__(
        self,
        work: Callable[[Task], None],
        *,
        before: Callable[[], None] = lambda: None,
        after: Callable[[], None] = lambda: None,
        place: tuple[str, str] = ("", ""),
    ) -> None:
        super().__init__(work)
        self._child_first, self._parent_first = before, after
        self._tasks: dict[int, Task] = {}

    def start(self, task: Task) -> None:
        self._parent_first()
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid:
            self._tasks[pid] = task
            return
        code = 1
        try:
            # A new session: a Ctrl-C or a closed terminal does not reach it.
            os.setsid()
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            with contextlib.suppress(OSError):
                os.nice(5)
            self._child_first()
            self.work(task)
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            with contextlib.suppress(OSError, ValueError):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(code)

    def poll_ended(self) -> list[Ended]:
        found = []
        for pid in list(self._tasks):
            try:
                gone, code = os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                gone, code = pid, 1 << 8
            if gone:
                worker = settings.worker_id(pid)
                words = death_words(code)
                found.append(Ended(self._tasks.pop(pid), code == 0, worker, words))
        return found

    def active(self) -> tuple[Task, ...]:
        return tuple(self._tasks.values())
