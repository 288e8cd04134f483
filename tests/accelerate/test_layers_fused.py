"""Joined linear layers against ``nn.Sequential``, with gradients of two and three orders."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from genlab.accelerate import FusedSequential, apply_fused, enabled
from genlab.core.random import scope
from genlab.nets import mlp

F64 = torch.float64


def nets(label: str, dtype: torch.dtype = F64) -> tuple[nn.Sequential, nn.Sequential]:
    with scope(0, "nets"):
        made = {
            "critic": lambda: mlp([2, 16, 16, 1], lambda: nn.LeakyReLU(0.2)),
            "generator": lambda: mlp([3, 16, 16, 2]),
            "body": lambda: mlp([12, 16, 9], lambda: nn.LeakyReLU(0.1), final=True),
            "one": lambda: mlp([4, 1]),
            "mixed": lambda: FusedSequential(
                nn.Flatten(),
                nn.Linear(12, 8),
                nn.ReLU(),
                nn.Linear(8, 8, bias=False),
                nn.LeakyReLU(0.3),
                nn.Linear(8, 8),
                nn.Linear(8, 5),
                nn.Tanh(),
            ),
        }[label]().to(dtype)
    return made, nn.Sequential(*copy.deepcopy(list(made)))


SHAPES = {
    "critic": (7, 2),
    "generator": (5, 3),
    "body": (4, 12),
    "one": (3, 4),
    "mixed": (6, 3, 2, 2),
}


def example(label: str, dtype: torch.dtype = F64) -> Tensor:
    with scope(1, label):
        return torch.randn(SHAPES[label], dtype=dtype, requires_grad=True)


@pytest.mark.parametrize("label", SHAPES)
def test_same_function_and_gradients(label: str) -> None:
    one, other = nets(label)
    x = example(label)
    torch.testing.assert_close(one(x), other(x))
    with scope(2, label):
        weights = torch.randn_like(other(x))
    mine = torch.autograd.grad((one(x) * weights).sum(), [x, *one.parameters()])
    theirs = torch.autograd.grad((other(x) * weights).sum(), [x, *other.parameters()])
    for a, b in zip(mine, theirs, strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("label", SHAPES)
def test_single_precision_agrees_to_round_off(label: str) -> None:
    one, other = nets(label, torch.float32)
    x = example(label, torch.float32)
    a, b = one(x), other(x)
    torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-6)
    a.square().mean().backward()
    b.square().mean().backward()
    for mine, theirs in zip(one.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, theirs.grad, rtol=1e-5, atol=1e-7)
        assert mine.grad is not None
        assert mine.grad.is_contiguous()


def penalty(net: nn.Sequential, x: Tensor, alone: bool, order: int) -> list[Tensor]:
    """Gradients of a penalty on the slope, as in WGAN-GP; of the third order in ``order`` 3.

    Args:
        alone: whether the slope is asked for alone, or together with the weights' gradients.
    """
    y = net(x)
    inputs = [x] if alone else [x, *net.parameters()]
    slope, *_ = torch.autograd.grad(y.pow(3).sum(), inputs, create_graph=True)
    lowered = (slope.flatten(1).norm(dim=1) - 1.0).square().sum() + y.sum()
    wanted = [x, *net.parameters()]
    if order == 3:
        grown = torch.autograd.grad(lowered, wanted, create_graph=True, allow_unused=True)
        lowered = sum((g.square().sum() for g in grown if g is not None), torch.zeros(()))
    return [
        torch.zeros(()) if g is None else g
        for g in torch.autograd.grad(lowered, wanted, allow_unused=True)
    ]


@pytest.mark.parametrize("order", [2, 3])
@pytest.mark.parametrize("alone", [False, True])
@pytest.mark.parametrize("label", SHAPES)
def test_a_penalty_on_the_slope_can_be_trained(label: str, alone: bool, order: int) -> None:
    one, other = nets(label)
    x = example(label)
    mine, theirs = penalty(one, x, alone, order), penalty(other, x, alone, order)
    assert any(float(g.abs().sum()) > 0 for g in theirs)
    for a, b in zip(mine, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-7, atol=1e-9)


def test_only_what_requires_a_gradient_gets_one() -> None:
    one, _ = nets("critic")
    for parameter in one.parameters():
        parameter.requires_grad_(False)
    x = example("critic")
    assert not one(x.detach()).requires_grad
    (slope,) = torch.autograd.grad(one(x).sum(), x, create_graph=True)
    plain = torch.autograd.grad(nets("critic")[1](x).sum(), x)[0]
    torch.testing.assert_close(slope.detach(), plain)
    assert all(p.grad is None for p in one.parameters())


def test_layers_of_two_modules_are_joined_and_other_shapes_are_served() -> None:
    body, head = nets("body")[0], nn.Linear(9, 1).to(F64)
    x = example("body")
    together = apply_fused([nn.Flatten(), *body, head], x)
    assert type(together.grad_fn).__name__ == "_LayersBackward"
    torch.testing.assert_close(together, head(nn.Sequential(*body)(x)))
    many = torch.stack([x, 2 * x])
    torch.testing.assert_close(body(many)[1], body(2 * x))
    jacobian = torch.func.vmap(torch.func.jacrev(body))(x.detach())
    torch.testing.assert_close(
        jacobian[0], torch.autograd.functional.jacobian(body, x[:1].detach())[0, :, 0]
    )


def test_the_net_has_the_names_of_a_plain_one() -> None:
    one, other = nets("mixed")
    assert list(one.state_dict()) == list(other.state_dict())


@pytest.mark.parametrize("label", SHAPES)
def test_switched_off_it_is_the_plain_net(label: str) -> None:
    one, other = nets(label)
    x = example(label)
    with enabled(False):
        off = one(x)
    assert torch.equal(off, other(x))
    assert type(off.grad_fn) is type(other(x).grad_fn)


@pytest.mark.parametrize("alone", [False, True])
def test_gradients_of_weights_are_computed_only_where_they_are_wanted(alone: bool) -> None:
    net, _ = nets("critic")
    x = example("critic")
    inputs = [x] if alone else [x, next(net.parameters())]
    slope, *_ = torch.autograd.grad(net(x).sum(), inputs, create_graph=True)
    assert (type(slope.grad_fn).__name__ == "_InputGradientBackward") is alone
