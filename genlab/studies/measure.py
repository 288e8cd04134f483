"""The metrics of a study's runs, measured in this process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from genlab import runs
from genlab.core.random import scope
from genlab.core.tables import JOBS
from genlab.report.collect import get_result
from genlab.runs.files import has_result, load_result
from genlab.runs.store import job_key


def stored_result(kind: str, values: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The stored result of a job, None if there is none."""
    key, place = job_key(kind, values), runs.files()
    return load_result(place, key) if has_result(place, key) else None


def measured_here(kind: str, values: Mapping[str, Any]) -> Mapping[str, Any]:
    """The result of a job: the stored one, or computed here and stored."""

    def compute() -> dict[str, Any]:
        view = runs.open_run(str(values["run"]))
        model = view.model(int(values["step"]))
        ready = {**values, "spec": view.spec.flat()}
        with torch.no_grad(), scope(int(values["seed"]), "job", kind):
            found: dict[str, Any] = JOBS[kind](model, view.data(), ready, lambda *_: None)
        return found

    return get_result(kind, values, compute)
