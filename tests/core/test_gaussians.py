"""The densities of Gaussian mixtures and of the linear Gaussian model, against PyTorch's own."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.distributions import Categorical, MixtureSameFamily, MultivariateNormal

from genlab.core.gaussians import (
    draw_mixture,
    linear_gaussian_log_prob,
    mixture_log_joint,
    posterior_precision,
)
from genlab.data import DataMeta
from genlab.data.densities import GaussianMixture as Density
from genlab.divergences.mixtures_1d import Mixture1D
from genlab.inference.mixture import Mixture
from genlab.lessons.game import Target
from genlab.models.gaussian_mixture import GaussianMixture as Model
from genlab.models.gaussian_mixture import GaussianMixtureOptions
from genlab.models.linear_gaussian import LinearGaussian
from genlab.paths import PATHS, ExactFields


def mixture(k: int, d: int, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Weights, means and covariances of some mixture, float64."""
    source = torch.Generator().manual_seed(seed)
    weights = torch.rand(k, generator=source, dtype=torch.float64) + 0.1
    means = 2 * torch.randn(k, d, generator=source, dtype=torch.float64)
    root = torch.randn(k, d, d, generator=source, dtype=torch.float64)
    return weights / weights.sum(), means, root @ root.mT + 0.2 * torch.eye(d)


def points(d: int, n: int = 40) -> Tensor:
    source = torch.Generator().manual_seed(1)
    return 3 * torch.randn(n, d, generator=source, dtype=torch.float64)


def by_torch(weights: Tensor, means: Tensor, covariances: Tensor) -> MixtureSameFamily:
    return MixtureSameFamily(Categorical(weights), MultivariateNormal(means, covariances))


@pytest.mark.parametrize(("k", "d"), [(1, 1), (3, 1), (1, 2), (4, 2), (5, 6)])
def test_the_mixture_is_that_of_pytorch(k: int, d: int) -> None:
    weights, means, covariances = mixture(k, d)
    x = points(d)
    joint = mixture_log_joint(x, weights.log(), means, torch.linalg.cholesky(covariances))
    torch.testing.assert_close(
        joint.logsumexp(1),
        by_torch(weights, means, covariances).log_prob(x),
        rtol=1e-11,
        atol=1e-11,
    )


@pytest.mark.parametrize("d", [1, 2, 3])
def test_every_mixture_of_the_package_has_this_density(d: int) -> None:
    weights, means, covariances = mixture(3, d)
    x = points(d)
    truth = by_torch(weights, means, covariances).log_prob(x)
    found = {
        "data": Density(weights, means, covariances).log_prob(x),
        "inference": Mixture(weights, means, covariances).log_prob(x),
    }
    model = Model(GaussianMixtureOptions(clusters=3), DataMeta((d,), "real")).double()
    model.set_parameters(weights, means, covariances)
    found["model"] = model.log_prob(x).detach()
    fields = ExactFields(weights, means, covariances, PATHS["linear"])
    found["path at the data"] = fields.log_prob(x, torch.ones(len(x), dtype=torch.float64))
    if d == 1:
        rows = weights.tolist(), means[:, 0].tolist(), covariances[:, 0, 0].sqrt().tolist()
        found["line"] = Mixture1D(*map(tuple, rows))(x[:, 0])
    for name, value in found.items():
        torch.testing.assert_close(value, truth, rtol=1e-9, atol=1e-9, msg=name)


@pytest.mark.parametrize("d", [1, 2])
def test_the_round_mixture_of_the_lessons_has_it_too(d: int) -> None:
    weights, means, _ = mixture(3, d)
    stds = (0.3, 1.0, 2.0)
    covariances = torch.stack([s**2 * torch.eye(d, dtype=torch.float64) for s in stds])
    law = Target(tuple(weights.tolist()), tuple(map(tuple, means.tolist())), stds)
    x = points(d)
    truth = by_torch(weights, means, covariances).log_prob(x)
    torch.testing.assert_close(law.log_prob(x), truth, rtol=1e-9, atol=1e-9)


def test_the_gradient_is_the_score() -> None:
    weights, means, covariances = mixture(3, 2)
    x = points(2).requires_grad_()
    joint = mixture_log_joint(x, weights.log(), means, torch.linalg.cholesky(covariances))
    (score,) = torch.autograd.grad(joint.logsumexp(1).sum(), x)
    offset = (means - x.detach()[:, None]).unsqueeze(-1)
    each = torch.linalg.solve(covariances, offset).squeeze(-1)
    closed = (joint.detach().softmax(1)[..., None] * each).sum(1)
    torch.testing.assert_close(score, closed, rtol=1e-9, atol=1e-9)


def test_draws_have_the_moments_of_the_mixture() -> None:
    """The mean of n draws is within five standard errors; n = 200,000."""
    weights, means, covariances = mixture(3, 2)
    n = 200_000
    source = torch.Generator().manual_seed(2)
    x, component = draw_mixture(n, weights, means, torch.linalg.cholesky(covariances), source)
    mean = weights @ means
    spread = torch.einsum("k,kij->ij", weights, covariances + means[:, :, None] * means[:, None])
    error = ((spread - torch.outer(mean, mean)).diagonal() / n).sqrt()
    assert ((x.mean(0) - mean).abs() < 5 * error).all()
    share = torch.bincount(component, minlength=3) / n
    assert ((share - weights).abs() < 5 * (weights * (1 - weights) / n).sqrt()).all()


@pytest.mark.parametrize(("d", "latent"), [(1, 1), (5, 2), (3, 3)])
def test_the_linear_gaussian_model_is_a_gaussian(d: int, latent: int) -> None:
    source = torch.Generator().manual_seed(3)
    weight = torch.randn(d, latent, generator=source, dtype=torch.float64)
    variance = torch.tensor(0.4, dtype=torch.float64)
    covariance = weight @ weight.mT + variance * torch.eye(d, dtype=torch.float64)
    x = points(d)
    truth = MultivariateNormal(torch.zeros(d, dtype=torch.float64), covariance).log_prob(x)
    for given in (variance, float(variance)):
        found = linear_gaussian_log_prob(x, weight, given)
        torch.testing.assert_close(found, truth, rtol=1e-10, atol=1e-10)
    # Bayes' rule at any z: p(x) = p(x, z)/p(z | x).
    model = LinearGaussian.of(weight, torch.zeros(d, dtype=torch.float64), math.sqrt(0.4))
    z = torch.ones(len(x), latent, dtype=torch.float64)
    joint = model.prior().log_prob(z) + model.decode(z).log_prob(x)
    with torch.no_grad():
        evidence = joint - model.encode(x).log_prob(z)
    torch.testing.assert_close(evidence, truth, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(
        model.encode(x).precision_matrix[0], posterior_precision(weight, 0.4)
    )
