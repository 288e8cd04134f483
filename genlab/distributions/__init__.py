"""Distributions: likelihoods as a table, and the point mass that a generator gives."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from genlab.distributions.base import (
    LIKELIHOODS,
    Likelihood,
    LikelihoodOptions,
    density_note,
    is_density,
    likelihood_choices,
    propose_likelihood,
    recommended_likelihood,
)
from genlab.distributions.point import Point

if TYPE_CHECKING:
    from genlab.distributions.families import FAMILIES

__all__ = [
    "FAMILIES",
    "LIKELIHOODS",
    "Likelihood",
    "LikelihoodOptions",
    "Point",
    "density_note",
    "is_density",
    "likelihood_choices",
    "propose_likelihood",
    "recommended_likelihood",
]


def __getattr__(name: str) -> Any:
    # On first use: the families import scipy, which no data set needs.
    if name == "FAMILIES":
        return importlib.import_module("genlab.distributions.families").FAMILIES
    raise AttributeError(f"module 'genlab.distributions' has no attribute {name!r}")
