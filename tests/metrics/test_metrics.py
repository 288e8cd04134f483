"""Metrics against exact values, and their intervals against repetition."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats

from genlab import data as datasets
from genlab import models
from genlab.core.measure import Estimate, Series
from genlab.core.random import scope
from genlab.core.run_spec import RunSpec
from genlab.metrics import base, evaluate, evaluate_with_samples, grid_divergence
from genlab.metrics.base import mean_estimate, ratio_estimate, share_estimate
from genlab.metrics.variational import active_units
from genlab.models.linear_gaussian import LinearGaussian

SERIES = Series("a", "a", "g", "nats", "Monte Carlo")


def found(n: int = 500, **values: object) -> dict[str, object]:
    spec = RunSpec.build(**values)
    data = datasets.load(spec)
    with scope(0, "weights"):
        model = models.build(spec)
    return {e.series.name: e for e in evaluate(model, data, seed=0, n=n)}


def test_linear_gaussian_bounds_are_the_evidence() -> None:
    spec = RunSpec.build(model="linear_gaussian", data="gaussian")
    data = datasets.load(spec)
    weight = torch.tensor([[0.6, 0.0], [0.0, 0.6]])
    model = LinearGaussian.of(weight, torch.zeros(2), 0.8)  # WWᵀ + σ²I = I: the truth itself
    got = {e.series.name: e for e in evaluate(model, data)}
    x = data.test.x[:1000]
    exact = float((-0.5 * x.square().sum(1) - math.log(2 * math.pi)).mean())
    assert got["test_log_prob"].value == pytest.approx(exact, abs=1e-4)
    assert got["test_iwae_100"].value == pytest.approx(exact, abs=1e-3)
    # Twice an interval of 95 % misses once in 10,000.
    elbo = got["test_elbo"]
    assert abs(elbo.value - exact) < elbo.high - elbo.low
    assert got["test_elbo"].series.kind == "lower bound"
    assert got["grid_js"].value == pytest.approx(got["grid_js"].series.truth, rel=0.25)
    assert got["grid_kl"].value == pytest.approx(got["grid_kl"].series.truth, rel=0.25)
    # The model is the truth, so its samples are those of a perfect sampler.
    distance = got["test_energy"]
    assert abs(distance.value) < distance.high - distance.low
    assert distance.high - distance.low < 0.05


def test_the_values_behind_a_mean_are_of_the_test_examples_in_their_order() -> None:
    spec = RunSpec.build(model="linear_gaussian", data="gaussian")
    data = datasets.load(spec)
    model = LinearGaussian.of(torch.eye(2) * 0.6, torch.zeros(2), 0.8)
    got = {one.estimate.series.name: one for one in evaluate_with_samples(model, data, n=200)}
    x = data.test.x[:200]
    exact = -0.5 * x.square().sum(1) - math.log(2 * math.pi)
    assert got["test_log_prob"].values == pytest.approx(exact.double(), abs=1e-4)
    for one in got.values():
        assert one.how
        if one.values is not None:
            mean = float(one.values.double().mean())
            assert mean == pytest.approx(one.estimate.value, rel=1e-6)
    assert got["grid_js"].values is None


def test_vae_metrics() -> None:
    got = found(model="vae", data="digits")
    assert set(got) >= {
        "test_elbo",
        "test_reconstruction",
        "test_kl",
        "test_iwae_100",
        "test_active_units",
        "test_energy",
    }
    assert got["test_iwae_100"].value >= got["test_elbo"].value - 0.5
    assert all(e.low <= e.value <= e.high for e in got.values())
    total = got["test_reconstruction"].value - got["test_kl"].value
    assert got["test_elbo"].value == pytest.approx(total, rel=1e-5)


def test_gan_metrics_of_an_untrained_pair() -> None:
    got = found(model="gan", data="ring")
    assert got["test_js_bound"].value < math.log(2)
    assert got["test_js_bound"].series.kind == "lower bound"
    assert got["test_d_accuracy"].series.n == 1000
    assert 0.0 <= got["test_d_accuracy"].value <= 1.0
    assert got["modes"].value <= 8
    assert got["high_quality"].value < 0.5
    assert got["high_quality"].series.truth == pytest.approx(1 - math.exp(-4.5))


def test_a_critic_is_asked_for_what_its_objective_makes_of_it() -> None:
    """A score without a scale is no probability; an f-GAN's bounds the f-GAN's divergence."""

    def of(model: str = "gan", **values: object) -> dict[str, object]:
        spec = RunSpec.build(model=model, data="ring", **values)
        data = datasets.load(spec)
        with scope(0, "weights"):
            built = models.build(spec)
        return {e.series.name: e for e in evaluate(built, data, n=200, spec=spec)}

    told = {"test_js_bound", "test_d_accuracy"}
    assert told <= set(of())
    for objective in ("wgan", "wgan_gp", "lsgan", "hinge", "r3gan"):
        assert not {*told, "test_f_bound"} & set(of(objective=objective))
    # The critic of a VAE-GAN tells three sorts apart, and the ELBO trains none.
    for objective in ("vae_gan", "elbo"):
        assert not told & set(of("vae_gan", objective=objective))
    assert told <= set(of("vae_gan", objective="nonsaturating"))
    got = of(objective="fgan", divergence="pearson")
    assert not told & set(got)
    bound = got["test_f_bound"]
    assert "Pearson" in bound.series.title
    assert (bound.series.kind, bound.series.unit) == ("lower bound", "dimensionless")
    assert bound.low < bound.value < bound.high


def test_topics_metrics_are_the_bound_per_word_and_its_perplexity() -> None:
    spec = RunSpec.build(model="topics", data="digits", topics=4)
    data = datasets.load(spec)
    with scope(0, "weights"):
        model = models.build(spec)
        model.natural.mul_(5 * torch.rand(model.natural.shape).double())
    got = {e.series.name: e for e in evaluate(model, data, seed=0, n=40)}
    x = data.test.x[:40]
    words = (x.flatten(1).double() * 16).round().sum(1)
    total = sum(float(model.bound(one[None])) for one in x) / float(words.sum())
    bound, perplexity = got["test_word_bound"], got["test_perplexity"]
    assert bound.value == pytest.approx(total, rel=1e-6)
    assert perplexity.value == pytest.approx(math.exp(-total), rel=1e-6)
    assert (bound.series.kind, perplexity.series.kind) == ("lower bound", "upper bound")
    assert bound.series.n == perplexity.series.n == 40
    assert bound.low < bound.value < bound.high
    assert perplexity.low < perplexity.value < perplexity.high
    # Topics that are all the same and even: each word has the probability 1/64.
    model.natural.fill_(1e6)
    even = {e.series.name: e for e in evaluate(model, data, seed=0, n=40)}["test_perplexity"]
    assert 64.0 < even.value < 67.0


def test_the_seed_decides_and_the_model_is_left_alone() -> None:
    spec = RunSpec.build(model="dcgan", data="digits")
    data = datasets.load(spec)
    model = models.build(spec).train()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    one, same, other = (evaluate(model, data, seed, n=100) for seed in (1, 1, 2))
    assert [e.value for e in one] == [e.value for e in same]
    assert [e.value for e in one] != [e.value for e in other]
    assert model.training
    assert all(torch.equal(before[k], v) for k, v in model.state_dict().items())


def test_intervals_cover_at_their_rate() -> None:
    # The standard error of a coverage is 0.0035; z in place of Student's t costs 0.005 at n = 50.
    with scope(0, "coverage"):
        draws = torch.randn(4000, 50) + 3
    means = [mean_estimate(SERIES, row) for row in draws]
    assert sum(e.low < 3 < e.high for e in means) / 4000 == pytest.approx(0.95, abs=0.02)
    # Of a share the coverage is a sum over all counts.
    shares = [share_estimate(SERIES, count, 60) for count in range(61)]
    inside = [count for count, e in enumerate(shares) if e.low < 0.3 < e.high]
    assert stats.binom.pmf(inside, 60, 0.3).sum() == pytest.approx(0.95, abs=0.02)
    for n in range(1, 400):
        none, every = share_estimate(SERIES, 0, n), share_estimate(SERIES, n, n)
        assert (none.low, none.value, every.value, every.high) == (0.0, 0.0, 1.0, 1.0)
    with scope(0, "ratios"):
        below = 1 + torch.rand(4000, 60)
        above = 0.7 * below + 0.3 * torch.randn(4000, 60)
    ratios = [ratio_estimate(SERIES, a, b) for a, b in zip(above, below, strict=True)]
    assert sum(e.low < 0.7 < e.high for e in ratios) / 4000 == pytest.approx(0.95, abs=0.02)


def test_means_over_sets_take_the_point_of_student_t(monkeypatch: pytest.MonkeyPatch) -> None:
    assert pytest.approx(stats.t.ppf(0.975, base.TOY_SETS - 1), abs=1e-6) == base.T7
    assert pytest.approx(stats.norm.ppf(0.975), abs=1e-6) == base.Z
    asked: dict[str, float] = {}
    real = mean_estimate

    def spy(series: Series, values: torch.Tensor, z: float = base.Z) -> Estimate:
        asked[series.name] = z
        return real(series, values, z)

    for module in (base, grid_divergence):
        monkeypatch.setattr(module, "mean_estimate", spy)
    spec = RunSpec.build(model="vae", data="ring")
    with scope(0, "weights"):
        model = models.build(spec)
    evaluate(model, datasets.load(spec), n=50)
    sets = {"grid_js", "grid_kl", "modes"}
    assert {name for name, z in asked.items() if z == base.T7} == sets
    assert len(asked) > len(sets)


def test_active_units_have_the_bootstrap_interval_of_95_percent() -> None:
    variances = torch.linspace(0.008, 0.012, 40, dtype=torch.float64)
    with scope(0, "means"):
        mean = torch.randn(600, 40, dtype=torch.float64) * variances.sqrt()
    with scope(1, "bootstrap"):
        found = active_units(mean)
    with scope(2, "again"):
        counts = [
            float((mean[torch.randint(600, (600,))].var(dim=0) > 0.01).sum()) for _ in range(2000)
        ]
    low, high = np.quantile(counts, [0.025, 0.975])
    assert abs(found.low - min(low, found.value)) <= 1.5
    assert abs(found.high - max(high, found.value)) <= 1.5
    assert found.high - found.low > 1.3 * (np.quantile(counts, 0.75) - np.quantile(counts, 0.25))
