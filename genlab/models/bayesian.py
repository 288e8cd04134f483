"""Capabilities of Bayesian models."""

from __future__ import annotations

import abc
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from genlab.core.measure import Estimate, Kind


class Bayesian:
    """The parameters have a conjugate prior, which inference updates to a posterior.

    The model then uses the posterior means. :class:`genlab.inference.runs.Learner` says how it is
    inferred.
    """


class HasComponents(abc.ABC):
    """The model has components in data space, each with a weight."""

    @abc.abstractmethod
    def parts(self) -> tuple[Tensor, Tensor]:
        """The components (K, *data_shape) and their weights (K,), which sum to 1."""


@dataclass(frozen=True)
class Truth:
    """The exact marginal posterior of the first one to three parameters.

    Args:
        names: of the numbers.
        axes: grid points of each axis, (n,) each.
        density: normalised on the grid, (n, ...), one axis per parameter.
        mean, sd: of each number.
        log_evidence: log p(data) in nats.
        kind: how the evidence was computed.
    """

    names: tuple[str, ...]
    axes: tuple[Tensor, ...]
    density: Tensor
    mean: tuple[float, ...]
    sd: tuple[float, ...]
    log_evidence: float
    kind: Kind


class HasDraws(abc.ABC):
    """The parameters are represented by draws from their posterior or an approximation of it."""

    #: The largest number of draws that are kept.
    max_draws: ClassVar[int]

    @abc.abstractmethod
    def observe(self, rows: Tensor) -> None:
        """Set the observed rows, (N, *data_shape)."""

    @abc.abstractmethod
    def numbers(self) -> dict[str, Tensor]:
        """The draws of each parameter by name (``weights[0]``), (n, chains)."""

    @abc.abstractmethod
    def replicate(self, n: int) -> tuple[Tensor, Tensor]:
        """The observed rows, (N, *data_shape), and n replicated data sets, each at one draw of θ,
        (n, N, *data_shape)."""

    @abc.abstractmethod
    def truth(self) -> Truth | None:
        """The exact posterior; None if it cannot be computed."""

    @abc.abstractmethod
    def estimates(self) -> list[Estimate]:
        """Mean and standard deviation of each parameter, with their Monte Carlo errors."""

    @abc.abstractmethod
    def log_predictive(self, x: Tensor) -> Tensor | None:
        """log mean_θ p(x | θ) over the draws in nats, (B, *data_shape) -> (B,).

        None if single rows have no density.
        """
