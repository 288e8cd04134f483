"""Automatic differentiation variational inference beside posteriors that are known exactly."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.distributions import MultivariateNormal

from genlab.divergences import gaussian_kl
from genlab.inference.advi import ADVI, FAMILIES
from genlab.inference.log_joints import (
    LogJoint,
    correlated_gaussian,
    gamma_model,
    linear_gaussian,
    linear_gaussian_truth,
)
from genlab.learn.base import LESSONS, Check, Equation, Lesson, Quantity, tex
from genlab.learn.panels import Array, Bars, Curve, Curves, Panel, Plane, array, ellipse
from genlab.measure import Estimate, Kind
from genlab.spec import Option, Options, option

#: The variances of the correlated Gaussian, those of the paper's figure.
FIRST, SECOND = 0.28, 0.31
#: Fresh draws of q that an ELBO is read from.
DRAWS = 4000


@dataclass(frozen=True)
class ADVIOptions(Options):
    """Options of the lesson."""

    target: str = option(
        "correlated",
        "the model whose posterior is known",
        choices=("correlated", "linear_gaussian", "gamma"),
    )
    steps: int = option(200, "steps of the search for q", low=1, high=400)
    draws: int = option(10, "draws of q a step", low=1, high=50)
    eta: float = option(0.1, "scale η of the step sizes", low=0.01, high=1.0, log=True)
    seed: int = option(0, "seed of the draws", low=0, high=2**31 - 1)


@dataclass(frozen=True)
class Fit:
    """What one family came to.

    Args:
        mean, covariance: of q(ζ).
        path: mean before each step and after the last, (steps + 1, K).
        trace: the noisy ELBO of each step, (steps,).
        elbo: of q on fresh draws.
    """

    mean: Tensor
    covariance: Tensor
    path: Array
    trace: Array
    elbo: Estimate

    @property
    def error(self) -> float:
        """The standard error of the ELBO."""
        return (self.elbo.high - self.elbo.value) / 1.96


@LESSONS.register(
    "advi",
    title="Automatic differentiation variational inference",
    summary="A Gaussian over transformed parameters, fitted by gradients of any log-joint.",
)
class Automatic(Lesson):
    """q(ζ) = N(μ, Σ) with Σ diagonal or full, beside the true posterior."""

    chapter = 8
    idea = (
        "ADVI asks for nothing but a differentiable log-joint. It maps each parameter to the "
        "whole real line, puts a Gaussian there, and climbs the ELBO along pathwise gradients. "
        "With a diagonal covariance (mean-field) the Gaussian cannot lean: on a correlated "
        "posterior its variances shrink to 1/Λ_ii, smaller than the true marginals, and a gap "
        "stays. With a full covariance the gap closes where the posterior is Gaussian, but not "
        "where the transformed posterior is skewed, as that of a Gamma is."
    )
    source = "Kucukelbir, Tran, Ranganath, Gelman and Blei 2017."
    Options = ADVIOptions

    @classmethod
    def more(cls, options: ADVIOptions) -> tuple[Option, ...]:
        if options.target == "correlated":
            say = "squared correlation of the posterior"
            return (Option("r2", float, 0.54, say, low=0.0, high=0.95),)
        if options.target == "gamma":
            return (
                Option("shape", float, 2.5, "shape of the Gamma posterior", low=0.5, high=10.0),
                Option("rate", float, 4.2, "rate of the Gamma posterior", low=0.5, high=10.0),
            )
        return ()

    @functools.cached_property
    def case(self) -> Gaussian | Skewed:
        """The model with what is known of it."""
        if self.options.target == "gamma":
            return Skewed(self.extra)
        return Gaussian(self.options.target, self.extra)

    @functools.cached_property
    def fits(self) -> dict[str, Fit]:
        """Both families by name; one where there is a single parameter."""
        o, found = self.options, {}
        for family in FAMILIES if self.case.target.size > 1 else ("mean-field",):
            advi = ADVI(self.case.target, family, o.draws, o.eta)
            state, path, trace = advi.init(o.seed), [], []
            for _ in range(o.steps):
                path.append(state.mean)
                state, info = advi.step(state)
                trace.append(float(info.terms["elbo"]))
            law = advi.posterior(state)
            path.append(law.mean)
            found[family] = Fit(
                law.mean,
                law.covariance_matrix,
                array(torch.stack(path)),
                np.array(trace),
                advi.elbo(state, DRAWS, o.seed),
            )
        return found

    def equations(self) -> tuple[Equation, ...]:
        case = self.case
        lines = tuple(
            Equation(
                f"Where the {name} Gaussian got to, with the ELBO on fresh draws.",
                r"\mathrm{ELBO}(q) = \log p(x) - \mathrm{KL}(q \,\|\, p(\zeta \mid x))",
                rf"{tex(fit.elbo.value)} \approx {tex(case.log_p)}"
                rf" - {tex(case.kl(fit.mean, fit.covariance))}",
                (
                    Quantity(
                        f"ELBO, {name}", fit.elbo.value, "Monte Carlo", "nats", DRAWS, fit.error
                    ),
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
            Equation(
                "T maps the parameters to the real line; the density takes the Jacobian along.",
                r"\log p(x, \zeta) = \log p(x, T^{-1}(\zeta))"
                r" + \log |\det J_{T^{-1}}(\zeta)|",
            ),
            Equation(
                "A standard draw, scaled and moved: the gradient goes through it.",
                r"\zeta = \mu + e^{\omega} \circ \eta\ \text{(mean-field)},\quad"
                r"\zeta = \mu + L \eta\ \text{(full-rank)},\quad \eta \sim N(0, I)",
            ),
            *case.equations(),
            *lines,
        )

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
                    "log p(x) − KL of the q found",
                    "log p(x) − KL of the best q in closed form",
                    case.kind,
                    "nats",
                    1e-7 * size,
                    relation="≤",
                )
            )
        return tuple(found)

    def panels(self) -> tuple[Panel, ...]:
        o, fits = self.options, self.fits
        note = f"{o.steps} steps of {o.draws} draws, seed {o.seed}"
        steps = np.arange(1, o.steps + 1, dtype=np.float64)
        levels = [("log p(x)", self.case.log_p)]
        gap = self.case.best["mean-field"]
        if gap > 1e-9:
            levels.append(("best mean-field ELBO", self.case.log_p - gap))
        low = min(float(np.quantile(fit.trace, 0.05)) for fit in fits.values())
        trace = Curves(
            "The ELBO that a step sees",
            f"Monte Carlo, {note} · values below {low:.3g} are cut off",
            tuple(
                Curve(name, steps, np.maximum(fit.trace, low), "line", k + 1)
                for k, (name, fit) in enumerate(fits.items())
            ),
            "step",
            "nats",
            levels=tuple(levels),
        )
        return (*self.case.panels(fits, note), trace)


class Gaussian:
    """A Gaussian posterior in the plane: both families have a known best.

    Args:
        name: ``correlated`` or ``linear_gaussian``.
        values: of the lesson's further options.
    """

    kind: Kind = "exact"

    def __init__(self, name: str, values: Mapping[str, Any]) -> None:
        if name == "correlated":
            r2 = float(values["r2"])
            cross = math.sqrt(r2 * FIRST * SECOND)
            self.target: LogJoint = correlated_gaussian(FIRST, SECOND, r2)
            self.mean = torch.zeros(2, dtype=torch.float64)
            rows = [[FIRST, cross], [cross, SECOND]]
            self.covariance = torch.tensor(rows, dtype=torch.float64)
            self.log_p = 0.0
        else:
            model, x = linear_gaussian_truth()
            law = model.encode(x[None])
            self.target = linear_gaussian()
            self.mean, self.covariance = law.mean[0], law.covariance_matrix[0]
            self.log_p = float(model.log_prob(x[None]))
        self.precision = torch.linalg.inv(self.covariance)

    def kl(self, mean: Tensor, covariance: Tensor) -> float:
        """KL(N(mean, covariance) ‖ posterior), closed form."""
        return float(gaussian_kl(mean, covariance, self.mean, self.covariance))

    @functools.cached_property
    def best(self) -> dict[str, float]:
        """The gap of the best q of each family."""
        diagonal = self.precision.diagonal()
        gap = 0.5 * float(diagonal.log().sum() - torch.logdet(self.precision))
        return {"mean-field": gap, "full-rank": 0.0}

    def equations(self) -> tuple[Equation, ...]:
        best, true = 1 / self.precision.diagonal(), self.covariance.diagonal()
        gap = self.best["mean-field"]
        return (
            Equation(
                "The best mean-field q has the posterior's mean and variances 1/Λ_ii, below the "
                "true marginal variances wherever there is a correlation.",
                r"\sigma_i^2 = 1 / \Lambda_{ii} \le \Sigma_{ii},\quad \Lambda = \Sigma^{-1}",
                rf"({tex(float(best[0]))},\ {tex(float(best[1]))}) \le"
                rf" ({tex(float(true[0]))},\ {tex(float(true[1]))})",
            ),
            Equation(
                "The gap that no mean-field q can close.",
                r"\log p(x) - \mathrm{ELBO}(q^*) = \tfrac12 \Big(\textstyle\sum_i \log"
                r" \Lambda_{ii} - \log \det \Lambda\Big)",
                rf"\log p(x) - \mathrm{{ELBO}}(q^*) = {tex(gap)}",
                (Quantity("mean-field gap", gap, "exact", "nats"),),
            ),
        )

    def check(self) -> tuple[Check, ...]:
        best = torch.diag(1 / self.precision.diagonal())
        return (
            Check(
                "The mean-field gap is the divergence of the best diagonal Gaussian.",
                self.best["mean-field"],
                self.kl(self.mean, best),
                "½ (Σ log Λ_ii − log det Λ)",
                "KL between two Gaussians",
                "exact",
                "nats",
                1e-9,
            ),
        )

    def panels(self, fits: Mapping[str, Fit], note: str) -> tuple[Panel, ...]:
        spread = 3.2 * float(self.covariance.diagonal().max()) ** 0.5
        x = np.linspace(float(self.mean[0]) - spread, float(self.mean[0]) + spread, 81)
        y = np.linspace(float(self.mean[1]) - spread, float(self.mean[1]) + spread, 81)
        grid = torch.tensor(np.stack(np.meshgrid(x, y), -1))
        density = MultivariateNormal(self.mean, self.covariance).log_prob(grid).exp()
        lines = [
            Curve(name, *ellipse(self.mean, self.covariance, radius), "dot", 5)
            for name, radius in (("posterior: 1 and 2 standard deviations", 1.0), ("", 2.0))
        ]
        for k, (family, fit) in enumerate(fits.items()):
            lines += [
                Curve(name, *ellipse(fit.mean, fit.covariance, radius), "line", k + 1)
                for name, radius in ((family, 1.0), ("", 2.0))
            ]
        variances = [array(self.covariance.diagonal()), array(1 / self.precision.diagonal())]
        names = ["true marginal", "best mean-field, 1/Λ_ii"]
        for family, fit in fits.items():
            variances.append(array(fit.covariance.diagonal()))
            names.append(f"ADVI {family}")
        return (
            Plane(
                "ADVI's ellipses on the true posterior",
                f"posterior exact; {note}",
                (x, y, array(density)),
                tuple(lines),
                None,
                "",
                (("mean of the posterior", *self.mean.tolist()),),
                "ζ₁",
                "ζ₂",
            ),
            Bars(
                "Variances",
                f"the first two exact; ADVI: {note}",
                ("ζ₁", "ζ₂"),
                tuple(zip(names, variances, strict=True)),
                "variance",
            ),
        )


class Skewed:
    """A Gamma posterior, Gaussian neither in θ nor in ζ = log θ.

    Args:
        values: of the lesson's further options.
    """

    kind: Kind = "grid"

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.shape, self.rate = float(values["shape"]), float(values["rate"])
        self.target = gamma_model(self.shape, self.rate)
        self.log_p = 0.0
        centre, sd = math.log(self.shape / self.rate), self.shape**-0.5
        # Wide on the left, where the density of ζ falls as e^(shape ζ) only.
        low, high = centre - 60 * sd, centre + 30 * sd
        self.zeta = torch.linspace(low, high, 40_001, dtype=torch.float64)
        with torch.no_grad():
            self.log_density = self.target.log_density(self.zeta[:, None])

    @property
    def step(self) -> float:
        """Between two points of the grid."""
        return float(self.zeta[1] - self.zeta[0])

    def kl(self, mean: Tensor, covariance: Tensor) -> float:
        """KL(N(mean, covariance) ‖ posterior) in ζ, by the trapezoidal rule."""
        variance = float(covariance[0, 0])
        log_q = -0.5 * (self.zeta - float(mean[0])) ** 2 / variance
        log_q = log_q - 0.5 * math.log(2 * math.pi * variance)
        gap = torch.where(log_q > -700, log_q.exp() * (log_q - self.log_density), 0.0)
        return float(gap.sum()) * self.step

    @property
    def optimum(self) -> tuple[float, float]:
        """Mean and variance of the best Gaussian over ζ."""
        variance = 1 / self.shape
        return math.log(self.shape / self.rate) - variance / 2, variance

    @functools.cached_property
    def best(self) -> dict[str, float]:
        """The gap of the best q."""
        mean, variance = self.optimum
        gap = self.kl(torch.tensor([mean]), torch.tensor([[variance]], dtype=torch.float64))
        return {"mean-field": gap, "full-rank": gap}

    def equations(self) -> tuple[Equation, ...]:
        mean, variance = self.optimum
        return (
            Equation(
                "With ζ = log θ the best Gaussian over ζ is known in closed form.",
                r"\sigma^2 = 1/a,\quad \mu = \log \tfrac{a}{b} - \tfrac{\sigma^2}{2}"
                r"\quad\text{for}\quad \mathrm{Gamma}(a, b)",
                rf"\sigma^2 = {tex(variance)},\quad \mu = {tex(mean)}",
                (Quantity("gap of the best q", self.best["mean-field"], "grid", "nats"),),
            ),
        )

    def check(self) -> tuple[Check, ...]:
        log_gap = math.lgamma(self.shape) - self.shape * math.log(self.shape) + self.shape
        closed = log_gap + 0.5 * math.log(self.shape) - 0.5 * math.log(2 * math.pi)
        return (
            Check(
                "With its Jacobian the density of ζ integrates to 1.",
                float(self.log_density.exp().sum()) * self.step,
                1.0,
                "trapezoidal rule over ζ",
                "one",
                "grid",
                "probability",
                1e-6,
            ),
            Check(
                "The best gap is what Stirling's formula lacks to log Γ(a).",
                self.best["mean-field"],
                closed,
                "trapezoidal rule over ζ",
                "log Γ(a) − (a − ½) log a + a − ½ log 2π",
                "grid",
                "nats",
                1e-6,
            ),
        )

    def panels(self, fits: Mapping[str, Fit], note: str) -> tuple[Panel, ...]:
        centre, sd = math.log(self.shape / self.rate), self.shape**-0.5
        zeta = np.linspace(centre - 4 * sd, centre + 3 * sd, 401)
        with torch.no_grad():
            exact = array(self.target.log_density(torch.tensor(zeta)[:, None]).exp())
        over_zeta = [Curve("posterior", zeta, exact, "area", 2)]
        top = math.exp(centre) * (1 + 4 * sd)
        theta = np.linspace(top / 400, top, 400)
        log_theta = np.log(theta)
        with torch.no_grad():
            moved = array(self.target.log_density(torch.tensor(log_theta)[:, None]).exp())
        over_theta = [Curve("posterior", theta, moved / theta, "area", 2)]
        for k, (name, fit) in enumerate(fits.items()):
            mean, variance = float(fit.mean[0]), float(fit.covariance[0, 0])

            def bell(z: Array, m: float = mean, v: float = variance) -> Array:
                return np.asarray(np.exp(-0.5 * (z - m) ** 2 / v) / math.sqrt(2 * math.pi * v))

            label = f"q, {name}"
            over_zeta.append(Curve(label, zeta, bell(zeta), "line", k + 1))
            over_theta.append(Curve(label, theta, bell(log_theta) / theta, "line", k + 1))
        return (
            Curves(
                "Over ζ = log θ: q is a Gaussian",
                f"posterior exact; {note}",
                tuple(over_zeta),
                "ζ",
                "density",
            ),
            Curves(
                "Over θ: q is what T⁻¹ makes of it",
                f"posterior exact; {note}",
                tuple(over_theta),
                "θ",
                "density",
            ),
        )
