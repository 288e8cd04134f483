"""What all image sets share: the options, the split, grey levels and binarisation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from genlab.core.options import Options, option
from genlab.core.random import generator
from genlab.data.base import DataMeta, Dataset, Split

#: The seed of the splits and of the static binarisation: the same in every run.
SPLIT_SEED = 20_261_122
DIGITS = tuple("0123456789")


@dataclass(frozen=True)
class ImageOptions(Options):
    """What every image set has."""

    examples: int = option(
        0,
        "training images used, the first ones of a fixed order; 0 for all",
        low=0,
        high=60_000,
        label="Examples (0 = all)",
    )


@dataclass(frozen=True)
class GreyOptions(ImageOptions):
    """What every set of grey images has."""

    binarise: str = option(
        "none",
        "make pixels 0 or 1: none, by the threshold one half, or drawn anew with the grey level "
        "as probability at each training step (validation and test are drawn once)",
        choices=("none", "threshold", "dynamic"),
        label="Binarise pixels",
    )


def meta(
    shape: tuple[int, ...],
    options: Any,
    classes: tuple[str, ...],
    note: str,
    *,
    network: bool = False,
) -> DataMeta:
    """What is known of an image set under these options."""
    binary = getattr(options, "binarise", "none") != "none"
    return DataMeta(
        shape=shape,
        support="binary" if binary else "unit",
        classes=classes,
        note=note,
        network=network,
    )


def order(n: int, *names: object) -> Tensor:
    """A fixed permutation of n examples that does not depend on the run."""
    return torch.randperm(n, generator=generator(SPLIT_SEED, *names))


def dataset(
    known: DataMeta,
    options: Any,
    parts: dict[str, tuple[Tensor, Tensor | None]],
    levels: int,
    name: str,
) -> Dataset:
    """Make a dataset from stored pixels.

    Args:
        known: what was known before loading.
        options: the set's options.
        parts: the splits as stored, images (n, C, H, W) and labels (n,), whole numbers; None
            where there are no labels.
        levels: the pixel value that means one.
        name: the set's name, for the seeds.
    """
    if options.examples:
        x, y = parts["train"]
        n = options.examples
        parts = {**parts, "train": (x[:n], None if y is None else y[:n])}
    mode = getattr(options, "binarise", "none")
    splits = {}
    for part, (x, y) in parts.items():
        grey = x.to(torch.float32).div_(levels)
        if mode == "threshold":
            grey = (grey > 0.5).float()
        elif mode == "dynamic" and part != "train":
            grey = torch.bernoulli(grey, generator=generator(SPLIT_SEED, name, part, "binary"))
        splits[part] = Split(grey, None if y is None else y.long())
    draw: Callable[[Tensor], Tensor] | None = torch.bernoulli if mode == "dynamic" else None
    return Dataset(known, splits["train"], splits["validation"], splits["test"], draw=draw)


def carve(x: Tensor, y: Tensor, sizes: dict[str, int], name: str) -> dict[str, Any]:
    """Split stored examples by a fixed permutation into parts of these sizes, in this order.

    The sizes must add up to the number of examples.
    """
    pieces = order(len(x), name, "split").split(list(sizes.values()))
    return {part: (x[rows], y[rows]) for part, rows in zip(sizes, pieces, strict=True)}
