"""The duel of four: VAE, GAN, flow and diffusion on the same data, batches and clock.

VAE and GAN are those of :mod:`genlab.compare.duel`, with the same decoder net. A flow and a
diffusion have no such decoder; they have the same number of learned parameters as far as possible:
their hidden units give the total nearest to the mean of VAE and GAN.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from genlab.compare import duel
from genlab.core.random import scope
from genlab.core.run_spec import RunSpec, models_for
from genlab.models.base import GenerativeModel

#: The sides that join the VAE and the GAN: model, title.
SIDES: Mapping[str, str] = {"realnvp": "Flow", "ddpm": "Diffusion"}
#: Options that are given so that both have nets of linear layers, as VAE and GAN have.
GIVEN: Mapping[str, Mapping[str, Any]] = {"realnvp": {}, "ddpm": {"net": "mlp"}}
#: The range of hidden units.
LEAST, MOST = 4, 2048


def fits(data: str) -> bool:
    """Whether all four models fit this dataset."""
    return duel.fits(data) and set(SIDES) <= set(models_for(data))


def specs(
    data: str, *, seed: int = 0, steps: int = duel.STEPS, batch: int = duel.BATCH
) -> dict[str, RunSpec]:
    """The four runs by their titles.

    Args:
        data: a dataset that all four can learn.
        seed: of weights, batches and noise.
        steps: of all.
        batch: examples a step.

    Raises:
        SpecError: if one of them cannot be built.

    Example:
        >>> list(specs("ring", steps=100))
        ['VAE on ring', 'GAN on ring', 'Flow on ring', 'Diffusion on ring']
    """
    found = duel.specs(data, seed=seed, steps=steps, batch=batch)
    totals = [duel.budget(spec).total for spec in found.values()]
    wanted = sum(totals) // len(totals)
    for model, title in SIDES.items():
        common = {"data": data, "seed": seed, "steps": steps, "batch": batch, **GIVEN[model]}
        found[f"{title} on {data}"] = nearest(model, wanted, common)
    return found


def nearest(model: str, wanted: int, values: Mapping[str, Any]) -> RunSpec:
    """The run of a model whose number of learned parameters is nearest to the wanted one.

    The number grows with the hidden units, so a bisection finds its two neighbours.

    Args:
        model: with an option ``hidden``.
        wanted: learned parameters.
        values: the other options.
    """

    def at(hidden: int) -> RunSpec:
        return RunSpec.build(model=model, hidden=hidden, **values)

    def total(hidden: int) -> int:
        return duel.budget(at(hidden)).total

    low, high = LEAST, MOST
    while high - low > 1:
        middle = (low + high) // 2
        if total(middle) <= wanted:
            low = middle
        else:
            high = middle
    return at(min((low, high), key=lambda hidden: abs(total(hidden) - wanted)))


@dataclass(frozen=True)
class SamplingTime:
    """The cost of samples of a model.

    Args:
        seconds: processor time of this thread for ``n`` samples drawn together.
        n: the number of samples.
    """

    seconds: float
    n: int

    @property
    def each(self) -> float:
        """Milliseconds of one sample."""
        return 1000 * self.seconds / self.n


@torch.no_grad()
def sampling_time(model: GenerativeModel, n: int = 64, repeats: int = 3) -> SamplingTime:
    """Measure the least processor time for n samples among some repetitions.

    Example:
        >>> from genlab.models.linear_gaussian import LinearGaussian
        >>> sampling_time(LinearGaussian.of(torch.ones(2, 1), torch.zeros(2), 0.5)).n
        64
    """
    model.eval()
    times = []
    with scope(0, "sampling time"):
        # The first draw also loads and allocates; this is not part of a sample's cost.
        model.sample(2)
        for _ in range(repeats):
            start = time.thread_time()
            model.sample(n)
            times.append(time.thread_time() - start)
    return SamplingTime(min(times), n)
