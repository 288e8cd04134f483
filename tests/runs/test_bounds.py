"""The bounds of a run: refused before it starts, held while it runs, and named where it broke."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from genlab import runs
from genlab.core.errors import SpecError
from genlab.core.folders import ROOT
from genlab.core.run_spec import RunSpec
from genlab.runs import bounds, foreground, settings, worker
from genlab.runs.bounds import RESERVE, death_words, failure_words, limit_memory
from genlab.runs.executors import LocalExecutor, Task
from genlab.train import gradient

SMALL: dict[str, Any] = {"model": "vae", "data": "digits", "steps": 6, "batch": 16, "hidden": 16}
HUGE = {"model": "vae", "data": "digits", "hidden": 4096, "layers": 8, "batch": 64}


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(runs, "ensure_supervisor", lambda: None)
    monkeypatch.delenv("GENLAB_EXECUTOR", raising=False)
    runs.configure(f"sqlite:///{tmp_path}/genlab.db", tmp_path)
    yield tmp_path
    runs.configure()


def test_what_needs_too_much_memory_is_not_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENLAB_WORKER_MEMORY", "4096")
    spec = RunSpec.build(**HUGE)
    for start in (
        lambda: runs.start(spec),
        lambda: runs.start_together({"a": spec, "b": spec}),
        lambda: foreground.train(HUGE),
    ):
        with pytest.raises(SpecError, match="would fit"):
            start()
    assert not runs.store().runs()
    # Where other machines train, each asks its own memory.
    monkeypatch.setenv("GENLAB_EXECUTOR", "ray")
    assert bounds.check_start(spec, runs.files()) is None


def test_a_fork_that_needs_too_much_is_not_started(monkeypatch: pytest.MonkeyPatch) -> None:
    run = foreground.train(SMALL).id
    monkeypatch.setenv("GENLAB_WORKER_MEMORY", "130")
    with pytest.raises(SpecError, match="needs about"):
        runs.fork(run, 4, {"batch": 8192})
    assert len(runs.store().runs()) == 1


def test_the_worker_asks_again_on_its_own_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    run = runs.start(RunSpec.build(**SMALL))
    monkeypatch.setenv("GENLAB_WORKER_MEMORY", "16")
    row = runs.store().claim(settings.worker_id(), run)
    assert row is not None
    after = worker.perform(runs.store(), runs.files(), row)
    assert after.status == "failed"
    assert "needs about" in after.message


def test_snapshots_that_the_disk_has_no_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    values = {"model": "vae", "data": "digits", "hidden": 1024, "layers": 4, "snapshots": 24}
    spec = RunSpec.build(**values)
    need = bounds.check_start(spec, runs.files())
    assert need is not None
    free = RESERVE + need.disk // 2
    monkeypatch.setattr(bounds, "free_disk", lambda _: free)
    with pytest.raises(SpecError, match="snapshots = 12 would fit") as caught:
        runs.start(spec)
    assert caught.value.repair == {"snapshots": 12}
    runs.start(RunSpec.build(**{**values, "snapshots": 12}))
    monkeypatch.setattr(bounds, "free_disk", lambda _: RESERVE // 2)
    with pytest.raises(SpecError, match="delete runs first"):
        runs.start(spec)


def test_the_form_says_it_before_anything_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    from genlab.ui import forms

    values = RunSpec.build(**HUGE).flat()
    monkeypatch.setenv("GENLAB_WORKER_MEMORY", "4096")
    assert "235,569,232 parameters" in str(forms.obstacle(values))
    assert forms.repair_of(values) == {"hidden": 2048}
    assert forms.obstacle(values | {"hidden": 1024}) is None


LIMITED = """
import resource, sys
from genlab.runs.bounds import data_memory, limit_memory, failure_words
import torch
limit = limit_memory(200 << 20)
assert 0 < limit - data_memory() <= 200 << 20
small = torch.zeros(20 << 20)
try:
    torch.zeros(100 << 20)
except RuntimeError as error:
    print(failure_words(error))
"""


def test_a_process_is_refused_what_is_above_its_limit() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LIMITED], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("Out of memory: the process has ")
    assert "MiB of " in done.stdout or "GiB of " in done.stdout


def test_no_budget_is_no_limit() -> None:
    before = resource.getrlimit(resource.RLIMIT_DATA)
    assert limit_memory(0) == 0
    assert resource.getrlimit(resource.RLIMIT_DATA) == before


class PanicException(BaseException):
    """As pyo3 raises it: no ``Exception``."""


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            RuntimeError("DefaultCPUAllocator: can't allocate memory"),
            "Out of memory",
        ),
        (MemoryError(), "Out of memory"),
        (PanicException("called `Option::unwrap()`"), "PanicException"),
        (ZeroDivisionError("division by zero"), "ZeroDivisionError: division by zero"),
    ],
    ids=["torch", "python", "panic", "other"],
)
def test_whatever_breaks_a_run_its_row_says_so(
    monkeypatch: pytest.MonkeyPatch, error: BaseException, words: str
) -> None:
    step = gradient.GradientAlgorithm.step

    def broken(self: Any, state: Any, *batch: Any) -> Any:
        if state.steps == 3:
            raise error
        return step(self, state, *batch)

    monkeypatch.setattr(gradient.GradientAlgorithm, "step", broken)
    view = foreground.train(SMALL)
    assert view.row.status == "failed"
    assert words in view.row.message
    assert "The snapshot of step" in view.row.message


def test_what_a_signal_says() -> None:
    assert "(SIGKILL)" in death_words(signal.SIGKILL)
    assert "segmentation fault" in death_words(signal.SIGSEGV)
    assert "aborted" in death_words(signal.SIGABRT)
    assert "code 3" in death_words(3 << 8)
    assert death_words(0) == ""
    assert failure_words(ValueError("x")).endswith("ValueError: x.")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT])
def test_the_executor_tells_what_its_process_died_of(number: int) -> None:
    def die(task: Task) -> None:
        os.kill(os.getpid(), number)

    executor = LocalExecutor(die)
    executor.start(Task("run", "a"))
    ended = []
    until = time.monotonic() + 30
    while not ended and time.monotonic() < until:
        ended = executor.poll_ended()
        time.sleep(0.01)
    assert not ended[0].well
    assert signal.Signals(number).name in ended[0].words
