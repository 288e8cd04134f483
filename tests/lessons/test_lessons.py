"""What every lesson must be: built from text, the same twice, checks that can fail."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from genlab.core.errors import SpecError
from genlab.lessons import LESSONS, Check, chapters, lesson
from genlab.lessons.base import signed, tex
from genlab.lessons.panels import ellipse, histogram

#: Settings far from the defaults, where a formula that only fits those would fail.
SETTINGS = [
    ("bayes", {"a": "0.1", "b": "7.5", "tosses": "400", "bias": "0.02"}),
    ("bayes", {"tosses": "0"}),
    ("bayes", {"example": "net", "wet": "unseen"}),
    ("bayes", {"example": "net", "neighbour": "no", "sprinkler": "yes", "rain": "yes"}),
    ("visible", {"dim": "10", "hidden": "64", "layers": "3", "ordering": "random", "seed": "3"}),
    ("visible", {"net": "nade", "dim": "7", "scale": "9"}),
    ("visible", {"net": "fvbn", "dim": "2", "x": "3"}),
    ("elbo", {"log_sd1": "-3", "log_sd2": "1", "correlation": "0.95", "draws": "100"}),
    ("elbo", {"latent": "1", "mean1": "2", "seed": "5"}),
    ("families", {"family": "elliptical", "infinite": "true", "draws": "2000"}),
    ("families", {"family": "beta", "alpha": "0.3", "f": "square"}),
    ("families", {"family": "erlang", "shape": "4", "f": "identity"}),
    ("svi", {"examples": "50", "batch": "7", "steps": "1", "kappa": "1"}),
    ("svi", {"model": "normal", "tau": "100", "batch": "50", "steps": "30"}),
    ("advi", {"target": "linear_gaussian", "steps": "20", "draws": "1"}),
    ("advi", {"target": "gamma", "shape": "0.5", "steps": "20"}),
    ("advi", {"r2": "0.95", "steps": "20", "eta": "1"}),
    ("vae_to_gan", {"gap": "6", "loss": "minimax", "d_steps": "0"}),
    ("vae_to_gan", {"gap": "0", "weight": "0.95", "right": "1.5", "d_steps": "20"}),
    ("gan_game", {"board": "ring", "moves": "D20 R8 G2", "seed": "3"}),
    ("gan_game", {"board": "two bumps", "critic": "quadratic", "moves": "D30G5", "rate_g": "2"}),
    ("fgan", {"divergence": "alpha", "alpha": "-1", "weight": "0.9", "mean2": "4"}),
    ("fgan", {"divergence": "total_variation", "sd1": "3", "sd2": "0.1"}),
    ("dcgan", {"rule": "none", "size": "32", "width": "8"}),
    ("wgan", {"distance": "6", "penalty": "1", "clip": "0.01"}),
    ("wgan", {"distance": "0.1", "sd": "2", "penalty": "100", "clip": "1"}),
    ("flows", {"bend": "-2", "slope": "0.5", "log_scale2": "-1.5", "x1": "-2", "seed": "4"}),
    ("diffusion", {"gap": "0", "sd": "0.5", "steps": "100", "variance": "posterior"}),
    ("diffusion", {"schedule": "cosine", "steps": "120", "gap": "4", "sd": "0.1", "step": "3"}),
    ("flow_matching", {"gap": "0", "sd": "1", "t": "1", "sampler": "heun"}),
    ("flow_matching", {"curve": "vp_cosine", "gap": "6", "sd": "0.1", "t": "0.1", "seed": "2"}),
    ("families_compared", {"sampling": "3", "couplings": "2", "seed": "1"}),
    ("zoo", {"mean": "-4", "sd": "0.3", "bumps": "6"}),
    ("zoo", {"sd": "2", "loss": "fgan js_weighted", "beside": "fgan total_variation"}),
]
SETTINGS[9] = ("families", {"family": "elliptical", "df_infinite": "true", "draws": "2000"})


@pytest.mark.parametrize("name", chapters())
def test_a_lesson_is_complete_and_the_same_twice(name: str) -> None:
    quick = {"steps": 30} if name == "advi" else {}
    one, two = lesson(name, quick), lesson(name, quick)
    assert len(one.equations()) >= 3
    assert any(step.numbers for step in one.equations())
    assert len(one.panels()) >= 2
    assert len(one.idea) > 100
    assert one.source.endswith(".")
    assert one.check() == two.check()
    assert [e.numbers for e in one.equations()] == [e.numbers for e in two.equations()]
    for check in one.check():
        assert check.holds, check


@pytest.mark.parametrize(("name", "values"), SETTINGS)
def test_checks_hold_far_from_the_defaults(name: str, values: dict[str, str]) -> None:
    made = lesson(name, values)
    for check in made.check():
        assert check.holds, check
    assert made.panels()
    assert made.equations()


def test_the_order_is_that_of_the_theory() -> None:
    first = ("bayes", "visible", "elbo", "divergence", "families", "vae", "svi", "advi")
    assert [name for name in chapters() if name in first] == list(first)


@pytest.mark.parametrize(
    ("name", "values", "said"),
    [
        ("bayes", {"tosses": "401"}, "tosses"),
        ("bayes", {"rain": "yes"}, "rain"),
        ("elbo", {"latent": "1", "mean2": "0"}, "mean2"),
        ("families", {"family": "gamma", "shape": "-1"}, "shape"),
        ("families", {"family": "normal"}, "family"),
        ("svi", {"kappa": "0.5"}, "forgetting"),
        ("nothing", {}, "nothing"),
    ],
)
def test_bad_values_are_refused_before_anything_starts(
    name: str, values: dict[str, str], said: str
) -> None:
    with pytest.raises(SpecError, match=said):
        lesson(name, values).equations()


def test_a_lesson_leaves_the_global_stream_alone() -> None:
    torch.manual_seed(11)
    before = torch.get_rng_state()
    for name in chapters():
        made = lesson(name, {"steps": 5} if name in ("advi", "svi") else {})
        made.equations(), made.panels(), made.check()
    assert torch.equal(torch.get_rng_state(), before)


def test_a_check_can_fail_both_ways() -> None:
    check = Check("", 1.0, 2.0, "", "", "exact", "", 0.5)
    assert not check.holds
    assert not dataclasses.replace(check, left=3.0).holds
    assert dataclasses.replace(check, left=2.4).holds
    bound = dataclasses.replace(check, relation="≤")
    assert bound.holds
    assert not dataclasses.replace(bound, left=2.6).holds
    above = dataclasses.replace(check, relation=">", tolerance=0.0)
    assert not above.holds
    assert dataclasses.replace(above, left=2.1).holds
    nan = dataclasses.replace(check, left=float("nan"))
    assert not nan.holds


def test_a_new_lesson_is_one_class() -> None:
    from genlab.lessons.bayes import Bayes

    class Copy(Bayes):
        chapter = 0.5
        idea = "a coin"

    LESSONS.register("copy", title="Copy")(Copy)
    try:
        assert chapters()[0] == "copy"
        assert lesson("copy").check()[0].holds
    finally:
        LESSONS.unregister("copy")
        Bayes.name = "bayes"
    assert "copy" not in chapters()


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (-3.0, "-3"), (1234567.0, r"1.235\times 10^{6}"), (2.5e-7, r"2.5\times 10^{-7}")],
)
def test_numbers_as_latex(value: float, text: str) -> None:
    assert tex(value) == text
    assert signed(-value if value > 0 else value).startswith("(") == (value != 0)


def test_an_ellipse_has_its_mahalanobis_radius() -> None:
    covariance = np.array([[0.5, 0.3], [0.3, 0.9]])
    points = np.stack(ellipse([1.0, -2.0], covariance, 2.0)) - np.array([[1.0], [-2.0]])
    squared = (points * np.linalg.solve(covariance, points)).sum(0)
    assert squared == pytest.approx(np.full(len(squared), 4.0))


def test_a_histogram_is_a_density_of_all_values() -> None:
    values = np.linspace(0, 4, 4001)
    x, y = histogram(values, 0.0, 2.0, bins=10)
    assert x[0] == pytest.approx(0.1)
    assert y.sum() * 0.2 == pytest.approx(0.5, abs=1e-3)
