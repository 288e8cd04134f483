"""Layers computed in the way that is fastest on a CPU: ends of convolutional nets, small nets.

Where a strided convolution has few channels on the picture's side, the library's kernels for the
map towards the picture (a transposed convolution, or the gradient to the picture) take several
times as long as a matrix product followed by the adding up of overlapping patches. The layers here
are the layers of ``torch.nn`` with the same parameters, the same function and the same gradients
of every order; only the way of computing differs.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

#: Up to how many channels on the picture's side the patches are the faster way.
FEW = 1
_relu_backward = torch.ops.aten.threshold_backward.default
_leaky_backward = torch.ops.aten.leaky_relu_backward.default
# The same, put where it is wanted.
_relu_backward_to = torch.ops.aten.threshold_backward.grad_input
_leaky_backward_to = torch.ops.aten.leaky_relu_backward.grad_input
_tanh_backward = torch.ops.aten.tanh_backward.grad_input


def channels_last(x: Tensor) -> Tensor:
    """The same pictures with the channels innermost in memory.

    With one channel both orders are the same bytes and the library takes such a tensor for the
    other one, so that all layers after it would be slow; the strides then say it.
    """
    if x.shape[1] > 1:
        return x.contiguous(memory_format=torch.channels_last)
    n, _, height, width = x.shape
    return x.contiguous().as_strided(x.shape, (height * width, 1, width, 1)) if n else x


def patches_added(x: Tensor, weight: Tensor, stride: int, padding: int) -> Tensor:
    """The transposed convolution as one matrix product and the sum of overlapping patches.

    Args:
        x: (B, inputs, H, W).
        weight: (inputs, outputs, k, k).

    Returns:
        (B, outputs, sH − s + k − 2p, ...).
    """
    n, inputs, height, width = x.shape
    k = weight.shape[-1]
    pixels = x.permute(0, 2, 3, 1).reshape(-1, inputs)
    patches = (pixels @ weight.flatten(1)).view(n, height * width, -1).transpose(1, 2)
    size = tuple(stride * (side - 1) + k - 2 * padding for side in (height, width))
    return F.fold(patches, size, k, padding=padding, stride=stride)


def _weight_gradient(
    gradient: Tensor, x: Tensor, weight: Tensor, stride: int, padding: int
) -> Tensor:
    """The gradient of the weight of ``conv2d(x, weight)``, in the weight's own memory order."""
    found: Tensor = torch.ops.aten.convolution_backward(
        gradient,
        x,
        weight,
        None,
        [stride, stride],
        [padding, padding],
        [1, 1],
        False,
        [0, 0],
        1,
        [False, True, False],
    )[1]
    return found


class _Down(torch.autograd.Function):
    """conv2d, whose gradient to the picture is computed by patches."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, stride: int, padding: int
    ) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.where = stride, padding
        return F.conv2d(x, weight, bias, stride, padding)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = gradients
        x, weight = ctx.saved_tensors
        for_x, for_weight, for_bias, *_ = ctx.needs_input_grad
        return (
            patches_added(gradient, weight, *ctx.where) if for_x else None,
            _weight_gradient(gradient, x, weight, *ctx.where) if for_weight else None,
            gradient.sum(dim=(0, 2, 3)) if for_bias else None,
            None,
            None,
        )


class _Up(torch.autograd.Function):
    """conv_transpose2d by patches, whose gradients are those of a convolution."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, stride: int, padding: int) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.where = stride, padding
        return patches_added(x, weight, stride, padding)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        gradient = channels_last(gradients[0])
        x, weight = ctx.saved_tensors
        stride, padding = ctx.where
        to_x = (
            F.conv2d(gradient, weight, None, stride, padding) if ctx.needs_input_grad[0] else None
        )
        # The convolution back has the same weight: picture and map change roles.
        to_weight = (
            _weight_gradient(x, gradient, weight, stride, padding)
            if ctx.needs_input_grad[1]
            else None
        )
        return to_x, to_weight, None, None


class FromPicture(nn.Conv2d):
    """A strided convolution that reads a picture of few channels."""

    def forward(self, x: Tensor) -> Tensor:
        x = channels_last(x)
        y: Tensor = _Down.apply(x, self.weight, self.bias, self.stride[0], self.padding[0])
        return y


class ToPicture(nn.ConvTranspose2d):
    """A fractionally strided convolution that makes a picture of few channels."""

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        y: Tensor = _Up.apply(x, self.weight, self.stride[0], self.padding[0])
        return y if self.bias is None else y + self.bias.view(1, -1, 1, 1)


