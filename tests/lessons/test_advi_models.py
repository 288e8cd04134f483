"""The lesson on models without a closed form, against scipy's quadrature."""

from __future__ import annotations

import functools
import math

import numpy as np
import pytest
import torch
from scipy import integrate, special, stats

from genlab.data import tables
from genlab.inference import log_joint_presets as lj
from genlab.lessons import lesson
from genlab.lessons.advi_models import VIEWS, Models, importance, labels, numbers
from genlab.lessons.panels import Bars, Curves, Plane


@functools.cache
def made(model: str, transform: str = "", seed: int = 0) -> Models:
    """A small one, kept for all tests."""
    extra = {"transform": transform} if transform else {}
    # The narrow posterior of the regression is reached later than the others.
    steps = 400 if model == "linear_regression" else 60
    values = {"model": model, "steps": steps, "mcmc": 60, "seed": seed}
    found = lesson("advi_models", values | extra)
    assert isinstance(found, Models)
    return found


@functools.cache
def eight_schools() -> tuple[float, float, float]:
    """log p(y), E[mu], E[tau] on a grid of (mu, log tau), the effects integrated out by hand."""
    y, error = np.array(tables.EIGHT_SCHOOLS_EFFECTS), np.array(tables.EIGHT_SCHOOLS_ERRORS)
    mu = np.linspace(-25, 30, 401)[:, None, None]
    log_tau = np.linspace(-12, 6, 1201)[None, :, None]
    tau = np.exp(log_tau)
    log_p = stats.norm.logpdf(y, mu, np.sqrt(tau**2 + error**2)).sum(-1)
    log_p = log_p + stats.norm.logpdf(mu[..., 0], 0, 5)
    log_p = log_p + (stats.halfcauchy.logpdf(tau, scale=5) + log_tau)[..., 0]
    area = (mu[1, 0, 0] - mu[0, 0, 0]) * (log_tau[0, 1, 0] - log_tau[0, 0, 0])
    total = special.logsumexp(log_p) + math.log(area)
    share = np.exp(log_p - special.logsumexp(log_p))
    return total, float((share * mu[..., 0]).sum()), float((share * tau[..., 0]).sum())


@functools.cache
def linear_regression() -> float:
    """log p(y): the weights integrated out by hand, the noise by adaptive quadrature."""
    x, y = (rows.numpy() for rows in tables.regression_data())
    design = np.column_stack([np.ones(len(x)), x])

    def density(noise: float, shift: float) -> float:
        covariance = 4 * design @ design.T + noise**2 * np.eye(len(y))
        log_p = stats.multivariate_normal.logpdf(y, np.zeros(len(y)), covariance)
        return math.exp(log_p + stats.halfnorm.logpdf(noise) - shift)

    total, _ = integrate.quad(density, 0.3, 0.9, args=(-58.0,), epsrel=1e-7)
    return math.log(total) - 58.0


@functools.cache
def logistic_regression() -> float:
    """log p(y) on a grid of three weights."""
    x, y = (rows.numpy() for rows in tables.logistic_data())
    axes = [np.linspace(-2.5, 1.5, 41), np.linspace(-0.5, 5.5, 51), np.linspace(-4.0, 1.0, 51)]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3)
    logits = grid[:, :1] + grid[:, 1:] @ x.T
    log_p = special.log_expit((2 * y - 1) * logits).sum(1) + stats.norm.logpdf(grid, 0, 2.5).sum(1)
    volume = math.prod(axis[1] - axis[0] for axis in axes)
    return float(special.logsumexp(log_p)) + math.log(volume)


TRUTH = {
    "eight_schools": lambda: eight_schools()[0],
    "linear_regression": linear_regression,
    "logistic_regression": logistic_regression,
}


def test_every_model_has_its_truth() -> None:
    assert set(TRUTH) == set(VIEWS)


@pytest.mark.parametrize("model", VIEWS)
def test_the_evidence_is_that_of_quadrature(model: str) -> None:
    sure = made(model).weighted
    assert sure.log_p == pytest.approx(TRUTH[model](), abs=4.5 * sure.error + 1e-3)
    assert 0 < sure.error < 0.02
    assert sure.effective > 2000


