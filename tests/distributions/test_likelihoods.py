"""Likelihoods against their constants, scipy-free closed forms, and the table's promises."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
import torch
from torch.distributions import Bernoulli, Independent

from genlab.core.random import scope
from genlab.data.base import DataMeta
from genlab.distributions import (
    LIKELIHOODS,
    Point,
    density_note,
    is_density,
    likelihood_choices,
)
from genlab.distributions.bernoulli import BernoulliProduct

SHAPE = (1, 28, 28)


def options(sigma: float = 1.0) -> SimpleNamespace:
    return SimpleNamespace(sigma=sigma)


def test_zero_logits_give_minus_784_log_2() -> None:
    law = LIKELIHOODS["bernoulli"].make(torch.zeros(2, 1, *SHAPE), options())
    with scope(0, "x"):
        x = torch.rand(2, *SHAPE).round()
    assert law.log_prob(x).tolist() == pytest.approx([-784 * math.log(2)] * 2, abs=1e-2)
    assert float(law.log_prob(x)[0]) == pytest.approx(-543.427, abs=1e-2)


def test_unit_gaussian_keeps_its_constant() -> None:
    law = LIKELIHOODS["gaussian"].make(torch.zeros(1, 1, *SHAPE), options())
    assert float(law.log_prob(torch.zeros(1, *SHAPE))) == pytest.approx(-720.448, abs=1e-2)
    bits = -float(law.log_prob(torch.zeros(1, *SHAPE))) / (784 * math.log(2))
    assert bits == pytest.approx(0.5 * math.log2(2 * math.pi), abs=1e-5)


def test_gaussian_is_the_product_of_normals() -> None:
    with scope(0, "h"):
        h, x = torch.randn(5, 1, 3, dtype=torch.float64), torch.randn(5, 3, dtype=torch.float64)
    law = LIKELIHOODS["gaussian"].make(h, options(0.3))
    expected = torch.distributions.Normal(h[:, 0], 0.3).log_prob(x).sum(1)
    torch.testing.assert_close(law.log_prob(x), expected)
    with scope(1, "draws"):
        draws = law.sample(torch.Size((20_000,)))
    torch.testing.assert_close(draws.mean(0), h[:, 0], atol=0.012, rtol=0)
    torch.testing.assert_close(draws.var(0), law.variance, atol=0.005, rtol=0)


def test_bernoulli_sums_to_one_over_binary_data() -> None:
    with scope(0, "h"):
        h = torch.randn(1, 1, 8, dtype=torch.float64).expand(256, 1, 8)
    x = (torch.arange(256)[:, None] >> torch.arange(8)).remainder(2).double()
    total = LIKELIHOODS["bernoulli"].make(h, options()).log_prob(x).exp().sum()
    assert float(total) == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("name", [row.name for row in LIKELIHOODS.rows() if row.value.outputs])
def test_every_row_has_the_promised_shapes(name: str) -> None:
    row = LIKELIHOODS[name]
    assert set(row.densities) <= set(row.supports)
    with scope(0, "h"):
        h = torch.randn(4, row.outputs, 1, 3, 3, requires_grad=True)
        law = row.make(h, options(0.5))
        drawn = law.sample()
    assert tuple(law.batch_shape) == (4,)
    assert tuple(law.event_shape) == (1, 3, 3)
    assert law.mean.shape == drawn.shape == (4, 1, 3, 3)
    law.log_prob(torch.full((4, 1, 3, 3), 0.5).round()).sum().backward()
    assert h.grad is not None
    assert h.grad.isfinite().all()
    assert float(h.grad.abs().sum()) > 0


def test_choices_follow_the_support_and_grey_bernoulli_is_flagged() -> None:
    grey, binary = DataMeta(SHAPE, "unit"), DataMeta(SHAPE, "binary")
    real = DataMeta((2,), "real")
    assert {"bernoulli", "gaussian"} <= set(likelihood_choices(grey))
    assert "bernoulli" in likelihood_choices(binary)
    assert "gaussian" not in likelihood_choices(binary)
    assert "gaussian" in likelihood_choices(real)
    assert "bernoulli" not in likelihood_choices(real)
    assert not is_density("bernoulli", grey)
    assert is_density("bernoulli", binary)
    assert is_density("gaussian", grey)
    assert "not a density" in density_note("bernoulli", grey)
    assert density_note("bernoulli", binary) == ""


def test_a_point_has_a_mean_and_no_density() -> None:
    value = torch.arange(6.0).view(2, 3)
    point = Point(value, event_dim=1)
    assert torch.equal(point.mean, value)
    assert torch.equal(point.sample(), value)
    assert torch.equal(point.variance, torch.zeros(2, 3))
    with pytest.raises(NotImplementedError):
        point.log_prob(value)


def test_bernoulli_and_its_gradients_are_those_of_torch() -> None:
    with scope(0, "h"):
        h = (4 * torch.randn(3, 1, 5, dtype=torch.float64)).requires_grad_()
        x = torch.rand(3, 5, dtype=torch.float64, requires_grad=True)
    mine = LIKELIHOODS["bernoulli"].make(h, options()).log_prob(x)
    bce = torch.nn.functional.binary_cross_entropy_with_logits
    theirs = -bce(h[:, 0], x, reduction="none").sum(1)
    torch.testing.assert_close(mine, theirs)
    for one, other in zip(
        torch.autograd.grad(mine.sum(), (h, x)),
        torch.autograd.grad(theirs.sum(), (h, x)),
        strict=True,
    ):
        torch.testing.assert_close(one, other)
    make = LIKELIHOODS["bernoulli"].make
    assert torch.autograd.gradgradcheck(lambda h, x: make(h, options()).log_prob(x), (h, x))
    far = make(torch.tensor([[[200.0, -200.0]]]), options()).log_prob(torch.tensor([[1.0, 1.0]]))
    assert far.tolist() == [-200.0]


@pytest.mark.parametrize("event_dim", [1, 2, 3])
def test_bernoulli_sums_over_the_entries_of_an_example_alone(event_dim: int) -> None:
    with scope(0, "entries"):
        logits = torch.randn(3, 2, 4, 5, dtype=torch.float64, requires_grad=True)
        x = (torch.rand(3, 2, 4, 5) < 0.4).double()
    found = BernoulliProduct(logits, event_dim).log_prob(x)
    exact = Independent(Bernoulli(logits=logits), event_dim).log_prob(x)
    torch.testing.assert_close(found, exact)
    weight = torch.arange(exact.numel(), dtype=torch.float64).view_as(exact)
    slopes = [torch.autograd.grad((weight * one).sum(), logits)[0] for one in (found, exact)]
    torch.testing.assert_close(*slopes)
