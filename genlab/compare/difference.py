"""The difference of a metric between two models, with an interval of the difference itself.

Whether two intervals overlap says little about the difference. If both numbers are means over the
same test examples, the interval is d̄ ± 1.96 SE(d) of the differences d_i = b_i − a_i, in which
the common difficulty of an example cancels. Otherwise the method of variance estimates recovery
combines the two intervals,

    L = b − a − √((b − l_b)² + (u_a − a)²),   U = b − a + √((u_b − b)² + (a − l_a)²),

For two Wilson intervals of shares this is Newcombe's interval; for two means ± 1.96 SE it is
Welch's, with a normal distribution. Sources: Newcombe 1998, "Interval estimation for the
difference between independent proportions"; Zou and Donner 2008, "Construction of confidence
limits about effect measures". Several differences: Holm 1979, "A simple sequentially rejective
multiple test procedure".
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Z95 = 1.959964


@dataclass(frozen=True)
class Difference:
    """b − a with a 95 % interval.

    Args:
        value: b − a.
        low, high: the interval.
        paired: whether it is over the same examples.
        n: of examples, where paired.
        p: the two-sided p-value of no difference, by a normal distribution.
    """

    value: float
    low: float
    high: float
    paired: bool
    n: int
    p: float

    @property
    def how(self) -> str:
        """How the interval was computed, in words."""
        if self.paired:
            return f"paired over {self.n:,} test examples"
        return "from the two intervals"


def paired_difference(a: NDArray[Any], b: NDArray[Any], noise: float = 0.0) -> Difference:
    """The mean of b − a over the same examples, with a 95 % interval (± 1.96 standard errors).

    Args:
        a, b: (n,), n ≥ 2.
        noise: the variance of the difference that comes from the models' own samples.

    Example:
        >>> one = paired_difference(np.array([1.0, 2.0, 3.0]), np.array([2.0, 3.0, 4.0]))
        >>> one.value, one.low, one.high, one.p
        (1.0, 1.0, 1.0, 0.0)
    """
    d = np.asarray(b, dtype=float) - np.asarray(a, dtype=float)
    mean, error = float(d.mean()), math.sqrt(d.var(ddof=1) / len(d) + noise)
    return Difference(mean, mean - Z95 * error, mean + Z95 * error, True, len(d), _p(mean, error))


def independent_difference(a: Mapping[str, Any], b: Mapping[str, Any]) -> Difference:
    """The difference b − a of two independent estimates that have intervals.

    Args:
        a, b: with ``value``, ``low`` and ``high``.

    Example:
        >>> a = {"value": 0.0, "low": -3.0, "high": 3.0}
        >>> one = independent_difference(a, {"value": 10.0, "low": 6.0, "high": 14.0})
        >>> one.low, one.high
        (5.0, 15.0)
    """
    value = b["value"] - a["value"]
    low = value - math.hypot(b["value"] - b["low"], a["high"] - a["value"])
    high = value + math.hypot(b["high"] - b["value"], a["value"] - a["low"])
    # The p-value uses the half of the interval on the side of zero.
    error = (value - low if value > 0 else high - value) / Z95
    return Difference(value, low, high, False, 0, _p(value, error))


def _p(value: float, error: float) -> float:
    if error <= 0.0 or not math.isfinite(error):
        return 0.0 if value and math.isfinite(value) and error == 0.0 else 1.0
    return math.erfc(abs(value) / error / math.sqrt(2.0))


def holm(p: Sequence[float]) -> list[float]:
    """Holm's adjusted p-values, which bound the probability of any false positive by α.

    p̃_(i) = max_{j ≤ i} min(1, (m − j + 1) p_(j)), the p-values in order.

    Example:
        >>> holm([0.01, 0.04, 0.03])
        [0.03, 0.06, 0.06]
    """
    order = sorted(range(len(p)), key=lambda i: p[i])
    found, most = [0.0] * len(p), 0.0
    for rank, i in enumerate(order):
        most = max(most, min(1.0, (len(p) - rank) * p[i]))
        found[i] = most
    return found


def state_verdict(
    one: Difference, adjusted: float, direction: str, first: str, second: str
) -> str:
    """The verdict: "better" where the interval excludes zero and Holm's p-value is below 5 %.

    Args:
        one: second − first.
        adjusted: its p-value by Holm.
        direction: the better direction: ``lower``, ``higher``, ``none``.
        first, second: the names of the two.

    Example:
        >>> d = paired_difference(np.array([1.0, 2.0, 3.0]), np.array([2.0, 3.5, 4.0]))
        >>> state_verdict(d, d.p, "lower", "A", "B")
        'A is better'
    """
    if direction == "none":
        return ""
    if one.low <= 0.0 <= one.high:
        return "no difference shown"
    better = second if (one.value > 0) == (direction == "higher") else first
    if adjusted > 0.05:
        return (
            f"{better} is better in this comparison alone, but not after Holm's correction for "
            "all of them"
        )
    return f"{better} is better"


@dataclass(frozen=True)
class Line:
    """One row of the table of differences.

    Args:
        name, title: of the metric.
        second: which run is compared with the first.
        difference: second − first.
        adjusted: the p-value by Holm over the whole table.
        words: the verdict.
    """

    name: str
    title: str
    second: str
    difference: Difference
    adjusted: float
    words: str


def differences(found: Mapping[str, Mapping[str, Any]]) -> list[Line]:
    """Compare every metric that the first run shares with another.

    Args:
        found: by the runs' titles, the first being the one with which the others are compared:
            ``metrics``, flat, each with ``name``, ``title``, ``direction``; ``examples``, a digest
            of the test examples; ``values.<name>`` (n,), its values at them; ``noise``, the
            variance of a metric by other things than the examples. A metric without values, or
            over other examples, is compared by its interval.
    """
    titles = list(found)
    rows: list[tuple[Mapping[str, Any], str, Difference]] = []
    for second in titles[1:]:
        one, two = found[titles[0]], found[second]
        others = {row["name"]: row for row in two["metrics"]}
        for row in one["metrics"]:
            # A p-value and a number without a better direction are not compared.
            other = others.get(row["name"])
            if other is None or row.get("direction") == "none" or row["name"] == "c2st_p":
                continue
            # A number that is not finite, as of a run that diverged, is not compared either.
            if finite(row) and finite(other):
                rows.append((row, second, _between(row, other, one, two)))
    adjusted = holm([difference.p for _, _, difference in rows])
    return [
        Line(
            str(row["name"]),
            str(row["title"]),
            second,
            difference,
            p,
            state_verdict(difference, p, str(row["direction"]), titles[0], second),
        )
        for (row, second, difference), p in zip(rows, adjusted, strict=True)
    ]


def finite(row: Mapping[str, Any]) -> bool:
    """Whether a number and its interval are finite; JSON has None for those that are not.

    Example:
        >>> finite({"value": 1.0, "low": 0.0, "high": None})
        False
    """
    ends = (row["value"], row["low"], row["high"])
    return all(end is not None and math.isfinite(end) for end in ends)


def _between(
    row: Mapping[str, Any],
    other: Mapping[str, Any],
    one: Mapping[str, Any],
    two: Mapping[str, Any],
) -> Difference:
    a, b = (side.get(f"values.{row['name']}") for side in (one, two))
    same = one.get("examples") and one.get("examples") == two.get("examples")
    if a is not None and b is not None and same and len(a) == len(b) and len(a) > 1:
        if not (np.isfinite(a).all() and np.isfinite(b).all()):
            return independent_difference(row, other)
        noise = sum(float(side.get("noise", {}).get(row["name"], 0.0)) for side in (one, two))
        return paired_difference(a, b, noise)
    return independent_difference(row, other)