class FromCode(nn.ConvTranspose2d):
    """A transposed convolution of a single pixel, (B, inputs, 1, 1): one matrix product."""

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        inputs, outputs, height, width = self.weight.shape
        y = x.flatten(1) @ self.weight.permute(0, 2, 3, 1).reshape(inputs, -1)
        y = y.view(len(x), height, width, outputs).permute(0, 3, 1, 2)
        return y if self.bias is None else y + self.bias.view(1, -1, 1, 1)


class ToVector(nn.Module):
    """Maps to vectors with the channels innermost, as they lie in memory: no copy."""

    def forward(self, x: Tensor) -> Tensor:
        return x.permute(0, 2, 3, 1).flatten(1)


class ToMap(nn.Module):
    """Vectors to maps with the channels innermost: no copy.

    Args:
        channels: of the map.
        side: of the map, in pixels.
    """

    def __init__(self, channels: int, side: int) -> None:
        super().__init__()
        self.channels, self.side = channels, side

    def forward(self, x: Tensor) -> Tensor:
        return x.view(-1, self.side, self.side, self.channels).permute(0, 3, 1, 2)


#: Up to how many columns a matrix product is done from the other side.
NARROW = 8

_inputs_alone = False


@contextlib.contextmanager
def inputs_alone() -> Iterator[None]:
    """Inside, gradients that are themselves differentiated are asked for inputs alone.

    The engine does not tell a function which of its gradients are wanted; those of the weights
    would be found for nothing, once more for each penalty on a slope.
    """
    global _inputs_alone
    before, _inputs_alone = _inputs_alone, True
    try:
        yield
    finally:
        _inputs_alone = before


def _unbend(gradient: Tensor, out: Tensor, bend: float) -> Tensor:
    """The gradient before an activation, from that after it and from its result."""
    if bend == 1.0:
        return gradient
    if bend == 0.0:
        return _relu_backward(gradient, out, 0)
    return _leaky_backward(gradient, out, bend, True)


def _to_input(gradient: Tensor, weight: Tensor) -> Tensor:
    """gradient @ weight; the library is slow where one side is narrow."""
    if weight.shape[0] == 1:
        return gradient * weight
    if weight.shape[1] <= NARROW:
        return F.linear(gradient, weight.t().contiguous())
    return gradient @ weight


def _to_weight(gradient: Tensor, x: Tensor) -> Tensor:
    """gradient^T @ x, likewise."""
    return (x.t() @ gradient).t() if x.shape[1] <= NARROW else gradient.t() @ x


def _outs(x: Tensor, bends: Sequence[float], weights: Sequence[Tensor]) -> list[Tensor]:
    """x and what comes out of each layer, by ordinary operations."""
    kept = [x]
    for bend, weight, bias in zip(bends, weights[::2], weights[1::2], strict=True):
        x = F.linear(x, weight, bias)
        if bend != 1.0:
            x = F.leaky_relu(x, bend) if bend else F.relu(x)
        kept.append(x)
    return kept


def _chain(
    gradient: Tensor, bends: Sequence[float], outs: Sequence[Tensor], weights: Sequence[Tensor]
) -> list[Tensor]:
    """The gradients before the activations, last layer first, and that to the input."""
    kept = []
    for i in range(len(bends) - 1, -1, -1):
        gradient = _unbend(gradient, outs[i], bends[i])
        kept.append(gradient)
        gradient = _to_input(gradient, weights[i])
    return [*kept, gradient]


