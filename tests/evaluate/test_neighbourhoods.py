"""Precision and coverage against counts by hand, and a perfect sampler's mean."""

from __future__ import annotations

import pytest
import torch

from genlab.evaluate.neighbourhoods import expected_coverage, within
from genlab.random import generator


def test_copies_cover_everything_and_one_point_next_to_nothing() -> None:
    x = torch.randn(200, 2, generator=generator(0, "real"))
    near = within(x, x.clone())
    assert bool(near.any(dim=1).all())
    assert bool(near.any(dim=0).all())
    # One point repeated is precise and covers hardly anything: mode collapse.
    stuck = x[:1].repeat(200, 1)
    near = within(x, stuck)
    assert float(near.any(dim=0).double().mean()) == 1.0
    assert float(near.any(dim=1).double().mean()) < 0.1
    far = within(x, x + 100.0)
    assert not bool(far.any())


def test_the_mean_of_a_perfect_sampler_is_the_formula() -> None:
    n, m, k, repeats = 60, 40, 3, 150
    shares = []
    for i in range(repeats):
        source = generator(i, "perfect")
        x, fake = torch.rand(n, 2, generator=source), torch.rand(m, 2, generator=source)
        shares.append(float(within(x, fake, k).any(dim=1).double().mean()))
    mean, error = (
        float(torch.tensor(shares).mean()),
        float(torch.tensor(shares).std()) / repeats**0.5,
    )
    assert mean == pytest.approx(expected_coverage(n, m, k), abs=4 * error)
    assert error < 0.01
