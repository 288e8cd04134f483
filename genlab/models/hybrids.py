"""Hybrids: GANs with inferred codes, and autoencoders with adversarial training."""

from __future__ import annotations

import abc
import dataclasses
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, Normal, OneHotCategorical, Uniform

from genlab.core.options import Options, option
from genlab.core.tables import MODELS
from genlab.data.base import DataMeta
from genlab.distributions import Point
from genlab.distributions.blocks import Blocks
from genlab.distributions.posteriors.gaussian import diagonal_normal
from genlab.distributions.priors import Prior
from genlab.models.base import (
    GenerativeModel,
    HasCodes,
    HasCritic,
    HasEncoder,
    HasJointCritic,
    HasLatentCritic,
    O,
)
from genlab.models.gan import (
    DCGAN,
    DCGANOptions,
    GANOptions,
    GeneratorAndCritic,
    MLPGeneratorAndCritic,
)
from genlab.models.latent import StandardPrior
from genlab.models.vae import VAE, ConvVAE, ConvVAEOptions, VAEOptions, linear_defaults
from genlab.nets import downsampler, mlp


def _leaky() -> nn.Module:
    return nn.LeakyReLU(0.2)


def _larger(meta: DataMeta) -> dict[str, Any]:
    """The default batch size for points, at which these games were tuned."""
    return {} if meta.is_image else {"batch": 256}


@dataclass(frozen=True)
class CodeOptions(Options):
    """Options of a structured code, as in InfoGAN."""

    categories: int = option(
        10, "categories of the discrete part of the code", low=2, high=100, label="Categories"
    )
    codes: int = option(
        2, "continuous parts of the code, from −1 to 1", low=1, high=20, label="Continuous codes"
    )


@dataclass(frozen=True)
class InfoGANOptions(CodeOptions, GANOptions):
    """Options of the InfoGAN of linear layers."""


@dataclass(frozen=True)
class InfoDCGANOptions(CodeOptions, DCGANOptions):
    """Options of the convolutional InfoGAN."""