class _Layers(torch.autograd.Function):
    """Linear layers, each followed by max(bend·y, y), as one node of the graph."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, bends: tuple[float, ...], *weights: Tensor) -> Tensor:
        kept = [x]
        for i, bend in enumerate(bends):
            x = F.linear(x, weights[2 * i], weights[2 * i + 1])
            if bend == 0.0:
                x.relu_()
            elif bend != 1.0:
                F.leaky_relu_(x, bend)
            kept.append(x)
        ctx.save_for_backward(*kept, *weights)
        ctx.bends = bends
        return x

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = gradients
        bends, needs, saved = ctx.bends, ctx.needs_input_grad, ctx.saved_tensors
        n = len(bends)
        kept, weights = saved[: n + 1], saved[n + 1 :]
        if torch.is_grad_enabled():
            if _inputs_alone:
                to_x: Tensor = _Slope.apply(gradient, bends, *kept[1:], *weights[::2])
                return to_x, None, *[None] * len(weights)
            # What comes out of each layer is then part of the graph, too.
            kept = _outs(kept[0], bends, weights)
        found: list[Tensor | None] = [None] * (2 + len(weights))
        for i in range(n - 1, -1, -1):
            gradient = _unbend(gradient, kept[i + 1], bends[i])
            if needs[2 + 2 * i]:
                found[2 + 2 * i] = _to_weight(gradient, kept[i])
            if needs[3 + 2 * i]:
                found[3 + 2 * i] = gradient.sum(0)
            if i or needs[0]:
                gradient = _to_input(gradient, weights[2 * i])
        found[0] = gradient if needs[0] else None
        return tuple(found)


class _Slope(torch.autograd.Function):
    """The gradient of :class:`_Layers` to its input, differentiable in the weights.

    Between its bends the function is linear, so the slope does not depend on the input itself:
    it is a chain of products whose own gradients are found by the same chain, walked back.
    """

    @staticmethod
    def forward(
        ctx: Any, gradient: Tensor, bends: tuple[float, ...], *outs_and_weights: Tensor
    ) -> Tensor:
        n = len(bends)
        outs, weights = outs_and_weights[:n], outs_and_weights[n:]
        *kept, slope = _chain(gradient, bends, outs, weights)
        ctx.save_for_backward(gradient, *kept, *outs_and_weights)
        ctx.bends = bends
        return slope

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (back,) = gradients
        bends, needs, saved = ctx.bends, ctx.needs_input_grad, ctx.saved_tensors
        n = len(bends)
        kept, outs, weights = saved[1 : n + 1], saved[n + 1 : 2 * n + 1], saved[2 * n + 1 :]
        if torch.is_grad_enabled():
            kept = _chain(saved[0], bends, outs, weights)
        found: list[Tensor | None] = [None] * (2 + 2 * n)
        for i in range(n):
            if needs[2 + n + i]:
                found[2 + n + i] = _to_weight(kept[n - 1 - i], back)
            back = _unbend(F.linear(back, weights[i]), outs[i], bends[i])
        found[0] = back if needs[0] else None
        return tuple(found)


def _bend(layer: nn.Module) -> float | None:
    """The slope below zero of an activation with two straight sides; None for other layers."""
    if type(layer) is nn.ReLU:
        return 0.0
    if type(layer) is nn.LeakyReLU and layer.negative_slope > 0.0:
        return float(layer.negative_slope)
    return None


class FusedMLP:
    """Linear layers and their activations, to be run and differentiated without the engine.

    For small nets the graph costs more than the arithmetic.

    Args:
        layers: linear layers with bias, with ReLU or LeakyReLU between, perhaps Tanh at the end;
            what flattens is left out.

    Raises:
        ValueError: for another layer.
    """

    def __init__(self, layers: Iterable[nn.Module]) -> None:
        self.bends: list[float] = []
        self.weights: list[Tensor] = []
        self.tanh = False
        for layer in layers:
            bend = _bend(layer) if self.bends and self.bends[-1] == 1.0 else None
            if type(layer) is nn.Linear and layer.bias is not None and not self.tanh:
                self.bends.append(1.0)
                self.weights += (layer.weight, layer.bias)
            elif bend is not None and not self.tanh:
                self.bends[-1] = bend
            elif type(layer) is nn.Tanh and self.bends and not self.tanh:
                self.tanh = True
            elif type(layer) is not nn.Flatten:
                raise ValueError(f"{layer} is no part of a chain")
        self.gradients = [torch.empty_like(weight) for weight in self.weights]

    def sizes(self) -> tuple[int, int]:
        """The entries of an input and of a result."""
        return self.weights[0].shape[1], self.weights[-1].shape[0]

    def give(self) -> None:
        """Put the gradients that were found last into the weights' ``.grad``."""
        if self.weights[0].grad is not self.gradients[0]:
            for weight, gradient in zip(self.weights, self.gradients, strict=True):
                weight.grad = gradient


