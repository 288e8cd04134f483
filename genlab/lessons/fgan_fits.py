"""What the lesson on f-GANs trains and fits: a critic on the line, and the nearest Gaussian."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from genlab.core.measure import Estimate
from genlab.core.options import Options
from genlab.data.base import DataMeta
from genlab.distributions import Point
from genlab.divergences.f import F, FDivergence
from genlab.divergences.gaussian_fits import GaussianFit, fit_gaussian
from genlab.divergences.mixtures_1d import Mixture1D
from genlab.divergences.quadrature import (
    divergences_1d,
)
from genlab.models.base import GenerativeModel, HasCritic
from genlab.models.latent import StandardPrior
from genlab.nets import mlp

#: Examples a step, steps in one piece, and fresh examples for the bound at the end.
BATCH, PIECE, FRESH = 512, 25, 20_000


class LineGAN(StandardPrior, GenerativeModel[Options], HasCritic):
    """x = μ + σz, z from N(0, 1), and a critic of two hidden layers of 64 tanh units.

    Source: the set-up of Nowozin, Cseke and Tomioka 2016, section 3.
    """

    def __init__(self) -> None:
        super().__init__(Options(), DataMeta((1,), "real"))
        self.latent = 1
        self.parameters_of_q = nn.Parameter(torch.zeros(2))
        self.body = mlp([1, 64, 64], nn.Tanh, final=True)
        self.head = nn.Linear(64, 1)

    def player(self, name: str) -> Any:
        if name == "generator":
            return [self.parameters_of_q]
        return [*self.body.parameters(), *self.head.parameters()]

    def decode(self, z: Tensor) -> Point:
        return Point(self.parameters_of_q[0] + self.parameters_of_q[1].exp() * z, 1)

    def features(self, x: Tensor) -> Tensor:
        return self.body(x)

    def score(self, x: Tensor) -> Tensor:
        return self.head(self.body(x))[:, 0]


@dataclass(frozen=True)
class Trained:
    """What an f-GAN reached.

    Args:
        path: (steps, mean, standard deviation, bound on the batch) every few steps.
        mean, std: of the generator after the last step.
        bound: on fresh examples.
        exact: the divergence that it bounds, at this generator.
        critic: the model, with its critic.
    """

    path: tuple[tuple[float, float, float, float], ...]
    mean: float
    std: float
    bound: Estimate
    exact: float
    critic: LineGAN

    @property
    def averaged(self) -> tuple[float, float]:
        """Mean and standard deviation, averaged over the last quarter of the steps."""
        last = np.array(self.path)[-max(1, len(self.path) // 4) :]
        return float(last[:, 1].mean()), float(last[:, 2].mean())


@functools.lru_cache(maxsize=512)
def fitted(name: str, parameter: float | None, target: Mixture1D) -> GaussianFit:
    """The best Gaussian under a row of the table."""
    return fit_gaussian(_row(name, parameter), target)


@functools.lru_cache(maxsize=512)
def measured(
    columns: tuple[tuple[str, float | None], ...],
    row: tuple[str, float | None],
    target: Mixture1D,
) -> tuple[float, ...]:
    """Every column's divergence at the best Gaussian under a row, by quadrature."""
    mixture = fitted(*row, target).mixture
    return tuple(e.value for e in divergences_1d([_row(*key) for key in columns], target, mixture))


def _row(name: str, parameter: float | None) -> FDivergence:
    row: FDivergence = F[name]
    return row if parameter is None else row.with_parameter(parameter)


def row_key(row: FDivergence) -> tuple[str, float | None]:
    return row.name, None if row.parameter is None else row.parameter.value
