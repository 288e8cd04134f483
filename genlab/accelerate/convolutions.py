"""Convolutions next to a picture of few channels, computed by patches.

Where a strided convolution has few channels on the picture's side, PyTorch's CPU kernels for the
map towards the picture (a transposed convolution, or the gradient to the picture) take several
times as long as a matrix product followed by the sum of overlapping patches. The layers here have
the parameters, the function and the gradients of every order of those of ``torch.nn``.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genlab.accelerate.switch import is_enabled

#: Up to how many channels on the picture's side the patches are the faster way.
MAX_CHANNELS = 1


def channels_last(x: Tensor) -> Tensor:
    """Return the same pictures with the channels innermost in memory.

    With one channel both orders are the same bytes, and PyTorch takes such a tensor for one with
    the channels outermost, which makes all later layers slow. Explicit strides prevent that.

    Args:
        x: (B, channels, H, W).
    """
    if x.shape[1] > 1:
        return x.contiguous(memory_format=torch.channels_last)
    n, _, height, width = x.shape
    return x.contiguous().as_strided(x.shape, (height * width, 1, width, 1)) if n else x


def sum_patches(x: Tensor, weight: Tensor, stride: int, padding: int) -> Tensor:
    """Compute a transposed convolution as a matrix product and a sum of overlapping patches.

    Args:
        x: (B, inputs, H, W).
        weight: (inputs, outputs, k, k).
        stride: s, in pixels.
        padding: p, in pixels.

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
    result: Tensor = torch.ops.aten.convolution_backward(
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
    return result


class _Down(torch.autograd.Function):
    """conv2d, whose gradient to the picture is computed by patches."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, stride: int, padding: int
    ) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.geometry = stride, padding
        return F.conv2d(x, weight, bias, stride, padding)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = gradients
        x, weight = ctx.saved_tensors
        for_x, for_weight, for_bias, *_ = ctx.needs_input_grad
        return (
            sum_patches(gradient, weight, *ctx.geometry) if for_x else None,
            _weight_gradient(gradient, x, weight, *ctx.geometry) if for_weight else None,
            gradient.sum(dim=(0, 2, 3)) if for_bias else None,
            None,
            None,
        )


class _Up(torch.autograd.Function):
    """conv_transpose2d by patches, whose gradients are those of a convolution."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, stride: int, padding: int) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.geometry = stride, padding
        return sum_patches(x, weight, stride, padding)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        gradient = channels_last(gradients[0])
        x, weight = ctx.saved_tensors
        stride, padding = ctx.geometry
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
        """The convolution of pictures, (B, inputs, H, W)."""
        if not (is_enabled() and x.is_cpu):
            return super().forward(x)
        x = channels_last(x)
        y: Tensor = _Down.apply(x, self.weight, self.bias, self.stride[0], self.padding[0])  # type: ignore[no-untyped-call]
        return y


class ToPicture(nn.ConvTranspose2d):
    """A fractionally strided convolution that makes a picture of few channels."""

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        """The transposed convolution of maps, (B, inputs, H, W)."""
        if not (is_enabled() and x.is_cpu):
            return super().forward(x, output_size)
        y: Tensor = _Up.apply(x, self.weight, self.stride[0], self.padding[0])  # type: ignore[no-untyped-call]
        return y if self.bias is None else y + self.bias.view(1, -1, 1, 1)


class FromCode(nn.ConvTranspose2d):
    """A transposed convolution of a single pixel, (B, inputs, 1, 1): one matrix product."""

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        """The map that each single pixel makes, (B, inputs, 1, 1) -> (B, outputs, k, k)."""
        if not (is_enabled() and x.is_cpu):
            return super().forward(x, output_size)
        inputs, outputs, height, width = self.weight.shape
        y = x.flatten(1) @ self.weight.permute(0, 2, 3, 1).reshape(inputs, -1)
        y = y.view(len(x), height, width, outputs).permute(0, 3, 1, 2)
        return y if self.bias is None else y + self.bias.view(1, -1, 1, 1)
