"""Samplers with the exact field: the reference table, orders, inverses, variances."""

from __future__ import annotations

import functools
import itertools
import math
from unittest import mock

import pytest
import torch

from genlab.paths import PATHS, SAMPLERS
from genlab.paths.noise_schedules import Discrete, linear_betas
from genlab.testing.mixtures import one, ring, ring_means, uneven

F64 = torch.float64
#: Steps -> mean |x − x_ref| and the share within 3 std of a mode, for Euler, Heun and RK4.
TABLE = {
    8: ((0.0462489, 88.2), (0.0310329, 87.4), (0.00258348, 99.3)),
    16: ((0.0198336, 99.2), (0.0083721, 98.1), (7.1005e-4, 99.3)),
    32: ((0.0106514, 99.4), (0.00253128, 98.8), (3.7565e-5, 99.5)),
    64: ((0.00556122, 99.3), (7.4159e-4, 99.1), (2.3491e-6, 99.5)),
}
NAMES = ("euler", "heun", "rk4")


@functools.cache
def lattice(side: int = 64) -> torch.Tensor:
    share = (torch.arange(side, dtype=F64) + 0.5) / side
    axis = torch.distributions.Normal(0.0, 1.0).icdf(share)
    return torch.cartesian_prod(axis, axis)


@functools.cache
def reference(side: int, steps: int) -> torch.Tensor:
    return SAMPLERS["rk4"].run(ring(), lattice(side), steps)


def quality(x: torch.Tensor) -> float:
    return 100.0 * float((torch.cdist(x, ring_means()).amin(1) <= 0.15).double().mean())


@pytest.mark.parametrize("steps", TABLE)
def test_error_and_quality_on_the_ring(steps: int) -> None:
    truth = reference(64, 512)
    assert quality(truth) == pytest.approx(99.51, abs=0.05)
    for name, (error, share) in zip(NAMES, TABLE[steps], strict=True):
        x = SAMPLERS[name].run(ring(), lattice(), steps)
        assert float((x - truth).norm(dim=1).mean()) == pytest.approx(error, rel=0.02)
        assert quality(x) == pytest.approx(share, abs=0.11)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_order(name: str) -> None:
    truth = reference(24, 2048)
    errors = [
        float((SAMPLERS[name].run(ring(), lattice(24), n) - truth).norm(dim=1).mean())
        for n in (128, 256)
    ]
    order = SAMPLERS[name].order
    assert order is not None
    assert math.log2(errors[0] / errors[1]) == pytest.approx(order, abs=0.1)


def test_order_of_ddim() -> None:
    exact = one(1.0, 0.5)
    z = torch.ones(1, 1, dtype=F64)
    errors = [float(SAMPLERS["ddim"].run(exact, z, n)) - 1.5 for n in (512, 1024)]
    assert math.log2(errors[0] / errors[1]) == pytest.approx(1.0, abs=0.05)


GAUSSIAN = {
    "euler": (-0.0443169, -0.0226364, -0.0114447),
    "heun": (7.638e-4, 2.1000e-4, 5.487e-5),
}


@pytest.mark.parametrize("name", GAUSSIAN)
def test_one_gaussian(name: str) -> None:
    """The exact flow of N(1, 0.5²) is x₁ = 1 + 0.5 x₀."""
    for steps, error in zip((16, 32, 64), GAUSSIAN[name], strict=True):
        x = SAMPLERS[name].run(one(1.0, 0.5), torch.ones(1, 1, dtype=F64), steps)
        assert float(x) - 1.5 == pytest.approx(error, rel=1e-3)


EDM = {
    "euler": {16: 0.03836, 32: 0.01728, 64: 0.00821},
    "heun": {8: 0.2237, 16: 0.01869, 32: 0.00305, 64: 6.76e-4},
}


@pytest.mark.parametrize("name", EDM)
def test_edm_steps(name: str) -> None:
    exact, z = ring("edm"), 80.0 * lattice(32)
    truth = SAMPLERS["heun"].run(exact, z, 600)
    for steps, error in EDM[name].items():
        x = SAMPLERS[name].run(exact, z, steps)
        # A lattice of a quarter of the points, so a little off the table.
        assert float((x - truth).norm(dim=1).mean()) == pytest.approx(error, rel=0.12)
    levels = PATHS["edm"].levels(8)
    assert (levels[0], levels[-2], levels[-1]) == pytest.approx((80.0, 0.002, 0.0))


