"""The ADVI lesson: what another transform changes, and what MCMC says, against scipy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import integrate, optimize, special, stats

from genlab.lessons import lesson
from genlab.lessons.advi import Automatic
from genlab.lessons.closed_forms_line import LINES, Line, best_gaussian, transformed
from genlab.lessons.panels import Bars, Curves, Plane

#: Each transform's inverse and the log-volume, with nothing of the engine.
TRANSFORMS = {
    "log": (np.exp, lambda z: z),
    "inverse softplus": (lambda z: np.logaddexp(0, z), lambda z: -np.logaddexp(0, -z)),
    "logit": (special.expit, lambda z: special.log_expit(z) + special.log_expit(-z)),
    "probit": (special.ndtr, stats.norm.logpdf),
}
LAWS = {
    "gamma": lambda v: stats.gamma(v["shape"], scale=1 / v["rate"]),
    "beta": lambda v: stats.beta(v["a"], v["b"]),
}


def kl(law, transform: str, mean: float, sd: float) -> float:
    """KL(N(mean, sd²) ‖ the law moved to ζ) by scipy's adaptive quadrature."""
    back, volume = TRANSFORMS[transform]

    def integrand(z: float) -> float:
        log_q = stats.norm.logpdf(z, mean, sd)
        return float(np.exp(log_q) * (log_q - law.logpdf(back(z)) - volume(z)))

    low, high = mean - 7.5 * sd, mean + 7.5 * sd
    return integrate.quad(integrand, low, high, points=[mean], epsabs=1e-9, limit=200)[0]


def made(**values) -> Automatic:
    found = lesson("advi", {"steps": 60, "mcmc": 40, **values})
    assert isinstance(found, Automatic)
    return found


@pytest.mark.parametrize(
    ("target", "transform", "numbers"),
    [
        ("gamma", "log", {"shape": 2.5, "rate": 4.2}),
        ("gamma", "inverse softplus", {"shape": 2.5, "rate": 4.2}),
        ("gamma", "inverse softplus", {"shape": 10.0, "rate": 1.0}),
        ("beta", "logit", {"a": 4.0, "b": 1.5}),
        ("beta", "probit", {"a": 4.0, "b": 1.5}),
    ],
)
def test_the_best_gaussian_under_a_transform(target: str, transform: str, numbers: dict) -> None:
    at, gap = best_gaussian(transformed(LINES[target], *numbers.values())[transform])
    law = LAWS[target](numbers)
    assert gap == pytest.approx(kl(law, transform, *at), abs=1e-7)
    found = optimize.minimize(
        lambda v: kl(law, transform, v[0], np.exp(v[1])),
        (at.mean + 0.1, np.log(at.sd) + 0.1),
        method="Nelder-Mead",
        options={"xatol": 1e-4, "fatol": 1e-8},
    )
    assert gap == pytest.approx(found.fun, abs=2e-7)


def test_another_transform_is_another_approximation() -> None:
    """Gamma(2.5, 4.2): 3.3e-2 under the log and a tenth of it under the inverse softplus."""
    log = made(target="gamma", transform="log")
    soft = made(target="gamma", transform="inverse softplus")
    assert log.case.best["mean-field"] == pytest.approx(3.316e-2, abs=1e-5)
    assert soft.case.best["mean-field"] == pytest.approx(3.453e-3, abs=1e-6)
    # All of them are on both pages, and the same.
    assert isinstance(log.case, Line)
    assert isinstance(soft.case, Line)
    gaps = [{name: gap for name, (_, gap) in one.case.optima.items()} for one in (log, soft)]
    assert gaps[0] == pytest.approx(gaps[1])
    # And the q that ADVI finds moves with the transform.
    fits = [made(target="gamma", transform=t, steps=400, draws=50) for t in gaps[0]]
    found = [one.case.kl(*_law(one)) for one in fits]
    assert found[0] == pytest.approx(3.316e-2, abs=2e-3)
    assert found[1] == pytest.approx(3.453e-3, abs=2e-3)
    elbos = [one.fits["mean-field"].elbo for one in fits]
    assert elbos[1].low > elbos[0].high


def _law(one: Automatic) -> tuple[torch.Tensor, torch.Tensor]:
    fit = one.fits["mean-field"]
    return fit.mean, fit.covariance


def test_a_uniform_posterior_is_exact_under_the_probit_alone() -> None:
    one = made(target="beta", a=1.0, b=1.0, transform="probit", steps=400, draws=50)
    assert isinstance(one.case, Line)
    at, gap = one.case.optima["probit"]
    assert (at.mean, at.sd, gap) == pytest.approx((0.0, 1.0, 0.0), abs=1e-9)
    assert one.case.optima["logit"][1] == pytest.approx(9.512e-3, abs=1e-5)
    assert one.case.kl(*_law(one)) < 2e-3


