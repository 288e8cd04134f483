"""Maximum likelihood, for models whose log-density is exact."""

from __future__ import annotations

import math
from typing import ClassVar

from torch import Tensor

from genlab.core.measure import Kind, Series
from genlab.core.tables import OBJECTIVES
from genlab.models.base import GenerativeModel, HasLogProb
from genlab.objectives.base import Loss, Objective, Player


@OBJECTIVES.register("likelihood", title="Maximum likelihood", order=20)
class Likelihood(Objective):
    """Minimises −(1/B) Σ_i log p(x_i), which is KL(data ‖ model) up to a constant."""

    requires: ClassVar[tuple[type, ...]] = (GenerativeModel, HasLogProb)

    @property
    def players(self) -> tuple[Player, ...]:
        return (Player("model"),)

    @property
    def series(self) -> tuple[Series, ...]:
        kind: Kind = "training batch"
        return (
            Series("log_prob", "log p(x)", "loss", "nats", kind, direction="higher"),
            Series("bits_per_dim", "Bits per dimension", "bits", "bits/dim", kind, 0, "lower"),
        )

    def loss(self, player: str, model: GenerativeModel, x: Tensor) -> Loss:
        assert isinstance(model, HasLogProb)
        # As the look at held-out data has it, so that both are one curve in one chart.
        log_prob = model.log_prob(x)
        bits = -log_prob / (math.prod(x.shape[1:]) * math.log(2))
        return Loss(-log_prob.mean(), {"log_prob": log_prob, "bits_per_dim": bits})
