"""Posterior predictive checks: whether replicated data look like the observed data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from genlab.core.random import scope
from genlab.models.bayesian import HasDraws

#: The statistics of a column of a table, (..., N) -> (...).
STATISTICS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "mean": lambda x: x.mean(-1),
    "standard deviation": lambda x: x.std(-1),
    "smallest": lambda x: x.amin(-1),
    "largest": lambda x: x.amax(-1),
}


@dataclass(frozen=True)
class Check:
    """One statistic of one column of the table.

    Args:
        column: index of the column.
        statistic: its name.
        observed: its value in the data.
        low, high: the interval that holds its value in 95 % of the replicated tables.
        p: the share of the replicated tables in which it is at least as large, with ties half.
    """

    column: int
    statistic: str
    observed: float
    low: float
    high: float
    p: float


def checks(model: HasDraws, n: int = 200, seed: int = 0) -> list[Check]:
    """p = Pr(T(x^rep) ≥ T(x) | x) of each statistic of each column that the model explains.

    A value near 0 or 1 means that the model does not generate such data. A column that is the same
    in every replicated table is not explained by the model, and is left out.

    Source: Gelman, Meng and Stern 1996, "Posterior predictive assessment of model fitness".

    Args:
        model: with draws of a posterior.
        n: tables drawn anew.
        seed: of the draws.
    """
    with scope(seed, "predictive check"), torch.no_grad():
        rows, replicated = model.replicate(n)
    rows, replicated = rows.double(), replicated.double()
    found = []
    for column in range(rows.shape[1]):
        if torch.equal(replicated[..., column], rows[:, column].expand(n, -1)):
            continue
        for name, statistic in STATISTICS.items():
            observed, drawn = statistic(rows[:, column]), statistic(replicated[..., column])
            low, high = torch.quantile(drawn, torch.tensor([0.025, 0.975], dtype=drawn.dtype))
            p = ((drawn > observed).double() + 0.5 * (drawn == observed)).mean()
            found.append(Check(column, name, float(observed), float(low), float(high), float(p)))
    return found
