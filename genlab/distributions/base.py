"""Likelihoods p(x | z) as rows of one table: a new one is a new file with one row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor
from torch.distributions import Distribution

from genlab.core.options import Options, option
from genlab.core.registry import Registry
from genlab.data.base import DataMeta, Support


@dataclass(frozen=True)
class Likelihood:
    """One likelihood: what data it may meet, and how a net's outputs become a distribution.

    Args:
        supports: the supports of the data for which its formula is defined.
        densities: those among them for which it is a density (or mass function) of the data.
        outputs: how many outputs of the net an entry of the data takes.
        make: ``make(h, options)``: h is (B, outputs, *data_shape), the result has batch shape
            (B,) and event shape data_shape.
    """

    supports: tuple[Support, ...]
    densities: tuple[Support, ...]
    outputs: int
    make: Callable[[Tensor, Any], Distribution]


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


def likelihood_choices(meta: DataMeta) -> tuple[str, ...]:
    """The names of the likelihoods that such data may meet."""
    able = (row.name for row in LIKELIHOODS.rows() if meta.support in row.value.supports)
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


def density_note(name: str, meta: DataMeta) -> str:
    """What must stand beside a log-likelihood: that it is none, or of which units it is.

    Example:
        >>> density_note("gaussian", DataMeta((1,), "real", shift=(0.0,), scale=(10.0,)))
        'of standardised columns; in their own units 2.303 nats less'
    """
    return meta.unit_note if is_density(name, meta) else f"{name} on grey data: not a density"
