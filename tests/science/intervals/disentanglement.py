"""Intervals of the scores of disentanglement."""

from __future__ import annotations

import numpy as np
from scipy import stats

from genlab.metrics.disentanglement import informativeness, mig_estimate, sap_estimate
from tests.science.intervals.base import Interval, ends, row

VALUES = (3, 4, 8)
MIXING = np.array([[1.0, 0, 0], [0, 0.6, 0], [0, 0, 0.4], [0.5, 0, 0.1], [0, 0.3, 0], [0, 0, 0]])
EVERY = np.stack(np.meshgrid(*map(np.arange, VALUES), indexing="ij"), -1).reshape(-1, 3)


def _codes(seed: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    v = np.column_stack([draw.integers(0, k, n) for k in VALUES])
    return v @ MIXING.T + draw.normal(size=(n, len(MIXING))), v


def _mig_truth(z: np.ndarray) -> float:
    """MIG of the distribution of the codes, cut at the bins of this sample."""
    table = np.zeros((3, len(MIXING)))
    for j, weight in enumerate(MIXING):
        edges = np.linspace(z[:, j].min(), z[:, j].max(), 21)
        edges[0], edges[-1] = -np.inf, np.inf
        p = np.diff(stats.norm.cdf(edges[None] - (EVERY @ weight)[:, None]), axis=1) / len(EVERY)
        for k, count in enumerate(VALUES):
            q = np.stack([p[EVERY[:, k] == c].sum(0) for c in range(count)])
            outer = q.sum(1, keepdims=True) * q.sum(0)
            table[k, j] = (q[q > 0] * np.log(q[q > 0] / outer[q > 0])).sum()
    best = np.sort(table, axis=1)
    return float(((best[:, -1] - best[:, -2]) / np.log(VALUES)).mean())


for _n in (1000, 2000):

    @row(f"MIG, {_n:,} examples", "genlab.metrics.disentanglement:_gap_estimate",
         "genlab.metrics.disentanglement:_estimate",
         note="for the bins of the sample at hand")  # fmt: skip
    def _(seed: int, n: int = _n) -> Interval:
        z, v = _codes(seed, n)
        return *mig_estimate(z, v).interval, _mig_truth(z)


@row("SAP", "genlab.metrics.disentanglement:_gap_estimate")
def _(seed: int) -> Interval:
    spread = np.array([(k * k - 1) / 12 for k in VALUES])
    share = MIXING**2 * spread
    table = np.sort((share / (1.0 + share.sum(1, keepdims=True))).T, axis=1)
    truth = float((table[:, -1] - table[:, -2]).mean())
    return *sap_estimate(*_codes(seed, 1000)).interval, truth


@row("informativeness of DCI", "genlab.metrics.disentanglement:informativeness")
def _(seed: int) -> Interval:
    right = np.random.default_rng(seed).random((250, 3)) < (0.9, 0.7, 0.5)
    return ends(informativeness(right.mean(axis=1)), 0.7)
