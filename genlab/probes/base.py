"""Probes: measurements during a run; deterministic, seeded, without effect on it."""

from __future__ import annotations

import abc
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

import torch

from genlab.core.measure import Reading, Series
from genlab.core.random import scope
from genlab.core.registry import Registry
from genlab.core.run_spec import RunSpec
from genlab.core.views import View
from genlab.data.base import Dataset
from genlab.models.base import GenerativeModel

PROBES: Registry[type[Probe]] = Registry("probe", "genlab.probes")


class Probe(abc.ABC):
    """A measurement of a model: a few numbers, a few pictures.

    The same model, dataset, seed and step give the same reading in any process, so every number
    on a page can be recomputed from a snapshot.

    Args:
        spec: the run.
        data: its dataset; a probe never looks at ``train`` unless its series says so.
    """

    name: ClassVar[str]
    #: For a look that costs much: the share of the training time that it may take for itself. It
    #: is then left out of some of the looks. 0 for one that is part of every look.
    share: ClassVar[float] = 0.0
    #: Where each of its pictures stands on a page, and what one sees in it, by panel.
    views: ClassVar[Mapping[str, View]] = {}

    def __init__(self, spec: RunSpec, data: Dataset) -> None:
        self.spec, self.data = spec, data

    @classmethod
    @abc.abstractmethod
    def fits(cls, model: type[GenerativeModel], data: Dataset) -> bool:
        """Whether the model's capabilities and the data allow this probe."""

    @property
    def series(self) -> tuple[Series, ...]:
        """The series of the reading's numbers."""
        return ()

    @abc.abstractmethod
    def read(self, model: GenerativeModel, step: int) -> Reading:
        """Measure the model; called in evaluation mode, without gradients, in a seeded scope."""


def probes_for(
    spec: RunSpec,
    model: type[GenerativeModel],
    data: Dataset,
    failed: Callable[[str, Exception], None] | None = None,
) -> tuple[Probe, ...]:
    """Every probe of the table that fits.

    Args:
        spec, model, data: of the run.
        failed: told of a probe that cannot be made, which is left out then; without it the error
            is raised.
    """
    found = []
    for row in PROBES.rows():
        try:
            if row.value.fits(model, data):
                probe = row.value(spec, data)
                if failed is not None:
                    # What the probe will record must be known before it is read.
                    _ = probe.series
                found.append(probe)
        except Exception as error:
            if failed is None:
                raise
            failed(row.name, error)
    return tuple(found)


def read_probes(probe: Probe, model: GenerativeModel, step: int) -> Reading:
    """One probe's reading; the model and the global stream stay unchanged.

    The side stream depends on the run's seed and the probe alone, not on the step: the noise is
    common to all steps, so a curve shows the model's change and not the noise's.
    """
    training = model.training
    model.eval()
    try:
        with scope(probe.spec.train.seed, "probe", probe.name), torch.no_grad():
            return probe.read(model, step)
    finally:
        model.train(training)


def merge_readings(readings: Sequence[Reading]) -> Reading:
    """Merge several readings."""
    values: dict[str, float] = {}
    pictures = {}
    for reading in readings:
        values.update(reading.values)
        pictures.update(reading.pictures)
    return Reading(values, pictures)
