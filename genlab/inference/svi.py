"""Stochastic variational inference: natural gradients from batches, with decreasing step sizes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.distributions import Dirichlet

from genlab.core.errors import SpecError
from genlab.core.measure import Series
from genlab.core.random import generator
from genlab.inference.base import Inference, positive
from genlab.inference.conjugate import ConditionallyConjugate, Conjugate, Local
from genlab.inference.mixture import far_apart
from genlab.train.algorithm import Info


@dataclass(frozen=True)
class RobbinsMonro:
    """Step sizes ρ_t = (t + delay)^(-forgetting), t = 1, 2, ...: Σ ρ = ∞ and Σ ρ² < ∞.

    Args:
        forgetting: κ, above 0.5 and at most 1.
        delay: τ, at least 0.

    Raises:
        SpecError: outside these ranges, in which convergence is guaranteed.

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
    """The state of stochastic variational inference.

    Args:
        natural: λ of q(θ).
        steps: steps taken, ().
    """

    natural: Tensor
    steps: Tensor


class SVI(Inference[Search, Tensor]):
    """λ ← (1 - ρ_t) λ + ρ_t λ̂ with λ̂ = α + (N / B) Σ_{i in batch} E[t(x_i, z_i)].

    λ̂ - λ is the natural gradient of the ELBO, estimated from a batch with optimal local
    variables. A full batch with ρ = 1 is one sweep of coordinate ascent.

    Source: Hoffman, Blei, Wang and Paisley 2013, "Stochastic variational inference".

    Args:
        model: the model to infer.
        examples: N, the size of the whole data set.
        rate: the step sizes; None for ρ = 1 (coordinate ascent on full batches).

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
                "bound",
                "nats",
                "training batch",
                0,
                "higher",
            ),
            Series("rho", "Step size ρ", "step size", "dimensionless", "exact"),
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
        model, x = self.model, self.model.validate(batch)
        local = model.local(state.natural, x)
        target = model.prior + scale * local.statistics.sum(0)
        elbo = scale * local.bound.sum() - model.kl(state.natural)
        natural = torch.lerp(state.natural, target, rho)
        new = Search(natural, state.steps + 1)
        return new, Info({"elbo": elbo, "rho": torch.tensor(rho, dtype=torch.float64)})


class BayesianMixture(ConditionallyConjugate):
    """π ~ Dirichlet(concentration), θ_k ~ the conjugate prior, c_i ~ π, x_i ~ p(x | θ_{c_i}).

    Global: q(π) q(θ_1) ... q(θ_K); local: q(c_i), whose optimum is the softmax over k of
    E[log π_k] + E[log p(x_i | θ_k)]. λ is (K, 1 + P): the count, and λ of the component.

    Source: Hoffman, Blei, Wang and Paisley 2013, section 2; Blei, Kucukelbir and McAuliffe 2017,
    "Variational inference: a review for statisticians", section 3.

    Args:
        component: the distribution of an example within a component, with its prior. Its
            normaliser and mean parameters must accept a leading axis of components, as those of a
            product do.
        components: K.
        concentration: of the weights' prior, above 0.

    Raises:
        SpecError: if a number is out of range.

    Example:
        >>> from genlab.inference.conjugate import NormalMean
        >>> mixture = BayesianMixture(NormalMean(0.0, 5.0, 1.0, dim=2), 3)
        >>> mixture.prior.shape
        torch.Size([3, 5])
    """

    def __init__(self, component: Conjugate, components: int, concentration: float = 1.0) -> None:
        if components < 1:
            raise SpecError("components", components, "allowed: a whole number from 1")
        self.component, self.components = component, components
        count = torch.tensor([positive("concentration", concentration)], dtype=torch.float64)
        self.prior = torch.cat([count, component.prior.flatten()]).repeat(components, 1)

    def split(self, natural: Tensor) -> tuple[Tensor, Tensor]:
        """The counts (K,), and λ of each component (K, *its shape)."""
        return natural[:, 0], natural[:, 1:].unflatten(1, self.component.prior.shape)

    @staticmethod
    def join(counts: Tensor, inner: Tensor) -> Tensor:
        """Counts and λ in one array: (..., K) and (..., K, *shape) give (..., K, 1 + P)."""
        flat = inner.flatten(counts.dim())
        return torch.cat([counts.unsqueeze(-1), flat], dim=-1)

    def log_normaliser(self, natural: Tensor) -> Tensor:
        counts, inner = self.split(natural)
        weights = torch.lgamma(counts).sum() - torch.lgamma(counts.sum())
        return weights + self.component.log_normaliser(inner)

    def mean_parameters(self, natural: Tensor) -> Tensor:
        counts, inner = self.split(natural)
        log_weight = torch.digamma(counts) - torch.digamma(counts.sum())
        return self.join(log_weight, self.component.mean_parameters(inner))

    def validate(self, x: Tensor) -> Tensor:
        return self.component.validate(x)

    def start(self, seed: int, x: Tensor | None) -> Tensor:
        """The prior plus one example in each component; the examples are far apart.

        Raises:
            SpecError: if there are fewer examples than components.
        """
        rows = None if x is None else self.validate(x)
        if rows is None or len(rows) < self.components:
            raise SpecError(
                "data",
                "no data" if rows is None else f"{len(rows)} examples",
                f"allowed: at least {self.components} examples to start from",
            )
        centres = far_apart(rows, self.components, generator(seed, "svi"))
        one = torch.ones(self.components, dtype=torch.float64)
        return self.prior + self.join(one, self.component.statistics(centres))

    def local(self, natural: Tensor, x: Tensor) -> Local:
        counts, inner = self.split(natural)
        log_weight = torch.digamma(counts) - torch.digamma(counts.sum())
        statistics = self.component.statistics(x)
        expected = self.component.mean_parameters(inner)
        fit = statistics.flatten(1) @ expected.flatten(1).T
        scores = log_weight + fit + self.component.log_base(x)[:, None]
        r = scores.softmax(1)
        inside = r[:, :, None] * statistics.flatten(1)[:, None, :]
        return Local(self.join(r, inside), scores.logsumexp(1))

    def weights(self, natural: Tensor) -> Dirichlet:
        """q(π), event shape (K,)."""
        return Dirichlet(natural[:, 0])

    def responsibilities(self, natural: Tensor, x: Tensor) -> Tensor:
        """The optimal q(c_i = k), (B, d) -> (B, K)."""
        return self.local(natural, self.validate(x)).statistics[:, :, 0]
