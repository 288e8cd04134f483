"""Critics of packs (PacGAN) and spectrally normalised critics."""

from __future__ import annotations

import copy
import itertools
import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from genlab import data as datasets
from genlab.core.random import capture, scope
from genlab.core.run_spec import RunSpec
from genlab.core.tables import ALGORITHMS, MODELS, OBJECTIVES
from genlab.data.base import DataMeta
from genlab.models.gan import GeneratorAndCritic
from genlab.objectives.gradient_penalty import score_and_gradient_norm

LINE = DataMeta((1,), "real")
SMALL = DataMeta((1, 8, 8), "unit")
GREY = DataMeta((1, 28, 28), "unit")


def build(name: str, meta: DataMeta, **values: Any) -> GeneratorAndCritic[Any]:
    with scope(0, "critics"):
        model = MODELS[name](MODELS[name].Options.build(values), meta)
    assert isinstance(model, GeneratorAndCritic)
    return model


def layers(model: GeneratorAndCritic[Any]) -> list[nn.Module]:
    """The layers of the critic that multiply by a weight."""
    critic = [*model.body.modules(), *model.head.modules()]
    return [m for m in critic if isinstance(m, (nn.Linear, nn.Conv2d))]


@pytest.mark.parametrize(("name", "meta"), [("gan", LINE), ("gan", SMALL), ("dcgan", SMALL)])
@pytest.mark.parametrize("pack", [2, 3])
def test_each_row_has_the_score_of_its_pack(name: str, meta: DataMeta, pack: int) -> None:
    model = build(name, meta, pack=pack).eval()
    assert model.pack == pack
    with scope(1, "x"), torch.no_grad():
        x = torch.rand(6, *meta.shape)
        score = model.score(x)
        joined = torch.stack([torch.cat(list(x[i : i + pack])) for i in range(0, 6, pack)])
        inside = 2 * joined - 1 if meta.is_image else joined
        packs = model.head(model.body(inside)).flatten()
        short = model.score(x[:5])
    assert score.shape == (6,)
    torch.testing.assert_close(score[::pack], packs)
    assert score.view(-1, pack).std(dim=1).abs().max() == 0.0
    assert float(score.mean()) == pytest.approx(float(packs.mean()), abs=1e-6)
    assert float(packs.std()) > 0
    # Five rows: the last pack is filled from the first row.
    with torch.no_grad():
        filled = model.score(torch.cat([x[:5], x[:1]]))
    assert short.shape == (5,)
    torch.testing.assert_close(short, filled[:5])


def test_one_example_a_pack_is_the_plain_critic() -> None:
    one, plain = build("gan", LINE, pack=1), build("gan", LINE)
    x = torch.linspace(-2, 2, 7).view(-1, 1)
    torch.testing.assert_close(one.score(x), plain.score(x))


def test_features_are_of_single_examples() -> None:
    model = build("gan", LINE, pack=3)
    with scope(1, "x"), torch.no_grad():
        x = torch.randn(5, 1)
        together, alone = model.features(x), model.features(x[2:3])
    torch.testing.assert_close(together[2:3], alone)


def test_a_slope_is_that_in_the_mean_distance_of_packs() -> None:
    model = build("gan", LINE, pack=2).double()
    with scope(1, "x"):
        x = torch.randn(4, 1, dtype=torch.float64, requires_grad=True)
    slope = score_and_gradient_norm(model, x)[1].detach()
    for row in range(4):
        ends = []
        for side in (-1e-6, 1e-6):
            moved = x.detach().clone()
            moved[row] += side
            with torch.no_grad():
                ends.append(float(model.score(moved)[row]))
        # Two rows a pack: the mean distance of two packs is half of what one row moved.
        rate = abs(ends[1] - ends[0]) / (2e-6 / 2)
        assert float(slope[row]) == pytest.approx(rate, rel=1e-5)


def js(p: dict[Any, float], q: dict[Any, float]) -> float:
    """The Jensen-Shannon divergence of two laws on finitely many points, by enumeration, nats."""
    total = 0.0
    for key in {*p, *q}:
        a, b = p.get(key, 0.0), q.get(key, 0.0)
        for one in (a, b):
            total += 0.5 * one * math.log(2 * one / (a + b)) if one > 0 else 0.0
    return total


@pytest.mark.parametrize("pack", [1, 2])
def test_the_critic_of_packs_reaches_the_divergence_of_products(pack: int) -> None:
    """Half the modes are missing: packs tell it more clearly (Lin et al., section 4)."""
    modes, kept = [-3.0, -1.0, 1.0, 3.0], [-1.0, 1.0]
    exact = js(
        dict.fromkeys(itertools.product(modes, repeat=pack), 1 / 4**pack),
        dict.fromkeys(itertools.product(kept, repeat=pack), 1 / 2**pack),
    )
    model = build("gan", LINE, pack=pack, hidden=32, layers=2)
    objective = OBJECTIVES["nonsaturating"]()
    optimiser = torch.optim.Adam(list(model.player("discriminator")), lr=5e-3)
    real_of, fake_of = (torch.tensor(m).view(-1, 1) for m in (modes, kept))

    def loss(n: int) -> Tensor:
        real = real_of[torch.randint(len(real_of), (n,))]
        fake = fake_of[torch.randint(len(fake_of), (n,))]
        return objective._discriminator(model, real, fake).value

    with scope(0, "packs"):
        for _ in range(300):
            optimiser.zero_grad()
            loss(256).backward()
            optimiser.step()
        with torch.no_grad():
            bound = (math.log(4) - float(loss(60_000))) / 2
    assert bound == pytest.approx(exact, abs=0.01)


