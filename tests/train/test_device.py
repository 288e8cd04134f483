"""The option ``device``: read, checked before anything starts, and passed to every tensor."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch

import genlab
from genlab import data as datasets
from genlab.core.device import DEVICES, DeviceError, as_device, available, missing, require
from genlab.core.errors import SpecError
from genlab.core.random import seed_run
from genlab.core.run_spec import RunSpec, algorithms_for, models_for, objectives_for
from genlab.core.tables import ALGORITHMS, MODELS
from genlab.train.loop import train
from genlab.train.observers import Observer
from genlab.train.snapshots import restore_state, take

DATA: tuple[dict[str, Any], ...] = (
    {"data": "ring"},
    {"data": "digits"},
    {"data": "digits", "binarise": "threshold"},
)
#: What PyTorch says where a step asks for the value of a number: a ``meta`` tensor has none.
NO_NUMBERS = ("item() cannot be called on meta tensors", "no fake impl or Meta kernel")


def pairs() -> list[dict[str, Any]]:
    """Each model with each objective of gradient descent, on the first data that it fits."""
    found = []
    for model in MODELS.names():
        for values in DATA:
            options = {k: v for k, v in values.items() if k != "data"}
            if model in models_for(values["data"], options):
                found += [
                    {**values, "model": model, "objective": objective}
                    for objective in objectives_for(model)
                    if "gradient" in algorithms_for(model, objective)
                ]
                break
    return found


def on(device: str, values: dict[str, Any]) -> RunSpec:
    """The run on a device that no option offers."""
    spec = RunSpec.build(**values, algorithm="gradient", batch=8, steps=2)
    return dataclasses.replace(spec, train=dataclasses.replace(spec.train, device=device))


def test_old_records_are_read_with_the_cpu() -> None:
    old = RunSpec.build(model="vae", data="digits").flat()
    assert old.pop("device") == "cpu"
    assert RunSpec.from_record(old).train.device == "cpu"


def test_auto_is_the_cpu() -> None:
    assert as_device("auto") == as_device("cpu") == torch.device("cpu")
    require("auto")


@pytest.mark.parametrize("name", DEVICES)
def test_what_is_missing_is_said_before_anything_starts(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if name in {"cpu", "auto"}:
        assert missing(name) is None
        return
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(DeviceError, match=r"available here: cpu, auto.*Nothing was started"):
        genlab.train(model="vae", data="digits", steps=1, device=name)
    assert available() == ("cpu", "auto")


def test_an_algorithm_of_the_cpu_offers_no_other_device() -> None:
    with pytest.raises(SpecError, match="allowed: cpu, auto"):
        RunSpec.build(model="topics", data="digits", device="cuda")


@pytest.mark.parametrize("values", pairs(), ids=lambda v: f"{v['model']}-{v['objective']}")
def test_a_step_leaves_no_tensor_behind(values: dict[str, Any]) -> None:
    """On ``meta`` an operation on tensors of two devices is an error."""
    spec = on("meta", values)
    data = datasets.load(spec)
    algorithm = ALGORITHMS["gradient"](spec)
    seed_run(0)
    state = algorithm.init(0, data)
    assert {p.device.type for p in state.model.parameters()} == {"meta"}
    x = data.train.x[:8].to("meta")
    y = data.train.y[:8].to("meta") if algorithm.labelled else None  # type: ignore[index]
    try:
        state, info = algorithm.step(state, x, y)
    except (RuntimeError, NotImplementedError) as error:
        if not any(words in str(error) for words in NO_NUMBERS):
            raise
        pytest.skip("the step asks for the value of a number, which a meta tensor lacks")
    assert {term.device.type for term in info.terms.values()} == {"meta"}


@pytest.mark.parametrize("name", ["cuda", "mps"])
def test_a_run_on_another_device(name: str) -> None:
    why = missing(name)
    if why is not None:
        pytest.skip(why)
    spec = on(name, {"model": "vae", "data": "digits"})
    data = datasets.load(spec)
    algorithm = ALGORITHMS["gradient"](spec)
    seed_run(0)

    class Look(Observer):
        def __call__(self, step: int, state: Any, info: Any) -> bool:
            assert {p.device.type for p in algorithm.model(state).parameters()} == {"cpu"}
            assert all(torch.isfinite(torch.tensor(v)) for v in info.means().values())
            return False

    state, steps = train(algorithm, data, algorithm.init(0, data), observers=[Look()])
    assert steps == 2
    snapshot = take(algorithm, state, steps)
    assert {t.device.type for t in snapshot.tensors.values()} == {"cpu"}
    again = restore_state(algorithm, snapshot, data)
    for a, b in zip(again.model.parameters(), state.model.parameters(), strict=True):
        assert a.device.type == name
        assert torch.equal(a, b)
    assert algorithm.sample(state, 3).device.type == "cpu"
