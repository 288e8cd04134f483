"""What a dataset is: a whole set in memory, split once, with its true density where known."""

from __future__ import annotations

import abc
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import torch
from torch import Tensor

from genlab import spec
from genlab.random import derive

Support = Literal["real", "unit", "binary"]
Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class DataMeta:
    """What is known of a dataset before it is loaded.

    Args:
        shape: shape of one example: ``(d,)`` for points, ``(channels, height, width)`` for images.
        support: ``real`` for the whole line, ``unit`` for [0, 1], ``binary`` for {0, 1}.
        classes: the names of the classes, empty where there are no labels.
        density: whether the exact log-density is known.
        note: a sentence for the page (where no density is known, why).
        network: whether loading may need a network.
        factors: what the examples were made from, and how many values each factor has.
        columns: the names of an example's entries where it is a row of a table, else empty.
    """

    shape: tuple[int, ...]
    support: Support
    classes: tuple[str, ...] = ()
    density: bool = False
    note: str = ""
    network: bool = False
    factors: tuple[tuple[str, int], ...] = ()
    columns: tuple[str, ...] = ()

    @property
    def is_image(self) -> bool:
        """Whether one example is a picture (channels, height, width)."""
        return len(self.shape) == 3

    @property
    def dim(self) -> int:
        """The number of entries of one example."""
        return int(torch.Size(self.shape).numel())


class Density(abc.ABC):
    """The exact law of a toy dataset."""

    #: The box ``(low, high)`` per axis, shape (2, d), that holds all but a negligible mass.
    box: Tensor

    @abc.abstractmethod
    def log_prob(self, x: Tensor) -> Tensor:
        """The exact log-density in nats, (B, d) -> (B,)."""

    @abc.abstractmethod
    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """Exact samples, (n, d)."""


@dataclass(frozen=True)
class Split:
    """One part of a dataset: ``x`` is (n, *shape), ``y`` is (n,) of class indices or None.

    ``factors`` is (n, F): for each example the index of each factor's value, where they are known.
    """

    x: Tensor
    y: Tensor | None = None
    factors: Tensor | None = None

    def __len__(self) -> int:
        return len(self.x)


@dataclass(frozen=True)
class Dataset:
    """A loaded dataset: three splits as tensors in memory.

    Args:
        meta: what was known before loading.
        train, validation, test: the splits; a model sees ``train`` alone.
        density: the exact law, where it is known.
        draw: applied to each training batch (dynamic binarisation); uses the run's stream.
        modes: for mixtures of well-separated modes, their means (k, d); else None.
    """

    meta: DataMeta
    train: Split
    validation: Split
    test: Split
    density: Density | None = None
    draw: Callable[[Tensor], Tensor] | None = None
    modes: Tensor | None = None
    extra: dict[str, float] = field(default_factory=dict)


class DataSource(abc.ABC):
    """One row of the table of datasets: options, what is known beforehand, and how to load."""

    name: ClassVar[str]
    Options: ClassVar[type[spec.Options]] = spec.Options

    @classmethod
    @abc.abstractmethod
    def meta(cls, options: spec.Options) -> DataMeta:
        """What is known before loading; cheap."""

    @classmethod
    @abc.abstractmethod
    def load(cls, options: spec.Options, progress: Progress | None = None) -> Dataset:
        """Load or make the set; the same options give the same tensors everywhere.

        Raises:
            DataError: if the files are not there and cannot be fetched; names the offline sets.
        """


class Batches:
    """Batches by index from a permutation seeded by the run and the epoch; the step is the cursor.

    The last, short batch of an epoch is left out, so every step sees ``batch`` examples (or the
    whole set, where that is smaller). No state: step ``t`` always gives the same indices.

    Args:
        n: size of the training set.
        batch: examples a step.
        seed: the run's seed.

    Example:
        >>> batches = Batches(10, 4, seed=0)
        >>> [len(batches.index(t)) for t in range(3)], batches.epoch(2)
        ([4, 4, 4], 1)
    """

    def __init__(self, n: int, batch: int, seed: int) -> None:
        self.n, self.batch, self.seed = n, min(batch, n), seed
        self.per_epoch = n // self.batch
        self._cached: tuple[int, Tensor] | None = None

    def epoch(self, step: int) -> int:
        """The epoch to which a step belongs."""
        return step // self.per_epoch

    def index(self, step: int) -> Tensor:
        """The indices of the batch of a step, (batch,)."""
        epoch, position = divmod(step, self.per_epoch)
        if self._cached is None or self._cached[0] != epoch:
            source = torch.Generator().manual_seed(derive(self.seed, "epoch", epoch))
            self._cached = epoch, torch.randperm(self.n, generator=source)
        order = self._cached[1]
        return order[position * self.batch : (position + 1) * self.batch]
