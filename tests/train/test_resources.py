"""The predicted memory bounds what a process takes, and a run that does not fit is refused."""

from __future__ import annotations

import subprocess
import sys

import pytest

from genlab.core import machine
from genlab.core.errors import SpecError, StoreError
from genlab.core.folders import ROOT
from genlab.core.machine import in_bytes, worker_memory
from genlab.core.run_spec import RunSpec, models_for
from genlab.train.resources import _per_example, check_memory, predict_resources

#: Two steps and a snapshot in a process of their own; prints by how many bytes it grew at most.
MEASURE = """
import sys, threading, time, torch
torch.set_num_threads(1)
from genlab.core.run_spec import RunSpec
from genlab.core.tables import ALGORITHMS
from genlab import data, runs
from genlab.train.snapshots import take
from safetensors.torch import save
def rss(): return int(open('/proc/self/statm').read().split()[1]) * 4096
spec = RunSpec.build(**dict(a.split('=') for a in sys.argv[1:]))
found = data.load(spec)
algorithm = ALGORITHMS[spec.algorithm](spec)
x = found.train.model_input(found.meta)
first = peak = rss()
def watch():
    global peak
    while True:
        peak = max(peak, rss()); time.sleep(0.004)
threading.Thread(target=watch, daemon=True).start()
state = algorithm.init(0, found)
for step in range(2):
    index = torch.randint(0, len(x), (spec.train.batch,))
    state, _ = algorithm.step(state, x[index])
kept = save({k: v.contiguous() for k, v in take(algorithm, state, 2).tensors.items()})
print(max(peak, rss()) - first)
"""


@pytest.mark.parametrize(
    "values",
    [
        {"model": "dcgan", "data": "mnist5k", "batch": "768"},
        {"model": "conv_vae", "data": "mnist5k", "batch": "768"},
        {"model": "vae", "data": "digits", "hidden": "2048", "layers": "3", "batch": "64"},
        {"model": "gan", "data": "ring"},
    ],
    ids=lambda values: values["model"],
)
def test_a_process_takes_no_more_than_was_predicted(values: dict[str, str]) -> None:
    words = [f"{k}={v}" for k, v in values.items()]
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, *words], cwd=ROOT, capture_output=True, check=True
    )
    took = int(done.stdout)
    predicted = predict_resources(RunSpec.build(**values)).memory
    assert took <= predicted, f"{in_bytes(took)} > {in_bytes(predicted)}"
    # It is a bound, and not an excuse to refuse everything.
    assert predicted < 4 * took + (224 << 20)


@pytest.mark.parametrize("data", ["ring", "digits"])
def test_every_model_can_be_estimated(data: str) -> None:
    binary = {"binarise": "threshold"} if data == "digits" else {}
    for model in models_for(data, binary):
        spec = RunSpec.build(model=model, data=data, **binary)
        need = predict_resources(spec)
        assert need.memory < 1 << 30, model
        if spec.algorithm == "gradient":
            assert need.parameters > 0, model


def test_a_large_model_is_counted_without_its_memory() -> None:
    before = machine._meminfo("MemAvailable")
    need = predict_resources(
        RunSpec.build(model="vae", data="digits", hidden=4096, layers=8, batch=64)
    )
    # Encoder and decoder have seven products of 4096 each, beside the ends.
    assert 14 * 4096**2 < need.parameters < 15 * 4096**2
    # Seen: 11 GB.
    assert 11e9 < need.memory < 16e9
    assert before == 0 or abs(before - machine._meminfo("MemAvailable")) < 2 << 30


def test_the_batch_counts_and_the_steps_do_not() -> None:
    one = predict_resources(RunSpec.build(model="conv_vae", data="digits", batch=64))
    two = predict_resources(
        RunSpec.build(model="conv_vae", data="digits", batch=128, steps=5, seed=3)
    )
    assert two.saved == 2 * one.saved
    hits = _per_example.cache_info().hits
    predict_resources(RunSpec.build(model="conv_vae", data="digits", batch=32, steps=7, seed=4))
    assert _per_example.cache_info().hits == hits + 1


def test_what_does_not_fit_is_refused_with_numbers_and_with_what_would_fit() -> None:
    spec = RunSpec.build(model="vae", data="digits", hidden=4096, layers=8, batch=64)
    with pytest.raises(SpecError) as caught:
        check_memory(spec, 4 << 30)
    text = str(caught.value)
    assert "235,569,232 parameters" in text
    assert "may take 4 GiB" in text
    assert caught.value.repair
    (option, value) = next(iter(caught.value.repair.items()))
    assert f"{option} = {value} would fit" in text
    smaller = RunSpec.build(**{**spec.flat(), option: value})
    assert check_memory(smaller, 4 << 30).memory <= 4 << 30
    with pytest.raises(SpecError, match="no smaller value"):
        check_memory(spec, 1 << 20)
    assert check_memory(spec, 0).parameters == 235_569_232


def test_a_batch_that_does_not_fit_is_made_smaller() -> None:
    spec = RunSpec.build(model="dcgan", data="mnist5k", batch=8192)
    with pytest.raises(SpecError) as caught:
        check_memory(spec, 1 << 30)
    assert list(caught.value.repair) == ["batch"]


def test_the_limit_of_the_setting_and_of_a_container(tmp_path, monkeypatch) -> None:
    assert worker_memory({"GENLAB_WORKER_MEMORY": "512"}) == 512 << 20
    assert worker_memory({"GENLAB_WORKER_MEMORY": "0"}) == 0
    with pytest.raises(StoreError, match="whole number of MiB"):
        worker_memory({"GENLAB_WORKER_MEMORY": "much"})
    (tmp_path / "memory.max").write_text(f"{1 << 30}\n")
    (tmp_path / "memory.current").write_text(f"{600 << 20}\n")
    (tmp_path / "memory.stat").write_text(f"anon 5\ninactive_file {100 << 20}\n")
    monkeypatch.setattr(machine, "CGROUP", tmp_path)
    assert machine.available_memory() <= 524 << 20
    assert machine.total_memory() <= 1 << 30
