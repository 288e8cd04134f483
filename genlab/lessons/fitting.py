"""Shared by the lessons on ADVI: a fit with its history, and MCMC as the reference."""

from __future__ import annotations

import abc
import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from genlab.core.measure import Estimate
from genlab.core.random import generator
from genlab.inference.advi import ADVI, FAMILIES
from genlab.inference.constraints import transforms
from genlab.inference.log_joints import LogJoint
from genlab.inference.mcmc import HMC, Draws, effective_sample_size, r_hat
from genlab.lessons.base import Equation, Lesson, Progress, Quantity, tex
from genlab.lessons.panels import Array, Curve, Curves, array

#: Number of fresh draws of q for an ELBO.
DRAWS = 4000
#: Chains of MCMC, and its warm-up steps.
CHAINS, WARMUP = 8, 100
#: Leapfrog steps of its longest trajectory; during warm-up the steps may be short and many.
LEAPS = 24
#: Its colour in all pictures.
COLOUR = 3


@dataclass(frozen=True)
class Fit:
    """The result of fitting one family.

    Args:
        mean, covariance: of q(ζ).
        trace: the noisy ELBO of each step, (steps,).
        elbo: the ELBO of q on fresh draws.
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
        steps, draws, eta: number of steps, draws of q per step, and scale of the step sizes.
        seed: of the draws.
        tell: called with the completed share of the steps.
    """
    advi = ADVI(target, family, draws, eta)
    state, trace = advi.init(seed), []
    for t in range(steps):
        state, info = advi.step(state)
        trace.append(float(info.terms["elbo"]))
        tell((t + 1) / steps)
    approximation = advi.posterior(state)
    elbo = advi.elbo(state, DRAWS, seed)
    return Fit(approximation.mean, approximation.covariance_matrix, np.array(trace), elbo)


