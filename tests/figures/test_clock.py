"""Seconds of training: what rests in between is not counted."""

from __future__ import annotations

import pytest

from genlab.figures.live import clock, seconds_at, step_at
from genlab.runs.store import Record


def scalars(times: dict[int, float]) -> list[Record]:
    return [Record(step, "scalars", {}, time=t) for step, t in times.items()]


def test_time_runs_from_the_first_step_and_a_pause_is_left_out() -> None:
    begun = 1.79e9
    times = {step: begun + 0.01 * step for step in range(10, 201, 10)}
    times |= {step: begun + 3600 + 0.01 * step for step in range(210, 401, 10)}
    steps, seconds = clock(scalars(times))
    assert steps[0] == 0
    assert seconds == pytest.approx([0.01 * step for step in steps], abs=0.02)
    assert seconds == sorted(seconds)


def test_a_resumed_run_counts_what_it_did_again_once() -> None:
    rows = scalars({step: float(step) / 10 for step in range(10, 101, 10)})
    again = scalars({step: 500.0 + step / 10 for step in range(60, 151, 10)})
    steps, seconds = clock([*rows, *again])
    assert steps == list(range(0, 151, 10))
    assert seconds[-1] == pytest.approx(15.0, abs=0.1)


def test_slow_looks_are_part_of_the_time() -> None:
    """Two seconds are no rest, however quick the steps are."""
    steps, seconds = clock(scalars({10: 0.0, 20: 0.1, 30: 2.1, 40: 2.2}))
    assert seconds[-1] == pytest.approx(2.3, abs=0.01)
    assert len(steps) == 5


def test_there_and_back() -> None:
    steps, seconds = clock(scalars({10: 1.0, 20: 3.0, 40: 4.0}))
    for step in (0, 5, 10, 17, 33, 40):
        assert step_at(steps, seconds, seconds_at(steps, seconds, step)) == pytest.approx(step)
    assert clock([]) == ([], [])
    assert seconds_at([], [], 3) == step_at([], [], 3) == 0.0
    assert clock([Record(0, "event", {}, time=1.0)]) == ([], [])
