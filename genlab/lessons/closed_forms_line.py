"""Posteriors on the line that are known exactly: a Gamma, a Beta and their transforms."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from genlab.core.measure import Kind
from genlab.core.options import Option
from genlab.inference.log_joint_presets import (
    beta_model,
    gamma_model,
)
from genlab.inference.log_joints import LogJoint
from genlab.lessons.base import Check, Equation, Quantity, tex
from genlab.lessons.closed_forms import Case, Moments
from genlab.lessons.fitting import COLOUR, Fit, ReferencePosterior, under_each_transform
from genlab.lessons.panels import (
    Array,
    Bars,
    Curve,
    Curves,
    Panel,
    array,
    histogram,
)


@dataclass(frozen=True)
class Known:
    """A one-parameter posterior known in closed form.

    Args:
        build: the model for two numbers.
        options: of the two numbers.
        moments: mean and sd of the parameter for the two numbers.
        law: the posterior, LaTeX.
    """

    build: Callable[[float, float], LogJoint]
    options: tuple[Option, Option]
    moments: Callable[[float, float], Moments]
    density: str


def _positive(name: str, default: float, say: str, low: float = 0.5) -> Option:
    return Option(name, float, default, say, low=low, high=10.0)


LINES: dict[str, Known] = {
    "gamma": Known(
        gamma_model,
        (
            _positive("shape", 2.5, "shape of the Gamma posterior"),
            _positive("rate", 4.2, "rate of the Gamma posterior"),
        ),
        lambda a, b: Moments(a / b, math.sqrt(a) / b),
        r"\mathrm{Gamma}",
    ),
    "beta": Known(
        beta_model,
        (
            _positive("a", 4.0, "first number of the Beta posterior", 1.0),
            _positive("b", 1.5, "second number of the Beta posterior", 1.0),
        ),
        lambda a, b: Moments(a / (a + b), math.sqrt(a * b / (a + b + 1)) / (a + b)),
        r"\mathrm{Beta}",
    ),
}


def transformed(known: Known, one: float, two: float) -> dict[str, LogJoint]:
    """The model of two numbers under each transform that fits its one parameter.

    Example:
        >>> list(transformed(LINES["gamma"], 2.5, 4.2))
        ['log', 'inverse softplus']
    """
    target = known.build(one, two)
    (parameter,) = target.parameters
    return under_each_transform(target, parameter.name)


class Line(Case):
    """A posterior over one number that is Gaussian neither in θ nor, in general, in ζ = T(θ).

    Args:
        known: the model.
        values: of the lesson's further options.
    """

    kind: Kind = "grid"
    best_by = "by Gauss–Hermite quadrature"

    def __init__(self, known: Known, values: Mapping[str, Any]) -> None:
        self.known = known
        self.numbers = tuple(float(values[row.name]) for row in known.options)
        self.all = transformed(known, *self.numbers)
        self.transform = str(values["transform"])
        self.target = self.all[self.transform]
        self.support = self.target.parameters[0].support
        self.labels = (self.target.parameters[0].name,)
        self.exact = (known.moments(*self.numbers),)
        self.log_p = 0.0

    @staticmethod
    def _log(target: LogJoint, zeta: Array) -> Array:
        with torch.no_grad():
            return array(target.log_density(torch.tensor(zeta)[:, None]))

    def kl(self, mean: Tensor, covariance: Tensor) -> float:
        """KL(N(mean, covariance) ‖ posterior) in ζ, by the trapezoidal rule."""
        return self._kl(self.target, float(mean[0]), float(covariance[0, 0]) ** 0.5)

    def _kl(self, target: LogJoint, mean: float, sd: float) -> float:
        # 8.5 standard deviations: beyond them q holds 2e-17 of its mass.
        z = np.linspace(-8.5, 8.5, 2001)
        log_q = -0.5 * z**2 - 0.5 * math.log(2 * math.pi)
        gap = log_q - math.log(sd) - self._log(target, mean + sd * z)
        return float((np.exp(log_q) * gap).sum() * (z[1] - z[0]))

    @functools.cached_property
    def optima(self) -> dict[str, tuple[Moments, float]]:
        """The best Gaussian over ζ under each transform, and its gap, by Gauss–Hermite."""
        return {name: best_gaussian(target) for name, target in self.all.items()}

    @functools.cached_property
    def best(self) -> dict[str, float]:
        gap = self.optima[self.transform][1]
        return {"mean-field": gap, "full-rank": gap}

    def moments(self, fit: Fit, k: int) -> Moments:
        # By quadrature: T⁻¹ of a Gaussian is none.
        z = np.linspace(-8.5, 8.5, 2001)
        weight = np.exp(-0.5 * z**2) * (z[1] - z[0]) / math.sqrt(2 * math.pi)
        zeta = float(fit.mean[0]) + float(fit.covariance[0, 0]) ** 0.5 * z
        theta = array(self.support.inverse(torch.tensor(zeta)))
        mean = float((weight * theta).sum())
        return Moments(mean, math.sqrt(float((weight * (theta - mean) ** 2).sum())))

    def equations(self) -> tuple[Equation, ...]:
        gaps = {name: gap for name, (_, gap) in self.optima.items()}
        density, (one, two) = self.known.density, self.numbers
        return (
            Equation(
                "Another transform T is another approximation: the best Gaussian over ζ = T(θ) "
                "is as good as T makes the posterior a Gaussian.",
                r"\min_{\mu, \sigma}\ \mathrm{KL}\big(N(\mu, \sigma^2) \,\|\, p(\zeta \mid x)"
                rf"\big)\quad\text{{for}}\quad {density}({tex(one)}, {tex(two)})",
                r",\quad ".join(
                    rf"\text{{{name}}}: {tex(max(gap, 0.0), 5)}" for name, gap in gaps.items()
                ),
                tuple(
                    Quantity(f"gap of the best q, T = {name}", gap, "grid", "nats")
                    for name, gap in gaps.items()
                ),
            ),
            *self._closed(),
        )

    def _closed(self) -> tuple[Equation, ...]:
        if self._stirling is None:
            return ()
        variance, centre = 1 / self.numbers[0], math.log(self.numbers[0] / self.numbers[1])
        return (
            Equation(
                "With ζ = log θ the best Gaussian over ζ is known in closed form.",
                r"\sigma^2 = 1/a,\quad \mu = \log \tfrac{a}{b} - \tfrac{\sigma^2}{2}"
                r"\quad\text{for}\quad \mathrm{Gamma}(a, b)",
                rf"\sigma^2 = {tex(variance)},\quad \mu = {tex(centre - variance / 2)}",
            ),
        )

    @property
    def _stirling(self) -> float | None:
        """The gap that is known in closed form, log Γ(a) less Stirling's formula; else None."""
        if self.known is not LINES["gamma"] or self.transform != "log":
            return None
        a = self.numbers[0]
        return math.lgamma(a) - (a - 0.5) * math.log(a) + a - 0.5 * math.log(2 * math.pi)

    def check(self) -> tuple[Check, ...]:
        at, gap = self.optima[self.transform]
        wide = at.mean + at.sd * np.linspace(-40, 40, 20_001)
        mass = float(np.exp(self._log(self.target, wide)).sum() * (wide[1] - wide[0]))
        found = [
            Check(
                "With its Jacobian the density of ζ integrates to 1.",
                mass,
                1.0,
                "trapezoidal rule over ζ",
                "one",
                "grid",
                "probability",
                1e-6,
            ),
            Check(
                "The gap of the best q is the same by two rules of quadrature.",
                self._kl(self.target, *at),
                gap,
                "trapezoidal rule",
                "Gauss–Hermite",
                "grid",
                "nats",
                1e-6,
            ),
        ]
        if self._stirling is not None:
            found.append(
                Check(
                    "The best gap is what Stirling's formula lacks to log Γ(a).",
                    gap,
                    self._stirling,
                    "Gauss–Hermite quadrature, minimised",
                    "log Γ(a) − (a − ½) log a + a − ½ log 2π",
                    "grid",
                    "nats",
                    1e-6,
                )
            )
        return tuple(found)

    def panels(
        self, fits: Mapping[str, Fit], reference: ReferencePosterior | None, note: str
    ) -> tuple[Panel, ...]:
        (fit,) = fits.values()
        middle, sd = float(fit.mean[0]), float(fit.covariance[0, 0]) ** 0.5
        centre, spread = self.optima[self.transform][0]
        low, high = (
            min(middle - 4 * sd, centre - 5 * spread),
            max(middle + 4 * sd, centre + 4 * spread),
        )
        zeta = np.linspace(low, high, 401)
        m, s = self.exact[0]
        theta = np.linspace(m - 4 * s, m + 5 * s, 1201)
        theta = theta[array(self.support.contains(torch.tensor(theta))) > 0]
        zeta_of_theta = self.support.forward(torch.tensor(theta))
        volume = array(self.support.log_det(zeta_of_theta))

        def bell(z: Array) -> Array:
            return array(np.exp(-0.5 * ((z - middle) / sd) ** 2) / (sd * math.sqrt(2 * math.pi)))

        exact = np.exp(self._log(self.target, zeta))
        exact_theta = np.exp(self._log(self.target, array(zeta_of_theta)) - volume)
        over_zeta = [Curve("posterior", zeta, exact, "area", 2)]
        over_theta = [Curve("posterior", theta, exact_theta, "area", 2)]
        if reference is not None:
            drawn = reference.pooled[:, 0]
            moved = array(self.support.forward(torch.tensor(drawn)))
            over_zeta.append(Curve("MCMC", *histogram(moved, low, high, 50), "steps", COLOUR))
            over_theta.append(
                Curve("MCMC", *histogram(drawn, theta[0], theta[-1], 50), "steps", COLOUR)
            )
        over_zeta.append(Curve("q", zeta, bell(zeta), "line", 1))
        over_theta.append(
            Curve("q", theta, bell(array(zeta_of_theta)) / np.exp(volume), "line", 1)
        )
        judge_note = "" if reference is None else f"; {reference.note}"
        judge_note = f"posterior exact; q: {note}{judge_note}"
        name = self.labels[0]
        best = np.array([max(gap, 0.0) for _, gap in self.optima.values()])
        here = np.array(
            [
                self.kl(fit.mean, fit.covariance) if row == self.transform else math.nan
                for row in self.all
            ]
        )
        return (
            Curves(
                f"Over ζ = T(θ), T = {self.transform}: q is a Gaussian",
                judge_note,
                tuple(over_zeta),
                "ζ",
                "density",
            ),
            Curves(
                f"Over θ = {name}: q is what T⁻¹ makes of it",
                judge_note,
                tuple(over_theta),
                name,
                "density",
            ),
            Bars(
                "What each transform leaves: KL(q ‖ posterior)",
                f"grid; ADVI: {note}, with the transform chosen",
                tuple(self.all),
                (("best q", best), ("ADVI", here)),
                "nats",
            ),
        )


