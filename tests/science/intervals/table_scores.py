"""Intervals of the scores of generated tables."""

from __future__ import annotations

import math

import numpy as np
import torch
from scipy import stats

from genlab.divergences.table_scores import (
    correlation_similarity,
    ks_complement,
    nearer_to_training,
    tv_complement,
)
from genlab.metrics.base import share_estimate
from tests.science.intervals.base import SERIES, Interval, ends, normal, row, source

MADE_TABLE = "genlab.metrics.table_quality:_measured"
AT_LEAST = "an upper bound of the error by the triangle inequality: it covers at least 95 %"


@row("KS complement, mean of three columns", MADE_TABLE, high=1.0, note=AT_LEAST)
def _(seed: int) -> Interval:
    torch.manual_seed(seed)
    x, y = normal(seed, 300, 3), normal(seed + 10**6, 400, 3)
    x[:, 2] = x[:, 0] + 0.1 * x[:, 2]
    y[:, 2] = y[:, 0] + 0.1 * y[:, 2]
    shifted = y + torch.tensor([0.5, 0.0, 0.5 * math.sqrt(1.01)], dtype=torch.float64)
    return ends(ks_complement(x, shifted), 1 - 2 * 0.1974127 / 3)


@row("KS complement at equal distributions", MADE_TABLE, high=1.0, note=AT_LEAST)
def _(seed: int) -> Interval:
    torch.manual_seed(seed)
    found = ks_complement(normal(seed, 300, 1), normal(seed + 10**6, 300, 1))
    return found.low, found.high, 1.0


@row("TV complement of 5 categories", MADE_TABLE, high=1.0, note=AT_LEAST)
def _(seed: int) -> Interval:
    torch.manual_seed(seed)
    p, q = torch.full((5,), 0.2), torch.tensor([0.3, 0.2, 0.2, 0.2, 0.1])
    x = torch.multinomial(p, 400, replacement=True, generator=source(seed))
    y = torch.multinomial(q, 500, replacement=True, generator=source(seed + 10**6))
    return ends(tv_complement(x[:, None], y[:, None]), 0.9)


@row("correlation similarity of one pair", MADE_TABLE)
def _(seed: int) -> Interval:
    torch.manual_seed(seed)

    def pairs(seed: int, rho: float) -> torch.Tensor:
        z = normal(seed, 500, 2)
        z[:, 1] = rho * z[:, 0] + math.sqrt(1 - rho**2) * z[:, 1]
        return z

    found = correlation_similarity(pairs(seed, 0.6), pairs(seed + 10**6, 0.4))
    assert found is not None
    return ends(found, 0.9)


@row("correlation similarity of three pairs", MADE_TABLE, high=1.0, note=AT_LEAST)
def _(seed: int) -> Interval:
    torch.manual_seed(seed)
    found = correlation_similarity(normal(seed, 300, 3), normal(seed + 10**6, 300, 3))
    assert found is not None
    return found.low, found.high, 1.0


@row("samples nearer to training rows", "genlab.metrics.table_quality:TableQuality.copies")
def _(seed: int) -> Interval:
    train, held = normal(seed, 40, 1), normal(seed + 10**6, 40, 1)
    made = normal(seed + 2 * 10**6, 500, 1)
    hits = float(nearer_to_training(train, held, made).sum())
    # The truth for these two sets: the normal mass of the cells around the training rows.
    at, order = torch.cat([train, held])[:, 0].sort()
    cuts = stats.norm.cdf(np.concatenate([[-np.inf], (at[1:] + at[:-1]).numpy() / 2, [np.inf]]))
    truth = float(np.diff(cuts)[(order < 40).numpy()].sum())
    return ends(share_estimate(SERIES, hits, 500), truth)
