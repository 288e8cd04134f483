"""Runs of a group share a place and train by turns, fair by steps."""

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
from genlab.runs.files import run_files
from genlab.runs.sql import SqlStore
from genlab.runs.store import RunRow
from genlab.runs.supervisor import Supervisor
from genlab.runs.turns import Turns, note_group, partners_of

STEPS = 2000


class Rows:
    """A store that knows which runs are at work."""

    def __init__(self, *names: str, status: str = "running") -> None:
        me = f"{settings.host()}:1"
        self.rows = {name: RunRow(name, {}, "running", steps=STEPS, worker=me) for name in names}

    def runs(self, **_: Any) -> list[RunRow]:
        return [row for row in self.rows.values() if row.status == "running"]


def group(tmp_path: Path, store: Rows, names: str, workers: int = 1) -> list[Turns]:
    return [
        Turns(
            store,  # type: ignore[arg-type]
            store.rows[run],
            [other for other in names if other != run],
            tmp_path,
            workers,
            clock=lambda: 0.0,
        )
        for run in names
    ]


def train(sides: list[Turns], until: int) -> list[list[int]]:
    """Where all stand over time, each taking the steps that it may."""
    steps, told, idle = [0] * len(sides), [], 0
    # All say how far they are before the first step.
    for side in sides:
        side(0)
    while max(steps) < until:
        before = list(steps)
        for k, side in enumerate(sides):
            if side(steps[k]):
                steps[k] += 1
        # One that waits learns in the next round that it is its turn.
        idle = idle + 1 if steps == before else 0
        assert idle < 3, "all wait for each other"
        told.append(list(steps))
    return told


@pytest.mark.parametrize("names", ["ab", "abcd"])
def test_all_sides_advance_together(tmp_path: Path, names: str) -> None:
    told = train(group(tmp_path, Rows(*names), names), STEPS // 2)
    apart = max(max(steps) - min(steps) for steps in told)
    # Two turns of half a percent each, and the step that ends one.
    assert apart <= 0.01 * STEPS + 2
    # One trains while the others wait, apart from the steps at which they change.
    moved = [
        sum(a != b for a, b in zip(one, two, strict=True)) for one, two in itertools.pairwise(told)
    ]
    assert sum(n > 1 for n in moved) < 0.2 * len(told)


@pytest.mark.parametrize("status", ["paused", "failed"])
def test_nobody_waits_for_who_does_not_train(tmp_path: Path, status: str) -> None:
    store = Rows("a", "b", "c")
    for one in group(tmp_path, store, "abc"):
        one(0)
    # The file in which "b" said how far it is remains, as after a crash.
    store.rows["b"] = replace(store.rows["b"], status=status)
    first, _, third = group(tmp_path, store, "abc")
    (tmp_path / "b.step").write_text("0.0")
    assert max(map(max, train([first, third], STEPS // 4))) == STEPS // 4
    store.rows["c"] = replace(store.rows["c"], status=status)
    again = group(tmp_path, store, "abc")[0]
    assert all(again(step) for step in range(0, STEPS, 50))


def test_with_workers_enough_all_train_at_once(tmp_path: Path) -> None:
    first, second = group(tmp_path, Rows("a", "b"), "ab", workers=2)
    second(0)
    assert all(first(step) for step in range(0, STEPS, 50))
    # Another run takes the second worker: now they take turns.
    first, second = group(tmp_path, Rows("a", "b", "c"), "ab", workers=2)
    for one in (first, second):
        one(0)
    assert not all(first(step) for step in range(0, STEPS, 50))


def test_notes_of_pairs_that_older_versions_wrote_are_read(tmp_path: Path) -> None:
    run_files(LocalFolder(tmp_path), "a").write_json("partner.json", {"run": "b"})
    assert partners_of(LocalFolder(tmp_path), "a") == ("b",)


@pytest.mark.parametrize("n", [2, 4])
def test_a_group_has_one_place_and_is_started_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, n: int
) -> None:
    url, files = f"sqlite:///{tmp_path / 'genlab.db'}", str(tmp_path / "files")
    store = SqlStore(url)
    spec = RunSpec.build(model="gan", data="ring", steps=10).flat()
    *alike, other = (store.create(spec) for _ in range(n + 1))
    note_group(LocalFolder(files), alike)
    assert partners_of(LocalFolder(files), alike[0]) == tuple(alike[1:])
    assert partners_of(LocalFolder(files), other) == ()
    supervisor = Supervisor(url, files, workers=1)
    started: list[Task] = []
    monkeypatch.setattr(supervisor.executor, "start", started.append)
    monkeypatch.setattr(supervisor.executor, "active", lambda: list(started))
    supervisor.tick()
    assert [task.key for task in started] == alike
    for run in alike:
        store.claim(f"{settings.host()}:1", run)
    supervisor.tick()
    assert len(started) == n, "one more run waits for the place of the group"
    for run in alike:
        store.set_status(run, "done")
    started.clear()
    supervisor.tick()
    assert [task.key for task in started] == [other]
    with contextlib.suppress(Exception):
        store.close()
