"""The C2ST against distributions whose divergence is known, and against equal ones."""

from __future__ import annotations

import functools
import math

import pytest
import torch
from scipy import stats
from torch import Tensor

from genlab import data as datasets
from genlab import models
from genlab.core.errors import DataError
from genlab.core.measure import Estimate
from genlab.core.random import capture, generator, scope
from genlab.core.run_spec import RunSpec
from genlab.core.tables import JOBS
from genlab.divergences.f import F
from genlab.divergences.mixtures_1d import gaussian
from genlab.divergences.quadrature import divergence_1d
from genlab.metrics.c2st import (
    CLIPS,
    SEEN,
    C2STResult,
    _judge,
    _kl,
    classifier_two_sample_test,
    generated_examples,
    run_c2st,
)

#: JS of N(0, 1) and N(2, 1), ½KL + ½KL to their mixture.
EXACT_JS = 0.33683


def normal(mean: float, n: int, *names: object) -> Tensor:
    return torch.randn(n, 1, generator=generator(0, *names)) + mean


def numbers(verdict: C2STResult) -> dict[str, Estimate]:
    return {one.series.name.removeprefix("c2st_"): one for one in verdict.estimates}


@functools.cache
def two_apart(seed: int) -> C2STResult:
    return classifier_two_sample_test(
        normal(0, 10_000, "p", seed), normal(2, 10_000, "q", seed), seed=seed
    )


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_bounds_of_two_normal_laws(seed: int) -> None:
    got = numbers(two_apart(seed))
    exact = divergence_1d(F["js"], gaussian(0, 1), gaussian(2, 1)).value / 2
    assert exact == pytest.approx(EXACT_JS, abs=1e-4)
    error = (got["js"].high - got["js"].value) / 1.96
    assert exact - 0.02 < got["js"].value <= exact + 4 * error
    assert 0.004 < error < 0.01
    for name in ("kl", "reverse_kl"):  # both are 2, and their bounds have heavy tails
        error = (got[name].high - got[name].value) / 1.96
        assert 1.7 < got[name].value <= 2.0 + 4 * error
    # The best classifier errs where x is beyond the middle: Φ(1) = 0.8413 is right.
    assert got["accuracy"].value == pytest.approx(stats.norm.cdf(1), abs=0.015)
    assert got["p"].value < 1e-100


@pytest.mark.parametrize("seed", [0, 1, 2, 3])
def test_equal_laws_cannot_be_told_apart(seed: int) -> None:
    same = classifier_two_sample_test(
        normal(0, 4000, "a", seed), normal(0, 4000, "b", seed), seed=seed
    )
    got = numbers(same)
    for name in ("js", "kl", "reverse_kl"):
        error = (got[name].high - got[name].value) / 1.96
        assert -0.02 < got[name].value <= 3 * error + 1e-12
    assert got["accuracy"].value == pytest.approx(0.5, abs=0.04)
    assert got["p"].value > 0.003
    assert got["accuracy"].low < 0.5 + 0.02


def test_p_values_of_equal_laws_are_spread() -> None:
    """A test that is right rejects at 10 % about once in ten; never more than half the time."""
    found = []
    for seed in range(12):
        verdict = classifier_two_sample_test(
            normal(0, 600, "c", seed), normal(0, 600, "d", seed), seed=seed
        )
        found.append(numbers(verdict)["p"].value)
    assert sum(p < 0.1 for p in found) <= 4
    assert sum(p > 0.3 for p in found) >= 5


def test_data_against_itself_and_shifted_pictures() -> None:
    spec = RunSpec.build(model="gan", data="digits")
    x = datasets.load(spec).train.x
    half = len(x) // 2
    same = numbers(classifier_two_sample_test(x[:half], x[half:]))
    assert same["js"].value <= 3 * (same["js"].high - same["js"].value) / 1.96 + 1e-12
    assert same["accuracy"].value == pytest.approx(0.5, abs=0.08)
    assert same["p"].value > 0.01
    moved = numbers(classifier_two_sample_test(x[:half], torch.roll(x[half:], 1, dims=3)))
    assert moved["accuracy"].value > 0.9
    assert 0.5 < moved["js"].value < math.log(2)
    assert moved["p"].value < 1e-20
    # 216 examples a side prove no more than about log(n/10) of a KL that is infinite.
    assert 2.5 < moved["kl"].value < math.log(22) + 1


