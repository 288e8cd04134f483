"""Normalising flows: determinant, inverse, order of the chain rule, density of pictures."""

from __future__ import annotations

import math

import pytest
import torch

from genlab.core.random import scope
from genlab.core.tables import MODELS
from genlab.data.base import DataMeta
from genlab.models.normalizing_flow import MAF, Affine, MaskedAutoregressive, NormalizingFlow
from genlab.testing.model_contract import METAS, ModelCase

F64 = torch.float64
NAMES = ("realnvp", "maf")


def made(name: str, meta: DataMeta, dtype: torch.dtype = F64, **values) -> NormalizingFlow:
    """A flow whose learned scales and shifts are not at their start."""
    model = ModelCase(name, meta, name).build(**values).eval().to(dtype)
    assert isinstance(model, NormalizingFlow)
    with scope(5, "weights"), torch.no_grad():
        for layer in model.chain:
            if isinstance(layer, Affine):
                layer.shift.normal_(0.0, 0.3)
                layer.log_scale.normal_(0.0, 0.3)
        for key, parameter in model.named_parameters():
            if key.endswith("bias"):
                parameter.normal_(0.0, 0.2)
    return model


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dim", [2, 5])
def test_determinant_and_inverse(name: str, dim: int) -> None:
    model = made(name, DataMeta((dim,), "real"))
    x = torch.randn(20, dim, dtype=F64, generator=torch.Generator().manual_seed(0))
    z, log_det = model.transform(x)
    jacobian = torch.stack(
        [
            torch.autograd.functional.jacobian(lambda y: model.transform(y[None])[0][0], r)
            for r in x
        ]
    )
    torch.testing.assert_close(log_det, torch.linalg.slogdet(jacobian)[1], rtol=0, atol=1e-9)
    assert float(log_det.detach().abs().max()) > 0.1
    torch.testing.assert_close(model.decode(z).mean, x, rtol=0, atol=1e-9)
    torch.testing.assert_close(model.encode(x).mean, z)
    normal = -0.5 * (z.square() + math.log(2 * math.pi)).sum(1)
    torch.testing.assert_close(model.log_prob(x), normal + log_det)
    single = made(name, DataMeta((dim,), "real"), torch.float32)
    back = single.decode(single.encode(x.float()).mean).mean
    torch.testing.assert_close(back, x.float(), rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_density_sums_to_one(name: str) -> None:
    model = made(name, DataMeta((2,), "real"), flow_layers=2)
    axis = (torch.arange(800, dtype=F64) + 0.5) / 800 * 60 - 30
    with torch.no_grad():
        total = sum(
            float(model.log_prob(torch.cartesian_prod(axis[i : i + 1], axis)).exp().sum())
            for i in range(800)
        )
    assert total * (60 / 800) ** 2 == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("name", NAMES)
def test_density_of_pictures_is_of_data_space(name: str) -> None:
    """Two pixels: the density over the cells of all grey levels, in data units, sums to one."""
    model = made(name, DataMeta((1, 1, 2), "unit"), levels=4, flow_layers=2)
    # Data in [0, 1] stand for (x (L − 1) + ½)/L; the whole of [0, 1] there is a little more.
    low, high, n = -0.5 / 3, 1 + 0.5 / 3, 300
    axis = low + (high - low) * (torch.arange(n, dtype=F64) + 0.5) / n
    with torch.no_grad():
        x = torch.cartesian_prod(axis, axis).view(-1, 1, 1, 2)
        total = float(model.log_prob(x).exp().sum()) * ((high - low) / n) ** 2
        z = torch.randn(40_000, 2, dtype=F64, generator=torch.Generator().manual_seed(1))
        flat = z
        for layer in reversed(model.chain):
            flat = layer.inverse(flat)
    # The logit keeps a margin, beyond which a little of the model's mass lies.
    share = torch.sigmoid(flat)
    inside = float(((share > 0.05) & (share < 0.95)).all(1).double().mean())
    assert total == pytest.approx(inside, abs=4 * math.sqrt(0.25 / 40_000) + 1e-3)


def test_pictures_come_back() -> None:
    model = made("realnvp", METAS["grey8"], levels=17)
    x = torch.rand(5, 1, 8, 8, dtype=F64, generator=torch.Generator().manual_seed(2))
    torch.testing.assert_close(model.decode(model.encode(x).mean).mean, x, rtol=0, atol=1e-9)


@pytest.mark.parametrize("reverse", [False, True])
def test_autoregressive_order(reverse: bool) -> None:
    with scope(0, "maf"):
        layer = MaskedAutoregressive(4, 16, 2, 0, reverse).double()
    x = torch.randn(4, dtype=F64, generator=torch.Generator().manual_seed(3))
    jacobian = torch.autograd.functional.jacobian(lambda y: layer(y[None])[0][0], x)
    free = jacobian.triu(1) if not reverse else jacobian.tril(-1)
    assert not free.any()
    assert jacobian.diagonal().gt(0).all()


def test_one_affine_autoregressive_layer_cannot_beat_its_bound() -> None:
    """½ log 2πe Var(x₁) + E ½ log 2πe Var(x₂ | x₁) = 1.581921 on the ring, whatever the nets."""
    angle = torch.arange(8, dtype=F64) * 2 * math.pi / 8
    means = torch.stack([angle.cos(), angle.sin()], -1)
    s = 0.05
    x = torch.linspace(-1.5, 1.5, 60_001, dtype=F64)
    weight = (-0.5 * ((x[:, None] - means[:, 0]) / s) ** 2).exp() / (
        s * math.sqrt(2 * math.pi) * 8
    )
    p = weight.sum(1)
    gamma = weight / p[:, None].clamp(min=1e-300)
    mean = (gamma * means[:, 1]).sum(1)
    variance = s**2 + (gamma * means[:, 1] ** 2).sum(1) - mean**2
    inner = (p * variance.clamp(min=s**2).log()).sum() * (x[1] - x[0])
    base = math.log(2 * math.pi * math.e)
    bound = 0.5 * (base + math.log(0.5 + s**2)) + 0.5 * (base + float(inner))
    assert bound == pytest.approx(1.581921, abs=1e-5)


def test_misfits_are_refused() -> None:
    for name in NAMES:
        assert "one Gaussian" in str(MODELS[name].incompatibility(METAS["line"]))
        assert "binary" in str(MODELS[name].incompatibility(METAS["binary8"]))
    assert "256" in str(MAF.incompatibility(METAS["grey28"]))
