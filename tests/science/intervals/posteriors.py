"""Intervals of the summaries of a posterior, by MCMC and by ADVI."""

from __future__ import annotations

import functools
import math
from types import SimpleNamespace
from typing import Any

import torch

from genlab.inference.advi import ADVI
from genlab.inference.constraints import Real
from genlab.inference.log_joint_models import LogJointModel
from genlab.inference.log_joints import LogJoint, Parameter
from genlab.inference.mcmc import Draws
from tests.science.intervals.base import Interval, ends, normal, row


def _chains(seed: int) -> torch.Tensor:
    """Four chains of 1,000 draws, an autoregression of 0.6 around 2 with sd 1.25."""
    e = normal(seed, 1000, 4)
    x = [e[0] / math.sqrt(1 - 0.36)]
    for step in e[1:]:
        x.append(0.6 * x[-1] + step)
    return torch.stack(x) + 2.0


@row("posterior mean by MCMC", "genlab.inference.mcmc:Draws.estimate")
def _(seed: int) -> Interval:
    values = _chains(seed)
    draws = Draws({"a": values}, values.unsqueeze(-1), 0.8, 0)
    return ends(draws.estimate("a")["a"], 2.0)


def _summaries(seed: int) -> dict[str, Any]:
    values = _chains(seed)
    stub = SimpleNamespace(truth=lambda: None, numbers=lambda: {"a": values}, _agreement=list)
    return {one.series.name: one for one in LogJointModel.estimates(stub)}  # type: ignore[arg-type]


@row(
    "posterior mean over a run's draws",
    "genlab.inference.log_joint_models:LogJointModel.estimates",
)
def _(seed: int) -> Interval:
    return ends(_summaries(seed)["posterior_mean_a"], 2.0)


@row(
    "posterior sd over a run's draws", "genlab.inference.log_joint_models:LogJointModel.estimates"
)
def _(seed: int) -> Interval:
    return ends(_summaries(seed)["posterior_sd_a"], 1.25)


@functools.cache
def _advi() -> tuple[Any, Any]:
    target = LogJoint([Parameter("a", Real())], lambda v: -0.5 * v["a"].square() / 4.0)
    method = ADVI(target, eta=0.1)
    return method, method.init(0)


@row("ELBO by ADVI", "genlab.inference.advi:ADVI.elbo")
def _(seed: int) -> Interval:
    method, state = _advi()
    # q = N(0, 1): E log p = −1/8, and the entropy ½ log 2πe.
    truth = -0.125 + 0.5 * math.log(2 * math.pi * math.e)
    return ends(method.elbo(state, 300, seed=seed, averaged=False), truth)
