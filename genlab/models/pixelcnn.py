"""The gated PixelCNN."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genlab.core.options import Options, option
from genlab.core.tables import MODELS
from genlab.data.base import DataMeta
from genlab.models.visible import Cursor, FullyVisible
from genlab.nets.masked import GatedMaskedConv


@dataclass(frozen=True)
class PixelCNNOptions(Options):
    """Options of the gated PixelCNN."""

    width: int = option(16, "channels of each stack", low=2, high=256, log=True, label="Channels")
    layers: int = option(
        5, "gated layers, the first one included", low=1, high=20, label="Hidden layers"
    )
    kernel: int = option(
        7,
        "size of the first kernel; the later ones are 3",
        choices=(3, 5, 7),
        label="First kernel size",
    )


@MODELS.register(
    "pixelcnn",
    title="Gated PixelCNN",
    summary="Masked convolutions: each pixel depends on those above it and to its left.",
    order=210,
)
class PixelCNN(FullyVisible[PixelCNNOptions]):
    """p(x_i = 1 | x_<i) = σ(net_i(x)), row by row, with a vertical and a horizontal stack.

    The receptive field grows with the layers: kernel // 2 + layers - 1 rows up, and as many
    columns to each side.

    Source: van den Oord, Kalchbrenner, Vinyals, Espeholt, Graves and Kavukcuoglu 2016,
    "Conditional image generation with PixelCNN decoders".

    Args:
        options: width, layers, first kernel.
        meta: binary images of one channel.
    """

    Options = PixelCNNOptions

    def __init__(self, options: PixelCNNOptions, meta: DataMeta) -> None:
        super().__init__(options, meta)
        width = options.width
        self.blocks = nn.ModuleList(
            [
                GatedMaskedConv(1, width, options.kernel, first=True),
                *(
                    GatedMaskedConv(width, width, 3, first=False)
                    for _ in range(options.layers - 1)
                ),
            ]
        )
        self.mix = nn.Conv2d(width, width, 1)
        self.head = nn.Conv2d(width, 1, 1)

    @classmethod
    def incompatibility(cls, meta: DataMeta) -> str | None:
        if not meta.is_image:
            return "it needs images (channels, height, width)"
        if meta.shape[0] != 1:
            return f"it models one channel and these images have {meta.shape[0]}"
        return super().incompatibility(meta)

    @classmethod
    def defaults(cls, meta: DataMeta) -> dict[str, Any]:
        # A step takes about 0.4 ms per example of 8 x 8, and 4 ms per example of 28 x 28.
        return {**super().defaults(meta), "batch": 128 if meta.dim <= 256 else 32}

    def stacks(self) -> Iterator[GatedMaskedConv]:
        """The gated layers in order."""
        yield from self.blocks  # type: ignore[misc]

    def readout(self, h: Tensor) -> Tensor:
        """Logits from the horizontal stack, (B, width, H, W) -> (B, 1, H, W)."""
        result: Tensor = self.head(F.relu(self.mix(F.relu(h))))
        return result

    def ordered_logits(self, x: Tensor) -> Tensor:
        v = h = x.unflatten(1, tuple(self.data_shape))
        for block in self.stacks():
            v, h = block(v, h)
        return self.readout(h).flatten(1)

    def cursor(self, n: int) -> Cursor:
        return _Cursor(self, n)


class _Cursor(Cursor):
    """Computes each activation once: a row of the vertical stack at the first pixel of the row, a
    pixel of the horizontal stack when it is sampled.

    The maps are stored with the padding of the layer that reads them.
    """

    def __init__(self, model: PixelCNN, n: int) -> None:
        self.model, (_, self.height, self.width) = model, model.data_shape
        blocks = list(model.stacks())
        self.rows: list[Tensor] = []
        self.lines: list[Tensor] = []
        self.across: list[Tensor] = []
        for block in blocks:
            channels, p = block.vertical.in_channels, block.pad
            self.rows.append(torch.zeros(n, channels, self.height + p, self.width + 2 * p))
            self.lines.append(torch.zeros(n, channels, 1, self.width + p))
        self.blocks = blocks
        self.i = 0

    def _start_row(self, r: int) -> None:
        self.across = []
        for layer, block in enumerate(self.blocks):
            pre = block.vertical(self.rows[layer][:, :, r : r + block.reach])
            self.across.append(block.across(pre))
            self.lines[layer].zero_()
            if layer + 1 < len(self.blocks):
                p = self.blocks[layer + 1].pad
                self.rows[layer + 1][:, :, r + p, p : p + self.width] = block.gate(pre)[:, :, 0]

    def logit(self) -> Tensor:
        r, c = divmod(self.i, self.width)
        if c == 0:
            self._start_row(r)
        h = torch.empty(0)
        for layer, block in enumerate(self.blocks):
            line = self.lines[layer]
            before = line[:, :, :, c + block.pad, None]
            pre = block.horizontal(line[:, :, :, c : c + block.reach])
            h = block.finish(pre + self.across[layer][:, :, :, c, None], before)
            if layer + 1 < len(self.blocks):
                self.lines[layer + 1][:, :, :, c + self.blocks[layer + 1].pad] = h[..., 0]
        return self.model.readout(h)[:, 0, 0, 0]

    def push(self, bit: Tensor) -> None:
        r, c = divmod(self.i, self.width)
        p = self.blocks[0].pad
        self.rows[0][:, 0, r + p, c + p] = bit
        self.lines[0][:, 0, 0, c + p] = bit
        self.i += 1
