"""Exact fields of a path: reference tables, automatic differentiation, quadrature, draws."""

from __future__ import annotations

import math

import pytest
import torch

from genlab.data.densities import GaussianMixture
from genlab.models.diffusion import edm_prediction
from genlab.paths import PATHS, PREDICTIONS, ExactFields
from genlab.paths.noise_schedules import Discrete, linear_betas
from genlab.testing.mixtures import fields, grid, grid_means, one, ring, ring_means, uneven

F64 = torch.float64
TABLE = [
    (ring, 0.5, (0.5, 0.2), (-0.12050773, -0.04820352), (-1.12050773, -0.44820352), -1.26132048),
    (ring, 0.9, (0.1, -0.3), (0.46221406, -5.34914562), (3.15992657, -45.14231062), -14.6367304),
    (grid, 0.5, (0.5, 0.2), (0.74175471, 0.33211705), (-0.25824529, -0.06788295), -1.90904488),
]
ALL_PATHS = ("linear", "vp_cosine", "vp_linear", "edm")


def at(t: float, n: int = 1) -> torch.Tensor:
    return torch.full((n,), t, dtype=F64)


@pytest.mark.parametrize(("law", "t", "x", "velocity", "score", "log_p"), TABLE)
def test_reference_table(law, t, x, velocity, score, log_p) -> None:
    exact, x = law(), torch.tensor([x], dtype=F64)
    got = exact.velocity(x, at(t)), exact.score(x, at(t))
    for found, truth in zip(got, (velocity, score), strict=True):
        assert found[0].tolist() == pytest.approx(truth, abs=1e-6)
    assert exact.log_prob(x, at(t)).item() == pytest.approx(log_p, abs=1e-6)
    single = exact.velocity(x.float(), at(t).float())
    assert single.dtype == torch.float32
    assert single[0].tolist() == pytest.approx(velocity, rel=1e-4)


@pytest.mark.parametrize(
    ("sigma", "truth"), [(0.1, (0.80608038, 0.26674202)), (1.0, (0.24144022, 0.09657609))]
)
def test_edm_denoiser(sigma: float, truth: tuple[float, float]) -> None:
    x = torch.tensor([[0.5, 0.2]], dtype=F64)
    found = ring("edm").denoiser(x, at(1.0 - sigma / 80.0))
    assert found[0].tolist() == pytest.approx(truth, abs=1e-6)


