"""The gradient algorithm against a plain loop, and its state to and fro."""

from __future__ import annotations

import pytest
import torch

from genlab import data as datasets
from genlab.core.random import capture, restore, scope, seed_run
from genlab.core.run_spec import RunSpec
from genlab.core.tables import ALGORITHMS, OBJECTIVES
from genlab.data.base import Batches, Dataset
from genlab.train.algorithm import Packed
from genlab.train.gradient import GradientAlgorithm, GradientState

CASES = {
    "vae": {"model": "vae", "data": "digits"},
    "conv_vae": {"model": "conv_vae", "data": "digits"},
    "gan": {"model": "gan", "data": "ring"},
    "dcgan": {"model": "dcgan", "data": "digits", "objective": "minimax"},
}


def start(label: str) -> tuple[GradientAlgorithm, GradientState, Dataset]:
    spec = RunSpec.build(**CASES[label], batch=32)
    data = datasets.load(spec)
    seed_run(0)
    algorithm = ALGORITHMS["gradient"](spec)
    return algorithm, algorithm.init(0, data), data


def batch(data: Dataset, step: int) -> torch.Tensor:
    return data.train.x[Batches(len(data.train), 32, 0).index(step)]


@pytest.mark.parametrize("label", CASES)
def test_steps_are_those_of_the_textbook_loop(label: str) -> None:
    """Whole graph, unfused Adam, every gradient computed: the same weights after three steps."""
    algorithm, state, data = start(label)
    _, other, _ = start(label)
    spec, model = algorithm.spec, other.model
    objective = OBJECTIVES[spec.objective](spec.objective_options)
    o = spec.flat()
    plain = {
        p.name: torch.optim.Adam(
            list(model.player(p.name)), lr=o["lr"], betas=(o["beta1"], o["beta2"]), foreach=False
        )
        for p in objective.players
    }
    stream = capture()
    for step in range(3):
        state, _ = algorithm.step(state, batch(data, step))
    restore(stream)
    for step in range(3):
        x = batch(data, step)
        if len(objective.players) == 1:
            loss = objective.loss("model", model, x).value
            model.zero_grad()
            loss.backward()
            plain["model"].step()
            continue
        z = model.prior().sample((len(x),))
        fake = model.decode(z).mean
        model.zero_grad()
        row = objective.row
        (row.real(model.score(x)) + row.fake(model.score(fake.detach()))).mean().backward()
        plain["discriminator"].step()
        model.zero_grad()
        row.generator(model.score(fake)).mean().backward()
        plain["generator"].step()
    mine = torch.cat([p.detach().flatten() for p in state.model.parameters()])
    theirs = torch.cat([p.detach().flatten() for p in model.parameters()])
    # Adam divides a gradient by its own size: where it nearly vanishes, rounding decides the step.
    apart = (mine - theirs).abs()
    assert int((apart > 2e-6 + 1e-4 * theirs.abs()).sum()) <= 1e-3 * len(mine)
    assert float(apart.max()) <= 3 * o["lr"]


@pytest.mark.parametrize("label", CASES)
def test_a_state_put_back_goes_on_bit_by_bit(label: str) -> None:
    algorithm, state, data = start(label)
    for step in range(4):
        state, _ = algorithm.step(state, batch(data, step))
    packed, stream = algorithm.pack(state), capture()
    assert all(t.is_contiguous() for t in packed.tensors.values())
    frozen = {k: v.clone() for k, v in packed.tensors.items()}
    for step in range(4, 9):
        state, info = algorithm.step(state, batch(data, step))
    assert all(torch.equal(frozen[k], v) for k, v in packed.tensors.items())
    expected = algorithm.pack(state)
    with scope(77, "another stream"):
        other = algorithm.unpack(Packed(packed.tensors, packed.values), data)
    restore(stream)
    for step in range(4, 9):
        other, again = algorithm.step(other, batch(data, step))
    got = algorithm.pack(other)
    assert set(got.tensors) == set(expected.tensors)
    assert all(torch.equal(v, got.tensors[k]) for k, v in expected.tensors.items())
    assert info.means() == again.means()


def test_a_second_update_of_one_player_sees_its_own_draw() -> None:
    """Where a player moves twice a step, nothing is shared: the draws differ."""
    from genlab.objectives.base import Player

    algorithm, state, data = start("gan")
    base = OBJECTIVES["nonsaturating"]

    class Twice(base):
        players = Player("discriminator", 2), Player("generator")

    algorithm.objective = Twice()
    before = [p.detach().clone() for p in state.model.parameters()]
    state, info = algorithm.step(state, batch(data, 0))
    assert set(info.terms) == {s.name for s in algorithm.series}
    assert all(
        not torch.equal(a, b) for a, b in zip(before, state.model.parameters(), strict=True)
    )
    seed_run(3)
    losses = algorithm.objective.losses(state.model, batch(data, 1))
    one, two = losses("discriminator"), losses("discriminator")
    assert not torch.equal(one.terms["d_fake"], two.terms["d_fake"])


def test_a_gan_step_leaves_every_weight_trainable() -> None:
    algorithm, state, data = start("dcgan")
    algorithm.step(state, batch(data, 0))
    assert all(p.requires_grad for p in state.model.parameters())


@pytest.mark.parametrize("label", CASES)
def test_training_goes_somewhere(label: str) -> None:
    algorithm, state, data = start(label)
    values = []
    for step in range(60):
        state, info = algorithm.step(state, batch(data, step))
        values.append(info.means())
    if "elbo" in values[0]:
        assert values[-1]["elbo"] > values[0]["elbo"] + 5
    else:
        assert all(0 < v["d_real"] < 1 and 0 < v["d_fake"] < 1 for v in values)
