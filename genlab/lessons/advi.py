"""Automatic differentiation variational inference compared with exact posteriors."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from genlab.core.measure import Kind
from genlab.core.options import Option, Options, option
from genlab.inference.log_joints import LogJoint
from genlab.lessons.base import LESSONS, Check, Equation, Quantity, tex
from genlab.lessons.closed_forms import Case, Gaussian, Moments
from genlab.lessons.closed_forms_line import LINES, Line, transformed
from genlab.lessons.fitting import CHAINS, DRAWS, Fitting, ReferencePosterior
from genlab.lessons.panels import Panel
from genlab.lessons.teaching import advi


@dataclass(frozen=True)
class ADVIOptions(Options):
    """Options of the lesson."""

    target: str = option(
        "correlated",
        "the model whose posterior is known",
        choices=("correlated", "linear_gaussian", "gamma", "beta"),
        label="Target",
    )
    steps: int = option(
        200, "optimisation steps of q", low=1, high=400, label="Optimisation steps"
    )
    draws: int = option(10, "draws of q in each step", low=1, high=50, label="Samples")
    eta: float = option(
        0.1, "scale η of the step sizes", low=0.01, high=1.0, log=True, label="Step-size scale η"
    )
    mcmc: int = option(
        150,
        f"draws of each of the {CHAINS} chains of MCMC, the slow reference (at least 4); 0 "
        f"leaves MCMC out",
        low=0,
        high=1000,
        label="MCMC samples per chain",
    )
    seed: int = option(0, "seed of the draws", low=0, high=2**31 - 1, label="Seed")


@LESSONS.register(
    "advi",
    title="Automatic differentiation variational inference",
    summary="A Gaussian over transformed parameters, fitted by gradients of any log-joint.",
)
class Automatic(Fitting):
    """q(ζ) = N(μ, Σ) with Σ diagonal or full, compared with the true posterior and MCMC."""

    chapter = 8
    idea = (
        "ADVI needs only a differentiable log-joint: it maps each parameter to the real line, "
        "fits a Gaussian there, and maximises the ELBO with pathwise gradients. "
        "For a Gaussian posterior a Gaussian without correlations (mean-field) is too narrow, "
        "with variances 1/Λ_ii, and a full covariance is exact. Where the transformed "
        "posterior is skewed, the choice of the transform decides how good the best Gaussian "
        "is."
    )
    needs = (
        "elbo",
        "families",
    )
    goals = (
        ("say what ADVI needs and what it assumes"),
        ("predict how narrow a mean-field Gaussian is"),
    )
    notes = (
        ("MCMC needs no such family and is asymptotically exact; it is the slow reference here."),
    )
    questions, exercises = advi.QUESTIONS, advi.EXERCISES
    run: ClassVar[Mapping[str, str]] = {
        "data": "eight_schools",
        "model": "eight_schools",
        "algorithm": "advi",
    }
    source = (
        "Kucukelbir, Tran, Ranganath, Gelman and Blei 2017 (transforms: its table 2); Neal 2011, "
        "“MCMC using Hamiltonian dynamics”."
    )
    Options = ADVIOptions

    @classmethod
    def more(cls, options: ADVIOptions) -> tuple[Option, ...]:
        if options.target == "correlated":
            say = "squared correlation of the posterior"
            return (
                Option("r2", float, 0.54, say, low=0.0, high=0.95, label="Squared correlation"),
            )
        if options.target in LINES:
            row = LINES[options.target]
            names = tuple(transformed(row, 1.0, 1.0))
            say = "the transform T from the parameter to the real line"
            return (
                Option("transform", str, names[0], say, choices=names, label="Transform T"),
                *row.options,
            )
        return ()

    @functools.cached_property
    def case(self) -> Case:
        """The model with its exact posterior."""
        if self.options.target in LINES:
            return Line(LINES[self.options.target], self.extra)
        return Gaussian(self.options.target, self.extra)

    @property
    def target(self) -> LogJoint:
        return self.case.target

    @functools.cached_property
    def reference(self) -> ReferencePosterior | None:
        """MCMC on the same model; None if the options leave it out."""
        if not self.options.mcmc:
            return None
        draws = self.judged(self.options.mcmc)
        (values,) = draws.values.values()
        return ReferencePosterior(
            draws, self.case.labels, values.reshape(*draws.zeta.shape[:2], -1)
        )

    def compute(self) -> None:
        _ = self.fits, self.reference, self.case.best

    def equations(self) -> tuple[Equation, ...]:
        case = self.case
        lines = tuple(
            Equation(
                f"The fitted {name} Gaussian, with the ELBO on fresh draws.",
                r"\mathrm{ELBO}(q) = \log p(x) - \mathrm{KL}(q \,\|\, p(\zeta \mid x))",
                rf"{tex(fit.elbo.value)} \approx {tex(case.log_p)}"
                rf" - {tex(case.kl(fit.mean, fit.covariance))}",
                (
                    self.elbo(name),
                    Quantity(
                        "KL(q ‖ posterior)",
                        case.kl(fit.mean, fit.covariance),
                        case.kind,
                        "nats",
                    ),
                ),
            )
            for name, fit in self.fits.items()
        )
        return (
            self.jacobian,
            Equation(
                "A standard draw, scaled and moved: the gradient goes through it.",
                r"\zeta = \mu + e^{\omega} \circ \eta\ \text{(mean-field)},\quad"
                r"\zeta = \mu + L \eta\ \text{(full-rank)},\quad \eta \sim N(0, I)",
            ),
            *case.equations(),
            *lines,
            *self._judged(),
        )

    def _judged(self) -> tuple[Equation, ...]:
        """Mean and standard deviation of each parameter, by each method."""
        case, reference = self.case, self.reference
        values: list[Quantity] = []
        for k, (label, exact) in enumerate(zip(case.labels, case.exact, strict=True)):
            values += _moments(label, "exact", exact, "exact")
            for name, fit in self.fits.items():
                values += _moments(label, f"ADVI {name}", case.moments(fit, k), case.kind)
            if reference is not None:
                found = Moments(float(reference.mean[k]), float(reference.sd[k]))
                values += _moments(
                    label, "MCMC", found, "Monte Carlo", reference.n, float(reference.error[k])
                )
        means = Equation(
            "Mean and standard deviation of the parameter: of the posterior, of the fitted q, "
            "and by MCMC.",
            r"\mathrm{E}_q[\theta] = \int T^{-1}(\zeta)\, q(\zeta)\, d\zeta",
            "",
            tuple(values),
        )
        return (means,) if reference is None else (means, reference.equation())

    def check(self) -> tuple[Check, ...]:
        case = self.case
        found = list(case.check())
        for name, fit in self.fits.items():
            gap = case.kl(fit.mean, fit.covariance)
            size = max(1.0, abs(fit.elbo.value))
            found.append(
                Check(
                    f"ELBO of the {name} q = log p(x) − KL(q ‖ posterior).",
                    fit.elbo.value,
                    case.log_p - gap,
                    f"mean of {DRAWS:,} draws of q",
                    f"log p(x) and KL known ({case.kind})",
                    "Monte Carlo",
                    "nats",
                    4.5 * fit.error + 1e-7 * size,
                    DRAWS,
                )
            )
            best = case.log_p - case.best[name]
            found.append(
                Check(
                    f"No {name} q is better than the best one.",
                    case.log_p - gap,
                    best,
                    "log p(x) − KL of the fitted q",
                    f"log p(x) − KL of the best q, {case.best_by}",
                    case.kind,
                    "nats",
                    1e-7 * size,
                    relation="≤",
                )
            )
        if (reference := self.reference) is not None:
            for k, (label, exact) in enumerate(zip(case.labels, case.exact, strict=True)):
                found.append(
                    Check(
                        f"The MCMC mean of {label} is that of the posterior.",
                        float(reference.mean[k]),
                        exact.mean,
                        f"MCMC, {reference.effective[k]:.0f} effective draws",
                        "closed form",
                        "Monte Carlo",
                        "",
                        4.5 * float(reference.error[k]),
                        reference.n,
                    )
                )
        return tuple(found)

    def panels(self) -> tuple[Panel, ...]:
        levels = [("log p(x)", self.case.log_p)]
        gap = self.case.best["mean-field"]
        if gap > 1e-9:
            levels.append(("best mean-field ELBO", self.case.log_p - gap))
        pictures = self.case.panels(self.fits, self.reference, self.note)
        return (*pictures, self.trace(tuple(levels)))


def _moments(
    label: str, by: str, found: Moments, kind: Kind, n: int = 0, error: float = 0.0
) -> list[Quantity]:
    return [
        Quantity(f"mean of {label}, {by}", found.mean, kind, "", n, error),
        Quantity(f"sd of {label}, {by}", found.sd, kind, "", n),
    ]