def polished(target: LogJoint, family: str, fit: Fit, seed: int, n: int = 1000) -> float:
    """The ELBO in nats of the best member of a family that a quasi-Newton search finds.

    The search starts at a fit and maximises the mean over n fixed draws of η, so the objective is
    a smooth function of q. The ELBO is then estimated from other draws.

    Args:
        target: the model.
        family: ``mean-field`` or ``full-rank``.
        fit: start of the search.
        seed: of the draws.
        n: draws of η.
    """
    size = target.size
    eta, fresh = (
        torch.randn(count, size, generator=generator(seed, "polished", part), dtype=torch.float64)
        for count, part in ((n, "search"), (DRAWS, "read"))
    )
    # Antithetic draws: the mean of η is 0 exactly.
    eta = torch.cat([eta, -eta])
    factor = torch.linalg.cholesky(fit.covariance)
    mean = fit.mean.clone().requires_grad_()
    lower = factor.tril(-1).clone().requires_grad_()
    log_diagonal = factor.diagonal().log().clone().requires_grad_()
    leaves = [mean, log_diagonal] + ([lower] if family == "full-rank" else [])

    def scale() -> Tensor:
        whole = torch.diag(log_diagonal.exp())
        return whole + lower.tril(-1) if family == "full-rank" else whole

    def bound(noise: Tensor) -> Tensor:
        value = target.log_density(mean + noise @ scale().mT)
        # −log q(ζ) = ½ ‖η‖² + ½ K log 2π + Σ log L_ii
        rest = 0.5 * noise.square().sum(1) + 0.5 * size * math.log(2 * math.pi)
        return (value + rest).mean() + log_diagonal.sum()

    search = torch.optim.LBFGS(leaves, max_iter=80, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        search.zero_grad()
        loss = -bound(eta)
        loss.backward()
        return loss

    with torch.enable_grad():
        search.step(closure)
    with torch.no_grad():
        return float(bound(fresh))


@dataclass(frozen=True)
class Shortfall:
    """The gap between log p(x) and an ELBO, in two parts, in nats.

    Args:
        optimisation: the ELBO of the family's best member minus that of the fit.
        family: log p(x) minus the ELBO of the family's best member.
        error: standard error of the difference of two ELBOs.
    """

    optimisation: float
    family: float
    error: float

    @property
    def converged(self) -> bool:
        """Whether the optimisation gap is at most 0.05 nats plus two standard errors."""
        return self.optimisation <= 0.05 + 2 * self.error


def judged(target: LogJoint, draws: int, seed: int, tell: Callable[[float], None]) -> Draws:
    """MCMC with this number of draws per chain, at least 4."""
    return HMC(target, CHAINS, WARMUP, most=LEAPS).run(max(4, draws), seed, tell)


class ReferencePosterior:
    """MCMC draws of some quantities.

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
        """The caption of a picture with these draws."""
        return (
            f"MCMC: {self.n:,} draws, R̂ {self.r_hat.max():.3f}, "
            f"{self.effective.min():.0f} effective, acceptance {self.draws.accept:.2f}"
        )

    def thinned(self, x: Array, n: int = 400) -> Array:
        """At most n rows, evenly spread over the draws."""
        return x[np.linspace(0, len(x) - 1, min(n, len(x))).astype(int)]

    def equation(self) -> Equation:
        """The equations of the method, and its diagnostics."""
        sizes = tuple(
            Quantity(f"effective draws for {label}", float(size), "Monte Carlo", "", self.n)
            for label, size in zip(self.labels, self.effective, strict=True)
        )
        return Equation(
            f"The reference is Hamiltonian Monte Carlo: {CHAINS} chains, {WARMUP} warm-up steps, "
            f"{self.n:,} draws kept. It accepts a proposal with probability α. Its chains should "
            f"agree, with R̂ near 1.",
            r"\alpha = \min(1, e^{H - H'}),\quad H = -\log p(x, \zeta)"
            r" + \tfrac12 r^{\top} M^{-1} r",
            rf"\bar\alpha = {tex(self.draws.accept)},\quad \hat R = "
            + r",\ ".join(tex(float(value)) for value in self.r_hat),
            (*sizes, Quantity("lost trajectories", self.draws.divergent, "exact", "", self.n)),
        )


def silent(share: float, says: str) -> None:
    """Report no progress."""


class Fitting(Lesson):
    """A lesson that fits ADVI's families to a model and can compare them with MCMC.

    Its options have ``steps``, ``draws``, ``eta`` and ``seed``.
    """

    #: The transform to the real line, the first step of both lessons.
    jacobian: ClassVar[Equation] = Equation(
        "T maps the parameters to the real line. The density is multiplied by the Jacobian "
        "determinant.",
        r"\log p(x, \zeta) = \log p(x, T^{-1}(\zeta)) + \log |\det J_{T^{-1}}(\zeta)|",
    )

    def __init__(self, options: Any, extra: Mapping[str, Any] | None = None) -> None:
        super().__init__(options, extra)
        self._tell: Progress = silent

    @property
    @abc.abstractmethod
    def target(self) -> LogJoint:
        """The model."""

    @functools.cached_property
    def fits(self) -> dict[str, Fit]:
        """Both families by name; one where there is a single parameter."""
        o, found = self.options, {}
        families = tuple(FAMILIES) if self.target.size > 1 else ("mean-field",)
        for k, family in enumerate(families):

            def tell(share: float, k: int = k, family: str = family) -> None:
                self._tell(0.5 * (k + share) / len(families), f"ADVI, {family}")

            found[family] = fitted(
                self.target,
                family,
                steps=o.steps,
                draws=o.draws,
                eta=o.eta,
                seed=o.seed,
                tell=tell,
            )
        return found

    def judged(self, draws: int) -> Draws:
        """MCMC on the model, as the second half of the work."""
        return judged(
            self.target,
            draws,
            self.options.seed,
            lambda share: self._tell(0.5 + 0.45 * share, "MCMC, the slow reference"),
        )

    @abc.abstractmethod
    def compute(self) -> None:
        """The long computations; each part reports its progress."""

    def prepare(self, progress: Progress) -> None:
        self._tell = progress
        try:
            self.compute()
            progress(1.0, "done")
        finally:
            self._tell = silent

    def elbo(self, name: str) -> Quantity:
        """The final ELBO of a family, on fresh draws."""
        fit = self.fits[name]
        return Quantity(f"ELBO, {name}", fit.elbo.value, "Monte Carlo", "nats", DRAWS, fit.error)

    def trace(self, levels: tuple[tuple[str, float], ...]) -> Curves:
        """The noisy ELBO over the steps, and its upper bound."""
        o = self.options
        steps = np.arange(1, o.steps + 1, dtype=np.float64)
        # The first values may be so low that the rest of the curve would look flat.
        low = min(float(np.quantile(fit.trace, 0.08)) for fit in self.fits.values())
        return Curves(
            "The ELBO that a step sees",
            f"Monte Carlo, {self.note} · values below {low:.3g} are cut off",
            tuple(
                Curve(name, steps, np.maximum(fit.trace, low), "line", k + 1)
                for k, (name, fit) in enumerate(self.fits.items())
            ),
            "step",
            "nats",
            levels=levels,
        )

    @property
    def note(self) -> str:
        """How the fits were made."""
        o = self.options
        return f"{o.steps} steps of {o.draws} draws, seed {o.seed}"


def under_each_transform(target: LogJoint, name: str) -> dict[str, LogJoint]:
    """The model under each transform that fits one of its parameters, by the transform's name."""
    (row,) = (part for part in target.parameters if part.name == name)
    return {
        transform: target.replace(name, support)
        for transform, support in transforms(row.support).items()
    }
