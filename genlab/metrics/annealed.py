"""log p(x) of models with a prior and a likelihood by annealed importance sampling.

The estimate does not use the encoder, so it checks the importance-weighted bound. For each example
Markov chains go from the prior to the posterior through

    p_t(z) ∝ p(z) p(x | z)^β_t,   0 = β_0 < ... < β_T = 1,

by Hamiltonian Monte Carlo, and w = Π_t p(x | z_{t−1})^{β_t − β_{t−1}} has E w = p(x) exactly. So
log mean w over the chains is in expectation a lower bound of log p(x), tight as T grows, also
where q(z | x) is far from the posterior and importance sampling from it is blind.

Sources: Neal 2001, "Annealed importance sampling"; Wu et al. 2017, "On the quantitative analysis
of decoder-based generative models".
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from genlab.core.errors import GenlabError
from genlab.core.measure import Estimate, Series
from genlab.core.random import scope
from genlab.core.tables import JOBS
from genlab.data.base import Dataset, Progress
from genlab.metrics.base import mean_estimate
from genlab.models.base import GenerativeModel, HasLikelihood
from genlab.objectives.importance_weights import iwae_bound

#: The acceptance rate to which step sizes are tuned, and the factor of one tuning step.
ACCEPT, CHANGE = 0.65, 1.05


@dataclass(frozen=True)
class Annealed:
    """What the chains found.

    Args:
        log_weights: log w, (chains, B) in nats.
        acceptance: the mean acceptance rate of the proposals.
    """

    log_weights: Tensor
    acceptance: float

    @property
    def bounds(self) -> Tensor:
        """log mean w of each example, (B,): a lower bound of log p(x) in expectation."""
        return iwae_bound(self.log_weights)


def temperatures(steps: int) -> Tensor:
    """β_0 = 0 to β_T = 1, (T + 1,), dense at both ends: a logistic curve of ±4.

    Example:
        >>> temperatures(2).tolist()
        [0.0, 0.5, 1.0]
    """
    curve = torch.sigmoid(torch.linspace(-4.0, 4.0, steps + 1, dtype=torch.float64))
    return (curve - curve[0]) / (curve[-1] - curve[0])


class _Chains:
    """Chains of one batch; every tensor is (chains, B, ...)."""

    def __init__(self, model: HasLikelihood, x: Tensor, chains: int) -> None:
        self.model, self.prior = model, model.prior()
        self.x = x.expand(chains, *x.shape).flatten(0, 1)
        self.shape = torch.Size((chains, len(x)))

    def likelihood(self, z: Tensor) -> Tensor:
        """log p(x | z), (chains, B)."""
        return self.model.decode(z.flatten(0, 1)).log_prob(self.x).view(self.shape)

    def slope(self, z: Tensor, beta: float) -> tuple[Tensor, Tensor, Tensor]:
        """The unnormalised log p_t, its gradient, and log p(x | z)."""
        with torch.enable_grad():
            leaf = z.detach().requires_grad_(True)
            likelihood = self.likelihood(leaf)
            density = self.prior.log_prob(leaf) + beta * likelihood
            (slope,) = torch.autograd.grad(density.sum(), leaf)
        return density.detach(), slope, likelihood.detach()

    def run(self, betas: Tensor, leaps: int, steps: Tensor | None) -> tuple[Tensor, Tensor, float]:
        """log w, the step sizes used, (T, B), and the acceptance rate.

        Args:
            betas: the temperatures.
            leaps: leapfrog steps of a proposal.
            steps: their sizes, (T, B); None: they are tuned during the run, and w is then biased.
        """
        z = self.prior.sample(self.shape)
        weight = torch.zeros(self.shape, dtype=torch.float64)
        size = z.new_full((self.shape[1],), 0.1)
        used, acceptance = [], 0.0
        density, slope, likelihood = self.slope(z, 0.0)
        for t in range(1, len(betas)):
            beta, before = float(betas[t]), float(betas[t - 1])
            weight = weight + (beta - before) * likelihood.double()
            if steps is not None:
                size = steps[t - 1]
            used.append(size)
            density, slope, likelihood = self.slope(z, beta)
            z, density, slope, likelihood, accepted = self._move(
                z, density, slope, likelihood, beta, size, leaps
            )
            rate = accepted.double().mean(0)
            acceptance += float(rate.mean()) / (len(betas) - 1)
            size = size * torch.where(rate > ACCEPT, CHANGE, 1.0 / CHANGE).to(size)
        return weight, torch.stack(used), acceptance

    def _move(
        self,
        z: Tensor,
        density: Tensor,
        slope: Tensor,
        likelihood: Tensor,
        beta: float,
        size: Tensor,
        leaps: int,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        step = size[None, :, None]
        momentum = torch.randn_like(z)
        energy = density - 0.5 * momentum.square().sum(-1)
        at, push = z, slope
        for _ in range(leaps):
            momentum = momentum + 0.5 * step * push
            at = at + step * momentum
            ahead, push, seen = self.slope(at, beta)
            momentum = momentum + 0.5 * step * push
        change = ahead - 0.5 * momentum.square().sum(-1) - energy
        # A proposal that is not finite is refused.
        accepted = torch.rand_like(change).log() < torch.nan_to_num(change, nan=-math.inf)
        keep = accepted.unsqueeze(-1)
        return (
            torch.where(keep, at, z),
            torch.where(accepted, ahead, density),
            torch.where(keep, push, slope),
            torch.where(accepted, seen, likelihood),
            accepted,
        )


def annealed_importance_sampling(
    model: GenerativeModel,
    x: Tensor,
    *,
    steps: int = 200,
    chains: int = 8,
    leaps: int = 5,
    seed: int = 0,
) -> Annealed:
    """Annealed importance sampling of log p(x).

    A first pass tunes the step sizes, a second pass with fixed step sizes gives the result, so
    that E w = p(x) holds exactly.

    Args:
        model: with a likelihood and a prior on all of R; used in its present mode.
        x: examples, (B, *data_shape).
        steps: temperatures T.
        chains: for each example.
        leaps: leapfrog steps at each temperature.
        seed: of the chains.

    Raises:
        GenlabError: for a model without a likelihood, or whose codes do not lie on all of R.
    """
    if not isinstance(model, HasLikelihood):
        raise GenlabError(
            "this model has no likelihood p(x | z): there is no log p(x) to estimate."
        )
    support = getattr(getattr(model, "posterior", None), "support", "real")
    if support != "real" or getattr(model, "codebook", None) is not None:
        raise GenlabError("the chains need codes on all of R, which those of this model are not.")
    betas = temperatures(steps)
    with scope(seed, "annealed importance sampling"), torch.no_grad():
        all_chains = _Chains(model, x, chains)
        _, sizes, _ = all_chains.run(betas, leaps, None)
        weight, _, acceptance = all_chains.run(betas, leaps, sizes)
    return Annealed(weight, acceptance)


def annealed_estimate(found: Annealed, steps: int) -> Estimate:
    """The mean over examples of log mean w, ± 1.96 SE over examples."""
    bounds = found.bounds
    series = Series(
        "test_annealed",
        f"log p(x) ≥ by annealed importance sampling, {len(found.log_weights)} chains of "
        f"{steps} temperatures, test",
        "loss",
        "nats",
        "lower bound",
        len(bounds),
        "higher",
    )
    return mean_estimate(series, bounds)


@JOBS.register("annealed", title="log p(x) by annealed importance sampling")
def annealed_job(
    model: GenerativeModel, data: Dataset, values: Mapping[str, Any], progress: Progress
) -> dict[str, Any]:
    """:func:`annealed_importance_sampling` on test examples.

    Args:
        model: in evaluation mode.
        data: the run's dataset.
        values: ``seed``, ``n`` (examples), and optionally ``steps``, ``chains``.
        progress: called with a fraction and a sentence.

    Returns:
        ``metrics``: one estimate, flat; ``bounds``, (n,); ``acceptance``.
    """
    x = data.test.model_input(data.meta)[: int(values["n"])]
    steps, chains = int(values.get("steps", 200)), int(values.get("chains", 8))
    parts = x.split(64)
    found, acceptance = [], 0.0
    for number, part in enumerate(parts):
        progress(number / len(parts), f"chains of {len(x):,} examples")
        one = annealed_importance_sampling(
            model, part, steps=steps, chains=chains, seed=int(values["seed"]) + number
        )
        found.append(one.log_weights)
        acceptance += one.acceptance * len(part) / len(x)
    whole = Annealed(torch.cat(found, 1), acceptance)
    estimate = annealed_estimate(whole, steps)
    return {
        "metrics": [{"name": estimate.series.name, **estimate.flat()}],
        "bounds": whole.bounds.numpy(),
        "acceptance": whole.acceptance,
    }
