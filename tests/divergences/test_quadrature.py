"""Exact divergences, the variational bound, and sampling, against closed forms and tables."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import integrate as scipy_integrate
from torch import Tensor

from genlab.core.errors import DataError, SpecError
from genlab.data.base import Density
from genlab.divergences.estimates import text
from genlab.divergences.f import F, FDivergence
from genlab.divergences.gaussian_fits import cross_divergences, fit_gaussian
from genlab.divergences.grid import Grid
from genlab.divergences.mixtures_1d import Mixture1D, f_gan_mixture, gaussian
from genlab.divergences.quadrature import (
    bound_1d,
    bound_from_samples,
    divergence_1d,
    divergences_1d,
    divergences_from_samples,
    divergences_on_cells,
    divergences_on_grid,
    integrate,
)

NAMES = list(F.names())
INF = math.inf
P, Q = gaussian(0.0, 1.0), gaussian(0.7, 1.3)

#: D_f(N(0,1) ‖ N(0.7, 1.69)). The χ² rows and the α family have closed forms (see chi below).
REGRESSION = {
    "kl": 0.203193,
    "reverse_kl": 0.327636,
    "pearson": 0.345897,
    "neyman": 5.711835,
    "squared_hellinger": 0.121275,
    "jeffrey": 0.530828,
    "js": 0.113847,
    "js_weighted": 0.045191,
    "gan": -1.272447,
    "alpha": 0.242550,
    "total_variation": 0.259102,
}


def power_integral(alpha: float, m: float = 0.7, v: float = 1.69) -> float:
    """∫ p^α q^{1−α} for N(0, 1) and N(m, v), by completing the square."""
    a = alpha + (1.0 - alpha) / v
    b = (1.0 - alpha) * m / v
    size = (2 * math.pi) ** (-alpha / 2) * (2 * math.pi * v) ** ((alpha - 1) / 2)
    return size * math.sqrt(2 * math.pi / a) * math.exp(b * b / (2 * a) - b * m / 2)


CLOSED = {
    "kl": 0.5 * (1 / 1.69 + 0.49 / 1.69 - 1 + math.log(1.69)),
    "reverse_kl": 0.5 * (1.69 + 0.49 - 1 - math.log(1.69)),
    "pearson": power_integral(2.0) - 1.0,
    "neyman": power_integral(-1.0) - 1.0,
    "squared_hellinger": 2.0 - 2.0 * power_integral(0.5),
    "alpha": (power_integral(0.5) - 1.0) / -0.25,
}


@pytest.mark.parametrize("name", NAMES)
def test_regression_values(name):
    row = divergence_1d(F[name], P, Q)
    assert row.value == pytest.approx(REGRESSION[name], abs=1e-6)
    assert row.series.kind == "exact"
    assert row.low <= row.value <= row.high
    assert row.high - row.low < 1e-8


@pytest.mark.parametrize("name", CLOSED)
def test_closed_forms_to_ten_digits(name):
    assert divergence_1d(F[name], P, Q).value == pytest.approx(CLOSED[name], rel=1e-10)


@pytest.mark.parametrize("alpha", [-1.0, 0.5, 2.0, 0.3])
def test_alpha_family_against_the_closed_form(alpha):
    expected = (power_integral(alpha) - 1.0) / (alpha * (alpha - 1.0))
    row = divergence_1d(F["alpha"].with_parameter(alpha), P, Q)
    assert row.value == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("name", NAMES)
def test_against_scipy_quad(name):
    p, q = f_gan_mixture(), gaussian(1.0, 1.8)

    def integrand(x: float) -> float:
        at = torch.tensor([x], dtype=torch.float64)
        return float(F[name].integrand(p(at), q(at))[0])

    points = [-14.0, *p.breaks[::2], 0.0, 16.0]
    expected, _ = scipy_integrate.quad(integrand, -40.0, 40.0, points=points, limit=400)
    assert divergence_1d(F[name], p, q).value == pytest.approx(expected, abs=2e-7)


def test_two_unit_gaussians():
    rows = [
        F[n] for n in ("kl", "reverse_kl", "js", "gan", "squared_hellinger", "total_variation")
    ]
    values = [d.value for d in divergences_1d(rows, gaussian(0, 1), gaussian(2, 1))]
    expected = [2.0, 2.0, 2 * 0.33683082, -0.71263273, 0.78693868, 0.68268949]
    assert values == pytest.approx(expected, abs=1e-8)
    assert values[3] == pytest.approx(values[2] - math.log(4.0), abs=1e-12)


# Check 7: the bound is tight at T*, and below it elsewhere -------------------------------------


def log_ratio(x: Tensor) -> Tensor:
    return P(x) - Q(x)


@pytest.mark.parametrize("name", NAMES)
def test_bound_is_tight_at_the_exact_critic(name):
    row = F[name]
    found = bound_1d(row, lambda x: row.critic(log_ratio(x)), P, Q)
    assert found.value == pytest.approx(REGRESSION[name], abs=1e-5)
    assert found.series.kind == "lower bound"


@pytest.mark.parametrize("name", NAMES)
def test_bound_with_the_exact_score_and_a_perturbed_one(name):
    row = F[name]
    exact = divergence_1d(row, P, Q).value
    tight = bound_1d(row, lambda x: row.score(log_ratio(x)), P, Q, score=True)
    assert tight.value == pytest.approx(exact, abs=1e-5)
    bent = bound_1d(row, lambda x: row.score(log_ratio(x)) + 0.1 * x.sin(), P, Q, score=True)
    if name == "total_variation":  # the exact score is infinite, so nothing bends it
        assert bent.value == pytest.approx(exact, abs=1e-5)
    else:
        assert bent.value < exact - 1e-5


def test_exchanged_laws_give_another_number():
    for name in ("kl", "reverse_kl", "pearson", "neyman"):
        row = F[name]
        turned = bound_1d(row, lambda x, row=row: row.critic(-log_ratio(x)), Q, P).value
        assert abs(turned - REGRESSION[name]) > 0.05


def test_a_critic_outside_the_domain_bounds_nothing():
    found = bound_1d(F["js"], lambda x: torch.full_like(x, 0.7), P, Q)
    assert found.value == -INF
    assert "infinite" in text(found)
    by_samples = bound_from_samples(F["js"], torch.zeros(9), torch.linspace(0.0, 1.0, 9))
    assert by_samples.value == -INF
    inside = bound_1d(F["js"], lambda x: torch.full_like(x, 0.5), P, Q)
    assert inside.value == pytest.approx(0.5 + math.log(2.0 - math.exp(0.5)), abs=1e-9)


def test_bound_from_samples_agrees_with_quadrature():
    source = torch.Generator().manual_seed(0)
    x, y = P.sample(40_000, source), Q.sample(40_000, source)
    for name in ("kl", "reverse_kl", "js", "gan", "squared_hellinger", "jeffrey"):
        row = F[name]

        def score(z: Tensor, row: FDivergence = row) -> Tensor:
            return 0.8 * row.score(log_ratio(z)).clamp(-6.0, 6.0)

        exact = bound_1d(row, score, P, Q, score=True).value
        found = bound_from_samples(row, score(x), score(y), score=True)
        error = (found.high - found.low) / 2 / 1.96
        assert 0 < error < 0.02
        assert abs(found.value - exact) < 4 * error
        assert exact < REGRESSION[name]
        assert found.series.n == 80_000
        as_values = bound_from_samples(row, row.activation(score(x)), row.activation(score(y)))
        assert as_values.value == pytest.approx(found.value, abs=1e-8)


# Infinite cases --------------------------------------------------------------------------------


def uniform(low: float, high: float):
    class Uniform:
        breaks = (low, high)

        def __call__(self, x: Tensor) -> Tensor:
            inside = (x >= low) & (x <= high)
            size = torch.full_like(x, -math.log(high - low))
            return torch.where(inside, size, torch.full_like(x, -INF))

    return Uniform()


def test_disjoint_uniforms_reach_the_range_of_each_row():
    rows = [F[name] for name in NAMES]
    found = divergences_1d(rows, uniform(0.0, 1.0), uniform(2.0, 3.0))
    for row, value in zip(rows, found, strict=True):
        assert value.value == pytest.approx(row.upper, abs=1e-9)
        if math.isinf(row.upper):
            assert text(value) == "infinite (exact)"
            assert value.low == value.high == INF


def test_half_overlapping_uniforms():
    rows = {name: F[name] for name in ("kl", "reverse_kl", "total_variation", "js")}
    p, q = uniform(0.0, 1.0), uniform(0.0, 2.0)
    found = dict(zip(rows, divergences_1d(list(rows.values()), p, q), strict=True))
    assert found["kl"].value == pytest.approx(math.log(2.0), abs=1e-9)
    assert found["reverse_kl"].value == INF
    assert found["total_variation"].value == pytest.approx(0.5, abs=1e-9)
    expected = math.log(4 / 3) + 0.5 * math.log(2 / 3) + 0.5 * math.log(2.0)
    assert found["js"].value == pytest.approx(expected, abs=1e-9)


def test_tails_that_do_not_decay_are_infinite_and_never_nan():
    wide = gaussian(0.0, 3.0)
    names = ("pearson", "neyman", "kl", "reverse_kl", "jeffrey")
    found = [d.value for d in divergences_1d([F[n] for n in names], P, wide)]
    assert found[1] == INF  # ∫ q²/p diverges once the model is wider than √2 of the data
    assert all(math.isfinite(v) for i, v in enumerate(found) if i != 1)
    turned = [d.value for d in divergences_1d([F[n] for n in names], wide, P)]
    assert turned[0] == INF
    assert turned[1] == pytest.approx(found[0], rel=1e-9)

    def cauchy(x: Tensor) -> Tensor:
        return -math.log(math.pi) - torch.log1p(x * x)

    kl, reverse, js = divergences_1d([F["kl"], F["reverse_kl"], F["js"]], cauchy, P)
    assert kl.value == INF
    expected = math.log(math.pi) - 0.5 * math.log(2 * math.pi) - 0.5
    expected += scipy_integrate.quad(
        lambda x: math.exp(-x * x / 2) / math.sqrt(2 * math.pi) * math.log1p(x * x), -40, 40
    )[0]
    assert reverse.value == pytest.approx(expected, abs=1e-8)
    assert 0.0 < js.value < 2.0 * math.log(2.0)


def test_narrow_against_wide_stays_exact_where_densities_underflow():
    narrow = gaussian(0.0, 0.01)
    kl, reverse, tv = divergences_1d(
        [F["kl"], F["reverse_kl"], F["total_variation"]], narrow, gaussian(0.0, 1.0)
    )
    ratio = 0.01**2
    assert kl.value == pytest.approx(0.5 * (ratio - 1 - math.log(ratio)), rel=1e-9)
    assert reverse.value == pytest.approx(0.5 * (1 / ratio - 1 + math.log(ratio)), rel=1e-9)
    cut = math.sqrt(-math.log(ratio) / (1 / ratio - 1))
    expected = math.erf(cut / 0.01 / math.sqrt(2)) - math.erf(cut / math.sqrt(2))
    assert tv.value == pytest.approx(expected, abs=1e-9)


def test_densities_that_are_wrong_are_refused():
    with pytest.raises(DataError, match="integrates to 2"):
        divergence_1d(F["kl"], lambda x: P(x) + math.log(2.0), P)
    with pytest.raises(DataError, match="NaN"):
        divergence_1d(F["kl"], lambda x: P(x) * math.nan, P)
    with pytest.raises(SpecError, match="lower end"):
        divergence_1d(F["kl"], P, P, low=1.0, high=0.0)
    with pytest.raises(SpecError, match="positive"):
        Mixture1D((1.0,), (0.0,), (0.0,))
    with pytest.raises(SpecError, match="same length"):
        Mixture1D((1.0, 2.0), (0.0,), (1.0,))
    with pytest.raises(SpecError, match="finite"):
        Mixture1D((1.0,), (math.nan,), (1.0,))
    with pytest.raises(DataError, match="at least 2"):
        bound_from_samples(F["kl"], torch.zeros(1), torch.zeros(5))


def test_integrate_on_known_integrals():
    def functions(x: Tensor) -> Tensor:
        return torch.stack([(-x.abs()).exp(), 1.0 / (1.0 + x * x), torch.ones_like(x)])

    whole = integrate(functions, breaks=(0.0,)).value.tolist()
    assert whole == [pytest.approx(2.0, abs=1e-9), pytest.approx(math.pi, abs=1e-7), INF]
    part = integrate(lambda x: torch.stack([x.square(), x.rsqrt()]), 0.0, 2.0).value.tolist()
    assert part == pytest.approx([8.0 / 3.0, 2.0 * math.sqrt(2.0)], abs=1e-6)


# One Gaussian to a mixture -----------------------------------------------------------------------

ORDER = ("kl", "reverse_kl", "js", "jeffrey", "pearson")
#: The starred rows of the table of f-GAN: D*, μ*, σ*.
PRINTED = (
    (0.2831, 0.2480, 0.1280, 0.5705, 0.6457),
    (1.0100, 1.5782, 1.3070, 1.3218, 0.5737),
    (1.8308, 1.6319, 1.7542, 1.7034, 1.9274),
)
#: The same by quadrature with the variance 0.0625.
OTHER = (
    (0.2881, 0.2507, 0.1298, 0.5791, 0.6616),
    (1.0100, 1.5841, 1.3125, 1.3249, 0.5663),
    (1.8304, 1.6294, 1.7525, 1.7023, 1.9268),
)
#: The mixture fitted to the fifteen printed numbers; rounded, it is f_gan_mixture().
FITTED = Mixture1D(
    (0.330025, 0.669975), (-0.999299, 2.000062), (math.sqrt(0.064986), math.sqrt(2.002443))
)


@pytest.mark.parametrize(
    ("target", "table", "tolerance"),
    [(FITTED, PRINTED, 3e-4), (f_gan_mixture(0.0625), OTHER, 1e-4)],
    ids=["fitted", "v = 0.0625"],
)
def test_optimal_gaussians_of_the_f_gan_experiment(target, table, tolerance):
    for name, value, mean, std in zip(ORDER, *table, strict=True):
        fit = fit_gaussian(F[name], target)
        assert fit.divergence.value == pytest.approx(value, abs=tolerance)
        assert fit.mean == pytest.approx(mean, abs=tolerance)
        assert fit.std == pytest.approx(std, abs=tolerance)


def test_the_rounded_mixture_its_orderings_and_its_cross_table():
    target = f_gan_mixture()
    rows = [F[name] for name in ORDER]
    fits, table = cross_divergences(rows, target)
    best = dict(zip(ORDER, fits, strict=True))
    found = ([f.divergence.value for f in fits], [f.mean for f in fits], [f.std for f in fits])
    for mine, printed in zip(found, PRINTED, strict=True):
        assert mine == pytest.approx(printed, abs=8e-4)
    assert best["kl"].mean == pytest.approx(target.mean, abs=1e-6)
    assert best["kl"].std == pytest.approx(math.sqrt(target.variance), abs=1e-6)
    by_mode_seeking = ("pearson", "kl", "js", "jeffrey", "reverse_kl")
    means = [best[name].mean for name in by_mode_seeking]
    stds = [best[name].std for name in by_mode_seeking]
    assert means == sorted(means)
    assert stds == sorted(stds, reverse=True)
    values = np.array([[cell.value for cell in line] for line in table])
    assert (values.argmin(0) == np.arange(len(rows))).all()


def test_cross_divergences_at_the_paper_s_trained_gaussians():
    at = {"kl": (1.0335, 1.8236), "reverse_kl": (1.5624, 1.6403), "pearson": (0.6157, 1.9031)}
    expected = {
        "kl": (0.2831, 0.3415, 0.1336, 0.6246, 0.7493),
        "reverse_kl": (0.3526, 0.2482, 0.1349, 0.6008, 1.3890),
        "pearson": (0.3059, 0.5247, 0.1606, 0.8306, 0.6467),
    }
    for name, (mean, std) in at.items():
        rows = [F[n] for n in ORDER]
        found = divergences_1d(rows, FITTED, gaussian(mean, std))
        assert [d.value for d in found] == pytest.approx(expected[name], abs=3e-4)


def test_reverse_kl_finds_a_single_mode_of_separated_ones():
    target = Mixture1D((0.5, 0.5), (-6.0, 6.0), (1.0, 1.0))
    fit = fit_gaussian(F["reverse_kl"], target)
    assert abs(fit.mean) == pytest.approx(6.0, abs=1e-3)
    assert fit.std == pytest.approx(1.0, abs=1e-3)
    assert fit.divergence.value == pytest.approx(math.log(2.0), abs=1e-5)
    covering = fit_gaussian(F["kl"], target)
    assert (covering.mean, covering.std) == pytest.approx((0.0, math.sqrt(37.0)), abs=1e-5)


def test_mixture_samples_follow_its_density():
    target = f_gan_mixture()
    x = target.sample(100_000, torch.Generator().manual_seed(3))
    assert float(x.mean()) == pytest.approx(target.mean, abs=4 * math.sqrt(target.variance / 1e5))
    assert float(x.var()) == pytest.approx(target.variance, rel=0.02)
    inside = float(((x > -1.2) & (x < -0.8)).double().mean())
    mass = integrate(lambda z: target(z).exp()[None], -1.2, -0.8).value
    assert inside == pytest.approx(float(mass), abs=0.006)


# Sampling, grid, cells -------------------------------------------------------------------------


class Plane(Density):
    """N(m, I) in the plane, with a box of ± 8."""

    box = torch.tensor([[-8.0, -8.0], [8.0, 8.0]])

    def __init__(self, shift: float = 0.0) -> None:
        self.mean = torch.tensor([shift, 0.0])

    def log_prob(self, x: Tensor) -> Tensor:
        return -0.5 * (x - self.mean).square().sum(1) - math.log(2 * math.pi)

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        return torch.randn(n, 2, generator=generator) + self.mean


#: D_f(N(0, I) ‖ N((1, 0), I)) equals that of N(0, 1) and N(1, 1).
PLANE_ROWS = [F[name] for name in NAMES]


def on_the_line() -> list[float]:
    return [d.value for d in divergences_1d(PLANE_ROWS, gaussian(0, 1), gaussian(1, 1))]


def test_grid_in_the_plane_equals_quadrature_on_the_line():
    found = divergences_on_grid(PLANE_ROWS, Plane(), Plane(1.0).log_prob, points=120)
    # The box ends at 8, where q²/p still holds mass beyond 1e-6.
    assert [d.value for d in found] == pytest.approx(on_the_line(), abs=1e-3)
    assert all(d.series.kind == "grid" and d.series.n == 14_400 for d in found)
    smooth = [d for d in found if d.series.name in ("kl", "js", "jeffrey")]
    assert all(d.high - d.low < 1e-4 for d in smooth)


def test_samples_of_both_laws_give_every_divergence_with_an_honest_error_bar():
    exact = on_the_line()
    source = torch.Generator().manual_seed(5)
    a, b = Plane(), Plane(1.0)
    hits, total = 0, 0
    for _ in range(20):
        x, y = a.sample(2000, source), b.sample(2000, source)
        found = divergences_from_samples(PLANE_ROWS, a.log_prob, b.log_prob, x, y)
        for row, value in zip(found, exact, strict=True):
            total += 1
            hits += row.low <= value <= row.high
            assert row.series.kind == "Monte Carlo"
            assert row.series.n == 4000
            assert abs(row.value - value) < 5 * (row.high - row.low) / 3.92
    assert 0.88 < hits / total <= 1.0


def test_cells_bound_the_divergence_from_below_and_infinity_is_named():
    grid = Grid(Plane(), cells=12)
    x = Plane(1.0).sample(20_000, torch.Generator().manual_seed(0))
    exact = dict(zip(NAMES, on_the_line(), strict=True))
    plain = dict(zip(NAMES, divergences_on_cells(PLANE_ROWS, grid, x), strict=True))
    assert text(plain["kl"]).startswith("infinite")
    for name in ("js", "squared_hellinger", "total_variation", "reverse_kl"):
        row = plain[name]
        assert 0.6 * exact[name] < row.value < exact[name] * 1.02 + 0.003
        assert row.low < row.value < row.high
    mixed = dict(zip(NAMES, divergences_on_cells(PLANE_ROWS, grid, x, mix=0.01), strict=True))
    assert all(math.isfinite(row.value) for row in mixed.values())
    assert 0.6 * exact["kl"] < mixed["kl"].value < exact["kl"] + 0.01
    again = divergences_on_cells(PLANE_ROWS, grid, x, mix=0.01)
    assert again == tuple(mixed.values())
    with pytest.raises(SpecError, match="below 1"):
        divergences_on_cells(PLANE_ROWS, grid, x, mix=1.0)


def test_text_names_number_error_unit_kind_and_size():
    exact = divergence_1d(F["kl"], gaussian(0, 1), gaussian(2, 1))
    assert text(exact) == "2.0000 nats (exact)"
    assert exact.flat()["unit"] == "nats"
