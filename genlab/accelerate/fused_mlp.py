"""Small nets of linear layers, run and differentiated without a graph in reused memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genlab.accelerate.layers import NARROW, negative_slope

_relu_backward = torch.ops.aten.threshold_backward.grad_input
_leaky_backward = torch.ops.aten.leaky_relu_backward.grad_input
_tanh_backward = torch.ops.aten.tanh_backward.grad_input


class FusedMLP:
    """The weights of linear layers and their activations, to be run without a graph.

    In small nets the graph costs more than the arithmetic.

    Args:
        layers: linear layers with bias, with ReLU or LeakyReLU between them and at most a Tanh at
            the end; ``Flatten`` is skipped.

    Raises:
        ValueError: for another layer.

    Example:
        >>> FusedMLP([nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1)]).sizes()
        (3, 1)
    """

    def __init__(self, layers: Iterable[nn.Module]) -> None:
        self.slopes: list[float] = []
        self.weights: list[Tensor] = []
        self.tanh = False
        for layer in layers:
            slope = negative_slope(layer) if self.slopes and self.slopes[-1] == 1.0 else None
            if type(layer) is nn.Linear and layer.bias is not None and not self.tanh:
                self.slopes.append(1.0)
                self.weights += (layer.weight, layer.bias)
            elif slope is not None and not self.tanh:
                self.slopes[-1] = slope
            elif type(layer) is nn.Tanh and self.slopes and not self.tanh:
                self.tanh = True
            elif type(layer) is not nn.Flatten:
                raise ValueError(f"{layer} cannot be part of a FusedMLP")
        self.gradients = [torch.empty_like(weight) for weight in self.weights]

    def sizes(self) -> tuple[int, int]:
        """Return the sizes of an input and of an output."""
        return self.weights[0].shape[1], self.weights[-1].shape[0]

    def assign_gradients(self) -> None:
        """Let the weights' ``.grad`` be the gradients of the last backward pass."""
        if self.weights[0].grad is not self.gradients[0]:
            for weight, gradient in zip(self.weights, self.gradients, strict=True):
                weight.grad = gradient


class Pass:
    """Forward and backward pass of a :class:`FusedMLP` on batches of one size.

    All memory and all arguments are set at the start, so that a pass allocates nothing and decides
    nothing. Use it without a graph (``torch.no_grad``).

    Args:
        mlp: the layers.
        x: buffer of the batch, (B, inputs).
        out: buffer of the result, (B, outputs); None: a new one.
        to_x: buffer of the gradient to the batch, (B, inputs); None: it is not computed.
        to_weights: whether the weights' gradients are computed, into ``mlp.gradients``.
        reuse: a pass of at least as many examples whose buffers this one overwrites.

    Example:
        >>> net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))
        >>> x = torch.rand(5, 3)
        >>> with torch.no_grad():
        ...     ready = Pass(fused := FusedMLP(net), x)
        ...     ready.forward()
        ...     _ = ready.gradient.fill_(1.0)  # of the loss to the result
        ...     ready.backward()
        ...     bool((ready.out == net(x)).all()), fused.gradients[3].item()
        (True, 5.0)
    """

    def __init__(
        self,
        mlp: FusedMLP,
        x: Tensor,
        out: Tensor | None = None,
        *,
        to_x: Tensor | None = None,
        to_weights: bool = True,
        reuse: Pass | None = None,
    ) -> None:
        slopes, weights = mlp.slopes, [weight.detach() for weight in mlp.weights]
        self.x = x
        outs: list[Tensor] = [x]
        if reuse is None:
            outs += [x.new_empty(len(x), bias.shape[0]) for bias in weights[1::2]]
        else:
            outs += [buffer[: len(x)] for buffer in reuse.outs[1:]]
        self.outs: list[Tensor] = outs
        if out is not None:
            outs[-1] = out
        #: The result, and the buffer of its gradient, which :meth:`backward` overwrites.
        self.out, self.gradient = outs[-1], torch.empty_like(outs[-1])
        forward_calls: list[Callable[[], Any]] = []
        for i, slope in enumerate(slopes):
            forward_calls.append(
                partial(
                    torch.addmm, weights[2 * i + 1], outs[i], weights[2 * i].t(), out=outs[i + 1]
                )
            )
            if slope == 0.0:
                forward_calls.append(outs[i + 1].relu_)
            elif slope != 1.0:
                forward_calls.append(partial(F.leaky_relu_, outs[i + 1], slope))
        backward_calls: list[Callable[[], Any]] = []
        gradient = self.gradient
        if mlp.tanh:
            forward_calls.append(self.out.tanh_)
            backward_calls.append(partial(_tanh_backward, gradient, self.out, grad_input=gradient))
        for i in range(len(slopes) - 1, -1, -1):
            slope, weight = slopes[i], weights[2 * i]
            if slope == 0.0:
                backward_calls.append(
                    partial(_relu_backward, gradient, outs[i + 1], 0, grad_input=gradient)
                )
            elif slope != 1.0:
                backward_calls.append(
                    partial(
                        _leaky_backward,
                        gradient,
                        outs[i + 1],
                        slope,
                        True,
                        grad_input=gradient,
                    )
                )
            if to_weights:
                backward_calls += _weight_into(gradient, outs[i], mlp.gradients[2 * i])
                backward_calls.append(
                    partial(torch.sum, gradient, 0, out=mlp.gradients[2 * i + 1])
                )
            if i or to_x is not None:
                # The result of this layer is not needed any more; its memory serves again.
                behind = outs[i + 1]
                if i == 0 and to_x is not None:
                    before = to_x
                elif i + 1 < len(slopes) and behind.shape == outs[i].shape:
                    before = behind
                else:
                    before = torch.empty_like(outs[i])
                backward_calls += _input_into(gradient, weight, before)
                gradient = before
        self._forward, self._backward = tuple(forward_calls), tuple(backward_calls)

    def forward(self) -> None:
        """Compute ``out`` from ``x``."""
        for operation in self._forward:
            operation()

    def backward(self) -> None:
        """Compute the wanted gradients from ``gradient``; earlier ones are overwritten."""
        for operation in self._backward:
            operation()


def _input_into(gradient: Tensor, weight: Tensor, out: Tensor) -> list[Callable[[], Any]]:
    """Return the calls that put gradient @ weight into ``out``."""
    if weight.shape[0] == 1:
        return [partial(torch.mul, gradient, weight, out=out)]
    if weight.shape[1] <= NARROW:
        turned = torch.empty_like(weight.t(), memory_format=torch.contiguous_format)
        return [
            partial(turned.copy_, weight.t()),
            partial(torch.mm, gradient, turned.t(), out=out),
        ]
    return [partial(torch.mm, gradient, weight, out=out)]


def _weight_into(gradient: Tensor, x: Tensor, out: Tensor) -> list[Callable[[], Any]]:
    """Return the calls that put gradientᵀ @ x into ``out``."""
    if x.shape[1] <= NARROW:
        turned = torch.empty_like(out.t(), memory_format=torch.contiguous_format)
        return [
            partial(torch.mm, x.t(), gradient, out=turned),
            partial(out.copy_, turned.t()),
        ]
    return [partial(torch.mm, gradient.t(), x, out=out)]
