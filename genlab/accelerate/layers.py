"""Runs of linear layers and activations as one node of the graph.

The gradients of every order are those of the separate layers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genlab.accelerate.switch import is_enabled

#: Up to how many columns a matrix product is faster from the other side.
NARROW = 8

_relu_backward = torch.ops.aten.threshold_backward.default
_leaky_backward = torch.ops.aten.leaky_relu_backward.default


def negative_slope(layer: nn.Module) -> float | None:
    """Return the slope below zero of a piecewise linear activation; None for other layers.

    Example:
        >>> negative_slope(nn.ReLU()), negative_slope(nn.LeakyReLU(0.2)), negative_slope(nn.Tanh())
        (0.0, 0.2, None)
    """
    if type(layer) is nn.ReLU:
        return 0.0
    if type(layer) is nn.LeakyReLU and layer.negative_slope > 0.0:
        return float(layer.negative_slope)
    return None


def _is_wanted(edge: tuple[Any, int]) -> bool:
    """Return whether the backward pass in progress asks for the gradient of an input.

    A penalty on a critic's gradient differentiates to the examples alone; the gradients of the
    weights would be computed for nothing.
    """
    node = edge[0]
    if node is None:
        return False
    try:
        return bool(torch._C._will_engine_execute_node(node))
    except RuntimeError:
        # ``autograd.grad`` was asked for this very leaf; the engine refuses to say so.
        return True


def _through_activation(gradient: Tensor, out: Tensor, slope: float) -> Tensor:
    """Return the gradient before an activation, from that after it and from its result."""
    if slope == 1.0:
        return gradient
    if slope == 0.0:
        result: Tensor = _relu_backward(gradient, out, 0)
        return result
    leaky: Tensor = _leaky_backward(gradient, out, slope, True)
    return leaky


def _to_input(gradient: Tensor, weight: Tensor) -> Tensor:
    """Return gradient @ weight, by a way that is fast where one side is narrow."""
    if weight.shape[0] == 1:
        return gradient * weight
    if weight.shape[1] <= NARROW:
        return F.linear(gradient, weight.t().contiguous())
    return gradient @ weight


def _to_weight(gradient: Tensor, x: Tensor) -> Tensor:
    """Return gradientᵀ @ x, likewise."""
    return (x.t() @ gradient).t() if x.shape[1] <= NARROW else gradient.t() @ x


def _layer_outputs(x: Tensor, slopes: Sequence[float], weights: Sequence[Tensor]) -> list[Tensor]:
    """Return x and the result of each layer, by ordinary operations."""
    outs = [x]
    for slope, weight, bias in zip(slopes, weights[::2], weights[1::2], strict=True):
        x = F.linear(x, weight, bias)
        if slope != 1.0:
            x = F.leaky_relu(x, slope) if slope else F.relu(x)
        outs.append(x)
    return outs


def _backward_chain(
    gradient: Tensor, slopes: Sequence[float], outs: Sequence[Tensor], weights: Sequence[Tensor]
) -> list[Tensor]:
    """Return the gradients before the activations, last layer first, and that to the input."""
    gradients = []
    for i in range(len(slopes) - 1, -1, -1):
        gradient = _through_activation(gradient, outs[i], slopes[i])
        gradients.append(gradient)
        gradient = _to_input(gradient, weights[i])
    return [*gradients, gradient]


class _Layers(torch.autograd.Function):
    """Linear layers, each followed by max(slope·y, y), as one node of the graph."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, slopes: tuple[float, ...], *weights: Tensor) -> Tensor:
        outs = [x]
        for i, slope in enumerate(slopes):
            x = F.linear(x, weights[2 * i], weights[2 * i + 1])
            if slope == 0.0:
                x.relu_()
            elif slope != 1.0:
                F.leaky_relu_(x, slope)
            outs.append(x)
        ctx.save_for_backward(*outs, *weights)
        ctx.slopes = slopes
        return x

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = gradients
        slopes, needs, saved = ctx.slopes, ctx.needs_input_grad, ctx.saved_tensors
        n = len(slopes)
        outs, weights = saved[: n + 1], saved[n + 1 :]
        if torch.is_grad_enabled():
            # The edges are those of the tensors alone: x, then the weights.
            if not any(map(_is_wanted, ctx.next_functions[1:])):
                to_x: Tensor = _InputGradient.apply(gradient, slopes, *outs[1:], *weights[::2])  # type: ignore[no-untyped-call]
                return to_x, None, *[None] * len(weights)
            # The result of each layer must then be part of the graph, too.
            outs = _layer_outputs(outs[0], slopes, weights)
        found: list[Tensor | None] = [None] * (2 + len(weights))
        for i in range(n - 1, -1, -1):
            gradient = _through_activation(gradient, outs[i + 1], slopes[i])
            if needs[2 + 2 * i]:
                found[2 + 2 * i] = _to_weight(gradient, outs[i])
            if needs[3 + 2 * i]:
                found[3 + 2 * i] = gradient.sum(0)
            if i or needs[0]:
                gradient = _to_input(gradient, weights[2 * i])
        found[0] = gradient if needs[0] else None
        return tuple(found)


