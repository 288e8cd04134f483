"""Pairs of noise and data: both marginals are kept and the cost falls."""

from __future__ import annotations

import math

import pytest
import torch

from genlab.paths import COUPLINGS
from genlab.testing.mixtures import ring

#: Mean cost of minibatch optimal transport on the ring by batch size, with its Monte Carlo error.
COSTS = {16: (0.845, 0.007), 64: (0.574, 0.006), 256: (0.501, 0.006)}


@pytest.mark.parametrize("size", COSTS)
def test_cost_on_the_ring(size: int) -> None:
    source = torch.Generator().manual_seed(size)
    costs = []
    for _ in range(max(4, 4096 // size)):
        x1 = ring().sample(size, source)
        noise = torch.randn(size, 2, dtype=torch.float64, generator=source)
        paired = COUPLINGS["optimal_transport"](noise, x1)
        assert torch.equal(paired.sort(0).values, noise.sort(0).values)
        costs.append(float((paired - x1).square().sum(1).mean()))
        assert torch.equal(COUPLINGS["independent"](noise, x1), noise)
    value, error = COSTS[size]
    spread = torch.tensor(costs).std() / math.sqrt(len(costs))
    assert abs(sum(costs) / len(costs) - value) < 4 * math.hypot(float(spread), error)


def test_the_assignment_is_the_best() -> None:
    source = torch.Generator().manual_seed(0)
    noise, x1 = torch.randn(2, 5, 3, generator=source)
    best = (COUPLINGS["optimal_transport"](noise, x1) - x1).square().sum()
    for _ in range(200):
        order = torch.randperm(5, generator=source)
        assert (noise[order] - x1).square().sum() >= best - 1e-5
