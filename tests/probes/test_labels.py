"""Every number that a run may draw says its kind, its unit and from how many samples."""

from __future__ import annotations

import functools
import typing

import pytest

from genlab import data as datasets
from genlab.core.errors import SpecError
from genlab.core.measure import Kind, Series
from genlab.core.run_spec import RunSpec, models_for, objectives_for
from genlab.core.tables import ALGORITHMS, MODELS, OBJECTIVES
from genlab.data.base import Dataset
from genlab.probes.base import probes_for

#: Data of each sort, in the order in which a model is tried on them.
SORTS = (
    {"data": "digits"},
    {"data": "digits", "binarise": "threshold"},
    {"data": "two_gaussians"},
    {"data": "two_gaussians", "dim": 1},
    {"data": "linear_table"},
    {"data": "logistic_table"},
    {"data": "eight_schools"},
    {"data": "waiting_times"},
)


@functools.cache
def loaded(sort: int) -> Dataset:
    values = SORTS[sort]
    model = models_for(values["data"], {k: v for k, v in values.items() if k != "data"})[0]
    return datasets.load(RunSpec.build(model=model, **values))


def cases() -> list[tuple[str, str]]:
    """Every model with its first objective, and every objective with its first model."""
    found = {(model, objectives_for(model)[0]) for model in MODELS}
    for objective in OBJECTIVES:
        model = next((m for m in MODELS if objective in objectives_for(m)), None)
        if model is not None:
            found.add((model, objective))
    return sorted(found)


def series_of(model: str, objective: str) -> list[Series]:
    for sort, values in enumerate(SORTS):
        try:
            spec = RunSpec.build(model=model, objective=objective, **values)
        except SpecError:
            continue
        probes = probes_for(spec, MODELS[model], loaded(sort))
        rows = [row for probe in probes for row in probe.series]
        return [*ALGORITHMS[spec.algorithm](spec).series, *rows]
    return []


@pytest.mark.parametrize(("model", "objective"), cases())
def test_a_number_says_its_kind_its_unit_and_its_size(model: str, objective: str) -> None:
    rows = series_of(model, objective)
    known = set(typing.get_args(Kind))
    for row in rows:
        assert row.title, row
        assert row.unit, row
        assert row.kind in known, row
        # A training batch is as large as the run says; what is exact for a model has no sample.
        assert row.n > 0 or row.kind in {"training batch", "exact", "grid"}, row
        if row.kind == "training batch":
            assert "held-out" not in row.title, row
        if row.name.startswith("val_"):
            assert row.kind != "training batch", row
        assert (row.truth is None) == (row.truth_label == ""), row
    if MODELS[model].incompatibility(loaded(0).meta) is None:
        assert rows
