"""Datasets: toys with their true density, digits, torchvision's sets."""

from __future__ import annotations

from genlab.data.base import Batches, DataMeta, Dataset, DataSource, Density, Split
from genlab.registry import DATASETS
from genlab.spec import RunSpec

names = DATASETS.names


def load(spec: RunSpec, progress=None) -> Dataset:  # type: ignore[no-untyped-def]
    """Load the dataset that a run names."""
    return DATASETS[spec.data].load(spec.data_options, progress)


__all__ = [
    "Batches",
    "DataMeta",
    "DataSource",
    "Dataset",
    "Density",
    "Split",
    "load",
    "names",
]
