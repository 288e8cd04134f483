"""Mixtures written as text."""

from __future__ import annotations

import math

import pytest
import torch

from genlab import data
from genlab.core.errors import SpecError
from genlab.core.run_spec import RunSpec
from genlab.core.tables import DATASETS
from genlab.data.mixture import parse


def test_the_default_is_the_target_of_the_f_gan_paper() -> None:
    """KL's optimum is moment matching; the paper prints mu* = 1.0100 and sigma* = 1.8308."""
    law = parse(DATASETS["mixture"].Options().components)
    weight, mean, variance = law.weights, law.means[:, 0], law.covariances[:, 0, 0]
    mu = float((weight * mean).sum())
    sigma = math.sqrt(float((weight * (mean**2 + variance)).sum()) - mu**2)
    assert mu == pytest.approx(1.01, abs=1e-12)
    assert sigma == pytest.approx(1.8308, abs=5e-4)


@pytest.mark.parametrize(
    ("text", "weights", "means", "covariances"),
    [
        ("N(0,1)", [1], [[0]], [[[1]]]),
        (" 3 * N( -1.5 , .25 )+1*N(2,1e-2) ", [0.75, 0.25], [[-1.5], [2]], [[[0.25]], [[0.01]]]),
        ("N([1,-2],4)", [1], [[1, -2]], [[[4, 0], [0, 4]]]),
        ("N((1,2),(4,9))", [1], [[1, 2]], [[[4, 0], [0, 9]]]),
        ("N([0,0],[[2,0.5],[0.5,1]])", [1], [[0, 0]], [[[2, 0.5], [0.5, 1]]]),
        ("N([0],1)+N(1,[2])", [0.5, 0.5], [[0], [1]], [[[1]], [[2]]]),
    ],
)
def test_text_is_read_as_written(text: str, weights: list, means: list, covariances: list) -> None:
    law = parse(text)
    assert law.weights.tolist() == pytest.approx(weights, abs=1e-12)
    assert torch.equal(law.means, torch.tensor(means, dtype=torch.float64))
    assert torch.equal(law.covariances, torch.tensor(covariances, dtype=torch.float64))


def test_the_density_is_that_of_torch() -> None:
    text = "0.2*N([0,0],[1,0.1])+0.8*N([3,1],[[1,0.6],[0.6,0.5]])"
    categorical = torch.distributions.Categorical(torch.tensor([0.2, 0.8], dtype=torch.float64))
    parts = torch.distributions.MultivariateNormal(
        torch.tensor([[0.0, 0.0], [3.0, 1.0]], dtype=torch.float64),
        torch.tensor([[[1, 0], [0, 0.1]], [[1, 0.6], [0.6, 0.5]]], dtype=torch.float64),
    )
    truth = torch.distributions.MixtureSameFamily(categorical, parts)
    x = 3 * torch.randn(200, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert torch.allclose(parse(text).log_prob(x), truth.log_prob(x), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "lacks"),
        ("N(0,1", "lacks ')' at its end"),
        ("N(0)", "lacks ','"),
        ("N(0,1)N(1,1)", "goes on at 'N(1,1)'"),
        ("N(0,1)+", "at its end"),
        ("N(0,-1)", "positive"),
        ("N(0,0)", "positive"),
        ("0*N(0,1)", "weight must be positive"),
        ("-1*N(0,1)+2*N(1,1)", "weight must be positive"),
        ("N(0,1)+N([0,0],1)", "every mean must have one entry, or every one two"),
        ("N([0,0,0],1)", "every mean must have one entry, or every one two"),
        ("N([0,0],[[1,2],[2,1]])", "positive definite"),
        ("N([0,0],[[1,0.5],[0.4,1]])", "symmetric"),
        ("N([0,0],[1,2,3])", "a variance must be"),
        ("N([[0,1],[2,3]],1)", "a mean must be"),
        ("N([0,0],[[[1]]])", "too many brackets"),
        ("N(1e7,1)", "beyond 1e+06"),
        ("N(nan,1)", "cannot be read"),
        ("__import__('os').system('true')", "cannot be read"),
        ("N(0,1);N(1,1)", "cannot be read at ';N(1,1)'"),
        ("+".join(["N(0,1)"] * 51), "more than 50 terms"),
        ("N(0,1)" + " " * 3000, "at most 2000 characters"),
        ("[" * 1500, "lacks"),
    ],
)
def test_bad_text_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse(text)
    assert caught.value.option == "components"
    assert reason in str(caught.value)
    assert "Nothing was started" in str(caught.value)


def test_a_run_with_bad_text_is_refused_before_it_starts() -> None:
    with pytest.raises(SpecError, match="components"):
        RunSpec.build(data="mixture", model="gan", components="N(0")
    with pytest.raises(SpecError, match="components"):
        data.preview("mixture", {"components": "N(0"})


def test_the_shape_follows_from_the_text() -> None:
    source = DATASETS["mixture"]
    plane = source.Options(components="N([0,0],1)+N([9,0],1)")
    assert source.meta(source.Options()).shape == (1,)
    assert source.meta(plane).shape == (2,)
    made = source.load(plane)
    assert made.modes is not None
    assert made.modes.tolist() == [[0.0, 0.0], [9.0, 0.0]]
    assert made.extra["mode_std"] == pytest.approx(1.0, abs=1e-12)
    assert source.meta(source.Options(components="N(0,1)")).classes == ()
