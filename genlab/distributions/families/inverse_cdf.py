"""Group 1 of Kingma & Welling 2013, section 2.4: z = F⁻¹(u), u ~ U(0, 1)."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, xlogy

from genlab.distributions.families.base import Cross, Family, Moment, Natural, register
from genlab.distributions.families.noise import Noise
from genlab.distributions.families.parameters import (
    COUNT,
    LOC,
    POSITIVE,
    RATE,
    SCALE,
    Parameter,
    Params,
    above,
)
from genlab.distributions.families.special import (
    EULER,
    finite_exp,
    from_moments,
    gamma_view,
    lgamma,
    over_exponential,
    weibull_view,
    where,
)
from genlab.distributions.families.supports import BOUNDED, POSITIVE_LINE, REAL_LINE, Support, Tail

# -- Exponential ----------------------------------------------------------------------------------

_UNIT_SHAPE = gamma_view(lambda p: (torch.ones_like(p["rate"]), p["rate"]))


def _exponential_abs(p: Params, c: Tensor) -> Tensor:
    rate = p["rate"]
    right = c.clamp_min(0)
    return torch.where(c > 0, c - 1 / rate + 2 * torch.exp(-rate * right) / rate, 1 / rate - c)


EXPONENTIAL = register(
    Family(
        name="exponential",
        title="Exponential",
        group="inverse CDF",
        parameters=(RATE,),
        support=POSITIVE_LINE,
        sampler=r"-\log(1 - u)/\lambda",
        density=r"\lambda e^{-\lambda z}",
        draw=lambda p, noise: noise.exponential() / p["rate"],
        log_density=lambda p, z: torch.log(p["rate"]) - p["rate"] * z,
        left=BOUNDED,
        right=Tail("exponential", 1.0, lambda p: p["rate"]),
        mean_of=lambda p: 1 / p["rate"],
        variance_of=lambda p: 1 / p["rate"] ** 2,
        entropy_of=lambda p: 1 - torch.log(p["rate"]),
        expected={**_UNIT_SHAPE[0], "abs": _exponential_abs},
        # The exponential as a prior needs no E log z.
        cross=Cross(("z",), lambda p, e: -torch.log(p["rate"]) + p["rate"] * e["z"]()),
        natural=_UNIT_SHAPE[2],
    )
)

# -- Cauchy ---------------------------------------------------------------------------------------

CAUCHY = register(
    Family(
        name="cauchy",
        title="Cauchy",
        group="inverse CDF",
        parameters=(LOC, SCALE),
        support=REAL_LINE,
        sampler=r"a + b \tan(\pi (u - \tfrac12))",
        density=r"\frac{1}{\pi b\,(1 + ((z-a)/b)^2)}",
        draw=lambda p, noise: p["loc"] + p["scale"] * torch.tan(math.pi * (noise.uniform() - 0.5)),
        log_density=lambda p, z: (
            -torch.log(math.pi * p["scale"]) - torch.log1p(((z - p["loc"]) / p["scale"]) ** 2)
        ),
        left=Tail("power", 1.0),
        right=Tail("power", 1.0),
        mean_of=None,
        variance_of=None,
        mean_if="never",
        variance_if="never",
        entropy_of=lambda p: torch.log(4 * math.pi * p["scale"]),
        note="There is no mean: averages of draws do not converge, and neither do estimates of "
        "d E[z]/dθ. "
        "Expectations of bounded functions and their derivatives exist.",
    )
)

# -- Logistic -------------------------------------------------------------------------------------


def logistic_draw(p: Params, noise: Noise) -> Tensor:
    """a + b log(u/(1−u))."""
    u = noise.uniform()
    return p["loc"] + p["scale"] * (torch.log(u) - torch.log1p(-u))


def logistic_log_density(p: Params, z: Tensor) -> Tensor:
    """log of the logistic density, stable in both tails."""
    y = ((z - p["loc"]) / p["scale"]).abs()
    return -y - 2 * torch.log1p(torch.exp(-y)) - torch.log(p["scale"])


def logistic_variance(p: Params) -> Tensor:
    """π² b² / 3."""
    return (math.pi * p["scale"]) ** 2 / 3


def _logistic_mgf(p: Params, t: Tensor) -> Tensor:
    x = math.pi * p["scale"] * t
    good = (x.abs() < math.pi) & (x != 0)
    safe = torch.where(good, x, torch.ones_like(x))
    ratio = torch.where(x == 0, torch.ones_like(x), safe / torch.sin(safe))
    return where(x.abs() < math.pi, torch.exp(p["loc"] * t) * ratio, math.inf)


def _logistic_abs(p: Params, c: Tensor) -> Tensor:
    y = (c - p["loc"]) / p["scale"]
    return p["scale"] * (y + 2 * torch.nn.functional.softplus(-y))


LOGISTIC_EXPECTED: dict[str, Moment] = {
    **from_moments(lambda p: p["loc"], logistic_variance),
    "exp": _logistic_mgf,
    "abs": _logistic_abs,
}
EXPONENTIAL_TAIL = Tail("exponential", 1.0, lambda p: 1 / p["scale"])

LOGISTIC = register(
    Family(
        name="logistic",
        title="Logistic",
        group="inverse CDF",
        parameters=(LOC, SCALE),
        support=REAL_LINE,
        sampler=r"a + b \log\frac{u}{1-u}",
        density=r"\frac{e^{-y}}{b\,(1+e^{-y})^2},\ y = (z-a)/b",
        draw=logistic_draw,
        log_density=logistic_log_density,
        left=EXPONENTIAL_TAIL,
        right=EXPONENTIAL_TAIL,
        mean_of=lambda p: p["loc"],
        variance_of=logistic_variance,
        entropy_of=lambda p: torch.log(p["scale"]) + 2,
        expected=LOGISTIC_EXPECTED,
    )
)

# -- Rayleigh -------------------------------------------------------------------------------------

_rayleigh, _rayleigh_entropy = weibull_view(
    lambda p: (math.sqrt(2) * p["scale"], torch.full_like(p["scale"], 2.0))
)

RAYLEIGH = register(
    Family(
        name="rayleigh",
        title="Rayleigh",
        group="inverse CDF",
        parameters=(Parameter("scale", r"\sigma", POSITIVE, 1.0, 0.1, 3.0),),
        support=POSITIVE_LINE,
        sampler=r"\sigma \sqrt{-2 \log(1 - u)}",
        density=r"\frac{z}{\sigma^2} e^{-z^2 / 2\sigma^2}",
        draw=lambda p, noise: p["scale"] * torch.sqrt(2 * noise.exponential()),
        log_density=lambda p, z: (
            torch.log(z) - 2 * torch.log(p["scale"]) - 0.5 * (z / p["scale"]) ** 2
        ),
        left=BOUNDED,
        right=Tail("exponential", 2.0, lambda p: 1 / p["scale"]),
        mean_of=lambda p: p["scale"] * math.sqrt(math.pi / 2),
        variance_of=lambda p: (2 - math.pi / 2) * p["scale"] ** 2,
        entropy_of=_rayleigh_entropy,
        expected=_rayleigh,
        cross=Cross(
            ("log", "z2"),
            lambda p, e: (
                2 * torch.log(p["scale"]) - e["log"]() + e["z2"]() / (2 * p["scale"] ** 2)
            ),
        ),
        natural=Natural(
            "rayleigh",
            "z^2",
            lambda p: (-0.5 / p["scale"] ** 2).unsqueeze(-1),
            lambda n: -torch.log(-2 * n[..., 0]),
        ),
    )
)

# -- Pareto ---------------------------------------------------------------------------------------


def _pareto_power(p: Params, r: Tensor | float) -> Tensor:
    shape, scale = p["shape"], p["scale"]
    good = shape > r
    gap = torch.where(good, shape - r, torch.ones_like(shape))
    return where(good, shape * scale**r / gap, math.inf)


def _pareto_variance(p: Params) -> Tensor:
    good = p["shape"] > 2
    a = torch.where(good, p["shape"], torch.full_like(p["shape"], 3.0))
    return where(good, p["scale"] ** 2 * a / ((a - 1) ** 2 * (a - 2)), math.inf)


def _pareto_log(p: Params) -> Tensor:
    return torch.log(p["scale"]) + 1 / p["shape"]


PARETO = register(
    Family(
        name="pareto",
        title="Pareto",
        group="inverse CDF",
        parameters=(
            Parameter("scale", "x_m", POSITIVE, 1.0, 0.1, 3.0, score="biased"),
            Parameter("shape", r"\alpha", POSITIVE, 3.0, 0.5, 6.0),
        ),
        support=Support("above", r"[x_m, \infty)", lambda p: p["scale"]),
        sampler=r"x_m (1 - u)^{-1/\alpha}",
        density=r"\alpha x_m^\alpha z^{-\alpha-1}",
        draw=lambda p, noise: p["scale"] * finite_exp(noise.exponential() / p["shape"], 3.0),
        log_density=lambda p, z: (
            torch.log(p["shape"])
            + p["shape"] * torch.log(p["scale"])
            - (p["shape"] + 1) * torch.log(z)
        ),
        left=BOUNDED,
        right=Tail("power", lambda p: p["shape"]),
        mean_of=lambda p: _pareto_power(p, 1.0),
        variance_of=_pareto_variance,
        mean_if=r"\alpha > 1",
        variance_if=r"\alpha > 2",
        entropy_of=lambda p: torch.log(p["scale"] / p["shape"]) + 1 + 1 / p["shape"],
        expected={
            "z": lambda p: _pareto_power(p, 1.0),
            "z2": lambda p: _pareto_power(p, 2.0),
            "power": _pareto_power,
            "log": _pareto_log,
            "log2": lambda p: _pareto_log(p) ** 2 + 1 / p["shape"] ** 2,
        },
        cross=Cross(
            ("log",),
            lambda p, e: (
                -torch.log(p["shape"])
                - p["shape"] * torch.log(p["scale"])
                + (p["shape"] + 1) * e["log"]()
            ),
        ),
    )
)

# -- Weibull --------------------------------------------------------------------------------------

_weibull, _weibull_entropy = weibull_view(lambda p: (p["scale"], p["shape"]))


def _weibull_log_density(p: Params, z: Tensor) -> Tensor:
    y, k = z / p["scale"], p["shape"]
    return torch.log(k / p["scale"]) + xlogy(k - 1, y) - y**k


def _weibull_cross(p: Mapping[str, Tensor], e: Mapping[str, Moment]) -> Tensor:
    scale, k = p["scale"], p["shape"]
    log_scale = torch.log(scale)
    tail = e["power"](k) * torch.exp(-k * log_scale)
    return -torch.log(k) + k * log_scale - (k - 1) * e["log"]() + tail


WEIBULL = register(
    Family(
        name="weibull",
        title="Weibull",
        group="inverse CDF",
        parameters=(
            Parameter("scale", r"\lambda", POSITIVE, 1.0, 0.1, 3.0),
            Parameter("shape", "k", POSITIVE, 1.5, 0.5, 5.0),
        ),
        support=POSITIVE_LINE,
        sampler=r"\lambda\,(-\log(1 - u))^{1/k}",
        density=r"\frac{k}{\lambda} (z/\lambda)^{k-1} e^{-(z/\lambda)^k}",
        draw=lambda p, noise: p["scale"] * noise.exponential() ** (1 / p["shape"]),
        log_density=_weibull_log_density,
        left=BOUNDED,
        right=Tail("exponential", lambda p: p["shape"], lambda p: 1 / p["scale"]),
        mean_of=_weibull["z"],
        variance_of=lambda p: _weibull["z2"](p) - _weibull["z"](p) ** 2,
        entropy_of=_weibull_entropy,
        expected=_weibull,
        cross=Cross(("log", "power"), _weibull_cross),
    )
)

# -- Reciprocal -----------------------------------------------------------------------------------


def _log_ratio(p: Mapping[str, Tensor]) -> Tensor:
    return torch.log(p["high"] / p["low"])


def _reciprocal_draw(p: Params, noise: Noise) -> Tensor:
    z = p["low"] * torch.exp(noise.uniform() * _log_ratio(p))
    return torch.minimum(z, p["high"])  # rounding may step over the edge


def _reciprocal_power(p: Params, r: Tensor | float) -> Tensor:
    ratio = _log_ratio(p)
    return p["low"] ** r * torch.expm1(r * ratio) / (r * ratio)


def _reciprocal_log(p: Params) -> Tensor:
    return 0.5 * (torch.log(p["low"]) + torch.log(p["high"]))


RECIPROCAL = register(
    Family(
        name="reciprocal",
        title="Reciprocal (log-uniform)",
        group="inverse CDF",
        parameters=(
            Parameter("low", "a", POSITIVE, 0.5, 0.1, 2.0, score="biased"),
            Parameter("high", "b", above("low"), 3.0, 2.1, 6.0, score="biased"),
        ),
        support=Support("positive interval", "[a, b]", lambda p: p["low"], lambda p: p["high"]),
        sampler="a\\,(b/a)^u",
        density=r"\frac{1}{z \log(b/a)}",
        draw=_reciprocal_draw,
        log_density=lambda p, z: -torch.log(z) - torch.log(_log_ratio(p)),
        left=BOUNDED,
        right=BOUNDED,
        mean_of=lambda p: _reciprocal_power(p, 1.0),
        variance_of=lambda p: _reciprocal_power(p, 2.0) - _reciprocal_power(p, 1.0) ** 2,
        entropy_of=lambda p: _reciprocal_log(p) + torch.log(_log_ratio(p)),
        expected={
            "z": lambda p: _reciprocal_power(p, 1.0),
            "z2": lambda p: _reciprocal_power(p, 2.0),
            "power": _reciprocal_power,
            "log": _reciprocal_log,
            "log2": lambda p: _reciprocal_log(p) ** 2 + _log_ratio(p) ** 2 / 12,
        },
        cross=Cross(("log",), lambda p, e: e["log"]() + torch.log(_log_ratio(p))),
    )
)

# -- Gompertz -------------------------------------------------------------------------------------


def _gompertz_moment(p: Params, order: int) -> Tensor:
    """E[z^n] = E[(log(1 + e/η)/b)^n]; for n = 1 it is e^η E₁(η)/b."""
    inverse = 1 / p["shape"]
    value = over_exponential(lambda e: torch.log1p(e * inverse.unsqueeze(-1)) ** order, inverse)
    return value / p["rate"] ** order


def _gompertz_mean(p: Params) -> Tensor:
    return _gompertz_moment(p, 1)


GOMPERTZ = register(
    Family(
        name="gompertz",
        title="Gompertz",
        group="inverse CDF",
        parameters=(
            Parameter("shape", r"\eta", POSITIVE, 0.5, 0.1, 3.0),
            Parameter("rate", "b", POSITIVE, 1.0, 0.2, 3.0),
        ),
        support=POSITIVE_LINE,
        sampler=r"\log(1 - \log(1 - u)/\eta)/b",
        density=r"b\,\eta\,e^{\eta + bz - \eta e^{bz}}",
        draw=lambda p, noise: torch.log1p(noise.exponential() / p["shape"]) / p["rate"],
        log_density=lambda p, z: (
            torch.log(p["rate"] * p["shape"])
            + p["rate"] * z
            - p["shape"] * torch.expm1(p["rate"] * z)
        ),
        left=BOUNDED,
        right=Tail("double exponential", 1.0, lambda p: p["rate"]),
        mean_of=_gompertz_mean,
        variance_of=lambda p: _gompertz_moment(p, 2) - _gompertz_moment(p, 1) ** 2,
        entropy_of=lambda p: (
            1 - torch.log(p["rate"] * p["shape"]) - p["rate"] * _gompertz_moment(p, 1)
        ),
        note="The mean is e^η E₁(η)/b; it and the variance, which has no elementary form, are "
        "computed by a quadrature that is exact to round-off.",
        expected={"z": _gompertz_mean},
        cross=Cross(
            ("z", "exp"),
            lambda p, e: (
                -torch.log(p["rate"] * p["shape"])
                - p["shape"]
                - p["rate"] * e["z"]()
                + p["shape"] * e["exp"](p["rate"])
            ),
        ),
    )
)

# -- Gumbel ---------------------------------------------------------------------------------------


def _gumbel_log_density(p: Params, z: Tensor) -> Tensor:
    y = (z - p["loc"]) / p["scale"]
    return -y - torch.exp(-y) - torch.log(p["scale"])


def _gumbel_variance(p: Params) -> Tensor:
    return (math.pi * p["scale"]) ** 2 / 6


def _gumbel_mean(p: Params) -> Tensor:
    return p["loc"] + EULER * p["scale"]


def _gumbel_mgf(p: Params, t: Tensor) -> Tensor:
    good = p["scale"] * t < 1
    gap = torch.where(good, 1 - p["scale"] * t, torch.ones_like(p["scale"] * t))
    return where(good, torch.exp(p["loc"] * t + lgamma(gap)), math.inf)


def _gumbel_cross(p: Mapping[str, Tensor], e: Mapping[str, Moment]) -> Tensor:
    a, b = p["loc"], p["scale"]
    return torch.log(b) + (e["z"]() - a) / b + torch.exp(a / b) * e["exp"](-1 / b)


GUMBEL = register(
    Family(
        name="gumbel",
        title="Gumbel",
        group="inverse CDF",
        parameters=(LOC, SCALE),
        support=REAL_LINE,
        sampler=r"a - b \log(-\log u)",
        density=r"\frac1b e^{-y - e^{-y}},\ y = (z-a)/b",
        draw=lambda p, noise: p["loc"] - p["scale"] * torch.log(-torch.log(noise.uniform())),
        log_density=_gumbel_log_density,
        left=Tail("double exponential", 1.0, lambda p: 1 / p["scale"]),
        right=EXPONENTIAL_TAIL,
        mean_of=_gumbel_mean,
        variance_of=_gumbel_variance,
        entropy_of=lambda p: torch.log(p["scale"]) + EULER + 1,
        expected={**from_moments(_gumbel_mean, _gumbel_variance), "exp": _gumbel_mgf},
        cross=Cross(("z", "exp"), _gumbel_cross),
    )
)

# -- Erlang ---------------------------------------------------------------------------------------

_expected, _cross, _natural, _entropy = gamma_view(lambda p: (p["shape"], p["rate"]))


def _erlang_draw(p: Params, noise: Noise) -> Tensor:
    k = p["shape"]
    most = int(k.detach().max().item()) if k.numel() else 1
    e = noise.exponential(most)
    used = torch.arange(most, device=e.device) < k.unsqueeze(-1)
    return (e * used).sum(-1) / p["rate"]


ERLANG = register(
    Family(
        name="erlang",
        title="Erlang",
        group="inverse CDF",
        parameters=(
            Parameter("shape", "k", COUNT, 2.0, 1.0, 10.0, continuous=False),
            RATE,
        ),
        support=POSITIVE_LINE,
        sampler=r"-\tfrac1\lambda \textstyle\sum_{i \le k} \log(1 - u_i)",
        density=r"\frac{\lambda^k}{(k-1)!} z^{k-1} e^{-\lambda z}",
        draw=_erlang_draw,
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
        note="The inverse of the regularised gamma function has no closed form; the sum of k "
        "logarithms has the same distribution. The shape is a whole number, so there is only a "
        "derivative in the rate; the Gamma row also has one in the shape.",
        expected=_expected,
        cross=_cross,
        natural=_natural,
    )
)
