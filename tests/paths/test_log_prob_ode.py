"""log p along the flow: reference values, normalisation, Hutchinson's variance."""

from __future__ import annotations

import math

import pytest
import torch

from genlab.core.random import scope
from genlab.paths import PATHS, log_prob_ode
from genlab.paths.likelihood import exact_divergence, hutchinson_divergence, rademacher
from genlab.paths.noise_schedules import Discrete, linear_betas
from genlab.testing.mixtures import one, ring, uneven

F64 = torch.float64


def test_on_the_ring() -> None:
    exact = ring()
    points = torch.tensor([[1.0, 0.0], [0.6, 0.3]], dtype=F64)
    truth = exact.log_prob(points, torch.ones(2, dtype=F64))
    assert truth.tolist() == pytest.approx([2.07414594, -33.367412], abs=1e-6)
    table = {16: (2.08779, -9.67), 32: (2.07505, -16.02), 64: (2.07419, -27.34)}
    for steps, values in table.items():
        found = log_prob_ode(exact.velocity, exact.path, points, steps).log_prob
        assert found[0].item() == pytest.approx(values[0], abs=1e-5)
        # Off the data fixed steps overstate log p by tens of nats.
        assert found[1].item() == pytest.approx(values[1], abs=1e-2)
    assert abs(float(found[0]) - 2.07414594) < 1e-4


@pytest.mark.parametrize("path", ["linear", "vp_cosine", "edm"])
def test_near_data_on_every_path(path: str) -> None:
    exact = uneven(path)
    x = exact.sample(20, torch.Generator().manual_seed(0))
    found = log_prob_ode(exact.velocity, exact.path, x, 128)
    truth = exact.log_prob(x, torch.ones(20, dtype=F64))
    near = 2e-2 if path == "edm" else 2e-3
    torch.testing.assert_close(found.log_prob, truth, rtol=0, atol=near)
    assert not found.error.any()


def test_singular_paths_give_the_law_of_data_with_a_little_noise() -> None:
    path = Discrete(linear_betas(1000))
    exact = one(0.3, 0.5, path)
    x = torch.tensor([[0.3], [0.9]], dtype=F64)
    found = log_prob_ode(exact.velocity, path, x, 128).log_prob
    level2 = float(path.noise_level(torch.tensor(1 - 1e-3, dtype=F64))) ** 2
    truth = torch.distributions.Normal(0.3, math.sqrt(0.25 + level2)).log_prob(x)[:, 0]
    torch.testing.assert_close(found, truth, rtol=0, atol=5e-3)


def test_density_sums_to_one() -> None:
    exact = uneven()
    axis = (torch.arange(60, dtype=F64) + 0.5) / 60 * 7 - 3.5
    points = torch.cartesian_prod(axis, axis)
    found = log_prob_ode(exact.velocity, exact.path, points, 48).log_prob
    assert float(found.exp().sum()) * (7 / 60) ** 2 == pytest.approx(1.0, abs=2e-3)


def test_variance_of_hutchinsons_probes() -> None:
    exact = ring()
    x, t = torch.tensor([[0.5, 0.2]], dtype=F64), torch.tensor([0.8], dtype=F64)
    _, trace = exact_divergence(exact.velocity, x, t)
    assert float(trace) == pytest.approx(4.3289098, abs=1e-6)
    assert float(exact.divergence(x, t)) == pytest.approx(float(trace), abs=1e-9)
    assert float(exact.jacobian(x, t)[0, 0, 1]) == pytest.approx(-4.813966, abs=1e-6)
    n = 10_000
    with scope(0, "probes"):
        signs = rademacher(n, x)[:, 0][None]
        normal = torch.randn(1, n, 2, dtype=F64)
    # Squares of normals have heavy tails, so that their variance is known less well.
    for probes, variance, near in ((signs, 92.697, 0.05), (normal, 205.026, 0.15)):
        _, found = hutchinson_divergence(exact.velocity, x.expand(n, 2), t.expand(n), probes)
        assert abs(float(found.mean()) - float(trace)) < 4 * math.sqrt(variance / n)
        assert float(found.var()) == pytest.approx(variance, rel=near)


def test_hutchinsons_standard_error_covers_the_exact_value() -> None:
    exact, n = uneven(), 200
    x = exact.sample(n, torch.Generator().manual_seed(1))
    truth = log_prob_ode(exact.velocity, exact.path, x, 32).log_prob
    with scope(1, "probes"):
        found = log_prob_ode(exact.velocity, exact.path, x, 32, probes=16)
    z = (found.log_prob - truth) / found.error
    # Student's t of 15 degrees of freedom: variance 15/13.
    assert float(z.square().mean()) == pytest.approx(15 / 13, rel=0.35)
    assert PATHS["linear"].start_scale == 1.0
