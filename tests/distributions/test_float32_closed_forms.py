"""Closed forms in float32, whose log-gamma functions are far larger than the result."""

from __future__ import annotations

import math

import mpmath
import pytest
import torch
from scipy import stats

from genlab.distributions.families import FAMILIES, bregman_kl, closed_form_kl
from genlab.distributions.families.special import gamma_kl, lgamma_rise, log1p_gap, stirling

mpmath.mp.dps = 40


def single(**values: float) -> dict[str, torch.Tensor]:
    return {name: torch.tensor(value, dtype=torch.float32) for name, value in values.items()}


def near(found: torch.Tensor, exact: float) -> None:
    assert float(found) == pytest.approx(exact, rel=1e-5, abs=1e-7)


def exact_gamma_kl(a: float, b: float, c: float, d: float) -> float:
    a, b, c, d = (mpmath.mpf(x) for x in (a, b, c, d))
    lg = mpmath.loggamma
    value = (a - c) * mpmath.digamma(a) - lg(a) + lg(c) + c * mpmath.log(b / d) + a * (d - b) / b
    return float(value)


GAMMAS = [
    (1e4, 1e4, 1e4, 1e4, 0.0),
    (1e4, 1e4, 10010.0, 1e4, 0.00499858401),
    (1e4, 1e4, 10010.0, 10010.0, 2.4984e-7),
    (20.0, 1.0, 30.0, 2.0, 1.41749944),
]


@pytest.mark.parametrize(("a", "b", "c", "d", "value"), GAMMAS)
def test_kl_of_gammas(a: float, b: float, c: float, d: float, value: float) -> None:
    assert exact_gamma_kl(a, b, c, d) == pytest.approx(value, rel=1e-4, abs=1e-30)
    form = closed_form_kl("gamma", "gamma")
    assert form is not None
    found = form(single(shape=a, rate=b), single(shape=c, rate=d))
    assert found.dtype == torch.float32
    near(found, exact_gamma_kl(a, b, c, d))
    row = FAMILIES["gamma"]
    near(bregman_kl(row, single(shape=a, rate=b), row, single(shape=c, rate=d)),
         exact_gamma_kl(a, b, c, d))  # fmt: skip


def test_kl_of_gammas_over_the_range_and_zero_at_equal_parameters() -> None:
    shapes = (0.02, 0.5, 3.0, 24.9, 25.0, 26.0, 400.0, 1e6, 1e9)
    for a in shapes:
        for ratio in (1.0, 1.0 + 1e-6, 1.01, 0.5, 3.0):
            for rate in (1.0, 1.0 + 1e-7, 2.0):
                args = [torch.tensor(v, dtype=torch.float64) for v in (a, 1.0, a * ratio, rate)]
                found = float(gamma_kl(*args))
                exact = exact_gamma_kl(*(float(x) for x in args))
                assert found == pytest.approx(exact, rel=1e-7, abs=1e-13 + 1e-15 * a), (a, ratio)
                if ratio == 1.0 and rate == 1.0:
                    assert found == 0.0


@pytest.mark.parametrize("df", [0.7, 3.0, 49.0, 50.0, 51.0, 1e4, 1e6, 1e8, 1e12])
def test_the_density_of_student_t(df: float) -> None:
    row = FAMILIES["student_t"]
    for z in (0.0, 1.5):
        nu, at = mpmath.mpf(df), mpmath.mpf(z)
        exact = mpmath.loggamma((nu + 1) / 2) - mpmath.loggamma(nu / 2)
        exact += -mpmath.log(nu * mpmath.pi) / 2 - (nu + 1) / 2 * mpmath.log1p(at**2 / nu)
        near(row.log_prob(single(df=df, loc=0.0, scale=1.0), torch.tensor(z)), float(exact))
    if df in (1e4, 1e6, 1e8):
        value = {1e4: -0.918963533205, 1e6: -0.918938783205, 1e8: -0.918938535705}[df]
        wide = {k: v.double() for k, v in single(df=df, loc=0.0, scale=1.0).items()}
        assert float(row.log_prob(wide, 0.0)) == pytest.approx(value, abs=1e-12)


def test_the_density_of_the_multivariate_t_tends_to_the_gaussian() -> None:
    row, eye = FAMILIES["elliptical"], torch.eye(3)
    z = torch.tensor([0.3, -0.2, 1.0])
    params = {"loc": torch.zeros(3), "matrix": eye, "df": torch.tensor(1e8)}
    exact = -1.5 * math.log(2 * math.pi) - 0.5 * float(z.square().sum())
    near(row.log_prob(params, z), exact)
    assert float(row.entropy(params)) == pytest.approx(1.5 * (1 + math.log(2 * math.pi)), rel=1e-6)


