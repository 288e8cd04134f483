"""Automatic differentiation variational inference: a Gaussian q(ζ) for any smooth model."""

from __future__ import annotations

import abc
import functools
import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.distributions import MultivariateNormal

from genlab.core.errors import SpecError
from genlab.core.measure import Estimate, Series
from genlab.core.random import generator
from genlab.inference.base import Inference, positive
from genlab.inference.log_joints import Diverged, LogJoint, Rows
from genlab.train.algorithm import Info

#: The values of η that the search tries, from the paper.
ETAS = (100.0, 10.0, 1.0, 0.1, 0.01)
#: The search judges every fifth q of the second half of its steps, from so many draws each.
JUDGED_EVERY, JUDGED = 5, 20


class Family(abc.ABC):
    """A Gaussian family over ζ with mean μ and a scale: ζ = μ + scale · η, η ~ N(0, I)."""

    title: ClassVar[str]

    @abc.abstractmethod
    def start(self, size: int) -> Tensor:
        """The scale of N(0, I)."""

    @abc.abstractmethod
    def draw(self, scale: Tensor, eta: Tensor) -> Tensor:
        """ζ - μ for η ~ N(0, I), (M, K) -> (M, K)."""

    @abc.abstractmethod
    def entropy(self, scale: Tensor) -> Tensor:
        """H[q] in nats, ()."""

    @abc.abstractmethod
    def gradient(self, scale: Tensor, eta: Tensor, slope: Tensor) -> Tensor:
        """The gradient of the ELBO with respect to the scale, from ∇_ζ log p(x, ζ), (M, K)."""

    @abc.abstractmethod
    def factor(self, scale: Tensor) -> Tensor:
        """The Cholesky factor of the covariance, with a positive diagonal."""


class MeanField(Family):
    """ζ = μ + e^ω ∘ η, a diagonal covariance; H = K/2 log 2πe + Σ ω."""

    title = "mean-field"

    def start(self, size: int) -> Tensor:
        return torch.zeros(size, dtype=torch.float64)

    def draw(self, scale: Tensor, eta: Tensor) -> Tensor:
        return scale.exp() * eta

    def entropy(self, scale: Tensor) -> Tensor:
        return _HALF_LOG_2PI_E * len(scale) + scale.sum()

    def gradient(self, scale: Tensor, eta: Tensor, slope: Tensor) -> Tensor:
        return (slope * eta).mean(0) * scale.exp() + 1

    def factor(self, scale: Tensor) -> Tensor:
        return scale.exp().diag()


class FullRank(Family):
    """ζ = μ + L η with L lower triangular; H = K/2 log 2πe + log|det L|."""

    title = "full-rank"

    def start(self, size: int) -> Tensor:
        return torch.eye(size, dtype=torch.float64)

    def draw(self, scale: Tensor, eta: Tensor) -> Tensor:
        return eta @ scale.T

    def entropy(self, scale: Tensor) -> Tensor:
        return _HALF_LOG_2PI_E * len(scale) + scale.diagonal().abs().log().sum()

    def gradient(self, scale: Tensor, eta: Tensor, slope: Tensor) -> Tensor:
        # A mask, and not tril: on two threads tril of a 2 × 2 matrix takes half a millisecond.
        lower = torch.where(_lower(len(scale)), slope.T @ eta / len(eta), 0.0)
        return lower + scale.diagonal().reciprocal().diag()

    def factor(self, scale: Tensor) -> Tensor:
        # The sign of a column does not change L Lᵀ.
        return scale * scale.diagonal().sign()


@functools.cache
def _lower(size: int) -> Tensor:
    return torch.ones(size, size, dtype=torch.bool).tril()


_HALF_LOG_2PI_E = 0.5 * math.log(2 * math.pi * math.e)

FAMILIES: dict[str, Family] = {row.title: row for row in (MeanField(), FullRank())}


@dataclass(frozen=True)
class Approximation:
    """The state of the optimisation of q.

    Args:
        mean: μ, (K,).
        scale: ω, (K,), or L, (K, K).
        mean_history, scale_history: s of the step-size sequence, as mean and scale.
        mean_average, scale_average: averages of the iterates, with larger weights for later ones.
        eta: η of the step-size sequence, ().
        steps: steps taken, ().
        seed: of the draws, ().
    """

    mean: Tensor
    scale: Tensor
    mean_history: Tensor
    scale_history: Tensor
    mean_average: Tensor
    scale_average: Tensor
    eta: Tensor
    steps: Tensor
    seed: Tensor


