"""The ELBO identity and its estimators on models whose every quantity is known."""

from __future__ import annotations

import math

import pytest
import torch
from torch.distributions import Independent, MultivariateNormal, Normal

from genlab.core.random import scope
from genlab.divergences import closed_form_kl, gaussian_kl
from genlab.models.linear_gaussian import LinearGaussian
from genlab.objectives.elbo import ELBO, elbo_terms, sgvb_a, sgvb_b
from genlab.objectives.importance_weights import iwae_bound, log_weights

WEIGHT = [[1.0, 0.5], [0.0, 1.0], [-1.0, 2.0]]
BIAS, X = [0.1, -0.2, 0.3], [1.0, -0.5, 0.8]
MEAN, VARIANCE = [0.3, -0.1], [0.2, 0.4]
LOG_P, ELBO_0, RECONSTRUCTION, KL_PRIOR, KL_POSTERIOR = (
    -4.3455055938,
    -6.2924591509,
    -5.6795948288,
    0.6128643222,
    1.9469535572,
)


def lg1(dtype: torch.dtype = torch.float64) -> tuple[LinearGaussian, torch.Tensor]:
    model = LinearGaussian.of(
        torch.tensor(WEIGHT, dtype=dtype), torch.tensor(BIAS, dtype=dtype), math.sqrt(0.5)
    )
    return model, torch.tensor([X], dtype=dtype)


def q0(dtype: torch.dtype = torch.float64, n: int = 1) -> Independent:
    mean, scale = torch.tensor(MEAN, dtype=dtype), torch.tensor(VARIANCE, dtype=dtype).sqrt()
    return Independent(Normal(mean.expand(n, 2), scale.expand(n, 2)), 1)


def test_lg1_has_the_published_numbers() -> None:
    model, x = lg1()
    q, mean = q0(), torch.tensor([MEAN], dtype=torch.float64)
    covariance = torch.diag(torch.tensor(VARIANCE, dtype=torch.float64))
    posterior = model.encode(x)
    assert isinstance(posterior, MultivariateNormal)
    assert float(model.log_prob(x).detach()) == pytest.approx(LOG_P, abs=1e-9)
    assert posterior.mean[0].tolist() == pytest.approx([0.33195876, 0.28659794], abs=1e-7)
    assert posterior.covariance_matrix[0].flatten().tolist() == pytest.approx(
        [0.23711340, 0.06185567, 0.06185567, 0.10309278], abs=1e-7
    )
    reconstruction = model.expected_log_likelihood(x, mean, covariance)
    kl = closed_form_kl(q, model.prior())
    assert kl is not None
    assert float(reconstruction.detach()) == pytest.approx(RECONSTRUCTION, abs=1e-9)
    assert float(kl) == pytest.approx(KL_PRIOR, abs=1e-9)
    gap = gaussian_kl(mean, covariance, posterior.mean, posterior.covariance_matrix)
    assert float(gap.detach()) == pytest.approx(KL_POSTERIOR, abs=1e-9)
    assert float((reconstruction - kl).detach()) == pytest.approx(ELBO_0, abs=1e-9)


@pytest.mark.parametrize(("dtype", "bound"), [(torch.float32, 1e-4), (torch.float64, 1e-9)])
@pytest.mark.parametrize("seed", range(21))
def test_elbo_plus_kl_to_the_posterior_is_the_evidence(
    seed: int, dtype: torch.dtype, bound: float
) -> None:
    source = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=source, dtype=torch.float64).to(dtype)

    if seed == 20:
        model, x = lg1(dtype)
    else:
        size, latent = 2 + seed % 4, 1 + seed % 3
        model = LinearGaussian.of(normal(size, latent), normal(size), 0.5 + 0.1 * (seed % 7))
        x = normal(1, size)
    mean = normal(1, model.latent)
    scale = 0.3 + normal(model.latent).abs()
    covariance = torch.diag(scale.square())
    q = Independent(Normal(mean, scale.expand(1, -1)), 1)
    kl = closed_form_kl(q, model.prior())
    posterior = model.encode(x)
    assert kl is not None
    assert isinstance(posterior, MultivariateNormal)
    elbo = model.expected_log_likelihood(x, mean, covariance) - kl
    gap = gaussian_kl(mean, covariance, posterior.mean, posterior.covariance_matrix)
    assert float(gap.detach()) > 0
    assert abs(float((elbo + gap - model.log_prob(x)).detach())) < bound


def test_at_the_exact_posterior_every_draw_gives_the_evidence() -> None:
    model, x = lg1()
    with scope(0, "draws"):
        a = sgvb_a(model, x.expand(50, 3), model.encode(x.expand(50, 3)))
    torch.testing.assert_close(a, torch.full((50,), LOG_P, dtype=torch.float64), atol=1e-8, rtol=0)


