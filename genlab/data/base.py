"""What a dataset is: a whole set in memory, split once, with its true density where known."""

from __future__ import annotations

import abc
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from genlab.core import options
from genlab.core.errors import DataError
from genlab.core.random import derive
from genlab.data.schema import Column

Support = Literal["real", "unit", "binary"]
Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class Proposal:
    """A value of an option of the run that suits the data, and why, in sentences."""

    option: str
    value: Any
    why: str


@dataclass(frozen=True)
class DataMeta:
    """What is known of a dataset before it is loaded.

    Args:
        shape: shape of one example: ``(d,)`` for points, ``(channels, height, width)`` for images.
        support: ``real`` for the whole line, ``unit`` for [0, 1], ``binary`` for {0, 1}.
        classes: the names of the classes, empty without labels.
        density: whether the exact log-density is known.
        note: a sentence for the page (if the density is not known, the reason).
        network: whether loading may need a network.
        factors: the known factors of the examples, and the number of values of each factor.
        columns: the names of the columns if an example is a row of a table, otherwise empty.
        axes: the names of a point's entries, if they have names.
        shift, scale: per entry, where entries are standardised: v = shift + scale * x in the
            unit of the file, or log(v + c) where a logarithm is taken.
        logs: per entry, the offset c of the logarithm; -1 for none. Empty: none is taken.
        proposed: what suits such data among the options of a run.
        schema: the columns of a user's table, which an example encodes
            (:func:`genlab.data.schema.encode`); empty otherwise.
        gaps: whether the model learns from rows with missing entries.
    """

    shape: tuple[int, ...]
    support: Support
    classes: tuple[str, ...] = ()
    density: bool = False
    note: str = ""
    network: bool = False
    factors: tuple[tuple[str, int], ...] = ()
    columns: tuple[str, ...] = ()
    axes: tuple[str, ...] = ()
    shift: tuple[float, ...] = ()
    scale: tuple[float, ...] = ()
    logs: tuple[float, ...] = ()
    proposed: tuple[Proposal, ...] = ()
    schema: tuple[Column, ...] = ()
    gaps: bool = False

    @property
    def log_volume(self) -> float:
        """Σ log s: log p(v) in the unit of the file is log p(x) of standardised x less this."""
        return sum(map(math.log, self.scale))

    @property
    def unit_note(self) -> str:
        """The note to a log-density of standardised entries; else empty.

        Example:
            >>> DataMeta((1,), "real", shift=(5.0,), scale=(2.0,)).unit_note
            'of standardised columns; in their own units 0.6931 nats less'
        """
        if not self.scale:
            return ""
        if any(c >= 0 for c in self.logs):
            return "of standardised columns, some as logarithms, and not in their own units"
        size = abs(self.log_volume)
        word = "less" if self.log_volume >= 0 else "more"
        return f"of standardised columns; in their own units {size:.4g} nats {word}"

    def original(self, x: Tensor) -> Tensor:
        """Examples in the unit of the file, (..., *shape) -> (..., *shape), float64 if scaled.

        In single precision a column of 1.7e12 ± 1e5 would have three values left.

        Example:
            >>> meta = DataMeta((1,), "real", shift=(1.7e12,), scale=(1e5,))
            >>> meta.original(torch.tensor([0.00001])).item()
            1700000000001.0
        """
        if not self.scale:
            return x
        scale, shift = (torch.tensor(v, dtype=torch.float64) for v in (self.scale, self.shift))
        v = x.double() * scale.to(x.device) + shift.to(x.device)
        if not self.logs:
            return v
        offset = torch.tensor(self.logs, dtype=torch.float64, device=x.device)
        back = v.exp() - offset
        # The offset is half of the smallest positive value: what is far below it is 0, rounded.
        back = torch.where((offset > 0) & (back < 1e-3 * offset), torch.zeros_like(back), back)
        return torch.where(offset < 0, v, back)

    def standardised(self, v: Tensor) -> Tensor:
        """Examples in the unit of the file as a model sees them; undoes :meth:`original`.

        Example:
            >>> meta = DataMeta((1,), "real", shift=(5.0,), scale=(2.0,))
            >>> meta.standardised(meta.original(torch.tensor([0.5]))).item()
            0.5
        """
        if not self.scale:
            return v
        scale, shift = (torch.tensor(w, dtype=torch.float64) for w in (self.scale, self.shift))
        v = v.double()
        if self.logs:
            offset = torch.tensor(self.logs, dtype=torch.float64, device=v.device)
            v = torch.where(offset < 0, v, (v + offset).log())
        return ((v - shift.to(v.device)) / scale.to(v.device)).float()

    def axis(self, k: int) -> str:
        """The name of the k-th entry of a point, from 0.

        Example:
            >>> DataMeta((2,), "real").axis(1), DataMeta((1,), "real", axes=("age",)).axis(0)
            ('x₂', 'age')
        """
        if self.axes:
            return self.axes[k]
        return "x" + str(k + 1).translate(str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉"))

    @property
    def is_image(self) -> bool:
        """Whether one example is an image (channels, height, width)."""
        return len(self.shape) == 3

    @property
    def dim(self) -> int:
        """The number of entries of one example."""
        return int(torch.Size(self.shape).numel())


class Density(abc.ABC):
    """The exact distribution of a toy dataset."""

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

    ``factors`` is (n, F): for each example the index of each factor's value, if known.
    ``observed`` is (n, *shape): False where an entry was missing and ``x`` holds a filled-in
    value; None where nothing was.
    """

    x: Tensor
    y: Tensor | None = None
    factors: Tensor | None = None
    observed: Tensor | None = None

    def __len__(self) -> int:
        return len(self.x)

    @property
    def gappy(self) -> Tensor:
        """``x`` with NaN where an entry was missing, (n, *shape)."""
        if self.observed is None:
            return self.x
        return torch.where(self.observed, self.x, torch.nan)

    def model_input(self, meta: DataMeta) -> Tensor:
        """What a model learns from: missing entries are NaN where the data have gaps."""
        return self.gappy if meta.gaps else self.x


@dataclass(frozen=True)
class Dataset:
    """A loaded dataset: three splits as tensors in memory.

    Args:
        meta: the properties known before loading.
        train, validation, test: the splits; a model sees ``train`` alone.
        density: the exact distribution, if known.
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
    """One row of the table of datasets: its options, its properties, and how it is loaded."""

    name: ClassVar[str]
    Options: ClassVar[type[options.Options]] = options.Options
    #: Whether there is nothing to load before somebody brings a file.
    user_supplied: ClassVar[bool] = False

    @classmethod
    @abc.abstractmethod
    def meta(cls, options: options.Options) -> DataMeta:
        """What is known before loading; cheap."""

    @classmethod
    def is_available(cls) -> bool:
        """Whether the defaults can be loaded here and now, without a network."""
        return not cls.meta(cls.Options()).network

    @classmethod
    def sidecar(cls, options: options.Options) -> Mapping[str, Any] | None:
        """The files that a run must contain so that its model can be built elsewhere; as JSON."""
        return None

    @classmethod
    def unpack(cls, sidecar: Mapping[str, Any]) -> None:
        """Read the files that a run contains.

        Raises:
            DataError: if it is nothing that was packed.
        """
        raise DataError(f"A run on {cls.name} brings no description of its data.")

    @classmethod
    def unused_options(cls, values: Mapping[str, Any]) -> frozenset[str]:
        """The options that change nothing where the others have these values: no form asks."""
        return frozenset()

    @classmethod
    @abc.abstractmethod
    def load(cls, options: options.Options, progress: Progress | None = None) -> Dataset:
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
