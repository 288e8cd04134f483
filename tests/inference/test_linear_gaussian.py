"""The linear Gaussian model against scipy, the reference instance, and scikit-learn's PPCA."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.decomposition import PCA

from genlab.core.errors import SpecError
from genlab.inference.linear_gaussian import LinearGaussian, ProbabilisticPCA

REFERENCE = LinearGaussian([[1, 0.5], [0, 1], [-1, 2]], [0.1, -0.2, 0.3], 0.5)
X = torch.tensor([[1.0, -0.5, 0.8]], dtype=torch.float64)


def test_the_reference_instance() -> None:
    q = REFERENCE.encode(X)
    assert float(REFERENCE.log_prob(X)) == pytest.approx(-4.3455055938, abs=1e-9)
    assert q.mean[0].tolist() == pytest.approx([0.33195876, 0.28659794], abs=1e-8)
    covariance = q.covariance_matrix[0].flatten().tolist()
    exact = [0.23711340, 0.06185567, 0.06185567, 0.10309278]
    assert covariance == pytest.approx(exact, abs=1e-8)


@pytest.mark.parametrize("seed", range(5))
def test_evidence_and_bayes_rule_on_random_models(seed: int) -> None:
    source = np.random.default_rng(seed)
    d, k = int(source.integers(2, 7)), int(source.integers(1, 4))
    w, b, v = source.normal(size=(d, k)), source.normal(size=d), float(source.uniform(0.1, 2))
    model = LinearGaussian(torch.tensor(w), torch.tensor(b), v)
    x = source.normal(size=(6, d))
    exact = stats.multivariate_normal(b, w @ w.T + v * np.eye(d)).logpdf(x)
    assert model.log_prob(torch.tensor(x)).numpy() == pytest.approx(exact, abs=1e-9)
    z = source.normal(size=(6, k))
    joint = stats.multivariate_normal(np.zeros(k), np.eye(k)).logpdf(z) + np.array(
        [stats.multivariate_normal(w @ z[i] + b, v * np.eye(d)).logpdf(x[i]) for i in range(6)]
    )
    posterior = model.encode(torch.tensor(x)).log_prob(torch.tensor(z)).numpy()
    assert posterior == pytest.approx(joint - exact, abs=1e-9)


def test_one_cause_seen_several_times() -> None:
    """Stacking n observations of one z is one observation by the stacked loadings."""
    source = np.random.default_rng(0)
    x = torch.tensor(source.normal(size=(4, 3)))
    stacked = LinearGaussian(REFERENCE.loadings.repeat(4, 1), REFERENCE.offset.repeat(4), 0.5)
    state = REFERENCE.init()
    for row in x:
        state, _ = REFERENCE.step(state, row[None])
    whole = stacked.encode(x.flatten()[None])
    q = REFERENCE.posterior(state)
    torch.testing.assert_close(q.mean, whole.mean[0], rtol=0, atol=1e-10)
    torch.testing.assert_close(q.covariance_matrix, whole.covariance_matrix[0], rtol=0, atol=1e-10)
    exact = float(stacked.log_prob(x.flatten()[None]))
    assert float(state.log_evidence) == pytest.approx(exact, abs=1e-9)
    together, _ = REFERENCE.step(REFERENCE.init(), x)
    torch.testing.assert_close(together.natural, state.natural, rtol=0, atol=1e-10)
    prior = torch.distributions.MultivariateNormal(
        torch.zeros(2, dtype=torch.float64), torch.eye(2, dtype=torch.float64)
    )
    kl = float(torch.distributions.kl_divergence(q, prior))
    assert float(REFERENCE.kl(state.natural)) == pytest.approx(kl, abs=1e-9)
    new = REFERENCE.log_predictive(state, X)
    mean = REFERENCE.loadings @ q.mean + REFERENCE.offset
    spread = REFERENCE.loadings @ q.covariance_matrix @ REFERENCE.loadings.T
    exact = stats.multivariate_normal(mean, spread + 0.5 * torch.eye(3)).logpdf(X[0])
    assert float(new) == pytest.approx(exact, abs=1e-9)


def test_maximum_likelihood_against_scikit_learn() -> None:
    source = np.random.default_rng(1)
    w = source.normal(size=(6, 2))
    x = source.normal(size=(500, 2)) @ w.T + 0.4 * source.normal(size=(500, 6)) + 3.0
    learn = ProbabilisticPCA(6, 2)
    state = learn.init()
    for part in np.array_split(x, 7):
        state, info = learn.step(state, torch.tensor(part))
    model = learn.model(state)
    theirs = PCA(2).fit(x)
    # scikit-learn divides by n - 1; the maximum of the likelihood divides by n.
    covariance = theirs.get_covariance() * 499 / 500
    mine = model.loadings @ model.loadings.T
    mine = mine + model.variance * torch.eye(6, dtype=torch.float64)
    assert mine.numpy() == pytest.approx(covariance, abs=1e-9)
    exact = stats.multivariate_normal(x.mean(0), covariance).logpdf(x)
    assert model.log_prob(torch.tensor(x)).numpy() == pytest.approx(exact, abs=1e-8)
    assert math.isfinite(info.means()["log_likelihood"])
    best = float(model.log_prob(torch.tensor(x)).sum())
    for seed in range(4):
        noise = np.random.default_rng(seed).normal(size=(6, 2))
        other = LinearGaussian(
            model.loadings + 0.02 * torch.tensor(noise), model.offset, model.variance * 1.02
        )
        assert float(other.log_prob(torch.tensor(x)).sum()) < best


def test_samples_have_the_predictive_moments() -> None:
    state, _ = REFERENCE.step(REFERENCE.init(), X)
    torch.manual_seed(0)
    n = 20_000
    x = REFERENCE.sample(state, n)
    q = REFERENCE.posterior(state)
    mean = REFERENCE.loadings @ q.mean + REFERENCE.offset
    covariance = REFERENCE.loadings @ q.covariance_matrix @ REFERENCE.loadings.T
    covariance = covariance + 0.5 * torch.eye(3)
    error = (covariance.diagonal() / n).sqrt()
    assert float(((x.mean(0) - mean) / error).abs().max()) < 4.5
    torch.testing.assert_close(torch.cov(x.T), covariance, rtol=0, atol=0.05)


def test_bad_input_is_said_clearly() -> None:
    with pytest.raises(SpecError, match="loadings"):
        LinearGaussian([[1.0]], [0.0, 0.0], 1.0)
    with pytest.raises(SpecError, match="above 0"):
        LinearGaussian([[1.0]], [0.0], 0.0)
    with pytest.raises(SpecError, match="from 1 to 3"):
        ProbabilisticPCA(4, 4)
    learn = ProbabilisticPCA(3, 1)
    state, info = learn.step(learn.init(), torch.randn(3, 3))
    assert info.means() == {}
    with pytest.raises(SpecError, match="more than 3"):
        learn.model(state)
    flat, _ = learn.step(state, torch.zeros(40, 3))
    line, _ = learn.step(learn.init(), torch.linspace(0, 1, 50)[:, None].repeat(1, 3))
    assert learn.model(flat).variance > 0
    with pytest.raises(SpecError, match="subspace"):
        learn.model(line)
