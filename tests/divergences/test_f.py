"""The table of f-divergences against its definitions and independent numbers."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch
from scipy import special

from genlab.core.errors import SpecError
from genlab.divergences.f import F, FDivergence, log_wright_omega
from genlab.divergences.parametric_f_divergences import (
    alpha_divergence,
    weighted_jensen_shannon,
)

NAMES = [
    "kl",
    "reverse_kl",
    "pearson",
    "neyman",
    "squared_hellinger",
    "jeffrey",
    "js",
    "js_weighted",
    "gan",
    "alpha",
    "total_variation",
]
ALPHAS = (-1.0, 0.3, 0.5, 0.7, 2.0, 3.0)
ROWS: dict[str, FDivergence] = {
    **{name: F[name] for name in NAMES},
    **{f"alpha {a:g}": F["alpha"].with_parameter(a) for a in ALPHAS},
    **{f"js_weighted {p:g}": F["js_weighted"].with_parameter(p) for p in (0.02, 0.5, 0.9)},
}
every = pytest.mark.parametrize("name", ROWS)


def reach(row: FDivergence) -> float:
    """Scores up to which every part of a row must be finite in float32: 30, or less where e^{av}
    itself leaves it, a being the largest exponent of the row alpha."""
    if row.name != "alpha":
        return 30.0
    alpha = row.parameter.value
    return min(30.0, 87.0 / max(abs(alpha), abs(1.0 - alpha)))


def double(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


def test_the_table_has_the_eleven_rows_in_order():
    assert [name for name in F.names() if name in NAMES] == NAMES
    assert all(F[name].name == name for name in NAMES)
    assert all(row.summary and row.title for row in F.rows())


# Check 6 of the acceptance list ------------------------------------------------------------


def supremum(row: FDivergence, t: torch.Tensor) -> torch.Tensor:
    """sup over u ≥ 0 of ut − f(u), by search over log u alone: no derivative, no conjugate."""
    low, high = torch.full_like(t, -60.0), torch.full_like(t, 30.0)
    steps = torch.linspace(0.0, 1.0, 401, dtype=torch.float64)
    for _ in range(6):
        l = low[:, None] + (high - low)[:, None] * steps
        values = l.exp() * t[:, None] - row.f(l.exp())
        best = values.argmax(1)
        rows = torch.arange(len(t))
        low, high = l[rows, (best - 1).clamp(min=0)], l[rows, (best + 1).clamp(max=400)]
    found = values.max(1).values
    return found.clamp(min=-row.at_zero) if math.isfinite(row.at_zero) else found


POINTS = {
    "pearson": (-2.0, 6.0),
    "kl": (-6.0, 4.0),
    "jeffrey": (-30.0, 5.0),
    "total_variation": (-0.5, 0.5),
}


@every
def test_conjugate_is_the_supremum(name):
    row = ROWS[name]
    low, high = POINTS.get(name, (-8.0, 6.0))
    if math.isfinite(row.domain.high):
        high = row.domain.high - (0.0 if name == "total_variation" else 0.05)
    t = torch.linspace(low, high, 20, dtype=torch.float64)
    torch.testing.assert_close(row.conjugate(t), supremum(row, t), rtol=1e-6, atol=1e-6)


@every
def test_activation_lands_in_the_domain_and_increases(name):
    row = ROWS[name]
    v = torch.linspace(-30.0, 30.0, 601, dtype=torch.float64)
    t = row.activation(v)
    assert bool(row.domain.contains(t).all())
    assert bool((t[1:] >= t[:-1]).all())
    # Where float64 can tell them apart, strictly.
    middle = v.abs() < 8.0
    assert bool((t[middle][1:] > t[middle][:-1]).all())


@every
def test_values_at_one(name):
    row = ROWS[name]
    one = torch.ones(1, dtype=torch.float64)
    f1 = -2.0 * math.log(2.0) if name == "gan" else 0.0
    slope = {"kl": 1.0, "reverse_kl": -1.0, "gan": -math.log(2.0)}.get(name, 0.0)
    assert row.at_one == pytest.approx(f1, abs=1e-15)
    assert float(row.f(one)) == pytest.approx(f1, abs=1e-12)
    assert row.threshold == pytest.approx(slope, abs=1e-15)
    assert float(row.f_prime(one)) == pytest.approx(slope, abs=1e-12)
    assert float(row.critic(torch.zeros(1, dtype=torch.float64))) == pytest.approx(
        slope, abs=1e-12
    )


@every
def test_composition_is_finite_in_float32_and_equals_its_parts(name):
    row = ROWS[name]
    v = torch.linspace(-reach(row), reach(row), 601)
    assert bool(row.conjugate_of_activation(v).isfinite().all())
    assert row.conjugate_of_activation(v).dtype == torch.float32
    wide = torch.linspace(-6.0, 6.0, 121, dtype=torch.float64)
    parts = row.conjugate(row.activation(wide))
    torch.testing.assert_close(row.conjugate_of_activation(wide), parts, rtol=1e-7, atol=1e-9)
    # float32 agrees with float64 over the whole range.
    exact = row.conjugate_of_activation(v.double())
    torch.testing.assert_close(
        row.conjugate_of_activation(v).double(), exact, rtol=2e-4, atol=2e-6
    )


@every
def test_gradient_of_the_composition_is_finite_and_right(name):
    row = ROWS[name]
    for dtype in (torch.float32, torch.float64):
        far = min(25.0, reach(row))
        v = torch.linspace(-far, far, 101, dtype=dtype, requires_grad=True)
        (slope,) = torch.autograd.grad(row.conjugate_of_activation(v).sum(), v)
        assert bool(slope.isfinite().all())
    v = torch.linspace(-4.0, 4.0, 41, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(row.conjugate_of_activation(v).sum(), v)
    h = 1e-5
    with torch.no_grad():
        ahead, behind = row.conjugate_of_activation(v + h), row.conjugate_of_activation(v - h)
    torch.testing.assert_close(slope, (ahead - behind) / (2 * h), rtol=1e-5, atol=1e-5)


def test_float32_stays_float32_and_float64_stays_float64():
    for row in ROWS.values():
        for dtype in (torch.float32, torch.float64):
            u = torch.tensor([0.3, 1.0, 4.0], dtype=dtype)
            t = torch.tensor([-0.4, -0.2, -0.1], dtype=dtype)
            outputs = (
                row.f(u), row.f_prime(u), row.conjugate(t), row.activation(u), row.critic(u),
                row.score(u), row.conjugate_of_activation(u), row.integrand(-u, -u / 2),
            )  # fmt: skip
            assert {x.dtype for x in outputs} == {dtype}


# Relations of each row to its own parts ------------------------------------------------------


@every
def test_derivative_is_that_of_autograd_and_f_is_convex(name):
    row = ROWS[name]
    u = torch.linspace(-5.0, 5.0, 200, dtype=torch.float64).exp().requires_grad_()
    (slope,) = torch.autograd.grad(row.f(u).sum(), u)
    torch.testing.assert_close(row.f_prime(u.detach()), slope, rtol=1e-8, atol=1e-9)
    assert bool((slope[1:] >= slope[:-1] - 1e-12 * slope[1:].abs()).all())


@every
def test_fenchel_equality_at_the_exact_critic(name):
    row = ROWS[name]
    l = torch.linspace(-5.0, 5.0, 101, dtype=torch.float64)
    u = l.exp()
    t = row.critic(l)
    torch.testing.assert_close(t, row.f_prime(u), rtol=1e-9, atol=1e-12)
    expected = u * t - row.f(u)
    torch.testing.assert_close(row.conjugate(t), expected, rtol=1e-8, atol=1e-8)


@every
def test_the_exact_score_gives_the_exact_critic(name):
    row = ROWS[name]
    l = torch.tensor([-20.0, -3.0, -0.5, 0.25, 2.0, 12.0], dtype=torch.float64)
    torch.testing.assert_close(row.activation(row.score(l)), row.critic(l), rtol=1e-9, atol=1e-12)
    if name == "total_variation":
        assert row.score(l).tolist() == [-math.inf] * 3 + [math.inf] * 3


@every
def test_conjugate_is_infinite_outside_its_domain_and_nan_stays_nan(name):
    row = ROWS[name]
    if math.isfinite(row.domain.high):
        outside = double(row.domain.high + 1e-6, row.domain.high + 10.0)
        assert row.conjugate(outside).tolist() == [math.inf, math.inf]
    assert math.isnan(float(row.conjugate(double(math.nan))[0]))
    t = double(row.domain.high + 1.0 if math.isfinite(row.domain.high) else 1.0, -0.3)
    t.requires_grad_()
    (slope,) = torch.autograd.grad(row.conjugate(t)[1], t)
    assert bool(slope.isfinite().all())


SYMMETRIC = {"squared_hellinger", "jeffrey", "js", "gan", "total_variation", "alpha"}


@every
def test_symmetry_is_as_stated(name):
    row = ROWS[name]
    log_p = double(0.2, 0.5, 0.3).log()
    log_q = double(0.6, 0.3, 0.1).log()
    there, back = row.of_probabilities(log_p, log_q), row.of_probabilities(log_q, log_p)
    same = abs(float(there - back)) < 1e-12
    assert same == row.symmetric
    assert row.symmetric == (name in SYMMETRIC | {"alpha 0.5", "js_weighted 0.5"})


@every
def test_integrand_equals_q_f_of_the_ratio(name):
    row = ROWS[name]
    source = torch.Generator().manual_seed(0)
    log_p, log_q = torch.randn(2, 500, dtype=torch.float64, generator=source) * 2.0
    direct = log_q.exp() * row.f((log_p - log_q).exp())
    torch.testing.assert_close(row.integrand(log_p, log_q), direct, rtol=1e-9, atol=1e-11)


# Infinities --------------------------------------------------------------------------------

#: (f(0), lim f(u)/u): the price of mass of Q where P has none, and of P where Q has none.
LOG2 = math.log(2.0)
PRICES = {
    "kl": (0.0, math.inf),
    "reverse_kl": (math.inf, 0.0),
    "pearson": (1.0, math.inf),
    "neyman": (math.inf, 1.0),
    "squared_hellinger": (1.0, 1.0),
    "jeffrey": (math.inf, math.inf),
    "js": (LOG2, LOG2),
    "js_weighted": (-0.7 * math.log(0.7), -0.3 * math.log(0.3)),
    "gan": (0.0, 0.0),
    "alpha": (2.0, 2.0),
    "alpha -1": (math.inf, 0.5),
    "alpha 2": (0.5, math.inf),
    "total_variation": (0.5, 0.5),
}


@pytest.mark.parametrize("name", PRICES)
def test_unmatched_supports_cost_their_price_and_never_nan(name):
    row = ROWS[name]
    at_zero, at_infinity = PRICES[name]
    assert row.at_zero == pytest.approx(at_zero)
    assert row.slope_at_infinity == pytest.approx(at_infinity)
    minus = -math.inf
    log_p = double(minus, math.log(0.25), minus, math.log(0.75))
    log_q = double(math.log(0.5), minus, minus, math.log(0.5))
    parts = row.integrand(log_p, log_q)
    assert not bool(parts.isnan().any())
    assert float(parts[0]) == pytest.approx(0.5 * at_zero)
    assert float(parts[1]) == pytest.approx(0.25 * at_infinity)
    assert float(parts[2]) == 0.0
    # The limits are those of the generator.
    far = double(1e-14, 1e14)
    if math.isfinite(at_zero):
        assert float(row.f(far)[0]) == pytest.approx(at_zero, abs=1e-5)
    if math.isfinite(at_infinity):
        assert float(row.f(far)[1]) / 1e14 == pytest.approx(at_infinity, abs=1e-5)


@every
def test_densities_that_underflow_give_no_nan(name):
    log_p = double(-1e5, -1.0, -1e5, -1e5 + 3.0, -2.0, -1.0, 0.0)
    log_q = double(-1.0, -1e5, -1e5, -1e5, -1e6, 0.0, -1e300)
    parts = ROWS[name].integrand(log_p, log_q)
    assert not bool(parts.isnan().any())
    finite = ROWS[name].integrand(double(-1e5), double(-1e5))
    assert float(finite[0]) == pytest.approx(0.0, abs=1e-12)


def test_far_tails_of_both_kl_are_exact_where_the_ratio_is_not_a_number_of_a_float():
    # r = e^{-5000} and e^{5000}: no float holds it, both answers are plain numbers.
    assert float(F["reverse_kl"].integrand(double(-5000.0), double(0.0))[0]) == 5000.0
    assert float(F["kl"].integrand(double(0.0), double(-5000.0))[0]) == 5000.0
    assert float(F["jeffrey"].integrand(double(0.0), double(-5000.0))[0]) == 5000.0


def test_a_nan_density_stays_a_nan():
    for row in ROWS.values():
        assert math.isnan(float(row.integrand(double(math.nan), double(-1.0))[0]))


# Special functions and families --------------------------------------------------------------


def test_wright_omega_against_scipy_and_its_equation():
    s = torch.linspace(-700.0, 2000.0, 1001, dtype=torch.float64)
    found = log_wright_omega(s).exp()
    expected = torch.from_numpy(special.wrightomega(s.numpy()).real)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=0.0)
    narrow = torch.linspace(-80.0, 2000.0, 101)
    assert bool(log_wright_omega(narrow).isfinite().all())


def test_jeffreys_conjugate_does_not_overflow_far_below_zero():
    t = double(-1e6, -1e4, -710.0, -1.0)
    found = F["jeffrey"].conjugate(t)
    w = torch.from_numpy(special.wrightomega(1.0 - t.numpy()).real)
    torch.testing.assert_close(found, w + 1.0 / w + t - 2.0, rtol=1e-6, atol=1e-6)


def laws() -> tuple[torch.Tensor, torch.Tensor]:
    source = torch.Generator().manual_seed(1)
    both = torch.randn(2, 40, dtype=torch.float64, generator=source).log_softmax(1)
    return both[0], both[1]


def value(name: str, parameter: float | None = None) -> float:
    row = F[name] if parameter is None else F[name].with_parameter(parameter)
    return float(row.of_probabilities(*laws()))


def test_alpha_family_contains_its_relatives():
    assert value("alpha", 0.5) == pytest.approx(2.0 * value("squared_hellinger"), rel=1e-12)
    assert value("alpha", 2.0) == pytest.approx(0.5 * value("pearson"), rel=1e-12)
    assert value("alpha", -1.0) == pytest.approx(0.5 * value("neyman"), rel=1e-12)
    for sign in (-1.0, 1.0):
        assert value("alpha", 1.0 + sign * 1e-5) == pytest.approx(value("kl"), rel=1e-4)
        assert value("alpha", sign * 1e-5) == pytest.approx(value("reverse_kl"), rel=1e-4)
    # The error halves with the distance to the limit: it is a limit, not a coincidence.
    gaps = [value("alpha", 1.0 - h) - value("kl") for h in (0.02, 0.01)]
    assert gaps[0] / gaps[1] == pytest.approx(2.0, abs=0.1)


def test_relations_between_rows():
    p, q = laws()
    assert value("gan") == pytest.approx(value("js") - math.log(4.0), rel=1e-12)
    assert value("js_weighted", 0.5) == pytest.approx(0.5 * value("js"), rel=1e-12)
    assert value("jeffrey") == pytest.approx(value("kl") + value("reverse_kl"), rel=1e-12)
    assert float(F["reverse_kl"].of_probabilities(p, q)) == pytest.approx(
        float(F["kl"].of_probabilities(q, p)), rel=1e-12
    )
    assert float(F["neyman"].of_probabilities(p, q)) == pytest.approx(
        float(F["pearson"].of_probabilities(q, p)), rel=1e-12
    )
    m = torch.logaddexp(p, q) - math.log(2.0)
    kl = F["kl"].of_probabilities
    assert value("js") == pytest.approx(float(kl(p, m) + kl(q, m)), rel=1e-12)
    assert value("js_weighted", 0.001) / 0.001 == pytest.approx(value("kl"), rel=0.01)


@every
def test_equal_laws_have_divergence_f_of_one(name):
    p, _ = laws()
    assert float(ROWS[name].of_probabilities(p, p)) == pytest.approx(ROWS[name].at_one, abs=1e-14)


@every
def test_range_is_reached_by_disjoint_laws(name):
    row = ROWS[name]
    minus = -math.inf
    found = float(row.of_probabilities(double(0.0, minus), double(minus, 0.0)))
    assert found == pytest.approx(row.upper)


def test_parameters_out_of_range_are_refused_in_words():
    with pytest.raises(SpecError, match="reverse_kl"):
        F["alpha"].with_parameter(1.0)
    with pytest.raises(SpecError, match="reverse_kl"):
        F["alpha"].with_parameter(math.nan)
    with pytest.raises(SpecError, match="a number is needed"):
        F["alpha"].with_parameter("much")  # type: ignore[arg-type]
    with pytest.raises(SpecError, match="has none"):
        F["kl"].with_parameter(0.5)
    with pytest.raises(SpecError, match=r"from 0\.001 to 0\.999"):
        F["js_weighted"].with_parameter(1.0)
    changed = F["alpha"].with_parameter(2.0).with_parameter(-1.0)
    assert changed.parameter is not None
    assert changed.parameter.value == -1.0
    assert "α = -1" in changed.title


def test_unknown_name_suggests_the_nearest():
    with pytest.raises(SpecError, match="did you mean 'pearson'"):
        _ = F["pearsn"]


@every
def test_formulas_and_conventions_are_there_to_typeset(name):
    row = ROWS[name]
    for text in dataclasses.asdict(row.latex).values():
        assert text
        assert text.count("{") == text.count("}")
        assert text.count(r"\left") == text.count(r"\right")
    assert row.convention
    assert row.unit in {"nats", "probability", "dimensionless"}


def test_a_new_row_is_one_registration():
    from genlab.divergences.formula import from_formula

    row = from_formula("abs(u - 1)^3", name="cubic", title="cubic")
    F.register("cubic", title="cubic")(row)
    try:
        assert "cubic" in F
        assert float(F["cubic"].f(double(3.0))[0]) == pytest.approx(8.0)
        assert "cubic" in F.names()
    finally:
        F.unregister("cubic")
    assert "cubic" not in F


AT_ZERO = [F[name] for name in F.names()] + [
    *(alpha_divergence(alpha) for alpha in (-1.5, -0.5, 0.2, 0.9, 1.5, 3.0)),
    *(weighted_jensen_shannon(pi) for pi in (0.1, 0.5, 0.9)),
]


@pytest.mark.parametrize("row", AT_ZERO, ids=lambda row: row.title)
def test_f_at_zero_is_its_limit(row: FDivergence) -> None:
    at, near = row.f(torch.tensor([0.0, 1e-60], dtype=torch.float64)).tolist()
    assert at == pytest.approx(row.at_zero, rel=1e-12)
    # u^α is below 1e-12 where the limit is finite, and f large where it is not.
    assert near == pytest.approx(at, abs=1e-3) if math.isfinite(at) else near > 30.0
