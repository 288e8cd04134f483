"""A generative adversarial network of small residual nets without normalisation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from genlab.core.tables import MODELS
from genlab.data.base import DataMeta
from genlab.models.gan import CriticOptions, DCGANOptions, GeneratorAndCritic
from genlab.models.vae import picture_of_known_size
from genlab.nets.residual import residual_critic, residual_generator


@dataclass(frozen=True)
class ResidualOptions(DCGANOptions, CriticOptions):
    """Options of the residual GAN."""


@MODELS.register(
    "resgan",
    title="Residual GAN",
    summary="A GAN of small residual nets, for losses with a gradient penalty.",
    order=220,
)
class ResidualGAN(GeneratorAndCritic[ResidualOptions]):
    """Residual generator and critic without normalisation, for square images.

    Source: Huang et al. 2024 (see :mod:`genlab.nets.residual`).
    """

    Options = ResidualOptions

    def __init__(self, options: ResidualOptions, meta: DataMeta) -> None:
        super().__init__(options, meta)
        self.generator = residual_generator(options.latent, meta.shape, options.width)
        self.body, self.head = residual_critic(self.critic_shape, options.width)
        self._normalised()

    @classmethod
    def incompatibility(cls, meta: DataMeta) -> str | None:
        return picture_of_known_size(meta)

    @classmethod
    def defaults(cls, meta: DataMeta) -> dict[str, Any]:
        return {
            "objective": "r3gan",
            "gamma": 0.3,
            "lr": 4e-4,
            "beta1": 0.0,
            "beta2": 0.99,
            "batch": 64,
            "width": 16,
        }
