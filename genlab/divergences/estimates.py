"""Reports of divergences: an :class:`~genlab.core.measure.Estimate` with its error.

An infinite divergence is a valid result: the value is ``inf``, and :func:`text` says so.
"""

from __future__ import annotations

import math

from genlab.core.measure import Direction, Estimate, Kind, Series

#: Half the width of a 95 % interval in standard errors.
Z95 = 1.959963984540054


def estimate(
    name: str,
    title: str,
    value: float,
    *,
    kind: Kind,
    unit: str,
    error: float = 0.0,
    n: int = 0,
    direction: Direction = "lower",
) -> Estimate:
    """An estimate whose interval is the value ± ``error``.

    Args:
        error: half the width of the interval, in the unit of the value; ignored for an infinite
            value.
    """
    series = Series(name, title, "divergence", unit, kind, n, direction)
    if not math.isfinite(value):
        return Estimate(value, series, value, value)
    return Estimate(value, series, value - error, value + error)


def text(row: Estimate, digits: int = 4) -> str:
    """The estimate as a reader sees it: number, error, unit, kind, sample size.

    Example:
        >>> text(estimate("w1", "W1", 2.0, kind="Monte Carlo", unit="", error=0.01, n=500))
        '2.0000 ± 0.0100 (Monte Carlo, n = 500)'
        >>> text(estimate("kl", "KL", math.inf, kind="exact", unit="nats"))
        'infinite (exact)'
    """
    how = row.series.kind + (f", n = {row.series.n}" if row.series.n else "")
    if math.isnan(row.value):
        return f"not a number ({how})"
    if math.isinf(row.value):
        return f"{'−' if row.value < 0 else ''}infinite ({how})"
    half = (row.high - row.low) / 2.0
    error = f" ± {half:.{digits}f}" if half >= 0.5 * 10.0**-digits else ""
    unit = "" if row.series.unit in ("", "dimensionless") else f" {row.series.unit}"
    return f"{row.value:.{digits}f}{error}{unit} ({how})"
