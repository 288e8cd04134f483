"""The time of a step is that of the run's own steps, and measuring it leaves no trace."""

from __future__ import annotations

import time

import pytest
import torch

from genlab import data
from genlab.core.random import capture
from genlab.core.run_spec import RunSpec
from genlab.core.tables import ALGORITHMS
from genlab.train import step_time
from genlab.train.resources import Resources
from genlab.train.step_time import measure_step, measured_batch


def test_it_is_the_time_that_steps_take(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = RunSpec.build(model="gan", data="ring", hidden=8, batch=16)
    cls = ALGORITHMS[spec.algorithm]
    plain = cls.step

    def slow(self, *given):
        time.sleep(0.02)
        return plain(self, *given)

    monkeypatch.setattr(cls, "step", slow)
    found = measure_step(spec, data.load(spec), most=5)
    assert found.steps == 5
    # No step can be shorter than its sleep; a busy machine makes it longer.
    assert 0.02 <= found.seconds < 2.0


def test_a_slow_first_step_says_nothing_of_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = RunSpec.build(model="gan", data="ring", hidden=8, batch=16)
    cls = ALGORITHMS[spec.algorithm]
    plain, waits = cls.step, iter([0.4, 0.3])

    def slow(self, *given):
        time.sleep(next(waits, 0.0))
        return plain(self, *given)

    monkeypatch.setattr(cls, "step", slow)
    found = measure_step(spec, data.load(spec))
    assert found.steps >= 3
    assert found.seconds < 0.2


def test_nothing_of_the_process_changes() -> None:
    spec = RunSpec.build(model="vae", data="digits", latent=2, hidden=8, threads=2)
    before, threads = capture(), torch.get_num_threads()
    measure_step(spec, data.load(spec), most=2)
    assert torch.equal(before, capture())
    assert torch.get_num_threads() == threads


def test_a_large_batch_is_measured_by_a_smaller_one() -> None:
    spec = RunSpec.build(model="vae", data="digits", batch=1024)
    assert measured_batch(spec, Resources(1000, 1000, 3)) == 1024
    assert measured_batch(spec, Resources(1000, 4 * step_time.WHOLE, 3)) == 256
    assert measured_batch(spec, Resources(10**9, 1000, 3)) == 0


@pytest.mark.parametrize(
    ("model", "name"),
    [("linear_regression", "linear_table"), ("topics", "digits"), ("cvae", "digits")],
)
def test_every_algorithm_can_be_measured(model: str, name: str) -> None:
    spec = RunSpec.build(model=model, data=name)
    found = measure_step(spec, data.load(spec), most=2)
    assert found.seconds > 0
