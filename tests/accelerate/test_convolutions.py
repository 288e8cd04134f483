"""The layers at the ends of a net against torch's own, with gradients of two orders."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from genlab.accelerate.convolutions import FromCode, FromPicture, ToPicture, channels_last
from genlab.core.random import scope
from genlab.nets.conv import ToMap, ToVector

F64 = torch.float64
CASES = {
    "from picture": (FromPicture, nn.Conv2d, (2, 5, 4), {"stride": 2, "padding": 1}, (3, 2, 6, 6)),
    "from one channel": (
        FromPicture,
        nn.Conv2d,
        (1, 4, 4),
        {"stride": 2, "padding": 1},
        (3, 1, 8, 8),
    ),
    "to picture": (
        ToPicture,
        nn.ConvTranspose2d,
        (4, 1, 4),
        {"stride": 2, "padding": 1},
        (3, 4, 3, 3),
    ),
    "to three channels": (
        ToPicture,
        nn.ConvTranspose2d,
        (4, 3, 4),
        {"stride": 2, "padding": 1},
        (2, 4, 3, 3),
    ),
    "from code": (FromCode, nn.ConvTranspose2d, (4, 3, 5), {}, (3, 4, 1, 1)),
}


def layers(label: str) -> tuple[nn.Module, nn.Module, Tensor]:
    mine, theirs, sizes, settings, shape = CASES[label]
    with scope(0, label):
        one, other = mine(*sizes, **settings).to(F64), theirs(*sizes, **settings).to(F64)
        other.load_state_dict(one.state_dict())
        one.to(memory_format=torch.channels_last)
        return one, other, torch.randn(shape, dtype=F64, requires_grad=True)


@pytest.mark.parametrize("label", CASES)
def test_same_function_and_gradients(label: str) -> None:
    one, other, x = layers(label)
    assert isinstance(one, type(other))
    torch.testing.assert_close(one(x), other(x))
    with scope(1, label):
        weights = torch.randn_like(other(x))
    mine = torch.autograd.grad((one(x) * weights).sum(), [x, *one.parameters()])
    theirs = torch.autograd.grad((other(x) * weights).sum(), [x, *other.parameters()])
    for a, b in zip(mine, theirs, strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("label", CASES)
def test_a_penalty_on_the_gradient_can_be_trained(label: str) -> None:
    """What a gradient penalty needs: the gradient of the gradient's norm."""
    found = []
    for layer in layers(label)[:2]:
        x = layers(label)[2]
        inner = torch.autograd.grad(layer(x).pow(3).sum(), x, create_graph=True)[0]
        grown = torch.autograd.grad(inner.square().sum(), [x, *layer.parameters()])
        found.append(grown)
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b)


def test_one_channel_is_taken_as_channels_last() -> None:
    x = torch.rand(2, 1, 4, 4)
    y = channels_last(x)
    assert torch.equal(x, y)
    assert y.stride()[1] == 1
    net = FromPicture(1, 8, 4, stride=2, padding=1).to(memory_format=torch.channels_last)
    assert net(x).is_contiguous(memory_format=torch.channels_last)


def test_gradients_have_the_strides_of_their_weights() -> None:
    """The fused optimiser walks through memory, so the orders must agree."""
    for label in CASES:
        one, _, x = layers(label)
        one(x).sum().backward()
        for parameter in one.parameters():
            assert parameter.grad is not None
            assert parameter.grad.stride() == parameter.stride()


def test_maps_to_vectors_and_back_without_a_copy() -> None:
    x = torch.rand(2, 3, 4, 4).contiguous(memory_format=torch.channels_last)
    vector = ToVector()(x)
    assert vector.shape == (2, 48)
    assert vector.data_ptr() == x.data_ptr()
    assert torch.equal(vector[0, :3], x[0, :, 0, 0])
    assert torch.equal(ToMap(3, 4)(vector), x)
