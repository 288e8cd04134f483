"""Group 2 of Kingma & Welling 2013, section 2.4: z = a + b ε, ε from the standard member."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from genlab.distributions.families.base import Cross, Family, Moment, Natural, register
from genlab.distributions.families.inverse_cdf import (
    EXPONENTIAL_TAIL,
    LOGISTIC,
    LOGISTIC_EXPECTED,
    logistic_log_density,
    logistic_variance,
)
from genlab.distributions.families.noise import Noise
from genlab.distributions.families.parameters import (
    FULL_RANK,
    LOC,
    POSITIVE,
    POSITIVE_OR_INF,
    REAL,
    SCALE,
    VECTOR,
    Parameter,
    Params,
    above,
)
from genlab.distributions.families.special import (
    LOG_2PI,
    digamma,
    finite_exp,
    from_moments,
    lgamma_rise,
    log1p_square,
    where,
)
from genlab.distributions.families.supports import BOUNDED, REAL_LINE, Support, Tail

# -- Laplace --------------------------------------------------------------------------------------


def _laplace_draw(p: Params, noise: Noise) -> Tensor:
    v = noise.uniform() - 0.5
    # 1 − 2|u − ½| is 0 at no u of the open interval's grid, so that the logarithm is finite.
    return p["loc"] - p["scale"] * torch.sign(v) * torch.log1p(-2 * v.abs())


def _laplace_variance(p: Params) -> Tensor:
    return 2 * p["scale"] ** 2


def _laplace_mgf(p: Params, t: Tensor) -> Tensor:
    x = p["scale"] * t
    good = x.abs() < 1
    safe = torch.where(good, x, torch.zeros_like(x))
    return where(good, torch.exp(p["loc"] * t) / (1 - safe**2), math.inf)


def _laplace_abs(p: Params, c: Tensor) -> Tensor:
    d = (p["loc"] - c).abs()
    return d + p["scale"] * torch.exp(-d / p["scale"])


def _laplace_cross(p: Mapping[str, Tensor], e: Mapping[str, Moment]) -> Tensor:
    return torch.log(2 * p["scale"]) + e["abs"](p["loc"]) / p["scale"]


LAPLACE = register(
    Family(
        name="laplace",
        title="Laplace",
        group="location-scale",
        parameters=(LOC, SCALE),
        support=REAL_LINE,
        sampler=r"a + b\,\epsilon,\ \epsilon = -\mathrm{sgn}(u - \tfrac12)"
        r"\log(1 - 2|u - \tfrac12|)",
        density=r"\frac{1}{2b} e^{-|z - a|/b}",
        draw=_laplace_draw,
        log_density=lambda p, z: -torch.log(2 * p["scale"]) - (z - p["loc"]).abs() / p["scale"],
        left=EXPONENTIAL_TAIL,
        right=EXPONENTIAL_TAIL,
        mean_of=lambda p: p["loc"],
        variance_of=_laplace_variance,
        entropy_of=lambda p: 1 + torch.log(2 * p["scale"]),
        expected={
            **from_moments(lambda p: p["loc"], _laplace_variance),
            "exp": _laplace_mgf,
            "abs": _laplace_abs,
        },
        cross=Cross(("abs",), _laplace_cross),
    )
)

# -- Elliptical and Student t ---------------------------------------------------------------------


def _finite(df: Tensor) -> Tensor:
    """ν where it is finite, 1 where it stands for the Gaussian case."""
    return torch.where(torch.isinf(df), torch.ones_like(df), df)


def t_weight(df: Tensor, noise: Noise) -> Tensor:
    """1/√(χ²_ν/ν), 1 for ν = inf."""
    nu = _finite(df)
    value = finite_exp(0.5 * (torch.log(nu / 2) - noise.log_gamma(nu / 2)), 4.0)
    return torch.where(torch.isinf(df), torch.ones_like(value), value)


def _t_constant(df: Tensor, d: int) -> Tensor:
    # log Γ((ν + d)/2) − log Γ(ν/2) − (d/2) log(νπ): the logarithms of ν cancel.
    return lgamma_rise(_finite(df) / 2, 0.5 * d) - 0.5 * d * LOG_2PI


def _t_log_density(df: Tensor, radius: Tensor, d: int) -> Tensor:
    """log density of the standard t_ν in d dimensions at this distance from 0."""
    nu = _finite(df)
    student = _t_constant(df, d) - 0.5 * (nu + d) * log1p_square(radius / nu.sqrt())
    return torch.where(torch.isinf(df), -0.5 * (d * LOG_2PI + radius**2), student)


def _t_entropy(df: Tensor, d: int) -> Tensor:
    nu = _finite(df)
    half = (nu + d) / 2
    student = -_t_constant(df, d) + half * (digamma(half) - digamma(nu / 2))
    return where(~torch.isinf(df), student, 0.5 * d * (1 + LOG_2PI))


def _t_variance(df: Tensor) -> Tensor:
    nu = _finite(df)
    good = nu > 2
    value = where(good, nu / torch.where(good, nu - 2, torch.ones_like(nu)), math.inf)
    value = where(nu > 1, value, math.nan)
    return torch.where(torch.isinf(df), torch.ones_like(value), value)


def _has_mean(df: Tensor, value: Tensor) -> Tensor:
    return where((df > 1).expand_as(value), value, math.nan)


def _elliptical_draw(p: Params, noise: Noise) -> Tensor:
    n = noise.normal(p["loc"].shape[-1])
    eps = n * t_weight(p["df"], noise).unsqueeze(-1)
    return p["loc"] + (p["matrix"] @ eps.unsqueeze(-1)).squeeze(-1)


def _log_det(p: Mapping[str, Tensor]) -> Tensor:
    return torch.linalg.slogdet(p["matrix"])[1]


def _elliptical_log_density(p: Params, z: Tensor) -> Tensor:
    offset = (z - p["loc"]).unsqueeze(-1)
    y = torch.linalg.solve(p["matrix"].expand(*z.shape, z.shape[-1]), offset).squeeze(-1)
    return _t_log_density(p["df"], torch.linalg.vector_norm(y, dim=-1), z.shape[-1]) - _log_det(p)


def _elliptical_variance(p: Params) -> Tensor:
    factor = _t_variance(p["df"])[..., None, None]
    return factor * (p["matrix"] @ p["matrix"].mT)


T_TAIL = Tail("power", lambda p: p["df"])


ELLIPTICAL = register(
    Family(
        name="elliptical",
        title="Elliptical (multivariate t, Gaussian)",
        group="location-scale",
        parameters=(
            Parameter("loc", "a", VECTOR, (0.0, 0.0), -3.0, 3.0),
            Parameter("matrix", "A", FULL_RANK, ((1.0, 0.0), (0.5, 1.0)), -2.0, 2.0),
            Parameter("df", r"\nu", POSITIVE_OR_INF, 5.0, 1.0, 30.0),
        ),
        support=Support("vector", r"\mathbb{R}^d"),
        sampler=r"a + A\,R s,\ s = n/\|n\|,\ R = \|n\| / \sqrt{\chi^2_\nu/\nu}",
        density=r"\frac{\Gamma((\nu+d)/2)}{\Gamma(\nu/2)(\nu\pi)^{d/2}|\det A|}"
        r"(1 + \|A^{-1}(z-a)\|^2/\nu)^{-(\nu+d)/2}",
        draw=_elliptical_draw,
        log_density=_elliptical_log_density,
        left=T_TAIL,
        right=T_TAIL,
        mean_of=lambda p: _has_mean(p["df"].unsqueeze(-1), p["loc"]),
        variance_of=_elliptical_variance,
        mean_if=r"\nu > 1",
        variance_if=r"\nu > 2",
        entropy_of=lambda p: _t_entropy(p["df"], p["loc"].shape[-1]) + _log_det(p),
        note="The radius decides the member: R² / d is F(d, ν) for the multivariate t, and "
        "ν = inf gives the Gaussian (R² is χ²_d). The derivative in ν goes through the gamma "
        "variable (implicit); there is none at ν = inf.",
    )
)

STUDENT_T = register(
    Family(
        name="student_t",
        title="Student's t",
        group="location-scale",
        parameters=(Parameter("df", r"\nu", POSITIVE, 5.0, 1.0, 30.0), LOC, SCALE),
        support=REAL_LINE,
        sampler=r"a + b\,n / \sqrt{\chi^2_\nu / \nu}",
        density=r"\frac{\Gamma((\nu+1)/2)}{\Gamma(\nu/2)\sqrt{\nu\pi}\,b}"
        r"(1 + ((z-a)/b)^2/\nu)^{-(\nu+1)/2}",
        draw=lambda p, noise: p["loc"] + p["scale"] * noise.normal() * t_weight(p["df"], noise),
        log_density=lambda p, z: (
            _t_log_density(p["df"], ((z - p["loc"]) / p["scale"]).abs(), 1) - torch.log(p["scale"])
        ),
        left=T_TAIL,
        right=T_TAIL,
        mean_of=lambda p: _has_mean(p["df"], p["loc"]),
        variance_of=lambda p: p["scale"] ** 2 * _t_variance(p["df"]),
        mean_if=r"\nu > 1",
        variance_if=r"\nu > 2",
        entropy_of=lambda p: _t_entropy(p["df"], 1) + torch.log(p["scale"]),
        note="The derivative in ν goes through the gamma variable in χ²_ν (implicit).",
        expected={
            "z": lambda p: _has_mean(p["df"], p["loc"]),
            "z2": lambda p: p["loc"] ** 2 + p["scale"] ** 2 * _t_variance(p["df"]),
        },
    )
)

# -- Logistic, in its second listing
# ---------------------------------------------------------------


def _logistic_scaled(p: Params, noise: Noise) -> Tensor:
    u = noise.uniform()
    return p["loc"] + p["scale"] * torch.logit(u)


LOGISTIC_LOCATION_SCALE = register(
    Family(
        name="logistic_location_scale",
        title="Logistic (location-scale)",
        group="location-scale",
        parameters=(LOC, SCALE),
        support=REAL_LINE,
        sampler=r"a + b\,\epsilon,\ \epsilon \sim \mathrm{Logistic}(0, 1)",
        density=LOGISTIC.density,
        draw=_logistic_scaled,
        log_density=logistic_log_density,
        left=EXPONENTIAL_TAIL,
        right=EXPONENTIAL_TAIL,
        mean_of=lambda p: p["loc"],
        variance_of=logistic_variance,
        entropy_of=lambda p: torch.log(p["scale"]) + 2,
        note="The same family as Logistic: the paper lists it under both strategies, and the two "
        "samplers agree draw by draw.",
        expected=LOGISTIC_EXPECTED,
    )
)

# -- Uniform --------------------------------------------------------------------------------------


def _width(p: Mapping[str, Tensor]) -> Tensor:
    return p["high"] - p["low"]


def _uniform_draw(p: Params, noise: Noise) -> Tensor:
    return torch.minimum(p["low"] + _width(p) * noise.uniform(), p["high"])


def _uniform_mean(p: Params) -> Tensor:
    return (p["low"] + p["high"]) / 2


def _uniform_variance(p: Params) -> Tensor:
    return _width(p) ** 2 / 12


def _x_log(x: Tensor) -> Tensor:
    return torch.xlogy(x, x) - x


def _x_log2(x: Tensor) -> Tensor:
    log = torch.log(torch.where(x > 0, x, torch.ones_like(x)))
    return x * (log**2 - 2 * log + 2)


def _uniform_mgf(p: Params, t: Tensor) -> Tensor:
    x = t * _width(p)
    safe = torch.where(x == 0, torch.ones_like(x), x)
    ratio = torch.where(x == 0, torch.ones_like(x), torch.expm1(safe) / safe)
    return torch.exp(t * p["low"]) * ratio


def _uniform_power(p: Params, r: Tensor) -> Tensor:
    return (p["high"] ** (r + 1) - p["low"] ** (r + 1)) / ((r + 1) * _width(p))


def _uniform_abs(p: Params, c: Tensor) -> Tensor:
    low, high = p["low"] - c, p["high"] - c
    return (high * high.abs() - low * low.abs()) / (2 * _width(p))


UNIFORM = register(
    Family(
        name="uniform",
        title="Uniform",
        group="location-scale",
        parameters=(
            Parameter("low", "a", REAL, 0.0, -3.0, 0.9, score="biased"),
            Parameter("high", "b", above("low"), 1.0, 1.0, 3.0, score="biased"),
        ),
        support=Support("interval", "[a, b]", lambda p: p["low"], lambda p: p["high"]),
        sampler="a + (b - a)\\,u",
        density=r"\frac{1}{b-a}",
        draw=_uniform_draw,
        log_density=lambda p, z: (-torch.log(_width(p))).expand_as(z) + 0 * z,
        left=BOUNDED,
        right=BOUNDED,
        mean_of=_uniform_mean,
        variance_of=_uniform_variance,
        entropy_of=lambda p: torch.log(_width(p)),
        expected={
            **from_moments(_uniform_mean, _uniform_variance),
            "log": lambda p: (_x_log(p["high"]) - _x_log(p["low"])) / _width(p),
            "log2": lambda p: (_x_log2(p["high"]) - _x_log2(p["low"])) / _width(p),
            "log1m": lambda p: (_x_log(1 - p["low"]) - _x_log(1 - p["high"])) / _width(p),
            "power": _uniform_power,
            "exp": _uniform_mgf,
            "abs": _uniform_abs,
        },
        cross=Cross((), lambda p, _: torch.log(_width(p))),
    )
)

# -- Triangular -----------------------------------------------------------------------------------


def _triangular_draw(p: Params, noise: Noise) -> Tensor:
    u = noise.uniform()
    eps = torch.where(u < 0.5, torch.sqrt(2 * u) - 1, 1 - torch.sqrt(2 * (1 - u)))
    return p["loc"] + p["scale"] * eps


def _triangular_variance(p: Params) -> Tensor:
    return p["scale"] ** 2 / 6


def _triangular_mgf(p: Params, t: Tensor) -> Tensor:
    x = p["scale"] * t / 2
    safe = torch.where(x == 0, torch.ones_like(x), x)
    ratio = torch.where(x == 0, torch.ones_like(x), torch.sinh(safe) / safe)
    return torch.exp(p["loc"] * t) * ratio**2


def _triangular_abs(p: Params, c: Tensor) -> Tensor:
    d = ((c - p["loc"]) / p["scale"]).abs()
    near = 1 / 3 + d**2 - d**3 / 3
    return p["scale"] * torch.where(d < 1, near, d)


TRIANGULAR = register(
    Family(
        name="triangular",
        title="Triangular (symmetric)",
        group="location-scale",
        parameters=(
            Parameter("loc", "a", REAL, 0.0, -3.0, 3.0, score="infinite variance"),
            Parameter("scale", "b", POSITIVE, 1.0, 0.1, 3.0, score="infinite variance"),
        ),
        support=Support(
            "interval",
            "[a - b, a + b]",
            lambda p: p["loc"] - p["scale"],
            lambda p: p["loc"] + p["scale"],
        ),
        sampler=r"a + b\,\epsilon,\ \epsilon = \sqrt{2u} - 1\ (u < \tfrac12),\ "
        r"1 - \sqrt{2(1-u)}\ (u \ge \tfrac12)",
        density=r"\frac1b (1 - |z - a|/b)",
        draw=_triangular_draw,
        log_density=lambda p, z: (
            torch.log1p(-((z - p["loc"]) / p["scale"]).abs().clamp_max(1)) - torch.log(p["scale"])
        ),
        left=BOUNDED,
        right=BOUNDED,
        mean_of=lambda p: p["loc"],
        variance_of=_triangular_variance,
        entropy_of=lambda p: 0.5 + torch.log(p["scale"]),
        note="The density is zero at the moving edges, so that the score-function estimator is "
        "unbiased, but its variance is infinite.",
        expected={
            **from_moments(lambda p: p["loc"], _triangular_variance),
            "exp": _triangular_mgf,
            "abs": _triangular_abs,
        },
    )
)

# -- Gaussian -------------------------------------------------------------------------------------


def _gaussian_variance(p: Params) -> Tensor:
    return p["scale"] ** 2


def _gaussian_abs(p: Params, c: Tensor) -> Tensor:
    y = (p["loc"] - c) / p["scale"]
    bell = torch.exp(-0.5 * y**2) * math.sqrt(2 / math.pi)
    return p["scale"] * (bell + y * torch.erf(y / math.sqrt(2)))


def _gaussian_cross(p: Mapping[str, Tensor], e: Mapping[str, Moment]) -> Tensor:
    a, s = p["loc"], p["scale"]
    square = e["z2"]() - 2 * a * e["z"]() + a**2
    return 0.5 * LOG_2PI + torch.log(s) + square / (2 * s**2)


def gaussian_eta(p: Mapping[str, Tensor]) -> Tensor:
    """(μ/σ², −1/(2σ²))."""
    precision = 1 / p["scale"] ** 2
    return torch.stack((p["loc"] * precision, -0.5 * precision), -1)


def gaussian_log_normaliser(n: Tensor) -> Tensor:
    """−η₁²/(4η₂) + ½ log(π/−η₂)."""
    return -(n[..., 0] ** 2) / (4 * n[..., 1]) + 0.5 * torch.log(-math.pi / n[..., 1])


GAUSSIAN = register(
    Family(
        name="gaussian",
        title="Gaussian",
        group="location-scale",
        parameters=(
            Parameter("loc", r"\mu", REAL, 0.0, -3.0, 3.0),
            Parameter("scale", r"\sigma", POSITIVE, 1.0, 0.1, 3.0),
        ),
        support=REAL_LINE,
        sampler=r"\mu + \sigma n,\ n \sim N(0, 1)",
        density=r"\frac{1}{\sigma\sqrt{2\pi}} e^{-(z-\mu)^2/2\sigma^2}",
        draw=lambda p, noise: p["loc"] + p["scale"] * noise.normal(),
        log_density=lambda p, z: (
            -0.5 * LOG_2PI - torch.log(p["scale"]) - 0.5 * ((z - p["loc"]) / p["scale"]) ** 2
        ),
        left=Tail("exponential", 2.0, lambda p: 1 / p["scale"]),
        right=Tail("exponential", 2.0, lambda p: 1 / p["scale"]),
        mean_of=lambda p: p["loc"],
        variance_of=_gaussian_variance,
        entropy_of=lambda p: 0.5 * (1 + LOG_2PI) + torch.log(p["scale"]),
        note="With a full covariance it is the elliptical row at ν = inf.",
        expected={
            **from_moments(lambda p: p["loc"], _gaussian_variance),
            "exp": lambda p, t: torch.exp(p["loc"] * t + 0.5 * (p["scale"] * t) ** 2),
            "abs": _gaussian_abs,
        },
        cross=Cross(("z", "z2"), _gaussian_cross),
        natural=Natural("gaussian", "(z,\\ z^2)", gaussian_eta, gaussian_log_normaliser),
    )
)
