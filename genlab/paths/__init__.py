"""Probability paths from noise to data, their exact fields on Gaussian mixtures, and samplers."""

from __future__ import annotations

from genlab.paths.base import PATHS, ProbabilityPath
from genlab.paths.couplings import COUPLINGS, Coupling
from genlab.paths.exact import ExactFields
from genlab.paths.likelihood import LogProbEstimate, log_prob_ode
from genlab.paths.predictions import PREDICTIONS, Prediction
from genlab.paths.samplers import SAMPLERS, Sampler, VectorField

__all__ = [
    "COUPLINGS",
    "PATHS",
    "PREDICTIONS",
    "SAMPLERS",
    "Coupling",
    "ExactFields",
    "LogProbEstimate",
    "Prediction",
    "ProbabilityPath",
    "Sampler",
    "VectorField",
    "log_prob_ode",
]
