"""What is optimised: the players, and for each of them a loss and the terms shown in charts."""

from __future__ import annotations

import abc
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from torch import Tensor

from genlab.core.measure import Series
from genlab.core.options import Options
from genlab.models.base import GenerativeModel

if TYPE_CHECKING:
    from genlab.divergences.f import FDivergence


@dataclass(frozen=True)
class Player:
    """A player of an objective: its name, and its number of updates per step."""

    name: str
    repeats: int = 1


@dataclass(frozen=True)
class Loss:
    """The loss of one player.

    Args:
        value: the scalar that is differentiated.
        terms: what the page draws, each (B,) and detached from the graph by the reader.
    """

    value: Tensor
    terms: Mapping[str, Tensor] = field(default_factory=dict)


class Objective(abc.ABC):
    """A pure function from player, model and batch to a loss.

    Args:
        options: the objective's options.
    """

    name: ClassVar[str]
    Options: ClassVar[type[Options]] = Options
    #: The capabilities a model must have.
    requires: ClassVar[tuple[type, ...]] = (GenerativeModel,)
    #: Whether a constant added to the critic's score changes no loss, so that the bias of the
    #: critic's last layer is free.
    ignores_shift: ClassVar[bool] = False

    def __init__(self, options: Any = None) -> None:
        self.options: Any = options if options is not None else self.Options()

    @classmethod
    def incompatibility(cls, model: type[GenerativeModel]) -> str | None:
        """None if this objective can train such a model, else the reason why not."""
        missing = [need.__name__ for need in cls.requires if not issubclass(model, need)]
        return f"the model lacks {', '.join(missing)}" if missing else None

    @classmethod  # noqa: B027 - may be empty
    def check(cls, model: type[GenerativeModel], model_options: Any) -> None:
        """Refuse options of the model with which this objective is not defined.

        Raises:
            SpecError: naming the option, before anything starts.
        """

    def check_options(self, model_options: Any) -> None:  # noqa: B027 - may be empty
        """Refuse options of the model that this objective's own options exclude.

        Raises:
            SpecError: naming the option, before anything starts.
        """

    @classmethod
    def defaults(cls) -> dict[str, Any]:
        """Defaults of any option of the run that this objective asks for (``{"lr": 1e-4}``)."""
        return {}

    @classmethod
    def needs(cls, model: type[GenerativeModel]) -> dict[str, Any]:
        """Options of such a model without which this objective is not defined, with the values
        that they must have; they become the defaults, and :meth:`check` refuses others."""
        return {}

    @property
    @abc.abstractmethod
    def players(self) -> tuple[Player, ...]:
        """The players in the order of their turns."""

    @property
    @abc.abstractmethod
    def series(self) -> tuple[Series, ...]:
        """What each term of the losses is: title, unit, kind of number."""

    @abc.abstractmethod
    def loss(self, player: str, model: GenerativeModel, x: Tensor) -> Loss:
        """The loss of a player on a batch, (B, *data_shape)."""

    def losses(self, model: GenerativeModel, x: Tensor) -> Callable[[str], Loss]:
        """The losses of one step on a batch, each computed when its player's turn comes.

        An objective whose players may have work in common does it here once.
        """
        return lambda player: self.loss(player, model, x)

    @property
    def critic_is_logit(self) -> bool:
        """Whether σ(score) of the critic is D(x), the probability that x is real."""
        return True

    @property
    def critic_divergence(self) -> FDivergence | None:
        """The f-divergence that the critic's score bounds; None for other games."""
        return None

    def at_step(self, step: int) -> Objective:
        """The objective at a step; it differs from this one only where there is a schedule."""
        return self

    def after_update(self, player: str, model: GenerativeModel) -> None:  # noqa: B027 - may be empty
        """Called after each update of a player, to project its weights (clipping)."""
