"""The tables (registries) of the project: one for each kind of thing that can be added.

Each table names the packages whose modules fill it, so that it is complete in every process,
whatever was imported before.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from genlab.core.registry import Registry

DATASETS: Registry[Any] = Registry("data", "genlab.data")
#: Log-joint models are registered in ``genlab.inference``, beside the algorithms that fit them.
MODELS: Registry[Any] = Registry("model", "genlab.models", "genlab.inference")
OBJECTIVES: Registry[Any] = Registry("objective", "genlab.objectives")
ALGORITHMS: Registry[Any] = Registry("algorithm", "genlab.train", "genlab.inference")
#: Background jobs: functions ``(model, data, values, progress) -> dict of arrays``. A worker opens
#: the run ``values["run"]`` at the step ``values["step"]`` and passes its model (in evaluation
#: mode) and dataset; ``progress(fraction, message)`` may be called at any time. A worker's
#: ``progress`` is a :class:`genlab.runs.job_progress.JobProgress`: ``live(arrays)`` publishes a
#: partial result and returns False when the job should stop, ``model_at(step)`` gives the model at
#: another step, ``result(key)`` the result of another job.
JOBS: Registry[Any] = Registry(
    "job", "genlab.latent", "genlab.metrics", "genlab.compare", "genlab.report", "genlab.replay"
)
#: Kinds of jobs that were renamed; a store may hold jobs under the former name.
FORMER_JOB_KINDS: Mapping[str, str] = {"referee": "c2st"}
#: Work that the supervisor does again and again until it is finished: functions ``name -> bool``
#: that take a step and say whether there is more. The item ``chore`` of the store names one by its
#: key ``chore``; each step is taken in a process of its own, by one host at a time.
CHORES: Registry[Any] = Registry("chore", "genlab.studies")
TABLES: Mapping[str, Registry[Any]] = {
    "data": DATASETS,
    "model": MODELS,
    "objective": OBJECTIVES,
    "algorithm": ALGORITHMS,
}
