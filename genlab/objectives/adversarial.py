"""Adversarial objectives: one class, and the losses as rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import relu, softplus

from genlab.core.measure import Kind, Series
from genlab.core.tables import OBJECTIVES
from genlab.divergences import LOG_2
from genlab.models.base import GenerativeModel, HasCritic, HasDecoder
from genlab.objectives.base import Loss, Objective, Player
from genlab.objectives.gradient_penalty import mixes


@dataclass(frozen=True)
class AdversarialLoss:
    """One adversarial loss on the critic's raw outputs.

    Args:
        name, title, summary: as in the table of objectives.
        real, fake: what the discriminator lowers, of l(x) and of l(G(z)), each (B,) -> (B,).
        generator: what the generator lowers, of l(G(z)), (B,) -> (B,).
        equilibrium: the losses (of discriminator, of generator) of the best critic at P = Q.
        logit: whether the critic's output is the logit of D(x) = P(x is real).
        unit: of the losses.
        best: the output of the best critic as a function of log p/q, None where there is none.
        ignores_shift: see :class:`Objective`; for the hinge, while no score is beyond the margin.
    """

    name: str
    title: str
    summary: str
    real: Callable[[Tensor], Tensor]
    fake: Callable[[Tensor], Tensor]
    generator: Callable[[Tensor], Tensor]
    equilibrium: tuple[float | None, float | None] = (None, None)
    logit: bool = True
    unit: str = "nats"
    best: Callable[[Tensor], Tensor] | None = None
    ignores_shift: bool = False


@dataclass(frozen=True)
class ScoreFunction:
    """A function of the critic's score whose derivative is known in closed form.

    Args:
        name: as tests and messages call it.
        value: the function, (B,) -> (B,).
        derivative: its derivative, (B,) -> (B,).

    Example:
        >>> square = ScoreFunction("square", torch.square, lambda score: 2 * score)
        >>> square(torch.tensor([3.0])).item(), square.derivative(torch.tensor([3.0])).item()
        (9.0, 6.0)
    """

    name: str
    value: Callable[[Tensor], Tensor]
    derivative: Callable[[Tensor], Tensor]

    def __call__(self, score: Tensor) -> Tensor:
        return self.value(score)


_real = ScoreFunction(
    "−log D", lambda logit: softplus(-logit), lambda logit: -torch.sigmoid(-logit)
)
_fake = ScoreFunction("−log(1 − D)", softplus, torch.sigmoid)
_saturating = ScoreFunction(
    "log(1 − D)", lambda logit: -softplus(logit), lambda logit: -torch.sigmoid(logit)
)
_half_square_from_1 = ScoreFunction(
    "½(C − 1)²", lambda score: 0.5 * (score - 1.0).square(), lambda score: score - 1.0
)
_half_square = ScoreFunction("½C²", lambda score: 0.5 * score.square(), torch.clone)
_below_margin = ScoreFunction(
    "max(0, 1 − C)", lambda score: relu(1.0 - score), lambda score: -(score < 1.0).to(score)
)
_above_margin = ScoreFunction(
    "max(0, 1 + C)", lambda score: relu(1.0 + score), lambda score: (score > -1.0).to(score)
)
#: −C(x): the loss of a critic on real examples, and of its generator on generated ones.
minus = ScoreFunction("−C", torch.neg, lambda score: torch.full_like(score, -1.0))
#: The functions of the score with a derivative in closed form.
SCORE_FUNCTIONS = (
    _real,
    _fake,
    _saturating,
    _half_square_from_1,
    _half_square,
    _below_margin,
    _above_margin,
    minus,
)

#: In the first two D lowers E softplus(−l(x)) + E softplus(l(G(z))), that is
#: −E log D(x) − E log(1 − D(G(z))).
ROWS = (
    AdversarialLoss(
        "nonsaturating",
        "Non-saturating GAN",
        "The generator raises log D(G(z)): strong gradients while D wins.",
        _real,
        _fake,
        _real,
        (2 * LOG_2, LOG_2),
        best=torch.clone,
    ),
    AdversarialLoss(
        "minimax",
        "Minimax GAN",
        "The generator lowers log(1 − D(G(z))): the original game, whose gradient fades.",
        _real,
        _fake,
        _saturating,
        (2 * LOG_2, -LOG_2),
        best=torch.clone,
    ),
    # Mao et al. 2017, with labels 0 and 1: the best critic is C = p/(p + q).
    AdversarialLoss(
        "lsgan",
        "Least-squares GAN",
        "The critic regresses on 1 for real and 0 for generated: a loss that does not saturate.",
        _half_square_from_1,
        _half_square,
        _half_square_from_1,
        (0.25, 0.125),
        logit=False,
        unit="dimensionless",
        best=torch.sigmoid,
    ),
    # Lim and Ye 2017: the best critic is sign(p − q), the loss 2 − 2 TV.
    AdversarialLoss(
        "hinge",
        "Hinge GAN",
        "The critic wants a margin of 1 on either side and rests beyond; the usual for pictures.",
        _below_margin,
        _above_margin,
        minus,
        (2.0, None),
        logit=False,
        unit="dimensionless",
        best=torch.sign,
        ignores_shift=True,
    ),
)

#: How a legend writes the constants of the game in logarithms.
_WORDS = ((2 * LOG_2, "log 4"), (LOG_2, "log 2"), (-LOG_2, "−log 2"))


def _words(value: float | None) -> str:
    if value is None:
        return ""
    name = next((text for known, text in _WORDS if known == value), f"{value + 0.0:g}")
    return f"equilibrium: {name}"


BATCH: Kind = "training batch"


def loss_series(
    name: str, title: str, truth: float | None = None, label: str = "", unit: str = "nats"
) -> Series:
    """A player's loss, and its value at the equilibrium where that is known."""
    return Series(
        name, title, "loss", unit, BATCH, direction="lower", truth=truth, truth_label=label
    )


