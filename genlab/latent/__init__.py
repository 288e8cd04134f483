"""The latent toolbox: codes, projections, paths. One for every family of models."""

from __future__ import annotations

from genlab.latent.codes import Codes, codes_of, decode_mean, prior_sample, space
from genlab.latent.paths import PATHS, spherical, straight
from genlab.latent.projection_methods import Projection, pca, tsne
from genlab.latent.projections import PROJECTIONS

__all__ = [
    "PATHS",
    "PROJECTIONS",
    "Codes",
    "Projection",
    "codes_of",
    "decode_mean",
    "pca",
    "prior_sample",
    "space",
    "spherical",
    "straight",
    "tsne",
]