def test_evaluations_are_counted() -> None:
    for path in ("linear", "edm", "vp_linear"):
        for name in SAMPLERS.names():
            sampler = SAMPLERS[name]
            exact = uneven(path)
            if sampler.variance_preserving and not exact.path.variance_preserving:
                continue
            calls = 0

            def counted(x, t, inner):
                nonlocal calls
                calls += 1
                return inner(x, t)

            velocity, estimates = exact.velocity, exact.estimates
            exact.velocity = lambda x, t, f=velocity: counted(x, t, f)  # type: ignore[method-assign]
            exact.estimates = lambda x, t, f=estimates: counted(x, t, f)  # type: ignore[method-assign]
            start = exact.path.start_scale * torch.randn(3, 2, dtype=F64)
            assert sampler.run(exact, start, 7).isfinite().all()
            single = 0 if sampler.deterministic else sampler.evaluations(7, exact.path) - calls
            assert calls + single == sampler.evaluations(7, exact.path)


@pytest.mark.parametrize("path", ["linear", "vp_cosine", "vp_linear", "edm"])
def test_the_way_back_undoes_the_way(path: str) -> None:
    exact = uneven(path)
    z = torch.randn(50, 2, dtype=F64, generator=torch.Generator().manual_seed(0))
    x = SAMPLERS["rk4"].run(exact, exact.path.start_scale * z, 64)
    back = SAMPLERS["rk4"].run(exact, x, 64, backward=True) / exact.path.start_scale
    assert float((back - z).norm(dim=1).mean()) < 2e-2
    with pytest.raises(ValueError, match="no inverse"):
        SAMPLERS["ancestral_posterior"].run(exact, x, 8, backward=True)


def test_ddim_is_euler_in_the_noise_level() -> None:
    """With x̃ = x/α and σ̃ = σ/α a step is x̃ + (σ̃_s − σ̃_t) ε̂."""
    exact = uneven("vp_cosine")
    x = torch.randn(4, 2, dtype=F64, generator=torch.Generator().manual_seed(1))
    t, s = 0.4, 0.6
    at = torch.full((4,), t, dtype=F64)
    (a, b), (u, v) = (
        [float(f(torch.tensor(w, dtype=F64))) for f in (exact.path.alpha, exact.path.sigma)]
        for w in (t, s)
    )
    want = u * (x / a + (v / u - b / a) * exact.estimates(x, at)[1])
    torch.testing.assert_close(SAMPLERS["ddim"].step(exact, x, t, s), want)


VARIANCES = {
    "ancestral": {1.0: 0.9999, 0.25: 0.250752, 0.0025: 0.0025387},
    "ancestral_posterior": {1.0: 0.991067, 0.25: 0.246125, 0.0025: 0.0021430},
}


@pytest.mark.parametrize("name", VARIANCES)
def test_variance_of_ancestral_samples(name: str) -> None:
    """A step is linear for one Gaussian: v ← a² v + σ², with a and σ from the step itself."""
    path = Discrete(linear_betas(1000))
    times = path.times(1000)
    unit = torch.ones(1, 1, dtype=F64)
    for s2, truth in VARIANCES[name].items():
        exact, variance = one(0.0, math.sqrt(s2), path), 1.0
        for t, s in itertools.pairwise(times):
            with mock.patch("torch.randn_like", torch.zeros_like):
                a = float(SAMPLERS[name].step(exact, unit, t, s))
            with mock.patch("torch.randn_like", torch.ones_like):
                sd = float(SAMPLERS[name].step(exact, 0.0 * unit, t, s))
            variance = a**2 * variance + sd**2
        assert variance == pytest.approx(truth, abs=1e-6 if s2 < 1 else 5e-5)


def test_bad_calls_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one step"):
        SAMPLERS["euler"].run(ring(), lattice(2), 0)
    with pytest.raises(ValueError, match="variance-preserving"):
        SAMPLERS["ancestral"].run(ring(), lattice(2), 4)
    with pytest.raises(ValueError, match="lie in"):
        Discrete([0.1, 1.5])
