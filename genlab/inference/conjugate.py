"""Conjugate models: prior and posterior belong to the same family."""

from __future__ import annotations

import abc
import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.distributions import Beta, Distribution, Independent, InverseGamma, Normal, StudentT

from genlab.core.errors import SpecError
from genlab.core.measure import Series
from genlab.inference.base import Inference, finite, positive
from genlab.inference.bayesnet import EVIDENCE, evidence_info
from genlab.train.algorithm import Info


class Local(NamedTuple):
    """Statistics and bounds of examples, with optimal local variables.

    Args:
        statistics: E[t(x_i, z_i)], (B, *natural).
        bound: the ELBO term of each example, (B,) in nats.
    """

    statistics: Tensor
    bound: Tensor


class ConditionallyConjugate(abc.ABC):
    """q(θ) = exp(λ·t(θ) - A(λ)); each example adds a statistic to λ.

    With α the prior's λ, the best λ for given local variables is α + Σ_i E[t(x_i, z_i)].

    Source: Hoffman, Blei, Wang and Paisley 2013, "Stochastic variational inference", section 2.
    """

    #: The natural parameter α of the prior.
    prior: Tensor

    @abc.abstractmethod
    def log_normaliser(self, natural: Tensor) -> Tensor:
        """A(λ), a scalar."""

    @abc.abstractmethod
    def local(self, natural: Tensor, x: Tensor) -> Local:
        """Statistics and bound of examples, with the local variables optimal for λ."""

    @abc.abstractmethod
    def validate(self, x: Tensor) -> Tensor:
        """The examples in float64, (B, d).

        Raises:
            SpecError: for a wrong shape, or a value outside the model's support.
        """

    def start(self, seed: int, x: Tensor | None) -> Tensor:
        """The start of a variational search: the prior, unless that is a symmetric point."""
        return self.prior.clone()

    def mean_parameters(self, natural: Tensor) -> Tensor:
        """E_λ[t(θ)] = ∇A(λ), of λ's shape."""
        return torch.func.grad(self.log_normaliser)(natural)

    def fisher(self, natural: Tensor) -> Tensor:
        """The Fisher information ∇²A(λ), (P, P) with λ flattened."""
        size = natural.numel()
        return torch.func.hessian(self.log_normaliser)(natural).reshape(size, size)

    def kl(self, natural: Tensor) -> Tensor:
        """KL(q_λ ‖ prior) = (λ - α)·∇A(λ) - A(λ) + A(α), exact, a scalar in nats."""
        change = ((natural - self.prior) * self.mean_parameters(natural)).sum()
        return change - self.log_normaliser(natural) + self.log_normaliser(self.prior)

    def elbo(self, natural: Tensor, x: Tensor, scale: float = 1.0) -> Tensor:
        """scale · Σ_i (term of example i) - KL(q_λ ‖ prior), a scalar in nats.

        ``scale`` is N / B if x is a batch of B of the N examples.
        """
        return scale * self.local(natural, self.validate(x)).bound.sum() - self.kl(natural)

    def target(self, natural: Tensor, x: Tensor, scale: float = 1.0) -> Tensor:
        """λ̂ = α + scale · Σ_i E[t(x_i, z_i)]; the natural gradient of the ELBO is λ̂ - λ."""
        local = self.local(natural, self.validate(x))
        return self.prior + scale * local.statistics.sum(0)


@dataclass(frozen=True)
class Posterior:
    """The posterior of a conjugate model.

    Args:
        natural: λ.
        log_evidence: log p(all data so far) in nats, ().
        count: examples seen, ().
    """

    natural: Tensor
    log_evidence: Tensor
    count: Tensor


