"""Distributions: likelihoods as a table, and the point mass that a generator gives."""

from __future__ import annotations

from genlab.distributions.base import (
    LIKELIHOODS,
    Likelihood,
    LikelihoodOptions,
    density_note,
    is_density,
    likelihood_choices,
    recommended_likelihood,
)
from genlab.distributions.families import FAMILIES
from genlab.distributions.point import Point

__all__ = [
    "FAMILIES",
    "LIKELIHOODS",
    "Likelihood",
    "LikelihoodOptions",
    "Point",
    "density_note",
    "is_density",
    "likelihood_choices",
    "recommended_likelihood",
]
