"""Small residual nets for pictures without normalisation: a generator and a critic.

    x ← x + V a(U a(x)),    a the LeakyReLU

with 3 x 3 convolutions U and V. As nothing normalises, the scale is kept by the start: U is He's
times L^(-1/2) for L blocks and V a small multiple of He's, so that each block begins near the
identity. Between blocks maps are resampled without learning (bilinear up, averages down) and a
1 x 1 convolution changes the channels. A score depends on one example alone, so slopes of the
critic exist and may be penalised.

The blocks stand at half the picture's side and below; a strided convolution of 4 x 4 leads to the
picture and from it. On a CPU the blocks at full size would cost more than all others together.

Sources: Huang et al. 2024, "The GAN is dead; long live the GAN! A modern GAN baseline" (no
normalisation, leaky ReLU, resampling); Zhang, Dauphin and Ma 2019, "Fixup initialization:
residual learning without normalization" (the start).
"""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor, nn

from genlab.nets.conv import SIZES, ToMap, ToVector, channels, channels_innermost, down, up

SLOPE = 0.2
#: Scale of a block's second convolution at the start; 0 would keep the first from learning.
SMALL = 0.1


def _he(layer: nn.Conv2d | nn.ConvTranspose2d | nn.Linear, scale: float = 1.0) -> None:
    """Weights that keep the size of what comes in, times a scale; biases 0."""
    with torch.no_grad():
        # A transposed convolution spreads its fan over stride² outputs.
        spread = layer.stride[0] ** 2 if isinstance(layer, nn.ConvTranspose2d) else 1
        weight = layer.weight
        if isinstance(layer, nn.ConvTranspose2d):
            fan = weight.shape[0] * weight[0, 0].numel() / spread
        else:
            fan = weight[0].numel()
        gain = math.sqrt(2.0 / (1.0 + SLOPE**2))
        weight.normal_(0.0, scale * gain / math.sqrt(fan))
        if layer.bias is not None:
            layer.bias.zero_()


class Block(nn.Module):
    """x + V a(U a(x)) on maps of c channels.

    Args:
        channels: c.
        blocks: how many there are in the net, for the scale at the start.
    """

    def __init__(self, channels: int, blocks: int) -> None:
        super().__init__()
        self.inner = nn.Conv2d(channels, channels, 3, padding=1)
        self.outer = nn.Conv2d(channels, channels, 3, padding=1)
        self.bend = nn.LeakyReLU(SLOPE)
        _he(self.inner, blocks**-0.5)
        _he(self.outer, SMALL)

    def forward(self, x: Tensor) -> Tensor:
        """x plus its correction, (B, C, H, W) -> (B, C, H, W)."""
        y: Tensor = x + self.outer(self.bend(self.inner(self.bend(x))))
        return y


def _across(wide: int, narrow: int) -> nn.Conv2d:
    """A change of channels, without an activation."""
    layer = nn.Conv2d(wide, narrow, 1, bias=False)
    nn.init.normal_(layer.weight, 0.0, wide**-0.5)
    return layer


def residual_generator(latent: int, shape: tuple[int, ...], width: int) -> nn.Sequential:
    """Codes to pictures, (B, latent) -> (B, *shape) in [-1, 1].

    Args:
        latent: size of the code.
        shape: (channels, height, width).
        width: channels of the largest map of blocks; each halving doubles them.
    """
    base = SIZES[shape[1]][0]
    plan = list(reversed(channels(shape[1], width)))
    first = nn.Linear(latent, plan[0] * base * base)
    _he(first)
    layers: list[nn.Module] = [first, ToMap(plan[0], base), Block(plan[0], len(plan))]
    for wide, narrow in itertools.pairwise(plan):
        layers += [
            _across(wide, narrow),
            nn.Upsample(scale_factor=2, mode="bilinear"),
            Block(narrow, len(plan)),
        ]
    last = up(plan[-1], shape[0])
    _he(last, 0.5)
    return channels_innermost(nn.Sequential(*layers, nn.LeakyReLU(SLOPE), last, nn.Tanh()))


def residual_critic(shape: tuple[int, ...], width: int) -> tuple[nn.Sequential, nn.Sequential]:
    """Pictures to features, and features to a score: (B, *shape) in [-1, 1] -> (B, f) -> (B, 1).

    Args:
        shape: (channels, height, width).
        width: channels of the largest map of blocks; each halving doubles them.
    """
    base = SIZES[shape[1]][0]
    plan = channels(shape[1], width)
    first = down(shape[0], plan[0])
    _he(first)
    layers: list[nn.Module] = [first, Block(plan[0], len(plan))]
    for wide, narrow in itertools.pairwise(plan):
        layers += [nn.AvgPool2d(2), _across(wide, narrow), Block(narrow, len(plan))]
    body = nn.Sequential(*layers, nn.LeakyReLU(SLOPE), ToVector())
    head = nn.Linear(plan[-1] * base * base, 1)
    nn.init.normal_(head.weight, 0.0, (plan[-1] * base * base) ** -0.5)
    nn.init.zeros_(head.bias)
    return channels_innermost(body), nn.Sequential(head)
