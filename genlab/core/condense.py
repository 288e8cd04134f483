"""Many records as few: evenly spaced ones, and every extreme.

No store here: whoever has records, in whatever type, can condense them.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

import numpy as np

#: Rows of numbers in a full answer: more than a chart has pixels adds nothing.
FULL_ROWS = 1500
#: Above so many times the rows that are sent, those that are left out may hold a peak.
MANY = 4


class RecordLike(Protocol):
    """The fields of a record that are read; :class:`genlab.runs.store.Record` has them."""

    @property
    def step(self) -> int:
        """The training step."""

    @property
    def kind(self) -> str:
        """What the record is (``scalars``, ``event``, ...)."""

    @property
    def payload(self) -> Mapping[str, Any]:
        """The values of the record."""

    @property
    def time(self) -> float:
        """When the record was written, in seconds since 1970."""


R = TypeVar("R", bound=RecordLike)


def thin_with_extremes(rows: Sequence[R], most: int, names: Sequence[str]) -> list[R]:
    """At most about ``most`` rows: evenly spaced ones, and between them every extreme.

    The rows are cut into stretches. Of each stretch stay its first row and, for each series, the
    rows with the lowest and the highest value, so that no peak is lost however narrow it is. The
    last row stays.

    Args:
        rows: records in order of their steps.
        most: how many may remain.
        names: of the series.

    Example:
        >>> from genlab.runs.store import Record
        >>> rows = [Record(k, "scalars", {"a": float(k == 777)}) for k in range(1000)]
        >>> kept = thin_with_extremes(rows, 30, ["a"])
        >>> len(kept) <= 31, any(row.step == 777 for row in kept), kept[-1].step
        (True, True, 999)
    """
    stretches = max(1, most // (1 + 2 * len(names)))
    edges = np.linspace(0, len(rows), stretches + 1).astype(int)
    chosen = {*edges[:-1].tolist(), len(rows) - 1}
    for name in names:
        values = np.array([row.payload[name] for row in rows], float)
        values[~np.isfinite(values)] = np.nan
        low, high = np.nan_to_num(values, nan=np.inf), np.nan_to_num(values, nan=-np.inf)
        for start, end in itertools.pairwise(edges.tolist()):
            if end > start:
                chosen.add(start + int(low[start:end].argmin()))
                chosen.add(start + int(high[start:end].argmax()))
    return [rows[k] for k in sorted(chosen)]


def condense(records: Sequence[R]) -> list[R]:
    """Records from which the live view makes what it makes of all of them.

    Of scalars stay about :data:`FULL_ROWS`, every extreme, and the first that is not finite; of
    what else there is, everything. Fewer than :data:`MANY` times as many stay as they are.
    """
    if len(records) <= MANY * FULL_ROWS:
        return list(records)
    groups: dict[tuple[str, ...], list[R]] = {}
    kept: list[R] = []
    for record in records:
        if record.kind == "scalars" and record.payload:
            groups.setdefault(tuple(record.payload), []).append(record)
        else:
            kept.append(record)
    for names, rows in groups.items():
        share = max(3, FULL_ROWS // len(groups))
        distinct = drop_repeated_rows(rows)
        large = len(distinct) > MANY * share
        kept += thin_with_extremes(distinct, share, names) if large else distinct
        broken = next((row for row in distinct if not is_finite(row.payload)), None)
        if large and broken is not None:
            kept.append(broken)
    order = {id(record): k for k, record in enumerate(records)}
    return sorted({id(row): row for row in kept}.values(), key=lambda row: order[id(row)])


def is_finite(payload: Mapping[str, Any]) -> bool:
    """Whether every value of a record is a finite number.

    Example:
        >>> is_finite({"a": 1.0}), is_finite({"a": None}), is_finite({"a": float("nan")})
        (True, False, False)
    """
    values = payload.values()
    return None not in values and all(map(math.isfinite, values))


def drop_repeated_rows(rows: Iterable[R]) -> list[R]:
    """The rows without those that a resumed run repeated.

    Example:
        >>> from genlab.runs.store import Record
        >>> rows = [Record(step, "scalars", {}) for step in (1, 2, 3, 2, 3, 4)]
        >>> [row.step for row in drop_repeated_rows(rows)]
        [1, 2, 3, 4]
    """
    distinct: list[R] = []
    for row in rows:
        while distinct and distinct[-1].step >= row.step:
            distinct.pop()
        distinct.append(row)
    return distinct
