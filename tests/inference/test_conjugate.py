"""Conjugate posteriors and evidence against quadrature, scipy and the field's closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import integrate, stats

from genlab.core.errors import SnapshotError, SpecError
from genlab.inference.conjugate import BetaBernoulli, Conjugate, NormalGamma, NormalMean

COIN = torch.tensor([1.0, 1.0, 0.0, 1.0, 0.0, 1.0, 1.0])
REAL = torch.tensor([0.3, -1.2, 2.5, 0.9, 1.4], dtype=torch.float64)

MODELS: dict[str, tuple[Conjugate, torch.Tensor]] = {
    "beta": (BetaBernoulli(2.0, 0.5), COIN),
    "normal": (NormalMean(0.5, 2.0, 0.8), REAL),
    "normal-gamma": (NormalGamma(0.2, 1.5, 2.5, 1.2), REAL),
}


def after(model: Conjugate, *batches: torch.Tensor):
    state = model.init()
    for batch in batches:
        state, _ = model.step(state, batch)
    return state


def test_beta_bernoulli_by_quadrature() -> None:
    model = BetaBernoulli(2.0, 0.5)
    state = after(model, COIN)
    x = COIN.numpy().astype(float)

    def joint(theta: float) -> float:
        return float(stats.beta(2.0, 0.5).pdf(theta) * np.prod(theta**x * (1 - theta) ** (1 - x)))

    evidence = integrate.quad(joint, 0, 1, limit=200)[0]
    assert float(state.log_evidence) == pytest.approx(math.log(evidence), abs=1e-7)
    posterior = model.posterior(state)
    for theta in (0.2, 0.5, 0.9):
        density = float(posterior.log_prob(torch.tensor([theta], dtype=torch.float64)).exp())
        assert density == pytest.approx(joint(theta) / evidence, rel=1e-7)
    assert state.natural.tolist() == [[7.0, 2.5]]
    ones = model.log_predictive(state, torch.tensor([1.0]))
    assert float(ones.exp()) == pytest.approx(7.0 / 9.5, abs=1e-12)


def test_normal_mean_by_quadrature() -> None:
    model = NormalMean(0.5, 2.0, 0.8)
    state = after(model, REAL)

    def joint(mu: float) -> float:
        return float(stats.norm(0.5, 2.0).pdf(mu) * np.prod(stats.norm(mu, 0.8).pdf(REAL.numpy())))

    evidence = integrate.quad(joint, -10, 10, points=[0.8], limit=200)[0]
    assert float(state.log_evidence) == pytest.approx(math.log(evidence), abs=1e-8)
    mean = integrate.quad(lambda m: m * joint(m), -10, 10, points=[0.8])[0] / evidence
    posterior = model.posterior(state)
    assert float(posterior.mean) == pytest.approx(mean, abs=1e-8)
    assert float(posterior.variance) == pytest.approx(1 / (1 / 4 + 5 / 0.64), abs=1e-12)
    new = stats.norm(mean, math.sqrt(float(posterior.variance) + 0.64)).logpdf(1.7)
    assert float(model.log_predictive(state, torch.tensor([1.7]))) == pytest.approx(new, abs=1e-6)


def test_normal_gamma_against_the_closed_forms() -> None:
    m, k, a, b = 0.2, 1.5, 2.5, 1.2
    model = NormalGamma(m, k, a, b)
    state = after(model, REAL)
    x, n = REAL.numpy(), len(REAL)
    kn, an = k + n, a + n / 2
    mn = (k * m + x.sum()) / kn
    bn = b + ((x - x.mean()) ** 2).sum() / 2 + k * n * (x.mean() - m) ** 2 / (2 * kn)
    got = [float(v) for v in model.parameters(state.natural)]
    assert got == pytest.approx([mn, kn, an, bn], abs=1e-12)
    sd = math.sqrt(b * (k + 1) / (a * k))
    first = stats.t(2 * a, m, sd).logpdf(x[0])
    one = after(model, REAL[:1])
    assert float(one.log_evidence) == pytest.approx(first, abs=1e-10)

    # Gauss-Legendre in (mu, log v), 80 x 80 nodes.
    nodes, weights = np.polynomial.legendre.leggauss(80)
    mu, log_v = (0.8 + 6 * nodes)[:, None], (0.8 + 4.5 * nodes)[None, :]
    v = np.exp(log_v)
    joint = stats.invgamma(a, scale=b).logpdf(v) + stats.norm(m, np.sqrt(v / k)).logpdf(mu) + log_v
    joint = joint + sum(stats.norm(mu, np.sqrt(v)).logpdf(value) for value in x)
    total = 6 * 4.5 * weights @ np.exp(joint) @ weights
    assert float(state.log_evidence) == pytest.approx(math.log(total), abs=1e-4)
    marginal = model.posterior(state)
    exact = stats.t(2 * an, mn, math.sqrt(bn / (an * kn))).logpdf(1.0)
    got_log = marginal.log_prob(torch.tensor([1.0], dtype=torch.float64))
    assert float(got_log) == pytest.approx(exact, abs=1e-10)
    variance = model.variance(state)
    assert float(variance.mean) == pytest.approx(bn / (an - 1), abs=1e-10)


@pytest.mark.parametrize("name", MODELS)
def test_batches_in_any_order_give_the_same_posterior(name: str) -> None:
    model, x = MODELS[name]
    whole = after(model, x)
    parts = after(model, x[3:], x[:1], x[1:3])
    torch.testing.assert_close(whole.natural, parts.natural, rtol=0, atol=1e-12)
    assert float(whole.log_evidence) == pytest.approx(float(parts.log_evidence), abs=1e-10)
    assert float(parts.count) == len(x)
    again = model.unpack(model.pack(parts))
    assert torch.equal(again.natural, parts.natural)


@pytest.mark.parametrize("name", MODELS)
def test_the_predictive_law_is_that_of_the_next_step(name: str) -> None:
    model, x = MODELS[name]
    state = after(model, x[:3])
    each = model.log_predictive(state, x[3:])
    for i, value in enumerate(x[3:]):
        _, info = model.step(state, value[None])
        assert info.means()["log_predictive"] == pytest.approx(float(each[i]), abs=1e-10)


@pytest.mark.parametrize("name", MODELS)
def test_samples_follow_the_predictive_law(name: str) -> None:
    model, x = MODELS[name]
    state = after(model, x)
    torch.manual_seed(0)
    drawn = model.sample(state, 4000)[:, 0]
    if name == "beta":
        p = float(model.log_predictive(state, torch.ones(1)).exp())
        assert abs(float(drawn.mean()) - p) < 4.5 * math.sqrt(p * (1 - p) / 4000)
        return
    grid = torch.linspace(-40, 40, 16001, dtype=torch.float64)
    density = model.log_predictive(state, grid).exp()
    cdf = torch.cumsum(density, 0) * float(grid[1] - grid[0])
    assert float(cdf[-1]) == pytest.approx(1.0, abs=2e-3)
    level = np.interp(drawn.numpy(), grid.numpy(), cdf.numpy())
    # Level 1e-5: fewer than 100 such tests raise under 0.1 % false alarms; D > 2.5/√n fails.
    assert stats.kstest(level, "uniform").pvalue > 1e-5


@pytest.mark.parametrize("name", MODELS)
def test_kl_of_natural_parameters_is_that_of_torch(name: str) -> None:
    model, x = MODELS[name]
    state = after(model, x)
    if name == "normal-gamma":
        mean, drawn = _kl_by_sampling(model, state)
        assert abs(float(model.kl(state.natural)) - mean) < 4 * drawn
        return
    exact = torch.distributions.kl_divergence(
        model.posterior(state), model.posterior(model.init())
    )
    assert float(model.kl(state.natural)) == pytest.approx(float(exact), abs=1e-10)


def _kl_by_sampling(model, state) -> tuple[float, float]:
    torch.manual_seed(0)
    m, k, a, b = (float(v) for v in model.parameters(state.natural))
    v = stats.invgamma(a, scale=b).rvs(20_000, random_state=1)
    mu = stats.norm(m, np.sqrt(v / k)).rvs(random_state=2)

    def log_q(natural: torch.Tensor) -> np.ndarray:
        m, k, a, b = (float(p) for p in model.parameters(natural))
        return stats.invgamma(a, scale=b).logpdf(v) + stats.norm(m, np.sqrt(v / k)).logpdf(mu)

    ratio = log_q(state.natural) - log_q(model.prior)
    return float(ratio.mean()), float(ratio.std() / math.sqrt(len(ratio)))


def test_independent_coins_side_by_side() -> None:
    x = torch.tensor([[1.0, 0.0, 1.0], [1.0, 1.0, 0.0]])
    model = BetaBernoulli(1, 1, dim=3)
    state = after(model, x)
    singles = [after(BetaBernoulli(1, 1), x[:, j]) for j in range(3)]
    assert state.natural.tolist() == [s.natural[0].tolist() for s in singles]
    assert float(state.log_evidence) == pytest.approx(
        sum(float(s.log_evidence) for s in singles), abs=1e-12
    )


def test_bad_input_is_said_clearly() -> None:
    for bad in (0, -1, math.inf, math.nan):
        with pytest.raises(SpecError, match="above 0"):
            BetaBernoulli(bad, 1)
        with pytest.raises(SpecError, match="above 0"):
            NormalMean(0, 1, bad)
        with pytest.raises(SpecError, match="above 0"):
            NormalGamma(0, bad)
    with pytest.raises(SpecError, match="finite numbers"):
        NormalMean(math.nan)
    coin = BetaBernoulli()
    with pytest.raises(SpecError, match="zeros and ones"):
        coin.step(coin.init(), torch.tensor([0.5]))
    with pytest.raises(SpecError, match="size 1"):
        coin.step(coin.init(), torch.ones(2, 3))
    normal = NormalMean()
    with pytest.raises(SpecError, match="finite numbers"):
        normal.step(normal.init(), torch.tensor([math.nan]))
    state = normal.init()
    packed = normal.pack(state)
    del packed.tensors["count"]
    with pytest.raises(SnapshotError, match="Nothing was changed"):
        normal.unpack(packed)
