"""The output activations that runs were trained with before the activations were centred.

The rows ``alpha`` and ``js_weighted`` had the activation sup T − log(1 + e^{−v}). Its exact score
at p = q is far from 0: about −1/(1 − α) for α below 1, where f* of a fresh critic's score leaves
float32. New runs take the centred activations of :mod:`genlab.divergences.f_divergences`, whose
exact score is log r. The weights of an older run are only valid with the activation they were
trained with.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid, softplus

from genlab.divergences.f import FDivergence
from genlab.divergences.stable_formulas import log_one_minus_exp


def _log_softplus(x: Tensor) -> Tensor:
    """log log(1 + e^x), which tends to x − e^x/2 where the inner logarithm underflows."""
    far = x < -20.0
    near = torch.where(far, torch.zeros_like(x), x)
    tail = torch.where(far, x, torch.full_like(x, -20.0))
    return torch.where(far, tail - tail.exp() / 2, softplus(near).log())


def _inverse_of_negative_softplus(log_s: Tensor) -> Tensor:
    """v with log(1 + e^{−v}) = s, from log s: v = −log(e^s − 1)."""
    s = log_s.exp()
    return torch.where(log_s < -20.0, -log_s - s / 2, -s - log_one_minus_exp(-s))


def _alpha(row: FDivergence, alpha: float) -> FDivergence:
    if alpha > 1.0:
        return dataclasses.replace(
            row,
            activation=lambda v: v,
            conjugate_of_activation=row.conjugate,
            score=row.critic,
            latex=dataclasses.replace(row.latex, activation="v"),
        )
    power, top = alpha / (alpha - 1.0), 1.0 / (1.0 - alpha)
    log_rest = math.log(1.0 - alpha)

    def composed(v: Tensor) -> Tensor:
        return torch.expm1(power * (log_rest + _log_softplus(-v))) / alpha

    def score(l: Tensor) -> Tensor:
        return _inverse_of_negative_softplus((alpha - 1.0) * l - log_rest)

    text = r"\tfrac{1}{1-\alpha}-\log(1+e^{-v})"
    return dataclasses.replace(
        row,
        activation=lambda v: top - softplus(-v),
        conjugate_of_activation=composed,
        score=score,
        latex=dataclasses.replace(row.latex, activation=text),
    )


def _js_weighted(row: FDivergence, pi: float) -> FDivergence:
    log_pi, log_rest = math.log(pi), math.log1p(-pi)

    def composed(v: Tensor) -> Tensor:
        # 1 − σ(v)^{1/π}; for a large score its logarithm is that of log(1 + e^{−v})/π.
        log_y = _log_softplus(-v) - log_pi
        y = log_y.exp()
        far = v > 20.0
        near = log_one_minus_exp(-torch.where(far, torch.ones_like(y), y))
        return (1.0 - pi) * (log_rest - torch.where(far, log_y - y / 2.0, near))

    def score(l: Tensor) -> Tensor:
        # log(log(1 + e^x)) with x = log((1 − π)/π) − l, times π.
        return _inverse_of_negative_softplus(_log_softplus(log_rest - log_pi - l) + log_pi)

    text = r"-\pi\log\pi-\log(1+e^{-v})"
    return dataclasses.replace(
        row,
        activation=lambda v: -pi * log_pi + logsigmoid(v),
        conjugate_of_activation=composed,
        score=score,
        latex=dataclasses.replace(row.latex, activation=text),
    )


_ORIGINAL: dict[str, Callable[[FDivergence, float], FDivergence]] = {
    "alpha": _alpha,
    "js_weighted": _js_weighted,
}


def original_activation(row: FDivergence) -> FDivergence:
    """The same divergence with the output activation of earlier runs; other rows are unchanged.

    Example:
        >>> from genlab.divergences.f import F
        >>> old, zero = original_activation(F["alpha"].with_parameter(0.8)), torch.zeros(1)
        >>> round(float(old.activation(zero) - old.conjugate_of_activation(zero)))
        -3379
    """
    if row.name not in _ORIGINAL or row.parameter is None:
        return row
    return _ORIGINAL[row.name](row, row.parameter.value)
