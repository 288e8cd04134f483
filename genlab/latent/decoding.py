"""Decoding as a job with progress, for models whose decoder takes many evaluations of a net."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from genlab.core.tables import JOBS
from genlab.data.base import Dataset, Progress
from genlab.latent.codes import decode_mean
from genlab.latent.travel import WAYS
from genlab.models.base import HasDecoder
from genlab.models.labels import conditioned_on_class
from genlab.models.probability_path import PathModel
from genlab.paths.base import one_time

#: Codes of the largest batch whose time is measured.
MEASURED = 16


def decode_seconds(model: HasDecoder, n: int = 1) -> float:
    """Seconds to decode n codes; of a probability path by one evaluation of its net.

    Example:
        >>> from genlab import models
        >>> from genlab.core.run_spec import RunSpec
        >>> model = models.build(RunSpec.build(model="vae", data="ring")).eval()
        >>> decode_seconds(model) < 5
        True
    """
    # A larger batch takes its share of the time.
    batch = min(n, MEASURED)
    z, took = torch.zeros(batch, model.latent), []
    with torch.no_grad():
        # The first evaluation of a process is slow.
        for t in (0.4, 0.5, 0.6):
            start = time.perf_counter()
            if isinstance(model, PathModel):
                x = z.view(batch, *model.data_shape)
                model.velocity(x, one_time(t, x))
            else:
                decode_mean(model, z)
            took.append(time.perf_counter() - start)
    evaluations = model.decoder_evaluations if isinstance(model, PathModel) else 1
    return min(took) * evaluations * n / batch


@JOBS.register("decode", title="Decoded codes")
def decode_job(
    model: Any,
    data: Dataset,  # noqa: ARG001 - every job is given its data
    values: Mapping[str, Any],
    progress: Progress,
) -> dict[str, Any]:
    """The means of p(x | z) at codes of a way.

    Args:
        model: in evaluation mode, with a decoder.
        data: the run's dataset.
        values: ``way``, a row of :data:`genlab.latent.travel.WAYS`, and its values; without a way
            ``z``, the codes as lists (n, latent); ``label``, the class at which to decode, or
            None.
        progress: called with a fraction and a sentence.

    Returns:
        ``x`` (n, *data_shape).

    Raises:
        SpecError: if the codes are not of the model's size.
    """
    model = conditioned_on_class(model, values.get("label"))
    z = WAYS[values.get("way", "given")](model, values)
    if not isinstance(model, PathModel):
        progress(0.1, "decoding")
        return {"x": decode_mean(model, z)}
    done = 0

    def count(_: float, __: Tensor) -> None:
        nonlocal done
        progress(done / model.decoder_steps, f"step {done:,} of {model.decoder_steps:,}")
        done += 1

    return {"x": model.decode(z, each=count).mean}