class Conjugate(ConditionallyConjugate, Inference[Posterior, Tensor]):
    """Exact Bayes: λ_n = α + Σ_i t(x_i), log p(x_1..n) = A(λ_n) - A(α) + Σ_i log h(x_i).

    The result does not depend on the order and size of the batches.
    """

    state_class = Posterior

    @abc.abstractmethod
    def statistics(self, x: Tensor) -> Tensor:
        """t(x), (B, d) -> (B, *natural)."""

    @abc.abstractmethod
    def log_base(self, x: Tensor) -> Tensor:
        """log h(x) in nats, (B, d) -> (B,)."""

    @abc.abstractmethod
    def posterior(self, state: Posterior) -> Distribution:
        """p(θ | data)."""

    @abc.abstractmethod
    def sample(self, state: Posterior, n: int) -> Tensor:
        """n new examples from p(x | data), each with its own θ, (n, d)."""

    @property
    def series(self) -> tuple[Series, ...]:
        return EVIDENCE

    def local(self, natural: Tensor, x: Tensor) -> Local:
        statistics = self.statistics(x)
        shares = statistics * self.mean_parameters(natural)
        return Local(statistics, shares.flatten(1).sum(1) + self.log_base(x))

    def init(self, seed: int = 0, data: Tensor | None = None) -> Posterior:
        zero = torch.zeros((), dtype=torch.float64)
        return Posterior(self.prior.clone(), zero, zero.clone())

    def step(self, state: Posterior, batch: Tensor) -> tuple[Posterior, Info]:
        x = self.validate(batch)
        natural = state.natural + self.statistics(x).sum(0)
        gain = self.log_normaliser(natural) - self.log_normaliser(state.natural)
        log_evidence = state.log_evidence + gain + self.log_base(x).sum()
        new = Posterior(natural, log_evidence, state.count + len(x))
        return new, evidence_info(log_evidence, state.log_evidence)

    def log_predictive(self, state: Posterior, x: Tensor) -> Tensor:
        """log p(x_i | data) of each example by itself, exact, in nats, (B, d) -> (B,)."""
        x = self.validate(x)
        after = torch.func.vmap(self.log_normaliser)(state.natural + self.statistics(x))
        return after - self.log_normaliser(state.natural) + self.log_base(x)


def as_rows(x: Tensor, dim: int) -> Tensor:
    """The examples as (B, d); for d = 1 a list of numbers is accepted."""
    values = finite("batch", x)
    if values.dim() == 1 and dim == 1:
        values = values[:, None]
    if values.dim() != 2 or values.shape[1] != dim:
        raise SpecError(
            "batch", tuple(values.shape), f"allowed: examples of size {dim}, (n, {dim})"
        )
    return values


class BetaBernoulli(Conjugate):
    """x_j ~ Bernoulli(θ_j), θ_j ~ Beta(a, b): λ_j = (a + number of ones, b + number of zeros).

    Args:
        a, b: pseudo-counts of ones and zeros, above 0.
        dim: independent coins d.

    Raises:
        SpecError: if a or b is not above 0.

    Example:
        >>> coin = BetaBernoulli(1, 1)
        >>> state, _ = coin.step(coin.init(), torch.tensor([1.0, 1.0, 0.0]))
        >>> state.natural.tolist(), round(state.log_evidence.exp().item(), 6)
        ([[3.0, 2.0]], 0.083333)
    """

    def __init__(self, a: float = 1.0, b: float = 1.0, dim: int = 1) -> None:
        row = torch.tensor([positive("a", a), positive("b", b)], dtype=torch.float64)
        self.dim, self.prior = dim, row.repeat(dim, 1)

    def log_normaliser(self, natural: Tensor) -> Tensor:
        return (torch.lgamma(natural).sum(-1) - torch.lgamma(natural.sum(-1))).sum()

    def mean_parameters(self, natural: Tensor) -> Tensor:
        return torch.digamma(natural) - torch.digamma(natural.sum(-1, keepdim=True))

    def validate(self, x: Tensor) -> Tensor:
        values = as_rows(x, self.dim)
        if not bool(((values == 0) | (values == 1)).all()):
            raise SpecError("batch", "a value that is neither 0 nor 1", "allowed: zeros and ones")
        return values

    def statistics(self, x: Tensor) -> Tensor:
        return torch.stack([x, 1 - x], dim=-1)

    def log_base(self, x: Tensor) -> Tensor:
        return torch.zeros(len(x), dtype=x.dtype)

    def posterior(self, state: Posterior) -> Distribution:
        """Beta(a, b) of each θ_j, event shape (d,)."""
        return Independent(Beta(state.natural[:, 0], state.natural[:, 1]), 1)

    def sample(self, state: Posterior, n: int) -> Tensor:
        return torch.bernoulli(self.posterior(state).sample((n,)))