@pytest.mark.parametrize("path", ALL_PATHS)
@pytest.mark.parametrize("law", [ring, uneven])
def test_score_is_the_gradient_and_divergence_the_trace(path: str, law) -> None:
    exact = law(path)
    source = torch.Generator().manual_seed(0)
    for level in (3.0, 1.0, 0.2):
        t = at(exact.path.time_at(level), 5)
        scale = float(exact.path.alpha(t[:1]))
        x = (scale * torch.randn(5, 2, dtype=F64, generator=source)).requires_grad_(True)
        (slope,) = torch.autograd.grad(exact.log_prob(x, t).sum(), x)
        torch.testing.assert_close(exact.score(x, t), slope, rtol=1e-8, atol=1e-8)
        jacobian = torch.autograd.functional.jacobian(
            lambda y, t=t, e=exact: e.velocity(y, t).sum(0), x
        ).permute(1, 0, 2)
        torch.testing.assert_close(exact.jacobian(x, t), jacobian, rtol=1e-7, atol=1e-7)
        trace = jacobian.diagonal(dim1=-2, dim2=-1).sum(-1)
        torch.testing.assert_close(exact.divergence(x, t), trace, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("path", ALL_PATHS)
def test_the_density_is_carried_by_the_velocity(path: str) -> None:
    """∂ log p/∂t = −div u − u·∇ log p (the continuity equation), by central differences."""
    exact = uneven(path)
    x = torch.tensor([[0.3, -0.2], [0.8, 0.5]], dtype=F64)
    t = exact.path.time_at(0.7)
    h = 1e-6
    change = (exact.log_prob(x, at(t + h, 2)) - exact.log_prob(x, at(t - h, 2))) / (2 * h)
    time = at(t, 2)
    flux = exact.divergence(x, time) + (exact.velocity(x, time) * exact.score(x, time)).sum(1)
    torch.testing.assert_close(change, -flux, rtol=1e-5, atol=1e-5)


def test_velocity_score_denoiser_and_noise_agree() -> None:
    exact, t = ring(), at(0.7, 4)
    x = torch.randn(4, 2, dtype=F64, generator=torch.Generator().manual_seed(1))
    clean, noise = exact.estimates(x, t)
    torch.testing.assert_close(0.7 * clean + 0.3 * noise, x)
    torch.testing.assert_close(exact.velocity(x, t), clean - noise)
    torch.testing.assert_close(exact.velocity(x, t), x / 0.7 + 0.3 / 0.7 * exact.score(x, t))
    torch.testing.assert_close(exact.score(x, t), -noise / 0.3)
    # At t = 0 the velocity is E x₁ − x, at t = 1 the law is that of the data.
    torch.testing.assert_close(exact.velocity(x, at(0.0, 4)), -x)
    law = GaussianMixture.isotropic(ring_means(), 0.05)
    torch.testing.assert_close(exact.log_prob(x, at(1.0, 4)), law.log_prob(x))
    assert ExactFields.of(law, PATHS["linear"]) is not None
    assert ExactFields.of(None, PATHS["linear"]) is None


@pytest.mark.parametrize("name", ["velocity", "noise", "v"])
@pytest.mark.parametrize("path", ["linear", "vp_cosine"])
def test_clean_point_and_noise_follow_from_each_prediction(name: str, path: str) -> None:
    row, way = PREDICTIONS[name], PATHS[path]
    x1, noise = torch.randn(2, 6, 2, dtype=F64, generator=torch.Generator().manual_seed(2))
    t = torch.linspace(0.1, 0.95, 6, dtype=F64)
    target = row.target(way, x1, noise, t)
    clean, found = row.estimates(way, target, way.interpolate(x1, noise, t), t)
    torch.testing.assert_close(clean, x1)
    torch.testing.assert_close(found, noise)


TIMES = (0.0, 0.25, 0.5, 0.75, 0.9, 1.0)
FLOORS = {
    "ring": ((1.005, 1.692069, 2.628720, 1.918760, 0.468359, 2.0), 1.790610),
    "grid": ((4.005, 5.815317, 4.987273, 2.574041, 0.419291, 2.0), 3.92101),
    "two": ((1.09, 1.727480, 1.935147, 0.986421, 1.08962, 1.0), 1.45177),
}


@pytest.mark.parametrize("name", FLOORS)
def test_irreducible_loss(name: str) -> None:
    two = torch.tensor([[-1.0], [1.0]], dtype=F64)
    exact = {"ring": ring, "grid": grid, "two": lambda: fields(two, 0.3)}[name]()
    table, whole = FLOORS[name]
    found = [exact.floor(t, spacing=0.15) for t in TIMES]
    assert found == pytest.approx(table, abs=4e-6)
    rel = 1e-4 if name == "grid" else 1e-5
    assert exact.mean_floor() == pytest.approx(whole, rel=rel)


def test_irreducible_loss_of_one_gaussian() -> None:
    for s, d in ((0.5, 1), (0.2, 2)):
        exact = one(1.0, s, d=d)
        assert exact.mean_floor(nodes=64) == pytest.approx(d * s * math.pi / 2, rel=1e-6)
        t = 0.3
        assert exact.floor(t) == pytest.approx(d * s**2 / ((1 - t) ** 2 + t**2 * s**2))
    # ε-loss: mmse/σ̃², with σ̃ = σ/α.
    exact = one(0.0, 0.5, "vp_cosine")
    level = 0.8
    t = exact.path.time_at(level)
    assert exact.floor(t, PREDICTIONS["noise"]) == pytest.approx(0.25 / (0.25 + level**2))


def test_the_same_law_at_the_same_noise_level() -> None:
    assert ring("edm").mmse(1.0 - 0.2 / 80.0) == pytest.approx(0.0294174, abs=1e-6)
    assert ring("edm").mmse(1.0 - 1.0 / 80.0) == pytest.approx(0.6571800, abs=1e-6)
    assert grid("edm").mmse(1.0 - 1.0 / 80.0) == pytest.approx(1.2468183, abs=1e-6)
    t = 0.6
    other = PATHS["edm"].time_at((1 - t) / t)
    assert ring().floor(t) == pytest.approx(ring("edm").mmse(other) / (1 - t) ** 2, rel=1e-6)


def test_irreducible_losses_of_diffusion() -> None:
    ddpm = Discrete(linear_betas(1000))
    noise = PREDICTIONS["noise"]
    assert ring(ddpm).mean_floor(noise) == pytest.approx(0.31376, abs=2e-4)
    # The grid is a product of two lines; on each the steps are summed one by one.
    line = fields((torch.arange(5, dtype=F64) - 2)[:, None], 0.05, ddpm)
    truth = 2 * sum(line.floor(1 - i / 1000, noise) for i in range(1, 1001)) / 1000
    assert truth == pytest.approx(0.52002, abs=1e-5)
    assert grid(ddpm).mean_floor(noise) == pytest.approx(truth, rel=2e-3)
    edm = edm_prediction(math.sqrt(0.5025))
    assert ring("edm").mean_floor(edm) == pytest.approx(1.2799, abs=2e-4)


def test_floors_by_draws_and_the_excess_of_simple_fields() -> None:
    exact, n = ring(), 100_000
    source = torch.Generator().manual_seed(3)
    x1, x0 = exact.sample(n, source), torch.randn(n, 2, dtype=F64, generator=source)
    t = torch.rand(n, dtype=F64, generator=source)
    x, target = exact.path.interpolate(x1, x0, t), x1 - x0
    best = exact.velocity(x, t)
    loss = (best - target).square().sum(1)
    assert abs(float(loss.mean()) - 1.790610) < 4 * float(loss.std()) / math.sqrt(n)
    assert float(best.square().sum(1).mean()) == pytest.approx(1.214390, rel=0.02)
    # The best v = a(t) x + b(t), where E x₁ = 0: a = E x·(x₁ − x₀)/E|x|² at each time.
    v = 0.5025
    slope = (t * v - (1 - t)) / (t**2 * v + (1 - t) ** 2)
    away = (slope[:, None] * x - best).square().sum(1)
    assert float(away.mean()) == pytest.approx(0.436, rel=0.02)
    mean = grid_means().mean(0)
    assert mean.abs().max() == 0.0


def test_edm_loss_of_the_zero_net_is_the_dimension() -> None:
    """F = 0, that is D = c_skip x, costs exactly d, whatever the data."""
    std = math.sqrt(0.5025)
    row, path = edm_prediction(std), PATHS["edm"]
    source = torch.Generator().manual_seed(4)
    n = 40_000
    x1, noise = ring().sample(n, source), torch.randn(n, 2, dtype=F64, generator=source)
    t = 1.0 - (-1.2 + 1.2 * torch.randn(n, dtype=F64, generator=source)).exp() / 80.0
    loss = row.target(path, x1, noise, t).square().sum(1)
    assert abs(float(loss.mean()) - 2.0) < 4 * float(loss.std()) / math.sqrt(n)
