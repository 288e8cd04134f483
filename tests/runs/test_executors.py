"""The local executor keeps the contract."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from genlab.core.errors import StoreError
from genlab.runs import settings, supervisor
from genlab.runs.executor_table import get_executor
from genlab.runs.executors import Executor, LocalExecutor, Task
from genlab.testing.executor_contract import ExecutorContract, Make, all_ended


class TestLocal(ExecutorContract):
    @pytest.fixture
    def make(self) -> Make:
        return LocalExecutor

    def test_a_closed_terminal_does_not_reach_it(self, make: Make, tmp_path: Path) -> None:
        executor = make(lambda _: (tmp_path / "session").write_text(f"{os.getsid(0)}") and None)
        executor.start(Task("run", "a"))
        assert all_ended(executor) == {"a": True}
        assert (tmp_path / "session").read_text() != str(os.getsid(0))


def test_what_must_not_be_shared_is_given_back_before_and_after(tmp_path: Path) -> None:
    said: list[str] = []

    def child() -> None:
        (tmp_path / "child").write_text(" ".join([*said, "child"]))

    def work(task: Task) -> None:
        (tmp_path / "work").write_text((tmp_path / "child").read_text() + " work")

    executor: Executor = LocalExecutor(work, before=child, after=lambda: said.append("parent"))
    executor.start(Task("run", "a"))
    assert all_ended(executor) == {"a": True}
    assert (tmp_path / "work").read_text() == "parent child work"
    assert said == ["parent"]


def test_an_unknown_executor_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENLAB_EXECUTOR", "slurm")
    with pytest.raises(StoreError, match=r"'slurm' is not possible: allowed: local, ray"):
        get_executor()
    with pytest.raises(StoreError, match="Nothing was started"):
        supervisor.ensure("sqlite:///x.db", "x")
    monkeypatch.setenv("GENLAB_EXECUTOR", "local")
    assert get_executor() is LocalExecutor


@pytest.mark.parametrize("given", ["0", "-1", "many", "1.5"])
def test_an_impossible_number_of_workers_is_said(
    monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    monkeypatch.setenv("GENLAB_WORKERS", given)
    with pytest.raises(StoreError, match="whole number"):
        settings.workers()


def test_the_number_of_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    count: Callable[[], int] = settings.workers
    monkeypatch.delenv("GENLAB_WORKERS", raising=False)
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    assert count() == 7
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    assert count() == 1
    monkeypatch.setenv("GENLAB_WORKERS", "3")
    assert count() == 3


def test_the_lock_has_one_holder(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/genlab.db"
    first, second = supervisor.Lock(url), supervisor.Lock(url)
    assert not supervisor.alive(url)
    assert first.take()
    assert supervisor.alive(url)
    assert not second.take(patience=0.1)
    first.close()
    assert second.take()
    second.close()
    other = settings.lock_file(f"sqlite:///{tmp_path}/other.db")
    assert other != first.path
