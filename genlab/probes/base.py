"""Probes: measurements during a run; they are deterministic, seeded, and do not change the run."""

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
    #: For an expensive probe: the share of the training time that it may take. Such a probe
    #: is left out of some of the evaluations. 0 for a probe that is part of every evaluation.
    share: ClassVar[float] = 0.0
    #: By panel: the place of each of its pictures on a page, and a description of the picture.
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
        failed: called with each probe that raises an error when it is built; such a probe is left
            out. Without ``failed`` the error is raised.
    """
    found = []
    for row in PROBES.rows():
        try:
            if row.value.fits(model, data):
                probe = row.value(spec, data)
                if failed is not None:
                    # The series must be known before the first reading.
                    _ = probe.series
                found.append(probe)
        except Exception as error:
            if failed is None:
                raise
            failed(row.name, error)
    return tuple(found)


def read_probes(probe: Probe, model: GenerativeModel, step: int) -> Reading:
    """One probe's reading; the model and the global random stream stay unchanged.

    The probe's random stream depends on the run's seed and on the probe, not on the step: all
    steps use the same noise, so a curve shows how the model changes.
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