class InfoGANRecogniser(GeneratorAndCritic[O], HasCodes, abc.ABC):
    """z = (noise, one of K categories, continuous codes), and Q(c | x) on the critic's features.

    noise is from N(0, I), the category uniform (one-hot), each continuous code from U(−1, 1).

    Source: Chen et al. 2016, "InfoGAN: interpretable representation learning by information
    maximizing generative adversarial nets".
    """

    recogniser: nn.Module

    def _with_codes(self, options: Any) -> Any:
        """The options of the plain model with a code that holds all three parts."""
        self.categories, self.codes = options.categories, options.codes
        self.noise = options.latent
        return dataclasses.replace(options, latent=self.noise + self.categories + self.codes)

    def _recognise_from(self, features: int) -> None:
        outputs = self.categories + 2 * self.codes
        self.recogniser = nn.Sequential(
            nn.Linear(features, 128), _leaky(), nn.Linear(128, outputs)
        )

    def prior(self) -> Distribution:
        like = next(self.parameters())
        zero = like.new_zeros(self.noise)
        one = like.new_ones(self.codes)
        return Blocks(
            (
                Independent(Normal(zero, zero + 1.0, validate_args=False), 1),
                OneHotCategorical(logits=like.new_zeros(self.categories), validate_args=False),
                Independent(Uniform(-one, one, validate_args=False), 1, validate_args=False),
            )
        )

    def code_log_prob(self, x: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
        _, category, code = z.split([self.noise, self.categories, self.codes], dim=1)
        logits, h = self.recogniser(self.features(x)).split(
            [self.categories, 2 * self.codes], dim=1
        )
        discrete = (logits.log_softmax(dim=1) * category).sum(dim=1)
        return discrete, diagonal_normal(h).log_prob(code)

    def code_entropy(self) -> tuple[float, float]:
        return math.log(self.categories), self.codes * math.log(2.0)

    def player(self, name: str) -> Iterable[nn.Parameter]:
        return self.recogniser.parameters() if name == "recogniser" else super().player(name)


@MODELS.register(
    "infogan",
    title="InfoGAN",
    summary="A GAN that infers its code from the sample, for any data.",
    order=110,
)
class InfoGAN(InfoGANRecogniser[InfoGANOptions], MLPGeneratorAndCritic[InfoGANOptions]):
    """The InfoGAN with multilayer perceptrons."""

    Options = InfoGANOptions

    def __init__(self, options: InfoGANOptions, meta: DataMeta) -> None:
        MLPGeneratorAndCritic.__init__(self, self._with_codes(options), meta)
        self._recognise_from(options.hidden)

    @classmethod
    def defaults(cls, meta: DataMeta) -> dict[str, Any]:
        parts = {"categories": 10, "codes": 2} if meta.is_image else {"categories": 8, "codes": 1}
        return (
            MLPGeneratorAndCritic.defaults(meta) | _larger(meta) | parts | {"objective": "infogan"}
        )


@MODELS.register(
    "info_dcgan",
    title="Convolutional InfoGAN",
    summary="A DCGAN that infers its code from the sample.",
    order=120,
)
class InfoDCGAN(InfoGANRecogniser[InfoDCGANOptions], DCGAN):
    """The InfoGAN with the nets of DCGAN."""

    Options = InfoDCGANOptions

    def __init__(self, options: InfoDCGANOptions, meta: DataMeta) -> None:
        DCGAN.__init__(self, self._with_codes(options), meta)
        with torch.no_grad():
            self.eval()
            features = self.features(torch.zeros(1, *meta.shape)).shape[1]
            self.train()
        self._recognise_from(features)

    @classmethod
    def defaults(cls, meta: DataMeta) -> dict[str, Any]:
        return DCGAN.defaults(meta) | {"objective": "infogan"}


@MODELS.register(
    "bigan",
    title="BiGAN / ALI",
    summary="A GAN with a learned encoder: the critic scores pairs (x, z).",
    order=130,
)
class BiGAN(StandardPrior, GenerativeModel[GANOptions], HasEncoder, HasJointCritic):
    """x = G(z), q(z | x) = N(μ(x), diag σ²(x)), and the logit l(x, z) of a joint critic.

    At the equilibrium q(z | x) p(x) = p(x | z) p(z): the encoder inverts the generator.

    Sources: Dumoulin et al. 2017, "Adversarially learned inference" (a stochastic encoder, as
    here); Donahue, Krähenbühl and Darrell 2017, "Adversarial feature learning".
    """

    Options = GANOptions

    def __init__(self, options: GANOptions, meta: DataMeta) -> None:
        super().__init__(options, meta)
        self.latent = options.latent
        self.bounded = meta.support != "real"
        hidden = [options.hidden] * options.layers
        last = [nn.Tanh()] if self.bounded else []
        self.generator = nn.Sequential(*mlp([self.latent, *hidden, meta.dim]), *last)
        self.encoder = nn.Sequential(
            nn.Flatten(), *mlp([meta.dim, *hidden, 2 * self.latent], _leaky)
        )
        self.critic = mlp([meta.dim + self.latent, *hidden, 1], _leaky)

    @classmethod
    def defaults(cls, meta: DataMeta) -> dict[str, Any]:
        return MLPGeneratorAndCritic.defaults(meta) | _larger(meta) | {"objective": "ali"}

    def player(self, name: str) -> Iterable[nn.Parameter]:
        if name == "discriminator":
            return self.critic.parameters()
        return [*self.generator.parameters(), *self.encoder.parameters()]

    def _inside(self, x: Tensor) -> Tensor:
        return 2.0 * x - 1.0 if self.bounded else x

    def decode(self, z: Tensor) -> Point:
        x = self.generator(z)
        if self.bounded:
            x = 0.5 * x + 0.5
        return Point(x.view(len(z), *self.data_shape), len(self.data_shape))

    def encode(self, x: Tensor) -> Distribution:
        return diagonal_normal(self.encoder(self._inside(x)))

    def joint_score(self, x: Tensor, z: Tensor) -> Tensor:
        score: Tensor = self.critic(torch.cat([self._inside(x).flatten(1), z], dim=1))
        return score.squeeze(1)


@MODELS.register(
    "aae",
    title="Adversarial autoencoder",
    summary="An autoencoder in which a critic of codes replaces the KL to the prior.",
    order=140,
)
class AdversarialAutoencoder(VAE, HasLatentCritic):
    """The nets of a VAE and a critic of codes with the logit l(z).

    Source: Makhzani et al. 2016, "Adversarial autoencoders".
    """

    def __init__(self, options: VAEOptions, meta: DataMeta) -> None:
        super().__init__(options, meta)
        # Codes may lie in narrow clusters, so the critic has a more flexible net.
        wide = max(options.hidden, 128)
        self.critic = mlp([options.latent, wide, wide, wide, 1], _leaky)

    @classmethod
    def defaults(cls, meta: DataMeta) -> dict[str, Any]:
        # On the ring of 8 modes the settings of the VAE left codes in clusters: JS of samples 0.6
        # nats against 0.36 with these.
        game = {"lr": 5e-4, "beta1": 0.5, "beta2": 0.99}
        return linear_defaults(meta) | game | {"objective": "aae"}

    def latent_score(self, z: Tensor) -> Tensor:
        score: Tensor = self.critic(z)
        return score.squeeze(1)

    def player(self, name: str) -> Iterable[nn.Parameter]:
        encoder = list(self.encoder.parameters())
        if name == "encoder":
            return encoder
        if name == "discriminator":
            return self.critic.parameters()
        return [*encoder, *self.decoder.parameters(), *self.prior_net.parameters()]


class WithCritic(HasCritic):
    """An autoencoder with a critic of data: body and head, as in a GAN."""

    encoder: nn.Module
    decoder: nn.Module
    prior_net: Prior
    body: nn.Module
    head: nn.Module

    def features(self, x: Tensor) -> Tensor:
        found: Tensor = self.body(x)
        return found

    def score(self, x: Tensor) -> Tensor:
        score: Tensor = self.head(self.features(x))
        return score.squeeze(1)

    def player(self, name: str) -> Iterable[nn.Parameter]:
        """The parameters that one player of an objective trains."""
        if name == "discriminator":
            return [*self.body.parameters(), *self.head.parameters()]
        decoder = list(self.decoder.parameters())
        if name == "generator":
            return decoder
        encoder = [*self.encoder.parameters(), *self.prior_net.parameters()]
        return encoder if name == "encoder" else [*encoder, *decoder]


@MODELS.register(
    "vae_gan",
    title="VAE-GAN",
    summary="A VAE with a reconstruction error in critic features and adversarial training.",
    order=150,
)
class VAEGAN(WithCritic, VAE):
    """A VAE of linear layers with a critic.

    Source: Larsen et al. 2016, "Autoencoding beyond pixels using a learned similarity metric".
    """

    def __init__(self, options: VAEOptions, meta: DataMeta) -> None:
        VAE.__init__(self, options, meta)
        hidden = [options.hidden] * options.layers
        self.body = nn.Sequential(nn.Flatten(), *mlp([meta.dim, *hidden], _leaky, final=True))
        self.head = nn.Linear(options.hidden, 1)

    @classmethod
    def defaults(cls, meta: DataMeta) -> dict[str, Any]:
        return linear_defaults(meta) | {"objective": "vae_gan", "lr": 1e-3, "beta1": 0.5}


@MODELS.register(
    "conv_vae_gan",
    title="Convolutional VAE-GAN",
    summary="The VAE-GAN with convolutions, for images of 8, 28, 32 or 64 pixels.",
    order=160,
)
class ConvVAEGAN(WithCritic, ConvVAE):
    """A convolutional VAE with a critic of strided convolutions and no batch normalisation.

    Source: Larsen et al. 2016, as above.
    """

    def __init__(self, options: ConvVAEOptions, meta: DataMeta) -> None:
        ConvVAE.__init__(self, options, meta)
        self.body, features = downsampler(meta.shape, options.width)
        self.head = nn.Linear(features, 1)

    @classmethod
    def defaults(cls, meta: DataMeta) -> dict[str, Any]:
        return ConvVAE.defaults(meta) | {"objective": "vae_gan", "lr": 5e-4, "beta1": 0.5}
