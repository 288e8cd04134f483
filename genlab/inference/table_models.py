"""Models of tables, given by log-joints: regressions, eight schools, waiting times, a mixture."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from genlab.core.options import Options, option
from genlab.core.tables import MODELS
from genlab.data.base import DataMeta
from genlab.data.tables import OUTCOME, RESPONSE, SCHOOLS, TIME
from genlab.inference import log_joint_presets
from genlab.inference.log_joint_models import LogJointModel, Marginal
from genlab.inference.log_joints import LogJoint, Rows, Values, half_cauchy, half_normal, normal


@dataclass(frozen=True)
class LinearRegressionOptions(Options):
    """Options of linear regression."""

    known_noise: float = option(
        0.5,
        "standard deviation of the noise if known; 0: inferred, with the prior |N(0, 1)|",
        low=0.0,
        high=100.0,
        label="Known noise (0 = inferred)",
    )


@MODELS.register(
    "linear_regression",
    title="Linear regression (Bayesian)",
    summary="y = intercept + x·weights + noise. If the noise is known, the evidence is exact.",
    order=270,
)
class LinearRegression(LogJointModel[LinearRegressionOptions]):
    """y_i ~ N(intercept + x_i·weights, noise²), intercept and weights ~ N(0, 2²).

    Source: Bishop 2006, "Pattern recognition and machine learning", section 3.3.
    """

    Options = LinearRegressionOptions
    columns = ("x₁", "x₂", RESPONSE)

    @classmethod
    def split(cls, rows: Tensor) -> Rows:
        return rows[:, :-1], rows[:, -1]

    @classmethod
    def log_joint(cls, options: LinearRegressionOptions, rows: Tensor) -> LogJoint:
        noise = options.known_noise or None
        return log_joint_presets.linear_regression(noise, data=cls.split(rows))

    def predict(self, values: Values, rows: Tensor) -> Tensor:
        mean = values["intercept"] + (rows[:, :-1] * values["weights"]).sum(1)
        sd = values.get("noise", torch.tensor(self.options.known_noise))
        y = mean + sd * torch.randn(len(rows), dtype=torch.float64)
        return torch.column_stack([rows[:, :-1], y])

    @classmethod
    def marginal(cls, options: LinearRegressionOptions, rows: Tensor) -> Marginal:
        """Given the noise, the weights are Gaussian with known mean, covariance and evidence p(y |
        noise).

        The last parameter is the noise if it is not known.
        """
        x, y = cls.split(rows)
        design = torch.column_stack([torch.ones_like(y), x])
        values, vectors = torch.linalg.eigh(design.mT @ design)
        fit, size, n = vectors.mT @ (design.mT @ y), float(y @ y), len(y)

        def given(noise: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            # In the eigenbasis of XᵀX: precision, mean, and log p(y | noise); (M, p) and (M,).
            variance = noise.square().unsqueeze(-1)
            precision = values / variance + 1 / 4
            mean = fit / variance / precision
            rest = size / variance.squeeze(-1) - (fit / variance * mean).sum(-1)
            log_det = (4 * precision).log().sum(-1) + n * (2 * math.pi * variance[..., 0]).log()
            return precision, mean, -0.5 * (log_det + rest)

        known = options.known_noise

        def log_density(at: Tensor) -> Tensor:
            noise = at[:, 2] if not known else torch.full_like(at[:, 0], known)
            precision, mean, log_y = given(noise)
            pair = vectors[:2]
            covariance = (pair / precision.unsqueeze(1)) @ pair.mT
            white = torch.linalg.solve_ex(covariance, (at[:, :2] - mean @ pair.mT).unsqueeze(2))[0]
            distance = ((at[:, :2] - mean @ pair.mT) * white.squeeze(2)).sum(1)
            log_pair = -0.5 * (distance + covariance.det().log()) - math.log(2 * math.pi)
            prior = 0.0 if known else half_normal(noise, 1.0)
            return log_y + log_pair + prior

        names: tuple[str, ...] = ("intercept", "weights[0]")
        if known:
            exact = float(given(torch.tensor([known], dtype=torch.float64))[2])
            return Marginal(names, (-20.0,) * 2, (20.0,) * 2, log_density, exact)
        low, high = (-20.0, -20.0, 0.0), (20.0, 20.0, 10.0)
        return Marginal((*names, "noise"), low, high, log_density)


@MODELS.register(
    "logistic_regression",
    title="Logistic regression (Bayesian)",
    summary="The log-odds of y are intercept + x·weights; the posterior has no closed form.",
    order=280,
)
class LogisticRegression(LogJointModel[Options]):
    """y_i ~ Bernoulli(σ(intercept + x_i·weights)), intercept and weights ~ N(0, 2.5²)."""

    columns = ("x₁", "x₂", OUTCOME)

    @classmethod
    def split(cls, rows: Tensor) -> Rows:
        return rows[:, :-1], rows[:, -1]

    @classmethod
    def log_joint(cls, options: Options, rows: Tensor) -> LogJoint:
        return log_joint_presets.logistic_regression(data=cls.split(rows))

    def predict(self, values: Values, rows: Tensor) -> Tensor:
        logits = values["intercept"] + (rows[:, :-1] * values["weights"]).sum(1)
        return torch.column_stack([rows[:, :-1], torch.bernoulli(logits.sigmoid())])

    @classmethod
    def marginal(cls, options: Options, rows: Tensor) -> Marginal:
        x, y = cls.split(rows)
        design, sign = torch.column_stack([torch.ones_like(y), x]), 2 * y - 1

        def log_density(at: Tensor) -> Tensor:
            fit = torch.nn.functional.logsigmoid(sign * (at @ design.mT)).sum(1)
            return fit + normal(at, 0.0, 2.5).sum(1)

        names = ("intercept", "weights[0]", "weights[1]")
        return Marginal(names, (-20.0,) * 3, (20.0,) * 3, log_density)


@dataclass(frozen=True)
class EightSchoolsOptions(Options):
    """Options of the eight schools."""

    centred: bool = option(
        False,
        "whether ζ holds the effects (a funnel-shaped posterior) or (effect − mu) / tau "
        "(nearly isotropic)",
        label="Centred parameters",
    )


@MODELS.register(
    "eight_schools",
    title="Eight schools (hierarchical)",
    summary="The effects of eight schools with an unknown common mean and spread (partial "
    "pooling).",
    order=290,
)
class EightSchools(LogJointModel[EightSchoolsOptions]):
    """effect_j ~ N(mu, tau²), y_j ~ N(effect_j, error_j²), mu ~ N(0, 5²), tau ~ |Cauchy(0, 5)|.

    Sources: Rubin 1981, "Estimation in parallel randomized experiments"; Gelman et al. 2013,
    "Bayesian data analysis", section 5.5.
    """

    Options = EightSchoolsOptions
    columns = SCHOOLS

    @classmethod
    def log_joint(cls, options: EightSchoolsOptions, rows: Tensor) -> LogJoint:
        return log_joint_presets.eight_schools(options.centred, data=(rows[:, 0], rows[:, 1]))

    def predict(self, values: Values, rows: Tensor) -> Tensor:
        """The estimate that a new school with the standard error of the row would have."""
        effect = values["mu"] + values["tau"] * torch.randn(len(rows), dtype=torch.float64)
        y = effect + rows[:, 1] * torch.randn(len(rows), dtype=torch.float64)
        return torch.column_stack([y, rows[:, 1]])

    @classmethod
    def marginal(cls, options: EightSchoolsOptions, rows: Tensor) -> Marginal:
        """The effects integrate out: y_j ~ N(mu, tau² + error_j²)."""
        y, errors = rows.unbind(1)

        def log_density(at: Tensor) -> Tensor:
            mu, tau = at.unbind(1)
            spread = (tau.square()[:, None] + errors.square()).sqrt()
            fit = normal(y, mu[:, None], spread).sum(1)
            return fit + normal(mu, 0.0, 5.0) + half_cauchy(tau, 5.0)

        return Marginal(("mu", "tau"), (-60.0, 0.0), (60.0, 120.0), log_density)


@MODELS.register(
    "waiting_rate",
    title="Rate of waiting times (Gamma prior)",
    summary="Exponential times with a Gamma prior on their rate. Posterior and evidence are "
    "exact.",
    order=300,
)
class WaitingRate(LogJointModel[Options]):
    """x_i ~ Exponential(rate), rate ~ Gamma(2, 1): the posterior is Gamma(2 + n, 1 + Σ x_i)."""

    columns = (TIME,)

    @classmethod
    def split(cls, rows: Tensor) -> Rows:
        return (rows[:, 0],)

    @classmethod
    def log_joint(cls, options: Options, rows: Tensor) -> LogJoint:
        return log_joint_presets.waiting_times(data=cls.split(rows))

    def predict(self, values: Values, rows: Tensor) -> Tensor:
        u = torch.rand(len(rows), dtype=torch.float64)
        return (-torch.log1p(-u) / values["rate"])[:, None]

    @classmethod
    def marginal(cls, options: Options, rows: Tensor) -> Marginal:
        (x,) = cls.split(rows)
        a, b = 2.0 + len(x), 1.0 + float(x.sum())

        def log_density(at: Tensor) -> Tensor:
            rate = at[:, 0]
            return (a - 1) * rate.log() - b * rate

        exact = math.lgamma(a) - a * math.log(b)
        return Marginal(("rate",), (0.0,), (20 * a / b,), log_density, exact)


@dataclass(frozen=True)
class OrderedMixtureOptions(Options):
    """Options of the mixture on the line."""

    mixture_components: int = option(2, "Gaussians K", low=2, high=6, label="Mixture components K")


@MODELS.register(
    "ordered_mixture",
    title="Gaussian mixture on the line (Bayesian)",
    summary="The posterior of weights, ordered means and one standard deviation.",
    order=310,
)
class OrderedMixture(LogJointModel[OrderedMixtureOptions]):
    """x_i ~ Σ_k weight_k N(mean_k, sd²), with ordered means against label switching."""

    Options = OrderedMixtureOptions
    columns = ()

    @classmethod
    def incompatibility(cls, meta: DataMeta) -> str | None:
        fit = meta.shape == (1,) and meta.support == "real" and not meta.columns
        return None if fit else "it needs points on the line"

    @classmethod
    def defaults(cls, meta: DataMeta) -> dict[str, Any]:
        return {"objective": "bayes"}

    @classmethod
    def split(cls, rows: Tensor) -> Rows:
        return (rows[:, 0],)

    @classmethod
    def log_joint(cls, options: OrderedMixtureOptions, rows: Tensor) -> LogJoint:
        return log_joint_presets.gaussian_mixture(options.mixture_components, data=cls.split(rows))

    def predict(self, values: Values, rows: Tensor) -> Tensor:
        k = torch.multinomial(values["weights"], 1)
        mean = values["means"].gather(1, k).squeeze(1)
        noise = values["sd"] * torch.randn(len(rows), dtype=torch.float64)
        return (mean + noise)[:, None]
