"""Layers that see only the past: masked linear layers (MADE) and gated masked convolutions."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def spread_degrees(units: int, dim: int, generator: torch.Generator | None) -> Tensor:
    """Degrees in {1, ..., dim - 1}, each as often as any other, in a random order of the units.

    Even rather than independent draws: with at least ``dim - 1`` units no degree is missing, so no
    output loses an input that it may see.

    Args:
        units: size of the hidden layer.
        dim: number of inputs.
        generator: shuffles the units; None leaves them in ascending order.

    Example:
        >>> spread_degrees(4, 3, None).tolist()
        [1, 1, 2, 2]
    """
    degrees = 1 + torch.arange(units) * max(dim - 1, 1) // units
    if generator is None:
        return degrees
    return degrees[torch.randperm(units, generator=generator)]


class MaskedMLP(nn.Module):
    """MADE's network: output i is a function of the inputs before i alone, and of nothing else.

    A unit k has a degree m(k); the masks are M^W = 1[m(k) >= m_in] into a hidden layer and,
    strict, M^V = 1[d > m(k)] into output d. Inputs and outputs have the degrees 1, ..., D. Several
    sets of masks share one set of weights.

    Source: Germain, Gregor, Murray and Larochelle 2015, "MADE: Masked autoencoder for distribution
    estimation".

    Args:
        dim: number D of inputs and outputs.
        hidden: units in each hidden layer.
        layers: hidden layers.
        masks: sets of masks.
        seed: of the masks; the weights come from the global stream.
        direct: whether inputs also reach the outputs directly.

    Example:
        >>> net = MaskedMLP(3, hidden=8, layers=1)
        >>> bool(net(torch.zeros(1, 3))[0, 0] == net(torch.ones(1, 3))[0, 0])
        True
    """

    def __init__(
        self,
        dim: int,
        *,
        hidden: int,
        layers: int,
        masks: int = 1,
        seed: int = 0,
        direct: bool = True,
    ) -> None:
        super().__init__()
        self.dim, self.masks = dim, masks
        sizes = [dim, *[hidden] * layers, dim]
        self.linears = nn.ModuleList(nn.Linear(a, b) for a, b in itertools.pairwise(sizes))
        self.direct = nn.Parameter(torch.zeros(dim, dim)) if direct else None
        if self.direct is not None:
            nn.init.uniform_(self.direct, -(dim**-0.5), dim**-0.5)
        source = torch.Generator().manual_seed(seed)
        inputs = torch.arange(1, dim + 1)
        stacks: list[list[Tensor]] = [[] for _ in range(layers + 1)]
        for _ in range(masks):
            before = inputs
            for layer in range(layers):
                after = spread_degrees(hidden, dim, source)
                stacks[layer].append(after[:, None] >= before[None, :])
                before = after
            stacks[layers].append(inputs[:, None] > before[None, :])
        for layer, stack in enumerate(stacks):
            # Not in the state: the masks follow from the arguments.
            self.register_buffer(f"mask{layer}", torch.stack(stack), persistent=False)

    def weight(self, layer: int, mask: int) -> Tensor:
        """The weights of a layer that one set of masks lets through, (out, in)."""
        linear: nn.Linear = self.linears[layer]  # type: ignore[assignment]
        result: Tensor = linear.weight * getattr(self, f"mask{layer}")[mask]
        return result

    def bias(self, layer: int) -> Tensor:
        """The biases of a layer, (out,)."""
        linear: nn.Linear = self.linears[layer]  # type: ignore[assignment]
        return linear.bias

    def direct_weight(self) -> Tensor | None:
        """The weights from inputs straight to later outputs, (D, D), or None."""
        return None if self.direct is None else self.direct.tril(-1)

    def forward(self, x: Tensor, mask: int = 0) -> Tensor:
        """The outputs under one set of masks, (B, D) -> (B, D)."""
        h = x
        last = len(self.linears) - 1
        for layer in range(last):
            h = F.relu(F.linear(h, self.weight(layer, mask), self.bias(layer)))
        out = F.linear(h, self.weight(last, mask), self.bias(last))
        direct = self.direct_weight()
        return out if direct is None else out + F.linear(x, direct)


class GatedMaskedConv(nn.Module):
    r"""One layer of the gated PixelCNN: a vertical stack (rows above) and a horizontal one (left).

    y = tanh(W_f * x) ⊙ σ(W_g * x) in each stack; the horizontal stack adds a 1x1 view of the
    vertical one at the same place, so together they see *every* pixel above and to the left and
    there is no blind spot. A mask of zeros over the future half of a kernel is the same function
    as a kernel without that half; the halves are left out here, at half the work. ``first`` is
    mask A (the pixel itself is hidden), otherwise mask B.

    Source: van den Oord, Kalchbrenner, Vinyals, Espeholt, Graves and Kavukcuoglu 2016,
    "Conditional image generation with PixelCNN decoders".

    Args:
        channels: channels that come in.
        width: channels of each stack that go out.
        kernel: odd size of the unmasked kernel, at least 3.
        first: whether this is the layer that sees the image itself.
    """

    def __init__(self, channels: int, width: int, kernel: int, *, first: bool) -> None:
        super().__init__()
        self.pad, self.first = kernel // 2, first
        #: Rows of the vertical kernel; columns of the horizontal one.
        self.reach = self.pad if first else self.pad + 1
        self.vertical = nn.Conv2d(channels, 2 * width, (self.reach, kernel))
        self.horizontal = nn.Conv2d(channels, 2 * width, (1, self.reach))
        self.across = nn.Conv2d(2 * width, 2 * width, 1)
        self.out = nn.Conv2d(width, width, 1)

    @staticmethod
    def gate(pre: Tensor) -> Tensor:
        """tanh of one half of the channels times the logistic function of the other."""
        signal, gate = pre.chunk(2, dim=1)
        return torch.tanh(signal) * torch.sigmoid(gate)

    def finish(self, pre: Tensor, before: Tensor) -> Tensor:
        """The horizontal output from its pre-activation and its own input (residual)."""
        out = self.out(self.gate(pre))
        result: Tensor = out if self.first else out + before
        return result

    def forward(self, v: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        """Both stacks, each (B, channels, H, W) -> (B, width, H, W)."""
        p = self.pad
        above, left = F.pad(v, (p, p, p, 0)), F.pad(h, (p, 0, 0, 0))
        if self.first:
            above, left = above[:, :, :-1], left[:, :, :, :-1]
        pre = self.vertical(above)
        return self.gate(pre), self.finish(self.horizontal(left) + self.across(pre), h)
