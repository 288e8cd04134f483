"""Likelihoods p(x | z) as rows of one table: a new one is a new file with one row."""

from __future__ import annotations

import abc
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from torch.distributions import Distribution

from genlab.core.options import Options, option
from genlab.core.registry import Registry
from genlab.data.base import DataMeta, Support


@dataclass(frozen=True)
class Likelihood:
    """A likelihood: which data it supports, and how the outputs of a net become a distribution.

    Args:
        supports: the supports of the data for which its formula is defined.
        densities: the supports on which it is a normalised density or mass function.
        outputs: outputs of the net for each entry of the data.
        make: ``make(h, options)``: h is (B, outputs, *data_shape), the result has batch shape
            (B,) and event shape data_shape.
        of_table: for tables only: ``of_table(meta, choices)`` returns the head.
    """

    supports: tuple[Support, ...]
    densities: tuple[Support, ...]
    outputs: int
    make: Callable[[Tensor, Any], Distribution]
    of_table: Callable[[DataMeta, str], Any] | None = None

    def fits(self, meta: DataMeta) -> bool:
        """Whether this likelihood is defined for such data."""
        return meta.support in self.supports and (self.of_table is None or bool(meta.schema))

    def head(self, meta: DataMeta, options: Any) -> Head:
        """How the outputs of a net become p(x | z)."""
        if self.of_table is not None:
            return TableHead(self.of_table(meta, options.column_likelihoods))
        return PlainHead(self, meta, options)


class Head(nn.Module, abc.ABC):
    """Maps the outputs of a net to p(x | z); it has no weights."""

    #: The number of outputs of the net that it reads.
    size: int

    @abc.abstractmethod
    def forward(self, h: Tensor) -> Distribution:
        """p(x | z) from the outputs of a net, (B, size)."""


class PlainHead(Head):
    """A head that reads a fixed number of outputs for each entry of the data."""

    def __init__(self, row: Likelihood, meta: DataMeta, options: Any) -> None:
        super().__init__()
        self.row, self.shape, self.options = row, meta.shape, options
        self.size = row.outputs * meta.dim

    def forward(self, h: Tensor) -> Distribution:
        return self.row.make(h.view(len(h), self.row.outputs, *self.shape), self.options)


class TableHead(Head):
    """A head that reads the outputs of each column of a table."""

    def __init__(self, columns: Any) -> None:
        super().__init__()
        self.columns = columns
        self.size = columns.size

    def forward(self, h: Tensor) -> Distribution:
        found: Distribution = self.columns.distribution(h)
        return found


LIKELIHOODS: Registry[Likelihood] = Registry("likelihood", "genlab.distributions")


@dataclass(frozen=True)
class LikelihoodOptions(Options):
    """The options of every model with a likelihood."""

    likelihood: str = option(
        "bernoulli",
        "distribution of the data given the latent code, p(x | z)",
        choices=lambda: LIKELIHOODS.names(),
        label="Likelihood p(x | z)",
    )
    sigma: float = option(
        0.1,
        "standard deviation of the Gaussian likelihood",
        low=1e-3,
        high=10.0,
        unit="data units",
        log=True,
        advanced=True,
        label="Noise σ",
    )
    column_likelihoods: str = option(
        "",
        "for the likelihood mixed: likelihoods of single columns that replace the proposed "
        "ones, for example age=poisson, city=categorical",
        advanced=True,
        label="Likelihoods of columns",
    )


def likelihood_choices(meta: DataMeta) -> tuple[str, ...]:
    """The names of the likelihoods that are defined for such data."""
    able = (row.name for row in LIKELIHOODS.rows() if row.value.fits(meta))
    return tuple(sorted(able))


def is_density(name: str, meta: DataMeta) -> bool:
    """Whether this likelihood is a density of such data.

    Example:
        >>> is_density("bernoulli", DataMeta((1, 8, 8), "unit"))
        False
        >>> is_density("gaussian", DataMeta((1, 8, 8), "unit"))
        True
    """
    return meta.support in LIKELIHOODS[name].densities


def recommended_likelihood(meta: DataMeta) -> str:
    """The likelihood that the app recommends for such data: one that is a density of them.

    Example:
        >>> grey, binary = DataMeta((1, 8, 8), "unit"), DataMeta((1, 8, 8), "binary")
        >>> recommended_likelihood(grey), recommended_likelihood(binary)
        ('continuous_bernoulli', 'bernoulli')
    """
    return {"unit": "continuous_bernoulli", "binary": "bernoulli"}.get(meta.support, "gaussian")


def propose_likelihood(meta: DataMeta) -> dict[str, str]:
    """The option ``likelihood`` that new runs take for such images; empty for real numbers.

    Real numbers have several likelihoods that are densities, between which the model chooses.

    Example:
        >>> propose_likelihood(DataMeta((1, 8, 8), "unit"))
        {'likelihood': 'continuous_bernoulli'}
        >>> propose_likelihood(DataMeta((2,), "real"))
        {}
    """
    return {} if meta.support == "real" else {"likelihood": recommended_likelihood(meta)}


def density_note(name: str, meta: DataMeta) -> str:
    """A note for a log-likelihood: its unit, or a warning that it is not a density.

    Example:
        >>> density_note("gaussian", DataMeta((1,), "real", shift=(0.0,), scale=(10.0,)))
        'of standardised columns; in their own units 2.303 nats less'
    """
    if LIKELIHOODS[name].of_table is not None:
        return "in the columns' own units"
    return meta.unit_note if is_density(name, meta) else f"{name} on grey data: not a density"