def trained(name: str, data: str, steps: int, **values: Any) -> GeneratorAndCritic[Any]:
    spec = RunSpec.build(model=name, data=data, spectral=True, batch=32, **values)
    algorithm = ALGORITHMS["gradient"](spec)
    dataset = datasets.load(spec)
    with scope(0, "spectral"):
        state = algorithm.init(0, dataset)
        for step in range(steps):
            at = 32 * step % (len(dataset.train) - 32)
            state, _ = algorithm.step(state, dataset.train.x[at : at + 32])
    model = algorithm.model(state)
    assert isinstance(model, GeneratorAndCritic)
    return model


def largest(model: GeneratorAndCritic[Any]) -> list[float]:
    """The largest singular value of each layer, as it is used outside training."""
    model.eval()
    found = []
    for layer in layers(model):
        weight = layer.weight
        assert isinstance(weight, Tensor)
        found.append(float(torch.linalg.svdvals(weight.detach().flatten(1))[0]))
    return found


@pytest.mark.parametrize(
    ("name", "data", "objective"),
    [("gan", "ring", "hinge"), ("gan", "digits", "r1"), ("dcgan", "digits", "hinge")],
)
def test_singular_values_are_held_at_1(name: str, data: str, objective: str) -> None:
    model = trained(name, data, 150, objective=objective)
    assert len(layers(model)) >= 3
    # A power iteration estimates from below, and with one round a step lags behind the weights.
    assert all(0.999 <= value <= 1.2 for value in largest(model))
    with scope(3, "x"), torch.no_grad():
        x = torch.rand(2, *model.data_shape)
        for _ in range(500):
            model.train().score(x)
    # Once the weights rest it arrives.
    assert largest(model) == pytest.approx([1.0] * len(layers(model)), abs=0.01)
    assert not any(isinstance(m, nn.BatchNorm2d) for m in model.body.modules())


@pytest.mark.parametrize(("name", "data"), [("gan", "ring"), ("dcgan", "digits")])
def test_the_slope_is_bounded(name: str, data: str) -> None:
    """LeakyReLU stretches by 1 at most, a convolution 4 wide of stride 2 by 2, [0, 1] by 2."""
    model = trained(name, data, 150, objective="hinge", lr=1e-3).eval()
    convolutions = sum(getattr(m, "stride", None) == (2, 2) for m in layers(model))
    bound = (2.0 if model.bounded else 1.0) * 2.0**convolutions
    with scope(2, "x"):
        x = torch.rand(200, *model.data_shape) * (1 if model.bounded else 4)
    _, slope = score_and_gradient_norm(model, x.requires_grad_())
    assert 0.02 < float(slope.detach().max()) <= 1.05 * bound


def test_looking_changes_nothing_and_a_copy_is_the_same() -> None:
    model = trained("dcgan", "digits", 5, objective="hinge")
    twin = copy.deepcopy(model)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    x = torch.rand(4, 1, 8, 8)
    stream = capture()
    model.eval()
    one, two = model.score(x), twin.eval().score(x)
    model.score(x)
    assert torch.equal(capture(), stream)
    assert torch.equal(one, two)
    after = model.state_dict()
    assert all(torch.equal(before[k], after[k]) for k in before)
    # In training mode the power iteration goes on, and is part of the state.
    model.train().score(x)
    assert any(not torch.equal(before[k], v) for k, v in model.state_dict().items())


@pytest.mark.parametrize(
    ("name", "data", "more"),
    [
        ("gan", "digits", {"pack": 2, "objective": "r1"}),
        ("dcgan", "digits", {"objective": "nonsaturating"}),
    ],
)
def test_a_run_goes_on_as_it_was(name: str, data: str, more: dict[str, Any]) -> None:
    spec = RunSpec.build(model=name, data=data, batch=32, spectral=True, **more)
    dataset = datasets.load(spec)
    algorithm = ALGORITHMS["gradient"](spec)
    batches = dataset.train.x[:128].split(32)
    with scope(0, "start"):
        state = algorithm.init(0, dataset)
        for batch in batches[:2]:
            state, _ = algorithm.step(state, batch)
    again = algorithm.unpack(algorithm.pack(state), dataset)
    ends = []
    for one in (state, again):
        with scope(1, "rest"):
            for batch in batches[2:]:
                one, _ = algorithm.step(one, batch)
        ends.append(algorithm.model(one).state_dict())
    assert all(torch.equal(ends[0][key], ends[1][key]) for key in ends[0])
