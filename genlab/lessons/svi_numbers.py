"""The numbers of the lesson on SVI in a conjugate model, where the exact posterior is known."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from genlab.core.options import Options, option
from genlab.core.random import generator
from genlab.inference.conjugate import BetaBernoulli, Conjugate, NormalMean, Posterior
from genlab.inference.svi import SVI, RobbinsMonro, Search
from genlab.lessons.base import Lesson
from genlab.lessons.panels import Array, array

#: The true θ of the data.
TRUTH = {"coin": 0.3, "normal": 1.5}
#: The known standard deviation of the Normal data.
SD = 2.0


@dataclass(frozen=True)
class SVIOptions(Options):
    """Options of the lesson."""

    model: str = option(
        "coin",
        "the model: coin and normal are conjugate, topics of 8×8 digits are not",
        choices=("coin", "normal", "topics"),
        label="Model",
    )
    examples: int = option(1000, "size N of the data set", low=50, high=5000, label="Examples N")
    batch: int = option(10, "examples B per step", low=1, high=50, label="Batch size B")
    steps: int = option(200, "steps", low=1, high=600, label="Optimisation steps")
    kappa: float = option(
        0.7,
        "forgetting rate κ: above 0.5 and at most 1",
        low=0.5,
        high=1.0,
        label="Forgetting rate κ",
    )
    tau: float = option(
        1.0, "delay τ: damps the first steps", low=0.0, high=100.0, label="Delay τ"
    )
    seed: int = option(0, "seed of data and batches", low=0, high=2**31 - 1, label="Seed")


class ConjugateSVI(Lesson):
    """The data, the path of the natural parameter, and the exact posterior."""

    Options = SVIOptions

    def __init__(self, options: SVIOptions, extra: Mapping[str, Any] | None = None) -> None:
        super().__init__(options, extra)
        self.rate = RobbinsMonro(options.kappa, options.tau)

    @functools.cached_property
    def model(self) -> Conjugate:
        """The model with its prior."""
        if self.options.model == "coin":
            return BetaBernoulli(2.0, 2.0)
        return NormalMean(0.0, 3.0, SD)

    @functools.cached_property
    def data(self) -> Tensor:
        """The data set, (N,)."""
        o = self.options
        source = generator(o.seed, "svi lesson", o.model)
        truth = TRUTH[o.model]
        if o.model == "coin":
            return (torch.rand(o.examples, generator=source, dtype=torch.float64) < truth).double()
        return truth + SD * torch.randn(o.examples, generator=source, dtype=torch.float64)

    @functools.cached_property
    def exact(self) -> Posterior:
        """The exact posterior of all data."""
        return self.model.step(self.model.init(), self.data)[0]

    @functools.cached_property
    def path(self) -> tuple[Array, Array]:
        """λ before each step and after the last, (steps + 1, 2), and the noisy ELBO, (steps,)."""
        o = self.options
        svi = SVI(self.model, o.examples, self.rate)
        source = generator(o.seed, "svi batches")
        state, naturals, bounds = svi.init(), [], []
        size = min(o.batch, o.examples)
        for _ in range(o.steps):
            naturals.append(state.natural[0])
            rows = torch.randperm(o.examples, generator=source)[:size]
            state, info = svi.step(state, self.data[rows])
            bounds.append(info.means()["elbo"])
        naturals.append(state.natural[0])
        return array(torch.stack(naturals)), np.array(bounds)

    @property
    def last(self) -> Tensor:
        """λ after the last step, in the shape that the model takes."""
        return torch.from_numpy(self.path[0][-1:])

    @property
    def away(self) -> float:
        """The largest relative distance between λ and the exact posterior's λ."""
        return float(self._distances[-1])

    @property
    def late_away(self) -> float:
        """The largest relative distance over the second half of the steps: not that of one step,
        which is small by chance now and then."""
        return float(self._distances[len(self._distances) // 2 :].max())

    @property
    def _distances(self) -> Array:
        """The largest relative distance of an entry of λ, at each step, (steps + 1,)."""
        exact = array(self.exact.natural[0])
        found: Array = np.abs((self.path[0] - exact) / exact).max(1)
        return found

    def one_full_step(self) -> Search:
        """λ after one step with all data and ρ = 1."""
        svi = SVI(self.model, self.options.examples, None)
        return svi.step(svi.init(), self.data)[0]

    def over_a_partition(self) -> tuple[Tensor, int]:
        """The mean of λ̂ over a partition of the data into batches, and the number of batches."""
        size = min(self.options.batch, self.options.examples)
        parts = self.data.split(size)
        total, n = torch.zeros_like(self.model.prior), self.options.examples
        for part in parts:
            # The last batch may be smaller; its λ̂ is weighted by its share.
            total += len(part) / n * self.model.target(self.last, part, n / len(part))
        return total, len(parts)

    def by_fisher(self) -> Tensor:
        """F(λ)⁻¹ ∇ELBO(λ), the natural gradient by its definition, at the prior."""
        natural = self.model.prior.clone().requires_grad_()
        # The local shares are written with ∇A(λ), which autograd differentiates as well.
        slope = torch.autograd.grad(self.model.elbo(natural, self.data), natural)[0]
        size = natural.numel()
        normaliser = self.model.log_normaliser
        fisher = torch.autograd.functional.hessian(normaliser, natural).view(size, size)
        return torch.linalg.solve(fisher, slope.flatten()).view_as(natural).detach()
