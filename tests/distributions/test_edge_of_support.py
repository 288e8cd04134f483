"""Draws that lie nearer to an edge of the support than a float32 does, in logarithms."""

from __future__ import annotations

import math

import pytest
import torch
from scipy import special, stats

from genlab.core.random import generator, scope
from genlab.distributions.families import FAMILIES, gradient_variances, monte_carlo_kl
from genlab.distributions.families import closed_form_kl as closed
from genlab.distributions.posteriors import POSTERIORS

N = 200_000


def assert_within(values: torch.Tensor, expected: float, errors: float = 4.0) -> None:
    mean, error = float(values.double().mean()), float(values.double().std()) / len(values) ** 0.5
    assert abs(mean - expected) < errors * error, (mean, expected, error)


@pytest.mark.parametrize(("a", "b"), [(5.0, 0.05), (1.0, 0.1), (0.02, 0.02), (0.05, 3.0)])
def test_expectations_of_logarithms_of_beta(a: float, b: float) -> None:
    drawn = FAMILIES["beta"].sample_logs({"alpha": a, "beta": b}, (N,), generator(1, "beta"))
    assert drawn.z.dtype == torch.float32
    assert bool(((drawn.z > 0) & (drawn.z < 1)).all())
    whole = special.digamma(a + b)
    assert drawn.log1m is not None
    assert_within(drawn.log, float(special.digamma(a) - whole))
    assert_within(drawn.log1m, float(special.digamma(b) - whole))
    if (a, b) == (5.0, 0.05):
        assert float(special.digamma(b) - whole) == pytest.approx(-22.0149683, abs=5e-8)
        # The rounded draws themselves do not know: log(1 − z) ends at −16.6.
        assert float(torch.log1p(-drawn.z).mean()) > -13.0


@pytest.mark.parametrize("shape", [0.02, 0.3, 1.0, 4.0])
def test_expectations_of_logarithms_of_gamma(shape: float) -> None:
    for name, params, rate in (
        ("gamma", {"shape": shape, "rate": 3.0}, 3.0),
        ("chi_squared", {"df": 2 * shape}, 0.5),
    ):
        drawn = FAMILIES[name].sample_logs(params, (N,), generator(2, name))
        mean = float(special.digamma(shape)) - math.log(rate)
        assert_within(drawn.log, mean)
        assert_within(drawn.log.square(), float(special.polygamma(1, shape)) + mean**2)
        assert bool((drawn.z > 0).all())
        assert_within(drawn.z, shape / rate)


def test_expectations_of_logarithms_of_dirichlet() -> None:
    alpha = torch.tensor([0.02, 0.1, 2.0])
    drawn = FAMILIES["dirichlet"].sample_logs({"concentration": alpha}, (N,), generator(3, "d"))
    expected = torch.digamma(alpha.double()) - torch.digamma(alpha.double().sum())
    for k in range(3):
        assert_within(drawn.log[:, k], float(expected[k]))


def test_the_draws_are_those_of_sample_and_their_logarithms_agree_inside() -> None:
    for name in FAMILIES.names():
        row = FAMILIES[name]
        if row.draw_logs is None:
            continue
        plain = row.sample(row.defaults(), (500,), generator(4, name))
        drawn = row.sample_logs(row.defaults(), (500,), generator(4, name))
        assert torch.equal(plain, drawn.z)
        torch.testing.assert_close(drawn.log, plain.log(), rtol=1e-4, atol=1e-5)
        at, direct = row.log_prob_at(row.defaults(), drawn), row.log_prob(row.defaults(), plain)
        torch.testing.assert_close(at, direct, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("params", "share"),
    [({"alpha": 1.0, "beta": 0.1}, 0.1768), ({"alpha": 5.0, "beta": 0.05}, 0.4658)],
)
def test_the_share_that_cannot_be_represented(params: dict[str, float], share: float) -> None:
    row = FAMILIES["beta"]
    said = float(row.share_at_edge(params))
    assert said == pytest.approx(share, abs=5e-5)
    exact = stats.beta.cdf(2.0**-25, params["beta"], params["alpha"])
    assert said == pytest.approx(float(exact), abs=1e-6)
    drawn = row.sample_logs(params, (N,), generator(5, "edge"))
    assert drawn.log1m is not None
    hits = float((drawn.log1m < -25 * math.log(2.0)).double().mean())
    assert abs(hits - share) < 4 * math.sqrt(share * (1 - share) / N)
    # They are all at the last numbers below 1, and none is 1.
    assert float(drawn.z.max()) < 1.0
    gamma = FAMILIES["gamma"].share_at_edge({"shape": 0.02, "rate": 1.0})
    tiny = torch.finfo(torch.float32).tiny
    assert float(gamma) == pytest.approx(float(stats.gamma.cdf(tiny, 0.02)), rel=1e-4)
    assert float(FAMILIES["laplace"].share_at_edge({"loc": 0.0, "scale": 1.0})) == 0.0


@pytest.mark.parametrize(("a", "b"), [(1.0, 0.1), (2.0, 0.05), (5.0, 0.05)])
def test_the_score_function_gradient_of_beta_is_unbiased(a: float, b: float) -> None:
    # d/db E[z] = −a/(a + b)².
    found = gradient_variances(
        FAMILIES["beta"], {"alpha": a, "beta": b}, lambda z: z, n=100_000, seed=6
    )["beta"]
    exact = -a / (a + b) ** 2
    assert found.score is not None
    assert abs(float(found.score.mean) - exact) < 4 * float(found.score.mean_error)


def test_the_score_function_gradient_of_gamma_is_unbiased_at_a_small_shape() -> None:
    found = gradient_variances(
        FAMILIES["gamma"], {"shape": 0.02, "rate": 1.0}, lambda z: torch.exp(-z), n=200_000, seed=7
    )["shape"]
    # E e^{−z} = 2^{−k}, and its derivative −log 2 · 2^{−k}.
    exact = -math.log(2.0) * 2.0**-0.02
    assert found.score is not None
    assert abs(float(found.score.mean) - exact) < 4 * float(found.score.mean_error)


def test_the_estimated_kl_meets_the_closed_form_at_the_edge() -> None:
    for name, q, p in (
        ("beta", {"alpha": 5.0, "beta": 0.05}, {"alpha": 2.0, "beta": 0.2}),
        ("gamma", {"shape": 0.02, "rate": 1.0}, {"shape": 0.1, "rate": 2.0}),
    ):
        row = FAMILIES[name]
        form = closed(row, row)
        assert form is not None
        exact = float(form({k: torch.tensor(v, dtype=torch.float64) for k, v in q.items()}, p))
        found = monte_carlo_kl(row, q, row, p, N, generator(8, name))
        assert abs(float(found.value) - exact) < 4 * float(found.standard_error)


def test_a_posterior_knows_the_density_of_its_own_draw() -> None:
    h = torch.tensor([[2.0, -3.0]])  # one latent entry: softplus gives Beta(2.13, 0.049)
    with scope(9, "posterior"), torch.no_grad():
        q = POSTERIORS["beta"].make(h, 1)
        z = q.rsample(torch.Size((N,)))
        entropy = q.family.entropy(q.params)
        assert entropy is not None
        assert_within(-q.log_prob(z).flatten(), float(entropy))
