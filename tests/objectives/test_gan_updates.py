"""The steps of a GAN, and which settings its losses take and refuse."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from genlab import data as datasets
from genlab import models
from genlab.core.errors import SpecError
from genlab.core.measure import Series
from genlab.core.random import scope
from genlab.core.run_spec import Combination, RunSpec, objectives_for
from genlab.core.tables import OBJECTIVES
from genlab.data.base import Batches
from genlab.distributions import Point
from genlab.objectives.adversarial import Adversarial, AdversarialLoss
from genlab.objectives.gradient_penalty import score_and_gradient_norm
from genlab.train.gradient import GradientAlgorithm, GradientState
from genlab.train.loop import train


def started(**values: Any) -> tuple[GradientAlgorithm, GradientState, datasets.Dataset]:
    spec = RunSpec.build(data="ring", model="gan", points=200, batch=16, hidden=16, **values)
    data = datasets.load(spec)
    algorithm = GradientAlgorithm(spec)
    with scope(spec.train.seed, "start"):
        return algorithm, algorithm.init(spec.train.seed, data), data


def test_clipping_holds_after_each_step() -> None:
    algorithm, state, data = started(objective="wgan", clip=0.02)
    for step in range(3):
        algorithm.step(state, data.train.x[16 * step : 16 * step + 16])
    largest = max(float(p.detach().abs().max()) for p in state.model.player("discriminator"))
    assert largest == pytest.approx(0.02, rel=1e-6)
    free = max(float(p.detach().abs().max()) for p in state.model.player("generator"))
    assert free > 0.02


@pytest.mark.parametrize("name", ["wgan", "wgan_gp"])
def test_each_update_of_the_critic_has_a_draw_of_its_own(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    algorithm, state, data = started(objective=name, critic_steps=3)
    draws: list[Tensor] = []
    kind: Any = type(state.model)
    decode = kind.decode

    def seen(model: Any, z: Tensor) -> Point:
        draws.append(z)
        return decode(model, z)

    monkeypatch.setattr(kind, "decode", seen)
    algorithm.step(state, data.train.x[:16])
    assert len(draws) == 4
    assert all(not torch.equal(a, b) for a, b in itertools.combinations(draws, 2))


@pytest.mark.parametrize("name", ["wgan", "wgan_gp", "r1", "r3gan", "fgan", "hinge", "lsgan"])
def test_a_resumed_run_is_the_same_to_the_bit(name: str) -> None:
    algorithm, state, data = started(objective=name)
    batches = Batches(len(data.train.x), 16, 0)
    x = [data.train.x.index_select(0, batches.index(i)) for i in range(3)]
    with scope(1, "first"):
        state, _ = algorithm.step(state, x[0])
    other = algorithm.unpack(algorithm.pack(state), data)
    for resumed in (state, other):
        with scope(2, "second"):
            for batch in x[1:]:
                algorithm.step(resumed, batch)
    pairs = zip(state.model.parameters(), other.model.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


def test_wgan_gp_has_the_settings_of_its_paper() -> None:
    values = RunSpec.build(data="ring", model="gan", objective="wgan_gp").flat()
    wanted = {"lr": 1e-4, "beta1": 0.0, "beta2": 0.9, "penalty": 10.0, "critic_steps": 5}
    assert {name: values[name] for name in wanted} == wanted


def test_batch_normalised_critics_are_refused_where_gradient_norms_are_penalised() -> None:
    assert {"wgan_gp", "r1", "r3gan"}.isdisjoint(objectives_for("cdcgan"))
    assert {"wgan", "fgan", "hinge", "lsgan"} <= set(objectives_for("cdcgan"))
    with pytest.raises(SpecError, match=r"batch normalisation.*goes with: nonsaturating"):
        RunSpec.build(data="digits", model="cdcgan", objective="wgan_gp")


@pytest.mark.parametrize("objective", ["wgan_gp", "r1", "r3gan"])
def test_spectral_normalisation_frees_dcgan_for_gradient_penalties(objective: str) -> None:
    with pytest.raises(SpecError, match=r"spectral.*batch normalisation"):
        RunSpec.build(data="digits", model="dcgan", objective=objective, spectral=False)
    assert not RunSpec.build(data="ring", model="gan", objective=objective).model_options.spectral
    assert not RunSpec.build(data="digits", model="dcgan").model_options.spectral
    spec = RunSpec.build(data="digits", model="dcgan", objective=objective, width=8, batch=16)
    assert spec.model_options.spectral
    data = datasets.load(spec)
    with scope(0, "weights"):
        model = models.build(spec).train()
    assert not model.batch_normalised
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in model.body.modules())
    x = data.train.x[:8].clone().requires_grad_()
    # At rest, a score is of its example alone, and the slope that is held is its slope.
    model.eval()
    both, alone = model.score(x), torch.cat([model.score(one[None]) for one in x])
    torch.testing.assert_close(both, alone, atol=1e-5, rtol=1e-4)
    slope = score_and_gradient_norm(model, x)[1]
    (gradient,) = torch.autograd.grad(model.score(x)[3], x)
    assert float(gradient[3].norm()) == pytest.approx(float(slope.detach()[3]), rel=1e-4)
    assert float(gradient[:3].abs().max()) == 0.0
    model.train()
    with scope(1, "step"):
        loss = OBJECTIVES[objective](spec.objective_options).loss("discriminator", model, x)
    loss.value.backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.body.parameters())


def test_fgan_says_which_divergence_it_bounds_and_refuses_an_excluded_parameter() -> None:
    cls = OBJECTIVES["fgan"]
    objective = cls(cls.Options.build({"divergence": "alpha", "alpha": 2.0}))
    about: Series = {s.name: s for s in objective.series}["f_bound"]
    assert "α = 2" in about.title
    assert "lower bound" in about.title
    assert objective.critic_divergence.parameter.value == 2.0
    with pytest.raises(SpecError, match=r"alpha = 1\.0"):
        RunSpec.build(data="ring", model="gan", objective="fgan", divergence="alpha", alpha=1)


@pytest.fixture
def own_loss() -> Iterator[str]:
    def square(v: Tensor) -> Tensor:
        return (v - 1.0).square()

    def log_cosh(v: Tensor) -> Tensor:
        return v.cosh().log()

    @OBJECTIVES.register("log_cosh", title="log cosh GAN", summary="A loss of a test.")
    class LogCosh(Adversarial):
        row = AdversarialLoss("log_cosh", "", "", square, log_cosh, square, logit=False)

    yield LogCosh.name
    OBJECTIVES.unregister("log_cosh")


def test_one_decorator_adds_a_loss_that_trains(own_loss: str) -> None:
    spec = RunSpec.build(data="ring", model="gan", objective=own_loss, points=200, steps=5)
    data = datasets.load(spec)
    algorithm = GradientAlgorithm(spec)
    state = algorithm.init(0, data)
    before = [p.detach().clone() for p in state.model.parameters()]
    state, steps = train(algorithm, data, state)
    assert steps == 5
    pairs = zip(before, state.model.parameters(), strict=True)
    assert all(not torch.equal(a, b) for a, b in pairs)
    assert own_loss in objectives_for("gan")
    assert Combination.of({"data": "ring", "model": "gan"}).objective == "nonsaturating"
