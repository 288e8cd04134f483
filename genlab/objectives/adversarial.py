"""Adversarial objectives: one class, and the losses as rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import softplus

from genlab.divergences import LOG_2
from genlab.measure import Kind, Series
from genlab.models.base import GenerativeModel, HasCritic, HasDecoder
from genlab.objectives.base import Loss, Objective, Player
from genlab.registry import OBJECTIVES


@dataclass(frozen=True)
class AdversarialLoss:
    """One adversarial loss on the critic's raw outputs.

    Args:
        name, title, summary: as in the table of objectives.
        real, fake: what the discriminator lowers, of l(x) and of l(G(z)), each (B,) -> (B,).
        generator: what the generator lowers, of l(G(z)), (B,) -> (B,).
        equilibrium: the losses (of discriminator, of generator) where D = ½ everywhere.
    """

    name: str
    title: str
    summary: str
    real: Callable[[Tensor], Tensor]
    fake: Callable[[Tensor], Tensor]
    generator: Callable[[Tensor], Tensor]
    equilibrium: tuple[float | None, float | None] = (None, None)


def _real(logit: Tensor) -> Tensor:
    return softplus(-logit)


def _fake(logit: Tensor) -> Tensor:
    return softplus(logit)


def _saturating(logit: Tensor) -> Tensor:
    return -softplus(logit)


#: D lowers E softplus(−l(x)) + E softplus(l(G(z))), that is −E log D(x) − E log(1 − D(G(z))).
ROWS = (
    AdversarialLoss(
        "nonsaturating",
        "Non-saturating GAN",
        "The generator raises log D(G(z)): strong gradients while D wins.",
        _real,
        _fake,
        _real,
        (2 * LOG_2, LOG_2),
    ),
    AdversarialLoss(
        "minimax",
        "Minimax GAN",
        "The generator lowers log(1 − D(G(z))): the original game, whose gradient fades.",
        _real,
        _fake,
        _saturating,
        (2 * LOG_2, -LOG_2),
    ),
)


class Adversarial(Objective):
    """Discriminator and generator take turns on one row of losses, in softplus forms of the logit.

    The discriminator's update sees examples without their graph, so nothing flows into the
    generator. The two updates of one step use the same draw of z: the discriminator's update does
    not touch G, so both gradients are those of the algorithm, and G is run once.

    Source: Goodfellow et al. 2014, "Generative adversarial nets", algorithm 1.
    """

    row: ClassVar[AdversarialLoss]
    requires = (GenerativeModel, HasDecoder, HasCritic)

    @property
    def players(self) -> tuple[Player, ...]:
        return Player("discriminator"), Player("generator")

    @property
    def series(self) -> tuple[Series, ...]:
        kind: Kind = "training batch"
        at_d, at_g = self.row.equilibrium
        level = "equilibrium"
        return (
            Series(
                "loss_discriminator",
                "discriminator's loss",
                "loss",
                "nats",
                kind,
                direction="lower",
                truth=at_d,
                truth_label=f"{level}: log 4" if at_d is not None else "",
            ),
            Series(
                "loss_generator",
                "generator's loss",
                "loss",
                "nats",
                kind,
                direction="lower",
                truth=at_g,
                truth_label=f"{level}: {'−' if (at_g or 0) < 0 else ''}log 2"
                if at_g is not None
                else "",
            ),
            Series(
                "d_real",
                "D(x), training batch",
                "confidence",
                "probability",
                kind,
                truth=0.5,
                truth_label=level,
            ),
            Series(
                "d_fake",
                "D(G(z)), training batch",
                "confidence",
                "probability",
                kind,
                truth=0.5,
                truth_label=level,
            ),
        )

    def loss(self, player: str, model: GenerativeModel, x: Tensor) -> Loss:
        assert isinstance(model, HasCritic)
        assert isinstance(model, HasDecoder)
        if player == "generator":
            return self._generator(model, self.generate(model, len(x)))
        with torch.no_grad():
            generated = self.generate(model, len(x))
        return self._discriminator(model, x, generated)

    def losses(self, model: GenerativeModel, x: Tensor) -> Callable[[str], Loss]:
        if any(player.repeats > 1 for player in self.players):
            # A second update must see a draw of its own, and no graph of weights that have moved.
            return super().losses(model, x)
        assert isinstance(model, HasCritic)
        assert isinstance(model, HasDecoder)
        critic = model
        generated = self.generate(model, len(x))

        def of(player: str) -> Loss:
            if player == "generator":
                return self._generator(critic, generated)
            return self._discriminator(critic, x, generated.detach())

        return of

    def _generator(self, critic: HasCritic, generated: Tensor) -> Loss:
        lowered = self.row.generator(critic.score(generated))
        return Loss(lowered.mean(), {"loss_generator": lowered})

    def _discriminator(self, critic: HasCritic, x: Tensor, generated: Tensor) -> Loss:
        real, fake = critic.score(x), critic.score(generated)
        lowered = self.row.real(real) + self.row.fake(fake)
        terms = {
            "loss_discriminator": lowered,
            "d_real": real.detach().sigmoid(),
            "d_fake": fake.detach().sigmoid(),
        }
        return Loss(lowered.mean(), terms)

    @staticmethod
    def generate(model: HasDecoder, n: int) -> Tensor:
        """G(z) at n draws of the prior, (n, *data_shape)."""
        return model.decode(model.prior().sample(torch.Size((n,)))).mean


def objective_of(row: AdversarialLoss) -> type[Adversarial]:
    """The objective that a row of losses makes."""
    return type(f"Adversarial_{row.name}", (Adversarial,), {"row": row, "__doc__": row.summary})


for _row in ROWS:
    OBJECTIVES.register(_row.name, title=_row.title, summary=_row.summary)(objective_of(_row))
