"""Group 3 of Kingma & Welling 2013, section 2.4: functions of variables from the other groups."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from scipy import special
from torch import Tensor, xlogy
from torch.nn.functional import softplus

from genlab.distributions.families.base import Cross, Family, Moment, Natural, register
from genlab.distributions.families.location_scale import gaussian_eta, gaussian_log_normaliser
from genlab.distributions.families.noise import Logs, Noise
from genlab.distributions.families.parameters import (
    POSITIVE,
    POSITIVE_VECTOR,
    RATE,
    REAL,
    Parameter,
    Params,
)
from genlab.distributions.families.special import (
    LOG_2PI,
    beta_log_density,
    digamma,
    finite_exp,
    gamma_view,
    lgamma,
    log_beta,
    trigamma,
    where,
)
from genlab.distributions.families.supports import BOUNDED, POSITIVE_LINE, Support, Tail

IMPLICIT = (
    "The derivative in the shape is the implicit one through the gamma variable, "
    "dγ/dα = −(∂F/∂α)/p(γ); autograd through a rejection sampler's accepted branch would be "
    "biased."
)


LOGS = (
    "If a shape is small, draws gather closer to an edge of the support than a float can "
    "represent; `sample_logs` gives log z and log(1 − z) before rounding."
)


def _gamma_logs(concentration: Tensor, log_rate: Tensor, noise: Noise) -> Logs:
    drawn = noise.gamma_logs(concentration)
    tiny = torch.finfo(drawn.z.dtype).tiny
    return Logs((drawn.z / log_rate.exp()).clamp_min(tiny), drawn.log - log_rate)


def _gamma_at_edge(shape: Tensor, rate: Tensor, limits: torch.finfo) -> Tensor:
    return torch.special.gammainc(shape.double(), rate.double() * limits.tiny)


def _inside_unit(z: Tensor) -> Tensor:
    """The open interval in floating point, where log z and log(1 − z) are finite."""
    limits = torch.finfo(z.dtype)
    return z.clamp(limits.tiny, 1 - limits.eps / 2)


# -- Log-normal -----------------------------------------------------------------------------------


def _log_normal_power(p: Params, r: Tensor | float) -> Tensor:
    return torch.exp(r * p["loc"] + 0.5 * (r * p["scale"]) ** 2)


def _log_normal_cross(p: Mapping[str, Tensor], e: Mapping[str, Moment]) -> Tensor:
    mu, s, log = p["loc"], p["scale"], e["log"]()
    square = e["log2"]() - 2 * mu * log + mu**2
    return log + 0.5 * LOG_2PI + torch.log(s) + square / (2 * s**2)


LOG_NORMAL = register(
    Family(
        name="log_normal",
        title="Log-normal",
        group="composition",
        parameters=(
            Parameter("loc", r"\mu", REAL, 0.0, -2.0, 2.0),
            Parameter("scale", r"\sigma", POSITIVE, 0.5, 0.1, 2.0),
        ),
        support=POSITIVE_LINE,
        sampler=r"\exp(\mu + \sigma n)",
        density=r"\frac{1}{z\sigma\sqrt{2\pi}} e^{-(\log z - \mu)^2/2\sigma^2}",
        draw=lambda p, noise: finite_exp(p["loc"] + p["scale"] * noise.normal()),
        log_density=lambda p, z: (
            -torch.log(z.clamp_min(torch.finfo(z.dtype).tiny))
            - 0.5 * LOG_2PI
            - torch.log(p["scale"])
            - 0.5 * ((torch.log(z) - p["loc"]) / p["scale"]) ** 2
        ),
        left=BOUNDED,
        right=Tail("log-normal"),
        mean_of=lambda p: _log_normal_power(p, 1.0),
        variance_of=lambda p: torch.expm1(p["scale"] ** 2) * _log_normal_power(p, 1.0) ** 2,
        entropy_of=lambda p: p["loc"] + 0.5 * (1 + LOG_2PI) + torch.log(p["scale"]),
        expected={
            "z": lambda p: _log_normal_power(p, 1.0),
            "z2": lambda p: _log_normal_power(p, 2.0),
            "log": lambda p: p["loc"],
            "log2": lambda p: p["loc"] ** 2 + p["scale"] ** 2,
            "power": _log_normal_power,
        },
        cross=Cross(("log", "log2"), _log_normal_cross),
        natural=Natural(
            "log-normal", r"(\log z,\ \log^2 z)", gaussian_eta, gaussian_log_normaliser
        ),
    )
)

# -- Gamma ----------------------------------------------------------------------------------------

_expected, _cross, _natural, _entropy = gamma_view(lambda p: (p["shape"], p["rate"]))

GAMMA = register(
    Family(
        name="gamma",
        title="Gamma",
        group="composition",
        parameters=(Parameter("shape", "k", POSITIVE, 2.0, 0.2, 10.0), RATE),
        support=POSITIVE_LINE,
        sampler=r"\gamma_k/\lambda,\ \gamma_k \sim \mathrm{Gamma}(k, 1)\ "
        r"(=\textstyle\sum_{i \le k} e_i \text{ for whole } k)",
        density=r"\frac{\lambda^k}{\Gamma(k)} z^{k-1} e^{-\lambda z}",
        draw=lambda p, noise: _gamma_logs(p["shape"], torch.log(p["rate"]), noise).z,
        log_density=lambda p, z: (
            p["shape"] * torch.log(p["rate"])
            + xlogy(p["shape"] - 1, z)
            - p["rate"] * z
            - lgamma(p["shape"])
        ),
        left=BOUNDED,
        right=Tail("exponential", 1.0, lambda p: p["rate"]),
        mean_of=lambda p: p["shape"] / p["rate"],
        variance_of=lambda p: p["shape"] / p["rate"] ** 2,
        entropy_of=_entropy,
        note=f"{IMPLICIT} {LOGS}",
        expected=_expected,
        cross=_cross,
        natural=_natural,
        draw_logs=lambda p, noise: _gamma_logs(p["shape"], torch.log(p["rate"]), noise),
        log_density_at=lambda p, x: (
            p["shape"] * torch.log(p["rate"])
            + (p["shape"] - 1) * x.log
            - p["rate"] * x.z
            - lgamma(p["shape"])
        ),
        at_edge=lambda p, limits: _gamma_at_edge(p["shape"], p["rate"], limits),
        gamma_of=lambda p: (p["shape"], p["rate"]),
    )
)

# -- Dirichlet ------------------------------------------------------------------------------------


def _dirichlet_logs(p: Params, noise: Noise) -> Logs:
    drawn = noise.log_gamma(p["concentration"])
    z = torch.softmax(drawn, -1)
    return Logs(z.clamp_min(torch.finfo(z.dtype).tiny), torch.log_softmax(drawn, -1))


def _dirichlet_log_normaliser(alpha: Tensor) -> Tensor:
    return lgamma(alpha).sum(-1) - lgamma(alpha.sum(-1))


def _dirichlet_variance(p: Params) -> Tensor:
    alpha = p["concentration"]
    total = alpha.sum(-1, keepdim=True)
    mean = alpha / total
    spread = torch.diag_embed(mean) - mean.unsqueeze(-1) * mean.unsqueeze(-2)
    return spread / (total + 1).unsqueeze(-1)


def _dirichlet_entropy(p: Params) -> Tensor:
    alpha = p["concentration"]
    total = alpha.sum(-1)
    spread = (total - alpha.shape[-1]) * digamma(total) - ((alpha - 1) * digamma(alpha)).sum(-1)
    return _dirichlet_log_normaliser(alpha) + spread


DIRICHLET = register(
    Family(
        name="dirichlet",
        title="Dirichlet",
        group="composition",
        parameters=(
            Parameter("concentration", r"\alpha", POSITIVE_VECTOR, (2.0, 3.0, 4.0), 0.2, 10.0),
        ),
        support=Support("simplex", r"\{z : z_i \ge 0, \textstyle\sum_i z_i = 1\}"),
        sampler=r"\gamma_i / \textstyle\sum_j \gamma_j,\ "
        r"\gamma_i \sim \mathrm{Gamma}(\alpha_i, 1)",
        density=r"\frac{\Gamma(\sum_i \alpha_i)}{\prod_i \Gamma(\alpha_i)}"
        r"\prod_i z_i^{\alpha_i - 1}",
        draw=lambda p, noise: _dirichlet_logs(p, noise).z,
        log_density=lambda p, z: (
            xlogy(p["concentration"] - 1, z).sum(-1)
            - _dirichlet_log_normaliser(p["concentration"])
        ),
        left=BOUNDED,
        right=BOUNDED,
        mean_of=lambda p: p["concentration"] / p["concentration"].sum(-1, keepdim=True),
        variance_of=_dirichlet_variance,
        entropy_of=_dirichlet_entropy,
        note=f"{IMPLICIT} {LOGS}",
        draw_logs=_dirichlet_logs,
        log_density_at=lambda p, x: (
            ((p["concentration"] - 1) * x.log).sum(-1)
            - _dirichlet_log_normaliser(p["concentration"])
        ),
        natural=Natural(
            "dirichlet",
            r"(\log z_1, \ldots, \log z_K)",
            lambda p: p["concentration"] - 1,
            lambda n: _dirichlet_log_normaliser(n + 1),
        ),
    )
)

# -- Beta -----------------------------------------------------------------------------------------


def _beta_logs(p: Params, noise: Noise) -> Logs:
    odds = noise.log_gamma(p["alpha"]) - noise.log_gamma(p["beta"])
    return Logs(_inside_unit(torch.sigmoid(odds)), -softplus(-odds), -softplus(odds))


def _beta_log_density_at(p: Params, x: Logs) -> Tensor:
    assert x.log1m is not None
    return beta_log_density(p["alpha"], p["beta"], x.z, x.log, x.log1m)


def _beta_log_density(p: Params, z: Tensor) -> Tensor:
    a, b = p["alpha"], p["beta"]
    ends = xlogy(a - 1, z) + torch.special.xlog1py(b - 1, -z) - log_beta(a, b)
    inside = (z > 0) & (z < 1)
    safe = torch.where(inside, z, torch.full_like(z, 0.5))
    value = beta_log_density(a, b, safe, torch.log(safe), torch.log1p(-safe))
    return torch.where(inside, value, ends)


def _beta_at_edge(p: Params, limits: torch.finfo) -> Tensor:
    """P(1 − z < ε/4), which is rounded to 1, and P(z < tiny)."""
    a, b = (p[name].detach().double().numpy() for name in ("alpha", "beta"))
    share = special.betainc(b, a, limits.eps / 4) + special.betainc(a, b, limits.tiny)
    return torch.as_tensor(share, dtype=torch.float64)


def _beta_log(p: Params) -> Tensor:
    return digamma(p["alpha"]) - digamma(p["alpha"] + p["beta"])


def _beta_power(p: Params, r: Tensor) -> Tensor:
    return torch.exp(log_beta(p["alpha"] + r, p["beta"]) - log_beta(p["alpha"], p["beta"]))


def _beta_mean(p: Params) -> Tensor:
    return p["alpha"] / (p["alpha"] + p["beta"])


def _beta_variance(p: Params) -> Tensor:
    a, b = p["alpha"], p["beta"]
    return a * b / ((a + b) ** 2 * (a + b + 1))


def _beta_entropy(p: Params) -> Tensor:
    a, b = p["alpha"], p["beta"]
    spread = (a - 1) * digamma(a) + (b - 1) * digamma(b) - (a + b - 2) * digamma(a + b)
    return log_beta(a, b) - spread


def _beta_cross(p: Mapping[str, Tensor], e: Mapping[str, Moment]) -> Tensor:
    a, b = p["alpha"], p["beta"]
    return log_beta(a, b) - (a - 1) * e["log"]() - (b - 1) * e["log1m"]()


BETA = register(
    Family(
        name="beta",
        title="Beta",
        group="composition",
        parameters=(
            Parameter("alpha", "a", POSITIVE, 2.0, 0.2, 10.0),
            Parameter("beta", "b", POSITIVE, 3.0, 0.2, 10.0),
        ),
        support=Support("unit", "(0, 1)", 0.0, 1.0),
        sampler=r"\gamma_a / (\gamma_a + \gamma_b)",
        density=r"\frac{z^{a-1}(1-z)^{b-1}}{B(a, b)}",
        draw=lambda p, noise: _beta_logs(p, noise).z,
        log_density=_beta_log_density,
        left=BOUNDED,
        right=BOUNDED,
        mean_of=_beta_mean,
        variance_of=_beta_variance,
        entropy_of=_beta_entropy,
        note=f"{IMPLICIT} {LOGS}",
        draw_logs=_beta_logs,
        log_density_at=_beta_log_density_at,
        at_edge=_beta_at_edge,
        expected={
            "z": _beta_mean,
            "z2": lambda p: _beta_variance(p) + _beta_mean(p) ** 2,
            "log": _beta_log,
            "log1m": lambda p: digamma(p["beta"]) - digamma(p["alpha"] + p["beta"]),
            "log2": lambda p: (
                _beta_log(p) ** 2 + trigamma(p["alpha"]) - trigamma(p["alpha"] + p["beta"])
            ),
            "power": _beta_power,
        },
        cross=Cross(("log", "log1m"), _beta_cross),
        natural=Natural(
            "beta",
            r"(\log z,\ \log(1-z))",
            lambda p: torch.stack((p["alpha"] - 1, p["beta"] - 1), -1),
            lambda n: log_beta(n[..., 0] + 1, n[..., 1] + 1),
        ),
    )
)

# -- Chi-squared ----------------------------------------------------------------------------------

_expected, _cross, _natural, _entropy = gamma_view(
    lambda p: (p["df"] / 2, torch.full_like(p["df"], 0.5))
)


def _chi_squared_logs(p: Params, noise: Noise) -> Logs:
    return _gamma_logs(p["df"] / 2, torch.full_like(p["df"], math.log(0.5)), noise)


CHI_SQUARED = register(
    Family(
        name="chi_squared",
        title="Chi-squared",
        group="composition",
        parameters=(Parameter("df", r"\nu", POSITIVE, 3.0, 0.5, 20.0),),
        support=POSITIVE_LINE,
        sampler=r"2\gamma_{\nu/2}\ (= \textstyle\sum_{i \le \nu} n_i^2 \text{ for whole } \nu)",
        density=r"\frac{z^{\nu/2-1} e^{-z/2}}{2^{\nu/2}\Gamma(\nu/2)}",
        draw=lambda p, noise: _chi_squared_logs(p, noise).z,
        log_density=lambda p, z: (
            xlogy(p["df"] / 2 - 1, z) - z / 2 - 0.5 * math.log(2) * p["df"] - lgamma(p["df"] / 2)
        ),
        left=BOUNDED,
        right=Tail("exponential", 1.0, 0.5),
        mean_of=lambda p: 1.0 * p["df"],
        variance_of=lambda p: 2 * p["df"],
        entropy_of=_entropy,
        note="A sum of squares has no derivative in ν; as a gamma variable it has. "
        f"{IMPLICIT} {LOGS}",
        expected=_expected,
        cross=_cross,
        natural=_natural,
        draw_logs=_chi_squared_logs,
        log_density_at=lambda p, x: (
            (p["df"] / 2 - 1) * x.log - x.z / 2 - 0.5 * math.log(2) * p["df"] - lgamma(p["df"] / 2)
        ),
        at_edge=lambda p, limits: _gamma_at_edge(
            p["df"] / 2, torch.full_like(p["df"], 0.5), limits
        ),
        gamma_of=lambda p: (p["df"] / 2, torch.full_like(p["df"], 0.5)),
    )
)

# -- F --------------------------------------------------------------------------------------------


def _f_draw(p: Params, noise: Noise) -> Tensor:
    a, b = p["df1"] / 2, p["df2"] / 2
    return finite_exp(noise.log_gamma(a) - noise.log_gamma(b) + torch.log(b / a))


def _f_log_density(p: Params, z: Tensor) -> Tensor:
    a, b = p["df1"] / 2, p["df2"] / 2
    ratio = a / b
    return (
        -log_beta(a, b) + a * torch.log(ratio) + xlogy(a - 1, z) - (a + b) * torch.log1p(ratio * z)
    )


def _f_power(p: Params, r: Tensor | float) -> Tensor:
    a, b = p["df1"] / 2, p["df2"] / 2
    good = b > r
    rest = torch.where(good, b - r, torch.ones_like(b))
    value = torch.exp(r * torch.log(b / a) + lgamma(a + r) - lgamma(a) + lgamma(rest) - lgamma(b))
    return where(good, value, math.inf)


def _f_variance(p: Params) -> Tensor:
    d1, d2 = p["df1"], p["df2"]
    good = d2 > 4
    d = torch.where(good, d2, torch.full_like(d2, 5.0))
    value = 2 * d**2 * (d1 + d - 2) / (d1 * (d - 2) ** 2 * (d - 4))
    return where(d2 > 2, where(good, value, math.inf), math.nan)


def _f_log(p: Params) -> Tensor:
    a, b = p["df1"] / 2, p["df2"] / 2
    return digamma(a) - digamma(b) + torch.log(b / a)


def _f_entropy(p: Params) -> Tensor:
    a, b = p["df1"] / 2, p["df2"] / 2
    return (
        log_beta(a, b)
        + (1 - a) * digamma(a)
        - (1 + b) * digamma(b)
        + (a + b) * digamma(a + b)
        + torch.log(b / a)
    )


F = register(
    Family(
        name="f",
        title="F",
        group="composition",
        parameters=(
            Parameter("df1", "d_1", POSITIVE, 4.0, 0.5, 20.0),
            Parameter("df2", "d_2", POSITIVE, 6.0, 0.5, 20.0),
        ),
        support=POSITIVE_LINE,
        sampler=r"\frac{\gamma_{d_1/2}/d_1}{\gamma_{d_2/2}/d_2}",
        density=r"\frac{(d_1/d_2)^{d_1/2} z^{d_1/2-1}}{B(d_1/2, d_2/2)}"
        r"(1 + d_1 z/d_2)^{-(d_1+d_2)/2}",
        draw=_f_draw,
        log_density=_f_log_density,
        left=BOUNDED,
        right=Tail("power", lambda p: p["df2"] / 2),
        mean_of=lambda p: _f_power(p, 1.0),
        variance_of=_f_variance,
        mean_if="d_2 > 2",
        variance_if="d_2 > 4",
        entropy_of=_f_entropy,
        note=IMPLICIT,
        expected={
            "z": lambda p: _f_power(p, 1.0),
            "z2": lambda p: _f_power(p, 2.0),
            "power": _f_power,
            "log": _f_log,
            "log2": lambda p: _f_log(p) ** 2 + trigamma(p["df1"] / 2) + trigamma(p["df2"] / 2),
        },
    )
)
