"""Two runs of a pair share a place and train by turns, fair by steps."""

from __future__ import annotations

import contextlib
import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from genlab.core.folders import LocalFolder
from genlab.core.run_spec import RunSpec
from genlab.runs import settings
from genlab.runs.executors import Task
from genlab.runs.sql import SqlStore
from genlab.runs.store import RunRow
from genlab.runs.supervisor import Supervisor
from genlab.runs.turns import Turns, note_pair, partner_of

STEPS = 2000


class Rows:
    """A store that knows which runs are at work."""

    def __init__(self, *names: str, status: str = "running") -> None:
        me = f"{settings.host()}:1"
        self.rows = {name: RunRow(name, {}, "running", steps=STEPS, worker=me) for name in names}

    def runs(self, **_: Any) -> list[RunRow]:
        return [row for row in self.rows.values() if row.status == "running"]


def pair(tmp_path: Path, store: Rows, workers: int = 1) -> tuple[Turns, Turns]:
    def one(run: str, other: str) -> Turns:
        return Turns(store, store.rows[run], other, tmp_path, workers, clock=lambda: 0.0)  # type: ignore[arg-type]

    return one("a", "b"), one("b", "a")


def train(sides: tuple[Turns, Turns], until: int) -> list[list[int]]:
    """Where both stand over time, each taking the steps that it may."""
    steps, told, idle = [0, 0], [], 0
    # Both say how far they are before the first step.
    for k in (0, 1):
        sides[k](0)
    while max(steps) < until:
        before = list(steps)
        for k in (0, 1):
            if sides[k](steps[k]):
                steps[k] += 1
        # The one that waits learns in the next round that it is its turn.
        idle = idle + 1 if steps == before else 0
        assert idle < 3, "both wait for each other"
        told.append(list(steps))
    return told


def test_both_sides_advance_together(tmp_path: Path) -> None:
    told = train(pair(tmp_path, Rows("a", "b")), STEPS // 2)
    apart = max(abs(a - b) for a, b in told)
    # Two turns of half a percent each, and the step that ends one.
    assert apart <= 0.01 * STEPS + 2
    # One trains while the other waits, apart from the steps at which they change.
    both = sum(a != c and b != d for (a, b), (c, d) in itertools.pairwise(told))
    assert both < 0.2 * len(told)


def test_who_is_alone_never_waits(tmp_path: Path) -> None:
    store = Rows("a", "b")
    first, second = pair(tmp_path, store)
    for one in (first, second):
        one(0)
    store.rows["b"] = replace(store.rows["b"], status="paused")
    again = Turns(store, store.rows["a"], "b", tmp_path, 1, clock=lambda: 0.0)  # type: ignore[arg-type]
    assert all(again(step) for step in range(0, STEPS, 50))


def test_with_workers_enough_both_train_at_once(tmp_path: Path) -> None:
    first, second = pair(tmp_path, Rows("a", "b"), workers=2)
    second(0)
    assert all(first(step) for step in range(0, STEPS, 50))
    # Another run takes the second worker: now they take turns.
    first, second = pair(tmp_path, Rows("a", "b", "c"), workers=2)
    for one in (first, second):
        one(0)
    assert not all(first(step) for step in range(0, STEPS, 50))


def test_a_pair_has_one_place_and_is_started_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, files = f"sqlite:///{tmp_path / 'genlab.db'}", str(tmp_path / "files")
    store = SqlStore(url)
    spec = RunSpec.build(model="gan", data="ring", steps=10).flat()
    first, second, other = (store.create(spec) for _ in range(3))
    note_pair(LocalFolder(files), first, second)
    assert partner_of(LocalFolder(files), first) == second
    assert partner_of(LocalFolder(files), other) == ""
    supervisor = Supervisor(url, files, workers=1)
    started: list[Task] = []
    monkeypatch.setattr(supervisor.executor, "start", started.append)
    monkeypatch.setattr(supervisor.executor, "active", lambda: list(started))
    supervisor.tick()
    assert [task.key for task in started] == [first, second]
    for run in (first, second):
        store.claim(f"{settings.host()}:1", run)
    supervisor.tick()
    assert len(started) == 2, "the third run waits for the place of the pair"
    for run in (first, second):
        store.set_status(run, "done")
    started.clear()
    supervisor.tick()
    assert [task.key for task in started] == [other]
    with contextlib.suppress(Exception):
        store.close()
