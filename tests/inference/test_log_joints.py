"""Log-joints against scipy and conjugate truths, and what is said about those that cannot work."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy import integrate, special, stats

from genlab.core.errors import SpecError
from genlab.data import tables
from genlab.inference import log_joint_presets as lj
from genlab.inference.constraints import Interval, Lower, Ordered, Real, Simplex, SoftplusLower
from genlab.inference.log_joints import LogJoint, Parameter, Values


def point(target: LogJoint, seed: int = 0) -> tuple[torch.Tensor, dict[str, np.ndarray]]:
    source = torch.Generator().manual_seed(seed)
    zeta = torch.randn(1, target.size, generator=source, dtype=torch.float64)
    values = {name: value[0].numpy() for name, value in target.constrain(zeta).items()}
    return zeta, values


def joint(target: LogJoint, zeta: torch.Tensor) -> float:
    return float(target.log_density(zeta) - target.log_abs_det(zeta))


def by_scipy_eight_schools(v: dict[str, np.ndarray], centred: bool) -> float:
    norm = stats.norm.logpdf
    y, errors = np.array(tables.EIGHT_SCHOOLS_EFFECTS), np.array(tables.EIGHT_SCHOOLS_ERRORS)
    hyper = norm(v["mu"], 0, 5) + stats.halfcauchy.logpdf(v["tau"], scale=5)
    if centred:
        effects, between = v["effects"], norm(v["effects"], v["mu"], v["tau"]).sum()
    else:
        effects, between = v["mu"] + v["tau"] * v["offsets"], norm(v["offsets"]).sum()
    return hyper + between + norm(y, effects, errors).sum()


def by_scipy_linear(v: dict[str, np.ndarray]) -> float:
    x, y = (rows.numpy() for rows in tables.regression_data())
    norm = stats.norm.logpdf
    prior = norm(v["weights"], 0, 2).sum() + norm(v["intercept"], 0, 2)
    fit = norm(y, v["intercept"] + x @ v["weights"], v["noise"]).sum()
    return prior + stats.halfnorm.logpdf(v["noise"]) + fit


def by_scipy_logistic(v: dict[str, np.ndarray]) -> float:
    x, y = (rows.numpy() for rows in tables.logistic_data())
    norm = stats.norm.logpdf
    prior = norm(v["weights"], 0, 2.5).sum() + norm(v["intercept"], 0, 2.5)
    p = 1 / (1 + np.exp(-(v["intercept"] + x @ v["weights"])))
    return prior + stats.bernoulli.logpmf(y, p).sum()


def by_scipy_mixture(v: dict[str, np.ndarray]) -> float:
    (x,) = (rows.numpy() for rows in lj.mixture_data())
    prior = stats.dirichlet.logpdf(v["weights"], [2, 2]) + stats.halfnorm.logpdf(v["sd"])
    # Two means in order: twice the density of two without order.
    prior += stats.norm.logpdf(v["means"], 0, 3).sum() + math.log(2)
    joint = np.log(v["weights"]) + stats.norm.logpdf(x[:, None], v["means"], v["sd"])
    return prior + special.logsumexp(joint, axis=1).sum()


def by_scipy_waiting(v: dict[str, np.ndarray]) -> float:
    x = lj.waiting_times().data[0].numpy()
    prior = stats.gamma.logpdf(v["rate"], 2, scale=1)
    return prior + stats.expon.logpdf(x, scale=1 / v["rate"]).sum()


CROSS = math.sqrt(0.54 * 0.28 * 0.31)
SCIPY: dict[str, Callable[[dict[str, np.ndarray]], float]] = {
    "eight_schools_centred": lambda v: by_scipy_eight_schools(v, True),
    "eight_schools": lambda v: by_scipy_eight_schools(v, False),
    "linear_regression": by_scipy_linear,
    "logistic_regression": by_scipy_logistic,
    "gaussian_mixture": by_scipy_mixture,
    "waiting_times": by_scipy_waiting,
    "beta": lambda v: stats.beta.logpdf(v["p"], 4.0, 1.5),
    "gamma": lambda v: stats.gamma.logpdf(v["rate"], 2.5, scale=1 / 4.2),
    "correlated_gaussian": lambda v: stats.multivariate_normal.logpdf(
        v["z"], [0, 0], [[0.28, CROSS], [CROSS, 0.31]]
    ),
}


def test_every_preset_has_its_truth() -> None:
    assert set(SCIPY) | {"linear_gaussian"} == set(lj.PRESETS)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", SCIPY)
def test_presets_against_scipy(name: str, seed: int) -> None:
    target = lj.PRESETS[name].build()
    zeta, values = point(target, seed)
    assert joint(target, zeta) == pytest.approx(float(SCIPY[name](values)), rel=1e-10, abs=1e-10)


def test_linear_gaussian_is_evidence_times_posterior() -> None:
    target, (model, x) = lj.linear_gaussian(), lj.linear_gaussian_truth()
    zeta, _ = point(target)
    truth = model.log_prob(x[None]) + model.encode(x[None]).log_prob(zeta)
    assert joint(target, zeta) == pytest.approx(float(truth), abs=1e-10)
    assert float(model.log_prob(x[None])) == pytest.approx(-4.3455055938, abs=1e-9)


@pytest.mark.parametrize("name", lj.PRESETS)
def test_presets_pass_the_check_and_run_as_a_batch(name: str) -> None:
    target = lj.PRESETS[name].build()
    zeta = target.check()
    points = zeta + 0.1 * torch.arange(3.0, dtype=torch.float64)[:, None]
    together = target.log_density(points)
    assert target._vectorised
    apart = [float(target.log_density(one[None])) for one in points]
    assert together.tolist() == pytest.approx(apart, rel=1e-12)
    again = target.unconstrain({k: v[2] for k, v in target.constrain(points).items()})
    torch.testing.assert_close(again, points[2])


@pytest.mark.parametrize("support", [Lower(), SoftplusLower()])
def test_the_density_of_zeta_integrates_to_one(support: Lower) -> None:
    target = lj.gamma_model(2.5, 4.2).replace("rate", support)

    def density(z: float) -> float:
        return float(target.log_density(torch.tensor([[z]], dtype=torch.float64)).exp())

    total, _ = integrate.quad(density, -30, 12, points=[-1, 0, 1])
    assert total == pytest.approx(1, abs=1e-6)


def test_value_and_grad_against_differences() -> None:
    target = lj.gaussian_mixture(3)
    zeta, _ = point(target)
    _, gradient = target.value_and_grad(zeta)
    step = 1e-5 * torch.eye(target.size, dtype=torch.float64)
    slopes = (target.log_density(zeta + step) - target.log_density(zeta - step)) / 2e-5
    torch.testing.assert_close(gradient[0], slopes, rtol=1e-6, atol=1e-5)


def test_batches_are_unbiased() -> None:
    target = lj.linear_regression()
    zeta, _ = point(target)
    parts = zip(*(rows.split(15) for rows in target.data), strict=True)
    each = torch.stack([target.log_density(zeta, part) for part in parts])
    assert len(each) == 4
    assert float(each.mean()) == pytest.approx(float(target.log_density(zeta)), abs=1e-9)
    assert float(each.std()) > 1e-3
    x, y = target.batch(15, seed=0, step=3)
    assert x.shape == (15, 2)
    assert torch.equal(y, target.batch(15, 0, 3)[1])
    assert not torch.equal(y, target.batch(15, 0, 4)[1])


def test_code_that_looks_at_its_values_runs_one_draw_at_a_time() -> None:
    def log_prob(values: Values) -> torch.Tensor:
        # torch.distributions checks its arguments, which vmap cannot follow.
        prior = torch.distributions.Gamma(2.5, 4.2, validate_args=True)
        return prior.log_prob(values["rate"]) if values["rate"] > 0 else values["rate"]

    target, same = LogJoint([Parameter("rate", Lower())], log_prob), lj.gamma_model(2.5, 4.2)
    zeta = torch.tensor([[-1.0], [0.5]], dtype=torch.float64)
    for mine, truth in zip(target.value_and_grad(zeta), same.value_and_grad(zeta), strict=True):
        # float32 constants inside the distribution.
        torch.testing.assert_close(mine, truth, rtol=1e-6, atol=1e-6)
    assert not target._vectorised


def test_several_shapes_in_one_zeta() -> None:
    rows = [
        Parameter("a", Real(), (2, 2)),
        Parameter("p", Simplex(), (2, 3)),
        Parameter("o", Ordered(), (2,)),
        Parameter("u", Interval(0, 2)),
    ]
    target = LogJoint(rows, lambda v: sum((x.square().sum() for x in v.values()), 0 * v["u"]))
    zeta, values = point(target)
    assert target.size == 4 + 4 + 2 + 1
    shapes = {name: value.shape for name, value in values.items()}
    assert shapes == {"a": (2, 2), "p": (2, 3), "o": (2,), "u": ()}
    torch.testing.assert_close(target.unconstrain(values), zeta[0])
    parts = [(0, 4, Real(), (4,)), (4, 8, Simplex(), (2, 2)), (8, 10, Ordered(), (2,))]
    by_hand = sum(
        float(row.log_det(zeta[0, low:high].reshape(shape)).sum())
        for low, high, row, shape in parts
    ) + float(Interval(0, 2).log_det(zeta[0, 10]))
    assert float(target.log_abs_det(zeta)) == pytest.approx(by_hand, abs=1e-12)


def test_data_of_single_precision_become_double() -> None:
    target = LogJoint(
        [Parameter("w", Real(), (2,))],
        lambda v: -v["w"].square().sum(),
        data=[np.ones((3, 2), dtype=np.float32)],
        log_likelihood=lambda v, x: (x @ v["w"]).sum(),
    )
    assert target.check().tolist() == [0, 0]
    assert joint(target, torch.ones(1, 2, dtype=torch.float64)) == pytest.approx(-2 + 6)


RATE = [Parameter("rate", Lower())]
TWO = [Parameter("w", Real(), (2,))]
ROWS = torch.zeros(5, 2, dtype=torch.float64)

BAD: dict[str, tuple[Callable[[], object], str]] = {
    "vector": (
        lambda: LogJoint(TWO, lambda v: -v["w"].square()).check(),
        r"shape \(2,\).*sum over the terms.*Nothing was started",
    ),
    "no tensor": (lambda: LogJoint(TWO, lambda v: 1.0).check(), "must be a torch tensor"),
    "nan": (
        lambda: LogJoint(RATE, lambda v: (v["rate"] - 2).log()).check(),
        r"log_prob = nan.*must be finite.*at the start.*rate = 1",
    ),
    "infinite": (
        lambda: LogJoint(TWO, lambda v: v["w"].sum() - math.inf).check(),
        "log_prob = -inf.*w = 0, 0",
    ),
    "nan near": (
        lambda: LogJoint(TWO, lambda v: (v["w"] + 0.3).log().sum()).check(),
        "near the start it is not",
    ),
    "no gradient": (
        lambda: LogJoint(TWO, lambda v: torch.tensor(v["w"].square().sum().item())).check(),
        "without a gradient in 'w'.*no .item",
    ),
    "unused": (
        lambda: LogJoint([*RATE, *TWO], lambda v: -v["rate"]).check(),
        "without a gradient in 'w'",
    ),
    "kink": (
        lambda: LogJoint(TWO, lambda v: -v["w"].abs().sqrt().sum()).check(),
        "gradient in 'w' that is not finite",
    ),
    "random": (
        lambda: LogJoint(TWO, lambda v: -v["w"].square().sum() + torch.rand(())).check(),
        "same value for the same parameters",
    ),
    "raises": (
        lambda: LogJoint(TWO, lambda v: -v["x"].sum()).check(),
        "KeyError: 'x'.*must work at the start",
    ),
    "likelihood": (
        lambda: LogJoint(
            TWO, lambda v: -v["w"].sum(), data=[ROWS], log_likelihood=lambda v, x: x @ v["w"]
        ).check(),
        r"log_likelihood.*shape \(5,\)",
    ),
    "start outside": (
        lambda: LogJoint(RATE, lambda v: -v["rate"]).check({"rate": -1.0}),
        r"rate = -1.0 is not possible: allowed: a number above 0",
    ),
    "start shape": (
        lambda: LogJoint(TWO, lambda v: -v["w"].square().sum()).check({"w": [1.0]}),
        r"w = 'a value of shape \(1,\)'",
    ),
    "start unknown": (
        lambda: LogJoint(RATE, lambda v: -v["rate"]).check({"rat": 1.0}),
        "did you mean 'rate'",
    ),
    "start missing": (
        lambda: LogJoint([*RATE, *TWO], lambda v: -v["rate"]).check({"rate": 1.0}),
        "value for each parameter",
    ),
    "twice": (lambda: LogJoint(RATE * 2, lambda v: -v["rate"]), "each name once"),
    "none": (lambda: LogJoint([], lambda v: v["rate"]), "at least one"),
    "support": (lambda: LogJoint([Parameter("z", "real")], lambda v: v["z"]), "Real()"),
    "data nan": (
        lambda: LogJoint(
            RATE, lambda v: -v["rate"], data=[ROWS / 0], log_likelihood=lambda v, x: x.sum()
        ),
        "data = .*not numbers",
    ),
    "data alone": (lambda: LogJoint(RATE, lambda v: -v["rate"], data=[ROWS]), "given together"),
    "unequal data": (
        lambda: LogJoint(
            RATE, lambda v: -v["rate"], data=[ROWS, ROWS[:2]], log_likelihood=lambda v, x, y: x
        ),
        "equal numbers",
    ),
    "other support": (
        lambda: lj.gamma_model().replace("rate", Interval(0, 1)),
        "the support must be a number above 0",
    ),
    "gamma": (lambda: lj.gamma_model(-1, 1), "shape = -1 is not possible"),
    "correlation": (lambda: lj.correlated_gaussian(r2=1.0), "r2 = 1.0"),
    "components": (lambda: lj.gaussian_mixture(1), "components = 1"),
    "batch": (lambda: lj.waiting_times(25).batch(26, 0, 1), "1 to 25"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_named_before_anything_starts(name: str) -> None:
    build, words = BAD[name]
    with pytest.raises(SpecError, match=words) as caught:
        build()
    assert "Nothing was started" in str(caught.value)
