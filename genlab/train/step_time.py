"""The time of a training step, measured with a few steps of the run itself.

The steps are those of the run, on its own data and its own batch size, on this machine and now. A
large batch is measured with a smaller one and scaled, since the time of a step is about
proportional to its examples; the result says so.
"""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass
from typing import Any

import torch

from genlab.core import random
from genlab.core.run_spec import RunSpec
from genlab.core.tables import ALGORITHMS
from genlab.data.base import Batches, Dataset
from genlab.train.resources import Resources, predict_resources

#: The time limit in seconds, and the largest number of steps.
SECONDS, STEPS = 0.25, 50
#: So many steps are measured in any case, unless they take longer than so many seconds: the first
#: steps of a process, or of a busy machine, may take a thousand times as long as the later ones.
FEWEST, PATIENCE = 3, 5.0
#: The largest saved bytes of a whole batch, and the most learned parameters, that are measured.
WHOLE, PARAMETERS = 64 << 20, 20_000_000


@dataclass(frozen=True)
class StepTime:
    """The time of a step.

    Args:
        seconds: the median of the steps that were measured.
        steps: the number of measured steps, after one for warm-up.
        batch: the examples of a measured step; the time is scaled from these to the run's batch.
        whole: examples of a batch of the run.
    """

    seconds: float
    steps: int
    batch: int
    whole: int

    def words(self) -> str:
        """How the number was obtained, in words.

        Example:
            >>> StepTime(0.01, 20, 32, 128).words()
            'measured: the median of 20 steps just now, scaled from a batch of 32'
        """
        scaled = "" if self.batch == self.whole else f", scaled from a batch of {self.batch}"
        noun = "step" if self.steps == 1 else "steps"
        return f"measured: the median of {self.steps} {noun} just now{scaled}"


def measured_batch(spec: RunSpec, need: Resources) -> int:
    """Examples of a batch with which the step can be measured in little memory; 0 for none."""
    if need.parameters > PARAMETERS:
        return 0
    batch = spec.train.batch
    while batch > 1 and need.saved * batch / spec.train.batch > WHOLE:
        batch //= 2
    return batch


def measure_step(
    spec: RunSpec, data: Dataset, seconds: float = SECONDS, most: int = STEPS
) -> StepTime | None:
    """Time a few steps of a run; their results are discarded.

    The process's random stream and its threads are as before afterwards.

    Args:
        spec: of the run.
        data: its dataset.
        seconds: the time limit, without the first step; ``FEWEST`` steps may take longer.
        most: the largest number of steps.

    Returns:
        The time of a step; None for a net that is too large to be tried here.

    Example:
        >>> from genlab import data
        >>> spec = RunSpec.build(model="gan", data="ring", batch=16, hidden=8)
        >>> found = measure_step(spec, data.load(spec), most=3)
        >>> found.steps, found.batch, found.seconds > 0
        (3, 16, True)
    """
    batch = measured_batch(spec, predict_resources(spec))
    if not batch:
        return None
    short = dataclasses.replace(spec, train=dataclasses.replace(spec.train, batch=batch))
    threads = torch.get_num_threads()
    with random.scope(0, "step_time"):
        try:
            torch.set_num_threads(max(1, spec.train.threads))
            times = _times(short, data, seconds, most)
        finally:
            torch.set_num_threads(threads)
    median = sorted(times)[len(times) // 2]
    return StepTime(median * spec.train.batch / batch, len(times), batch, spec.train.batch)


def _times(spec: RunSpec, data: Dataset, seconds: float, most: int) -> list[float]:
    algorithm: Any = ALGORITHMS[spec.algorithm](spec)
    state = algorithm.init(spec.train.seed, data)
    x = data.train.model_input(data.meta)
    y = data.train.y if algorithm.labelled else None
    batches = Batches(len(x), spec.train.batch, spec.train.seed)
    times: list[float] = []
    until = last = 0.0
    for step in range(most + 1):
        begin = time.perf_counter()
        index = batches.index(step)
        chosen = x.index_select(0, index)
        if data.draw is not None:
            chosen = data.draw(chosen)
        given = (chosen,) if y is None else (chosen, y.index_select(0, index))
        state, _ = algorithm.step(state, *given)
        now = time.perf_counter()
        if step == 0:
            # The first step also allocates the buffers that all later steps reuse.
            until, last = now + seconds, begin + PATIENCE
            if now > last:
                return [now - begin]
            continue
        times.append(now - begin)
        if now > (until if len(times) >= FEWEST else last):
            break
    return times
