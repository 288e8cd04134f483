"""Ready-made log-joints for lessons and tests, with simulated data of a fixed seed."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from genlab.core.errors import SpecError
from genlab.core.random import generator
from genlab.data.tables import (
    eight_schools_data,
    logistic_data,
    regression_data,
    waiting_data,
)
from genlab.inference.base import positive
from genlab.inference.constraints import Interval, Lower, Ordered, Real, Simplex
from genlab.inference.linear_gaussian import LinearGaussian
from genlab.inference.log_joints import (
    LogJoint,
    Parameter,
    Rows,
    Values,
    gamma,
    half_cauchy,
    half_normal,
    normal,
)


def correlated_gaussian(first: float = 0.28, second: float = 0.31, r2: float = 0.54) -> LogJoint:
    """A Gaussian in two dimensions as its own posterior; log p(x) = 0.

    The variances are those of the paper's figure, 0.28 and 0.31. A squared
    correlation of 0.54 gives the mean-field variances printed there, v (1 - r²) = 0.13 and 0.14.

    Source: Kucukelbir et al. 2017, "Automatic differentiation variational inference".

    Args:
        first, second: the variances.
        r2: squared correlation, from 0 to below 1.

    Raises:
        SpecError: if a number is out of range.
    """
    if not 0 <= r2 < 1:
        raise SpecError("r2", r2, "allowed: from 0 to below 1")
    cross = math.sqrt(r2 * positive("first", first) * positive("second", second))
    covariance = torch.tensor([[first, cross], [cross, second]], dtype=torch.float64)
    precision = torch.linalg.inv(covariance)
    constant = -math.log(2 * math.pi) - 0.5 * float(torch.logdet(covariance))
    return LogJoint(
        [Parameter("z", Real(), (2,))],
        lambda values: constant - 0.5 * values["z"] @ precision @ values["z"],
    )


def linear_gaussian() -> LogJoint:
    """z ~ N(0, I₂), x | z ~ N(W z + b, ½ I₃) at one x, with an exact posterior."""
    model, x = linear_gaussian_truth()
    noise = math.sqrt(model.variance)

    def log_prob(values: Values) -> Tensor:
        z = values["z"]
        fit = normal(x, model.loadings @ z + model.offset, noise)
        return normal(z, 0.0, 1.0).sum() + fit.sum()

    return LogJoint([Parameter("z", Real(), (2,))], log_prob)


def linear_gaussian_truth() -> tuple[LinearGaussian, Tensor]:
    """The exact model of :func:`linear_gaussian`, and its x, (3,)."""
    loadings = torch.tensor([[1.0, 0.5], [0.0, 1.0], [-1.0, 2.0]], dtype=torch.float64)
    offset = torch.tensor([0.1, -0.2, 0.3], dtype=torch.float64)
    x = torch.tensor([1.0, -0.5, 0.8], dtype=torch.float64)
    return LinearGaussian(loadings, offset, 0.5), x


def linear_regression(
    noise: float | None = None, n: int = 60, data: Rows | None = None
) -> LogJoint:
    """y_i ~ N(intercept + x_i·weights, noise²), all weights ~ N(0, 2²), on simulated data.

    Args:
        noise: its standard deviation if known (the posterior is then Gaussian); None to infer it
            with the prior |N(0, 1)|.
        n: examples.
        data: x (n, p) and y (n,) in place of the made-up ones.

    Raises:
        SpecError: if the noise is not above 0.
    """
    known = None if noise is None else positive("noise", noise)
    rows = regression_data(n) if data is None else data
    weights = Parameter("weights", Real(), (rows[0].shape[1],))
    parameters = [Parameter("intercept", Real()), weights]
    if known is None:
        parameters.append(Parameter("noise", Lower()))

    def log_prior(values: Values) -> Tensor:
        total = normal(values["weights"], 0.0, 2.0).sum() + normal(values["intercept"], 0.0, 2.0)
        return total if known else total + half_normal(values["noise"], 1.0)

    def log_likelihood(values: Values, x: Tensor, y: Tensor) -> Tensor:
        sd = known or values["noise"]
        return normal(y, values["intercept"] + x @ values["weights"], sd).sum()

    return LogJoint(parameters, log_prior, data=rows, log_likelihood=log_likelihood)


def logistic_regression(n: int = 80, data: Rows | None = None) -> LogJoint:
    """y_i ~ Bernoulli(σ(intercept + x_i·weights)), weights ~ N(0, 2.5²), on simulated data.

    Args:
        n: examples.
        data: x (n, p) and y (n,) in place of the made-up ones.
    """
    rows = logistic_data(n) if data is None else data

    def log_prior(values: Values) -> Tensor:
        return normal(values["weights"], 0.0, 2.5).sum() + normal(values["intercept"], 0.0, 2.5)

    def log_likelihood(values: Values, x: Tensor, y: Tensor) -> Tensor:
        logits = values["intercept"] + x @ values["weights"]
        return torch.nn.functional.logsigmoid((2 * y - 1) * logits).sum()

    weights = Parameter("weights", Real(), (rows[0].shape[1],))
    parameters = [Parameter("intercept", Real()), weights]
    return LogJoint(parameters, log_prior, data=rows, log_likelihood=log_likelihood)


def eight_schools(centred: bool = False, data: Rows | None = None) -> LogJoint:
    """effect_j ~ N(mu, tau²), y_j ~ N(effect_j, error_j²), mu ~ N(0, 5²), tau ~ |Cauchy(0, 5)|.

    In the centred form ζ holds the effects, and the posterior is a funnel that is narrow where tau
    is small. In the non-centred form ζ holds offset_j = (effect_j - mu) / tau ~ N(0, 1), and the
    posterior is nearly isotropic.

    Sources: Rubin 1981, "Estimation in parallel randomized experiments"; Papaspiliopoulos,
    Roberts and Sköld 2007, "A general framework for the parametrization of hierarchical models".

    Args:
        centred: whether to use the centred form.
        data: effects (n,) and their standard errors (n,) in place of the eight.
    """
    y, errors = eight_schools_data() if data is None else data

    def log_prob(values: Values) -> Tensor:
        mu, tau = values["mu"], values["tau"]
        if centred:
            effects = values["effects"]
            between = normal(effects, mu, tau).sum()
        else:
            effects = mu + tau * values["offsets"]
            between = normal(values["offsets"], 0.0, 1.0).sum()
        hyper = normal(mu, 0.0, 5.0) + half_cauchy(tau, 5.0)
        return hyper + between + normal(y, effects, errors).sum()

    last = Parameter("effects" if centred else "offsets", Real(), (len(y),))
    return LogJoint([Parameter("mu", Real()), Parameter("tau", Lower()), last], log_prob)


def gamma_model(shape: float = 2.5, rate: float = 4.2) -> LogJoint:
    """A Gamma(shape, rate) as its own posterior: log p(x) = 0. The transform T decides how well q
    fits.

    It is the posterior of a Gamma prior with exponential or Poisson data. With T = log the best q
    has σ² = 1 / shape and μ = log(shape / rate) - σ² / 2.

    Source: Kucukelbir et al. 2017, "Automatic differentiation variational inference".

    Args:
        shape, rate: above 0.

    Raises:
        SpecError: if one is not.
    """
    a, b = positive("shape", shape), positive("rate", rate)
    return LogJoint([Parameter("rate", Lower())], lambda values: gamma(values["rate"], a, b))


def beta_model(a: float = 4.0, b: float = 1.5) -> LogJoint:
    """A Beta(a, b) as its own posterior: log p(x) = 0.

    It is the posterior of a Beta prior with Bernoulli data. With a = b = 1 and T = probit, ζ is
    standard normal and q can be exact.

    Args:
        a, b: above 0.

    Raises:
        SpecError: if one is not.
    """
    one, other = positive("a", a), positive("b", b)
    constant = math.lgamma(one + other) - math.lgamma(one) - math.lgamma(other)
    powers = torch.tensor([one - 1, other - 1], dtype=torch.float64)

    def log_prob(values: Values) -> Tensor:
        # 0 log 0 = 0 at the boundary, to which p may round.
        p = values["p"]
        return constant + torch.xlogy(powers[0], p) + torch.special.xlog1py(powers[1], -p)

    return LogJoint([Parameter("p", Interval())], log_prob)


def waiting_times(n: int = 25, seed: int = 0, data: Rows | None = None) -> LogJoint:
    """x_i ~ Exponential(rate), rate ~ Gamma(2, 1): the posterior is Gamma(2 + n, 1 + Σ x_i).

    Args:
        n: simulated waiting times with rate 1.5.
        seed: of the times.
        data: times (n,) in place of the made-up ones.
    """
    return LogJoint(
        [Parameter("rate", Lower())],
        lambda values: gamma(values["rate"], 2.0, 1.0),
        data=waiting_data(n, seed) if data is None else data,
        log_likelihood=lambda values, x: (values["rate"].log() - values["rate"] * x).sum(),
    )


def mixture_data(n: int = 120, seed: int = 0) -> Rows:
    """Simulated x (n,): 40 % from N(-2, 0.7²), 60 % from N(1.5, 0.7²)."""
    source = generator(seed, "mixture")
    left = torch.rand(n, generator=source, dtype=torch.float64) < 0.4
    noise = torch.randn(n, generator=source, dtype=torch.float64)
    return (torch.where(left, -2.0, 1.5) + 0.7 * noise,)


def gaussian_mixture(components: int = 2, n: int = 120, data: Rows | None = None) -> LogJoint:
    """x_i ~ Σ_k weight_k N(mean_k, sd²), with ordered means against label switching.

    weights ~ Dirichlet(2, ..., 2), means ~ N(0, 3²) ordered (with the factor K! of the ordering),
    sd ~ |N(0, 1)|. The component of each x is summed out.

    Args:
        components: K, at least 2.
        n: examples.
        data: x (n,) in place of the made-up ones.

    Raises:
        SpecError: if K is below 2.
    """
    if components < 2:
        raise SpecError("components", components, "allowed: a whole number from 2")
    k = components
    constant = math.lgamma(2.0 * k) + math.lgamma(k + 1.0)

    def log_prior(values: Values) -> Tensor:
        means = normal(values["means"], 0.0, 3.0).sum()
        return values["weights"].log().sum() + means + half_normal(values["sd"], 1.0) + constant

    def log_likelihood(values: Values, x: Tensor) -> Tensor:
        each = values["weights"].log() + normal(x[:, None], values["means"], values["sd"])
        return each.logsumexp(1).sum()

    parameters = [
        Parameter("weights", Simplex(), (k,)),
        Parameter("means", Ordered(), (k,)),
        Parameter("sd", Lower()),
    ]
    rows = mixture_data(n) if data is None else data
    return LogJoint(parameters, log_prior, data=rows, log_likelihood=log_likelihood)


@dataclass(frozen=True)
class Preset:
    """A row of the table of presets: its title, and how to build it."""

    title: str
    build: Callable[[], LogJoint]


PRESETS: dict[str, Preset] = {
    "correlated_gaussian": Preset("Correlated Gaussian in 2-D", correlated_gaussian),
    "linear_gaussian": Preset("Linear Gaussian model, exact posterior known", linear_gaussian),
    "linear_regression": Preset("Linear regression", linear_regression),
    "logistic_regression": Preset("Logistic regression", logistic_regression),
    "eight_schools_centred": Preset("Eight schools, centred", lambda: eight_schools(centred=True)),
    "eight_schools": Preset("Eight schools, non-centred", eight_schools),
    "gamma": Preset("Gamma", gamma_model),
    "beta": Preset("Beta", beta_model),
    "waiting_times": Preset("Waiting times with a Gamma prior", waiting_times),
    "gaussian_mixture": Preset("Gaussian mixture with ordered means", gaussian_mixture),
}
