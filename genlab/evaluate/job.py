"""The metrics as work off the request path."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from genlab.data.base import Dataset
from genlab.evaluate.metrics import evaluate
from genlab.models.base import GenerativeModel
from genlab.registry import JOBS
from genlab.spec import RunSpec


@JOBS.register("evaluate", title="Metrics on the test split")
def metrics_job(
    model: GenerativeModel,
    data: Dataset,
    values: Mapping[str, Any],
    progress: Callable[[float, str], None],
) -> dict[str, Any]:
    """Every metric of a model, as :func:`genlab.evaluate.metrics.evaluate` gives them.

    Args:
        model: in evaluation mode.
        data: the run's dataset.
        values: ``seed``, ``n``, and ``spec``, the run as flat values, where it is known.
        progress: called with a fraction and a sentence.

    Returns:
        ``metrics``: for each its name and what :meth:`genlab.measure.Estimate.flat` holds.
    """
    progress(0.1, "metrics on the test split")
    spec = RunSpec.build(**values["spec"]) if "spec" in values else None
    found = evaluate(model, data, int(values["seed"]), int(values["n"]), spec)
    return {"metrics": [{"name": one.series.name, **one.flat()} for one in found]}
