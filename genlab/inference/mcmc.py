"""Hamiltonian Monte Carlo: asymptotically exact for any smooth posterior."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from genlab.core.errors import SpecError
from genlab.core.measure import Estimate, Series
from genlab.core.random import generator
from genlab.inference.base import Inference, positive
from genlab.inference.log_joints import Diverged, LogJoint
from genlab.train.algorithm import Info

#: Shares of the warm-up after which the metric is re-estimated from the draws since the last.
_WINDOWS = (0.2, 0.4, 0.8)
#: A trajectory whose energy error exceeds this counts as divergent.
_LOST = 1000.0


@dataclass(frozen=True)
class Chains:
    """The positions of the chains, and the adapted step size and metric.

    Args:
        position: ζ of each chain, (C, K).
        log_density: at the positions, (C,).
        gradient: of the log-density, (C, K).
        variance: the diagonal of the inverse mass, (K,).
        log_step: log ε of the next step, ().
        log_step_average: its average over the warm-up, used afterwards, ().
        error: H̄ of dual averaging, ().
        centre: what log ε shrinks to, ().
        adapted: steps of dual averaging since its start, ().
        count, mean, scatter: of the positions since the last metric update, (), (K,), (K,).
        steps: made so far, ().
        seed: of the draws, ().
    """

    position: Tensor
    log_density: Tensor
    gradient: Tensor
    variance: Tensor
    log_step: Tensor
    log_step_average: Tensor
    error: Tensor
    centre: Tensor
    adapted: Tensor
    count: Tensor
    mean: Tensor
    scatter: Tensor
    steps: Tensor
    seed: Tensor


class HMC(Inference[Chains, None]):
    """Hamiltonian Monte Carlo on log p(x, ζ), with parallel chains and jittered path lengths.

    Energy H(ζ, r) = -log p(x, ζ) + ½ Σ v_k r_k², r ~ N(0, 1 / v). A trajectory of leapfrog steps
    of size ε and total length U(0.5, 1.5) · path ends in a proposal, which is accepted with
    probability min(1, e^{H - H'}). In the first ``warmup`` steps dual averaging adapts ε so that
    the mean of that probability is ``accept``, and v is set to the variance of the draws; both
    then stay fixed. A step with a divergent trajectory counts with acceptance 0.

    Sources: Neal 2011, "MCMC using Hamiltonian dynamics"; Hoffman and Gelman 2014, "The No-U-Turn
    sampler", section 3.2 (dual averaging).

    Args:
        target: the model.
        chains: C, at least 2.
        warmup: warm-up steps; their draws are discarded.
        path: mean length of a trajectory, in posterior standard deviations.
        accept: the target acceptance probability, between 0 and 1.
        most: leapfrog steps of the longest trajectory.
        start: values of the parameters to start around; None for ζ = 0.

    Raises:
        SpecError: for a number out of range, or a log-joint that cannot be used (see
            :meth:`LogJoint.check`); nothing is started.
    """

    state_class: ClassVar[type[Any]] = Chains

    def __init__(
        self,
        target: LogJoint,
        chains: int = 8,
        warmup: int = 300,
        path: float = 1.5,
        accept: float = 0.8,
        most: int = 64,
        start: Mapping[str, Any] | None = None,
    ) -> None:
        if chains < 2:
            raise SpecError("chains", chains, "allowed: a whole number from 2")
        if warmup < 20:
            raise SpecError("warmup", warmup, "allowed: a whole number from 20")
        if most < 1:
            raise SpecError("most", most, "allowed: a whole number from 1")
        if not 0 < accept < 1:
            raise SpecError("accept", accept, "allowed: between 0 and 1")
        self.target, self.chains, self.warmup, self.most = target, chains, warmup, most
        self.path, self.accept = positive("path", path), accept
        self._start = target.check(start)
        self._ends = {round(share * warmup) for share in _WINDOWS}

    @property
    def series(self) -> tuple[Series, ...]:
        n = self.chains
        return (
            Series("log_joint", "log p(x, ζ)", "loss", "nats", "Monte Carlo", n),
            Series("accept", "Acceptance probability", "accept", "probability", "Monte Carlo", n),
            Series("divergent", "Lost trajectories", "lost", "probability", "Monte Carlo", n),
            Series("step_size", "Step size ε", "step", "dimensionless", "exact"),
            Series("leapfrog", "Leapfrog steps", "leapfrog", "count", "exact"),
        )

    def init(self, seed: int = 0, data: Tensor | None = None) -> Chains:
        """Chains at start + U(-2, 2), unit masses, ε = 0.1.

        Raises:
            Diverged: if 20 random starts of a chain have no finite log-joint.
        """
        source, size = generator(seed, "hmc"), self.target.size
        for _ in range(20):
            noise = torch.rand(self.chains, size, generator=source, dtype=torch.float64)
            position = self._start + 4 * noise - 2
            value, gradient = self.target.value_and_grad(position)
            if bool(value.isfinite().all()) and bool(gradient.isfinite().all()):
                break
        else:
            raise Diverged(
                "The log-joint is not a finite number at 20 random starts within 2 of the start "
                "on the unconstrained scale. Nothing was started; give another start."
            )
        zero, zeros = torch.zeros((), dtype=torch.float64), torch.zeros(size, dtype=torch.float64)
        step = torch.tensor(math.log(0.1), dtype=torch.float64)
        return Chains(
            position,
            value,
            gradient,
            variance=torch.ones(size, dtype=torch.float64),
            log_step=step,
            log_step_average=step,
            error=zero,
            centre=step + math.log(10),
            adapted=zero,
            count=zero,
            mean=zeros,
            scatter=zeros,
            steps=torch.zeros((), dtype=torch.int64),
            seed=torch.tensor(int(seed)),
        )

    def step(self, state: Chains, batch: None = None) -> tuple[Chains, Info]:
        """One trajectory of every chain, on all data."""
        t = int(state.steps) + 1
        source = generator(int(state.seed), "hmc", t)
        noise = torch.randn(state.position.shape, generator=source, dtype=torch.float64)
        u = torch.rand(self.chains, generator=source, dtype=torch.float64)
        length = self.path * (0.5 + torch.rand((), generator=source, dtype=torch.float64))
        warm = t <= self.warmup
        step = float((state.log_step if warm else state.log_step_average).exp())
        leaps = max(1, min(self.most, round(float(length) / step)))
        momentum = noise / state.variance.sqrt()
        position, value, gradient, end = self._leapfrog(state, momentum, step, leaps)
        before = state.log_density - 0.5 * (momentum.square() * state.variance).sum(1)
        change = value - 0.5 * (end.square() * state.variance).sum(1) - before
        # A trajectory that overflowed is accepted with probability 0.
        change = torch.where(change.isfinite(), change, -math.inf)
        probability = change.clamp_max(0).exp()
        accepted = u < probability
        new = dataclasses.replace(
            state,
            position=torch.where(accepted[:, None], position, state.position),
            log_density=torch.where(accepted, value, state.log_density),
            gradient=torch.where(accepted[:, None], gradient, state.gradient),
            steps=state.steps + 1,
        )
        if warm:
            # Otherwise a chain with far too large a step would be hidden by the others and never
            # move.
            shared = probability.mean() * bool((change >= -_LOST).all())
            new = self._measured(self._adapted(new, shared), t)
        terms = {
            "log_joint": new.log_density,
            "accept": probability,
            "divergent": (change < -_LOST).double(),
            "step_size": torch.tensor(step, dtype=torch.float64),
            "leapfrog": torch.tensor(float(leaps), dtype=torch.float64),
        }
        return new, Info(terms)

    def run(
        self, draws: int, seed: int = 0, progress: Callable[[float], None] | None = None
    ) -> Draws:
        """Run the warm-up and then draw from each chain.

        Args:
            draws: number of draws of each chain after the warm-up.
            seed: of the draws.
            progress: called with the share of steps that are done.

        Raises:
            SpecError: if fewer than 4 draws are asked for.
            Diverged: as :meth:`init`.
        """
        if draws < 4:
            raise SpecError("draws", draws, "allowed: a whole number from 4")
        state = self.init(seed)
        draws_so_far, accepted, lost = [], 0.0, 0
        for t in range(self.warmup + draws):
            state, info = self.step(state)
            if progress is not None:
                progress((t + 1) / (self.warmup + draws))
            if t < self.warmup:
                continue
            draws_so_far.append(state.position)
            accepted += float(info.terms["accept"].mean()) / draws
            lost += int(info.terms["divergent"].sum())
        zeta = torch.stack(draws_so_far)
        return Draws(self.target.constrain(zeta), zeta, accepted, lost)

    def _leapfrog(
        self, state: Chains, momentum: Tensor, step: float, leaps: int
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        position, value, gradient = state.position, state.log_density, state.gradient
        for _ in range(leaps):
            momentum = momentum + 0.5 * step * gradient
            position = position + step * state.variance * momentum
            value, gradient = self.target.value_and_grad(position)
            momentum = momentum + 0.5 * step * gradient
        return position, value, gradient, momentum

    def _adapted(self, state: Chains, probability: Tensor) -> Chains:
        # Dual averaging with γ = 0.05, t₀ = 10, κ = 0.75.
        m = state.adapted + 1
        error = torch.lerp(state.error, self.accept - probability, 1 / (m + 10))
        log_step = state.centre - m.sqrt() / 0.05 * error
        average = torch.lerp(state.log_step_average, log_step, m**-0.75)
        return dataclasses.replace(
            state, error=error, log_step=log_step, log_step_average=average, adapted=m
        )

    def _measured(self, state: Chains, t: int) -> Chains:
        # Chan's formula: the mean and scatter of all draws so far, from those of two groups.
        size, here = self.chains, state.position.mean(0)
        count, shift = state.count + size, here - state.mean
        mean = state.mean + shift * size / count
        scatter = state.scatter + (state.position - here).square().sum(0)
        scatter = scatter + shift.square() * state.count * size / count
        if t not in self._ends:
            return dataclasses.replace(state, count=count, mean=mean, scatter=scatter)
        # Shrunk towards a small value for windows of few draws, as in Stan.
        spread = scatter / (count - 1)
        return dataclasses.replace(
            state,
            variance=(count * spread + 5e-3) / (count + 5),
            centre=state.log_step_average + math.log(10),
            error=torch.zeros_like(state.error),
            adapted=torch.zeros_like(state.adapted),
            count=torch.zeros_like(count),
            mean=torch.zeros_like(mean),
            scatter=torch.zeros_like(scatter),
        )


@dataclass(frozen=True)
class HMCHistory(Chains):
    """Chains with their recent positions.

    Args:
        kept: (size, C, K), a ring buffer.
        drawn: the number written since the start or the end of the warm-up, ().
    """

    kept: Tensor
    drawn: Tensor


class HMCWithHistory(HMC):
    """HMC whose state holds recent draws; warm-up draws are dropped when it ends.

    Args:
        target: the model.
        size: number of recent draws of each chain.
        others: as for :class:`HMC`.
    """

    state_class = HMCHistory

    def __init__(self, target: LogJoint, size: int, **others: Any) -> None:
        super().__init__(target, **others)
        if size < 4:
            raise SpecError("size", size, "allowed: a whole number from 4")
        self.size = size

    def init(self, seed: int = 0, data: Tensor | None = None) -> HMCHistory:
        begun = super().init(seed, data)
        kept = torch.zeros(self.size, *begun.position.shape, dtype=torch.float64)
        kept[0] = begun.position
        rows = {row.name: getattr(begun, row.name) for row in dataclasses.fields(begun)}
        return HMCHistory(**rows, kept=kept, drawn=torch.ones((), dtype=torch.int64))

    def step(self, state: Chains, batch: None = None) -> tuple[HMCHistory, Info]:
        new, info = super().step(state, batch)
        assert isinstance(new, HMCHistory)
        drawn = 0 if int(new.steps) == self.warmup + 1 else int(new.drawn)
        kept = new.kept.clone()
        kept[drawn % self.size] = new.position
        return dataclasses.replace(new, kept=kept, drawn=torch.tensor(drawn + 1)), info

    def zeta(self, state: HMCHistory) -> Tensor:
        """The draws kept, the oldest first, (n, C, K)."""
        drawn = int(state.drawn)
        if drawn <= self.size:
            return state.kept[:drawn]
        return state.kept.roll(-(drawn % self.size), 0)


@dataclass(frozen=True)
class Draws:
    """The draws of the chains after their warm-up.

    Args:
        values: the parameters by name, (draws, chains, shape).
        zeta: unconstrained, (draws, chains, K).
        accept: mean acceptance probability.
        divergent: the number of divergent trajectories; more than a few make all numbers
            unreliable.
    """

    values: dict[str, Tensor]
    zeta: Tensor
    accept: float
    divergent: int

    def pooled(self, name: str) -> Tensor:
        """All draws of a parameter, (draws · chains, shape)."""
        return self.values[name].flatten(0, 1)

    def mean(self, name: str) -> Tensor:
        """The posterior mean of a parameter, in its shape."""
        return self.pooled(name).mean(0)

    def sd(self, name: str) -> Tensor:
        """The posterior standard deviation of each number of a parameter."""
        return self.pooled(name).std(0)

    def r_hat(self, name: str) -> Tensor:
        """R̂ of each number of a parameter: 1 if the chains agree, unreliable above 1.01."""
        return self._each(name, r_hat)

    def effective(self, name: str) -> Tensor:
        """Effective sample size of each number of a parameter."""
        return self._each(name, effective_sample_size)

    def estimate(self, name: str) -> dict[str, Estimate]:
        """The mean of each number of a parameter (``weights[0]``) with a 95 % interval.

        The interval is mean ± 1.96 sd / √(effective sample size), the error of the mean and not
        the spread of the posterior.
        """
        values = self.values[name]
        means, sds, sizes = self.mean(name), self.sd(name), self.effective(name)
        rows = {}
        for where in itertools.product(*map(range, values.shape[2:])):
            title = f"{name}[{', '.join(map(str, where))}]" if where else name
            middle, size = float(means[where]), float(sizes[where])
            half = 1.96 * float(sds[where]) / math.sqrt(size)
            series = Series(title, f"mean of {title}", "posterior", "", "Monte Carlo", int(size))
            rows[title] = Estimate(middle, series, middle - half, middle + half)
        return rows

    def _each(self, name: str, of: Any) -> Tensor:
        values = self.values[name]
        columns = values.reshape(*values.shape[:2], -1).unbind(-1)
        numbers = torch.tensor([of(column) for column in columns], dtype=torch.float64)
        return numbers.reshape(values.shape[2:])


def r_hat(draws: Tensor) -> float:
    """Split R̂: √(((n - 1) / n W + B / n) / W).

    W is the mean of the 2C half-chains' variances and B is n times the variance of their means;
    a drifting chain has different halves.

    Source: Gelman et al. 2013, "Bayesian data analysis", section 11.4.

    Args:
        draws: one number, (draws, chains).

    Raises:
        SpecError: for fewer than 4 draws.

    Example:
        >>> round(r_hat(torch.tensor([[0.0], [1.0], [0.0], [1.0]])), 4)
        0.7071
    """
    halves = _halves(draws)
    n = len(halves)
    within = halves.var(0).mean()
    between = halves.mean(0).var()
    return float((((n - 1) / n * within + between) / within).sqrt())


def effective_sample_size(draws: Tensor) -> float:
    """The effective sample size m n / (1 + 2 Σ_t ρ_t) for the mean.

    ρ_t = 1 - (W - mean of the half-chains' autocovariances at lag t) / var⁺, with var⁺ as in R̂;
    the sum ends where ρ_2t + ρ_2t+1 becomes negative, and these pairs are made monotone (Geyer).

    Sources: Geyer 1992, "Practical Markov chain Monte Carlo"; Gelman et al. 2013, "Bayesian data
    analysis", section 11.5; Vehtari et al. 2021, "Rank-normalization, folding and localization".

    Args:
        draws: one number, (draws, chains).

    Raises:
        SpecError: for fewer than 4 draws.
    """
    halves = _halves(draws)
    n, m = halves.shape
    centred = halves - halves.mean(0)
    power = torch.fft.rfft(centred, n=2 * n, dim=0).abs().square()
    covariance = torch.fft.irfft(power, n=2 * n, dim=0)[:n].mean(1) / n
    within = halves.var(0).mean()
    spread = (n - 1) / n * within + halves.mean(0).var()
    if not float(spread) > 0:
        return math.nan
    # The factor n / (n - 1) makes the autocovariance at lag 0 equal W.
    rho = 1 - (within - covariance * n / (n - 1)) / spread
    rho[0] = 1.0
    pairs = rho[: n - n % 2].reshape(-1, 2).sum(1)
    negative = (pairs < 0).nonzero().flatten()
    pairs = pairs[: int(negative[0])] if len(negative) else pairs
    falling = pairs.cummin(0).values if len(pairs) else pairs
    time = max(-1 + 2 * float(falling.sum()), 1 / math.log10(m * n))
    return m * n / time


def _halves(draws: Tensor) -> Tensor:
    if draws.dim() != 2 or len(draws) < 4:
        raise SpecError(
            "draws", f"a tensor of shape {tuple(draws.shape)}", "allowed: (4 or more, chains)"
        )
    half = len(draws) // 2
    return torch.cat([draws[:half], draws[-half:]], dim=1).double()
