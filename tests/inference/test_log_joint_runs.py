"""ADVI and HMC as runs: the right posterior, states that resume to the bit, a model as a row."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from scipy import integrate as quadrature
from scipy import stats
from torch import Tensor

import genlab
from genlab import data as datasets
from genlab.core import random
from genlab.core.errors import SnapshotError, SpecError
from genlab.core.options import Options, option
from genlab.core.run_spec import RunSpec, algorithms_for, models_for
from genlab.core.tables import ALGORITHMS, DATASETS, MODELS
from genlab.data.base import Dataset
from genlab.data.tables import Table
from genlab.inference.constraints import Lower
from genlab.inference.log_joint_models import LogJointModel, Marginal, integrate
from genlab.inference.log_joints import LogJoint, Parameter, gamma, normal
from genlab.metrics import evaluate
from genlab.models.bayesian import HasDraws, Truth
from genlab.probes import probes_for, read_probes
from genlab.probes.base import PROBES
from genlab.probes.posterior import contour
from genlab.train.algorithm import Algorithm, Packed
from genlab.train.loop import train
from genlab.train.snapshots import take
from tests.inference.resuming import assert_goes_on

LINEAR = {"model": "linear_regression", "data": "linear_table"}
LOGISTIC = {"model": "logistic_regression", "data": "logistic_table"}
SCHOOLS = {"model": "eight_schools", "data": "eight_schools"}
TIMES = {"model": "waiting_rate", "data": "waiting_times"}
LINE = {"model": "ordered_mixture", "data": "two_gaussians", "dim": 1, "points": 300}
RUNS: dict[str, dict[str, Any]] = {
    "advi on a line": {**LINEAR, "algorithm": "advi", "eta": 0.1},
    "advi in batches": {**LINEAR, "algorithm": "advi", "eta": 0.1, "batch": 20},
    "advi on schools": {**SCHOOLS, "algorithm": "advi", "q_covariance": "mean-field"},
    "advi on a mixture": {**LINE, "algorithm": "advi", "eta": 0.1},
    "hmc on a line": {**LINEAR, "algorithm": "hmc", "hmc_warmup": 20, "chains": 4},
    "hmc on schools": {**SCHOOLS, "algorithm": "hmc", "hmc_warmup": 20},
}


def start(**values: Any) -> tuple[Algorithm[Any], Dataset, Any]:
    spec = RunSpec.build(**{"steps": 30, **values})
    algorithm = ALGORITHMS[spec.algorithm](spec)
    data = datasets.load(spec)
    random.seed_run(spec.train.seed)
    return algorithm, data, algorithm.init(spec.train.seed, data)


def run(**values: Any) -> tuple[Algorithm[Any], Dataset, Any]:
    algorithm, data, state = start(**values)
    state, _ = train(algorithm, data, state)
    return algorithm, data, algorithm.model(state)


def exact_regression() -> tuple[Tensor, Tensor, float]:
    """Mean, covariance and evidence of the linear regression, by scipy's Gaussian of all y."""
    x = datasets.load(RunSpec.build(**LINEAR)).train.x.double()
    design = torch.column_stack([torch.ones(len(x)), x[:, :2]]).double()
    precision = design.mT @ design / 0.25 + torch.eye(3, dtype=torch.float64) / 4
    covariance = torch.linalg.inv(precision)
    mean = covariance @ design.mT @ x[:, 2] / 0.25
    law = stats.multivariate_normal(
        np.zeros(len(x)), (4 * design @ design.mT).numpy() + 0.25 * np.eye(len(x))
    )
    return mean, covariance, float(law.logpdf(x[:, 2].numpy()))


def schools_by_quadrature() -> tuple[float, float, float]:
    """E mu, E tau and log p(y) of the eight schools, by scipy."""
    y = np.array([28.0, 8, -3, 7, -1, 1, 18, 12])
    errors = np.array([15.0, 10, 16, 11, 9, 11, 10, 18])

    def joint(mu: float, tau: float) -> float:
        fit = stats.norm(mu, np.hypot(tau, errors)).pdf(y).prod()
        return float(fit * stats.norm(0, 5).pdf(mu) * 2 * stats.cauchy(0, 5).pdf(tau) * 1e12)

    # mu integrates out by hand: given tau it is Gaussian with these two moments.
    def given(tau: float) -> tuple[float, float]:
        weight = 1 / (tau**2 + errors**2)
        precision = weight.sum() + 1 / 25
        centre = float((weight * y).sum() / precision)
        height = joint(centre, tau) * math.sqrt(2 * math.pi / precision)
        return height, centre

    def of(what: Any) -> float:
        return float(quadrature.quad(what, 0, 300, limit=400, points=[1, 5, 20])[0])

    total = of(lambda tau: given(tau)[0])
    mu = of(lambda tau: given(tau)[0] * given(tau)[1]) / total
    return mu, of(lambda tau: given(tau)[0] * tau) / total, math.log(total) - 12 * math.log(10)


