"""The rows of the table of families with scipy's distributions, at two settings each."""

from __future__ import annotations

import math

import pytest
import torch
from scipy import stats

LOGISTIC = (
    lambda loc, scale: stats.logistic(loc, scale),
    [{"loc": 0.0, "scale": 1.0}, {"loc": -1.5, "scale": 0.4}],
)
MATRIX = [[1.0, 0.3], [-0.7, 0.8]]

#: scipy's distribution as a function of our parameters, and two settings.
SCIPY = {
    "exponential": (lambda rate: stats.expon(scale=1 / rate), [{"rate": 1.0}, {"rate": 2.7}]),
    "cauchy": (
        lambda loc, scale: stats.cauchy(loc, scale),
        [{"loc": 0.0, "scale": 1.0}, {"loc": 2.0, "scale": 0.3}],
    ),
    "logistic": LOGISTIC,
    "rayleigh": (lambda scale: stats.rayleigh(scale=scale), [{"scale": 1.0}, {"scale": 0.4}]),
    "pareto": (
        lambda scale, shape: stats.pareto(shape, scale=scale),
        [{"scale": 1.0, "shape": 3.0}, {"scale": 0.5, "shape": 0.8}],
    ),
    "weibull": (
        lambda scale, shape: stats.weibull_min(shape, scale=scale),
        [{"scale": 1.0, "shape": 1.5}, {"scale": 2.0, "shape": 0.7}],
    ),
    "reciprocal": (
        lambda low, high: stats.reciprocal(low, high),
        [{"low": 0.5, "high": 3.0}, {"low": 0.01, "high": 1.0}],
    ),
    "gompertz": (
        lambda shape, rate: stats.gompertz(shape, scale=1 / rate),
        [{"shape": 0.5, "rate": 1.0}, {"shape": 2.0, "rate": 0.4}],
    ),
    "gumbel": (
        lambda loc, scale: stats.gumbel_r(loc, scale),
        [{"loc": 0.0, "scale": 1.0}, {"loc": 1.0, "scale": 2.5}],
    ),
    "erlang": (
        lambda shape, rate: stats.gamma(shape, scale=1 / rate),
        [{"shape": 2.0, "rate": 1.0}, {"shape": 7.0, "rate": 3.0}],
    ),
    "laplace": (
        lambda loc, scale: stats.laplace(loc, scale),
        [{"loc": 0.0, "scale": 1.0}, {"loc": 1.0, "scale": 0.3}],
    ),
    "student_t": (
        lambda df, loc, scale: stats.t(df, loc, scale),
        [{"df": 5.0, "loc": 0.0, "scale": 1.0}, {"df": 1.3, "loc": 1.0, "scale": 0.5}],
    ),
    "logistic_location_scale": LOGISTIC,
    "uniform": (
        lambda low, high: stats.uniform(low, high - low),
        [{"low": 0.0, "high": 1.0}, {"low": -2.0, "high": 1.5}],
    ),
    "triangular": (
        lambda loc, scale: stats.triang(0.5, loc - scale, 2 * scale),
        [{"loc": 0.0, "scale": 1.0}, {"loc": 2.0, "scale": 0.7}],
    ),
    "gaussian": (
        lambda loc, scale: stats.norm(loc, scale),
        [{"loc": 0.0, "scale": 1.0}, {"loc": -1.0, "scale": 2.5}],
    ),
    "log_normal": (
        lambda loc, scale: stats.lognorm(scale, scale=math.exp(loc)),
        [{"loc": 0.0, "scale": 0.5}, {"loc": 0.7, "scale": 1.2}],
    ),
    "gamma": (
        lambda shape, rate: stats.gamma(shape, scale=1 / rate),
        [{"shape": 2.3, "rate": 1.0}, {"shape": 0.4, "rate": 3.0}],
    ),
    "beta": (
        lambda alpha, beta: stats.beta(alpha, beta),
        [{"alpha": 2.0, "beta": 3.0}, {"alpha": 0.5, "beta": 1.4}],
    ),
    "chi_squared": (lambda df: stats.chi2(df), [{"df": 3.0}, {"df": 1.2}]),
    "f": (
        lambda df1, df2: stats.f(df1, df2),
        [{"df1": 4.0, "df2": 6.0}, {"df1": 1.5, "df2": 9.0}],
    ),
}
ELLIPTICAL = [
    {"loc": [0.5, -1.0], "matrix": MATRIX, "df": 5.0},
    {"loc": [0.0, 0.0], "matrix": [[2.0, 0.0], [1.0, 0.5]], "df": math.inf},
]
DIRICHLET = [{"concentration": [2.0, 3.0, 4.0]}, {"concentration": [0.4, 0.9, 1.6, 0.2]}]
CASES = [(name, params) for name, (_, settings) in SCIPY.items() for params in settings]
IDS = [f"{name}-{i % 2}" for i, (name, _) in enumerate(CASES)]
numbers = pytest.mark.parametrize(("name", "params"), CASES, ids=IDS)


def doubles(params):
    return {k: torch.tensor(v, dtype=torch.float64) for k, v in params.items()}


def reference(name, params):
    return SCIPY[name][0](**params)
