"""Sprites: images generated from known factors, for the measures of disentanglement."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from genlab.core import options
from genlab.core.tables import DATASETS
from genlab.data import cache, images
from genlab.data.base import DataMeta, Dataset, DataSource, Progress

SIDE, FINER = 32, 4


def _square(u: Tensor, v: Tensor) -> Tensor:
    return torch.maximum(u.abs(), v.abs()) - 0.85


def _ellipse(u: Tensor, v: Tensor) -> Tensor:
    return (u / 1.1).square() + (v / 0.6).square() - 1.0


def _heart(u: Tensor, v: Tensor) -> Tensor:
    u, v = 1.15 * u, 1.15 * v + 0.1
    return (u.square() + v.square() - 1.0).pow(3) - u.square() * v.pow(3)


#: Name -> a function of the sprite's own coordinates that is negative inside.
SHAPES: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = {
    "square": _square,
    "ellipse": _ellipse,
    "heart": _heart,
}
#: The factors and their values. A quarter turn takes the square to itself, so rotations stay
#: below it: every image has one set of factors.
FACTORS: Mapping[str, tuple[Any, ...]] = {
    "shape": tuple(SHAPES),
    "scale": (0.22, 0.28, 0.34, 0.40),
    "rotation": tuple(math.radians(15.0 * k) for k in range(6)),
    "x": tuple(-0.45 + 0.1 * k for k in range(10)),
    "y": tuple(-0.45 + 0.1 * k for k in range(10)),
}


def render(shape: str, scale: float, rotation: float, x: float, y: float) -> Tensor:
    """One sprite, white on black: the share of each pixel that lies inside the shape.

    Args:
        shape: a name of ``SHAPES``.
        scale: half its width, where the image reaches from −1 to 1.
        rotation: in radians, anticlockwise.
        x, y: of its centre, y upwards.

    Returns:
        (1, 32, 32) in [0, 1], from 4 x 4 points a pixel.

    Example:
        >>> float(render("square", 0.25, 0.0, 0.0, 0.0).sum()) > 0
        True
    """
    n = SIDE * FINER
    axis = (torch.arange(n) + 0.5) / n * 2.0 - 1.0
    across, up = axis[None, :] - x, -axis[:, None] - y
    cos, sin = math.cos(rotation), math.sin(rotation)
    u, v = (cos * across + sin * up) / scale, (cos * up - sin * across) / scale
    inside = (SHAPES[shape](u, v) <= 0.0).float()
    return inside.view(SIDE, FINER, SIDE, FINER).mean(dim=(1, 3))[None]


@DATASETS.register(
    "sprites",
    title="Sprites",
    summary="7,200 images of 32 by 32 pixels made from five known factors.",
    order=180,
)
class Sprites(DataSource):
    """Every combination of shape, scale, rotation, x and y, once.

    After dSprites (Matthey et al. 2017), smaller, and no two rotations give the same image.
    """

    Options: ClassVar[type[options.Options]] = images.GreyOptions

    @classmethod
    def meta(cls, options: Any) -> DataMeta:
        note = "7,200 images, one for each combination of shape, scale, rotation, x and y."
        known = images.meta((1, SIDE, SIDE), options, tuple(SHAPES), note)
        sizes = tuple((name, len(values)) for name, values in FACTORS.items())
        return dataclasses.replace(known, factors=sizes)

    @classmethod
    def load(cls, options: Any, progress: Progress | None = None) -> Dataset:
        stored = cache.cached(cls.name, cls._draw)
        x, factors = stored["x"], stored["factors"].long()
        if progress is not None:
            progress(1.0, f"{len(x):,} sprites drawn")
        sizes = {"train": 5760, "validation": 720, "test": 720}
        parts = images.carve(x, factors[:, 0], sizes, cls.name)
        factor_parts = images.carve(factors, factors[:, 0], sizes, cls.name)
        binarised = images.dataset(cls.meta(options), options, parts, 255, cls.name)
        splits = {
            part: dataclasses.replace(
                getattr(binarised, part),
                factors=factor_parts[part][0][: len(getattr(binarised, part))],
            )
            for part in sizes
        }
        return dataclasses.replace(binarised, **splits)

    @staticmethod
    def _draw() -> dict[str, Tensor]:
        rows = list(itertools.product(*(range(len(values)) for values in FACTORS.values())))
        drawn = [
            render(*(values[i] for values, i in zip(FACTORS.values(), row, strict=True)))
            for row in rows
        ]
        x = torch.stack(drawn).mul(255.0).round().to(torch.uint8)
        return {"x": x, "factors": torch.tensor(rows, dtype=torch.uint8)}