@pytest.mark.parametrize("label", RUNS)
def test_stopped_and_resumed_is_bit_identical(label: str) -> None:
    values = RUNS[label]
    algorithm, data, state = start(**values)
    state, _ = train(algorithm, data, state)
    truth = take(algorithm, state, 30)

    first, data, state = start(**{**values, "steps": 13})
    state, step = train(first, data, state)
    middle = take(first, state, step)
    assert_goes_on(algorithm, data, middle, truth)


@pytest.mark.parametrize("label", ["advi on schools", "hmc on a line"])
def test_the_model_of_a_snapshot_is_the_model(label: str) -> None:
    algorithm, data, state = start(**RUNS[label])
    state, info = algorithm.step(state, data.train.x)
    assert set(info.means()) == {series.name for series in algorithm.series}
    packed = algorithm.pack(state)
    with random.scope(5, "another start"):
        fresh = MODELS[algorithm.spec.model](algorithm.spec.model_options, data.meta)
    weights = {k.removeprefix("model/"): v for k, v in packed.tensors.items() if "model/" in k}
    fresh.load_state_dict(weights)
    assert isinstance(fresh, HasDraws)
    model: Any = algorithm.model(state)
    for name, draws in model.numbers().items():
        assert torch.equal(fresh.numbers()[name], draws)
    with random.scope(1, "draw"):
        here = algorithm.sample(state, 5)
    with random.scope(1, "draw"):
        there = fresh.sample(5)
    assert torch.equal(here, there)
    assert here.shape == (5, *data.meta.shape)
    few = {k: v for k, v in packed.tensors.items() if k != "posterior/seed"}
    with pytest.raises(SnapshotError, match="another kind of inference"):
        algorithm.unpack(Packed(few, packed.values), data)


def test_advi_finds_the_conjugate_posterior_and_its_evidence() -> None:
    mean, covariance, evidence = exact_regression()
    algorithm, data, state = start(**LINEAR, algorithm="advi", eta=0.1, steps=1500)
    elbo = next(series for series in algorithm.series if series.name == "elbo")
    assert elbo.truth == pytest.approx(evidence, abs=1e-4)
    assert (elbo.kind, elbo.unit) == ("Monte Carlo", "nats")
    assert "closed form" in elbo.truth_label
    curve = []
    for _ in range(1500):
        state, info = algorithm.step(state, data.train.x)
        curve.append(info.means()["elbo"])
    # A full-rank Gaussian holds the posterior: the ELBO reaches log p(y).
    assert np.mean(curve[-300:]) == pytest.approx(evidence, abs=0.15)
    model: Any = algorithm.model(state)
    draws = torch.stack(list(model.numbers().values())).squeeze(2)
    assert draws.mean(1).tolist() == pytest.approx(mean.tolist(), abs=0.02)
    assert torch.cov(draws).sqrt().diagonal().tolist() == pytest.approx(
        covariance.diagonal().sqrt().tolist(), rel=0.12
    )


def test_batches_of_rows_lead_to_the_same_posterior() -> None:
    mean, covariance, _ = exact_regression()
    _, _, model = run(**LINEAR, algorithm="advi", eta=0.1, steps=1500, batch=20)
    draws = torch.stack(list(model.numbers().values())).squeeze(2)  # type: ignore[operator]
    assert draws.mean(1).tolist() == pytest.approx(mean.tolist(), abs=0.05)
    # Without the factor N / B it would be √3 times as wide.
    width = draws.std(1) / covariance.diagonal().sqrt()
    assert 0.8 < float(width.min()) <= float(width.max()) < 1.3