class _InputGradient(torch.autograd.Function):
    """The gradient of :class:`_Layers` to its input, differentiable in the weights.

    Where no activation changes its branch the function is linear, so its gradient does not depend
    on the input. It is a chain of products, whose own gradients the reversed chain gives.
    """

    @staticmethod
    def forward(
        ctx: Any, gradient: Tensor, slopes: tuple[float, ...], *outs_and_weights: Tensor
    ) -> Tensor:
        n = len(slopes)
        outs, weights = outs_and_weights[:n], outs_and_weights[n:]
        *chain, to_input = _backward_chain(gradient, slopes, outs, weights)
        ctx.save_for_backward(gradient, *chain, *outs_and_weights)
        ctx.slopes = slopes
        return to_input

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (back,) = gradients
        slopes, needs, saved = ctx.slopes, ctx.needs_input_grad, ctx.saved_tensors
        n = len(slopes)
        chain, outs, weights = saved[1 : n + 1], saved[n + 1 : 2 * n + 1], saved[2 * n + 1 :]
        if torch.is_grad_enabled():
            chain = _backward_chain(saved[0], slopes, outs, weights)
        found: list[Tensor | None] = [None] * (2 + 2 * n)
        for i in range(n):
            if needs[2 + n + i]:
                found[2 + n + i] = _to_weight(chain[n - 1 - i], back)
            back = _through_activation(F.linear(back, weights[i]), outs[i], slopes[i])
        found[0] = back if needs[0] else None
        return tuple(found)


def apply_fused(layers: Iterable[nn.Module], x: Tensor) -> Tensor:
    """Apply layers in order; runs of linear layers and activations are one node of the graph.

    In small nets the book-keeping of many small operations takes longer than the arithmetic.
    Function and gradients of every order are those of the layers.

    Args:
        layers: any modules; linear layers with ReLU or LeakyReLU between them are joined.
        x: the input of the first layer.
    """
    if not (is_enabled() and x.is_cpu):
        for layer in layers:
            x = layer(x)
        return x
    slopes: list[float] = []
    weights: list[Tensor] = []
    for layer in layers:
        if type(layer).forward is nn.Linear.forward and layer.bias is not None:
            slopes.append(1.0)
            weights += (layer.weight, layer.bias)  # type: ignore[arg-type]
            continue
        slope = negative_slope(layer) if slopes and slopes[-1] == 1.0 else None
        if slope is not None:
            slopes[-1] = slope
            continue
        if slopes:
            x = _joined(x, slopes, weights)
            slopes, weights = [], []
        if not (type(layer) is nn.Flatten and x.dim() == 2):
            x = layer(x)
    return _joined(x, slopes, weights) if slopes else x


def _joined(x: Tensor, slopes: list[float], weights: list[Tensor]) -> Tensor:
    if x.dim() != 2 or torch._C._are_functorch_transforms_active():
        return _layer_outputs(x, slopes, weights)[-1]
    y: Tensor = _Layers.apply(x, tuple(slopes), *weights)  # type: ignore[no-untyped-call]
    return y


class FusedSequential(nn.Sequential):
    """``nn.Sequential``, computed by :func:`apply_fused`."""

    def forward(self, x: Tensor) -> Tensor:
        """The layers applied in order."""
        return apply_fused(self, x)