@pytest.mark.parametrize(("target", "transform"), [("gamma", "log"), ("beta", "probit")])
def test_the_moments_of_q_are_those_of_its_draws(target: str, transform: str) -> None:
    one = made(target=target, transform=transform)
    fit = one.fits["mean-field"]
    back, _ = TRANSFORMS[transform]
    sd = float(fit.covariance[0, 0]) ** 0.5
    draws = back(stats.norm(float(fit.mean[0]), sd).rvs(200_000, random_state=0))
    mean, spread = one.case.moments(fit, 0)
    assert mean == pytest.approx(draws.mean(), abs=4.5 * draws.std() / 200_000**0.5)
    assert spread == pytest.approx(draws.std(), rel=0.02)


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"r2": 0.95, "steps": 20},
        {"target": "linear_gaussian", "seed": 3},
        {"target": "gamma", "shape": 10.0, "rate": 0.5, "transform": "inverse softplus"},
        {"target": "gamma", "shape": 0.5, "rate": 10.0},
        {"target": "beta", "transform": "probit", "a": 1.0, "b": 10.0},
        {"target": "beta", "a": 1.0, "b": 1.0, "steps": 5},
        {"target": "beta", "seed": 2},
    ],
)
def test_all_statements_hold(values: dict) -> None:
    for check in made(**values).check():
        assert check.holds, check


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("target", ["correlated", "gamma", "beta"])
def test_the_referee_is_right(target: str, seed: int) -> None:
    reference = made(target=target, mcmc=400, seed=seed).reference
    assert reference is not None
    numbers = {"shape": 2.5, "rate": 4.2, "a": 4.0, "b": 1.5}
    law = stats.norm(0, 0.28**0.5) if target == "correlated" else LAWS[target](numbers)
    assert abs(reference.mean[0] - law.mean()) < 4.5 * reference.error[0]
    assert reference.sd[0] == pytest.approx(law.std(), rel=0.12)
    assert reference.n == 3200
    assert reference.effective[0] > 800
    assert reference.r_hat[0] < 1.02
    assert 0.6 < reference.draws.accept < 0.98


def test_the_referee_stands_in_the_same_pictures_with_its_numbers() -> None:
    line, plane = made(target="gamma"), made()
    for panel in line.panels()[:2]:
        assert isinstance(panel, Curves)
        assert [curve.name for curve in panel.curves] == ["posterior", "MCMC", "q"]
        assert "MCMC: 320 draws" in panel.note
    drawn = plane.panels()[0]
    assert isinstance(drawn, Plane)
    assert drawn.points is not None
    assert drawn.points.shape == (320, 2)
    reference = line.reference
    assert reference is not None
    assert f"R̂ {reference.r_hat[0]:.3f}, {reference.effective[0]:.0f} effective" in drawn_note(
        line
    )
    said = {value.name: value for step in line.equations() for value in step.values}
    assert said["mean of rate, exact"].value == pytest.approx(2.5 / 4.2)
    assert said["sd of rate, exact"].value == pytest.approx(2.5**0.5 / 4.2)
    assert said["mean of rate, MCMC"].value == pytest.approx(reference.pooled.mean())
    assert said["mean of rate, MCMC"].error == pytest.approx(float(reference.error[0]))
    assert said["mean of rate, MCMC"].kind == "Monte Carlo"
    assert said["effective draws for rate"].value == pytest.approx(reference.effective[0])


def drawn_note(one: Automatic) -> str:
    return one.panels()[0].note


def test_without_the_referee_it_is_not_asked() -> None:
    one = made(target="gamma", mcmc=0)
    assert one.reference is None
    assert not any("MCMC" in curve.name for curve in one.panels()[0].curves)
    assert not any("MCMC mean" in check.says for check in one.check())
    bars = one.panels()[2]
    assert isinstance(bars, Bars)
    assert bars.labels == ("log", "inverse softplus")


def test_the_long_part_says_how_far_it_is() -> None:
    told: list[float] = []
    one = made(target="gamma", steps=10)
    one.prepare(lambda part, says: told.append(part))
    assert told == sorted(told)
    assert told[-1] == pytest.approx(1.0)
    assert len(told) > 100
    before = len(told)
    one.panels(), one.check()
    assert len(told) == before


def test_a_transform_of_another_support_is_refused() -> None:
    with pytest.raises(Exception, match="transform = 'probit' is not possible: allowed: log"):
        made(target="gamma", transform="probit")