def test_a_search_that_diverges_says_so_and_keeps_its_posterior(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    algorithm, data, state = start(**SCHOOLS, algorithm="advi", eta=1000.0, elbo_draws=1)
    for _ in range(50):
        before = state.posterior
        state, info = algorithm.step(state, data.train.x)
        if math.isnan(info.means()["elbo"]):
            break
    assert math.isnan(info.means()["elbo"])
    assert state.posterior is before
    assert bool(state.posterior.mean.isfinite().all())
    monkeypatch.setenv("GENLAB_STORE", f"sqlite:///{tmp_path}/runs.db")
    monkeypatch.setenv("GENLAB_FILES", str(tmp_path / "files"))
    values = {**SCHOOLS, "algorithm": "advi", "eta": 1000.0, "elbo_draws": 1, "steps": 60}
    view = genlab.train(**values)
    assert view.row.status == "diverged"
    assert "became NaN or infinite" in view.row.message


def test_hmc_finds_the_eight_schools() -> None:
    mu, tau, evidence = schools_by_quadrature()
    r_hats, errors = [], []
    for seed in range(3):
        values = {**SCHOOLS, "algorithm": "hmc", "hmc_warmup": 150, "steps": 400, "seed": seed}
        algorithm, data, model = run(**values)
        truth = model.truth()  # type: ignore[operator]
        assert isinstance(truth, Truth)
        assert truth.kind == "grid"
        assert truth.mean == pytest.approx((mu, tau), rel=1e-3)
        assert truth.log_evidence == pytest.approx(evidence, abs=1e-3)
        found = {one.series.name: one for one in evaluate(model, data)}
        for name, exact in (("mu", mu), ("tau", tau)):
            one = found[f"posterior_mean_{name}"]
            error = (one.high - one.low) / 3.92
            assert one.value == pytest.approx(exact, abs=4.5 * error)
            assert one.series.truth == pytest.approx(exact, rel=1e-3)
            sd = found[f"posterior_sd_{name}"]
            at = truth.names.index(name)
            assert sd.value == pytest.approx(truth.sd[at], abs=4.5 * (sd.high - sd.low) / 3.92)
            errors.append(error / truth.sd[at])
        r_hats.append(found["r_hat"].value)
    # A chain may stay long where tau is near 0; its error and R-hat say so.
    assert 0.0 < np.median(errors) < 0.1
    assert np.median(r_hats) == pytest.approx(1.0, abs=0.03)
    # There is no density of a row without its school, so nothing is said of held-out rows.
    assert "test_log_predictive" not in found
    names = {series.name for series in algorithm.series}
    assert {"accept", "step_size", "log_joint"} <= names


@pytest.mark.parametrize("spec", [LOGISTIC, {**LINEAR, "known_noise": 0}, TIMES], ids=str)
def test_the_grid_is_what_scipy_integrates(spec: dict[str, Any]) -> None:
    _, data, model = run(**spec, algorithm="advi", steps=1, eta=0.1)
    truth, x = model.truth(), data.train.x.double().numpy()  # type: ignore[operator]
    if spec is TIMES:
        a, b = 2 + len(x), 1 + x.sum()
        assert truth.mean[0] == pytest.approx(a / b, rel=1e-6)
        assert truth.sd[0] == pytest.approx(math.sqrt(a) / b, rel=1e-5)
        assert truth.log_evidence == pytest.approx(math.lgamma(a) - a * math.log(b), abs=1e-6)
        return
    if spec is LOGISTIC:
        # Importance sampling from a Student t around the mode, with its error.
        rng = np.random.default_rng(0)
        design, y = np.column_stack([np.ones(len(x)), x[:, :2]]), x[:, 2]
        law = stats.multivariate_t(truth.mean, np.diag(np.square(truth.sd)) * 1.5, df=7, seed=rng)
        theta = law.rvs(40_000)
        logits = theta @ design.T
        fit = -np.logaddexp(0, -(2 * y - 1) * logits).sum(1)
        weight = np.exp(fit + stats.norm(0, 2.5).logpdf(theta).sum(1) - law.logpdf(theta) + 40)
        error = weight.std() / weight.mean() / 200
        assert error < 0.02
        assert truth.log_evidence == pytest.approx(math.log(weight.mean()) - 40, abs=5 * error)
        means = (weight[:, None] * theta).sum(0) / weight.sum()
        assert truth.mean == pytest.approx(means, abs=0.03)
        return

    def of_noise(noise: float) -> float:
        design = np.column_stack([np.ones(len(x)), x[:, :2]])
        covariance = 4 * design @ design.T + noise**2 * np.eye(len(x))
        fit = stats.multivariate_normal(np.zeros(len(x)), covariance).logpdf(x[:, 2])
        return float(np.exp(fit + 58) * 2 * stats.norm.pdf(noise))

    total = quadrature.quad(of_noise, 0.1, 3, limit=200, points=[0.4, 0.6, 0.9])[0]
    assert truth.names[2] == "noise"
    assert truth.log_evidence == pytest.approx(math.log(total) - 58, abs=1e-4)
    mean = quadrature.quad(lambda s: s * of_noise(s), 0.1, 3, points=[0.4, 0.6, 0.9])[0] / total
    assert truth.mean[2] == pytest.approx(mean, rel=1e-4)


def test_a_correlated_gaussian_on_a_grid_and_its_contours() -> None:
    covariance = torch.tensor([[0.28, 0.2], [0.2, 0.31]], dtype=torch.float64)
    law = torch.distributions.MultivariateNormal(torch.tensor([1.0, -2.0]).double(), covariance)
    box = (-30.0, -30.0), (30.0, 30.0)
    truth = integrate(Marginal(("a", "b"), *box, lambda at: law.log_prob(at) - 3.0))
    assert truth.log_evidence == pytest.approx(-3.0, abs=1e-9)
    assert truth.mean == pytest.approx((1.0, -2.0), abs=1e-9)
    assert truth.sd == pytest.approx(covariance.diagonal().sqrt().tolist(), rel=1e-6)
    lines = contour(truth.density, truth.axes, (0.5,)).double() - law.mean
    # The 50 % region of a Gaussian in the plane ends where χ²(2) has its median.
    distance = (lines * torch.linalg.solve(covariance, lines.mT).mT).sum(1)
    assert len(lines) > 50
    assert distance.numpy() == pytest.approx(2 * math.log(2), rel=0.06)


@pytest.mark.parametrize("spec", [LINEAR, SCHOOLS, TIMES, LINE], ids=lambda s: s["model"])
def test_the_looks_are_the_draws(spec: dict[str, Any]) -> None:
    algorithm, data, model = run(**spec, algorithm="advi", eta=0.1)
    assert isinstance(model, HasDraws)
    found = {probe.name for probe in probes_for(algorithm.spec, type(model), data)}
    assert "posterior" in found
    probe = PROBES["posterior"](algorithm.spec, data)
    reading = read_probes(probe, model, 30)
    assert set(reading.values) == {series.name for series in probe.series}
    numbers = model.numbers()
    for name in probe.names:
        mean, sd = float(numbers[name].mean()), float(numbers[name].std())
        assert reading.values[f"mean_{name}"] == pytest.approx(mean)
        assert reading.values[f"sd_{name}"] == pytest.approx(sd)
    picture = reading.pictures["posterior"]
    if spec is TIMES:
        counts = picture.payload["counts"]
        assert picture.form == "histogram"
        # After so few steps q is wide: some draws lie beyond the box.
        assert 250 < sum(counts["draws"]) <= 500
        assert sum(counts["exact posterior"]) == pytest.approx(500, abs=1e-3)
        rate = data.train.x.double().sum() + 1
        law = stats.gamma(27, scale=1 / float(rate))
        edges = picture.payload["edges"]
        exact = np.diff(law.cdf(edges))
        assert np.array(counts["exact posterior"]) / 500 == pytest.approx(
            exact / exact.sum(), abs=2e-3
        )
        return
    assert picture.form == "points"
    assert picture.payload["axes"] == list(numbers)[:2]
    assert picture.payload["label"].count(1) == 500
    known = model.truth() is not None
    assert (picture.payload["label"].count(0) > 100) is known
    assert ("not known" in picture.note) is not known
    assert ("samples" in reading.pictures) is (spec in (LINEAR, SCHOOLS))
    # One look alone makes the panel of samples.
    assert ("samples" in found) is (spec is LINE)
    if spec is LINEAR:
        predicted = reading.pictures["samples"].payload
        assert predicted["axes"] == ["x₁", "y"]
        assert len(predicted["x"]) == 400


def test_the_predictive_density_is_the_mean_over_the_draws() -> None:
    _, data, model = run(**LINEAR, algorithm="advi", eta=0.1, steps=300)
    x = data.test.x[:20]
    numbers = {k: v.flatten()[::4] for k, v in model.numbers().items()}  # type: ignore[operator]
    mean = (
        numbers["intercept"]
        + x[:, :1].double() * numbers["weights[0]"]
        + x[:, 1:2].double() * numbers["weights[1]"]
    )
    p = stats.norm(mean.numpy(), 0.5).pdf(x[:, 2:].numpy()).mean(1)
    found = model.log_predictive(x)  # type: ignore[operator]
    assert found.numpy() == pytest.approx(np.log(p), abs=1e-5)


def test_only_what_fits_is_offered() -> None:
    assert algorithms_for("linear_regression", "bayes") == ("advi", "hmc")
    assert models_for("linear_table") == ("linear_regression",)
    assert models_for("eight_schools") == ("eight_schools",)
    assert models_for("waiting_times") == ("waiting_rate",)
    assert "ordered_mixture" in models_for("gaussian", {"dim": 1})
    assert "linear_regression" not in models_for("ring")
    with pytest.raises(SpecError, match="rows of a table"):
        RunSpec.build(model="vae", data="linear_table")
    with pytest.raises(SpecError, match="columns x₁, x₂, y"):
        RunSpec.build(model="linear_regression", data="logistic_table")
    with pytest.raises(SpecError, match="goes with: advi, hmc"):
        RunSpec.build(**LINEAR, algorithm="gradient")


def test_a_log_joint_of_ones_own_is_one_row_and_a_table() -> None:
    @DATASETS.register("my_decay_table", title="Decay", summary="Only in a test.")
    class DecayTable(Table):
        @staticmethod
        def _options() -> type[Options]:
            from dataclasses import dataclass

            @dataclass(frozen=True)
            class DecayOptions(Options):
                table_rows: int = option(40, "rows", low=2, high=1000)

            return DecayOptions

        Options: ClassVar[type[Options]] = _options()
        columns = ("t", "y")
        note = "Made up."

        @classmethod
        def rows(cls, options: Any, n: int, part: str) -> tuple[Tensor, ...]:
            t = torch.linspace(0, 3, n, dtype=torch.float64)
            noise = torch.randn(n, generator=random.generator(0, "decay", part)).double()
            return t, (-0.8 * t).exp() + 0.1 * noise

    @MODELS.register("my_decay", title="Decay", summary="Only in a test.")
    class Decay(LogJointModel[Options]):
        columns = ("t", "y")

        @classmethod
        def log_joint(cls, options: Any, rows: Tensor) -> LogJoint:
            def fit(v: Any, rows: Tensor) -> Tensor:
                return normal(rows[:, 1], (-v["rate"] * rows[:, 0]).exp(), 0.1).sum()

            return LogJoint(
                [Parameter("rate", Lower(0.0))],
                lambda v: gamma(v["rate"], 2.0, 1.0),
                data=(rows,),
                log_likelihood=fit,
            )

        def predict(self, values: Any, rows: Tensor) -> Tensor:
            y = (-values["rate"] * rows[:, 0]).exp() + 0.1 * torch.randn(len(rows))
            return torch.column_stack([rows[:, 0], y])

    try:
        assert models_for("my_decay_table") == ("my_decay",)
        mine = {"model": "my_decay", "data": "my_decay_table"}
        x = datasets.load(RunSpec.build(**mine)).train.x.double().numpy()

        def joint(rate: float) -> float:
            fit = stats.norm(np.exp(-rate * x[:, 0]), 0.1).logpdf(x[:, 1]).sum()
            return float(np.exp(fit - 35 + stats.gamma(2).logpdf(rate)))

        total = quadrature.quad(joint, 0.3, 2, points=[0.7, 0.9])[0]
        mean = quadrature.quad(lambda r: r * joint(r), 0.3, 2, points=[0.7, 0.9])[0] / total
        for values in ({"algorithm": "advi", "eta": 0.1}, {"algorithm": "hmc", "hmc_warmup": 60}):
            algorithm, data, model = run(**mine, **values, steps=300)
            found = {one.series.name: one for one in evaluate(model, data)}
            assert found["posterior_mean_rate"].value == pytest.approx(mean, abs=0.02)
            assert found["test_log_predictive"].value == pytest.approx(0.85, abs=0.15)
            names = {p.name for p in probes_for(algorithm.spec, type(model), data)}
            assert "posterior" in names
    finally:
        MODELS.unregister("my_decay")
        DATASETS.unregister("my_decay_table")
