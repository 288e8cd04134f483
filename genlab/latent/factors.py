"""Measures of disentanglement on examples with known factors, as a job."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from genlab.core.errors import GenlabError
from genlab.core.tables import JOBS
from genlab.data.base import Dataset, Progress
from genlab.metrics.disentanglement import conditional_means, scores
from genlab.models.base import HasEncoder


@JOBS.register("disentangle", title="Measures of disentanglement")
def disentangle(
    model: Any, data: Dataset, values: Mapping[str, Any], progress: Progress
) -> dict[str, Any]:
    """MIG, SAP and DCI of a model's posterior means on held-out examples of known factors.

    Args:
        model: in evaluation mode, with an encoder.
        data: the run's dataset, with factors.
        values: ``seed``, and ``n``, how many examples are used at most.
        progress: called with a fraction and a sentence.

    Returns:
        What :func:`scores` gives, with ``means``: for each factor the codes' means by its value.

    Raises:
        GenlabError: if the model has no encoder, or the factors of the data are not known.
    """
    if not isinstance(model, HasEncoder):
        raise GenlabError("this model has no encoder, so there are no codes to measure.")
    parts = [part for part in (data.test, data.validation) if part.factors is not None]
    if not parts:
        raise GenlabError("these data have no known factors; use the dataset 'sprites'.")
    x = torch.cat([part.x for part in parts])[: int(values["n"])]
    v = torch.cat([part.factors for part in parts])[: len(x)].numpy()  # type: ignore[misc]
    progress(0.1, f"codes of {len(x):,} held-out examples")
    z = torch.cat([model.encode(piece).mean for piece in x.split(256)]).numpy()
    progress(0.3, "measures, with their intervals")
    categorical = [k for k, (name, _) in enumerate(data.meta.factors) if name == "shape"]
    found = scores(z, v, categorical, int(values["seed"]))
    found["means"] = [conditional_means(z, v[:, k])[0].tolist() for k in range(v.shape[1])]
    found["n"] = len(x)
    return found
