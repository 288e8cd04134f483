"""Models and their capabilities."""

from __future__ import annotations

from genlab.core.run_spec import RunSpec
from genlab.core.tables import DATASETS as _DATASETS
from genlab.core.tables import MODELS
from genlab.models.base import (
    GenerativeModel,
    HasCritic,
    HasDecoder,
    HasEncoder,
    HasLabels,
    HasLikelihood,
    HasLogProb,
)

names = MODELS.names


def build(spec: RunSpec) -> GenerativeModel:
    """Build the untrained model of a run; its initial weights are drawn from the global stream."""
    meta = _DATASETS[spec.data].meta(spec.data_options)
    result: GenerativeModel = MODELS[spec.model](spec.model_options, meta)
    return result


__all__ = [
    "GenerativeModel",
    "HasCritic",
    "HasDecoder",
    "HasEncoder",
    "HasLabels",
    "HasLikelihood",
    "HasLogProb",
    "build",
    "names",
]
