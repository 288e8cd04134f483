"""Bayesian inference: the result is a posterior distribution, and there is no loss."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor

from genlab.core.errors import SpecError
from genlab.core.measure import Series
from genlab.core.tables import OBJECTIVES
from genlab.models.base import GenerativeModel
from genlab.models.bayesian import Bayesian
from genlab.objectives.base import Loss, Objective, Player


@OBJECTIVES.register(
    "bayes",
    title="Bayes' rule (the posterior)",
    summary="The posterior of the parameters is sought; nothing is lowered by gradients.",
    order=10,
)
class Bayes(Objective):
    """p(θ | x) ∝ p(x | θ) p(θ), or the nearest distribution to it. No players: the algorithms
    that fit it (exact inference, SVI) move the posterior itself and say what they report."""

    requires: ClassVar[tuple[type[Any], ...]] = (GenerativeModel, Bayesian)

    @property
    def players(self) -> tuple[Player, ...]:
        return ()

    @property
    def series(self) -> tuple[Series, ...]:
        return ()

    def loss(self, player: str, model: GenerativeModel, x: Tensor) -> Loss:
        """There is none.

        Raises:
            SpecError: always, as there is no player.
        """
        raise SpecError.unknown("player", player, ())
