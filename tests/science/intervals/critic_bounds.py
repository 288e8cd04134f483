"""Intervals of the bounds that a critic or a classifier gives."""

from __future__ import annotations

import functools
import math
from typing import Any

import torch
from scipy import stats
from torch.nn.functional import softplus

from genlab.divergences.f import F
from genlab.divergences.jensen_shannon import js_bound
from genlab.divergences.quadrature import (
    bound_from_samples,
)
from genlab.metrics.c2st import _judge
from genlab.metrics.critic_bound import _f_bound
from tests.science.intervals.base import Interval, ends, expectation, normal, row


def _scores(seed: int, n: int) -> tuple[torch.Tensor, torch.Tensor]:
    z = normal(seed, 2, n)
    return 1.0 + 1.5 * z[0], -1.0 + 1.5 * z[1]


@functools.cache
def _true_js() -> float:
    real = expectation(lambda v: -softplus(-v), 1.0, 1.5)
    fake = expectation(lambda v: -softplus(v), -1.0, 1.5)
    return 0.5 * (real + fake) + math.log(2.0)


@row(
    "JS bound by the critic",
    "genlab.metrics.critic_bound:CriticBound.measure",
    "genlab.divergences.jensen_shannon:js_bound",
)
def _(seed: int) -> Interval:
    value, error = js_bound(*_scores(seed, 300))
    return value - 1.96 * error, value + 1.96 * error, _true_js()


@functools.cache
def _true_bound(name: str) -> float:
    f = F[name]
    return expectation(f.activation, 0.3, 0.5) - expectation(f.conjugate_of_activation, -0.2, 0.5)


def _mild(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    z = normal(seed, 2, 500)
    return 0.3 + 0.5 * z[0], -0.2 + 0.5 * z[1]


for _name in ("kl", "squared_hellinger", "alpha"):

    @row(f"f-divergence bound by the critic, {_name}", "genlab.metrics.critic_bound:_f_bound",
         "genlab.divergences.quadrature:bound_from_samples")  # fmt: skip
    def _(seed: int, name: str = _name) -> Interval:
        direct = bound_from_samples(F[name], *_mild(seed), score=True)
        one = _f_bound(F[name], *_mild(seed))
        assert (direct.low, direct.high) == (one.low, one.high)
        return ends(one, _true_bound(name))


def _verdict(seed: int, name: str) -> Any:
    trusted = _scores(seed + 10**6, 300)
    found = _judge(trusted, _scores(seed, 400))
    return next(one for one in found if one.series.name == name), trusted


@row(
    "JS bound by C2ST",
    "genlab.metrics.c2st:_estimate",
    "genlab.metrics.c2st:_judge",
)
def _(seed: int) -> Interval:
    return ends(_verdict(seed, "c2st_js")[0], _true_js())


@functools.cache
def _clipped(name: str, clip: float) -> float:
    """The bound of the clipped critic, exactly; the kinks need a fine grid."""
    z = torch.linspace(-9.0, 9.0, 200_001, dtype=torch.float64)
    weight = torch.exp(-0.5 * z.square())
    weight = weight / weight.sum()
    f = F[name]
    real = f.critic((1.0 + 1.5 * z).clamp(-clip, clip))
    fake = f.conjugate(f.critic((-1.0 + 1.5 * z).clamp(-clip, clip)))
    return float(weight @ real - weight @ fake)


for _name in ("kl", "reverse_kl"):

    @row(f"{_name} bound by C2ST, its clip chosen on other examples",
         "genlab.metrics.c2st:_judge")  # fmt: skip
    def _(seed: int, name: str = _name) -> Interval:
        from genlab.metrics.c2st import CLIPS, SEEN, _kl

        one, trusted = _verdict(seed, f"c2st_{name}")
        able = [c for c in CLIPS if c <= math.log(400 / SEEN)]
        clip = max(able, key=lambda c: _kl(name, *trusted, c).value)
        return ends(one, _clipped(name, clip))


@row("accuracy of the C2ST, Wilson", "genlab.metrics.c2st:_judge")
def _(seed: int) -> Interval:
    one, _ = _verdict(seed, "c2st_accuracy")
    return ends(one, float(stats.norm.cdf(1.0 / 1.5)))