class ADVI(Inference[Approximation, Rows | None]):
    """Stochastic gradient ascent on the ELBO of a Gaussian over ζ = T(θ).

    ELBO = E_{η~N(0,I)}[log p(x, T⁻¹(ζ)) + log|det J_{T⁻¹}(ζ)|] + H[q], with ζ = μ + e^ω ∘ η or
    μ + L η. Each number of μ and the scale has its own step size
    ρ_i = η i^(-½ + 1e-16) / (1 + √s_i), s_i = 0.1 g_i² + 0.9 s_{i-1}, s_1 = g_1²; if no η is
    given, each of 0.01, 0.1, ..., 100 is tried for a few steps and the one with the best ELBO is
    used.

    A state also holds an average of the iterates with weights that grow as step⁸. The reported
    numbers use this average: it has the same limit and less noise.

    Sources: Kucukelbir, Tran, Ranganath, Gelman and Blei 2017, "Automatic differentiation
    variational inference"; for the average, Shamir and Zhang 2013, "Stochastic gradient descent
    for non-smooth optimization".

    Args:
        target: the model.
        family: ``mean-field`` or ``full-rank``.
        draws: M, samples of η in each step.
        eta: η; None to search.
        search_steps: steps for which each η is tried.
        start: values of the parameters at which μ starts; None for ζ = 0.

    Raises:
        SpecError: for an unknown family, a number out of range, or a log-joint that cannot be
            used (see :meth:`LogJoint.check`); nothing is started.

    Example:
        >>> from genlab.inference.log_joint_presets import gamma_model
        >>> advi = ADVI(gamma_model(), "mean-field", eta=1.0)
        >>> state, info = advi.step(advi.init(seed=0))
        >>> int(state.steps), sorted(info.terms)
        (1, ['elbo', 'step_size'])
    """

    state_class = Approximation

    def __init__(
        self,
        target: LogJoint,
        family: str = "mean-field",
        draws: int = 1,
        eta: float | None = None,
        search_steps: int = 50,
        start: Mapping[str, Any] | None = None,
    ) -> None:
        if family not in FAMILIES:
            raise SpecError.unknown("family", family, FAMILIES)
        if draws < 1:
            raise SpecError("draws", draws, "allowed: a whole number from 1")
        if search_steps < 1:
            raise SpecError("search_steps", search_steps, "allowed: a whole number from 1")
        self.target, self.family, self.draws = target, FAMILIES[family], draws
        self.eta = None if eta is None else positive("eta", eta)
        self.search_steps = search_steps
        self._start = target.check(start)

    @property
    def series(self) -> tuple[Series, ...]:
        title = f"ELBO from {self.draws} draw{'s' if self.draws > 1 else ''} of q"
        return (
            Series("elbo", title, "loss", "nats", "Monte Carlo", self.draws, "higher"),
            Series("step_size", "Step size, mean over μ", "step", "dimensionless", "exact"),
        )

    def init(self, seed: int = 0, data: Tensor | None = None) -> Approximation:
        """q = N(start, I), with the given η or the best one of the search.

        Raises:
            Diverged: if no η of the search led to a finite ELBO.
        """
        if self.eta is not None:
            return self._begin(seed, self.eta)
        trials = self.search(seed)
        best = max(trials, key=lambda eta: trials[eta])
        if trials[best] == -math.inf:
            raise Diverged(
                "No step size from 0.01 to 100 gave a finite ELBO: the log-joint overflows "
                "near the start. Nothing was started; give a start closer to the posterior."
            )
        return self._begin(seed, best)

    def search(self, seed: int = 0) -> dict[float, float]:
        """The mean ELBO of each η over the second half of a few steps; -inf if it overflowed.

        One q alone does not show an η that is too large: such a search oscillates, and passes a
        good q by chance.
        """
        return {eta: self._trial(seed, eta) for eta in ETAS}

    def step(self, state: Approximation, batch: Rows | None = None) -> tuple[Approximation, Info]:
        """One step on all data or on a batch of rows; the ELBO is that of q before the step.

        Raises:
            Diverged: if the log-joint or its gradient is not finite at a draw of q.
        """
        t = int(state.steps) + 1
        source = generator(int(state.seed), "advi", t)
        shape = (self.draws, self.target.size)
        eta = torch.randn(shape, generator=source, dtype=torch.float64)
        zeta = state.mean + self.family.draw(state.scale, eta)
        value, slope = self.target.value_and_grad(zeta, batch)
        if not (bool(value.isfinite().all()) and bool(slope.isfinite().all())):
            raise Diverged(
                f"At step {t} the log-joint or its gradient is not a finite number at a draw of "
                f"q. The state before this step was kept; start again with η below "
                f"{float(state.eta):g}, or closer to the posterior."
            )
        elbo = value.mean() + self.family.entropy(state.scale)
        mean_slope, scale_slope = slope.mean(0), self.family.gradient(state.scale, eta, slope)
        old = 0.9 if t > 1 else 0.0
        mean_history = old * state.mean_history + (1 - old) * mean_slope.square()
        scale_history = old * state.scale_history + (1 - old) * scale_slope.square()
        decayed = float(state.eta) * t ** (-0.5 + 1e-16)
        mean_step = decayed / (1 + mean_history.sqrt())
        mean = state.mean + mean_step * mean_slope
        scale = state.scale + decayed / (1 + scale_history.sqrt()) * scale_slope
        weight = 9 / (t + 8)
        new = Approximation(
            mean,
            scale,
            mean_history,
            scale_history,
            torch.lerp(state.mean_average, mean, weight),
            torch.lerp(state.scale_average, scale, weight),
            state.eta,
            state.steps + 1,
            state.seed,
        )
        return new, Info({"elbo": elbo, "step_size": mean_step.mean()})

    def run(self, steps: int, seed: int = 0) -> tuple[Approximation, list[float]]:
        """The state after some steps on all data, and the ELBO at each.

        Raises:
            Diverged: as :meth:`step`.
        """
        state, trace = self.init(seed), []
        for _ in range(steps):
            state, info = self.step(state)
            trace.append(float(info.terms["elbo"]))
        return state, trace

    def posterior(self, state: Approximation, averaged: bool = True) -> MultivariateNormal:
        """q(ζ), event shape (K,), from the averaged iterates or from the last one."""
        mean, scale = self._read(state, averaged)
        return MultivariateNormal(mean, scale_tril=self.family.factor(scale))

    def sample(
        self, state: Approximation, n: int, seed: int = 0, averaged: bool = True
    ) -> dict[str, Tensor]:
        """n draws of θ from q by name, each (n, shape)."""
        mean, scale = self._read(state, averaged)
        return self.target.constrain(mean + self.family.draw(scale, self._noise(n, seed)))

    def zeta(self, state: Approximation, n: int, seed: int = 0) -> Tensor:
        """n draws of ζ from q with the averaged iterates, (n, 1, K), as one chain."""
        mean, scale = self._read(state, averaged=True)
        return (mean + self.family.draw(scale, self._noise(n, seed))).unsqueeze(1)

    def elbo(
        self, state: Approximation, n: int = 1000, seed: int = 0, averaged: bool = True
    ) -> Estimate:
        """The ELBO on all data from n fresh draws of q, with a 95 % interval.

        It is the mean of log p(x, ζ) - log q(ζ), not of log p(x, ζ) plus the entropy: both have
        the same expectation, and this one has no noise if q is the posterior.

        Raises:
            SpecError: if n is below 2.
        """
        if n < 2:
            raise SpecError("n", n, "allowed: a whole number from 2")
        eta = self._noise(n, seed)
        mean, scale = self._read(state, averaged)
        with torch.no_grad():
            value = self.target.log_density(mean + self.family.draw(scale, eta))
        # -log q(ζ) = H[q] + ½ (‖η‖² - K)
        value = value + 0.5 * (eta.square().sum(1) - self.target.size)
        middle = float(value.mean() + self.family.entropy(scale))
        half = 1.96 * float(value.std()) / math.sqrt(n)
        series = Series("elbo", "ELBO of q", "loss", "nats", "Monte Carlo", n, "higher")
        return Estimate(middle, series, middle - half, middle + half)

    def _begin(self, seed: int, eta: float) -> Approximation:
        mean, scale = self._start.clone(), self.family.start(self.target.size)
        return Approximation(
            mean,
            scale,
            torch.zeros_like(mean),
            torch.zeros_like(scale),
            mean.clone(),
            scale.clone(),
            torch.tensor(eta, dtype=torch.float64),
            torch.zeros((), dtype=torch.int64),
            torch.tensor(int(seed)),
        )

    def _trial(self, seed: int, eta: float) -> float:
        state, seen = self._begin(seed, eta), []
        try:
            for left in range(self.search_steps - 1, -1, -1):
                state, _ = self.step(state)
                if left % JUDGED_EVERY == 0 and left <= self.search_steps // 2:
                    seen.append(self.elbo(state, JUDGED, seed + left, averaged=False).value)
        except Diverged:
            return -math.inf
        value = statistics.fmean(seen)
        return value if math.isfinite(value) else -math.inf

    def _read(self, state: Approximation, averaged: bool) -> tuple[Tensor, Tensor]:
        if averaged:
            return state.mean_average, state.scale_average
        return state.mean, state.scale

    def _noise(self, n: int, seed: int) -> Tensor:
        source = generator(seed, "advi sample")
        return torch.randn((n, self.target.size), generator=source, dtype=torch.float64)
