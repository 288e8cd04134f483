"""The ELBO of a DDPM with the exact field against its closed form on Gaussian data."""

from __future__ import annotations

import math

import pytest
import torch

from genlab.core.random import scope
from genlab.paths.elbo import elbo_terms, gaussian_gap, posterior_variance, reverse_variance
from genlab.paths.noise_schedules import Discrete, cosine_betas, linear_betas
from genlab.testing.mixtures import one, ring

F64 = torch.float64
GAPS = {
    100: {1.0: 0.0, 0.25: 0.0109607, 0.0025: 0.3813274},
    1000: {1.0: 0.0, 0.25: 0.00109226, 0.0025: 0.04503486},
}


@pytest.mark.parametrize("steps", GAPS)
def test_gap_table(steps: int) -> None:
    path = Discrete(linear_betas(steps))
    for variance, truth in GAPS[steps].items():
        assert gaussian_gap(path, variance) == pytest.approx(truth, abs=1e-6)
        assert gaussian_gap(path, variance, "true") == 0.0


def test_schedule() -> None:
    path = Discrete(linear_betas(1000))
    assert float(path.alpha_bar[-1]) == pytest.approx(4.035830e-5, rel=1e-6)
    assert (float(path.betas[0]), float(path.betas[-1])) == pytest.approx((1e-4, 0.02))
    for i in (0, 1, 500, 1000):
        t = torch.tensor(1 - i / 1000, dtype=F64)
        assert float(path.alpha(t)) == pytest.approx(math.sqrt(float(path.alpha_bar[i])), rel=1e-9)
    ends = float(cosine_betas(100)[-1]), float(posterior_variance(path)[0])
    assert ends == pytest.approx((0.999, 0.0))
    with pytest.raises(ValueError, match="at least 21"):
        linear_betas(10)
    with pytest.raises(ValueError, match="reverse variance"):
        reverse_variance(path, "other")


def test_prior_term_of_a_gaussian() -> None:
    """KL(q(x_T | x) ‖ N(0, I)) at T = 1,000, and KL(q_T ‖ N(0, I)) for data N(1, 1)."""
    path, kept = Discrete(linear_betas(1000)), 4.035830e-5
    assert 0.5 * kept == pytest.approx(2.0179e-5, rel=1e-3)
    x = 1.0 + torch.randn(100, 1, dtype=F64, generator=torch.Generator().manual_seed(0))
    found = elbo_terms(lambda y, t: (y, y), path, x, torch.full((100,), 1001))
    truth = 0.5 * (kept * x[:, 0] ** 2 - kept - math.log1p(-kept))
    torch.testing.assert_close(found, truth, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("kind", ["beta", "posterior"])
def test_elbo_is_entropy_and_gap(kind: str) -> None:
    """E[−ELBO] = H + KL(q_T ‖ N) + Σ gap, each term by draws, over all T steps."""
    path, s2, n = Discrete(linear_betas(100)), 0.25, 4000
    exact = one(0.0, math.sqrt(s2), path)
    total, variance = 0.0, 0.0
    x = math.sqrt(s2) * torch.randn(n, 1, dtype=F64, generator=torch.Generator().manual_seed(1))
    with scope(2, "elbo"):
        sums = torch.zeros(n, dtype=F64)
        for i in range(1, 102):
            sums += elbo_terms(exact.estimates, path, x, torch.full((n,), i), kind)
    total, variance = float(sums.mean()), float(sums.var()) / n
    entropy = 0.5 * math.log(2 * math.pi * math.e * s2)
    kept = float(path.alpha_bar[-1])
    end = kept * s2 + 1 - kept
    prior = 0.5 * (end - 1 - math.log(end))
    truth = entropy + prior + gaussian_gap(path, s2, kind)
    assert abs(total - truth) < 4 * math.sqrt(variance)
    assert math.sqrt(variance) < 0.06


def test_elbo_stays_below_the_log_density() -> None:
    path, n = Discrete(linear_betas(100)), 500
    exact = ring(path)
    x = exact.sample(n, torch.Generator().manual_seed(3))
    with scope(4, "elbo"):
        bound = -sum(
            elbo_terms(exact.estimates, path, x, torch.full((n,), i)) for i in range(1, 102)
        )
    away = bound - exact.log_prob(x, torch.ones(n, dtype=F64))
    assert float(away.mean()) < 4 * float(away.std()) / math.sqrt(n)
