"""Datasets: toys with their true density, digits, torchvision's sets, and sets of your own."""

from __future__ import annotations

from genlab.core.run_spec import RunSpec
from genlab.core.tables import DATASETS
from genlab.data.base import Batches, DataMeta, Dataset, DataSource, Density, Progress, Split
from genlab.data.previews import preview
from genlab.data.vision_sets import offline

names = DATASETS.names


def load(spec: RunSpec, progress: Progress | None = None) -> Dataset:
    """Load the dataset that a run names.

    Args:
        spec: the run.
        progress: called with the fraction done and a sentence.

    Raises:
        DataError: if the files are not there and cannot be fetched; names the offline sets.
    """
    data: Dataset = DATASETS[spec.data].load(spec.data_options, progress)
    return data


__all__ = [
    "Batches",
    "DataMeta",
    "DataSource",
    "Dataset",
    "Density",
    "Progress",
    "Split",
    "load",
    "names",
    "offline",
    "preview",
]
