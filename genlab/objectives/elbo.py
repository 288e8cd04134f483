"""The evidence lower bound: its estimators, and the objective that maximises it."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import torch
from torch import Tensor
from torch.distributions import Distribution

from genlab.core.measure import Kind, Series
from genlab.core.options import Options, option
from genlab.core.tables import OBJECTIVES
from genlab.divergences import closed_form_kl
from genlab.models.base import GenerativeModel, HasDecoder, HasEncoder, HasLikelihood
from genlab.objectives.base import Loss, Objective, Player
from genlab.objectives.importance_weights import log_likelihood, log_weights
from genlab.objectives.path_gradients import PLAIN, STICKING, check_detachable, detach_parameters


def sgvb_a(model: HasDecoder, x: Tensor, q: Distribution, samples: int = 1) -> Tensor:
    """Estimator A: (1/L) Σ_l [log p(x, z_l) − log q(z_l | x)], (B,) in nats.

    Source: Kingma and Welling 2014, equation 6.
    """
    return log_weights(model, x, q, samples).mean(dim=0)


def sgvb_b(model: HasDecoder, x: Tensor, q: Distribution, samples: int = 1) -> Tensor:
    """Estimator B: −KL(q ‖ p(z)) + (1/L) Σ_l log p(x | z_l), (B,) in nats, with KL in closed form.

    Source: Kingma and Welling 2014, equation 7.

    Raises:
        ValueError: if KL(q ‖ p(z)) has no closed form.
    """
    kl = closed_form_kl(q, model.prior())
    if kl is None:
        raise ValueError("estimator B needs a closed form of KL(q || p(z)); take estimator A")
    z = q.rsample(torch.Size((samples,)))
    return log_likelihood(model, x, z).mean(dim=0) - kl


@dataclass(frozen=True)
class Draw:
    """One pathwise draw of a batch, and the terms of the bound.

    Args:
        q, prior: q(z | x), batch shape (B,), and p(z).
        z: the draw, (B, latent).
        reconstruction, kl: log p(x | z) and KL(q ‖ p(z)), (B,) in nats.
    """

    q: Distribution
    prior: Distribution
    z: Tensor
    reconstruction: Tensor
    kl: Tensor

    @property
    def terms(self) -> dict[str, Tensor]:
        """The ELBO and its two parts, per example, (B,) in nats."""
        elbo = self.reconstruction - self.kl
        return {"elbo": elbo, "reconstruction": self.reconstruction, "kl": self.kl}


def draw(model: GenerativeModel, x: Tensor) -> Draw:
    """One pathwise draw z of q(z | x) for each example of a batch, (B, *data_shape).

    KL is the closed form where there is one, else its single-draw Monte Carlo estimate
    log q(z | x) − log p(z).
    """
    assert isinstance(model, HasEncoder)
    assert isinstance(model, HasDecoder)
    q, prior = model.encode(x), model.prior()
    z = q.rsample()
    reconstruction = model.decode(z).log_prob(x)
    kl = closed_form_kl(q, prior)
    if kl is None:
        kl = q.log_prob(z) - prior.log_prob(z)
    return Draw(q, prior, z, reconstruction, kl)


def elbo_terms(model: GenerativeModel, x: Tensor) -> tuple[Distribution, dict[str, Tensor]]:
    """q(z | x), and per-example elbo, reconstruction and kl with one pathwise draw, (B,) in nats.

    Sums over dimensions, nothing averaged over the batch; see :func:`draw`.
    """
    one = draw(model, x)
    return one.q, one.terms


def elbo_series() -> tuple[Series, ...]:
    """What the three terms of :attr:`Draw.terms` are."""
    kind: Kind = "training batch"
    return (
        Series("elbo", "ELBO, training batch", "loss", "nats", kind, direction="higher"),
        Series(
            "reconstruction",
            "reconstruction E_q log p(x|z), training batch",
            "loss",
            "nats",
            kind,
            direction="higher",
        ),
        Series("kl", "KL(q(z|x) ‖ p(z)), training batch", "divergence", "nats", kind),
    )


class Variational(Objective):
    """Base of the objectives of the VAE family: one player, and pathwise draws of q."""

    requires = (GenerativeModel, HasLikelihood, HasEncoder)
    options: Any

    @classmethod
    def incompatibility(cls, model: type[GenerativeModel]) -> str | None:
        return super().incompatibility(model) or needs_pathwise(model)

    @property
    def players(self) -> tuple[Player, ...]:
        return (Player("model"),)


def needs_pathwise(model: type[GenerativeModel]) -> str | None:
    """None if draws of q(z | x) are differentiable in its parameters, else the reason why not."""
    if issubclass(model, HasEncoder) and not model.pathwise:
        return "its posterior picks from a codebook, so a draw has no gradient; vq trains it"
    return None


@dataclass(frozen=True)
class WarmUpOptions(Options):
    """Options of the objectives whose KL may be warmed up."""

    warmup: int = option(
        0,
        "KL warm-up: steps over which the weight of the KL rises from 0 to its value; 0: none",
        low=0,
        high=1_000_000,
        advanced=True,
        label="KL warm-up steps",
    )


class WarmedUp(Variational):
    """KL warm-up: at step t the weight of the KL is min(1, t / T), with T the option ``warmup``.

    What is lowered then is no −ELBO before step T; the ELBO shown has the KL's full weight.

    Source: Bowman et al. 2016, "Generating sentences from a continuous space", section 3.1;
    Sønderby et al. 2016, "Ladder variational autoencoders", section 2.3.
    """

    Options: ClassVar[type[Options]] = WarmUpOptions
    #: The share of its weight with which the KL counts.
    share: float = 1.0

    def at_step(self, step: int) -> Self:
        """The objective as it stands at a step.

        Example:
            >>> warmed = ELBO(ELBOOptions(warmup=4))
            >>> [warmed.at_step(step).share for step in (0, 1, 4, 9)], warmed.share
            ([0.0, 0.25, 1.0, 1.0], 1.0)
        """
        if not self.options.warmup:
            return self
        now = copy.copy(self)
        now.share = min(1.0, step / self.options.warmup)
        return now

    @property
    def factor(self) -> str:
        """The weight of the KL as text, for titles."""
        return "share · " if self.options.warmup else ""

    @property
    def warmup_series(self) -> tuple[Series, ...]:
        """The warm-up weight as a series; none without warm-up."""
        if not self.options.warmup:
            return ()
        title = f"share of the KL's weight, rising over {self.options.warmup:,} steps"
        return (Series("kl_share", title, "schedule", "share", "exact"),)

    def warmup_terms(self, like: Tensor) -> dict[str, Tensor]:
        """The warm-up weight as a term with one entry per example, (B,)."""
        return {"kl_share": torch.full_like(like, self.share)} if self.options.warmup else {}


@dataclass(frozen=True)
class ELBOOptions(WarmUpOptions):
    """Options of the ELBO."""

    elbo_gradient: str = option(
        PLAIN,
        "how the encoder's gradient is estimated, without bias either way. sticking_the_landing: "
        "along the path of the draws alone, whose noise vanishes where q is the posterior; the "
        "KL is then that of the one draw",
        choices=(PLAIN, STICKING),
        advanced=True,
        label="Gradient of the ELBO",
    )


@OBJECTIVES.register("elbo", title="ELBO", order=70)
class ELBO(WarmedUp):
    """Maximises E_q[log p(x | z)] − KL(q(z | x) ‖ p(z)), the mean over the batch.

    Sources: Kingma and Welling 2014, "Auto-encoding variational Bayes"; for the gradient without
    the score, Roeder, Wu and Duvenaud 2017, "Sticking the landing".
    """

    Options = ELBOOptions

    def check_options(self, model_options: Any) -> None:
        check_detachable("elbo_gradient", self.options.elbo_gradient, model_options)

    def _draw(self, model: GenerativeModel, x: Tensor) -> Draw:
        if self.options.elbo_gradient == PLAIN:
            return draw(model, x)
        assert isinstance(model, HasEncoder)
        assert isinstance(model, HasDecoder)
        q, prior = model.encode(x), model.prior()
        fixed, z = detach_parameters(q), q.rsample()
        reconstruction = model.decode(z).log_prob(x)
        return Draw(q, prior, z, reconstruction, fixed.log_prob(z) - prior.log_prob(z))

    @property
    def series(self) -> tuple[Series, ...]:
        if not self.options.warmup:
            return elbo_series()
        loss_series = Series(
            "warmup_loss",
            "−reconstruction + share · KL: minimised, at the end the −ELBO",
            "loss",
            "nats",
            "training batch",
            direction="lower",
        )
        return (loss_series, *self.warmup_series, *elbo_series())

    def loss(self, player: str, model: GenerativeModel, x: Tensor) -> Loss:
        terms = self._draw(model, x).terms
        if not self.options.warmup:
            return Loss(-terms["elbo"].mean(), terms)
        loss = self.share * terms["kl"] - terms["reconstruction"]
        terms = {"warmup_loss": loss, **self.warmup_terms(loss), **terms}
        return Loss(loss.mean(), terms)
