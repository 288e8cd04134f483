"""The metrics as a background job."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

from genlab.core.run_spec import RunSpec
from genlab.core.tables import JOBS
from genlab.data.base import Dataset
from genlab.metrics.evaluation import evaluate_with_samples
from genlab.models.base import GenerativeModel


@JOBS.register("evaluate", title="Metrics on the test split")
def metrics_job(
    model: GenerativeModel,
    data: Dataset,
    values: Mapping[str, Any],
    progress: Callable[[float, str], None],
) -> dict[str, Any]:
    """Every metric of a model, as :func:`genlab.metrics.evaluation.evaluate` gives them.

    Args:
        model: in evaluation mode.
        data: the run's dataset.
        values: ``seed``, ``n``, and ``spec``, the run as flat values, where it is known.
        progress: called with a fraction and a sentence.

    Returns:
        ``metrics``: for each its name, what :meth:`genlab.core.measure.Estimate.flat` holds, and
        ``how``, how its interval was computed; ``values.<name>``: for means over the test examples
        the values, (n,); ``noise``: by name, the part of a variance that is not due to the
        examples; ``examples``: a digest of those examples.
    """
    progress(0.1, "metrics on the test split")
    spec = RunSpec.from_record(values["spec"]) if "spec" in values else None
    n = int(values["n"])
    found = evaluate_with_samples(model, data, int(values["seed"]), n, spec)
    rows = [
        {"name": one.estimate.series.name, **one.estimate.flat(), "how": one.how} for one in found
    ]
    behind = {
        f"values.{one.estimate.series.name}": one.values for one in found if one.values is not None
    }
    used = data.test.x[:n].contiguous().numpy().tobytes()
    return {
        "metrics": rows,
        "examples": hashlib.blake2b(used, digest_size=8).hexdigest(),
        "noise": {one.estimate.series.name: one.noise for one in found if one.noise},
        **behind,
    }
