"""The importance-weighted bound."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from genlab.core.measure import Kind, Series
from genlab.core.options import Options, option
from genlab.core.tables import OBJECTIVES
from genlab.models.base import GenerativeModel, HasDecoder, HasEncoder
from genlab.objectives.base import Loss
from genlab.objectives.elbo import Variational
from genlab.objectives.importance_weights import iwae_bound, log_weights
from genlab.objectives.path_gradients import (
    DOUBLY,
    PLAIN,
    check_detachable,
    doubly_reparameterised,
)


@dataclass(frozen=True)
class IWAEOptions(Options):
    """Options of the importance-weighted bound."""

    importance: int = option(
        5,
        "draws k of q for each example; 1 is the ELBO",
        low=1,
        high=1000,
        log=True,
        label="Importance samples k",
    )
    importance_gradient: str = option(
        PLAIN,
        "how the encoder's gradient is estimated, without bias either way. "
        "doubly_reparameterised: along the path of the draws alone, so that its signal does not "
        "drown in noise at many draws",
        choices=(PLAIN, DOUBLY),
        advanced=True,
        label="Gradient of the bound",
    )


@OBJECTIVES.register("iwae", title="IWAE (importance-weighted bound)", order=170)
class IWAE(Variational):
    """Maximises L_k = E[log (1/k) Σ_i w_i], w_i = p(x, z_i) / q(z_i | x); L_1 is the ELBO.

    The gradient is Σ_i w̃_i ∇ log w_i with w̃ = w / Σ w held fixed, which is what differentiating
    the log-mean-exp gives; the value shown is the log-mean-exp and not Σ w̃_i log w_i.

    Source: Burda, Grosse and Salakhutdinov 2016, "Importance weighted autoencoders", equation 8.
    """

    Options = IWAEOptions

    def check_options(self, model_options: Any) -> None:
        check_detachable("importance_gradient", self.options.importance_gradient, model_options)

    @property
    def series(self) -> tuple[Series, ...]:
        kind: Kind = "training batch"
        k = self.options.importance
        return (
            Series(
                "iwae",
                f"L_{k}, a lower bound of log p(x) in expectation, training batch",
                "loss",
                "nats",
                kind,
                direction="higher",
            ),
            Series(
                "elbo",
                f"ELBO from the same {k} draws, training batch",
                "loss",
                "nats",
                kind,
                direction="higher",
            ),
            Series(
                "effective",
                f"effective draws (Σ w)² / Σ w², of {k}, training batch",
                "latent",
                "count",
                kind,
                direction="higher",
            ),
        )

    def loss(self, player: str, model: GenerativeModel, x: Tensor) -> Loss:
        assert isinstance(model, HasEncoder)
        assert isinstance(model, HasDecoder)
        k = self.options.importance
        if self.options.importance_gradient == DOUBLY:
            weights = doubly_reparameterised(model, x, k)
        else:
            weights = log_weights(model, x, model.encode(x), k)
        bound = iwae_bound(weights)
        share = torch.softmax(weights.detach(), dim=0)
        terms = {
            "iwae": bound,
            "elbo": weights.mean(0),
            "effective": 1 / share.square().sum(0),
        }
        return Loss(-bound.mean(), terms)
