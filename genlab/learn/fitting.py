"""What the lessons on ADVI share: a fit with its path, and MCMC as the referee."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from genlab.inference.advi import ADVI
from genlab.inference.log_joints import LogJoint
from genlab.inference.mcmc import HMC, Draws, effective_sample_size, r_hat
from genlab.learn.base import Equation, Quantity, tex
from genlab.learn.panels import Array, array
from genlab.measure import Estimate

#: Fresh draws of q that an ELBO is read from.
DRAWS = 4000
#: Chains of the referee, and the steps that it takes to adapt.
CHAINS, WARMUP = 8, 100
#: Leapfrog steps of its longest trajectory: while it adapts they may be short and many.
LEAPS = 24
#: Its colour in all pictures.
COLOUR = 3


@dataclass(frozen=True)
class Fit:
    """What one family came to.

    Args:
        mean, covariance: of q(ζ).
        trace: the noisy ELBO of each step, (steps,).
        elbo: of q on fresh draws.
    """

    mean: Tensor
    covariance: Tensor
    trace: Array
    elbo: Estimate

    @property
    def error(self) -> float:
        """The standard error of the ELBO."""
        return (self.elbo.high - self.elbo.value) / 1.96


def fitted(
    target: LogJoint,
    family: str,
    *,
    steps: int,
    draws: int,
    eta: float,
    seed: int,
    tell: Callable[[float], None],
) -> Fit:
    """ADVI with one family.

    Args:
        target: the model.
        family: ``mean-field`` or ``full-rank``.
        steps, draws, eta: of the search: how long, draws of q a step, scale of the step sizes.
        seed: of the draws.
        tell: told the share of the steps that is done.
    """
    advi = ADVI(target, family, draws, eta)
    state, trace = advi.init(seed), []
    for t in range(steps):
        state, info = advi.step(state)
        trace.append(float(info.terms["elbo"]))
        tell((t + 1) / steps)
    law = advi.posterior(state)
    elbo = advi.elbo(state, DRAWS, seed)
    return Fit(law.mean, law.covariance_matrix, np.array(trace), elbo)


def judged(target: LogJoint, draws: int, seed: int, tell: Callable[[float], None]) -> Draws:
    """MCMC with so many draws of each chain, 4 at least."""
    return HMC(target, CHAINS, WARMUP, most=LEAPS).run(max(4, draws), seed, tell)


class Referee:
    """What MCMC says of some numbers.

    Args:
        draws: of Hamiltonian Monte Carlo.
        labels: of the numbers, k of them.
        values: (draws, chains, k).
    """

    def __init__(self, draws: Draws, labels: tuple[str, ...], values: Tensor) -> None:
        self.draws, self.labels = draws, labels
        self.pooled = array(values.flatten(0, 1))
        self.mean, self.sd = array(self.pooled.mean(0)), array(self.pooled.std(0, ddof=1))
        columns = values.unbind(-1)
        self.r_hat = np.array([r_hat(column) for column in columns])
        self.effective = np.array([effective_sample_size(column) for column in columns])

    @property
    def n(self) -> int:
        """Draws of all chains."""
        return len(self.pooled)

    @property
    def error(self) -> Array:
        """The standard error of each mean, sd / √(effective draws)."""
        return array(self.sd / np.sqrt(self.effective))

    @property
    def note(self) -> str:
        """What a picture with its draws says."""
        return (
            f"MCMC: {self.n:,} draws, R̂ {self.r_hat.max():.3f}, "
            f"{self.effective.min():.0f} effective, acceptance {self.draws.accept:.2f}"
        )

    def thinned(self, x: Array, n: int = 400) -> Array:
        """At most n rows, evenly spread over the draws."""
        return x[np.linspace(0, len(x) - 1, min(n, len(x))).astype(int)]

    def equation(self) -> Equation:
        """How it works, and how well it did."""
        sizes = tuple(
            Quantity(f"effective draws for {label}", float(size), "Monte Carlo", "", self.n)
            for label, size in zip(self.labels, self.effective, strict=True)
        )
        return Equation(
            f"The referee is Hamiltonian Monte Carlo: {CHAINS} chains, {WARMUP} steps of warm-up, "
            f"{self.n:,} draws kept. It takes a proposal with probability α, and its chains "
            "should agree: R̂ near 1.",
            r"\alpha = \min(1, e^{H - H'}),\quad H = -\log p(x, \zeta)"
            r" + \tfrac12 r^{\top} M^{-1} r",
            rf"\bar\alpha = {tex(self.draws.accept)},\quad \hat R = "
            + r",\ ".join(tex(float(value)) for value in self.r_hat),
            (*sizes, Quantity("lost trajectories", self.draws.divergent, "exact", "", self.n)),
        )


def silent(part: float, says: str) -> None:
    """Tell nobody how far a computation is."""
