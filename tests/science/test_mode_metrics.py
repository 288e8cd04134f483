"""Mode metrics against planted samplers, and a real GAN on the ring."""

from __future__ import annotations

import math

import pytest
import torch

from genlab import data as datasets
from genlab.core.random import scope, seed_run
from genlab.core.run_spec import RunSpec
from genlab.core.tables import ALGORITHMS
from genlab.data.base import Batches
from genlab.divergences import mass_within_radius, mode_coverage
from genlab.probes.common import draw

STD = 0.05


def ring() -> torch.Tensor:
    angle = torch.arange(8) * (2 * math.pi / 8)
    return torch.stack([angle.cos(), angle.sin()], dim=1)


def planted(k: int, share: float, n: int, seed: int) -> torch.Tensor:
    """Samples of which a share comes from k of the 8 modes and the rest from the centre."""
    with scope(seed, "planted"):
        x = ring()[torch.randint(k, (n,))] + STD * torch.randn(n, 2)
        x[torch.rand(n) > share] = 0.0
    return x


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("k", "share"), [(8, 1.0), (5, 1.0), (3, 0.6), (1, 0.1)])
def test_planted_samplers(k: int, share: float, seed: int) -> None:
    seen = mode_coverage(planted(k, share, 100_000, seed), ring(), STD)
    assert seen.modes == k
    assert seen.high_quality == pytest.approx(share * (1 - math.exp(-4.5)), abs=0.007)
    assert seen.kl == pytest.approx(math.log(8 / k), abs=0.01)


def test_a_sampler_between_the_modes_reaches_none() -> None:
    seen = mode_coverage(torch.zeros(1000, 2), ring(), STD)
    assert (seen.modes, seen.high_quality, seen.kl) == (0, 0.0, math.inf)


def test_within_is_the_chi_squared_law() -> None:
    assert mass_within_radius(3.0, 2) == pytest.approx(1 - math.exp(-4.5), abs=1e-12)
    assert mass_within_radius(3.0, 1) == pytest.approx(math.erf(3 / math.sqrt(2)), abs=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_label_kl_of_a_perfect_sampler_has_the_known_floor(seed: int) -> None:
    modes = torch.arange(1000, dtype=torch.float64)[:, None]
    with scope(seed, "labels"):
        x = torch.randint(1000, (26_000,)).double()[:, None]
    seen = mode_coverage(x, modes, 0.01)
    assert seen.kl_floor == pytest.approx(999 / 52_000)
    assert seen.kl == pytest.approx(seen.kl_floor, rel=0.2)


@pytest.mark.slow
def test_gans_reach_the_modes_of_the_ring() -> None:
    """The defaults: all modes, and 91 % of high quality in mean over seeds.

    A single seed may end lower (0.65 was seen), so the median of three is judged.
    """
    quality = []
    for seed in range(3):
        spec = RunSpec.build(model="gan", data="ring", std=STD, steps=1600, seed=seed)
        data = datasets.load(spec)
        seed_run(seed)
        algorithm = ALGORITHMS[spec.algorithm](spec)
        state = algorithm.init(seed, data)
        batches = Batches(len(data.train), spec.train.batch, seed)
        for step in range(spec.train.steps):
            state, _ = algorithm.step(state, data.train.x[batches.index(step)])
        with scope(0, "look"), torch.no_grad():
            x = draw(algorithm.model(state).eval(), 2500)
        assert data.modes is not None
        seen = mode_coverage(x, data.modes, data.extra["mode_std"])
        assert seen.modes == 8
        quality.append(seen.high_quality)
    assert sorted(quality)[1] > 0.8
