"""The running mean of the weights against its written-out sum, and its state to and fro."""

from __future__ import annotations

import pytest
import torch

from genlab import data as datasets
from genlab.core.errors import SnapshotError
from genlab.core.random import capture, restore, scope, seed_run
from genlab.core.run_spec import RunSpec
from genlab.data.base import Batches, Dataset
from genlab.train.algorithm import Packed
from genlab.train.gradient import GradientAlgorithm, GradientState


def start(
    ema_decay: float, model: str = "gan", data: str = "ring"
) -> tuple[GradientAlgorithm, GradientState, Dataset]:
    spec = RunSpec.build(model=model, data=data, batch=16, ema_decay=ema_decay)
    loaded = datasets.load(spec)
    seed_run(0)
    algorithm = GradientAlgorithm(spec)
    return algorithm, algorithm.init(0, loaded), loaded


def batch(data: Dataset, step: int) -> torch.Tensor:
    return data.train.x[Batches(len(data.train), 16, 0).index(step)]


def test_the_mean_is_the_weighted_sum_of_the_path() -> None:
    """Weights of the path in closed form: (1 − aₛ) times all later aₜ, in double precision."""
    algorithm, state, data = start(0.6)
    name = "generator.0.weight"
    path = [state.model.state_dict()[name].double()]
    for step in range(20):
        state, _ = algorithm.step(state, batch(data, step))
        path.append(state.model.state_dict()[name].double())
    keep = [0.0, *(min(0.6, t / (t + 9)) for t in range(1, 21))]
    share = [(1.0 - keep[s]) * torch.tensor(keep[s + 1 :]).double().prod() for s in range(21)]
    assert sum(share) == pytest.approx(1.0)
    mean = sum(w * x for w, x in zip(share, path, strict=True))
    seen = algorithm.model(state).state_dict()[name]
    torch.testing.assert_close(seen.double(), mean, rtol=1e-5, atol=1e-7)
    assert not torch.equal(seen, state.model.state_dict()[name])


def test_training_does_not_feel_it() -> None:
    with_mean, mine, data = start(0.9)
    without, other, _ = start(0.0)
    stream = capture()
    for step in range(5):
        mine, _ = with_mean.step(mine, batch(data, step))
    restore(stream)
    for step in range(5):
        other, _ = without.step(other, batch(data, step))
    pairs = zip(mine.model.parameters(), other.model.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
    assert without.model(other) is other.model


@pytest.mark.parametrize(("model", "data"), [("gan", "ring"), ("dcgan", "digits")])
def test_a_mean_put_back_goes_on_bit_by_bit(model: str, data: str) -> None:
    algorithm, state, source = start(0.9, model, data)
    for step in range(3):
        state, _ = algorithm.step(state, batch(source, step))
    packed, stream = algorithm.pack(state), capture()
    for step in range(3, 6):
        state, _ = algorithm.step(state, batch(source, step))
    expected = algorithm.pack(state).tensors
    with scope(77, "another stream"):
        other = algorithm.unpack(Packed(packed.tensors, packed.values), source)
    restore(stream)
    for step in range(3, 6):
        other, _ = algorithm.step(other, batch(source, step))
    got = algorithm.pack(other).tensors
    assert set(got) == set(expected)
    assert all(torch.equal(v, got[k]) for k, v in expected.items())
    assert other.model.training


def test_what_is_looked_at_is_the_mean_with_the_models_own_statistics() -> None:
    algorithm, state, data = start(0.9, "dcgan", "digits")
    for step in range(2):
        state, _ = algorithm.step(state, batch(data, step))
    seen, raw = algorithm.model(state), state.model
    assert not seen.training
    assert raw.training
    buffers = list(zip(seen.buffers(), raw.buffers(), strict=True))
    assert buffers
    assert all(torch.equal(a, b) for a, b in buffers)
    packed = algorithm.pack(state).tensors
    for prefix, model in (("model/", seen), ("raw/", raw)):
        of_it = {k: v for k, v in packed.items() if k.startswith(prefix)}
        assert {k.removeprefix(prefix) for k in of_it} == set(model.state_dict())
        assert all(torch.equal(v, of_it[prefix + k]) for k, v in model.state_dict().items())


def test_a_mean_may_begin_or_end_where_a_run_goes_on() -> None:
    """A snapshot of one kind is taken up by the other; the weights that learn are the same."""
    plain, state, data = start(0.0)
    state, _ = plain.step(state, batch(data, 0))
    averaged = GradientAlgorithm(RunSpec.build(model="gan", data="ring", ema_decay=0.9))
    begun = averaged.unpack(plain.pack(state), data)
    name = "generator.0.weight"
    first = state.model.state_dict()[name].clone()
    assert torch.equal(averaged.model(begun).state_dict()[name], first)
    begun, _ = averaged.step(begun, batch(data, 1))
    ended = plain.unpack(averaged.pack(begun), data)
    now = plain.model(ended).state_dict()[name]
    assert torch.equal(now, begun.model.state_dict()[name])
    assert not torch.equal(now, averaged.model(begun).state_dict()[name])


def test_a_mean_of_another_model_is_refused() -> None:
    algorithm, state, data = start(0.9)
    packed = algorithm.pack(state)
    other = GradientAlgorithm(
        RunSpec.build(
            model="gan", data="ring", ema_decay=0.9, hidden=state.model.options.hidden + 1
        )
    )
    with pytest.raises(SnapshotError, match="another model"):
        other.unpack(packed, data)
