"""The estimate of a wait in the queue, against a simulation of the workers."""

from __future__ import annotations

import math

import numpy as np
import pytest

from genlab.runs.store import RunRow
from genlab.runs.waits import expected_wait, seconds_of

KIND = {"model": "vae", "data": "digits"}


def run(name: str, step: int = 0, speed: float = 0.0, steps: int = 100, **more: float) -> RunRow:
    return RunRow(name, KIND, "running", step=step, steps=steps, speed=speed, **more)  # type: ignore[arg-type]


def simulated(left: list[float], before: list[float], workers: int) -> float:
    """When the run after all these begins, by walking through time."""
    work, queue, now = sorted(left), [*before, 0.0], 0.0
    while True:
        while queue and len(work) < workers:
            length = queue.pop(0)
            if not queue:
                return now
            work.append(length)
        soonest = min(work)
        now += soonest
        work = sorted(value - soonest for value in work)[1:]


@pytest.mark.parametrize("seed", range(20))
def test_the_estimate_is_that_of_a_simulation(seed: int) -> None:
    draw = np.random.default_rng(seed)
    workers = int(draw.integers(1, 4))
    left = list(draw.uniform(5, 50, workers))
    before = list(draw.uniform(5, 50, int(draw.integers(0, 4))))
    running = [run(f"r{k}", 0, 100 / value) for k, value in enumerate(left)]
    queued = [
        RunRow(f"q{k}", {**KIND, "model": f"m{k}"}, "queued", steps=100)
        for k in range(len(before))
    ]
    ended = [
        RunRow(
            f"e{k}",
            {**KIND, "model": f"m{k}"},
            "done",
            step=200,
            steps=200,
            started=10.0,
            ended=10.0 + 2 * value,
        )
        for k, value in enumerate(before)
    ]
    mine = RunRow("mine", KIND, "queued", steps=100)
    wait = expected_wait(mine, running, [*queued, mine], workers, ended)
    assert wait == pytest.approx(simulated(left, before, workers))


def test_a_free_worker_means_no_wait_and_nothing_known_is_nan() -> None:
    mine = run("mine")
    assert expected_wait(mine, [run("a", 1, 1.0)], [mine], 2) == 0.0
    assert math.isnan(expected_wait(mine, [run("a")], [mine], 1))


def test_how_long_a_run_takes_is_that_of_the_last_one_of_its_kind() -> None:
    ended = [
        RunRow("x", {"model": "gan", "data": "ring"}, "done", step=10, started=1.0, ended=1000.0),
        RunRow("y", KIND, "stopped", step=50, steps=100, started=100.0, ended=110.0),
    ]
    assert seconds_of(run("mine"), ended) == pytest.approx(20.0)
    assert math.isnan(seconds_of(run("mine"), []))
