"""Inference as a run: the state is the posterior, and it stops and resumes to the bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy import special, stats
from sklearn.mixture import GaussianMixture as TheirMixture

from genlab import data as datasets
from genlab.core import random
from genlab.core.errors import SnapshotError, SpecError
from genlab.core.run_spec import RunSpec, algorithms_for, objectives_for
from genlab.core.tables import ALGORITHMS, MODELS, OBJECTIVES
from genlab.data.base import Dataset
from genlab.inference.linear_gaussian import ProbabilisticPCA
from genlab.inference.runs import InferenceAlgorithm, InferenceState, Learner
from genlab.models.base import GenerativeModel
from genlab.objectives.bayes import Bayes
from genlab.testing.model_contract import model_cases
from genlab.train.algorithm import Algorithm, Packed
from genlab.train.loop import train
from genlab.train.snapshots import take
from tests.inference.resuming import assert_goes_on

COINS = {"model": "independent_pixels", "data": "digits", "binarise": "threshold"}
RUNS: dict[str, dict[str, Any]] = {
    "exact": {**COINS, "batch": 100},
    "svi on coins": {**COINS, "algorithm": "svi", "batch": 50},
    "svi on a mixture": {"model": "gaussian_mixture", "data": "ring", "points": 800, "batch": 50},
    "svi on topics": {"model": "topics", "data": "digits", "batch": 40, "topics": 4},
    "tree": {"model": "tree", "data": "digits", "binarise": "threshold", "batch": 100},
    "class tree": {"model": "class_tree", "data": "digits", "binarise": "threshold"},
    "em": {
        "model": "gaussian_mixture",
        "data": "ring",
        "points": 800,
        "objective": "likelihood",
        "algorithm": "em",
    },
    "principal components": {
        "model": "linear_gaussian",
        "data": "digits",
        "objective": "likelihood",
        "algorithm": "exact",
    },
}


def start(label: str, **values: Any) -> tuple[Algorithm[Any], Dataset, InferenceState]:
    spec = RunSpec.build(**{**RUNS[label], "steps": 8, **values})
    algorithm = ALGORITHMS[spec.algorithm](spec)
    data = datasets.load(spec)
    random.seed_run(spec.train.seed)
    return algorithm, data, algorithm.init(spec.train.seed, data)


@pytest.mark.parametrize("label", RUNS)
def test_stopped_and_resumed_is_bit_identical(label: str) -> None:
    algorithm, data, state = start(label)
    state, _ = train(algorithm, data, state)
    truth = take(algorithm, state, 8)

    _, _, state = start(label, steps=3)
    half = RunSpec.build(**{**RUNS[label], "steps": 3})
    first = ALGORITHMS[half.algorithm](half)
    state, step = train(first, data, first.init(0, data))
    middle = take(first, state, step)
    assert_goes_on(algorithm, data, middle, truth)


@pytest.mark.parametrize("label", RUNS)
def test_terms_are_stated_and_the_model_stands_where_the_posterior_is(label: str) -> None:
    algorithm, data, state = start(label)
    labels = data.train.y[:100] if algorithm.labelled and data.train.y is not None else None
    state, info = algorithm.step(state, data.train.x[:100], labels)
    assert set(info.means()) == {series.name for series in algorithm.series}
    packed = algorithm.pack(state)
    fresh = MODELS[algorithm.spec.model](algorithm.spec.model_options, data.meta)
    fresh.load_state_dict(
        {k.removeprefix("model/"): v for k, v in packed.tensors.items() if k.startswith("model/")}
    )
    with random.scope(1, "draw"), torch.no_grad():
        there = fresh.eval().sample(5)
    with random.scope(1, "draw"):
        here = algorithm.sample(state, 5)
    assert torch.equal(here, there)
    assert here.shape == (5, *data.meta.shape)


def test_exact_is_bayes_rule_and_counts_each_example_once() -> None:
    algorithm, data, state = start("exact", steps=40)
    n = 100 * (len(data.train) // 100)
    counts = []

    class Count:
        every = 1

        def begin(self, step: int, state: Any) -> bool:
            return False

        def __call__(self, step: int, state: Any, info: Any) -> bool:
            counts.append(int(state.posterior.count))
            return False

        def end(self, step: int, state: Any) -> None:
            return None

    state, _ = train(algorithm, data, state, observers=[Count()])  # type: ignore[list-item]
    assert counts == [min(100 * k, n) for k in range(1, 41)]
    seen = datasets.base.Batches(len(data.train), 100, 0)
    rows = torch.cat([seen.index(k) for k in range(n // 100)])
    ones = data.train.x[rows].flatten(1).double().sum(0).numpy()
    mean = (1 + ones) / (2 + n)
    model: Any = algorithm.model(state)
    assert model.logits.detach().sigmoid().flatten().numpy() == pytest.approx(mean, abs=1e-6)
    # The evidence of n coins with a uniform prior is a Beta function.
    exact = special.betaln(1 + ones, 1 + n - ones).sum()
    assert float(state.posterior.log_evidence) == pytest.approx(exact, rel=1e-10)
    held = data.validation.x[:9]
    law = stats.bernoulli(mean).logpmf(held.flatten(1).numpy()).sum(1)
    assert model.log_prob(held).detach().numpy() == pytest.approx(law, abs=1e-3)


def test_after_its_one_pass_exact_says_what_it_said_last() -> None:
    algorithm, data, state = start("exact", batch=500)
    once = len(data.train) // 500
    told = []
    for step in range(once + 2):
        x = data.train.x[500 * step : 500 * (step + 1)] if step < once else data.train.x[:500]
        state, info = algorithm.step(state, x)
        told.append(info.means())
    assert told[0]
    assert told[once - 2] != told[once - 1]
    assert told[once - 1] == told[once] == told[once + 1]


def test_svi_nears_the_exact_posterior_and_says_how_near() -> None:
    algorithm, data, state = start("svi on coins", steps=400, delay=10.0)
    x = data.train.x.flatten(1).double()
    exact = torch.stack([1 + x.sum(0), 1 + len(x) - x.sum(0)], dim=-1)
    gaps = []
    for step in range(400):
        part = data.train.x[torch.arange(50 * step, 50 * step + 50) % len(x)]
        state, info = algorithm.step(state, part)
        gaps.append(info.means()["posterior_gap"])
    away = ((state.posterior.natural - exact) / exact).abs().max()
    assert gaps[-1] == pytest.approx(float(away), abs=1e-12)
    assert gaps[0] > 0.2
    assert 0.001 < gaps[-1] < 0.15
    ink = {series.name: series for series in algorithm.series}["posterior_gap"]
    assert (ink.kind, ink.truth) == ("exact", 0.0)


def test_where_pictures_are_drawn_anew_there_is_no_exact_posterior() -> None:
    algorithm, data, state = start("svi on coins", binarise="dynamic")
    assert data.draw is not None
    with random.scope(0, "draw"):
        batch = data.draw(data.train.x[:50])
    _, info = algorithm.step(state, batch)
    assert set(info.means()) == {"elbo", "rho"}


def test_svi_finds_the_ring() -> None:
    # A start may end where two components share a mode; the best of four by the data does not.
    models = []
    for seed in range(4):
        algorithm, data, state = start(
            "svi on a mixture", points=4000, steps=300, batch=100, seed=seed
        )
        state, _ = train(algorithm, data, state)
        models.append(algorithm.model(state))
    with torch.no_grad():
        model: Any = max(models, key=lambda one: float(one.log_prob(data.validation.x).mean()))
    means, weights = (part.detach() for part in model.parts())
    apart = torch.cdist(data.modes.float(), means)  # type: ignore[union-attr]
    assert sorted(apart.argmin(1).tolist()) == list(range(8))
    assert float(apart.min(1).values.max()) < 0.03
    assert float((weights - 1 / 8).abs().max()) < 0.06
    sd = model.scale().diagonal(dim1=1, dim2=2).detach()
    assert float(sd.min()) > 0.04
    assert float(sd.max()) < 0.07


def test_em_ends_where_scikit_learn_ends() -> None:
    algorithm, data, state = start("em", steps=200, floor=1e-6)
    curve = []
    for _ in range(200):
        state, info = algorithm.step(state, data.train.x[:10])
        curve.append(info.means()["log_likelihood"])
    assert min(np.diff(curve)) > -1e-9
    x = data.train.x.double().numpy()
    model: Any = algorithm.model(state)
    means, weights = (part.detach().double().numpy() for part in model.parts())
    theirs = TheirMixture(
        8,
        tol=1e-12,
        max_iter=500,
        means_init=means,
        weights_init=weights / weights.sum(),
        precisions_init=state.posterior.covariances.inverse().numpy(),
    )
    theirs.fit(x)
    assert curve[-1] == pytest.approx(theirs.score(x), abs=1e-6)
    mine = model.log_prob(data.validation.x).detach().numpy()
    assert mine == pytest.approx(theirs.score_samples(data.validation.x.numpy()), abs=0.005)


def test_the_closed_form_beats_any_other_loadings() -> None:
    algorithm, data, state = start("principal components", steps=11, latent=5)
    state, _ = train(algorithm, data, state)
    assert int(state.posterior.count) == 11 * 128
    model: Any = algorithm.model(state)
    seen = datasets.base.Batches(len(data.train), 128, 0)
    x = data.train.x[torch.cat([seen.index(k) for k in range(11)])]
    covariance = np.cov(x.flatten(1).double().numpy().T, bias=True)
    values = np.linalg.eigvalsh(covariance)[::-1][:5]
    gram = np.linalg.eigvalsh((model.weight.mT @ model.weight).detach().double().numpy())[::-1]
    assert gram == pytest.approx(np.maximum(values - 0.2**2, 0), abs=1e-5)
    best = float(model.log_prob(x).detach().mean())
    for seed in range(3):
        source = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            kept = model.weight.clone()
            model.weight += 0.02 * torch.randn(model.weight.shape, generator=source)
            assert float(model.log_prob(x).mean()) < best
            model.weight.copy_(kept)


def test_a_known_variance_needs_two_examples() -> None:
    learn = ProbabilisticPCA(3, 3, 0.1)
    state, _ = learn.step(learn.init(), torch.randn(1, 3))
    with pytest.raises(SpecError, match="more than 1"):
        learn.model(state)
    with pytest.raises(SpecError, match="above 0"):
        ProbabilisticPCA(3, 2, 0.0)


def test_only_what_fits_is_offered() -> None:
    assert set(algorithms_for("independent_pixels", "bayes")) == {"exact", "svi"}
    assert set(algorithms_for("gaussian_mixture", "bayes")) == {"svi"}
    assert set(algorithms_for("gaussian_mixture", "likelihood")) == {"gradient", "em"}
    assert set(algorithms_for("linear_gaussian", "likelihood")) == {"gradient", "exact"}
    assert algorithms_for("linear_gaussian", "elbo") == ("gradient",)
    assert ALGORITHMS.names()[0] == "gradient"
    assert algorithms_for("vae", "elbo") == ("gradient",)
    assert objectives_for("topics") == ("bayes",)
    assert "bayes" not in objectives_for("vae")
    assert RunSpec.build(model="gan", data="ring").objective == "nonsaturating"
    assert RunSpec.build(model="vae", data="digits").algorithm == "gradient"
    with pytest.raises(SpecError, match="goes with: svi"):
        RunSpec.build(model="gaussian_mixture", data="ring", algorithm="exact")
    with pytest.raises(SpecError, match="player"):
        Bayes().loss("model", torch.nn.Identity(), torch.zeros(1))  # type: ignore[arg-type]
    for case in model_cases(["gaussian_mixture", "topics", "independent_pixels"]):
        assert isinstance(case.build(), GenerativeModel)


def test_a_model_of_ones_own_is_one_row() -> None:
    svi = ALGORITHMS["svi"]
    inner = MODELS["independent_pixels"]

    @MODELS.register("my_coins", title="My coins", summary="Only in a test.")
    class MyCoins(inner):  # type: ignore[misc, valid-type]
        pass

    row = svi.learner(inner, OBJECTIVES["bayes"])
    assert isinstance(row, Learner)
    mine = Learner(MyCoins, Bayes, row.make, row.show)
    svi.learners.insert(0, mine)
    try:
        assert svi.learner(MyCoins, OBJECTIVES["bayes"]) is mine
        spec = RunSpec.build(**{**COINS, "model": "my_coins", "algorithm": "svi", "steps": 2})
        data = datasets.load(spec)
        algorithm: InferenceAlgorithm = svi(spec)
        state, step = train(algorithm, data, algorithm.init(0, data))
        assert (step, state.steps) == (2, 2)
    finally:
        svi.learners.remove(mine)
        MODELS.unregister("my_coins")


def test_a_snapshot_of_another_run_is_refused() -> None:
    algorithm, data, state = start("svi on topics")
    packed = algorithm.pack(state)
    other, _, _ = start("svi on topics", topics=5)
    with pytest.raises(SnapshotError, match="another model"):
        other.unpack(packed, data)
    few = {k: v for k, v in packed.tensors.items() if k != "posterior/steps"}
    with pytest.raises(SnapshotError, match="another kind of inference"):
        algorithm.unpack(Packed(few, packed.values), data)
