"""The numbers of the lessons against scipy, plain enumeration and published values."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from scipy import integrate, stats

from genlab.distributions.families import FAMILIES
from genlab.lessons import family_options, lesson
from genlab.lessons.advi import Automatic
from genlab.lessons.bayes import Bayes
from genlab.lessons.divergence import ClosedForms, table
from genlab.lessons.elbo import EvidenceBound
from genlab.lessons.families import Bench
from genlab.lessons.svi import Stochastic
from genlab.lessons.visible import Visible


def test_the_coin_has_the_beta_binomial_evidence() -> None:
    made = lesson("bayes", {"tosses": 30, "a": 2.5, "b": 0.7})
    assert isinstance(made, Bayes)
    coin = made.part
    h = coin.heads
    exact = stats.betabinom(30, 2.5, 0.7).logpmf(h) - math.log(math.comb(30, h))
    assert float(coin.state.log_evidence) == pytest.approx(exact, abs=1e-9)
    evidence, mean = coin.by_quadrature()
    assert evidence == pytest.approx(exact, abs=1e-9)
    assert mean == pytest.approx((2.5 + h) / 33.2, abs=1e-9)
    band = made.panels()[1].curves[0]
    assert band.low[-1] == pytest.approx(stats.beta(2.5 + h, 30.7 - h).ppf(0.025), abs=1e-9)


def test_more_tosses_leave_the_earlier_ones() -> None:
    short, long = (lesson("bayes", {"tosses": n}).part.data for n in (10, 200))
    assert torch.equal(short, long[:10])
    assert float(long.mean()) == pytest.approx(0.7, abs=0.1)


@pytest.mark.parametrize("sprinkler", ["unseen", "yes"])
def test_the_net_by_a_plain_loop(sprinkler: str) -> None:
    values = {"example": "net", "rate": 0.3, "wet": "yes", "sprinkler": sprinkler}
    total = rainy = 0.0
    wet = [[0.02, 0.85], [0.90, 0.99]]
    for r, s, n in itertools.product((0, 1), repeat=3):
        if sprinkler == "yes" and s == 0:
            continue
        p = (0.3 if r else 0.7) * (0.1 if s else 0.9) * wet[r][s]
        p *= (0.8 if r else 0.05) if n else (0.2 if r else 0.95)
        total, rainy = total + p, rainy + p * r
    net = lesson("bayes", values).part
    assert math.exp(net.after.log_evidence) == pytest.approx(total, abs=1e-12)
    assert float(net.after.marginals["rain"][1]) == pytest.approx(rainy / total, abs=1e-12)


def test_seeing_the_sprinkler_explains_the_wet_grass() -> None:
    alone, both = (
        lesson("bayes", {"example": "net", "sprinkler": s}).part.after.marginals["rain"][1]
        for s in ("unseen", "yes")
    )
    assert 0.2 < float(both) < float(alone)


@pytest.mark.parametrize("net", ["made", "nade", "fvbn"])
def test_the_dependencies_of_a_visible_net_by_flipping_bits(net: str) -> None:
    made = lesson("visible", {"net": net, "dim": 5, "ordering": "random", "seed": 2, "scale": 2})
    assert isinstance(made, Visible)
    x = made.everything
    changed = np.zeros((5, 5), dtype=bool)
    with torch.no_grad():
        for j in range(5):
            flipped = x.clone()
            flipped[:, j] = 1 - flipped[:, j]
            moved = (made.model.ordered_logits(flipped) - made.model.ordered_logits(x)).abs()
            changed[:, j] = (moved.amax(0) > 0).numpy()
    assert (changed == (made.influence > 0).numpy()).all()
    assert not np.triu(changed).any()
    assert changed[np.tril_indices(5, -1)].all()


def test_the_masks_alone_forbid_the_future() -> None:
    made = lesson("visible", {"dim": 8, "hidden": 30, "layers": 3})
    assert isinstance(made, Visible)
    reach = torch.eye(8).double()
    for _, mask in made.masks():
        reach = mask @ reach
    assert float(reach.triu().abs().max()) == 0
    assert bool((reach[torch.tril_indices(8, 8, -1).unbind()] > 0).all())


def test_the_elbo_lesson_has_the_published_numbers() -> None:
    values = {
        "mean1": 0.3,
        "log_sd1": math.log(0.2) / 2,
        "mean2": -0.1,
        "log_sd2": math.log(0.4) / 2,
        "draws": 50_000,
    }
    made = lesson("elbo", values)
    assert isinstance(made, EvidenceBound)
    assert made.log_p == pytest.approx(-4.3455055938, abs=1e-9)
    assert made.elbo == pytest.approx(-6.2924591509, abs=1e-9)
    assert made.parts["reconstruction"] == pytest.approx(-5.6795948288, abs=1e-9)
    assert made.parts["kl_prior"] == pytest.approx(0.6128643222, abs=1e-9)
    assert made.parts["kl_posterior"] == pytest.approx(1.9469535572, abs=1e-9)
    published = {1: -6.2925, 2: -4.969, 5: -4.494, 10: -4.412, 50: -4.355, 500: -4.347}
    found = {k: (value, error) for k, value, error in made.bounds}
    for k, bound in published.items():
        assert found[k][0] == pytest.approx(bound, abs=4 * found[k][1] + 0.004)


def test_estimator_a_does_not_vary_at_the_posterior() -> None:
    made = lesson("elbo", {"latent": 1})
    assert isinstance(made, EvidenceBound)
    mean, covariance = made.posterior
    sd = 0.5 * math.log(float(covariance[0, 0]))
    best = lesson("elbo", {"latent": 1, "mean1": float(mean[0]), "log_sd1": sd})
    assert isinstance(best, EvidenceBound)
    assert float(best.draws["A"].std()) < 1e-7
    assert float(best.draws["B"].std()) > 0.1
    assert best.parts["kl_posterior"] == pytest.approx(0, abs=1e-9)


def test_the_table_of_divergences() -> None:
    names = family_options.names()
    assert table().shape == (23, 23)
    place = {name: i for i, name in enumerate(names)}
    wanted = {
        ("gaussian", "gaussian"): 2,
        ("gamma", "chi_squared"): 2,
        ("cauchy", "cauchy"): 2,
        ("student_t", "logistic"): 1,
        ("gaussian", "gamma"): 0,
        ("cauchy", "gaussian"): 0,
        ("dirichlet", "beta"): 0,
    }
    assert {pair: int(table()[place[pair[0]], place[pair[1]]]) for pair in wanted} == wanted


@pytest.mark.parametrize(
    ("q", "p", "laws"),
    [
        ("gamma", "log_normal", (stats.gamma(2.0), stats.lognorm(0.5))),
        ("laplace", "gaussian", (stats.laplace(), stats.norm())),
        ("student_t", "logistic", (stats.t(5), stats.logistic())),
        ("beta", "uniform", (stats.beta(2, 3), stats.uniform())),
    ],
)
def test_the_rule_integrates_as_scipy_does(q: str, p: str, laws: tuple) -> None:
    made = lesson("divergence", {"q": q, "p": p})
    assert isinstance(made, ClosedForms)
    first, second = laws
    low, high = first.ppf([1e-13, 1 - 1e-13])
    value, _ = integrate.quad(
        lambda z: first.pdf(z) * (first.logpdf(z) - second.logpdf(z)),
        *(low, high),
        limit=300,
        points=[float(first.median())],
    )
    assert made.by_quadrature() == pytest.approx(value, abs=2e-6)
    assert all(check.holds for check in made.check())


@pytest.mark.parametrize(
    ("q", "p"),
    [("cauchy", "gaussian"), ("log_normal", "gompertz"), ("gaussian", "gamma"), ("f", "gompertz")],
)
def test_infinite_divergences_are_shown_to_be(q: str, p: str) -> None:
    made = lesson("divergence", {"q": q, "p": p})
    assert isinstance(made, ClosedForms)
    assert not made.finite
    assert math.isinf(float(made.value.value))
    found = made.check()
    assert any(check.relation == ">" and check.holds for check in found)
    assert made.panels()


def test_every_pair_of_the_diagonal_passes_its_checks() -> None:
    failed = {
        name: [check.says for check in lesson("divergence", {"q": name, "p": name}).check()
               if not check.holds]
        for name in family_options.names()
    }  # fmt: skip
    assert {name: says for name, says in failed.items() if says} == {}


@pytest.mark.parametrize("name", family_options.names())
def test_every_row_passes_its_bench(name: str) -> None:
    made = lesson("families", {"family": name, "draws": 3000})
    assert isinstance(made, Bench)
    found = made.check()
    assert len(found) >= 3
    for check in found:
        assert check.holds, check
    assert set(made.extra) == {row.name for row in family_options.options(FAMILIES[name])}


@pytest.mark.parametrize(
    ("name", "law"),
    [
        ("gamma", stats.gamma(2.0)),
        ("cauchy", stats.cauchy()),
        ("beta", stats.beta(2, 3)),
        ("weibull", stats.weibull_min(1.5)),
    ],
)
def test_the_distribution_function_is_scipys(name: str, law: object) -> None:
    made = lesson("families", {"family": name})
    assert isinstance(made, Bench)
    draws, _, (z, cdf) = made.reduced
    points = law.ppf(np.linspace(0.01, 0.99, 41))
    assert np.interp(points, z, cdf) == pytest.approx(law.cdf(points), abs=1e-5)
    statistic, p_value = stats.kstest(draws, law.cdf)
    assert made.ks[0] == pytest.approx(statistic, abs=1e-5)
    assert made.ks[1] == pytest.approx(p_value, abs=1e-2)


def test_a_sampler_that_is_slightly_wrong_fails_its_bench() -> None:
    made = lesson("families", {"family": "gamma", "draws": 20_000})
    assert isinstance(made, Bench)
    made.z = made.z * 1.05
    assert not all(check.holds for check in made.check())


def test_the_bench_has_the_textbook_variances() -> None:
    values = {"family": "gaussian", "f": "square", "loc": 1.0, "draws": 20_000}
    made = lesson("families", values)
    assert isinstance(made, Bench)
    loc = made.gradients["loc"]
    assert float(loc.pathwise.variance) == pytest.approx(4, abs=0.2)
    assert float(loc.score.variance) == pytest.approx(30, abs=4)


@pytest.mark.parametrize("model", ["coin", "normal"])
def test_the_svi_lesson_ends_near_the_exact_posterior(model: str) -> None:
    made = lesson("svi", {"model": model, "steps": 600, "batch": 50})
    assert isinstance(made, Stochastic)
    x, exact = made.data.numpy(), made.exact.natural[0].tolist()
    if model == "coin":
        assert exact == pytest.approx([2 + x.sum(), 2 + len(x) - x.sum()])
    else:
        assert exact == pytest.approx([x.sum() / 4, 1 / 9 + len(x) / 4])
    assert made.away < 0.05


def test_the_advi_lesson_has_the_published_gaps() -> None:
    # 400 steps, the most of the lesson, leave noise in one q: the median over five seeds.
    every = [
        lesson("advi", {"target": "linear_gaussian", "steps": 400, "draws": 10, "seed": seed})
        for seed in range(5)
    ]
    made = every[0]
    assert isinstance(made, Automatic)
    assert made.case.log_p == pytest.approx(-4.3455055938, abs=1e-9)
    assert made.case.best["mean-field"] == pytest.approx(0.0851105749, abs=1e-9)

    def median(family: str, part: str) -> torch.Tensor:
        return torch.stack([getattr(one.fits[family], part) for one in every]).median(0).values

    spread = median("mean-field", "covariance").diagonal()
    assert spread.tolist() == pytest.approx([0.2, 0.087], rel=0.12)
    assert median("full-rank", "covariance").flatten().tolist() == pytest.approx(
        [0.2371, 0.0619, 0.0619, 0.1031], abs=0.03
    )
    assert median("mean-field", "mean").tolist() == pytest.approx([0.3320, 0.2866], abs=0.03)
