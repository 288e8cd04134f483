"""Exact quantities of a model on toy data: its density q, and the optimal discriminator.

For a fixed generator the optimal discriminator is D* = p/(p + q). For data on the line, a model
with one latent dimension needs no samples: with the prior's quantile function z(u),

    P(G(z) ≤ x) = ∫₀¹ 1[G(z(u)) ≤ x] du,    q(x) = ∫₀¹ p(x | z(u)) du,

the first for a generator without a likelihood. For other models q is counted from samples.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from genlab import models
from genlab.core.random import scope
from genlab.core.run_spec import RunSpec
from genlab.core.tables import OBJECTIVES
from genlab.distributions import Point
from genlab.divergences.grid import Grid
from genlab.models.base import (
    GenerativeModel,
    HasCodebook,
    HasDecoder,
    HasLabels,
    HasLikelihood,
    HasLogProb,
    HasProbabilityPath,
)
from genlab.probes.common import draw, sample_budget

#: Samples from which q is counted, and the expected count that a cell must have to be shown.
MANY, LEAST = 20_000, 5.0
#: Codes of the quadrature, and the standard score of the outermost: its tail has mass 2e-9.
CODES, REACH = 2048, 6.0


def critic_gives_logit(spec: RunSpec) -> bool:
    """Whether σ(score) is the critic's probability that x is real, under the run's objective."""
    objective = OBJECTIVES[spec.objective](spec.objective_options)
    trains = any(player.name == "discriminator" for player in objective.players)
    return trains and objective.critic_is_logit


def scores_single_examples(spec: RunSpec) -> bool:
    """Whether the run trains a critic that scores single examples, not packs of them."""
    objective = OBJECTIVES[spec.objective](spec.objective_options)
    trains = any(player.name == "discriminator" for player in objective.players)
    return trains and getattr(spec.model_options, "pack", 1) == 1


@dataclass(frozen=True)
class GridDiscriminator:
    """D* on the cells of a grid.

    Args:
        p, q: masses of the cells under the data and the model, (cells,).
        n: samples from which q is counted, 0 where it is integrated.
    """

    p: Tensor
    q: Tensor
    n: int

    @property
    def d(self) -> Tensor:
        """D* = p/(p + q), (cells,); NaN where both are zero."""
        return self.p / (self.p + self.q)

    @property
    def known(self) -> Tensor:
        """The cells in which D* is known: at least five expected samples of each distribution."""
        both = self.p + self.q
        return both * self.n >= LEAST if self.n else both > 0

    @property
    def weight(self) -> Tensor:
        """(p + q)/2 over the known cells, zero elsewhere; sums to 1."""
        both = torch.where(self.known, self.p + self.q, 0.0)
        return both / both.sum().clamp(min=1e-300)

    def distance(self, d: Tensor) -> Tensor:
        """Mean |D − D*| under (p + q)/2, of D on the cells."""
        away = torch.where(self.known, (d - self.d).abs(), 0.0)
        return (self.weight * away).sum()

    @property
    def floor(self) -> Tensor:
        """The mean :meth:`distance` of D* itself if q is estimated from counts.

        A count with mean nq has variance nq (1 − q), so the variance of D* is about
        (p/(p + q)²)² q (1 − q)/n. The mean absolute value of a normal error is √(2/π) times its
        standard deviation.
        """
        if not self.n:
            return self.p.new_zeros(())
        q = self.q.clamp(min=1.0 / self.n)
        error = self.p / (self.p + q).square() * (q * (1.0 - q) / self.n).sqrt()
        return math.sqrt(2.0 / math.pi) * (self.weight * error).sum()

    @property
    def words(self) -> str:
        """How q was computed, as text."""
        return f"q counted from n = {self.n:,} samples" if self.n else "q integrated"


class OptimalDiscriminator:
    """Computes D* between any model and one density of the data.

    Args:
        grid: cells over the density of the data.
    """

    def __init__(self, grid: Grid) -> None:
        self.grid = grid

    def of(self, model: GenerativeModel) -> GridDiscriminator:
        """D* on the cells: q is integrated if possible, otherwise counted."""
        log_q = log_masses(model, self.grid)
        if log_q is not None:
            return GridDiscriminator(self.grid.masses[:-1], log_q.exp()[:-1], 0)
        n = counted_samples(model)
        shares = self.grid.shares(draw(model, n))
        return GridDiscriminator(self.grid.masses[:-1], shares[:-1], n)


def codes(model: GenerativeModel) -> tuple[Tensor, Tensor] | None:
    """Codes in order, (k, 1), and u = F(z), (k,); None unless the model has one latent number."""
    if not isinstance(model, HasDecoder) or isinstance(model, HasLabels | HasCodebook):
        return None
    if model.latent != 1:
        return None
    u = torch.special.ndtr(torch.linspace(-REACH, REACH, CODES, dtype=torch.float64))
    prior = model.prior()
    try:
        z = getattr(prior, "base_dist", prior).icdf(u[:, None])
    except NotImplementedError:
        return None
    return z.to(next(model.parameters())), u


def log_density(model: GenerativeModel) -> Callable[[Tensor], Tensor] | None:
    """log q in nats, (n, 1) -> (n,): exact, or integrated over the one code; None otherwise."""
    if isinstance(model, HasLogProb):
        return model.log_prob
    if not isinstance(model, HasLikelihood):
        return None
    known = codes(model)
    if known is None:
        return None
    z, u = known
    middle, steps = 0.5 * (z[1:] + z[:-1]), u.diff()
    likelihood, log_steps = model.decode(middle), (steps / steps.sum()).log()

    def log_q(x: Tensor) -> Tensor:
        parts = [likelihood.log_prob(part[:, None]) + log_steps for part in x.split(1024)]
        return torch.cat([part.logsumexp(dim=1) for part in parts])

    return log_q


@dataclass(frozen=True)
class Pushforward:
    """The distribution of G(z) on the line, piecewise linear in z between codes of known mass.

    Args:
        x: G at the codes, (k,).
        mass: of the prior between two of them, (k − 1,); sums to 1.
    """

    x: Tensor
    mass: Tensor

    def below(self, edges: Tensor) -> Tensor:
        """P(G(z) ≤ x), (n,) -> (n,)."""
        low, high = self.x[:-1].minimum(self.x[1:]), self.x[:-1].maximum(self.x[1:])
        length = (high - low).clamp(min=1e-300)
        parts = [(e[:, None] - low) / length for e in edges.double().split(1024)]
        return torch.cat([part.clamp(0.0, 1.0) @ self.mass for part in parts])


def pushforward(model: GenerativeModel) -> Pushforward | None:
    """The distribution of a generator of one code on the line; None for any other."""
    known = codes(model)
    if known is None:
        return None
    assert isinstance(model, HasDecoder)
    likelihood = model.decode(known[0])
    if not isinstance(likelihood, Point) or likelihood.event_shape != (1,):
        return None
    mass = known[1].diff()
    return Pushforward(likelihood.mean.double().view(-1), mass / mass.sum())


def log_masses(model: GenerativeModel, grid: Grid) -> Tensor | None:
    """Log-masses of a grid's cells and of what is outside, (cells^d + 1,), without a sample.

    None if the model's density is not known and cannot be integrated.
    """
    log_q = log_density(model) if grid.dim == 1 or isinstance(model, HasLogProb) else None
    if log_q is not None:
        return grid.log_integrate(log_q)
    pushed = pushforward(model) if grid.dim == 1 else None
    if pushed is None:
        return None
    inside = pushed.below(grid.edges).diff()
    return torch.cat([inside, 1.0 - inside.sum(0, keepdim=True)]).clamp(min=0.0).log()


class LineDistance:
    """W₁ = ∫ |F − G| dx between a model's distribution and a known one on the line.

    Args:
        grid: cells over the density of the data; between two of its edges lie sixteen points.
    """

    def __init__(self, grid: Grid) -> None:
        self.low, self.high = float(grid.low[0]), float(grid.high[0])
        self.inside = torch.linspace(self.low, self.high, 16 * grid.cells + 1, dtype=torch.float64)
        self.real = _below(grid.density.log_prob, self.inside)

    def w1(self, model: GenerativeModel | None, x: Tensor) -> float:
        """The distance in data units; from samples where the model's density is not integrated.

        Args:
            model: None for samples alone.
            x: samples of the model, (n, 1); if q is integrated they give its range.
        """
        x = x.detach().double().view(-1)
        if not bool(x.isfinite().all()):
            return math.inf
        margin = 0.1 * (self.high - self.low)
        low = min(self.low, float(x.min())) - margin
        high = max(self.high, float(x.max())) + margin
        left = torch.linspace(low, self.low, 513, dtype=torch.float64)[:-1]
        right = torch.linspace(self.high, high, 513, dtype=torch.float64)[1:]
        edges = torch.cat([left, self.inside, right])
        real = torch.cat([torch.zeros_like(left), self.real, torch.ones_like(right)])
        log_q = None if model is None else log_density(model)
        pushed = None if model is None else pushforward(model)
        if log_q is not None:
            generated_below = _below(log_q, edges)
        elif pushed is not None:
            generated_below = pushed.below(edges)
        else:
            generated_below = torch.searchsorted(
                x.sort().values, edges, right=True
            ).double() / len(x)
        return float(torch.trapezoid((real - generated_below).abs(), edges))


def _below(log_prob: Callable[[Tensor], Tensor], edges: Tensor) -> Tensor:
    """The distribution function at edges, by the density half-way between them, (n,)."""
    middle = (0.5 * (edges[1:] + edges[:-1]))[:, None].float()
    mass = log_prob(middle).double().exp() * edges.diff()
    return torch.cat([mass.new_zeros(1), mass.cumsum(0)]).clamp(max=1.0)


def counted_samples(model: GenerativeModel) -> int:
    """The samples that are counted on a grid: a tenth if one takes many evaluations of a net."""
    return sample_budget(model, MANY) // (2 if isinstance(model, HasProbabilityPath) else 1)


def histogram_sample_count(spec: RunSpec, grid: Grid) -> int:
    """The number of samples from which q is counted on a grid; 0 if q is integrated."""
    with scope(0, "model of the kind"), torch.no_grad():
        model = models.build(spec).eval()
        return counted_samples(model) if log_masses(model, grid) is None else 0
