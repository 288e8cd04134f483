"""The failure sentinel: detects failing runs from the series that they record.

A symptom is a row of :data:`SYMPTOMS`: pure mathematics on the series of a run and on what the
run is. It says since when, with which evidence, what the likely cause is, and which changes of
the run's options may help. One new symptom is one class in one file.

    history = History(row.spec, row.series, steps=row.steps)
    for record in records: history.add(record.step, record.payload)
    for finding in look(history): print(finding.title, finding.evidence)
"""

from __future__ import annotations

from genlab.sentinel.base import (
    SYMPTOMS,
    Curve,
    Finding,
    History,
    Remedy,
    Symptom,
    look,
    vary_spec,
    watched_symptoms,
)

__all__ = [
    "SYMPTOMS",
    "Curve",
    "Finding",
    "History",
    "Remedy",
    "Symptom",
    "look",
    "vary_spec",
    "watched_symptoms",
]
