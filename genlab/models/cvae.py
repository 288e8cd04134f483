"""Conditional variational autoencoders: p(x | z, y) and q(z | x, y) with the class y."""

from __future__ import annotations

import abc
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from genlab.core.tables import MODELS
from genlab.data.base import DataMeta
from genlab.models.labels import LabelConditioned
from genlab.models.vae import (
    ConvVAEOptions,
    VAEOptions,
    VariationalAutoencoder,
    conv_defaults,
    linear_defaults,
    picture_of_known_size,
)
from genlab.nets import downsampler, mlp, upsampler


class Conditional(LabelConditioned, VariationalAutoencoder[Any], abc.ABC):
    """p(z) p(x | z, y), with the posterior q(z | x, y); the code is independent of the class.

    All densities are conditional on the current labels, so the ELBO of any objective is

        E_q(z|x,y)[log p(x | z, y)] − KL(q(z | x, y) ‖ p(z)) ≤ log p(x | y).

    Both nets read the class as a one-hot code beside their input.

    Source: Sohn, Lee and Yan 2015, "Learning structured output representation using deep
    conditional generative models", section 4.1, with the prior relaxed to p(z).
    """

    def _with_class(self, h: Tensor) -> Tensor:
        """A batch of vectors with one-hot labels appended, (B, n) -> (B, n + classes)."""
        return torch.cat([h, self.codes(len(h)).to(h)], dim=1)

    def features(self, x: Tensor) -> Tensor:
        """The input of the encoder's head, (B, features)."""
        return x.flatten(1)

    def encode(self, x: Tensor) -> Distribution:
        return self.posterior_of(self.encoder(self._with_class(self.features(x))))

    def prior(self) -> Distribution:
        # The learned inputs of a VampPrior have no labels.
        return self.prior_net.distribution(
            self.condition_on(None).encode, next(self.encoder.parameters())
        )

    def decode(self, z: Tensor) -> Distribution:
        return super().decode(self._with_class(z))


@MODELS.register(
    "cvae",
    title="Conditional VAE",
    summary="A variational autoencoder of linear layers conditioned on the class, for labelled "
    "data.",
    order=70,
)
class ConditionalVAE(Conditional):
    """The conditional variational autoencoder with multilayer perceptrons."""

    Options = VAEOptions

    def __init__(self, options: VAEOptions, meta: DataMeta) -> None:
        super().__init__(options, meta)
        hidden = [options.hidden] * options.layers
        outputs = self.posterior.outputs(options.latent)
        self.encoder = mlp([meta.dim + self.classes, *hidden, outputs])
        self.decoder = mlp(
            [
                options.latent + self.classes,
                *reversed(hidden),
                self.likelihood_head.size,
            ]
        )

    @classmethod
    def incompatibility(cls, meta: DataMeta) -> str | None:
        return cls.needs_labels(meta)

    @classmethod
    def defaults(cls, meta: DataMeta) -> dict[str, Any]:
        return linear_defaults(meta)


@MODELS.register(
    "conv_cvae",
    title="Convolutional conditional VAE",
    summary="A convolutional VAE conditioned on the class, for labelled images of 8, 28, 32 or "
    "64 pixels.",
    order=80,
)
class ConvConditionalVAE(Conditional):
    """The conditional variational autoencoder with convolutions.

    The class is appended to the image features before the encoder's last layer, and to the code
    before the decoder's first layer.
    """

    Options = ConvVAEOptions

    def __init__(self, options: ConvVAEOptions, meta: DataMeta) -> None:
        super().__init__(options, meta)
        self.body, features = downsampler(meta.shape, options.width)
        self.encoder = nn.Linear(features + self.classes, self.posterior.outputs(options.latent))
        outputs = (self.likelihood.outputs * meta.shape[0], *meta.shape[1:])
        self.decoder = upsampler(options.latent + self.classes, outputs, options.width)

    def features(self, x: Tensor) -> Tensor:
        h: Tensor = self.body(x)
        return h

    @classmethod
    def incompatibility(cls, meta: DataMeta) -> str | None:
        return picture_of_known_size(meta) or cls.needs_labels(meta)

    @classmethod
    def defaults(cls, meta: DataMeta) -> dict[str, Any]:
        return conv_defaults(meta)
