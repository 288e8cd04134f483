"""The toys' laws and points against closed forms."""

from __future__ import annotations

import math

import pytest
import torch
from torch.distributions import Categorical, MixtureSameFamily, MultivariateNormal

from genlab.core.tables import DATASETS
from genlab.data.densities import Checkerboard, GaussianMixture, Pinwheel, Spirals
from genlab.testing.data_contract import loaded


def made(name: str, **values: object):
    source = DATASETS[name]
    return source.load(source.Options.build(values))


def test_gaussian_has_the_closed_form() -> None:
    law = made("gaussian", dim=1, mean=1.5, std=0.2).density
    x = torch.linspace(-1, 4, 101, dtype=torch.float64)[:, None]
    truth = torch.distributions.Normal(1.5, 0.2).log_prob(x)[:, 0]
    assert torch.allclose(law.log_prob(x), truth, atol=1e-12)


def test_a_narrow_ring_is_exact_in_single_precision_too() -> None:
    law = made("ring", radius=1, std=0.01, points=100).density
    x = torch.tensor([[1.0, 0.0], [0.97, 0.0], [3.0, 3.0]])
    at_mode = -math.log(8) - math.log(2 * math.pi * 1e-4)
    value = law.log_prob(x).double()
    assert float(value[0]) == pytest.approx(at_mode, rel=1e-6)
    off = (float(torch.tensor(0.97)) - 1) ** 2 / 2e-4
    assert float(value[1]) == pytest.approx(at_mode - off, rel=1e-6)
    nearest = 2 * (3 - math.sqrt(0.5)) ** 2 / 2e-4
    assert float(value[2]) == pytest.approx(at_mode - nearest, rel=1e-6)


def test_ring_and_grid_have_their_modes_where_they_belong() -> None:
    ring, grid = loaded("ring"), loaded("grid")
    assert ring.modes is not None
    assert grid.modes is not None
    assert torch.allclose(ring.modes.norm(dim=-1), torch.ones(8), atol=1e-6)
    assert torch.allclose(torch.pdist(ring.modes).min(), torch.tensor(2 * math.sin(math.pi / 8)))
    assert sorted(set(grid.modes.flatten().tolist())) == [-2, -1, 0, 1, 2]
    assert len(grid.modes) == 25
    assert ring.extra["mode_std"] == pytest.approx(0.05, abs=1e-12)


@pytest.mark.parametrize("name", ["ring", "grid"])
def test_a_perfect_sampler_scores_what_theory_says(name: str) -> None:
    """Within three standard deviations in the plane lie 1 - exp(-4.5) of the samples."""
    data = loaded(name)
    assert data.modes is not None
    distance = torch.cdist(data.test.x, data.modes).amin(1)
    share = float((distance <= 3 * data.extra["mode_std"]).double().mean())
    truth = 1 - math.exp(-4.5)
    error = math.sqrt(truth * (1 - truth) / len(distance))
    assert share == pytest.approx(truth, abs=4 * error)


@pytest.mark.parametrize("name", ["ring", "grid", "two_gaussians"])
def test_labels_are_those_of_the_nearest_mode(name: str) -> None:
    data = loaded(name)
    assert data.modes is not None
    assert data.test.y is not None
    nearest = torch.cdist(data.test.x, data.modes).argmin(1)
    # Neighbouring modes are eight standard deviations or more apart.
    assert float((nearest == data.test.y).double().mean()) > 0.999
    counts = torch.bincount(data.test.y, minlength=len(data.modes)).double()
    expected = len(data.test) / len(data.modes)
    assert float((counts - expected).abs().max()) < 5 * math.sqrt(expected)


def test_modes_are_named_only_where_they_do_not_overlap() -> None:
    assert made("two_gaussians", distance=6, std=1, points=100).modes is not None
    assert made("two_gaussians", distance=5.9, std=1, points=100).modes is None
    assert loaded("gaussian").modes is None


def test_checkerboard_is_uniform_on_half_of_the_board() -> None:
    law = Checkerboard(4, 0.5)
    assert law.box.tolist() == [[-1.0, -1.0], [1.0, 1.0]]
    centres = torch.arange(4) * 0.5 - 0.75
    points = torch.cartesian_prod(centres, centres)
    p = law.log_prob(points).exp().reshape(4, 4)
    dark = (torch.arange(4)[:, None] + torch.arange(4)) % 2 == 0
    assert torch.allclose(p[dark], torch.full((8,), 0.5))  # 1 / (area 4 / 2)
    assert bool((p[~dark] == 0).all())
    assert bool(torch.isinf(law.log_prob(torch.tensor([[1.01, 0.99], [-1.0, -1.01]]))).all())


