"""Conditional GANs: a generator G(z, y) and a critic l(x, y) that read the class y."""

from __future__ import annotations

import abc
from dataclasses import dataclass

import torch
from torch import Tensor

from genlab.core.tables import MODELS
from genlab.data.base import DataMeta
from genlab.distributions import Point
from genlab.models.base import O
from genlab.models.gan import (
    DCGAN,
    ActivationOptions,
    DCGANOptions,
    GANOptions,
    GeneratorAndCritic,
    MLPGeneratorAndCritic,
)
from genlab.models.labels import LabelConditioned


@dataclass(frozen=True)
class ConditionalGANOptions(GANOptions, ActivationOptions):
    """Options of the row ``cgan``."""


class ConditionalGAN(LabelConditioned, GeneratorAndCritic[O], abc.ABC):
    """x = G(z, y), and the logit l(x, y) = l₀(φ(x)) + yᵀ l₁(φ(x)) by projection on the features.

    y is the one-hot code of the class, and 0 for an unknown class; the critic is then l₀, for
    p(x). Real and generated examples of a step share their labels, so the game is played for p(x |
    y).

    Sources: Mirza and Osindero 2014, "Conditional generative adversarial nets"; the critic: Miyato
    and Koyama 2018, "cGANs with projection discriminator", equation 3.
    """

    @classmethod
    def incompatibility(cls, meta: DataMeta) -> str | None:
        return super().incompatibility(meta) or cls.needs_labels(meta)

    def _sizes(self) -> tuple[int, int]:
        return self.latent + self.classes, 1 + self.classes

    def decode(self, z: Tensor) -> Point:
        return super().decode(torch.cat([z, self.codes(len(z)).to(z)], dim=1))

    def _score_packs(self, packs: Tensor) -> Tensor:
        scores: Tensor = self.head(self._hidden(packs))
        n = len(packs)
        scores = scores.view(n, 1 + self.classes)
        return scores[:, 0] + (scores[:, 1:] * self.codes(n).to(scores)).sum(dim=1)


@MODELS.register(
    "cgan",
    title="Conditional GAN",
    summary="A GAN of linear layers conditioned on the class, for labelled data.",
    order=50,
)
class LinearConditionalGAN(ConditionalGAN[GANOptions], MLPGeneratorAndCritic[GANOptions]):
    """The conditional GAN with multilayer perceptrons."""

    Options = ConditionalGANOptions


@MODELS.register(
    "cdcgan",
    title="Conditional DCGAN",
    summary="A DCGAN conditioned on the class, for labelled images.",
    order=60,
)
class ConditionalDCGAN(ConditionalGAN[DCGANOptions], DCGAN):
    """The conditional GAN with the nets of DCGAN."""

    Options = DCGANOptions
