"""The spline flow: slope, inverse and a density on the line that sums to one and is learned."""

from __future__ import annotations

import math

import pytest
import torch

from genlab import data as datasets
from genlab.core import random
from genlab.core.run_spec import RunSpec
from genlab.core.tables import ALGORITHMS
from genlab.data.base import DataMeta
from genlab.models.spline_flow import REACH, SplineFlow, inverse_spline, spline
from genlab.testing.model_contract import ModelCase
from genlab.train.loop import train

F64 = torch.float64


def wild(*shape: int) -> torch.Tensor:
    return 1.5 * torch.randn(*shape, dtype=F64, generator=torch.Generator().manual_seed(1))


def made(dim: int) -> SplineFlow:
    model = ModelCase("spline_flow", DataMeta((dim,), "real"), "spline").build().eval().double()
    assert isinstance(model, SplineFlow)
    # In more dimensions the nets multiply the noise, and slopes of e⁻⁴⁵ leave few digits.
    size = 0.3 if dim == 1 else 0.05
    with torch.no_grad():
        generator = torch.Generator().manual_seed(3)
        for parameter in model.parameters():
            parameter.add_(size * torch.randn(parameter.shape, dtype=F64, generator=generator))
    return model


def test_a_spline_is_monotone_smooth_and_invertible() -> None:
    raw = wild(1, 3 * 6 - 1).expand(4001, -1)
    x = torch.linspace(-REACH - 1, REACH + 1, 4001, dtype=F64).requires_grad_(True)
    y, log_slope = spline(x, raw, 6)
    (slope,) = torch.autograd.grad(y.sum(), x)
    torch.testing.assert_close(log_slope.exp(), slope, rtol=1e-9, atol=1e-9)
    assert bool((slope > 0).all())
    torch.testing.assert_close(inverse_spline(y, raw, 6), x, rtol=0, atol=1e-9)
    # It is no straight line, and joins the identity at both ends.
    assert float((y - x).detach().abs().max()) > 0.1
    ends = torch.tensor([-REACH + 1e-9, REACH - 1e-9], dtype=F64)
    torch.testing.assert_close(spline(ends, raw[:2], 6)[0], ends, rtol=0, atol=1e-6)


@pytest.mark.parametrize("dim", [1, 2, 5])
def test_determinant_and_inverse(dim: int) -> None:
    model = made(dim)
    x = 2.0 * torch.randn(20, dim, dtype=F64, generator=torch.Generator().manual_seed(0))
    z, log_det = model.transform(x)
    jacobian = torch.stack(
        [
            torch.autograd.functional.jacobian(lambda y: model.transform(y[None])[0][0], r)
            for r in x
        ]
    )
    torch.testing.assert_close(log_det, torch.linalg.slogdet(jacobian)[1], rtol=0, atol=1e-9)
    torch.testing.assert_close(model.decode(z).mean, x, rtol=0, atol=1e-9)


def test_the_density_on_the_line_sums_to_one() -> None:
    model = made(1)
    axis = torch.linspace(-40, 40, 80_001, dtype=F64)
    with torch.no_grad():
        total = float(torch.trapezoid(model.log_prob(axis[:, None]).exp(), axis))
    assert total == pytest.approx(1.0, abs=1e-4)


def test_it_learns_a_mixture_on_the_line() -> None:
    """KL(data ‖ model) by quadrature falls far below that of the best Gaussian."""
    spec = RunSpec.build(model="spline_flow", data="mixture", steps=600, batch=256)
    data = datasets.load(spec)
    random.seed_run(0)
    algorithm = ALGORITHMS[spec.algorithm](spec)
    state, _ = train(algorithm, data, algorithm.init(0, data))
    model = algorithm.model(state).eval().double()
    low, high = data.density.box[:, 0].tolist()
    x = torch.linspace(low, high, 8001, dtype=F64)[:, None]
    log_p = data.density.log_prob(x).double()
    p = log_p.exp()
    with torch.no_grad():
        log_q = model.log_prob(x)
    kl = float(torch.trapezoid(p * (log_p - log_q), x[:, 0]))
    mean = torch.trapezoid(p * x[:, 0], x[:, 0])
    variance = torch.trapezoid(p * (x[:, 0] - mean).square(), x[:, 0])
    entropy = float(-torch.trapezoid(p * log_p, x[:, 0]))
    gaussian = 0.5 * math.log(2 * math.pi * math.e * float(variance)) - entropy
    assert -1e-4 < kl < 0.25 * gaussian
