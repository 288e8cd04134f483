"""The tables of the project: one for each kind of thing that can be added.

Each table names the packages whose modules fill it, so that it is complete in every process,
whatever was imported before.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from genlab.core.registry import Registry

DATASETS: Registry[Any] = Registry("data", "genlab.data")
#: A log-joint is a model of what infers it, and stands there.
MODELS: Registry[Any] = Registry("model", "genlab.models", "genlab.inference")
OBJECTIVES: Registry[Any] = Registry("objective", "genlab.objectives")
ALGORITHMS: Registry[Any] = Registry("algorithm", "genlab.train", "genlab.inference")
#: Work off the request path: functions ``(model, data, values, progress) -> dict of arrays``. Who
#: runs the job opens the run named by ``values["run"]`` at ``values["step"]`` and gives its model
#: (evaluation mode) and dataset; ``progress(fraction, message)`` may be called at any time. A
#: worker's ``progress`` (``runs.partial.JobProgress``) also has ``live(arrays) -> bool`` (what
#: there is so far; whether to go on), ``model_at(step)`` and ``result(key)`` of another job.
JOBS: Registry[Any] = Registry(
    "job", "genlab.latent", "genlab.metrics", "genlab.compare", "genlab.report", "genlab.replay"
)
TABLES: Mapping[str, Registry[Any]] = {
    "data": DATASETS,
    "model": MODELS,
    "objective": OBJECTIVES,
    "algorithm": ALGORITHMS,
}
