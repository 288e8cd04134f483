"""Adversarial games with an encoder or a recognition network."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn.functional import softplus

from genlab.core.measure import Series
from genlab.core.options import Options, option
from genlab.core.tables import OBJECTIVES
from genlab.divergences import LOG_2, closed_form_kl
from genlab.models.base import (
    GenerativeModel,
    HasCodes,
    HasCritic,
    HasDecoder,
    HasEncoder,
    HasJointCritic,
    HasLatentCritic,
    HasLikelihood,
)
from genlab.objectives.adversarial import (
    BATCH,
    ROWS,
    Adversarial,
    confidence_series,
    loss_series,
)
from genlab.objectives.base import Loss, Objective, Player

#: Weight of a continuous code against a category: it holds information without bound, and would
#: take the generator over (the source weighs it less too).
CONTINUOUS = 0.1


def _discriminator_loss(real: Tensor, fake: Tensor) -> Loss:
    """The loss of a critic that classifies two kinds of examples by its logits, (B,) each."""
    loss = softplus(-real) + softplus(fake)
    terms = {
        "loss_discriminator": loss,
        "d_real": real.detach().sigmoid(),
        "d_fake": fake.detach().sigmoid(),
    }
    return Loss(loss.mean(), terms)


def _draws(model: HasDecoder, n: int) -> Tensor:
    return model.prior().sample(torch.Size((n,)))


@dataclass(frozen=True)
class InfoOptions(Options):
    """Options of the information about the code."""

    information_weight: float = option(
        1.0,
        "weight λ of the bound of the mutual information",
        low=1e-3,
        high=100.0,
        log=True,
        label="Mutual-information weight λ",
    )


@OBJECTIVES.register("infogan", title="InfoGAN", order=120)
class Information(Adversarial):
    """The non-saturating game; the generator also maximises λ times a bound on I(c; G(z)).

        I(c; G(z)) ≥ H(c) + E log Q(c | G(z)),

    tight where Q is the posterior. H(c) of continuous codes is a differential entropy. Q is a head
    on the critic's features, which the game alone shapes.

    Source: Chen et al. 2016, "InfoGAN", equation 5.
    """

    Options = InfoOptions
    row = next(row for row in ROWS if row.name == "nonsaturating")

    @classmethod
    def incompatibility(cls, model: type[GenerativeModel]) -> str | None:
        return super().incompatibility(model) or (
            None if issubclass(model, HasCodes) else "the model's code has no parts to recognise"
        )

    @property
    def players(self) -> tuple[Player, ...]:
        return Player("discriminator"), Player("recogniser"), Player("generator")

    @property
    def series(self) -> tuple[Series, ...]:
        parts = {"information_category": "discrete", "information_codes": "continuous"}
        return (
            *super().series,
            *(
                Series(
                    name,
                    f"I(c; G(z)) ≥ H(c) + log Q(c | G(z)), {part} code, training batch",
                    "information",
                    "nats",
                    BATCH,
                    direction="higher",
                )
                for name, part in parts.items()
            ),
        )

    def loss(self, player: str, model: GenerativeModel, x: Tensor) -> Loss:
        return self.losses(model, x)(player)

    def losses(self, model: GenerativeModel, x: Tensor) -> Callable[[str], Loss]:
        assert isinstance(model, HasCodes)
        assert isinstance(model, HasCritic)
        assert isinstance(model, HasDecoder)
        coded, critic, weight = model, model, self.options.information_weight
        z = _draws(model, len(x))
        generated = model.decode(z).mean

        def of(player: str) -> Loss:
            if player == "discriminator":
                return self._discriminator(critic, x, generated.detach())
            fake = generated if player == "generator" else generated.detach()
            discrete, continuous = coded.code_log_prob(fake, z)
            if player == "recogniser":
                surprise = -(discrete + continuous)
                return Loss(surprise.mean(), {"loss_recogniser": surprise})
            loss = self._generator(critic, x, fake).terms["loss_generator"]
            loss = loss - weight * (discrete + CONTINUOUS * continuous)
            entropy = coded.code_entropy()
            terms = {
                "loss_generator": loss,
                "information_category": entropy[0] + discrete,
                "information_codes": entropy[1] + continuous,
            }
            return Loss(loss.mean(), terms)

        return of

    def loss_series(self) -> tuple[Series, ...]:
        critic, generator = super().loss_series()
        recogniser = loss_series("loss_recogniser", "recogniser's loss, −log Q(c | G(z))")
        return critic, recogniser, replace(generator, truth=None, truth_label="")


@OBJECTIVES.register("ali", title="BiGAN / ALI", order=130)
class AdversariallyLearned(Objective):
    """The critic classifies pairs (x, z ~ q(z | x)) against pairs (G(z), z ~ p(z)).

    The critic lowers E softplus(−l(x, E(x))) + E softplus(l(G(z), z)); generator and encoder,
    together one player, lower the same with the signs turned (the non-saturating form).

    Source: Dumoulin et al. 2017, "Adversarially learned inference".
    """

    requires = (GenerativeModel, HasDecoder, HasEncoder, HasJointCritic)

    @property
    def players(self) -> tuple[Player, ...]:
        return Player("discriminator"), Player("generator")

    @property
    def series(self) -> tuple[Series, ...]:
        words = "equilibrium: log 4"
        return (
            loss_series("loss_discriminator", "joint critic's loss", 2 * LOG_2, words),
            loss_series("loss_generator", "loss of generator and encoder", 2 * LOG_2, words),
            confidence_series("d_real", "D(x, E(x)), training batch"),
            confidence_series("d_fake", "D(G(z), z), training batch"),
        )

    def loss(self, player: str, model: GenerativeModel, x: Tensor) -> Loss:
        assert isinstance(model, HasJointCritic)
        assert isinstance(model, HasEncoder)
        assert isinstance(model, HasDecoder)
        mine = player == "generator"
        with torch.set_grad_enabled(torch.is_grad_enabled() and mine):
            code = model.encode(x).rsample()
            z = _draws(model, len(x))
            generated = model.decode(z).mean
        real, fake = model.joint_score(x, code), model.joint_score(generated, z)
        if mine:
            loss = softplus(real) + softplus(-fake)
            return Loss(loss.mean(), {"loss_generator": loss})
        return _discriminator_loss(real, fake)


@OBJECTIVES.register("aae", title="Adversarial autoencoder", order=140)
class AdversarialPrior(Objective):
    """The autoencoder maximises E_q log p(x | z); a critic of codes draws q(z) to the prior.

    The critic l(z) tells p(z) from q(z), and the encoder alone makes its codes look like p(z).
    q(z) = E_x q(z | x) is the aggregate posterior; the best critic's loss is log 4 − 2 JS.

    Source: Makhzani et al. 2016, "Adversarial autoencoders".
    """

    requires = (GenerativeModel, HasLikelihood, HasEncoder, HasLatentCritic)

    @property
    def players(self) -> tuple[Player, ...]:
        return Player("autoencoder"), Player("discriminator"), Player("encoder")

    @property
    def series(self) -> tuple[Series, ...]:
        reconstruction = Series(
            "reconstruction",
            "reconstruction E_q log p(x|z), training batch",
            "loss",
            "nats",
            BATCH,
            direction="higher",
        )
        return (
            reconstruction,
            loss_series(
                "loss_discriminator", "latent critic's loss", 2 * LOG_2, "equilibrium: log 4"
            ),
            loss_series("loss_encoder", "encoder's loss in the game", LOG_2, "equilibrium: log 2"),
            confidence_series("d_real", "D(z), z of the prior, training batch"),
            confidence_series("d_fake", "D(z), z of the encoder, training batch"),
        )

    def loss(self, player: str, model: GenerativeModel, x: Tensor) -> Loss:
        assert isinstance(model, HasLatentCritic)
        assert isinstance(model, HasEncoder)
        assert isinstance(model, HasDecoder)
        if player == "autoencoder":
            log_likelihood = model.decode(model.encode(x).rsample()).log_prob(x)
            return Loss(-log_likelihood.mean(), {"reconstruction": log_likelihood})
        with torch.set_grad_enabled(torch.is_grad_enabled() and player == "encoder"):
            code = model.encode(x).rsample()
        fake = model.latent_score(code)
        if player == "encoder":
            loss = softplus(-fake)
            return Loss(loss.mean(), {"loss_encoder": loss})
        real = model.latent_score(_draws(model, len(x)))
        return _discriminator_loss(real, fake)


@dataclass(frozen=True)
class VAEGANOptions(Options):
    """Options of the weight between reconstruction and adversarial loss."""

    likeness: float = option(
        1e-2,
        "weight γ of the likeness in features against the game, for the decoder",
        low=1e-5,
        high=100.0,
        log=True,
        label="Feature-likeness weight γ",
    )


@OBJECTIVES.register("vae_gan", title="VAE-GAN", order=150)
class LearnedSimilarity(Objective):
    """A VAE whose reconstruction error is measured in the critic's features f, plus a GAN loss.

        log p(f(x) | z) = −½ ‖f(x) − f(x̃)‖² − (F/2) log 2π,  x̃ = E[x | z].

    The encoder lowers KL − log p(f(x) | z), the decoder −γ log p(f(x) | z) plus the
    non-saturating game on x̃ and on samples, the critic the game on x, x̃ and samples.

    Source: Larsen et al. 2016, "Autoencoding beyond pixels using a learned similarity metric",
    algorithm 1.
    """

    Options = VAEGANOptions
    requires = (GenerativeModel, HasLikelihood, HasEncoder, HasCritic)

    @property
    def critic_is_logit(self) -> bool:
        # The best critic is p/(p + r + q), r the density of x̃: its σ is not p/(p + q).
        return False

    @property
    def players(self) -> tuple[Player, ...]:
        return Player("encoder"), Player("generator"), Player("discriminator")

    @property
    def series(self) -> tuple[Series, ...]:
        words = "log p(f(x) | z) in the critic's features, training batch"
        return (
            loss_series("loss_encoder", "encoder's loss"),
            loss_series("loss_generator", "decoder's loss"),
            # One real example for two made ones: at the equilibrium D = 1/3.
            loss_series("loss_discriminator", "critic's loss"),
            Series("kl", "KL(q(z|x) ‖ p(z)), training batch", "divergence", "nats", BATCH),
            Series("likeness", words, "likeness", "nats", BATCH, direction="higher"),
            Series("d_real", "D(x), training batch", "confidence", "probability", BATCH),
            Series(
                "d_reconstructed",
                "D(x̃), reconstructed, training batch",
                "confidence",
                "probability",
                BATCH,
            ),
            Series("d_fake", "D(G(z)), training batch", "confidence", "probability", BATCH),
        )

    def loss(self, player: str, model: GenerativeModel, x: Tensor) -> Loss:
        assert isinstance(model, HasCritic)
        assert isinstance(model, HasEncoder)
        assert isinstance(model, HasDecoder)
        with torch.set_grad_enabled(torch.is_grad_enabled() and player == "encoder"):
            q = model.encode(x)
            z = q.rsample()
        with torch.set_grad_enabled(torch.is_grad_enabled() and player != "discriminator"):
            again = model.decode(z).mean
        if player == "encoder":
            prior = model.prior()
            kl = closed_form_kl(q, prior)
            if kl is None:
                kl = q.log_prob(z) - prior.log_prob(z)
            likeness = self._likeness(model, x, again)
            loss = kl - likeness
            return Loss(loss.mean(), {"loss_encoder": loss, "kl": kl, "likeness": likeness})
        with torch.set_grad_enabled(torch.is_grad_enabled() and player == "generator"):
            generated = model.decode(_draws(model, len(x))).mean
        at_again, at_generated = model.score(again), model.score(generated)
        if player == "generator":
            game = softplus(-at_again) + softplus(-at_generated)
            loss = game - self.options.likeness * self._likeness(model, x, again)
            return Loss(loss.mean(), {"loss_generator": loss})
        real = model.score(x)
        loss = softplus(-real) + softplus(at_again) + softplus(at_generated)
        terms = {
            "loss_discriminator": loss,
            "d_real": real.detach().sigmoid(),
            "d_reconstructed": at_again.detach().sigmoid(),
            "d_fake": at_generated.detach().sigmoid(),
        }
        return Loss(loss.mean(), terms)

    @staticmethod
    def _likeness(model: HasCritic, x: Tensor, again: Tensor) -> Tensor:
        with torch.no_grad():
            wanted = model.features(x)
        found = model.features(again)
        size = wanted.shape[1]
        return -0.5 * (wanted - found).square().sum(dim=1) - 0.5 * size * math.log(2 * math.pi)
