"""What models may be able to do whose numbers can be a posterior."""

from __future__ import annotations

import abc
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from genlab.core.measure import Estimate, Kind


class Bayesian:
    """The parameters are unknowns with a conjugate prior, which inference makes a posterior.

    The model then stands at the posterior's means. How it is inferred is a row of an algorithm,
    see :class:`genlab.inference.runs.Learner`.
    """


class HasComponents(abc.ABC):
    """The model is made of parts that live in data space, each with a share of the whole."""

    @abc.abstractmethod
    def parts(self) -> tuple[Tensor, Tensor]:
        """The parts (K, *data_shape), and their shares (K,), sum 1."""


@dataclass(frozen=True)
class Truth:
    """The exact posterior of the first one to three numbers of θ, the others integrated out.

    Args:
        names: of the numbers.
        axes: where the density is known, (n,) each.
        density: normalised on the grid, (n, ...) with an axis a number.
        mean, sd: of each number.
        log_evidence: log p(data) in nats.
        kind: how the evidence came about.
    """

    names: tuple[str, ...]
    axes: tuple[Tensor, ...]
    density: Tensor
    mean: tuple[float, ...]
    sd: tuple[float, ...]
    log_evidence: float
    kind: Kind


class HasDraws(abc.ABC):
    """What is known of the parameters are draws of their posterior, or of what stands for it."""

    #: Draws that are held at most.
    max_draws: ClassVar[int]

    @abc.abstractmethod
    def observe(self, rows: Tensor) -> None:
        """Take the rows of which this is the posterior, (N, *data_shape)."""

    @abc.abstractmethod
    def numbers(self) -> dict[str, Tensor]:
        """The draws of each number of θ by name (``weights[0]``), (n, chains)."""

    @abc.abstractmethod
    def replicate(self, n: int) -> tuple[Tensor, Tensor]:
        """The rows seen, (N, *data_shape), and n times as many drawn anew, each time at one draw
        of θ, (n, N, *data_shape)."""

    @abc.abstractmethod
    def truth(self) -> Truth | None:
        """The exact posterior, where it can be computed."""

    @abc.abstractmethod
    def estimates(self) -> list[Estimate]:
        """Mean and standard deviation of each number, with the error that the draws leave."""

    @abc.abstractmethod
    def log_predictive(self, x: Tensor) -> Tensor | None:
        """log mean_θ p(x | θ) over the draws in nats, (B, *data_shape) -> (B,).

        None where rows have no density of their own.
        """