@pytest.mark.parametrize(
    ("a", "b", "x", "value"),
    [(1e5, 1e5, 0.5, 5.87724372012), (1e5, 1e5, 0.501, 5.47724692013), (30.0, 26.0, 0.25, None)],
)
def test_the_density_of_beta(a: float, b: float, x: float, value: float | None) -> None:
    row = FAMILIES["beta"]
    wide = {k: v.double() for k, v in single(alpha=a, beta=b).items()}
    exact = float(stats.beta.logpdf(x, a, b)) if value is None else value
    assert float(row.log_prob(wide, x)) == pytest.approx(exact, rel=1e-10)
    # What float32 holds is the neighbour of x; there the density is as exact.
    point = torch.tensor(x, dtype=torch.float32)
    at = mpmath.mpf(float(point))
    exact = (a - 1) * mpmath.log(at) + (b - 1) * mpmath.log1p(-at)
    exact -= mpmath.loggamma(a) + mpmath.loggamma(b) - mpmath.loggamma(mpmath.mpf(a) + b)
    near(row.log_prob(single(alpha=a, beta=b), point), float(exact))


def test_kl_of_beta_dirichlet_and_entropies_in_float32() -> None:
    pairs = (
        ("beta", {"alpha": 1e5, "beta": 1e5}, {"alpha": 1.001e5, "beta": 1e5}),
        ("gamma", {"shape": 1e5, "rate": 10.0}, {"shape": 1.001e5, "rate": 10.0}),
        ("chi_squared", {"df": 2e4}, {"df": 2.001e4}),
    )
    for name, q, p in pairs:
        form, row = closed_form_kl(name, name), FAMILIES[name]
        assert form is not None
        wide = [{k: v.double() for k, v in single(**x).items()} for x in (q, p)]
        assert float(form(single(**q), single(**p))) == pytest.approx(float(form(*wide)), rel=1e-5)
        assert float(form(single(**q), single(**q))) == pytest.approx(0.0, abs=1e-7)
        entropy = row.entropy(single(**q))
        assert float(entropy) == pytest.approx(float(row.entropy(wide[0])), rel=1e-6)
    alpha = torch.tensor([1e4, 2e4, 3e4])
    form = closed_form_kl("dirichlet", "dirichlet")
    assert form is not None
    same = form({"concentration": alpha}, {"concentration": alpha})
    assert float(same) == pytest.approx(0.0, abs=1e-7)


def test_the_pieces_against_many_digits() -> None:
    for x in (20.0, 25.0, 300.0, 1e7):
        at = mpmath.mpf(x)
        exact = mpmath.loggamma(at) - (at - 0.5) * mpmath.log(at) + at
        exact -= mpmath.log(2 * mpmath.pi) / 2
        found = float(stirling(torch.tensor(x, dtype=torch.float64)))
        assert found == pytest.approx(float(exact), rel=1e-10)
    for y in (-0.999, -0.3, -0.0100001, -1e-3, -1e-9, 0.0, 1e-12, 1e-3, 0.0099999, 0.5, 40.0):
        exact = mpmath.mpf(y) - mpmath.log1p(mpmath.mpf(y))
        found = float(log1p_gap(torch.tensor(y, dtype=torch.float64)))
        assert found == pytest.approx(float(exact), rel=2e-12, abs=0.0)
    for x in (0.1, 3.0, 24.99, 25.0, 1e5, 1e11):
        for step in (0.5, 1.0, 2.5):
            at = mpmath.mpf(x)
            exact = mpmath.loggamma(at + step) - mpmath.loggamma(at) - step * mpmath.log(at)
            found = float(lgamma_rise(torch.tensor(x, dtype=torch.float64), step))
            assert found == pytest.approx(float(exact), abs=1e-12, rel=1e-10)


def test_gradients_go_through_the_stable_forms() -> None:
    q = {"shape": torch.tensor(1e4, requires_grad=True), "rate": torch.tensor(1e4)}
    form = closed_form_kl("gamma", "gamma")
    assert form is not None
    (slope,) = torch.autograd.grad(form(q, single(shape=10010.0, rate=1e4)), q["shape"])
    # d KL/da = (a − c) ψ′(a) + (d − b)/b.
    exact = -10.0 * float(mpmath.psi(1, 1e4))
    assert float(slope) == pytest.approx(exact, rel=1e-4)
