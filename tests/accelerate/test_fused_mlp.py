"""Chains of linear layers, forth and back without the engine, against the engine."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from genlab.accelerate.fused_mlp import FusedMLP, Pass
from genlab.core.random import scope
from genlab.nets import mlp

F64 = torch.float64


def leaky() -> nn.Module:
    return nn.LeakyReLU(0.2)


NETS: dict[str, tuple[Callable[[], nn.Sequential], int]] = {
    "generator": (lambda: mlp([2, 16, 16, 16, 2]), 2),
    "critic": (lambda: mlp([2, 16, 16, 1], leaky), 2),
    "picture": (lambda: nn.Sequential(*mlp([5, 16, 12]), nn.Tanh()), 5),
    "critic of pictures": (lambda: nn.Sequential(nn.Flatten(), *mlp([12, 16, 1], leaky)), 12),
    "square": (lambda: mlp([16, 16, 16, 16], leaky, final=True), 16),
    "one": (lambda: mlp([4, 1]), 4),
}


@pytest.mark.parametrize("label", NETS)
def test_value_and_gradients_are_those_of_the_engine(label: str) -> None:
    make, inputs = NETS[label]
    with scope(0, label):
        net = make().to(F64)
        x, goes = torch.randn(7, inputs, dtype=F64, requires_grad=True), torch.empty(0)
        y = net(x)
        goes = torch.randn_like(y)
    expected = torch.autograd.grad((y * goes).sum(), [x, *net.parameters()])
    fused, to_x = FusedMLP(net), torch.empty(7, inputs, dtype=F64)
    with torch.no_grad():
        ready = Pass(fused, x.detach(), to_x=to_x)
        for _ in range(2):  # A second time on the same places gives the same.
            ready.forward()
            torch.testing.assert_close(ready.out, y.detach())
            ready.gradient.copy_(goes)
            ready.backward()
            fused.assign_gradients()
    torch.testing.assert_close(to_x, expected[0])
    for parameter, gradient in zip(net.parameters(), expected[1:], strict=True):
        assert parameter.grad is not None
        assert parameter.grad.stride() == parameter.stride()
        torch.testing.assert_close(parameter.grad, gradient)


def test_a_pass_takes_the_places_of_one_that_is_over() -> None:
    with scope(0, "places"):
        net = mlp([2, 8, 8, 1], leaky).to(F64)
        x = torch.randn(6, 2, dtype=F64)
    half = x[:3].clone().requires_grad_()
    expected = torch.autograd.grad(net(half).sum(), half)[0]
    with torch.no_grad():
        fused, to_x = FusedMLP(net), torch.empty(3, 2, dtype=F64)
        first = Pass(fused, x)
        second = Pass(fused, x[:3], to_x=to_x, to_weights=False, reuse=first)
        first.forward()
        first.gradient.fill_(1.0)
        first.backward()
        before = [g.clone() for g in fused.gradients]
        second.forward()
        second.gradient.fill_(1.0)
        second.backward()
    torch.testing.assert_close(to_x, expected)
    assert all(torch.equal(a, b) for a, b in zip(before, fused.gradients, strict=True))


@pytest.mark.parametrize("layer", [nn.Softplus(), nn.Linear(2, 2, bias=False), nn.Dropout()])
def test_other_layers_make_no_fused(layer: nn.Module) -> None:
    with pytest.raises(ValueError, match="cannot be part of a FusedMLP"):
        FusedMLP([nn.Linear(2, 2), layer])
