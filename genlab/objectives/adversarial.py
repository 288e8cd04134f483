"""Adversarial objectives: one class, and the losses as rows."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn.functional import relu, softplus

from genlab.divergences import LOG_2
from genlab.measure import Kind, Series
from genlab.models.base import GenerativeModel, HasChains, HasCritic, HasDecoder
from genlab.objectives.base import Later, Loss, Objective, Player, Turn
from genlab.objectives.slopes import mixes
from genlab.registry import OBJECTIVES


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
    ignores_shift: bool = False


def _real(logit: Tensor) -> Tensor:
    return softplus(-logit)


def _fake(logit: Tensor) -> Tensor:
    return softplus(logit)


def _saturating(logit: Tensor) -> Tensor:
    return -softplus(logit)


def _half_square_from_1(score: Tensor) -> Tensor:
    return 0.5 * (score - 1.0).square()


def _half_square(score: Tensor) -> Tensor:
    return 0.5 * score.square()


def _below_margin(score: Tensor) -> Tensor:
    return relu(1.0 - score)


def _above_margin(score: Tensor) -> Tensor:
    return relu(1.0 + score)


def minus(score: Tensor) -> Tensor:
    """−C(x): what a critic lowers on real examples, a generator on its own."""
    return -score


#: Slopes of those losses whose slope is quicker by hand than by the engine.
SLOPES: dict[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]] = {
    _real: lambda logit: -torch.sigmoid(-logit),
    _fake: torch.sigmoid,
    _saturating: lambda logit: -torch.sigmoid(logit),
    _half_square_from_1: lambda score: score - 1.0,
    _half_square: torch.clone,
    _below_margin: lambda score: -(score < 1.0).to(score),
    _above_margin: lambda score: (score > -1.0).to(score),
    minus: lambda score: torch.full_like(score, -1.0),
}


def slope_of(loss: Callable[[Tensor], Tensor], score: Tensor) -> Tensor:
    """The gradient of the mean of a loss, to the scores, (B,) -> (B,)."""
    known = SLOPES.get(loss)
    if known is not None:
        return known(score) / len(score)
    with torch.enable_grad():
        leaf = score.detach().requires_grad_()
        (found,) = torch.autograd.grad(loss(leaf).mean(), leaf)
    return found


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
        ignores_shift=True,
    ),
)

#: How a legend writes the constants of the game in logarithms.
_WORDS = ((2 * LOG_2, "log 4"), (LOG_2, "log 2"), (-LOG_2, "−log 2"))


def _words(value: float | None) -> str:
    if value is None:
        return ""
    name = next((text for known, text in _WORDS if known == value), f"{value:g}")
    return f"equilibrium: {name}"


def scores(critic: HasCritic, x: Tensor, generated: Tensor) -> tuple[Tensor, Tensor]:
    """C(x) and C(G(z)), (B,) each; in one pass where the batches cannot mix."""
    if mixes(critic, len(x)):
        return critic.score(x), critic.score(generated)
    real, fake = critic.score(torch.cat([x, generated])).split([len(x), len(generated)])
    return real, fake


class Adversarial(Objective):
    """Discriminator and generator take turns on one row of losses, in softplus forms of the logit.

    The discriminator's update sees examples without their graph, so nothing flows into the
    generator. The two updates of one step use the same draw of z: the discriminator's update does
    not touch G, so both gradients are those of the algorithm, and G is run once.

    Source: Goodfellow et al. 2014, "Generative adversarial nets", algorithm 1.
    """

    row: ClassVar[AdversarialLoss]
    _game: _Game | None = None
    requires = (GenerativeModel, HasDecoder, HasCritic)

    @property
    def players(self) -> tuple[Player, ...]:
        return Player("discriminator"), Player("generator")

    @property
    def logit(self) -> bool:
        """Whether σ(score) is D(x), the critic's probability that x is real."""
        return self.row.logit

    @property
    def series(self) -> tuple[Series, ...]:
        return (*self.loss_series(), *self.score_series())

    def loss_series(self) -> tuple[Series, ...]:
        """The two players' losses."""
        kind: Kind = "training batch"
        at_d, at_g = self.row.equilibrium
        unit = self.row.unit
        return (
            Series(
                "loss_discriminator",
                "discriminator's loss" if self.logit else "critic's loss",
                "loss",
                unit,
                kind,
                direction="lower",
                truth=at_d,
                truth_label=_words(at_d),
            ),
            Series(
                "loss_generator",
                "generator's loss",
                "loss",
                unit,
                kind,
                direction="lower",
                truth=at_g,
                truth_label=_words(at_g),
            ),
        )

    def score_series(self) -> tuple[Series, ...]:
        """What the critic says of real and of generated examples."""
        kind: Kind = "training batch"
        if not self.logit:
            return (
                Series("c_real", "C(x), training batch", "score", "dimensionless", kind),
                Series("c_fake", "C(G(z)), training batch", "score", "dimensionless", kind),
            )
        level = "equilibrium"
        return (
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
        lowered = self.row.generator(critic.score(generated))
        return Loss(lowered.mean(), {"loss_generator": lowered})

    def _discriminator(self, critic: HasCritic, x: Tensor, generated: Tensor) -> Loss:
        real, fake = scores(critic, x, generated)
        lowered = self.row.real(real) + self.row.fake(fake)
        return Loss(lowered.mean(), self.discriminator_terms(lowered, real, fake))

    def direct(self, model: GenerativeModel, x: Tensor) -> Turn | None:
        if self._game is None or self._game.model() is not model:
            self._game = _Game(self, model)
        return self._game.turn(x) if self._game.playable else None

    def discriminator_terms(
        self, lowered: Tensor, real: Tensor, fake: Tensor
    ) -> dict[str, Tensor]:
        """The discriminator's terms from its loss and the critic's outputs, (B,) each."""
        return {"loss_discriminator": lowered, **self.score_terms(real, fake)}

    def score_terms(self, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        """The terms of :meth:`score_series` from the critic's outputs, (B,) each."""
        if not self.logit:
            return {"c_real": real.detach(), "c_fake": fake.detach()}
        return {"d_real": real.detach().sigmoid(), "d_fake": fake.detach().sigmoid()}

    @staticmethod
    def generate(model: HasDecoder, n: int) -> Tensor:
        """G(z) at n draws of the prior, (n, *data_shape)."""
        return model.decode(model.prior().sample(torch.Size((n,)))).mean


#: What a subclass that leaves them as they are plays by the losses of its row alone.
_PLAIN = ("loss", "losses", "generate", "_generator", "_discriminator")


class _Game:
    """A model's game without a graph: what is the same at every step is looked up once.

    Gradients flow through the two chains by their own backward pass; the engine is asked for the
    slope of a loss in the scores at most.

    Args:
        objective: the losses.
        model: the players; held weakly.
    """

    def __init__(self, objective: Adversarial, model: GenerativeModel) -> None:
        self.model = weakref.ref(model)
        self.row, self.terms = objective.row, objective.discriminator_terms
        plain = all(
            getattr(type(objective), name) is getattr(Adversarial, name) for name in _PLAIN
        ) and all(player.repeats == 1 for player in objective.players)
        chains = model.chains() if plain and isinstance(model, HasChains) else None
        self.playable = chains is not None
        if chains is not None:
            self.generator, self.critic = chains

    def turn(self, x: Tensor) -> Turn:
        """The turns of a step on a batch, on one draw of z."""
        model: Any = self.model()
        kept = self.generator.forward(model.prior().sample(torch.Size((len(x),))))

        def of(player: str) -> Mapping[str, Tensor]:
            if player == "generator":
                return self._generator(kept)
            return self._discriminator(torch.cat([model.flat(x), kept[-1]]))

        return of

    def _discriminator(self, both: Tensor) -> Later:
        row, n = self.row, len(both) // 2
        kept = self.critic.forward(both)
        score = kept[-1].view(-1)
        real, fake = score[:n], score[n:]
        slope = torch.cat([slope_of(row.real, real), slope_of(row.fake, fake)])
        self.critic.backward(slope.unsqueeze(1), kept)
        return Later(lambda: self.terms(row.real(real) + row.fake(fake), real, fake))

    def _generator(self, made: Sequence[Tensor]) -> Later:
        of = self.row.generator
        kept = self.critic.forward(made[-1])
        score = kept[-1].view(-1)
        slope = slope_of(of, score).unsqueeze(1)
        back = self.critic.backward(slope, kept, to_weights=False, to_input=True)
        assert back is not None
        self.generator.backward(back, made)
        return Later(lambda: {"loss_generator": of(score)})


def objective_of(row: AdversarialLoss) -> type[Adversarial]:
    """The objective that a row of losses makes."""
    body = {"row": row, "ignores_shift": row.ignores_shift, "__doc__": row.summary}
    return type(f"Adversarial_{row.name}", (Adversarial,), body)


for _row in ROWS:
    OBJECTIVES.register(_row.name, title=_row.title, summary=_row.summary)(objective_of(_row))