@pytest.mark.parametrize("side", [0.025, 0.3, 1.0, 2.5])
def test_no_sample_of_the_checkerboard_falls_on_a_light_square(side: float) -> None:
    law = Checkerboard(8, side)
    x = law.sample(200_000, torch.Generator().manual_seed(0))
    assert bool(torch.isfinite(law.log_prob(x)).all())


def test_an_untwisted_pinwheel_is_a_mixture_of_gaussians() -> None:
    law = Pinwheel(4, 0.3, 0.1, twist=0.0, scale=2.0)
    angle = torch.arange(4, dtype=torch.float64) * math.pi / 2
    turn = torch.stack(
        [
            torch.stack([angle.cos(), -angle.sin()], -1),
            torch.stack([angle.sin(), angle.cos()], -1),
        ],
        1,
    )
    spread = torch.diag(torch.tensor([0.6**2, 0.2**2], dtype=torch.float64))
    truth = MixtureSameFamily(
        Categorical(torch.ones(4, dtype=torch.float64)),
        MultivariateNormal(2 * turn[:, :, 0], turn @ spread @ turn.transpose(1, 2)),
    )
    x = 2 * torch.randn(300, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert torch.allclose(law.log_prob(x), truth.log_prob(x), atol=1e-9)


def test_one_turn_of_a_spiral_has_the_closed_form() -> None:
    """On one full turn each direction has one preimage: p = N(r; m(angle), std²) / (2 pi r)."""
    law = Spirals(1, 1.0, 0.05, inner=0.5, outer=1.5)
    angle = torch.linspace(0.1, 6.1, 50, dtype=torch.float64)
    radius = 0.5 + angle / (2 * math.pi) + 0.03
    x = torch.stack([radius * angle.cos(), radius * angle.sin()], -1)
    truth = torch.distributions.Normal(0.0, 0.05).log_prob(torch.tensor(0.03)) - torch.log(
        2 * math.pi * radius
    )
    assert torch.allclose(law.log_prob(x), truth, atol=1e-6)


def test_moons_lie_on_their_half_circles() -> None:
    data = made("moons", std=0.001, points=2000)
    x, y = data.train.x, data.train.y
    upper, lower = x[y == 0], x[y == 1]
    for moon, centre, sign in ((upper, (-0.5, -0.25), 1), (lower, (0.5, 0.25), -1)):
        offset = moon - torch.tensor(centre)
        assert torch.allclose(offset.norm(dim=-1), torch.ones(len(moon)), atol=6e-3)
        assert float((sign * offset[:, 1]).min()) > -6e-3


def test_swiss_roll_lies_on_its_spiral() -> None:
    x = made("swiss_roll", std=0.001, points=2000).train.x.double()
    t = x.norm(dim=-1) * 4.5 * math.pi / 2
    curve = torch.stack([t * t.cos(), t * t.sin()], -1) * 2 / (4.5 * math.pi)
    assert float((curve - x).norm(dim=-1).max()) < 0.08
    assert float(t.min()) == pytest.approx(1.5 * math.pi, abs=0.05)
    assert float(t.max()) == pytest.approx(4.5 * math.pi, abs=0.05)


def test_sampling_is_by_component_and_not_by_index() -> None:
    law = GaussianMixture(
        torch.tensor([9.0, 1.0]), torch.tensor([[0.0], [5.0]]), torch.full((2, 1, 1), 0.01)
    )
    x, component = law.sample_labelled(20_000, torch.Generator().manual_seed(0))
    assert float(component.double().mean()) == pytest.approx(0.1, abs=4 * 0.3 / 20_000**0.5)
    assert torch.equal((x[:, 0] > 2.5).long(), component)


@pytest.mark.parametrize(
    ("weights", "covariance"),
    [([1.0, -1.0], 1.0), ([1.0, 0.0], 1.0), ([1.0, math.nan], 1.0), ([1.0, 1.0], -1.0)],
)
def test_a_mixture_that_is_none_is_refused(weights: list[float], covariance: float) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        GaussianMixture(
            torch.tensor(weights), torch.zeros(2, 1), torch.full((2, 1, 1), covariance)
        )