def test_the_evidence_does_not_depend_on_the_transform() -> None:
    one, other = (made("eight_schools", name) for name in ("log", "inverse softplus"))
    gap = one.weighted.log_p - other.weighted.log_p
    assert abs(gap) < 4.5 * math.hypot(one.weighted.error, other.weighted.error)
    # Both approximations are below it, each by its own KL.
    for fitted in (one, other):
        elbo = fitted.fits["mean-field"].elbo
        assert elbo.low < fitted.weighted.log_p + 4.5 * fitted.weighted.error


def test_the_referee_and_the_weights_have_the_means_of_the_grid() -> None:
    one, truth = made("eight_schools"), eight_schools()[1:]
    for k, exact in zip(one.axes, truth, strict=True):
        assert abs(one.reference.mean[k] - exact) < 4.5 * one.reference.error[k]
        assert abs(one.weighted.mean[k] - exact) < 4.5 * one.weighted.spread[k]
    assert one.reference.labels[one.axes[1]] == "tau"


@pytest.mark.parametrize("seed", range(3))
def test_weights_of_a_gaussian_are_its_evidence(seed: int) -> None:
    """On the linear Gaussian model, wherever the draws around which t stands are from."""
    draws = torch.randn(500, 2, generator=torch.Generator().manual_seed(seed)).double()
    sure = importance(lj.linear_gaussian(), draws, seed)
    assert sure.log_p == pytest.approx(-4.3455055938, abs=4 * sure.error)
    assert 0.001 < sure.error < 0.05
    assert np.abs(sure.mean - [0.33195876, 0.28659794]).max() < 4.5 * sure.spread.max()


@pytest.mark.parametrize(("model", "seed"), [*((m, 0) for m in VIEWS), ("eight_schools", 5)])
def test_all_statements_hold(model: str, seed: int) -> None:
    checks = made(model, seed=seed).check()
    assert len(checks) == 4
    for check in checks:
        assert check.holds, check


@pytest.mark.parametrize("model", VIEWS)
def test_what_the_pictures_show(model: str) -> None:
    one, view = made(model), VIEWS[model]
    plane, first, second, bars, lacks, trace = one.panels()
    assert isinstance(plane, Plane)
    assert plane.points is not None
    assert plane.points.shape == (480, 2)
    assert (plane.x_title, plane.y_title) == (f"ζ of {view.first}", f"ζ of {view.second}")
    # θ of the points in the plane are draws of the reference.
    back = numbers(one.target, one.reference.draws.zeta.flatten(0, 1)).numpy()
    assert np.allclose(back, one.reference.pooled)
    for panel in (first, second):
        assert isinstance(panel, Curves)
        assert [curve.name for curve in panel.curves] == ["MCMC", "mean-field", "full-rank"]
        assert "R̂" in panel.note
        assert "acceptance" in panel.note
    assert isinstance(bars, Bars)
    assert bars.labels == labels(one.target)
    assert all(0.1 < ratio < 3 for _, heights in bars.bars for ratio in heights)
    assert isinstance(lacks, Bars)
    # Both errors together are what the ELBO lacks to log p(x).
    for name, total in zip(lacks.labels, sum(heights for _, heights in lacks.bars), strict=True):
        assert total == pytest.approx(one.weighted.log_p - one.fits[name].elbo.value)
    assert isinstance(trace, Curves)


def test_a_search_that_has_not_converged_says_so() -> None:
    early = made("eight_schools")
    assert not early.errors["full-rank"].converged
    assert any("has not converged" in step.says for step in early.equations())
    late = lesson("advi_models", {"mcmc": 60})
    assert isinstance(late, Models)
    assert late.errors["full-rank"].converged
    assert any("The optimisation has converged" in step.says for step in late.equations())
    # The family's own error does not depend on how far the search came.
    for name, one in early.errors.items():
        assert one.family == pytest.approx(late.errors[name].family, abs=0.15)


def test_mean_field_is_too_narrow_where_two_weights_lean_together() -> None:
    values = {"model": "logistic_regression", "steps": 1000, "draws": 20, "mcmc": 400}
    one = lesson("advi_models", values)
    assert isinstance(one, Models)
    bars = dict(one.panels()[3].bars)  # type: ignore[attr-defined]
    i, j = one.axes
    both = np.corrcoef(one.reference.pooled[:, [i, j]].T)[0, 1]
    assert both < -0.3
    # At the best mean-field q of a Gaussian it is √(1 − R²) of the posterior's.
    assert max(bars["ADVI mean-field"][[i, j]]) < 0.95
    assert bars["ADVI full-rank"] == pytest.approx(1.0, abs=0.1)
