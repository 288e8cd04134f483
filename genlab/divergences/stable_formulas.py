"""Formulas of the f-divergences in a form that loses no digits: l = log u, the log of p/q."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from genlab.divergences.f import INF, Domain, Map, log_wright_omega


def within(domain: Domain, inside: float, formula: Map) -> Map:
    """The formula inside the domain and +inf outside; its gradient is never NaN."""

    def conjugate(t: Tensor) -> Tensor:
        ok = domain.contains(t)
        value = formula(torch.where(ok, t, torch.full_like(t, inside)))
        outside = torch.where(t.isnan(), t, torch.full_like(t, INF))
        return torch.where(ok, value, outside)

    return conjugate


def identity(v: Tensor) -> Tensor:
    """v itself."""
    return v


def log_one_minus_exp(x: Tensor) -> Tensor:
    """log(1 − e^x) for x < 0."""
    return torch.log(-torch.expm1(x))


def absolute_difference(log_p: Tensor, log_q: Tensor) -> Tensor:
    """|p − q| without cancellation."""
    return torch.maximum(log_p, log_q).exp() * -torch.expm1(-(log_p - log_q).abs())


def chi_squared(a: Tensor, b: Tensor) -> Tensor:
    """(p − q)²/q from a = log p, b = log q, with the larger of the two factored out."""
    l = a - b
    return (b + 2.0 * l.clamp(min=0.0)).exp() * torch.expm1(-l.abs()).square()


def jeffrey_conjugate(t: Tensor) -> Tensor:
    """The conjugate of (u − 1) log u: w + 1/w + t − 2 with w = W(e^{1−t})."""
    y = log_wright_omega(1.0 - t)
    return torch.expm1(-y) - y


def expm1_over(a: float, v: Tensor) -> Tensor:
    """(e^{av} − 1)/a, which tends to v as a tends to 0."""
    # Below this the difference is below the precision of float64, and 1/a may overflow.
    return v if abs(a) < 1e-20 else torch.expm1(a * v) / a


def log_mixture_ratio(weight: float, l: Tensor) -> Tensor:
    """log(1 − w + w e^l), to full relative precision around l = 0."""
    near = l.abs() < 1.0
    around = torch.log1p(weight * torch.expm1(torch.where(near, l, torch.zeros_like(l))))
    rest = torch.full_like(l, math.log1p(-weight))
    return torch.where(near, around, torch.logaddexp(rest, l + math.log(weight)))
