"""KL between rows of the table: closed forms against quadrature, the estimate, the supports."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch

from genlab.core.errors import SpecError
from genlab.core.random import generator
from genlab.distributions.families import (
    FAMILIES,
    bregman_kl,
    closed_form_kl,
    kl,
    monte_carlo_kl,
)

#: As q: inside every support that its kind can lie in, with moments enough for every prior.
Q = {
    "exponential": {"rate": 2.5},
    "cauchy": {"loc": 0.7, "scale": 1.3},
    "logistic": {"loc": 0.4, "scale": 0.3},
    "rayleigh": {"scale": 0.8},
    "pareto": {"scale": 1.2, "shape": 5.0},
    "weibull": {"scale": 1.3, "shape": 2.2},
    "reciprocal": {"low": 0.3, "high": 0.9},
    "gompertz": {"shape": 0.6, "rate": 1.5},
    "gumbel": {"loc": -0.3, "scale": 0.5},
    "erlang": {"shape": 3.0, "rate": 3.0},
    "laplace": {"loc": 0.2, "scale": 0.4},
    "student_t": {"df": 7.0, "loc": 0.5, "scale": 0.8},
    "logistic_location_scale": {"loc": 0.4, "scale": 0.3},
    "uniform": {"low": 0.25, "high": 0.8},
    "triangular": {"loc": 0.5, "scale": 0.2},
    "gaussian": {"loc": 0.6, "scale": 0.7},
    "log_normal": {"loc": 0.2, "scale": 0.6},
    "gamma": {"shape": 1.7, "rate": 2.8},
    "beta": {"alpha": 1.6, "beta": 2.7},
    "chi_squared": {"df": 3.3},
    "f": {"df1": 5.0, "df2": 11.0},
}
#: As p.
P = {
    "exponential": {"rate": 0.9},
    "cauchy": {"loc": -0.5, "scale": 0.8},
    "logistic": {"loc": -0.2, "scale": 0.8},
    "rayleigh": {"scale": 1.4},
    "pareto": {"scale": 0.2, "shape": 2.5},
    "weibull": {"scale": 1.1, "shape": 1.4},
    "reciprocal": {"low": 0.2, "high": 1.4},
    "gompertz": {"shape": 0.9, "rate": 0.4},
    "gumbel": {"loc": 0.5, "scale": 1.1},
    "erlang": {"shape": 2.0, "rate": 1.2},
    "laplace": {"loc": 0.35, "scale": 1.2},
    "student_t": {"df": 4.0, "loc": -0.3, "scale": 1.4},
    "logistic_location_scale": {"loc": -0.2, "scale": 0.8},
    "uniform": {"low": -0.5, "high": 1.7},
    "triangular": {"loc": 0.4, "scale": 1.5},
    "gaussian": {"loc": -0.4, "scale": 1.2},
    "log_normal": {"loc": -0.3, "scale": 0.9},
    "gamma": {"shape": 2.4, "rate": 1.3},
    "beta": {"alpha": 2.2, "beta": 1.3},
    "chi_squared": {"df": 2.4},
    "f": {"df1": 3.0, "df2": 6.0},
}
CLOSED = [(q, p) for q, p in itertools.product(Q, P) if closed_form_kl(q, p) is not None]


def doubles(params):
    return {k: torch.tensor(v, dtype=torch.float64) for k, v in params.items()}


def quadrature(q, q_params, p, p_params):
    """∫ q (log q − log p) by the trapezoidal rule after a change of variable per support."""
    row, mine = FAMILIES[q], FAMILIES[q].check(doubles(q_params))
    s = torch.linspace(-45.0, 45.0, 120_001, dtype=torch.float64)
    low, high = (x.item() for x in row.support.bounds(mine))
    if math.isinf(low):
        centre = q_params.get("loc", 0.0)
        z, slope = centre + torch.sinh(s * 0.9), 0.9 * torch.cosh(s * 0.9)
    elif math.isinf(high):
        z, slope = low + torch.exp(s), torch.exp(s)
    else:
        u = torch.sigmoid(s)
        z, slope = low + (high - low) * u, (high - low) * u * torch.sigmoid(-s)
    log_q = row.log_prob(mine, z)
    log_p = FAMILIES[p].log_prob(doubles(p_params), z)
    density = log_q.exp()
    terms = torch.where(density * slope > 1e-300, density * (log_q - log_p) * slope, 0.0)
    return (terms.sum() * (s[1] - s[0])).item()


def test_the_table_of_closed_forms_is_large_and_names_its_formulas():
    assert len(CLOSED) > 120
    for row in FAMILIES.rows():
        if not row.value.draw.__module__.startswith("genlab."):
            continue  # a plugin's family needs no closed form
        name = row.name
        closed = closed_form_kl(name, name)
        known = name not in (
            "logistic", "student_t", "logistic_location_scale", "triangular", "f", "gompertz",
        )  # fmt: skip
        assert (closed is not None) == known
    for q, p in CLOSED:
        assert closed_form_kl(q, p).formula
        assert closed_form_kl(q, p).how
    for pair in (
        ("gaussian", "gaussian"), ("gamma", "exponential"), ("weibull", "gamma"),
        ("beta", "uniform"), ("laplace", "laplace"), ("pareto", "pareto"),
        ("gaussian", "laplace"), ("log_normal", "gamma"), ("chi_squared", "weibull"),
    ):  # fmt: skip
        assert pair in CLOSED


@pytest.mark.parametrize("q", sorted({q for q, _ in CLOSED}))
def test_every_closed_form_equals_quadrature(q):
    for p in (p for other, p in CLOSED if other == q):
        found = closed_form_kl(q, p)(doubles(Q[q]), doubles(P[p])).item()
        truth = quadrature(q, Q[q], p, P[p])
        assert math.isfinite(found), p
        assert found == pytest.approx(truth, abs=2e-6, rel=2e-6), p
        assert found > 0 or p == q
        both = kl(FAMILIES[q], doubles(Q[q]), FAMILIES[p], doubles(P[p]))
        assert both.kind == "exact"
        assert both.value.item() == found


@pytest.mark.parametrize("name", [n for n in Q if closed_form_kl(n, n) is not None])
def test_the_divergence_of_a_row_from_itself_is_zero(name):
    assert closed_form_kl(name, name)(doubles(Q[name]), doubles(Q[name])).item() == (
        pytest.approx(0, abs=1e-12)
    )


def test_the_log_normaliser_gives_the_same_as_the_expectations():
    pairs = [
        (q, p)
        for q, p in CLOSED
        if FAMILIES[q].natural is not None
        and FAMILIES[p].natural is not None
        and FAMILIES[q].natural.key == FAMILIES[p].natural.key
    ]
    assert len(pairs) == 20  # 4 × 4 gamma kinds, Gaussian, Rayleigh, log-normal, Beta
    for q, p in pairs:
        breg = bregman_kl(FAMILIES[q], doubles(Q[q]), FAMILIES[p], doubles(P[p]))
        assert closed_form_kl(q, p)(doubles(Q[q]), doubles(P[p])).item() == (
            pytest.approx(breg.item(), abs=1e-10)
        )
        assert "exponential family" in closed_form_kl(q, p).how
    a = {"concentration": torch.tensor([0.7, 2.0, 3.5], dtype=torch.float64)}
    b = {"concentration": torch.tensor([2.0, 1.0, 0.4], dtype=torch.float64)}
    row = FAMILIES["dirichlet"]
    closed = closed_form_kl("dirichlet", "dirichlet")(a, b).item()
    assert closed == pytest.approx(bregman_kl(row, a, row, b).item(), abs=1e-10)
    sampled = monte_carlo_kl(row, a, row, b, 100_000, generator(0))
    assert abs(closed - sampled.value.item()) < 4 * sampled.standard_error.item()
    assert sampled.standard_error.item() < 0.02
    with pytest.raises(SpecError, match="exponential family"):
        bregman_kl(FAMILIES["gamma"], Q["gamma"], FAMILIES["gaussian"], P["gaussian"])


def test_elliptical_has_a_closed_form_only_for_its_gaussian_members():
    row = FAMILIES["elliptical"]
    a = {"loc": [0.3, -0.1], "matrix": [[0.5, 0.2], [0.0, 0.6]], "df": math.inf}
    b = {"loc": [0.0, 0.4], "matrix": [[1.0, 0.0], [0.5, 0.8]], "df": math.inf}
    a, b = doubles(a), doubles(b)
    closed = closed_form_kl("elliptical", "elliptical")
    sq = a["matrix"] @ a["matrix"].T
    normal = torch.distributions.MultivariateNormal
    truth = torch.distributions.kl_divergence(
        normal(a["loc"], sq), normal(b["loc"], b["matrix"] @ b["matrix"].T)
    )
    assert closed(a, b).item() == pytest.approx(truth.item(), rel=1e-12)
    heavy = {**a, "df": torch.tensor(4.0, dtype=torch.float64)}
    with pytest.raises(SpecError, match="Gaussian members"):
        closed(heavy, heavy)
    assert kl(row, a, row, b).kind == "exact"
    assert kl(row, heavy, row, heavy, 100).kind == "Monte Carlo"


@pytest.mark.parametrize(
    ("q", "p"),
    [
        ("student_t", "logistic"), ("logistic", "student_t"), ("triangular", "triangular"),
        ("gumbel", "logistic"), ("f", "f"), ("gompertz", "gamma"), ("beta", "triangular"),
        ("student_t", "student_t"), ("gaussian", "cauchy"), ("weibull", "f"),
    ],
)  # fmt: skip
def test_pairs_without_a_closed_form_are_estimated_with_an_error(q, p):
    assert closed_form_kl(q, p) is None
    found = kl(FAMILIES[q], doubles(Q[q]), FAMILIES[p], doubles(P[p]), 40_000, generator(2, q, p))
    assert found.kind == "Monte Carlo"
    assert found.n == 40_000
    truth = quadrature(q, Q[q], p, P[p])
    error = found.standard_error.item()
    assert abs(found.value.item() - truth) < 4 * error
    assert error < 0.02
    shown = found.estimate()
    assert shown.low < shown.value < shown.high
    assert shown.series.kind == "Monte Carlo"
    assert shown.high - shown.low == pytest.approx(2 * 1.96 * error, rel=1e-6)


def test_the_estimate_agrees_with_the_closed_form_and_is_seeded():
    q, p = FAMILIES["gamma"], FAMILIES["log_normal"]
    exact = kl(q, Q["gamma"], p, P["log_normal"]).value.item()
    one = monte_carlo_kl(q, Q["gamma"], p, P["log_normal"], 50_000, generator(4))
    two = monte_carlo_kl(q, Q["gamma"], p, P["log_normal"], 50_000, generator(4))
    assert torch.equal(one.value, two.value)
    assert abs(one.value.item() - exact) < 4 * one.standard_error.item()
    with pytest.raises(SpecError, match="at least 2"):
        monte_carlo_kl(q, Q["gamma"], p, P["log_normal"], 1)


@pytest.mark.parametrize(
    ("q", "q_params", "p", "p_params"),
    [
        ("uniform", {"low": 0.0, "high": 2.0}, "uniform", {"low": 0.0, "high": 1.0}),
        ("pareto", {"scale": 0.5, "shape": 2.0}, "pareto", {"scale": 1.0, "shape": 2.0}),
        ("gaussian", {"loc": 0.0, "scale": 1.0}, "gamma", {"shape": 1.0, "rate": 1.0}),
        ("student_t", {"df": 2.0, "loc": 0.0, "scale": 1.0}, "gaussian", P["gaussian"]),
        ("student_t", {"df": 1.0, "loc": 0.0, "scale": 1.0}, "laplace", P["laplace"]),
        ("laplace", {"loc": 0.0, "scale": 2.0}, "gumbel", {"loc": 0.0, "scale": 1.0}),
        ("cauchy", Q["cauchy"], "gaussian", P["gaussian"]),
        ("pareto", {"scale": 2.0, "shape": 1.5}, "rayleigh", P["rayleigh"]),
        ("gamma", {"shape": 2.0, "rate": 0.3}, "gompertz", {"shape": 1.0, "rate": 0.5}),
    ],
)
def test_a_divergence_that_is_infinite_is_said_to_be(q, q_params, p, p_params):
    one, other = FAMILIES[q], FAMILIES[p]
    assert not bool(one.finite_kl(other, q_params, p_params))
    assert kl(one, q_params, other, p_params, 100).value.item() == math.inf
    assert monte_carlo_kl(one, q_params, other, p_params, 100).value.item() == math.inf


def test_which_priors_a_family_may_meet():
    may = {(q, p): FAMILIES[q].may_meet(FAMILIES[p]) for q in FAMILIES for p in FAMILIES}
    for name in FAMILIES:
        assert may[name, name]
    assert FAMILIES["dirichlet"].priors() == ("dirichlet",)
    assert FAMILIES["elliptical"].priors() == ("elliptical",)
    # Equal supports do not suffice: a Cauchy posterior has no second moment.
    assert FAMILIES["cauchy"].priors() == ("cauchy", "student_t")
    # A log-normal has every moment but no exponential one.
    assert not may["log_normal", "gompertz"]
    assert may["log_normal", "rayleigh"]
    assert may["gamma", "gaussian"]
    assert not may["gaussian", "gamma"]
    assert not may["gamma", "pareto"]
    assert may["uniform", "pareto"]
    assert not may["beta", "reciprocal"]
    assert not may["gaussian", "uniform"]
    support = [n for n in FAMILIES if may[n, "gaussian"]]
    assert {"cauchy", "elliptical", "dirichlet"}.isdisjoint(support)
    assert {"gamma", "gaussian", "laplace"} <= set(support)


@pytest.mark.parametrize("q", list(Q))
def test_the_settings_of_the_table_are_finite_where_the_quadrature_is(q):
    for p in P:
        if FAMILIES[q].may_meet(FAMILIES[p]):
            said = bool(FAMILIES[q].finite_kl(FAMILIES[p], doubles(Q[q]), doubles(P[p])))
            assert said == math.isfinite(quadrature(q, Q[q], p, P[p])), p


@pytest.mark.parametrize(
    ("q", "p"),
    [
        ("gaussian", "gaussian"), ("gamma", "gamma"), ("beta", "beta"), ("weibull", "gamma"),
        ("log_normal", "gamma"), ("laplace", "laplace"), ("gamma", "weibull"),
        ("gumbel", "gumbel"), ("gaussian", "laplace"), ("gompertz", "exponential"),
    ],
)  # fmt: skip
def test_closed_forms_are_differentiable_in_all_parameters(q, p):
    mine, theirs = doubles(Q[q]), doubles(P[p])
    leaves = [v.clone().requires_grad_() for v in (*mine.values(), *theirs.values())]
    cut = len(mine)

    def value(*x):
        return closed_form_kl(q, p)(
            dict(zip(mine, x[:cut], strict=True)), dict(zip(theirs, x[cut:], strict=True))
        )

    assert torch.autograd.gradcheck(value, leaves)


def test_a_batch_of_divergences():
    q = {"loc": torch.tensor([[0.0], [1.0]]), "scale": torch.tensor([0.5, 1.0, 2.0])}
    value = closed_form_kl("gaussian", "gaussian")(q, {"loc": 0.0, "scale": 1.0})
    s = q["scale"].numpy()
    truth = 0.5 * (s**2 - 1 + np.array([[0.0], [1.0]])) - np.log(s)
    np.testing.assert_allclose(value.numpy(), truth, atol=1e-6)
    mixed = closed_form_kl("uniform", "uniform")(
        {"low": torch.tensor([0.0, -1.0]), "high": 1.0}, {"low": 0.0, "high": 2.0}
    )
    assert mixed.tolist() == [pytest.approx(math.log(2)), math.inf]
