"""The VAE lesson against scikit-learn, scipy, autograd and numbers that are known."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy import integrate, stats
from sklearn.decomposition import PCA

from genlab.lessons import chapters, lesson
from genlab.lessons.linear_autoencoder import Autoencoder, gradients, optimum, parts
from genlab.lessons.vae import LinearVAE

SETTINGS: list[dict[str, str]] = [
    {},
    {"beta": "0.1", "noise": "0.05"},
    {"beta": "20"},
    {"beta": "6", "latent": "2"},
    {"latent": "1", "beta": "3", "seed": "2"},
    {"steps": "1", "seed": "4"},
    {"noise": "2", "examples": "50"},
]


def made(values: dict[str, str] | None = None) -> LinearVAE:
    built = lesson("vae", values)
    assert isinstance(built, LinearVAE)
    return built


def test_it_stands_between_the_families_and_stochastic_inference() -> None:
    order = chapters()
    assert order.index("families") < order.index("vae") < order.index("svi")


@pytest.mark.parametrize("values", SETTINGS)
def test_every_check_holds(values: dict[str, str]) -> None:
    for check in made(values).check():
        assert check.holds, check


def test_training_arrives_at_scikit_learns_pca() -> None:
    """The evidence of probabilistic PCA, with the noise variance that is given."""
    one = made()
    pca = PCA(n_components=2).fit(one.data)
    # scikit-learn estimates the noise; its axes and variances are those of the data.
    axes = pca.components_
    weight = one.net.w / np.linalg.norm(one.net.w, axis=0)
    agree = np.abs(axes @ weight)
    np.testing.assert_allclose(np.sort(agree.max(0)), [1.0, 1.0], atol=1e-4)
    law = stats.multivariate_normal(one.data.mean(0), one.net.w @ one.net.w.T + 0.3 * np.eye(4))
    assert one.now.elbo == pytest.approx(law.logpdf(one.data).mean(), abs=1e-6)
    values = pca.explained_variance_ * (len(one.data) - 1) / len(one.data)
    np.testing.assert_allclose(
        np.sort((one.net.w**2).sum(0))[::-1], values - 0.3, rtol=1e-4, atol=1e-5
    )


def test_the_closed_form_is_the_mean_of_the_examples() -> None:
    one = made({"beta": "3", "steps": "20"})
    net, x = one.net, one.centred
    expected = []
    for row in x:
        mean = net.v @ row
        back = row - net.w @ mean
        square = back @ back + ((net.w**2).sum(0) * net.s2).sum()
        expected.append(-2 * math.log(2 * math.pi * 0.3) - square / 0.6)
    assert one.now.reconstruction == pytest.approx(float(np.mean(expected)), abs=1e-9)
    kl = 0.5 * (one.means**2 + net.s2 - 1 - net.log_s2).sum(1)
    assert one.now.kl == pytest.approx(float(kl.mean()), abs=1e-9)


def test_the_gradients_are_those_of_autograd() -> None:
    one = made()
    source = np.random.default_rng(0)
    net = Autoencoder(
        source.standard_normal((4, 2)), source.standard_normal((2, 4)), source.standard_normal(2)
    )
    s = torch.tensor(one.covariance)
    w, v, log_s2 = (torch.tensor(p, requires_grad=True) for p in (net.w, net.v, net.log_s2))
    inner = v @ s @ v.T + torch.diag(log_s2.exp())
    square = s.trace() - 2 * (w @ v @ s).trace() + (w.T @ w @ inner).trace()
    kl = 0.5 * (inner.trace() - 2 - log_s2.sum())
    theirs = torch.autograd.grad(-square / (2 * 0.7) - 2.5 * kl, (w, v, log_s2))
    for mine, other in zip(gradients(net, one.covariance, 0.7, 2.5), theirs, strict=True):
        np.testing.assert_allclose(mine, other.numpy(), rtol=1e-10)


@pytest.mark.parametrize("beta", [0.5, 1.0, 4.0])
def test_no_other_autoencoder_is_better_than_the_optimum(beta: float) -> None:
    one = made()

    def value(net: Autoencoder) -> float:
        found = parts(net, one.covariance, 0.3)
        return found.reconstruction - beta * found.kl

    best = optimum(one.covariance, 2, 0.3, beta)
    top, source = value(best), np.random.default_rng(1)
    for size in (1e-3, 1e-1, 1.0):
        for _ in range(50):
            near = Autoencoder(
                *(p + size * source.standard_normal(p.shape) for p in vars(best).values())
            )
            assert value(near) < top


def test_units_collapse_one_by_one_as_beta_rises() -> None:
    values = made().eigenvalues
    for beta, active in ((1.0, 2), (values[1] / 0.3 * 1.3, 1), (values[0] / 0.3 * 1.2, 0)):
        one = made({"beta": f"{beta:.4f}"})
        assert one.active == one.worth == active
        assert one.now.kl == pytest.approx(
            0.5 * float(np.log(np.maximum(values[:2] / one.tau, 1.0)).sum()), abs=1e-3
        )
        if active == 0:
            assert one.now.kl == pytest.approx(0.0, abs=1e-6)


def test_the_aggregate_form_by_quadrature() -> None:
    one = made({"latent": "1", "examples": "50", "beta": "3"})
    means, sd = one.means[:, 0], math.sqrt(one.net.s2[0])

    def mixture(z: float) -> float:
        return float(stats.norm.pdf(z, means, sd).mean())

    def ratio(z: float) -> float:
        q = mixture(z)
        return q * (math.log(q) - float(stats.norm.logpdf(z)))

    marginal, _ = integrate.quad(ratio, -7, 7, limit=300)
    mutual, kl = one.split[0], one.split[1]
    assert kl == pytest.approx(marginal, abs=1e-6)
    assert mutual == pytest.approx(one.now.kl - marginal, abs=1e-6)
    assert 0 < mutual < math.log(50)


def test_the_elbo_is_best_at_beta_one() -> None:
    one = made()
    elbo = {beta: np.subtract(*one.water_filling(beta)) for beta in (0.3, 0.8, 1.0, 1.25, 4.0)}
    assert max(elbo, key=lambda beta: float(elbo[beta])) == 1.0


def test_the_conventions_are_the_published_numbers() -> None:
    known = made().conventions
    assert known["bernoulli"] == pytest.approx(-543.427, abs=1e-2)
    assert known["gaussian"] == pytest.approx(-720.448, abs=1e-2)


def test_the_panels_show_these_numbers() -> None:
    one = made()
    panels: Any = {panel.title: panel for panel in one.panels()}
    training = panels["Training"]
    assert training.curves[0].y[-1] == pytest.approx(dict(training.levels).popitem()[1], abs=1e-6)
    grid = panels["The distribution of all codes, q(z), and the prior"].grid
    mass = np.trapezoid(np.trapezoid(grid[2], grid[0], axis=1), grid[1])
    assert mass == pytest.approx(1.0, abs=0.02)
    assert [step.numbers != "" for step in one.equations()] == [True] * 7
