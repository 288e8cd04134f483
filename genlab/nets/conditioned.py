"""Nets of a point and a time: a residual multilayer perceptron and a small U-Net."""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genlab.nets.conv import SIZES

#: Frequencies of the time's features.
FREQUENCIES = 8


def time_features(t: Tensor, level: Tensor) -> Tensor:
    """What a net reads of a time, (B,) and (B,) -> (B, 2 + 2 FREQUENCIES).

    Args:
        t: the time in [0, 1].
        level: ¼ log(σ/α), EDM's noise condition; clamped to [−3, 3].
    """
    level = level.clamp(-3.0, 3.0)
    waves = 0.5 * math.pi * 2.0 ** torch.arange(FREQUENCIES // 2, dtype=t.dtype, device=t.device)
    angles = torch.cat([t[:, None] * waves, level[:, None] * waves], 1)
    return torch.cat([t[:, None], level[:, None], angles.sin(), angles.cos()], 1)


class ConditionedMLP(nn.Module):
    """Residual blocks of linear layers that read time and class, (B, dim) -> (B, dim).

    h ← h + W₂ SiLU(W₁ h + c(t, y)). The last layer starts at 0, so that the first output is 0.

    Args:
        dim: size of a point.
        hidden: units of a layer.
        layers: blocks.
        classes: size of the one-hot class, 0 where there is none.
    """

    def __init__(self, dim: int, hidden: int, layers: int, classes: int = 0) -> None:
        super().__init__()
        self.first = nn.Linear(dim, hidden)
        self.condition = nn.Sequential(nn.Linear(2 + 2 * FREQUENCIES + classes, hidden), nn.SiLU())
        self.shift = nn.Linear(hidden, hidden * (layers + 1))
        self.inner = nn.ModuleList(nn.Linear(hidden, hidden) for _ in range(layers))
        self.outer = nn.ModuleList(nn.Linear(hidden, hidden) for _ in range(layers))
        self.last = nn.Linear(hidden, dim)
        _small(self.last)

    def forward(self, x: Tensor, features: Tensor) -> Tensor:
        """The output at points (B, ...) with the features of time and class, (B, f) or (1, f)."""
        shape = x.shape
        shifts = self.shift(self.condition(features)).chunk(len(self.inner) + 1, dim=1)
        h = self.first(x.flatten(1)) + shifts[0]
        for inner, outer, shift in zip(self.inner, self.outer, shifts[1:], strict=True):
            h = h + outer(F.silu(inner(F.silu(h)) + shift))
        out: Tensor = self.last(F.silu(h))
        return out.view(shape)


def _small(layer: nn.Linear | nn.Conv2d) -> None:
    """Weights so small that the first output is near 0, yet every layer before it learns."""
    with torch.no_grad():
        layer.weight.mul_(0.01)
        if layer.bias is not None:
            layer.bias.zero_()


class UNetBlock(nn.Module):
    """GroupNorm, SiLU, 3 x 3 convolution, twice, with the condition added between and a skip.

    Args:
        wide, narrow: channels that come in and go out.
        features: size of the condition.
    """

    def __init__(self, wide: int, narrow: int, features: int) -> None:
        super().__init__()
        self.before = nn.GroupNorm(_groups(wide), wide)
        self.inner = nn.Conv2d(wide, narrow, 3, padding=1)
        self.condition = nn.Linear(features, narrow)
        self.after = nn.GroupNorm(_groups(narrow), narrow)
        self.outer = nn.Conv2d(narrow, narrow, 3, padding=1)
        self.skip = nn.Identity() if wide == narrow else nn.Conv2d(wide, narrow, 1)

    def forward(self, x: Tensor, features: Tensor) -> Tensor:
        """(B, wide, H, W) and (B, features) -> (B, narrow, H, W)."""
        h = self.inner(F.silu(self.before(x))) + self.condition(features)[:, :, None, None]
        out: Tensor = self.skip(x) + self.outer(F.silu(self.after(h)))
        return out


def _groups(channels: int) -> int:
    return math.gcd(8, channels)


class UNet(nn.Module):
    """A small U-Net for square pictures of 8, 28, 32 or 64 pixels, (B, C, H, W) -> (B, C, H, W).

    One block a level on the way down and one on the way up; a halving doubles the channels, up to
    four times the width. There is no attention.

    Source: Ho, Jain and Abbeel 2020, "Denoising diffusion probabilistic models", appendix B, made
    small.

    Args:
        shape: of a picture.
        width: channels of the largest map.
        classes: size of the one-hot class, 0 where there is none.
    """

    def __init__(self, shape: tuple[int, ...], width: int, classes: int = 0) -> None:
        super().__init__()
        halvings = SIZES[shape[1]][1]
        sizes = [width * min(4, 2**i) for i in range(halvings + 1)]
        features = 4 * width
        self.condition = nn.Sequential(
            nn.Linear(2 + 2 * FREQUENCIES + classes, features),
            nn.SiLU(),
            nn.Linear(features, features),
            nn.SiLU(),
        )
        self.first = nn.Conv2d(shape[0], sizes[0], 3, padding=1)
        self.down = nn.ModuleList(UNetBlock(size, size, features) for size in sizes[:-1])
        self.halve = nn.ModuleList(
            nn.Conv2d(a, b, 3, stride=2, padding=1) for a, b in itertools.pairwise(sizes)
        )
        self.middle = UNetBlock(sizes[-1], sizes[-1], features)
        self.widen = nn.ModuleList(
            nn.Conv2d(b, a, 3, padding=1) for a, b in itertools.pairwise(sizes)
        )
        self.up = nn.ModuleList(UNetBlock(2 * size, size, features) for size in sizes[:-1])
        self.norm = nn.GroupNorm(_groups(sizes[0]), sizes[0])
        self.last = nn.Conv2d(sizes[0], shape[0], 3, padding=1)
        _small(self.last)

    def forward(self, x: Tensor, features: Tensor) -> Tensor:
        """The output at pictures with the features of time and class, (B, f) or (1, f)."""
        c = self.condition(features)
        h, skips = self.first(x), []
        for block, halve in zip(self.down, self.halve, strict=True):
            h = block(h, c)
            skips.append(h)
            h = halve(h)
        h = self.middle(h, c)
        for i in reversed(range(len(skips))):
            h = F.interpolate(self.widen[i](h), size=skips[i].shape[-2:])
            h = self.up[i](torch.cat([h, skips[i]], 1), c)
        out: Tensor = self.last(F.silu(self.norm(h)))
        return out
