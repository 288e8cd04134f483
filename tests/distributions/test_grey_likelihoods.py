"""Likelihoods of grey pictures against quadrature, summation and scipy."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy import integrate, stats
from torch.distributions import Distribution

from genlab.core.random import scope
from genlab.distributions import LIKELIHOODS
from genlab.distributions.continuous_bernoulli import log_normaliser
from genlab.distributions.discretised_logistic import DiscretisedLogistic
from genlab.distributions.gaussian_learned import log_scale

NOTHING = SimpleNamespace(sigma=0.1)
LOGITS = (-60.0, -5.0, -0.61, -0.59, -0.3, -1e-4, 0.0, 1e-9, 1e-2, 0.5999, 0.6001, 3.0, 60.0)


def continuous(h: float) -> Distribution:
    logits = torch.tensor(h, dtype=torch.float64).reshape(1, 1, -1)
    return LIKELIHOODS["continuous_bernoulli"].make(logits, NOTHING)


@pytest.mark.parametrize("h", LOGITS)
def test_continuous_bernoulli_integrates_to_one(h: float) -> None:
    law = continuous(h)

    def density(x: float) -> float:
        return float(law.log_prob(torch.tensor([[x]], dtype=torch.float64)).exp())

    edges = [0.02, 0.1, 0.9, 0.98]
    total = integrate.quad(density, 0, 1, points=edges, epsabs=1e-12)[0]
    mean = integrate.quad(lambda x: x * density(x), 0, 1, points=edges, epsabs=1e-12)[0]
    second = integrate.quad(lambda x: x**2 * density(x), 0, 1, points=edges, epsabs=1e-12)[0]
    assert total == pytest.approx(1.0, abs=1e-9)
    assert float(law.mean) == pytest.approx(mean, abs=1e-8)
    assert float(law.variance) == pytest.approx(second - mean**2, abs=1e-8)


def test_continuous_bernoulli_constant_near_one_half() -> None:
    exact = log_normaliser(torch.zeros(1)).exp()
    assert exact.tolist() == [2.0]
    h = torch.linspace(-0.7, 0.7, 2001, dtype=torch.float64)
    h = h[h.abs() > 1e-3]
    lam = h.sigmoid()
    direct = 2 * torch.atanh(1 - 2 * lam) / (1 - 2 * lam)
    torch.testing.assert_close(log_normaliser(h).exp(), direct, rtol=1e-9, atol=0)
    single = log_normaliser(h.float())
    torch.testing.assert_close(
        single.double(), log_normaliser(h.float().double()), rtol=0, atol=1e-6
    )
    far = torch.tensor([-500.0, 0.0, 500.0], requires_grad=True)
    log_normaliser(far).sum().backward()
    assert far.grad is not None
    assert far.grad.isfinite().all()


def test_continuous_bernoulli_differs_from_the_bernoulli_by_its_constant() -> None:
    with scope(0, "h"):
        h, x = torch.randn(3, 1, 7, dtype=torch.float64), torch.rand(3, 7, dtype=torch.float64)
    plain = LIKELIHOODS["bernoulli"].make(h, NOTHING).log_prob(x)
    mine = LIKELIHOODS["continuous_bernoulli"].make(h, NOTHING).log_prob(x)
    torch.testing.assert_close(mine, plain + log_normaliser(h[:, 0]).sum(1))
    theirs = torch.distributions.ContinuousBernoulli(logits=h[:, 0]).log_prob(x).sum(1)
    torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("h", [-30.0, -2.0, -0.0005, 0.4, 8.0])
def test_continuous_bernoulli_draws(h: float) -> None:
    law = continuous(h)
    with scope(0, "draws"):
        x = law.sample(torch.Size((20_000,))).flatten().numpy()

    def cdf(v: np.ndarray) -> np.ndarray:
        return np.expm1(h * v) / math.expm1(h)

    assert 0.0 <= x.min() <= x.max() <= 1.0
    # Level 1e-5: fewer than 100 such tests raise under 0.1 % false alarms; D > 2.5/√n fails.
    assert stats.kstest(x, cdf).pvalue > 1e-5


def test_learned_variances_are_those_of_scipy() -> None:
    with scope(0, "h"):
        h = 2 * torch.randn(4, 2, 1, 3, 3, dtype=torch.float64)
        x = torch.randn(4, 1, 3, 3, dtype=torch.float64)
    sd = log_scale(h[:, 1]).exp().numpy()
    expected = stats.norm(h[:, 0].numpy(), sd).logpdf(x.numpy()).sum((1, 2, 3))
    mine = LIKELIHOODS["gaussian_learned"].make(h, NOTHING).log_prob(x)
    np.testing.assert_allclose(mine.numpy(), expected, rtol=1e-10)
    shared = log_scale(h[:, 1].mean((1, 2, 3))).exp().numpy()[:, None, None, None]
    expected = stats.norm(h[:, 0].numpy(), shared).logpdf(x.numpy()).sum((1, 2, 3))
    mine = LIKELIHOODS["gaussian_shared"].make(h, NOTHING).log_prob(x)
    np.testing.assert_allclose(mine.numpy(), expected, rtol=1e-10)


def test_the_learned_variance_has_a_floor() -> None:
    low = log_scale(torch.tensor([-1e4, -6.0, 0.0, 3.0]))
    assert float(low[0]) == pytest.approx(-6.0)
    assert float(low[1]) == pytest.approx(-6 + math.log(2), abs=1e-6)
    assert low[2:].tolist() == pytest.approx([0.0, 3.0], abs=3e-3)


@pytest.mark.parametrize("loc", [-0.4, 0.0, 0.3, 0.5019, 1.0, 1.7])
@pytest.mark.parametrize("scale", [6e-4, 0.004, 0.1, 3.0])
def test_discretised_logistic_sums_to_one(loc: float, scale: float) -> None:
    levels = torch.arange(256, dtype=torch.float64)[:, None] / 255
    mu = torch.full_like(levels, loc)
    law = DiscretisedLogistic(mu, torch.full_like(levels, math.log(scale)), 1)
    log_p = law.log_prob(levels)
    mass = log_p.exp().numpy()
    assert mass.sum() == pytest.approx(1.0, abs=1e-12)
    edges = np.concatenate([[-np.inf], (np.arange(1, 256) - 0.5) / 255, [np.inf]])
    expected = np.diff(stats.logistic(loc, scale).cdf(edges))
    np.testing.assert_allclose(mass, expected, atol=1e-12)
    value = levels[:, 0].numpy()
    mean = (mass * value).sum()
    assert float(law.mean[0]) == pytest.approx(mean, abs=1e-10)
    assert float(law.variance[0]) == pytest.approx((mass * (value - mean) ** 2).sum(), abs=1e-10)
    assert log_p.isfinite().all()


def test_discretised_logistic_draws_and_gradient_far_out() -> None:
    law = DiscretisedLogistic(torch.tensor([[0.2]]), torch.tensor([[math.log(0.05)]]), 1)
    with scope(0, "draws"):
        x = law.sample(torch.Size((20_000,)))
    assert torch.equal((x * 255).round() / 255, x)
    assert float(x.mean()) == pytest.approx(float(law.mean), abs=4 * 0.08 / 141)
    assert float(x.var()) == pytest.approx(float(law.variance), rel=0.06)
    h = torch.tensor([[[-30.0, 30.0, 0.0]], [[-40.0, -40.0, 40.0]]]).transpose(0, 1)
    h = h.clone().requires_grad_()
    value = (
        LIKELIHOODS["discretised_logistic"]
        .make(h, NOTHING)
        .log_prob(torch.tensor([[1.0, 0.0, 0.5]]))
    )
    value.sum().backward()
    assert value.isfinite().all()
    assert h.grad is not None
    assert h.grad.isfinite().all()
