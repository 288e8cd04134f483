"""Stochastic variational inference: natural gradients from batches, with shrinking steps."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.distributions import Dirichlet, Independent, Normal

from genlab.errors import SpecError
from genlab.inference.base import Inference, finite, positive
from genlab.inference.conjugate import ConditionallyConjugate, Local, _rows
from genlab.measure import Series
from genlab.random import generator
from genlab.train.algorithm import Info


@dataclass(frozen=True)
class RobbinsMonro:
    """Step sizes ρ_t = (t + delay)^(-forgetting), t = 1, 2, ...: Σ ρ = ∞ and Σ ρ² < ∞.

    Args:
        forgetting: κ, above 0.5 and at most 1.
        delay: τ, at least 0.

    Raises:
        SpecError: outside these ranges, where the steps need not converge.

    Example:
        >>> RobbinsMonro(forgetting=1.0, delay=1.0)(1)
        0.5
    """

    forgetting: float = 0.7
    delay: float = 1.0

    def __post_init__(self) -> None:
        if not 0.5 < self.forgetting <= 1:
            raise SpecError("forgetting", self.forgetting, "allowed: above 0.5 and at most 1")
        if not 0 <= self.delay < math.inf:
            raise SpecError("delay", self.delay, "allowed: a number from 0")

    def __call__(self, t: int) -> float:
        """ρ_t."""
        return (t + self.delay) ** -self.forgetting


@dataclass(frozen=True)
class Search:
    """Where a variational search stands.

    Args:
        natural: λ of q(θ).
        steps: how many were made, ().
    """

    natural: Tensor
    steps: Tensor


class SVI(Inference[Search, Tensor]):
    """λ ← (1 - ρ_t) λ + ρ_t λ̂ with λ̂ = α + (N / B) Σ_{i in batch} E[t(x_i, z_i)].

    λ̂ - λ is the natural gradient of the ELBO, estimated from a batch with the local variables at
    their best. A full batch with ρ = 1 is one sweep of coordinate ascent.

    Source: Hoffman, Blei, Wang and Paisley 2013, "Stochastic variational inference".

    Args:
        model: what is to be inferred.
        examples: N, the size of the whole data set.
        rate: the step sizes; None for ρ = 1 throughout (coordinate ascent on full batches).

    Raises:
        SpecError: if N is not at least 1.

    Example:
        >>> from genlab.inference.conjugate import BetaBernoulli
        >>> svi = SVI(BetaBernoulli(1, 1), examples=3, rate=None)
        >>> state, _ = svi.step(svi.init(), torch.tensor([1.0, 1.0, 0.0]))
        >>> state.natural.tolist()
        [[3.0, 2.0]]
    """

    state_class = Search

    def __init__(
        self, model: ConditionallyConjugate, examples: int, rate: RobbinsMonro | None
    ) -> None:
        if examples < 1:
            raise SpecError("examples", examples, "allowed: a whole number from 1")
        self.model, self.examples, self.rate = model, examples, rate

    @property
    def series(self) -> tuple[Series, ...]:
        return (
            Series(
                "elbo",
                "ELBO of all data, from the batch",
                "loss",
                "nats",
                "training batch",
                0,
                "higher",
            ),
            Series("rho", "Step size ρ", "step", "", "exact"),
        )

    def init(self, seed: int = 0, data: Tensor | None = None) -> Search:
        natural = self.model.start(seed, data)
        return Search(natural, torch.zeros((), dtype=torch.int64))

    def step(self, state: Search, batch: Tensor) -> tuple[Search, Info]:
        """One step on a batch; the ELBO in the info is that of the state before it.

        Raises:
            SpecError: for a batch that is empty or larger than the data set, or bad values.
        """
        size = len(batch)
        if not 0 < size <= self.examples:
            raise SpecError("batch", size, f"allowed: 1 to {self.examples} examples")
        t = int(state.steps) + 1
        rho = 1.0 if self.rate is None else self.rate(t)
        scale = self.examples / size
        model, x = self.model, self.model.checked(batch)
        local = model.local(state.natural, x)
        target = model.prior + scale * local.statistics.sum(0)
        elbo = scale * local.bound.sum() - model.kl(state.natural)
        natural = torch.lerp(state.natural, target, rho)
        new = Search(natural, state.steps + 1)
        return new, Info({"elbo": elbo, "rho": torch.tensor(rho, dtype=torch.float64)})


class BayesianMixture(ConditionallyConjugate):
    """π ~ Dirichlet(concentration), μ_k ~ N(0, spread² I), c_i ~ π, x_i ~ N(μ_{c_i}, sd² I).

    Global: q(π) q(μ_1) ... q(μ_K); local: q(c_i), whose optimum is the softmax over k of
    E[log π_k] + E[log N(x_i; μ_k)]. λ is (K, 2 + d): the count, precision · mean (d), precision.

    Source: Blei, Kucukelbir and McAuliffe 2017, "Variational inference: a review for
    statisticians", section 3.

    Args:
        components: K.
        dim: d.
        sd: known standard deviation within a component, above 0.
        spread: standard deviation of the means' prior, above 0.
        concentration: of the weights' prior, above 0.

    Raises:
        SpecError: if a number is out of range.
    """

    def __init__(
        self,
        components: int,
        dim: int,
        sd: float = 1.0,
        spread: float = 5.0,
        concentration: float = 1.0,
    ) -> None:
        if components < 1:
            raise SpecError("components", components, "allowed: a whole number from 1")
        self.components, self.dim, self.sd = components, dim, positive("sd", sd)
        self.spread = positive("spread", spread)
        prior = torch.zeros(components, dim + 2, dtype=torch.float64)
        prior[:, 0] = positive("concentration", concentration)
        prior[:, -1] = self.spread**-2
        self.prior = prior

    def log_normaliser(self, natural: Tensor) -> Tensor:
        counts, first, precision = natural[:, 0], natural[:, 1:-1], natural[:, -1]
        weights = torch.lgamma(counts).sum() - torch.lgamma(counts.sum())
        means = first.square().sum(1) / (2 * precision) - self.dim / 2 * precision.log()
        return weights + means.sum()

    def mean_parameters(self, natural: Tensor) -> Tensor:
        counts, precision = natural[:, :1], natural[:, -1:]
        mean = natural[:, 1:-1] / precision
        log_weight = torch.digamma(counts) - torch.digamma(counts.sum())
        square = mean.square().sum(1, keepdim=True) + self.dim / precision
        return torch.cat([log_weight, mean, -0.5 * square], dim=1)

    def checked(self, x: Tensor) -> Tensor:
        return _rows(x, self.dim)

    def start(self, seed: int, x: Tensor | None) -> Tensor:
        """The prior with its means moved to K examples, or to draws where there is no data."""
        source = generator(seed, "svi")
        if x is None:
            noise = torch.randn(self.components, self.dim, generator=source, dtype=torch.float64)
            centres = self.spread * noise
        else:
            rows = self.checked(x)
            if len(rows) < self.components:
                raise SpecError(
                    "data", f"{len(rows)} examples", f"allowed: at least {self.components}"
                )
            centres = rows[torch.randperm(len(rows), generator=source)[: self.components]]
        natural = self.prior.clone()
        natural[:, -1] = self.sd**-2
        natural[:, 1:-1] = centres * natural[:, -1:]
        return natural

    def local(self, natural: Tensor, x: Tensor) -> Local:
        counts, precision = natural[:, 0], natural[:, -1]
        log_weight = torch.digamma(counts) - torch.digamma(counts.sum())
        centres = natural[:, 1:-1] / precision[:, None]
        distance = (x[:, None, :] - centres).square().sum(-1) + self.dim / precision
        constant = self.dim / 2 * math.log(2 * math.pi * self.sd**2)
        scores = log_weight - distance / (2 * self.sd**2) - constant
        r = scores.softmax(1)
        weighted = r[:, :, None] * x[:, None, :] / self.sd**2
        columns = [r[:, :, None], weighted, r[:, :, None] / self.sd**2]
        return Local(torch.cat(columns, dim=2), scores.logsumexp(1))

    def weights(self, natural: Tensor) -> Dirichlet:
        """q(π), event shape (K,)."""
        return Dirichlet(natural[:, 0])

    def centres(self, natural: Tensor) -> Independent:
        """q(μ), event shape (K, d)."""
        precision = natural[:, -1:]
        sd = (precision**-0.5).expand(-1, self.dim)
        return Independent(Normal(natural[:, 1:-1] / precision, sd), 2)

    def responsibilities(self, natural: Tensor, x: Tensor) -> Tensor:
        """q(c_i = k) at its best, (B, d) -> (B, K)."""
        return self.local(natural, finite("x", self.checked(x))).statistics[:, :, 0]
