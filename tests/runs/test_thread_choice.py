"""How many threads a run gets where its spec leaves the number open."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from genlab import runs
from genlab.core.run_spec import RunSpec
from genlab.runs import foreground, settings, thread_choice
from genlab.runs.thread_choice import choose_threads
from genlab.runs.turns import partners_of

IMAGES = RunSpec.build(model="vae", data="digits", threads=0, steps=3, hidden=8)
POINTS = RunSpec.build(model="gan", data="ring", threads=0, steps=3, hidden=8)


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(runs, "ensure_supervisor", lambda: None)
    monkeypatch.setattr(thread_choice, "cores", lambda: 8)
    runs.configure("memory:", tmp_path)
    yield
    runs.configure()


def threads(*specs: RunSpec) -> list[int]:
    return [spec.train.threads for spec in choose_threads(specs, runs.store())]


def test_images_take_the_idle_cores_and_points_one() -> None:
    assert threads(IMAGES) == [8]
    assert threads(POINTS) == [1]


@pytest.mark.parametrize(("running", "number"), [(1, 4), (2, 2), (3, 2), (7, 1), (20, 1)])
def test_running_runs_of_this_host_share_its_cores(running: int, number: int) -> None:
    for _ in range(running):
        runs.store().create(IMAGES.flat(), worker=settings.worker_id())
    runs.store().create(IMAGES.flat(), worker="elsewhere:1")
    assert threads(IMAGES) == [number]


@pytest.mark.parametrize(("waiting", "number"), [(1, 4), (3, 2), (30, 1)])
def test_waiting_runs_share_the_cores_too(waiting: int, number: int) -> None:
    # A class presses Start at once: the first run must not take what the others will need.
    for _ in range(waiting):
        runs.store().create(IMAGES.flat())
    assert threads(IMAGES) == [number]


def test_runs_that_are_started_together_have_one_number() -> None:
    assert threads(IMAGES, IMAGES) == [4, 4]
    assert threads(IMAGES, POINTS) == [1, 1]


def test_a_number_that_is_given_stays() -> None:
    assert threads(RunSpec.build(model="vae", data="digits", threads=3), IMAGES) == [3, 4]


def test_the_number_is_part_of_the_record_and_of_a_fork() -> None:
    run = runs.start(IMAGES)
    assert runs.store().get(run).spec["threads"] == 8
    runs.store().set_status(run, "done")
    pair = runs.start_together({"a": IMAGES, "b": IMAGES})
    assert [runs.store().get(one).spec["threads"] for one in pair] == [4, 4]
    assert partners_of(runs.files(), pair[0]) == (pair[1],)


def test_a_run_in_this_process_takes_one_thread_where_the_number_is_open() -> None:
    before = torch.get_num_threads()
    seen: list[int] = []

    class Watch:
        every = 1

        def begin(self, step: int, state: object) -> bool:
            seen.append(torch.get_num_threads())
            return False

        def __call__(self, step: int, state: object, info: object) -> bool:
            return False

        def end(self, step: int, state: object) -> None:
            return None

    foreground.train(IMAGES.flat(), observers=[Watch()])
    assert seen == [1]
    assert torch.get_num_threads() == before
