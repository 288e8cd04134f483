"""The interface of inference: ``init`` gives the prior, ``step`` updates it with a batch."""

from __future__ import annotations

import abc
import dataclasses
from typing import Any, ClassVar, Generic, TypeVar

import torch
from torch import Tensor

from genlab.core.errors import SnapshotError, SpecError
from genlab.core.measure import Series
from genlab.train.algorithm import Info, Packed

State = TypeVar("State")
Batch = TypeVar("Batch")


class Inference(abc.ABC, Generic[State, Batch]):
    """Sequential inference: ``init`` gives the prior, ``step`` applies Bayes' rule to a batch.

    The methods are those of :class:`genlab.train.algorithm.Algorithm`. A state is a frozen
    dataclass of tensors that is never changed in place, so earlier states stay valid.
    """

    #: The class of the states: a frozen dataclass whose fields are all tensors.
    state_class: ClassVar[type[Any]]

    @property
    @abc.abstractmethod
    def series(self) -> tuple[Series, ...]:
        """The description of the terms of ``Info``."""

    @abc.abstractmethod
    def init(self, seed: int = 0, data: Tensor | None = None) -> State:
        """The state before any data; seed and data are used only if a start must be chosen."""

    @abc.abstractmethod
    def step(self, state: State, batch: Batch) -> tuple[State, Info]:
        """The state after a batch, and the terms to plot."""

    def pack(self, state: State) -> Packed:
        """The state as tensors of a checkpoint."""
        rows = dataclasses.fields(state)  # type: ignore[arg-type]
        return Packed({row.name: getattr(state, row.name).clone() for row in rows}, {})

    def unpack(self, packed: Packed) -> State:
        """The state from a checkpoint.

        Raises:
            SnapshotError: if the tensors are those of another kind of state.
        """
        names = {row.name for row in dataclasses.fields(self.state_class)}
        if set(packed.tensors) != names:
            raise SnapshotError(
                f"the snapshot holds {sorted(packed.tensors)}, not {sorted(names)}; "
                "it belongs to another kind of inference. Nothing was changed."
            )
        return self.state_class(**packed.tensors)


def positive(name: str, value: float) -> float:
    """The value, checked to be a finite number above zero.

    Raises:
        SpecError: if it is not.

    Example:
        >>> positive("sd", 2)
        2.0
    """
    number = float(value)
    if not (number > 0 and number < float("inf")):
        raise SpecError(name, value, "allowed: a finite number above 0")
    return number


def finite(name: str, value: Any) -> Tensor:
    """The value as a float64 tensor, checked to be finite.

    Raises:
        SpecError: if an entry is infinite or NaN.
    """
    tensor = torch.as_tensor(value, dtype=torch.float64)
    if not bool(tensor.isfinite().all()):
        raise SpecError(
            name, "a value that is infinite or not a number", "allowed: finite numbers"
        )
    return tensor


def probabilities(name: str, value: Any) -> Tensor:
    """The value as float64 probabilities that sum to 1 over the last axis.

    Raises:
        SpecError: if an entry is negative or the sum is not 1 within 1e-6.

    Example:
        >>> probabilities("prior", [0.25, 0.75]).tolist()
        [0.25, 0.75]
    """
    table = finite(name, value)
    if bool((table < 0).any()):
        raise SpecError(name, float(table.min()), "allowed: probabilities from 0 to 1")
    total = table.sum(-1)
    if not bool(((total - 1).abs() < 1e-6).all()):
        worst = float(total.flatten()[(total.flatten() - 1).abs().argmax()])
        raise SpecError(name, f"a sum of {worst:g}", "allowed: probabilities that sum to 1")
    return table
