"""ADVI compared with MCMC on models without a closed-form posterior."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from genlab.core.options import Option, Options, option
from genlab.core.random import generator
from genlab.inference.log_joint_presets import PRESETS
from genlab.inference.log_joints import LogJoint
from genlab.lessons.base import LESSONS, Check, Equation, Quantity, tex
from genlab.lessons.fitting import (
    CHAINS,
    COLOUR,
    DRAWS,
    Fit,
    Fitting,
    ReferencePosterior,
    Shortfall,
    polished,
    under_each_transform,
)
from genlab.lessons.panels import (
    Array,
    Bars,
    Curve,
    Curves,
    Panel,
    Plane,
    array,
    ellipse,
    histogram,
)
from genlab.lessons.teaching import advi_models

#: The number of importance samples, and the degrees of freedom of their Student t.
WEIGHTED, FREEDOM = 20_000, 5.0


@dataclass(frozen=True)
class View:
    """The two parameters of a model that the pictures show.

    Args:
        first, second: labels of the two parameters in the pictures.
        free: the parameter whose transform is chosen; empty for none.
    """

    first: str
    second: str
    free: str = ""


VIEWS: dict[str, View] = {
    "eight_schools": View("mu", "tau", "tau"),
    "logistic_regression": View("weights[0]", "weights[1]"),
    "linear_regression": View("weights[0]", "noise", "noise"),
}


@dataclass(frozen=True)
class ModelsOptions(Options):
    """Options of the lesson."""

    model: str = option("eight_schools", "the model", choices=tuple(VIEWS), label="Model")
    steps: int = option(
        500, "optimisation steps of q", low=1, high=1000, label="Optimisation steps"
    )
    draws: int = option(10, "draws of q in each step", low=1, high=50, label="Samples")
    eta: float = option(
        0.5, "scale η of the step sizes", low=0.01, high=1.0, log=True, label="Step-size scale η"
    )
    mcmc: int = option(
        150,
        f"draws of each of the {CHAINS} chains of MCMC, the slow reference",
        low=50,
        high=1000,
        label="MCMC samples per chain",
    )
    seed: int = option(0, "seed of the draws", low=0, high=2**31 - 1, label="Seed")


@dataclass(frozen=True)
class Weighted:
    """Estimates by importance sampling.

    Args:
        log_p: log p(x), the log of the mean weight, in nats.
        error: its standard error.
        effective: the effective sample size, (Σ w)² / Σ w².
        mean, spread: of each number of θ, and the standard error of the mean, (k,).
    """

    log_p: float
    error: float
    effective: float
    mean: Array
    spread: Array


def importance(target: LogJoint, zeta: Tensor, seed: int, n: int = WEIGHTED) -> Weighted:
    """log p(x) = log E_t[p(x, ζ) / t(ζ)], with t a multivariate Student t around some draws.

    Heavier tails than a Gaussian's keep the weights bounded. The expectation of the mean weight
    does not depend on the proposal; only its variance does.

    Args:
        target: the model.
        zeta: draws near the posterior, (m, K).
        seed: of the draws.
        n: of the weights.
    """
    size, source = zeta.shape[1], generator(seed, "importance")
    mean, covariance = zeta.mean(0), torch.atleast_2d(zeta.mT.cov())
    factor = torch.linalg.cholesky(covariance)
    noise = torch.randn(n, size, generator=source, dtype=torch.float64)
    # χ² with a whole number of degrees of freedom, as a sum of squares.
    chi = torch.randn(n, int(FREEDOM), generator=source, dtype=torch.float64).square().sum(1)
    standard = noise / (chi / FREEDOM).sqrt()[:, None]
    half = (FREEDOM + size) / 2
    constant = (
        math.lgamma(half) - math.lgamma(FREEDOM / 2) - 0.5 * size * math.log(FREEDOM * math.pi)
    )
    log_t = (
        constant
        - factor.diagonal().log().sum()
        - half * torch.log1p(standard.square().sum(1) / FREEDOM)
    )
    points = mean + standard @ factor.mT
    with torch.no_grad():
        log_w = target.log_density(points) - log_t
    log_w = torch.where(log_w.isfinite(), log_w, -math.inf)
    share = log_w.softmax(0)
    effective = 1 / float(share.square().sum())
    theta = numbers(target, points)
    middle = share @ theta
    spread = (share.square() @ (theta - middle).square()).sqrt()
    return Weighted(
        float(log_w.logsumexp(0)) - math.log(n),
        math.sqrt(max(1 / effective - 1 / n, 0.0)),
        effective,
        array(middle),
        array(spread),
    )


def labels(target: LogJoint) -> tuple[str, ...]:
    """The name of each number of θ: ``tau``, ``weights[1]``.

    Example:
        >>> labels(PRESETS["logistic_regression"].build())
        ('intercept', 'weights[0]', 'weights[1]')
    """
    found: list[str] = []
    for row in target.parameters:
        indices = list(np.ndindex(*row.shape))
        found += [f"{row.name}[{', '.join(map(str, at))}]" if at else row.name for at in indices]
    return tuple(found)


def numbers(target: LogJoint, zeta: Tensor) -> Tensor:
    """θ = T⁻¹(ζ) as a row of numbers, (*, K) -> (*, k)."""
    values = target.constrain(zeta)
    lead = zeta.dim() - 1
    return torch.cat(
        [
            values[row.name].flatten(lead) if row.shape else values[row.name][..., None]
            for row in target.parameters
        ],
        -1,
    )


@LESSONS.register(
    "advi_models",
    title="ADVI compared with MCMC",
    summary="Models without a closed form: what a Gaussian over ζ misses, measured against MCMC.",
)
class Models(Fitting):
    """q(ζ) of both families compared with MCMC, and log p(x) by importance sampling."""

    chapter = 8.5
    idea = (
        "If the posterior is unknown, the gap between ELBO and log p(x) has two parts: the "
        "optimiser has not converged yet, and the family does not contain the posterior. "
        "Importance sampling estimates log p(x), and MCMC samples the posterior, slowly. "
        "Together they show which standard deviations of the Gaussian are too small, and why."
    )
    needs = ("advi",)
    goals = (
        ("separate optimisation error from family error"),
        ("say when mean-field is too narrow"),
    )
    notes = (
        (
            "In the eight schools τ may be near 0, where no Gaussian over ζ fits. The two "
            "regressions have nearly Gaussian posteriors: full-rank is almost exact, and mean- "
            "field is too narrow wherever two weights are correlated."
        ),
    )
    questions, exercises = advi_models.QUESTIONS, advi_models.EXERCISES
    run: ClassVar[Mapping[str, str]] = {
        "data": "eight_schools",
        "model": "eight_schools",
        "algorithm": "hmc",
    }
    source = (
        "Kucukelbir, Tran, Ranganath, Gelman and Blei 2017; Neal 2011, “MCMC using Hamiltonian "
        "dynamics”; Rubin 1981, “Estimation in parallel randomized experiments”."
    )
    Options = ModelsOptions

    @classmethod
    def more(cls, options: ModelsOptions) -> tuple[Option, ...]:
        free = VIEWS[options.model].free
        if not free:
            return ()
        names = tuple(under_each_transform(PRESETS[options.model].build(), free))
        say = f"the transform T of {free} to the real line"
        return (Option("transform", str, names[0], say, choices=names, label="Transform T"),)

    @functools.cached_property
    def target(self) -> LogJoint:
        """The model with the chosen transform."""
        log_joint, view = PRESETS[self.options.model].build(), VIEWS[self.options.model]
        if not view.free:
            return log_joint
        return under_each_transform(log_joint, view.free)[str(self.extra["transform"])]

    @functools.cached_property
    def axes(self) -> tuple[int, int]:
        """The indices of the two parameters in the pictures."""
        view, names = VIEWS[self.options.model], labels(self.target)
        return names.index(view.first), names.index(view.second)

    @functools.cached_property
    def reference(self) -> ReferencePosterior:
        """MCMC on the same model."""
        draws = self.judged(self.options.mcmc)
        return ReferencePosterior(draws, labels(self.target), numbers(self.target, draws.zeta))

    @functools.cached_property
    def weighted(self) -> Weighted:
        """Estimates by importance sampling."""
        return importance(self.target, self.reference.draws.zeta.flatten(0, 1), self.options.seed)

    @functools.cached_property
    def errors(self) -> dict[str, Shortfall]:
        """The gap between each family's ELBO and log p(x), in two parts."""
        found = {}
        for name, fit in self.fits.items():
            best = max(polished(self.target, name, fit, self.options.seed), fit.elbo.value)
            lacks = best - fit.elbo.value, self.weighted.log_p - best
            found[name] = Shortfall(*lacks, math.sqrt(2) * fit.error)
        return found

    def compute(self) -> None:
        _ = self.fits, self.reference, self.weighted
        self._tell(0.95, "the best member of each family")
        _ = self.errors

    def theta_draws(self, fit: Fit) -> Array:
        """Draws of θ from q, (n, k)."""
        source = generator(self.options.seed, "drawn")
        noise = torch.randn(20_000, self.target.size, generator=source, dtype=torch.float64)
        zeta = fit.mean + noise @ torch.linalg.cholesky(fit.covariance).mT
        return array(numbers(self.target, zeta))

    def equations(self) -> tuple[Equation, ...]:
        sure = self.weighted
        lines = tuple(
            Equation(
                f"How far below log p(x) the ELBO of the {name} q is: its divergence from the "
                f"posterior. {self._verdict(name)}",
                r"\mathrm{KL}(q \,\|\, p(\zeta \mid x)) = \log p(x) - \mathrm{ELBO}(q)"
                r" = \text{family error} + \text{optimisation error}",
                rf"{tex(sure.log_p - fit.elbo.value)} = {tex(sure.log_p)}"
                rf" - ({tex(fit.elbo.value)}) = {tex(self.errors[name].family)}"
                rf" + {tex(self.errors[name].optimisation)}",
                (
                    self.elbo(name),
                    Quantity(
                        "optimisation error",
                        self.errors[name].optimisation,
                        "Monte Carlo",
                        "nats",
                        DRAWS,
                        self.errors[name].error,
                    ),
                ),
            )
            for name, fit in self.fits.items()
        )
        return (
            self.jacobian,
            Equation(
                "The evidence by importance weights, drawn from a Student t around the draws of "
                f"MCMC ({sure.effective:,.0f} of {WEIGHTED:,} draws effective).",
                r"p(x) = \mathrm{E}_t\!\left[\frac{p(x, \zeta)}{t(\zeta)}\right]",
                rf"\log p(x) \approx {tex(sure.log_p)}",
                (Quantity("log p(x)", sure.log_p, "Monte Carlo", "nats", WEIGHTED, sure.error),),
            ),
            *lines,
            self._means(),
            self.reference.equation(),
        )

    def _verdict(self, name: str) -> str:
        """A sentence on whether the optimisation of a family has converged."""
        one = self.errors[name]
        if one.converged:
            return f"The optimisation has converged: {one.optimisation:.2g} nats remain."
        return (
            f"The optimisation has not converged: {one.optimisation:.2g} nats of the gap are "
            f"due to it, not to the family. Take more steps or a larger η."
        )

    def _means(self) -> Equation:
        reference, values = self.reference, []
        for k in self.axes:
            label, n = reference.labels[k], reference.n
            at, sd, error = (float(x[k]) for x in (reference.mean, reference.sd, reference.error))
            values += [
                Quantity(f"mean of {label}, MCMC", at, "Monte Carlo", "", n, error),
                Quantity(f"sd of {label}, MCMC", sd, "Monte Carlo", "", n),
            ]
            for name, fit in self.fits.items():
                theta = self.theta_draws(fit)[:, k]
                error = float(theta.std() / math.sqrt(len(theta)))
                values += [
                    Quantity(
                        f"mean of {label}, ADVI {name}",
                        float(theta.mean()),
                        "Monte Carlo",
                        "",
                        len(theta),
                        error,
                    ),
                    Quantity(
                        f"sd of {label}, ADVI {name}",
                        float(theta.std()),
                        "Monte Carlo",
                        "",
                        len(theta),
                    ),
                ]
        return Equation(
            "Mean and standard deviation of two parameters, by MCMC and under each q.",
            r"\mathrm{E}_q[\theta] = \int T^{-1}(\zeta)\, q(\zeta)\, d\zeta",
            "",
            tuple(values),
        )

    def check(self) -> tuple[Check, ...]:
        reference, sure = self.reference, self.weighted
        found = [
            Check(
                f"The ELBO of the {name} q is a lower bound of log p(x).",
                fit.elbo.value,
                sure.log_p,
                f"mean of {DRAWS:,} draws of q",
                f"importance weights, {sure.effective:,.0f} effective draws",
                "Monte Carlo",
                "nats",
                4.5 * math.hypot(fit.error, sure.error),
                DRAWS,
                "≤",
            )
            for name, fit in self.fits.items()
        ]
        for k in self.axes:
            found.append(
                Check(
                    f"Two ways to the posterior mean of {reference.labels[k]} agree.",
                    float(reference.mean[k]),
                    float(sure.mean[k]),
                    f"MCMC, {reference.effective[k]:,.0f} effective draws",
                    f"importance weights, {sure.effective:,.0f} effective draws",
                    "Monte Carlo",
                    "",
                    4.5 * math.hypot(float(reference.error[k]), float(sure.spread[k])),
                    reference.n,
                )
            )
        return tuple(found)

    def panels(self) -> tuple[Panel, ...]:
        reference, fits = self.reference, self.fits
        note = f"ADVI: {self.note}; {reference.note}"
        ratios = tuple(
            (f"ADVI {name}", self.theta_draws(fit).std(0) / reference.sd)
            for name, fit in fits.items()
        )
        return (
            self._plane(note),
            *(self._marginal(k, note) for k in self.axes),
            Bars(
                "Standard deviation under q, as a share of MCMC's",
                f"Monte Carlo; {note}",
                reference.labels,
                ratios,
                "ratio",
                levels=(("as wide as the posterior", 1.0),),
            ),
            Bars(
                "The gap between ELBO and log p(x)",
                f"Monte Carlo; {note}; the family's best member by a quasi-Newton search",
                tuple(fits),
                (
                    ("family error", np.array([self.errors[name].family for name in fits])),
                    (
                        "optimisation error",
                        np.array([self.errors[name].optimisation for name in fits]),
                    ),
                ),
                "nats",
            ),
            self.trace((("log p(x)", self.weighted.log_p),)),
        )

    def _plane(self, note: str) -> Plane:
        """Both parameters in ζ, where q is a Gaussian."""
        # The numbers of θ and of ζ correspond one to one: each has its own transform.
        reference, view, (i, j) = self.reference, VIEWS[self.options.model], self.axes
        zeta = array(reference.draws.zeta.flatten(0, 1))[:, [i, j]]
        lines = []
        for k, (family, fit) in enumerate(self.fits.items()):
            block = fit.covariance[[i, j]][:, [i, j]]
            lines += [
                Curve(name, *ellipse(fit.mean[[i, j]], block, radius), "line", k + 1)
                for name, radius in ((f"{family}: 1 and 2 standard deviations", 1.0), ("", 2.0))
            ]
        return Plane(
            "ADVI's ellipses on the draws of MCMC",
            note,
            None,
            tuple(lines),
            reference.thinned(zeta, 600),
            "draws of MCMC",
            (),
            f"ζ of {view.first}",
            f"ζ of {view.second}",
            equal=False,
            points_colour=COLOUR,
        )

    def _marginal(self, k: int, note: str) -> Curves:
        reference = self.reference
        values = reference.pooled[:, k]
        low, high = (float(v) for v in np.quantile(values, [0.002, 0.99]))
        room = 0.1 * (high - low)
        low, high = low - room, high + room
        curves = [Curve("MCMC", *histogram(values, low, high, 40), "steps", COLOUR)]
        for c, (name, fit) in enumerate(self.fits.items()):
            curves.append(
                Curve(name, *histogram(self.theta_draws(fit)[:, k], low, high, 60), "line", c + 1)
            )
        return Curves(
            f"Posterior of {reference.labels[k]}",
            f"histograms; {note}; q: 20,000 draws",
            tuple(curves),
            reference.labels[k],
            "density",
        )
