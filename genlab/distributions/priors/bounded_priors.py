"""Priors on the positive numbers and the unit interval, for posteriors with these supports."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Tensor
from torch.distributions import Distribution

from genlab.distributions.families import FAMILIES
from genlab.distributions.posteriors.base import Support
from genlab.distributions.posteriors.family import FamilyProduct
from genlab.distributions.priors.base import PRIORS, Prior


class _Fixed(Prior):
    """Independent entries of one family, without learned parameters."""

    row: ClassVar[str]
    values: ClassVar[dict[str, float]]

    def distribution(self, encode: Callable[[Tensor], Distribution], like: Tensor) -> Distribution:
        one = torch.ones(self.latent, dtype=like.dtype, device=like.device)
        family = FAMILIES[self.row]
        return FamilyProduct(family, family.trust({k: v * one for k, v in self.values.items()}))


@PRIORS.register(
    "exponential",
    title="Exponential, rate 1",
    summary="Positive codes, Gamma(1, 1), for the posteriors gamma and beta.",
    order=20,
)
class Exponential(_Fixed):
    """p(z) = Π_j exp(−z_j), z > 0, written as Gamma(1, 1) so that KLs of one family are exact."""

    support: ClassVar[Support | None] = "positive"
    row = "gamma"
    values: ClassVar[dict[str, float]] = {"shape": 1.0, "rate": 1.0}


@PRIORS.register(
    "unit",
    title="Uniform on (0, 1)",
    summary="Codes in the unit cube, Beta(1, 1), for the posterior beta.",
    order=30,
)
class Unit(_Fixed):
    """p(z) = 1 on the unit cube, written as Beta(1, 1) so that KLs of one family are exact."""

    support: ClassVar[Support | None] = "unit"
    row = "beta"
    values: ClassVar[dict[str, float]] = {"alpha": 1.0, "beta": 1.0}
