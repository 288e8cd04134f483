"""Generative adversarial networks: a generator, and a discriminator that scores by a logit."""

from __future__ import annotations

import abc
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from genlab.data.base import DataMeta
from genlab.distributions import Point
from genlab.models.base import GenerativeModel, HasCritic, O
from genlab.models.latent import StandardPrior
from genlab.models.vae import picture_of_known_size
from genlab.nets import dcgan_discriminator, dcgan_generator, mlp
from genlab.registry import MODELS
from genlab.spec import Options, option


@dataclass(frozen=True)
class GANOptions(Options):
    """Options of the GAN of linear layers."""

    latent: int = option(64, "size of the latent code z", low=1, high=512)
    hidden: int = option(256, "units of a hidden layer", low=1, high=4096, log=True)
    layers: int = option(2, "hidden layers of each net", low=1, high=8)


@dataclass(frozen=True)
class DCGANOptions(Options):
    """Options of the convolutional GAN."""

    latent: int = option(64, "size of the latent code z", low=1, high=512)
    width: int = option(
        32, "channels of the largest hidden map; each halving doubles them", low=4, high=256
    )


class GeneratorAndCritic(StandardPrior, GenerativeModel[O], HasCritic, abc.ABC):
    """x = G(z) with z from N(0, I), and the logit l(x) = head(body(x)) of D(x) = σ(l(x)).

    For pictures both nets work in [-1, 1]; the turn to and from data space stands here.

    Source: Goodfellow et al. 2014, "Generative adversarial nets".
    """

    generator: nn.Module
    body: nn.Module
    head: nn.Module

    def __init__(self, options: O, meta: DataMeta) -> None:
        super().__init__(options, meta)
        settings: Any = options
        self.latent: int = settings.latent
        self.bounded = meta.support != "real"

    def player(self, name: str) -> Iterable[nn.Parameter]:
        if name == "generator":
            return self.generator.parameters()
        return [*self.body.parameters(), *self.head.parameters()]

    def decode(self, z: Tensor) -> Point:
        x = self.generator(z)
        if self.bounded:
            x = 0.5 * x + 0.5
        return Point(x.view(len(z), *self.data_shape), len(self.data_shape))

    def _hidden(self, x: Tensor) -> Tensor:
        return self.body(2.0 * x - 1.0 if self.bounded else x)

    def features(self, x: Tensor) -> Tensor:
        return self._hidden(x).flatten(1)

    def score(self, x: Tensor) -> Tensor:
        return self.head(self._hidden(x)).view(len(x))


@MODELS.register("gan", title="GAN", summary="Adversarial pair of linear layers; any data.")
class GAN(GeneratorAndCritic[GANOptions]):
    """The GAN with multilayer perceptrons, for pictures and for points."""

    Options = GANOptions

    def __init__(self, options: GANOptions, meta: DataMeta) -> None:
        super().__init__(options, meta)
        hidden = [options.hidden] * options.layers
        last = [nn.Tanh()] if self.bounded else []
        self.generator = nn.Sequential(*mlp([options.latent, *hidden, meta.dim]), *last)
        self.body = nn.Sequential(
            nn.Flatten(), *mlp([meta.dim, *hidden], lambda: nn.LeakyReLU(0.2), final=True)
        )
        self.head = nn.Linear(options.hidden, 1)

    @classmethod
    def defaults(cls, meta: DataMeta) -> dict[str, Any]:
        common = {"objective": "nonsaturating"}
        if meta.is_image:
            nets = {"latent": 64, "hidden": 256, "layers": 2}
            return common | nets | {"lr": 2e-4, "beta1": 0.5}
        # No momentum and a short memory: on the ring of 8 modes every seed of four reached all
        # modes within 500 steps, with beta1 = 0.5 and beta2 = 0.999 three of four did.
        nets = {"latent": 2, "hidden": 64, "layers": 3}
        return common | nets | {"lr": 1e-3, "beta1": 0.0, "beta2": 0.9, "batch": 256}


@MODELS.register(
    "dcgan", title="DCGAN", summary="Adversarial pair of convolutional nets by the DCGAN rules."
)
class DCGAN(GeneratorAndCritic[DCGANOptions]):
    """The convolutional GAN, for pictures of 8, 28 and 32 pixels.

    Source: Radford, Metz and Chintala 2016 (see :mod:`genlab.nets.conv` for the rules).
    """

    Options = DCGANOptions
    batch_normalised = True

    def __init__(self, options: DCGANOptions, meta: DataMeta) -> None:
        super().__init__(options, meta)
        self.generator = dcgan_generator(options.latent, meta.shape, options.width)
        self.body, self.head = dcgan_discriminator(meta.shape, options.width)

    @classmethod
    def fits(cls, meta: DataMeta) -> str | None:
        return picture_of_known_size(meta)

    @classmethod
    def defaults(cls, meta: DataMeta) -> dict[str, Any]:
        return {
            "objective": "nonsaturating",
            "lr": 2e-4,
            "beta1": 0.5,
            "batch": 128,
            "width": 16 if meta.dim < 256 else 32,
        }
