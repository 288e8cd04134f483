"""The quality of the generated rows of a table: columns, pairs of columns, and copies."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from genlab.core.measure import Estimate, Series
from genlab.data.base import Dataset
from genlab.data.schema import spans
from genlab.data.table_rows import to_rows
from genlab.distributions.columns.base import is_named
from genlab.divergences.table_scores import (
    Score,
    correlation_similarity,
    ks_at_equal_distributions,
    ks_complement,
    nearer_to_training,
    tv_at_equal_distributions,
    tv_complement,
)
from genlab.metrics.base import METRICS, WILSON, Metric, MetricValue, Subject, share_estimate
from genlab.probes.common import generated_examples

CENTRED = "± the 95 % point of the centred bootstrap, 200 resamples of whole rows"
#: Generated rows, at most; values of a column that is compared by shares, at most.
ROWS, KINDS = 2000, 20


def discrete_columns(data: Dataset) -> tuple[list[int], list[int]]:
    """The columns of a table compared by shares of values, and those by distribution functions."""
    schema = data.meta.schema
    by_share = [
        k
        for k, column in enumerate(schema)
        if is_named(column) or column.type == "binary" or column.type == "ordinal"
    ]
    return by_share, [k for k in range(len(schema)) if k not in by_share]


def real_rows(data: Dataset, x: Tensor, observed: Tensor | None) -> Tensor:
    """Real rows in the file's units, NaN where an entry was missing, (n, p)."""
    rows = to_rows(data.meta, x).values.copy()
    if observed is not None:
        first = [a for a, _ in spans(data.meta.schema)]
        rows[~observed[: len(rows)][:, first].numpy()] = np.nan
    return torch.from_numpy(rows)


def for_distances(data: Dataset, x: Tensor) -> Tensor:
    """Rows for Euclidean distances: standardised, two categories one apart."""
    scale = torch.ones(x.shape[1])
    for column, (a, b) in zip(data.meta.schema, spans(data.meta.schema), strict=True):
        if column.indicators:
            scale[a:b] = 0.5**0.5
    return x * scale


@METRICS.register("table_quality", title="Columns, correlations and copies of a table")
class TableQuality(Metric):
    """KS and TV complements, correlation similarity, and the share of rows nearer to training.

    Source: SDMetrics, "Quality report"; copies: Meehan, Chaudhuri and Dasgupta 2020, "A
    non-parametric test to detect data-copying in generative models".
    """

    @classmethod
    def fits(cls, subject: Subject) -> bool:
        return bool(subject.data.meta.schema) and len(subject.x) > 2

    def measure(self, subject: Subject) -> list[MetricValue]:
        data = subject.data
        n = max(len(subject.x), min(ROWS, 1000))
        fake, _ = generated_examples(subject.model, data, n)
        real = real_rows(data, subject.x, data.test.observed)
        made = torch.from_numpy(to_rows(data.meta, fake).values)
        shares, curves = discrete_columns(data)
        found = []
        if curves:
            equal = 1 - ks_at_equal_distributions(len(real), n)
            score = ks_complement(real[:, curves], made[:, curves])
            what = f"KS complement, mean of {_columns(len(curves))}"
            found.append(_measured("ks_complement", what, score, equal, len(real) + n))
        if shares:
            equal = 1 - _expected_tv(real[:, shares], n)
            score = tv_complement(real[:, shares], made[:, shares])
            what = f"TV complement, mean of {_columns(len(shares))} of categories"
            found.append(_measured("tv_complement", what, score, equal, len(real) + n))
        numbers = [k for k, column in enumerate(data.meta.schema) if not column.indicators]
        pairs = correlation_similarity(real[:, numbers], made[:, numbers])
        if pairs is not None:
            count = len(pairs.each)
            what = f"correlation similarity, mean of {count:,} pair{'s' * (count != 1)}"
            found.append(_measured("correlation_similarity", what, pairs, None, len(real) + n))
        return [*found, self.copies(data, fake)]

    def copies(self, data: Dataset, fake: Tensor) -> MetricValue:
        """The share of generated rows nearer to training rows than to as many held-out ones."""
        held_out = torch.cat([data.validation.x, data.test.x])[:ROWS]
        train = data.train.x
        chosen = torch.randperm(len(train))[: len(held_out)]
        held_out = held_out[: len(chosen)]
        nearer = nearer_to_training(
            for_distances(data, train[chosen]),
            for_distances(data, held_out),
            for_distances(data, fake),
        )
        series = Series(
            "test_nearer_to_training",
            f"share of samples nearer to {len(chosen):,} training rows than to as many held-out",
            "copies",
            "share",
            "Monte Carlo",
            len(fake),
            "none",
            0.5,
            "no copies",
        )
        return MetricValue(share_estimate(series, float(nearer.sum()), len(fake)), WILSON)


def _columns(n: int) -> str:
    return f"{n:,} column{'s' * (n != 1)}"


def _expected_tv(real: Tensor, n: int) -> float:
    """The mean of the TV distances that samples of the real shares would have."""
    found = []
    for column in real.T:
        there = column[~column.isnan()]
        shares = torch.unique(there, return_counts=True)[1] / max(1, len(there))
        found.append(tv_at_equal_distributions(shares.tolist(), max(1, len(there)), n))
    return sum(found) / len(found)


def _measured(name: str, what: str, score: Score, equal: float | None, n: int) -> MetricValue:
    series = Series(
        f"test_{name}",
        f"{what}, test rows",
        "similarity",
        "1 at equal distributions",
        "Monte Carlo",
        n,
        "higher",
        equal,
        "equal distributions at this n" if equal is not None else "",
    )
    return MetricValue(Estimate(score.value, series, score.low, score.high), CENTRED)