def best_gaussian(target: LogJoint, nodes: int = 100) -> tuple[Moments, float]:
    """The N(μ, σ²) over ζ nearest to a posterior over one number, and its divergence.

    KL = E_q[log q(ζ) − log p(ζ)] by Gauss–Hermite quadrature, lowered by L-BFGS.

    Args:
        target: a model of one parameter with log p(x) = 0.
        nodes: of the quadrature.
    """
    points, weights = np.polynomial.hermite_e.hermegauss(nodes)
    x, w = torch.tensor(points), torch.tensor(weights / weights.sum())
    # Points of weight below round-off would be where the log-joint may overflow.
    x, w = x[w > 1e-18], w[w > 1e-18]
    free = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    search = torch.optim.LBFGS(
        [free],
        max_iter=200,
        tolerance_grad=1e-11,
        line_search_fn="strong_wolfe",
        tolerance_change=1e-15,
    )

    def divergence() -> Tensor:
        zeta = free[0] + free[1].exp() * x
        log_q = -0.5 * x.square() - free[1] - 0.5 * math.log(2 * math.pi)
        return (w * (log_q - target.log_density(zeta[:, None]))).sum()

    def closure() -> Tensor:
        search.zero_grad()
        loss = divergence()
        loss.backward()
        return loss

    with torch.enable_grad():
        search.step(closure)
    with torch.no_grad():
        gap = float(divergence())
    mean, log_sd = free.detach().tolist()
    return Moments(mean, math.exp(log_sd)), gap
