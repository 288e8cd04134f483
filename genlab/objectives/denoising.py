"""Denoising: regression on the noise (or another target), and the ELBO of T steps."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from genlab.core.measure import Series
from genlab.core.tables import OBJECTIVES
from genlab.models.base import (
    GenerativeModel,
    HasDiffusionSteps,
    HasLearnedVelocity,
    HasProbabilityPath,
)
from genlab.objectives.base import Loss, Objective, Player


class OnePlayer(Objective):
    """One player, the model."""

    options: Any

    @property
    def players(self) -> tuple[Player, ...]:
        return (Player("model"),)


@OBJECTIVES.register("denoising", order=240, title="Denoising")
class Denoising(OnePlayer):
    """Minimises E|prediction(x_t, t) − target|²; the target is the noise ε, v, or EDM's F.

    Denoising score matching with DDPM's "simple" weights, or EDM's. Its minimum is not 0.

    Sources: Vincent 2011, "A connection between score matching and denoising autoencoders"; Ho,
    Jain and Abbeel 2020, equation 14; Karras et al. 2022, equation 8.
    """

    requires = (GenerativeModel, HasProbabilityPath)

    @classmethod
    def incompatibility(cls, model: type[GenerativeModel]) -> str | None:
        if issubclass(model, HasLearnedVelocity):
            return "its net predicts the velocity; flow_matching trains it"
        return super().incompatibility(model)

    @property
    def series(self) -> tuple[Series, ...]:
        return (
            Series(
                "denoising_loss",
                "denoising loss |prediction − target|², training batch",
                "loss",
                "squared error",
                "training batch",
                direction="lower",
            ),
        )

    def loss(self, player: str, model: GenerativeModel, x: Tensor) -> Loss:
        assert isinstance(model, HasProbabilityPath)
        x1 = model.to_path(x)
        noise, t = torch.randn_like(x1), model.path.draw_times(len(x1), x1)
        target = model.prediction.target(model.path, x1, noise, t)
        found = model.predict(model.path.interpolate(x1, noise, t), t)
        error = (found - target).flatten(1).square().sum(1)
        return Loss(error.mean(), {"denoising_loss": error})


@OBJECTIVES.register("ddpm_elbo", order=250, title="ELBO of a diffusion")
class DiffusionELBO(OnePlayer):
    """Maximises the ELBO of T + 1 terms; one of the T weighted terms is drawn per example.

    The estimate is T times the drawn term plus KL(q(x_T | x) ‖ N(0, I)), without bias.

    Source: Ho, Jain and Abbeel 2020, "Denoising diffusion probabilistic models", equation 5.
    """

    requires = (GenerativeModel, HasDiffusionSteps)

    @property
    def series(self) -> tuple[Series, ...]:
        return (
            Series(
                "diffusion_elbo",
                "ELBO, one of T terms drawn, training batch",
                "loss",
                "nats",
                "training batch",
                direction="higher",
            ),
        )

    def loss(self, player: str, model: GenerativeModel, x: Tensor) -> Loss:
        assert isinstance(model, HasDiffusionSteps)
        elbo = -drawn_bound(model, x)
        return Loss(-elbo.mean(), {"diffusion_elbo": elbo})


def drawn_bound(model: HasDiffusionSteps, x: Tensor) -> Tensor:
    """An unbiased estimate of −ELBO from one of the T terms per example, (B,) in nats."""
    total = model.diffusion_steps
    steps = torch.randint(1, total + 1, (len(x),), device=x.device)
    # The last term has no weights; it needs no draw.
    prior = model.elbo_terms(x, torch.full_like(steps, total + 1)).detach()
    return total * model.elbo_terms(x, steps) + prior
