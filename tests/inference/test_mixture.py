"""Mixtures: responsibilities by Bayes' rule, EM against scikit-learn, a likelihood that rises."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.mixture import GaussianMixture

from genlab.core.errors import SpecError
from genlab.inference.mixture import EM, Mixture

WEIGHTS = [0.2, 0.5, 0.3]
MEANS = [[0.0, 0.0], [3.0, 1.0], [-2.0, 2.0]]
COVARIANCES = [[[1.0, 0.3], [0.3, 0.5]], [[0.4, 0.0], [0.0, 0.9]], [[2.0, -0.5], [-0.5, 1.0]]]
TRUE = Mixture(WEIGHTS, MEANS, COVARIANCES)


def test_responsibilities_are_bayes_rule() -> None:
    x = np.random.default_rng(0).normal(size=(50, 2)) * 2
    joint = np.stack(
        [
            w * stats.multivariate_normal(m, c).pdf(x)
            for w, m, c in zip(WEIGHTS, MEANS, COVARIANCES, strict=True)
        ],
        axis=1,
    )
    got = TRUE.responsibilities(torch.tensor(x)).numpy()
    assert got == pytest.approx(joint / joint.sum(1, keepdims=True), abs=1e-12)
    assert TRUE.log_prob(torch.tensor(x)).numpy() == pytest.approx(np.log(joint.sum(1)), abs=1e-10)


def test_responsibilities_far_away_stay_finite() -> None:
    r = TRUE.responsibilities(torch.tensor([[1e3, -1e3]]))
    assert bool(r.isfinite().all())
    assert float(r.sum()) == pytest.approx(1.0)


def test_em_takes_the_steps_of_scikit_learn() -> None:
    torch.manual_seed(0)
    x = TRUE.sample(400)
    learn = EM(3, floor=1e-6)
    state = learn.init(0, x)
    other = GaussianMixture(
        3,
        weights_init=state.weights.numpy(),
        means_init=state.means.numpy(),
        precisions_init=np.linalg.inv(state.covariances.numpy()),
        reg_covar=1e-6,
        max_iter=5,
        tol=0.0,
    )
    with pytest.warns(UserWarning, match="did not converge"):
        other.fit(x.numpy())
    for _ in range(5):
        state, _ = learn.step(state, x)
    assert state.means.numpy() == pytest.approx(other.means_, abs=1e-6)
    assert state.covariances.numpy() == pytest.approx(other.covariances_, abs=1e-6)
    assert state.weights.numpy() == pytest.approx(other.weights_, abs=1e-8)
    assert learn.unpack(learn.pack(state)).means.equal(state.means)


def test_em_never_lowers_the_likelihood_and_finds_the_truth() -> None:
    torch.manual_seed(1)
    x = TRUE.sample(3000)
    learn = EM(3)
    state = learn.init(2, x)
    curve = []
    for _ in range(150):
        state, info = learn.step(state, x)
        curve.append(info.means()["log_likelihood"])
    assert min(np.diff(curve)) > -1e-9
    assert curve[-1] == pytest.approx(float(TRUE.log_prob(x).mean()), abs=0.01)
    order = [int((state.means - torch.tensor(m)).norm(dim=1).argmin()) for m in MEANS]
    assert sorted(order) == [0, 1, 2]
    assert state.weights[order].numpy() == pytest.approx(WEIGHTS, abs=0.06)


def test_samples_have_the_moments_of_the_mixture() -> None:
    torch.manual_seed(0)
    n = 20_000
    x = TRUE.sample(n)
    mean = TRUE.weights @ TRUE.means
    second = torch.einsum(
        "k,kij->ij",
        TRUE.weights,
        TRUE.covariances + TRUE.means[:, :, None] * TRUE.means[:, None, :],
    )
    covariance = second - torch.outer(mean, mean)
    assert float(((x.mean(0) - mean) / (covariance.diagonal() / n).sqrt()).abs().max()) < 4.5
    torch.testing.assert_close(torch.cov(x.T), covariance, rtol=0.05, atol=0.05)


def test_bad_input_is_said_clearly() -> None:
    with pytest.raises(SpecError, match="sum to 1"):
        Mixture([0.5, 0.4], [[0.0], [1.0]], [[[1.0]], [[1.0]]])
    with pytest.raises(SpecError, match="positive definite"):
        Mixture([1.0], [[0.0]], [[[-1.0]]])
    with pytest.raises(SpecError, match="positive definite"):
        Mixture([1.0], [[0.0, 0.0]], [[[1.0, 0.5], [0.0, 1.0]]])
    with pytest.raises(SpecError, match="for 2 weights"):
        Mixture([0.5, 0.5], [[0.0]], [[[1.0]]])
    with pytest.raises(SpecError, match="from 1"):
        EM(0)
    with pytest.raises(SpecError, match="at least 5"):
        EM(5).init(0, torch.randn(4, 2))
    with pytest.raises(SpecError, match="no data"):
        EM(2).init(0)
