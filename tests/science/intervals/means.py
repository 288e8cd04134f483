"""Intervals of means, shares, ratios, and of differences between two runs."""

from __future__ import annotations

import numpy as np
import torch

from genlab.compare.difference import independent_difference, paired_difference
from genlab.latent.scores import ratio
from genlab.metrics.annealed import Annealed, annealed_estimate
from genlab.metrics.base import T7, mean_estimate, ratio_estimate, share_estimate
from genlab.metrics.variational import active_units
from tests.science.intervals.base import SERIES, Interval, ends, normal, row, source


@row("mean over 1,000 test examples, skewed", "genlab.metrics.base:mean_estimate")
def _(seed: int) -> Interval:
    x = torch.empty(1000, dtype=torch.float64).exponential_(generator=source(seed))
    return ends(mean_estimate(SERIES, x), 1.0)


@row("mean over 8 sets, Student's t", "genlab.metrics.base:mean_estimate",
     "genlab.metrics.grid_divergence:GridDivergence.measure")  # fmt: skip
def _(seed: int) -> Interval:
    return ends(mean_estimate(SERIES, normal(seed, 8), T7), 0.0)


@row("share, Wilson", "genlab.metrics.base:share_estimate")
def _(seed: int) -> Interval:
    hits = int(np.random.default_rng(seed).binomial(500, 0.83))
    return ends(share_estimate(SERIES, hits, 500), 0.83)


def _pairs(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    draw = np.random.default_rng(seed)
    below = 5.0 + draw.poisson(20.0, 400)
    above = -3.0 * below + np.sqrt(below) * 2.0 * draw.normal(size=400)
    return torch.from_numpy(above), torch.from_numpy(below)


@row("log p(word), a ratio", "genlab.metrics.base:ratio_estimate",
     "genlab.metrics.word_bound:WordBound.measure")  # fmt: skip
def _(seed: int) -> Interval:
    return ends(ratio_estimate(SERIES, *_pairs(seed)), -3.0)


@row("gain per change of an attribute", "genlab.latent.scores:ratio")
def _(seed: int) -> Interval:
    above, below = _pairs(seed)
    value, error = ratio(above.numpy()[:, None], below.numpy())
    return float(value[0] - 1.96 * error[0]), float(value[0] + 1.96 * error[0]), -3.0


@row("active units, bootstrap", "genlab.metrics.variational:active_units", high=1.0,
     note="a count: it cannot hit 95 %, and covers at least that")  # fmt: skip
def _(seed: int) -> Interval:
    variances = torch.linspace(0.0085, 0.0115, 8, dtype=torch.float64)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        one = active_units(normal(seed, 300, 8) * variances.sqrt())
    return ends(one, float((variances > 0.01).sum()))


@row("annealed importance sampling, over examples", "genlab.metrics.annealed:annealed_estimate")
def _(seed: int) -> Interval:
    found = annealed_estimate(Annealed(normal(seed, 1, 200) - 4.0, 1.0), 10)
    return ends(found, -4.0)


# -- differences between two runs -----------------------------------------------------------------


@row("difference over the same examples", "genlab.compare.difference:paired_difference")
def _(seed: int) -> Interval:
    z = normal(seed, 3, 300).numpy()
    return ends(paired_difference(3.0 * z[0] + z[1], 3.0 * z[0] + z[2] + 0.2), 0.2)


@row(
    "difference over the same examples, with noise of samples",
    "genlab.compare.difference:paired_difference",
)
def _(seed: int) -> Interval:
    z, own = normal(seed, 3, 300).numpy(), normal(seed + 10**6, 2).numpy() * 0.1
    a, b = 3.0 * z[0] + z[1] + own[0], 3.0 * z[0] + z[2] + 0.2 + own[1]
    return ends(paired_difference(a, b, noise=0.02), 0.2)


@row("difference of two intervals, shares", "genlab.compare.difference:independent_difference")
def _(seed: int) -> Interval:
    draw = np.random.default_rng(seed)
    sides = []
    for n, p in ((300, 0.9), (500, 0.8)):
        one = share_estimate(SERIES, int(draw.binomial(n, p)), n)
        sides.append({"value": one.value, "low": one.low, "high": one.high})
    return ends(independent_difference(*sides), -0.1)