@pytest.mark.parametrize("seed", range(3))
def test_both_estimators_and_their_gradients_meet_the_closed_form(seed: int) -> None:
    model, x = lg1()
    n, dtype = 100_000, torch.float64
    many = x.expand(n, 3)
    # Gradients of the closed form: d/dm = Wᵀ(x − b − Wm)/σ² − m; d/dlog s_j = 1 − s_j² Λ_jj.
    weight, mean = torch.tensor(WEIGHT, dtype=dtype), torch.tensor(MEAN, dtype=dtype)
    variance = torch.tensor(VARIANCE, dtype=dtype)
    by_mean = weight.mT @ (x[0] - torch.tensor(BIAS, dtype=dtype) - weight @ mean) / 0.5 - mean
    by_log_scale = 1 - variance * (1 + weight.square().sum(0) / 0.5)
    for estimator in (sgvb_a, sgvb_b):
        m = mean.expand(n, 2).clone().requires_grad_()
        log_scale = (0.5 * variance.log()).expand(n, 2).clone().requires_grad_()
        with scope(seed, estimator.__name__):
            values = estimator(model, many, Independent(Normal(m, log_scale.exp()), 1))
        gradients = torch.autograd.grad(values.sum(), (m, log_scale))
        error = float(values.detach().std()) / math.sqrt(n)
        assert abs(float(values.detach().mean()) - ELBO_0) < 4 * error
        for found, exact in zip(gradients, (by_mean, by_log_scale), strict=True):
            errors = found.std(dim=0) / math.sqrt(n)
            assert ((found.mean(dim=0) - exact).abs() < 4 * errors + 1e-9).all()


@pytest.mark.parametrize("seed", range(3))
def test_importance_weighted_bound(seed: int) -> None:
    expected = {1: -6.2925, 2: -4.969, 5: -4.494, 10: -4.412, 50: -4.355, 500: -4.347}
    model, x = lg1()
    q = q0()
    with scope(seed, "iwae"), torch.no_grad():
        pool = log_weights(model, x, q, 1_000_000)[:, 0]
    found, errors = [], []
    for k, value in expected.items():
        bounds = iwae_bound(pool[: len(pool) // k * k].view(-1, k).mT)
        found.append(float(bounds.mean()))
        errors.append(float(bounds.std()) / math.sqrt(len(bounds)))
        assert abs(found[-1] - value) < 4 * errors[-1] + 2e-3, k
    pairs = zip(found, found[1:], errors, errors[1:], strict=False)
    assert all(b > a - 3 * math.hypot(ea, eb) for a, b, ea, eb in pairs)
    assert abs(found[-1] - LOG_P) < 0.01


def test_one_weight_is_estimator_a_and_the_objective_is_estimator_b() -> None:
    model, x = lg1()
    many = x.expand(64, 3)
    with scope(1, "a"), torch.no_grad():
        one = iwae_bound(log_weights(model, many, q0(n=64), 1))
    with scope(1, "a"), torch.no_grad():
        a = sgvb_a(model, many, q0(n=64))
    torch.testing.assert_close(one, a, atol=1e-9, rtol=0)
    with scope(1, "b"), torch.no_grad():
        b = sgvb_b(model, many, model.encode(many))
    with scope(1, "b"), torch.no_grad():
        _, terms = elbo_terms(model, many)
    with scope(1, "b"), torch.no_grad():
        loss = ELBO().loss("model", model, many)
    torch.testing.assert_close(terms["elbo"], b, atol=1e-9, rtol=0)
    torch.testing.assert_close(loss.value, -b.mean(), atol=1e-9, rtol=0)


def test_without_a_closed_form_the_kl_is_a_draw() -> None:
    from torch.distributions import Categorical, MixtureSameFamily

    mixture = MixtureSameFamily(
        Categorical(torch.ones(1, 2)), Independent(Normal(torch.zeros(1, 2, 2), 1.0), 1)
    )
    prior = Independent(Normal(torch.zeros(2), torch.ones(2)), 1)
    assert closed_form_kl(mixture, prior) is None
    full = MultivariateNormal(torch.ones(1, 2), torch.eye(2))
    assert float(closed_form_kl(full, prior)) == pytest.approx(1.0, abs=1e-6)
    model, x = lg1()
    mixture64 = MixtureSameFamily(
        Categorical(torch.ones(1, 2)),
        Independent(Normal(torch.zeros(1, 2, 2, dtype=torch.float64), 1.0), 1),
    )
    with pytest.raises(ValueError, match="closed form"):
        sgvb_b(model, x, mixture64)
