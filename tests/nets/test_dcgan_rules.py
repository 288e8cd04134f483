"""The rules of DCGAN on the module tree."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from genlab.core.random import scope
from genlab.core.run_spec import RunSpec
from genlab.data.base import DataMeta
from genlab.models.gan import DCGAN, DCGANOptions
from genlab.nets import SIZES

CASES = [(size, channels) for size in SIZES for channels in (1, 3)]


def model(size: int, channels: int, width: int = 32) -> DCGAN:
    with scope(0, "dcgan"):
        return DCGAN(DCGANOptions(width=width), DataMeta((channels, size, size), "unit"))


def kinds(net: nn.Module, kind: type | tuple[type, ...]) -> list[nn.Module]:
    return [m for m in net.modules() if isinstance(m, kind)]


@pytest.mark.parametrize(("size", "channels"), CASES)
def test_layers_follow_the_rules(size: int, channels: int) -> None:
    gan = model(size, channels)
    critic = nn.Sequential(*gan.body, *gan.head)
    pools = (nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.Upsample)
    for net in (gan.generator, critic):
        assert not kinds(net, pools)
        assert not kinds(net, nn.Linear)
    ups, downs = kinds(gan.generator, nn.ConvTranspose2d), kinds(critic, nn.Conv2d)
    doublings = SIZES[size][1]
    assert [m.stride for m in ups] == [(1, 1)] + [(2, 2)] * doublings
    assert [m.stride for m in downs] == [(2, 2)] * doublings + [(1, 1)]
    # Batch normalisation everywhere but at the generator's output and the critic's ends.
    assert len(kinds(gan.generator, nn.BatchNorm2d)) == len(ups) - 1
    assert len(kinds(critic, nn.BatchNorm2d)) == len(downs) - 2
    flat = list(critic)
    assert isinstance(flat[0], nn.Conv2d)
    assert not isinstance(flat[1], nn.BatchNorm2d)
    last = list(gan.generator)
    assert isinstance(last[-1], nn.Tanh)
    assert isinstance(last[-2], nn.ConvTranspose2d)
    assert len(kinds(gan.generator, nn.ReLU)) == doublings
    assert not kinds(gan.generator, nn.LeakyReLU)
    assert not kinds(critic, nn.ReLU)
    slopes = {m.negative_slope for m in kinds(critic, nn.LeakyReLU)}
    assert slopes == {0.2}


@pytest.mark.parametrize("size", [28, 32, 64])
def test_initial_weights(size: int) -> None:
    gan = model(size, 1)
    for net in (gan.generator, nn.Sequential(gan.body, gan.head)):
        convs = kinds(net, (nn.Conv2d, nn.ConvTranspose2d))
        weights = torch.cat([m.weight.detach().flatten() for m in convs])
        assert len(weights) >= 10_000
        assert float(weights.std()) == pytest.approx(0.02, abs=0.001)
        assert float(weights.mean()) == pytest.approx(0.0, abs=0.001)
        gains = torch.cat([m.weight.detach() for m in kinds(net, nn.BatchNorm2d)])
        assert float(gains.mean()) == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize(("size", "channels"), CASES)
def test_output_range_and_size(size: int, channels: int) -> None:
    gan = model(size, channels)
    with scope(0, "z"), torch.no_grad():
        inside = gan.generator(20 * torch.randn(8, gan.latent))
    assert inside.shape == (8, channels, size, size)
    assert -1.0 <= float(inside.min()) < -0.01
    assert 0.01 < float(inside.max()) <= 1.0
    # A 64-pixel picture takes one more pair of layers, with twice the channels.
    limit = 1_000_000 if size < 64 else 2_000_000
    assert sum(p.numel() for p in gan.parameters()) < limit


def test_training_settings() -> None:
    spec = RunSpec.build(model="dcgan", data="mnist5k")
    flat = spec.flat()
    assert (flat["lr"], flat["beta1"], flat["batch"]) == (2e-4, 0.5, 128)
    assert flat["objective"] == "nonsaturating"