class Pass:
    """A chain on batches of one size, forth and back: the arithmetic of :func:`in_turn` alone.

    Every intermediate has its place and every operation its arguments from the start, so that a
    pass allocates nothing and decides nothing. To be run outside a graph (``torch.no_grad``).

    Args:
        chain: the layers.
        x: where the batch will be, (B, inputs).
        out: where the result is to be, (B, outputs).
        to_x: where the gradient to the batch is to be, (B, inputs), if that is wanted.
        to_weights: whether those of the weights are wanted; they will be ``chain.gradients``.
        over: a pass of at least as many examples whose places serve again; it is then over.

    Example:
        >>> net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))
        >>> x = torch.rand(5, 3)
        >>> with torch.no_grad():
        ...     ready = Pass(chain := FusedMLP(net), x)
        ...     ready.forward()
        ...     _ = ready.gradient.fill_(1.0)  # of what is lowered, to the result
        ...     ready.backward()
        ...     bool((ready.out == net(x)).all()), chain.gradients[3].item()
        (True, 5.0)
    """

    def __init__(
        self,
        chain: FusedMLP,
        x: Tensor,
        out: Tensor | None = None,
        *,
        to_x: Tensor | None = None,
        to_weights: bool = True,
        over: Pass | None = None,
    ) -> None:
        bends, weights = chain.bends, [weight.detach() for weight in chain.weights]
        self.x = x
        outs: list[Tensor] = [x]
        if over is None:
            outs += [x.new_empty(len(x), bias.shape[0]) for bias in weights[1::2]]
        else:
            outs += [place[: len(x)] for place in over.outs[1:]]
        self.outs: list[Tensor] = outs
        if out is not None:
            outs[-1] = out
        #: The result; and where its gradient is put before :meth:`backward`, which spoils it.
        self.out, self.gradient = outs[-1], torch.empty_like(outs[-1])
        forth: list[Callable[[], Any]] = []
        for i, bend in enumerate(bends):
            forth.append(
                partial(
                    torch.addmm, weights[2 * i + 1], outs[i], weights[2 * i].t(), out=outs[i + 1]
                )
            )
            if bend == 0.0:
                forth.append(outs[i + 1].relu_)
            elif bend != 1.0:
                forth.append(partial(F.leaky_relu_, outs[i + 1], bend))
        back: list[Callable[[], Any]] = []
        gradient = self.gradient
        if chain.tanh:
            forth.append(self.out.tanh_)
            back.append(partial(_tanh_backward, gradient, self.out, grad_input=gradient))
        for i in range(len(bends) - 1, -1, -1):
            bend, weight = bends[i], weights[2 * i]
            if bend == 0.0:
                back.append(
                    partial(_relu_backward_to, gradient, outs[i + 1], 0, grad_input=gradient)
                )
            elif bend != 1.0:
                back.append(
                    partial(
                        _leaky_backward_to,
                        gradient,
                        outs[i + 1],
                        bend,
                        True,
                        grad_input=gradient,
                    )
                )
            if to_weights:
                back += _weight_into(gradient, outs[i], chain.gradients[2 * i])
                back.append(partial(torch.sum, gradient, 0, out=chain.gradients[2 * i + 1]))
            if i or to_x is not None:
                # What came out behind is not needed any more, and its memory is at hand.
                behind = outs[i + 1]
                if i == 0 and to_x is not None:
                    before = to_x
                elif i + 1 < len(bends) and behind.shape == outs[i].shape:
                    before = behind
                else:
                    before = torch.empty_like(outs[i])
                back += _input_into(gradient, weight, before)
                gradient = before
        self._forth, self._back = tuple(forth), tuple(back)

    def forward(self) -> None:
        """From ``x`` to ``out``."""
        for operation in self._forth:
            operation()

    def backward(self) -> None:
        """From ``gradient`` to what is wanted; what was there before is overwritten."""
        for operation in self._back:
            operation()


def _input_into(gradient: Tensor, weight: Tensor, out: Tensor) -> list[Callable[[], Any]]:
    """:func:`_to_input`, put into ``out``."""
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
    """:func:`_to_weight`, put into ``out``."""
    if x.shape[1] <= NARROW:
        turned = torch.empty_like(out.t(), memory_format=torch.contiguous_format)
        return [
            partial(torch.mm, x.t(), gradient, out=turned),
            partial(out.copy_, turned.t()),
        ]
    return [partial(torch.mm, gradient.t(), x, out=out)]


def in_turn(layers: Iterable[nn.Module], x: Tensor) -> Tensor:
    """The layers one after another; linear layers and their activations as one node of the graph.

    For small nets most of the time of a training step is not the arithmetic but the book-keeping
    of many small operations. Function and gradients of every order are those of the layers.

    Args:
        layers: any modules; runs of linear layers with ReLU or LeakyReLU between are joined.
        x: what the first of them takes.
    """
    bends: list[float] = []
    weights: list[Tensor] = []
    for layer in layers:
        if type(layer).forward is nn.Linear.forward and layer.bias is not None:
            bends.append(1.0)
            weights += (layer.weight, layer.bias)  # type: ignore[arg-type]
            continue
        bend = _bend(layer) if bends and bends[-1] == 1.0 else None
        if bend is not None:
            bends[-1] = bend
            continue
        if bends:
            x = _joined(x, bends, weights)
            bends, weights = [], []
        if not (type(layer) is nn.Flatten and x.dim() == 2):
            x = layer(x)
    return _joined(x, bends, weights) if bends else x


def _joined(x: Tensor, bends: list[float], weights: list[Tensor]) -> Tensor:
    if x.dim() != 2 or torch._C._are_functorch_transforms_active():
        return _outs(x, bends, weights)[-1]
    y: Tensor = _Layers.apply(x, tuple(bends), *weights)
    return y


class InTurn(nn.Sequential):
    """``nn.Sequential``, computed by :func:`in_turn`."""

    def forward(self, x: Tensor) -> Tensor:
        return in_turn(self, x)
