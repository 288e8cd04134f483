"""Parts of an image: which pixels are known, where the others are to be guessed."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from genlab.core.errors import SpecError
from genlab.core.random import generator


@dataclass(frozen=True)
class Part:
    """A way to choose a share of the pixels.

    Args:
        title: the chosen pixels in words.
        late: of each pixel (H, W), how late it joins: the share s takes those of rank below s.
    """

    title: str
    late: Callable[[int, int], Tensor]


def _rows(height: int, width: int) -> Tensor:
    return (torch.arange(height) / height)[:, None].expand(height, width)


def _columns(height: int, width: int) -> Tensor:
    return (torch.arange(width) / width).expand(height, width)


def _scattered(height: int, width: int) -> Tensor:
    return torch.rand(height, width, generator=generator(0, "known pixels"))


def _rim(height: int, width: int) -> Tensor:
    """From the rim inwards: the size of the centred rectangle on whose edge a pixel lies."""
    y = (2 * torch.arange(height) + 1 - height).abs() / height
    x = (2 * torch.arange(width) + 1 - width).abs() / width
    return 1 - torch.maximum(y[:, None].expand(height, width), x.expand(height, width))


PARTS: dict[str, Part] = {
    "upper": Part("the upper rows", _rows),
    "lower": Part("the lower rows", lambda h, w: _rows(h, w).flip(0)),
    "left": Part("the left columns", _columns),
    "right": Part("the right columns", lambda h, w: _columns(h, w).flip(1)),
    "rim": Part("all around the middle", _rim),
    "scattered": Part("scattered pixels", _scattered),
}


def known_pixels(name: str, share: float, shape: tuple[int, ...]) -> Tensor:
    """The mask of a share of the pixels of an image, boolean, (C, H, W).

    Args:
        name: of the part, a row of ``PARTS``.
        share: from 0 (no pixel) to 1 (all of them); of ``scattered``, each pixel's chance.
        shape: (C, H, W).

    Raises:
        SpecError: for an unknown part, or a share outside [0, 1].

    Example:
        >>> known_pixels("upper", 0.5, (1, 4, 2))[0].tolist()
        [[True, True], [True, True], [False, False], [False, False]]
        >>> int(known_pixels("rim", 0.5, (1, 8, 8)).sum())
        48
    """
    if name not in PARTS:
        raise SpecError.unknown("part", name, PARTS)
    if not (math.isfinite(share) and 0 <= share <= 1):
        raise SpecError("share", share, "allowed: a number from 0 to 1")
    *_, height, width = shape
    return (PARTS[name].late(height, width) < share).expand(shape)
