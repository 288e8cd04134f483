"""The interface of algorithms: ``init`` and ``step(state, batch) -> (state, info)``."""

from __future__ import annotations

import abc
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, TypeVar

import torch
from torch import Tensor

from genlab.core.device import CPU_ONLY, as_device
from genlab.core.errors import SpecError
from genlab.core.measure import Series
from genlab.core.options import Options
from genlab.core.run_spec import RunSpec
from genlab.data.base import Dataset
from genlab.models.base import GenerativeModel
from genlab.objectives.base import Objective

State = TypeVar("State")


@dataclass(frozen=True)
class Info:
    """The terms of one step by series name, each (B,) or scalar, detached."""

    terms: Mapping[str, Tensor] = field(default_factory=dict)

    def means(self) -> dict[str, float]:
        """Each term's mean as a number; called at the recorded steps only."""
        return {name: float(term.mean()) for name, term in self.terms.items()}


@dataclass(frozen=True)
class Packed:
    """A state for a checkpoint: named tensors, and plain values for JSON."""

    tensors: dict[str, Tensor]
    values: dict[str, Any]


class Algorithm(abc.ABC, Generic[State]):
    """A training algorithm. *State* is all that the next step needs; *info* goes to the charts.

    Args:
        spec: the run.
    """

    name: ClassVar[str]
    Options: ClassVar[type[Options]] = Options
    #: The options that :meth:`set_options` can change during a run.
    changeable: ClassVar[tuple[str, ...]] = ()
    #: The options, its own or of training, on which its state depends: a fork keeps them.
    fixed_options: ClassVar[tuple[str, ...]] = ()
    #: The devices it can compute on, values of the run's option ``device``.
    devices: ClassVar[tuple[str, ...]] = CPU_ONLY
    #: Whether a step is given the labels of its batch.
    labelled: bool = False

    def __init__(self, spec: RunSpec) -> None:
        self.spec = spec

    @property
    def device(self) -> torch.device:
        """The device of the run; batches are moved there before a step."""
        return as_device(self.spec.train.device)

    @property
    def players(self) -> tuple[str, ...]:
        """The players in the order of their turns; empty without players."""
        return ()

    @classmethod
    @abc.abstractmethod
    def incompatibility(
        cls, model: type[GenerativeModel], objective: type[Objective]
    ) -> str | None:
        """None if it can train this model with this objective, otherwise the reason."""

    @property
    @abc.abstractmethod
    def series(self) -> tuple[Series, ...]:
        """What the terms of ``Info`` are."""

    @abc.abstractmethod
    def init(self, seed: int, data: Dataset) -> State:
        """The state before the first step."""

    @abc.abstractmethod
    def step(
        self, state: State, batch: Tensor, labels: Tensor | None = None
    ) -> tuple[State, Info]:
        """One step on a batch, (B, *data_shape), with labels (B,) if it asks for them."""

    def turn(
        self, player: str, state: State, batch: Tensor, labels: Tensor | None = None
    ) -> tuple[State, Info]:
        """A step that updates one player only.

        Raises:
            SpecError: if there is no such player.
        """
        raise SpecError.unknown("player", player, self.players)

    def set_options(self, state: State, values: Mapping[str, Any]) -> State:
        """The state with changed options of the algorithm from this step on (``{"lr": 1e-4}``).

        Raises:
            SpecError: for an option that cannot be changed during a run, or a value out of range;
                then nothing was changed.
        """
        raise SpecError.unknown("option to change during a run", next(iter(values), None), ())

    @abc.abstractmethod
    def model(self, state: State) -> GenerativeModel:
        """The model at the present state, on the CPU, for probes, which do not change it."""

    @abc.abstractmethod
    def sample(self, state: State, n: int) -> Tensor:
        """Draw n examples, (n, *data_shape)."""

    @abc.abstractmethod
    def pack(self, state: State) -> Packed:
        """The state as tensors (copies) and plain values."""

    def current_options(self, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """The present values of the options that may change during a run, from the state.

        Args:
            values: the plain values of :meth:`pack`.
        """
        return {}

    def adapt_state(
        self, packed: Packed, before: RunSpec, changes: Collection[str]
    ) -> tuple[Packed, tuple[str, ...]]:
        """Adapt the state of the run that this one is forked from, for :meth:`unpack`.

        Args:
            packed: the state of a run of this algorithm, model and dataset, with the same
                ``fixed_options``.
            before: that run.
            changes: the changed options.

        Returns:
            The state, and notes on the parts that could not be carried over and start anew.

        Raises:
            SnapshotError: if this algorithm cannot continue from it.
        """
        return packed, ()

    @abc.abstractmethod
    def unpack(self, packed: Packed, data: Dataset) -> State:
        """The state from a checkpoint; the next step is bit-identical to that without a stop.

        Raises:
            SnapshotError: if the tensors do not belong to this run.
        """
