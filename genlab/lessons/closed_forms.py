"""Models with exact posteriors for the lesson on ADVI: a Gaussian, a Gamma, a Beta."""

from __future__ import annotations

import abc
import functools
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.distributions import MultivariateNormal

from genlab.core.measure import Kind
from genlab.divergences import gaussian_kl
from genlab.inference.log_joint_presets import (
    correlated_gaussian,
    linear_gaussian,
    linear_gaussian_truth,
)
from genlab.inference.log_joints import LogJoint
from genlab.lessons.base import Check, Equation, Quantity, tex
from genlab.lessons.fitting import COLOUR, Fit, ReferencePosterior
from genlab.lessons.panels import (
    Bars,
    Curve,
    Panel,
    Plane,
    array,
    ellipse,
)

#: The variances of the correlated Gaussian, from the figure of the paper.
FIRST, SECOND = 0.28, 0.31


class Moments(NamedTuple):
    """Mean and standard deviation of one number of θ."""

    mean: float
    sd: float


class Case(abc.ABC):
    """A model with an exact posterior."""

    #: How its divergences are computed, and how the best q is found, in words.
    kind: Kind
    best_by: str
    target: LogJoint
    log_p: float
    #: The parameters and their exact moments.
    labels: tuple[str, ...]
    exact: tuple[Moments, ...]

    @abc.abstractmethod
    def kl(self, mean: Tensor, covariance: Tensor) -> float:
        """KL(N(mean, covariance) ‖ posterior) in ζ."""

    @property
    @abc.abstractmethod
    def best(self) -> dict[str, float]:
        """The gap of the best q of each family."""

    @abc.abstractmethod
    def moments(self, fit: Fit, k: int) -> Moments:
        """Mean and standard deviation of a parameter under q."""

    @abc.abstractmethod
    def equations(self) -> tuple[Equation, ...]:
        """The exact results for the model."""

    @abc.abstractmethod
    def check(self) -> tuple[Check, ...]:
        """The statements about the model itself."""

    @abc.abstractmethod
    def panels(
        self, fits: Mapping[str, Fit], reference: ReferencePosterior | None, note: str
    ) -> tuple[Panel, ...]:
        """The posterior with all approximations of it."""


class Gaussian(Case):
    """A Gaussian posterior in the plane: the best member of both families is known.

    Args:
        name: ``correlated`` or ``linear_gaussian``.
        values: of the lesson's further options.
    """

    kind: Kind = "exact"
    best_by = "closed form"
    labels = ("ζ₁", "ζ₂")

    def __init__(self, name: str, values: Mapping[str, Any]) -> None:
        if name == "correlated":
            r2 = float(values["r2"])
            cross = math.sqrt(r2 * FIRST * SECOND)
            self.target = correlated_gaussian(FIRST, SECOND, r2)
            self.mean = torch.zeros(2, dtype=torch.float64)
            rows = [[FIRST, cross], [cross, SECOND]]
            self.covariance = torch.tensor(rows, dtype=torch.float64)
            self.log_p = 0.0
        else:
            model, x = linear_gaussian_truth()
            posterior = model.encode(x[None])
            assert isinstance(posterior, MultivariateNormal)
            self.target = linear_gaussian()
            self.mean, self.covariance = posterior.mean[0], posterior.covariance_matrix[0]
            self.log_p = float(model.log_prob(x[None]))
        self.precision = torch.linalg.inv(self.covariance)
        self.exact = tuple(
            Moments(float(self.mean[k]), float(self.covariance[k, k]) ** 0.5) for k in (0, 1)
        )

    def kl(self, mean: Tensor, covariance: Tensor) -> float:
        """KL(N(mean, covariance) ‖ posterior), closed form."""
        return float(gaussian_kl(mean, covariance, self.mean, self.covariance))

    @functools.cached_property
    def best(self) -> dict[str, float]:
        diagonal = self.precision.diagonal()
        gap = 0.5 * float(diagonal.log().sum() - torch.logdet(self.precision))
        return {"mean-field": gap, "full-rank": 0.0}

    def moments(self, fit: Fit, k: int) -> Moments:
        return Moments(float(fit.mean[k]), float(fit.covariance[k, k]) ** 0.5)

    def equations(self) -> tuple[Equation, ...]:
        best, true = 1 / self.precision.diagonal(), self.covariance.diagonal()
        gap = self.best["mean-field"]
        return (
            Equation(
                "For a Gaussian posterior the best mean-field q has its mean and the variances "
                "1/Λ_ii, below the true marginal variances wherever there is a correlation.",
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

    def panels(
        self, fits: Mapping[str, Fit], reference: ReferencePosterior | None, note: str
    ) -> tuple[Panel, ...]:
        judge_note = "" if reference is None else f"; {reference.note}"
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
        if reference is not None:
            variances.append(reference.sd**2)
            names.append("MCMC")
        return (
            Plane(
                "ADVI's ellipses on the true posterior",
                f"posterior exact; {note}{judge_note}",
                (x, y, array(density)),
                tuple(lines),
                None if reference is None else reference.thinned(reference.pooled),
                "draws of MCMC" if reference is not None else "",
                (("mean of the posterior", *self.mean.tolist()),),
                "ζ₁",
                "ζ₂",
                points_colour=COLOUR,
            ),
            Bars(
                "Variances",
                f"the first two exact; ADVI: {note}{judge_note}",
                self.labels,
                tuple(zip(names, variances, strict=True)),
                "variance",
            ),
        )
