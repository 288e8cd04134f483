"""Intervals of differences against scipy's, their coverage, and verdict."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from genlab.compare.difference import (
    Z95,
    differences,
    holm,
    independent_difference,
    paired_difference,
    state_verdict,
)
from genlab.core.measure import Series
from genlab.metrics.base import share_estimate
from genlab.report.tables import table

SHARE = Series("a", "a", "g", "probability", "Monte Carlo")


def test_a_paired_difference_is_the_interval_of_the_differences() -> None:
    source = np.random.default_rng(0)
    hard = source.normal(0.0, 5.0, 400)  # what is hard for both
    a, b = hard + source.normal(0.0, 0.3, 400), hard + source.normal(0.1, 0.3, 400)
    one = paired_difference(a, b)
    exact = stats.norm.interval(0.95, loc=(b - a).mean(), scale=stats.sem(b - a))
    assert (one.low, one.high) == pytest.approx(exact, rel=1e-6)
    assert one.p == pytest.approx(
        2 * stats.norm.sf(abs((b - a).mean()) / stats.sem(b - a)), rel=1e-5
    )
    assert (one.paired, one.n) == (True, 400)
    # The two intervals by themselves overlap and would have said nothing.
    apart = independent_difference(
        *(
            {
                "value": x.mean(),
                "low": x.mean() - Z95 * stats.sem(x),
                "high": x.mean() + Z95 * stats.sem(x),
            }
            for x in (a, b)
        )
    )
    assert apart.low < 0 < apart.high
    assert one.low > 0


def test_two_shares_give_newcombes_interval() -> None:
    """Newcombe 1998, table II: 56/70 and 48/80, method 10: 0.0524 to 0.3339."""
    rows = [share_estimate(SHARE, hits, n).flat() for hits, n in ((48, 80), (56, 70))]
    one = independent_difference(*rows)
    assert one.value == pytest.approx(0.2)
    assert (one.low, one.high) == pytest.approx((0.0524, 0.3339), abs=5e-5)
    back = independent_difference(*reversed(rows))
    assert (back.low, back.high) == pytest.approx((-one.high, -one.low))


def test_the_intervals_hold_what_they_promise() -> None:
    """Of 600 differences of truth 0.2 about 95 % lie in their interval, paired or not."""
    source = np.random.default_rng(1)
    hits = {"paired": 0, "joined": 0}
    for _ in range(600):
        a, b = source.normal(0.0, 1.0, 80), source.normal(0.2, 2.0, 80)
        one = paired_difference(a, b)
        two = independent_difference(
            *(
                {
                    "value": x.mean(),
                    "low": x.mean() - Z95 * stats.sem(x),
                    "high": x.mean() + Z95 * stats.sem(x),
                }
                for x in (a, b)
            )
        )
        hits["paired"] += one.low <= 0.2 <= one.high
        hits["joined"] += two.low <= 0.2 <= two.high
    for count in hits.values():
        assert 0.92 * 600 <= count <= 0.98 * 600


def test_holms_p_values() -> None:
    p = [0.001, 0.04, 0.02, 0.9]
    assert holm(p) == pytest.approx([0.004, 0.08, 0.06, 0.9])
    assert holm([]) == []
    assert holm([0.6, 0.5]) == pytest.approx([1.0, 1.0])


def test_better_is_said_where_the_interval_excludes_zero_and_the_number_has_a_better_end() -> None:
    up = paired_difference(np.array([1.0, 2.0, 3.0]), np.array([2.0, 3.1, 4.0]))
    none = paired_difference(np.array([0.0, 1.0]), np.array([1.0, 0.0]))
    assert state_verdict(up, 0.01, "higher", "A", "B") == "B is better"
    assert state_verdict(up, 0.01, "lower", "A", "B") == "A is better"
    assert "Holm" in state_verdict(up, 0.2, "lower", "A", "B")
    assert state_verdict(up, 0.01, "none", "A", "B") == ""
    assert state_verdict(none, 1.0, "higher", "A", "B") == "no difference shown"


def metric(name: str, value: float, half: float, direction: str = "higher") -> dict[str, object]:
    ends = {"value": value, "low": value - half, "high": value + half}
    return {"name": name, "title": name, "direction": direction, **ends}


def test_pairs_are_made_of_the_same_examples_only() -> None:
    values = np.linspace(0.0, 9.0, 50)
    a = {"metrics": [metric("m", 4.5, 1.0), metric("own", 0.0, 1.0)], "examples": "x"}
    b = {"metrics": [metric("m", 5.5, 1.0)], "examples": "x"}
    a["values.m"], b["values.m"] = values, values + 1.0
    (line,) = differences({"A": a, "B": b})
    assert line.difference.paired
    assert (line.difference.low, line.words) == (pytest.approx(1.0), "B is better")
    (line,) = differences({"A": a, "B": b | {"examples": "others"}})
    assert not line.difference.paired
    assert line.difference.low == pytest.approx(1.0 - 2**0.5)
    assert line.words == "no difference shown"
    assert differences({"A": a}) == []
    assert differences({"A": {"metrics": [metric("m", 1.0, 0.1, "none")]}, "B": b}) == []


def test_what_is_not_finite_is_not_compared() -> None:
    a, b = {"metrics": [metric("m", 1.0, 0.1)]}, {"metrics": [metric("m", 2.0, 0.1)]}
    for wrong in (None, float("nan"), float("inf")):
        broken = {"metrics": [metric("m", 1.0, 0.1) | {"value": wrong, "high": wrong}]}
        assert differences({"A": a, "B": broken}) == []
        assert differences({"A": broken, "B": b}) == []
    (line,) = differences({"A": a, "B": b})
    assert line.words == "B is better"
    head, body = table(
        {"A": [metric("m", 1.0, 0.1) | {"value": None, "unit": "", "kind": "exact"}]}
    )
    assert body[0][1].startswith("not finite [0.9")
    assert len(head) == len(body[0])