class NormalMean(Conjugate):
    """x_j ~ N(μ_j, sd²) with sd known, μ_j ~ N(mean, spread²).

    λ_j = (precision · mean, precision): each example adds (x / sd², 1 / sd²).

    Args:
        mean: of the prior.
        spread: standard deviation of the prior, above 0.
        sd: known standard deviation of the data, above 0.
        dim: independent coordinates d.

    Raises:
        SpecError: if spread or sd is not above 0.

    Example:
        >>> model = NormalMean(mean=0, spread=1, sd=1)
        >>> state, _ = model.step(model.init(), torch.tensor([2.0]))
        >>> model.posterior(state).mean.tolist(), state.natural.tolist()
        ([1.0], [[2.0, 2.0]])
    """

    def __init__(
        self, mean: float = 0.0, spread: float = 1.0, sd: float = 1.0, dim: int = 1
    ) -> None:
        self.sd, self.dim = positive("sd", sd), dim
        precision = positive("spread", spread) ** -2
        centre = float(finite("mean", mean))
        row = torch.tensor([precision * centre, precision], dtype=torch.float64)
        self.prior = row.repeat(dim, 1)

    def log_normaliser(self, natural: Tensor) -> Tensor:
        first, precision = natural[..., 0], natural[..., 1]
        return (first**2 / (2 * precision) - 0.5 * precision.log()).sum()

    def mean_parameters(self, natural: Tensor) -> Tensor:
        first, precision = natural.unbind(-1)
        mean = first / precision
        return torch.stack([mean, -0.5 * (mean**2 + 1 / precision)], dim=-1)

    def validate(self, x: Tensor) -> Tensor:
        return as_rows(x, self.dim)

    def statistics(self, x: Tensor) -> Tensor:
        return torch.stack([x, torch.ones_like(x)], dim=-1) / self.sd**2

    def log_base(self, x: Tensor) -> Tensor:
        constant = 0.5 * math.log(2 * math.pi * self.sd**2)
        return (-0.5 * (x / self.sd) ** 2 - constant).sum(-1)

    def posterior(self, state: Posterior) -> Distribution:
        """N(mean, 1 / precision) of each μ_j, event shape (d,)."""
        first, precision = state.natural.unbind(-1)
        return Independent(Normal(first / precision, precision**-0.5), 1)

    def sample(self, state: Posterior, n: int) -> Tensor:
        centre = self.posterior(state).sample((n,))
        return centre + self.sd * torch.randn_like(centre)


class NormalGamma(Conjugate):
    """x_j ~ N(μ_j, v_j), μ_j ~ N(mean, v_j / strength), v_j ~ InverseGamma(shape, scale).

    λ_j = (k m, k, a, b + k m² / 2): each example adds (x, 1, ½, x² / 2).

    Source: Gelman, Carlin, Stern, Dunson, Vehtari and Rubin 2013, "Bayesian data analysis", 3.3.

    Args:
        mean: m, of the prior of μ.
        strength: k, the weight of the prior mean in examples, above 0.
        shape, scale: a and b of the prior of the variance, above 0.
        dim: independent coordinates d.

    Raises:
        SpecError: if strength, shape or scale is not above 0.
    """

    def __init__(
        self,
        mean: float = 0.0,
        strength: float = 1.0,
        shape: float = 1.0,
        scale: float = 1.0,
        dim: int = 1,
    ) -> None:
        k, a, b = (
            positive("strength", strength),
            positive("shape", shape),
            positive("scale", scale),
        )
        m = float(finite("mean", mean))
        row = torch.tensor([k * m, k, a, b + k * m**2 / 2], dtype=torch.float64)
        self.dim, self.prior = dim, row.repeat(dim, 1)

    @staticmethod
    def parameters(natural: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """(m, k, a, b) of each coordinate, (d,) each."""
        first, k, a, last = natural.unbind(-1)
        return first / k, k, a, last - first**2 / (2 * k)

    def log_normaliser(self, natural: Tensor) -> Tensor:
        _, k, a, b = self.parameters(natural)
        return (torch.lgamma(a) - a * b.log() - 0.5 * k.log()).sum()

    def mean_parameters(self, natural: Tensor) -> Tensor:
        m, k, a, b = self.parameters(natural)
        precision = a / b
        columns = (
            m * precision,
            -0.5 * (m**2 * precision + 1 / k),
            torch.digamma(a) - b.log(),
            -precision,
        )
        return torch.stack(columns, dim=-1)

    def validate(self, x: Tensor) -> Tensor:
        return as_rows(x, self.dim)

    def statistics(self, x: Tensor) -> Tensor:
        one = torch.ones_like(x)
        return torch.stack([x, one, one / 2, x**2 / 2], dim=-1)

    def log_base(self, x: Tensor) -> Tensor:
        return torch.full((len(x),), -0.5 * self.dim * math.log(2 * math.pi), dtype=x.dtype)

    def posterior(self, state: Posterior) -> Distribution:
        """The marginal of each μ_j: a Student t, event shape (d,)."""
        m, k, a, b = self.parameters(state.natural)
        return Independent(StudentT(2 * a, m, (b / (a * k)).sqrt()), 1)

    def variance(self, state: Posterior) -> Distribution:
        """The marginal of each variance v_j: an inverse Gamma, event shape (d,)."""
        _, _, a, b = self.parameters(state.natural)
        return Independent(InverseGamma(a, b), 1)

    def sample(self, state: Posterior, n: int) -> Tensor:
        m, k, _, _ = self.parameters(state.natural)
        sd = self.variance(state).sample((n,)).sqrt()
        centre = m + sd / k.sqrt() * torch.randn_like(sd)
        return centre + sd * torch.randn_like(sd)