def test_the_numbers_are_of_the_last_part_and_say_what_they_are() -> None:
    verdict = two_apart(0)
    assert verdict.n == 3000
    assert 1 < verdict.epochs <= 40
    got = numbers(verdict)
    assert {one.series.kind for one in (got["js"], got["kl"])} == {"lower bound"}
    assert got["accuracy"].series.n == got["js"].series.n == 6000
    hits = round(got["accuracy"].value * 6000)
    exact = stats.binomtest(hits, 6000, 0.5, alternative="greater").pvalue
    assert got["p"].value == pytest.approx(exact)


def test_the_seed_decides_and_the_stream_is_left_alone() -> None:
    p, q = normal(0, 300, "e"), normal(1, 300, "f")
    before = capture()
    one, same, other = (classifier_two_sample_test(p, q, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(capture(), before)
    assert [e.value for e in one.estimates] == [e.value for e in same.estimates]
    assert [e.value for e in one.estimates] != [e.value for e in other.estimates]


@pytest.mark.parametrize("model", ["vae", "gan"])
def test_the_job_judges_every_model_alike(model: str) -> None:
    spec = RunSpec.build(model=model, data="digits")
    data = datasets.load(spec)
    with scope(0, "weights"):
        made_by = models.build(spec).eval()
    told: list[float] = []
    with torch.no_grad():  # as a worker runs it
        found = JOBS["c2st"](
            made_by, data, {"seed": 0, "n": 200}, lambda part, _: told.append(part)
        )
    direct = run_c2st(made_by, data, 0, 200)
    assert [row["value"] for row in found["metrics"]] == [e.value for e in direct.estimates]
    by_name = {row["name"]: row for row in found["metrics"]}
    assert by_name["c2st_js"]["value"] > 0.3  # nobody has trained it
    assert by_name["c2st_accuracy"]["value"] > 0.8
    assert told == sorted(told)
    assert 0 < told[0] < told[-1] < 1


def test_pictures_are_judged_as_shown_and_points_as_drawn() -> None:
    for name, words in (("digits", "as shown (means)"), ("ring", "draws")):
        spec = RunSpec.build(model="vae", data=name)
        data = datasets.load(spec)
        with torch.no_grad():
            x, said = generated_examples(models.build(spec), data, 30)
        assert (len(x), said) == (30, words)


def test_too_few_examples_are_refused() -> None:
    with pytest.raises(DataError, match="needs 40 held-out"):
        classifier_two_sample_test(normal(0, 30, "g"), normal(0, 500, "h"))


def test_the_clip_is_chosen_on_other_examples_than_the_numbers() -> None:
    def of(shift: float, n: int) -> tuple[Tensor, Tensor]:
        source = torch.Generator().manual_seed(int(10 * shift) + 100)
        z = torch.randn(2, n, generator=source, dtype=torch.float64)
        return shift + z[0], -shift + z[1]

    sure, blind = of(2.0, 2000), of(0.0, 2000)
    for trusted, judged in ((sure, blind), (blind, sure)):
        found = {one.series.name: one for one in _judge(trusted, judged)}
        for name in ("kl", "reverse_kl"):
            able = [clip for clip in CLIPS if clip <= math.log(2000 / SEEN)]
            clip = max(able, key=lambda c, k=name, t=trusted: _kl(k, *t, c).value)
            best = max(able, key=lambda c, k=name, j=judged: _kl(k, *j, c).value)
            assert clip != best
            one = found[f"c2st_{name}"]
            assert one.value == pytest.approx(_kl(name, *judged, clip).value, rel=1e-12)
            assert one.value < _kl(name, *judged, best).value