def confidence_series(name: str, title: str) -> Series:
    """A classifier's probability, which is ½ where the two classes are indistinguishable."""
    level = "equilibrium"
    return Series(name, title, "confidence", "probability", BATCH, truth=0.5, truth_label=level)


def scores(critic: HasCritic, x: Tensor, generated: Tensor) -> tuple[Tensor, Tensor]:
    """C(x) and C(G(z)), (B,) each; one pass where no example of a batch affects another."""
    if mixes(critic, len(x)):
        return critic.score(x), critic.score(generated)
    real, fake = critic.score(torch.cat([x, generated])).split([len(x), len(generated)])
    return real, fake


class Adversarial(Objective):
    """An adversarial game on one row of losses, in softplus forms of the logit.

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
    def critic_is_logit(self) -> bool:
        """Whether σ(score) is D(x), the critic's probability that x is real."""
        return self.row.logit

    @property
    def series(self) -> tuple[Series, ...]:
        return (*self.loss_series(), *self.score_series())

    def loss_series(self) -> tuple[Series, ...]:
        """The two players' losses."""
        at_d, at_g = self.row.equilibrium
        unit, whose = self.row.unit, "discriminator's" if self.critic_is_logit else "critic's"
        return (
            loss_series("loss_discriminator", f"{whose} loss", at_d, _words(at_d), unit),
            loss_series("loss_generator", "generator's loss", at_g, _words(at_g), unit),
        )

    def score_series(self) -> tuple[Series, ...]:
        """The critic's output on real and on generated examples."""
        if not self.critic_is_logit:
            return tuple(
                Series(name, f"{of}, training batch", "score", "dimensionless", BATCH)
                for name, of in (("c_real", "C(x)"), ("c_fake", "C(G(z))"))
            )
        return (
            confidence_series("d_real", "D(x), training batch"),
            confidence_series("d_fake", "D(G(z)), training batch"),
        )

    def loss(self, player: str, model: GenerativeModel, x: Tensor) -> Loss:
        assert isinstance(model, HasCritic)
        assert isinstance(model, HasDecoder)
        if player == "generator":
            return self._generator(model, x, self.generate(model, len(x)))
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
                return self._generator(critic, x, generated)
            return self._discriminator(critic, x, generated.detach())

        return of

    def _generator(self, critic: HasCritic, x: Tensor, generated: Tensor) -> Loss:
        loss = self.row.generator(critic.score(generated))
        return Loss(loss.mean(), {"loss_generator": loss})

    def _discriminator(self, critic: HasCritic, x: Tensor, generated: Tensor) -> Loss:
        real, fake = scores(critic, x, generated)
        loss = self.row.real(real) + self.row.fake(fake)
        return Loss(loss.mean(), self.discriminator_terms(loss, real, fake))

    def discriminator_terms(self, loss: Tensor, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        """The discriminator's terms from its loss and the critic's outputs, (B,) each."""
        return {"loss_discriminator": loss, **self.score_terms(real, fake)}

    def score_terms(self, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        """The terms of :meth:`score_series` from the critic's outputs, (B,) each."""
        if not self.critic_is_logit:
            return {"c_real": real.detach(), "c_fake": fake.detach()}
        return {"d_real": real.detach().sigmoid(), "d_fake": fake.detach().sigmoid()}

    @staticmethod
    def generate(model: HasDecoder, n: int) -> Tensor:
        """G(z) at n draws of the prior, (n, *data_shape)."""
        return model.decode(model.prior().sample(torch.Size((n,)))).mean


class PlainAdversarial(Adversarial):
    """An adversarial objective whose losses are those of its row and nothing else.

        L_D = E real(C(x)) + E fake(C(G(z))),    L_G = E generator(C(G(z))),

    with one update of each player a step. A subclass may change what is drawn
    (``discriminator_terms``), not what is minimised: for that derive from
    :class:`Adversarial`.
    """


def objective_of(row: AdversarialLoss) -> type[PlainAdversarial]:
    """The objective with the losses of a row."""
    body = {"row": row, "ignores_shift": row.ignores_shift, "__doc__": row.summary}
    return type(f"Adversarial_{row.name}", (PlainAdversarial,), body)


for _place, _row in enumerate(ROWS):
    OBJECTIVES.register(_row.name, title=_row.title, summary=_row.summary, order=30 + 10 * _place)(
        objective_of(_row)
    )
