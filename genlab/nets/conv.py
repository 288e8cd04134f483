"""Convolutional nets for pictures of 8, 28, 32 and 64 pixels, by the rules of DCGAN.

Source: Radford, Metz and Chintala 2016, "Unsupervised representation learning with deep
convolutional generative adversarial networks": no pooling, no fully connected hidden layer, batch
normalisation except at the generator's output and the discriminator's input, ReLU and tanh in the
generator, LeakyReLU(0.2) in the discriminator, weights from N(0, 0.02²).
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from genlab.accelerate.convolutions import MAX_CHANNELS, FromCode, FromPicture, ToPicture

#: Pixels a side -> (side of the smallest map, number of doublings from there).
SIZES: Mapping[int, tuple[int, int]] = {8: (2, 2), 28: (7, 2), 32: (4, 3), 64: (4, 4)}


class ToVector(nn.Module):
    """Maps to vectors with the channels innermost, as they lie in memory: no copy."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, H, W) -> (B, H·W·channels)."""
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
        """(B, side²·channels) -> (B, channels, side, side)."""
        return x.view(-1, self.side, self.side, self.channels).permute(0, 3, 1, 2)


def channels(size: int, width: int) -> list[int]:
    """The channels from the largest map to the smallest: width, 2 width, 4 width, ...

    Example:
        >>> channels(32, 16)
        [16, 32, 64]
    """
    return [width * 2**i for i in range(SIZES[size][1])]


def down(wide: int, narrow: int, *, bias: bool = True) -> nn.Conv2d:
    """A convolution that halves the sides."""
    kind = FromPicture if wide <= MAX_CHANNELS else nn.Conv2d
    return kind(wide, narrow, 4, stride=2, padding=1, bias=bias)


def up(wide: int, narrow: int, *, bias: bool = True) -> nn.ConvTranspose2d:
    """A fractionally strided convolution that doubles the sides."""
    kind = ToPicture if narrow <= MAX_CHANNELS else nn.ConvTranspose2d
    return kind(wide, narrow, 4, stride=2, padding=1, bias=bias)


def channels_innermost(net: nn.Sequential) -> nn.Sequential:
    """The net with channels innermost in memory: faster on a CPU, batch-norm threefold."""
    return net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def downsampler(shape: tuple[int, ...], width: int) -> tuple[nn.Sequential, int]:
    """Strided convolutions with ReLU, and the number of features that come out, flattened.

    Args:
        shape: (channels, height, width) of a picture.
        width: channels of the first map.
    """
    plan = [shape[0], *channels(shape[1], width)]
    layers: list[nn.Module] = []
    for wide, narrow in itertools.pairwise(plan):
        layers += [down(wide, narrow), nn.ReLU(inplace=True)]
    base = SIZES[shape[1]][0]
    net = nn.Sequential(*layers, ToVector())
    return channels_innermost(net), plan[-1] * base * base


def upsampler(inputs: int, shape: tuple[int, ...], width: int) -> nn.Sequential:
    """A linear layer to the smallest map, then fractionally strided convolutions with ReLU.

    Args:
        inputs: size of the code.
        shape: (channels, height, width) of what comes out; no activation at the end.
        width: channels of the last hidden map.
    """
    base = SIZES[shape[1]][0]
    plan = [*reversed(channels(shape[1], width)), shape[0]]
    layers: list[nn.Module] = [
        nn.Linear(inputs, plan[0] * base * base),
        nn.ReLU(),
        ToMap(plan[0], base),
    ]
    for wide, narrow in itertools.pairwise(plan):
        layers += [up(wide, narrow), nn.ReLU(inplace=True)]
    return channels_innermost(nn.Sequential(*layers[:-1]))


def dcgan_weights(module: nn.Module) -> None:
    """DCGAN's initial weights: convolutions N(0, 0.02²), batch-norm gains N(1, 0.02²)."""
    if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.normal_(module.weight, 0.0, 0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)


def dcgan_generator(latent: int, shape: tuple[int, ...], width: int) -> nn.Sequential:
    """The generator of DCGAN, (B, latent) -> (B, *shape) in [-1, 1].

    Args:
        latent: size of the code.
        shape: (channels, height, width).
        width: channels of the last hidden map.
    """
    base = SIZES[shape[1]][0]
    plan = list(reversed(channels(shape[1], width)))
    layers: list[nn.Module] = [
        nn.Unflatten(1, (latent, 1, 1)),
        FromCode(latent, plan[0], base, bias=False),
        nn.BatchNorm2d(plan[0]),
        nn.ReLU(inplace=True),
    ]
    for wide, narrow in itertools.pairwise(plan):
        layers += [
            up(wide, narrow, bias=False),
            nn.BatchNorm2d(narrow),
            nn.ReLU(inplace=True),
        ]
    layers += [up(plan[-1], shape[0]), nn.Tanh()]
    net = nn.Sequential(*layers)
    net.apply(dcgan_weights)
    return channels_innermost(net)


def dcgan_discriminator(
    shape: tuple[int, ...], width: int, scores: int = 1, *, batch_norm: bool = True
) -> tuple[nn.Sequential, nn.Sequential]:
    """The discriminator of DCGAN as body and head: (B, *shape) in [-1, 1] -> map -> (B, scores).

    Args:
        shape: (channels, height, width).
        width: channels of the first map.
        scores: numbers that come out: the logit, or more for a critic that is told classes.
        batch_norm: left out where something else holds the critic.
    """
    plan = channels(shape[1], width)
    body: list[nn.Module] = [
        down(shape[0], plan[0]),
        nn.LeakyReLU(0.2, inplace=True),
    ]
    for wide, narrow in itertools.pairwise(plan):
        body += [
            down(wide, narrow, bias=not batch_norm),
            *([nn.BatchNorm2d(narrow)] if batch_norm else []),
            nn.LeakyReLU(0.2, inplace=True),
        ]
    head = nn.Sequential(nn.Conv2d(plan[-1], scores, SIZES[shape[1]][0]), nn.Flatten())
    pair = nn.Sequential(*body), head
    for net in pair:
        net.apply(dcgan_weights)
        channels_innermost(net)
    return pair
