"""Posterior predictive checks against what normal tables are known to do."""

from __future__ import annotations

import math

import pytest
import torch
from scipy import stats
from torch import Tensor

from genlab.metrics.predictive import checks

ROWS, TABLES = 400, 2000


class Normals:
    """Tables of a column that stays and one that is drawn from N(0, 1)."""

    def __init__(self, seen: Tensor) -> None:
        self.seen = seen

    def replicate(self, n: int) -> tuple[Tensor, Tensor]:
        made = self.seen.expand(n, -1, -1).clone()
        made[..., 1] = torch.randn(n, len(self.seen), dtype=self.seen.dtype)
        return self.seen, made


def found(shift: float, scale: float) -> dict[str, object]:
    # The quantiles of N(0, 1): a sample whose mean is 0 and whose spread is very nearly 1.
    at = (torch.arange(ROWS, dtype=torch.float64) + 0.5) / ROWS
    column = shift + scale * torch.special.ndtri(at)
    table = torch.stack([torch.arange(ROWS, dtype=torch.float64), column], 1)
    seen = checks(Normals(table), TABLES, 0)  # type: ignore[arg-type]
    assert {one.column for one in seen} == {1}
    return {one.statistic: one for one in seen}


def test_statistics_of_normal_tables_have_the_spread_of_theory() -> None:
    rows = found(0.0, 1.0)
    half = stats.norm.ppf(0.975) / math.sqrt(ROWS)
    mean, spread = rows["mean"], rows["standard deviation"]
    assert mean.low == pytest.approx(-half, rel=0.08)  # type: ignore[attr-defined]
    assert mean.high == pytest.approx(half, rel=0.08)  # type: ignore[attr-defined]
    assert mean.p == pytest.approx(0.5, abs=0.05)  # type: ignore[attr-defined]
    edges = [math.sqrt(v / (ROWS - 1)) for v in stats.chi2(ROWS - 1).ppf([0.025, 0.975])]
    assert [spread.low, spread.high] == pytest.approx(edges, rel=0.01)  # type: ignore[attr-defined]
    # The largest of 400: P(max ≥ t) = 1 − Φ(t)^400.
    largest = rows["largest"]
    exact = 1 - stats.norm.cdf(largest.observed) ** ROWS  # type: ignore[attr-defined]
    assert largest.p == pytest.approx(exact, abs=0.04)  # type: ignore[attr-defined]


def test_what_the_model_cannot_make_has_an_extreme_p() -> None:
    shifted, wide = found(0.5, 1.0), found(0.0, 1.5)
    assert shifted["mean"].p == 0.0  # type: ignore[attr-defined]
    assert wide["standard deviation"].p == 0.0  # type: ignore[attr-defined]
    assert wide["smallest"].p > 0.99  # type: ignore[attr-defined]
    assert 0.4 < wide["mean"].p < 0.6  # type: ignore[attr-defined]
