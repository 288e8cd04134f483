"""The content of the live view as plain values: charts from series, columns from records.

No browser and no store here, so every number on the page can be tested without either.
"""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from genlab.core.condense import (
    FULL_ROWS,
    MANY,
    RecordLike,
    drop_repeated_rows,
    is_finite,
    thin_with_extremes,
)
from genlab.core.views import chart_group

#: Rows of numbers in one live answer; with eight series this stays below a kilobyte.
LIVE_ROWS = 12

LEVELS = ("info", "warning", "error")


def caption(series: Mapping[str, Any]) -> str:
    """Unit, kind of number and sample size, in words.

    Example:
        >>> caption({"unit": "nats", "kind": "Monte Carlo", "n": 512})
        'nats, Monte Carlo, n = 512'
        >>> caption({"unit": "", "kind": "exact", "n": 0})
        'exact'
    """
    n = int(series.get("n") or 0)
    parts = [str(series.get("unit") or ""), str(series.get("kind") or "")]
    return ", ".join([p for p in parts if p] + ([f"n = {n:,}"] if n else []))


def line_label(series: Mapping[str, Any]) -> str:
    """The label of a line: the kind of number, unless the title names it, and n.

    Example:
        >>> line_label({"title": "KL, training batch", "kind": "training batch", "n": 0})
        ''
    """
    kind_in_title = str(series.get("kind") or "") in str(series.get("title") or "")
    return caption({**series, "unit": "", "kind": "" if kind_in_title else series.get("kind")})


def charts(series: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One chart for each group and unit, in the order of the series.

    What all lines of a chart share (unit, kind, n) stands once in its ``note``; where they
    differ, each line's own ``note`` says it.

    Args:
        series: flat :class:`genlab.core.measure.Series`.

    Returns:
        Dictionaries ``key``, ``title``, ``unit``, ``note``, ``view`` (where the chart stands, and
        what it shows) and ``lines``; a line has ``name``,
        ``title``, ``note``, ``direction``, ``truth`` and ``truth_label``.

    Example:
        >>> row = {"group": "loss", "unit": "nats", "kind": "training batch", "n": 128}
        >>> chart, = charts([row | {"name": "elbo", "title": "ELBO"},
        ...                  row | {"name": "kl", "title": "KL", "kind": "exact"}])
        >>> chart["title"], chart["note"], [line["note"] for line in chart["lines"]]
        ('Loss terms', 'nats', ['training batch, n = 128', 'exact, n = 128'])
    """
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in series:
        groups.setdefault((str(row["group"]), str(row.get("unit") or "")), []).append(row)
    split = {group for group, _ in groups if sum(g == group for g, _ in groups) > 1}
    found = []
    for (group, unit), rows in groups.items():
        shared = {caption(row) for row in rows}
        same = len(shared) == 1
        about = chart_group(group)
        title = about.title
        found.append(
            {
                "key": f"{group}/{unit}",
                "title": f"{title} ({unit})" if group in split and unit else title,
                "unit": unit,
                "note": shared.pop() if same else unit,
                "view": about.view.flat(),
                "lines": [
                    {
                        "name": row["name"],
                        "title": row["title"],
                        "note": "" if same else line_label(row),
                        "direction": row.get("direction", "none"),
                        "truth": finite_or_none(row.get("truth")),
                        "truth_label": row.get("truth_label", ""),
                    }
                    for row in rows
                ],
            }
        )
    return found


def finite_or_none(value: Any) -> float | None:
    """Six significant digits, or None for what is no finite number (JSON has no NaN).

    Example:
        >>> finite_or_none(-103.2512349), finite_or_none(float("nan")), finite_or_none(None)
        (-103.251, None, None)
    """
    if value is None or not math.isfinite(value):
        return None
    return float(f"{value:.6g}")


def thin_rows(rows: Sequence[Any], most: int, every: int = 1) -> list[Any]:
    """At most about ``most`` rows, chosen by their own step and so the same in every call.

    The stride is a power of two, and the last row always stays.

    Args:
        rows: records in order of their steps.
        most: how many may remain.
        every: the steps between two rows as they were written.
    """
    stride = 1
    while len(rows) > most * stride:
        stride *= 2
    if stride == 1:
        return list(rows)
    thinned = [row for row in rows[:-1] if (row.step // every) % stride == 0]
    return [*thinned[-(most - 1) :], rows[-1]]


def blocks(records: Iterable[RecordLike], *, most: int, every: int = 1) -> list[dict[str, Any]]:
    """Scalars in columns: one block for each set of series that are written together.

    Args:
        records: records of any kind, in order; only the scalars are used.
        most: how many rows all blocks may have together, roughly.
        every: the steps between two rows of the run.

    Returns:
        Dictionaries ``step`` [s] and ``v`` {name: [value or None]}, None where not finite.

    Example:
        >>> from genlab.runs.store import Record
        >>> blocks([Record(1, "scalars", {"a": 0.5}), Record(2, "scalars", {"a": 0.25})], most=9)
        [{'step': [1, 2], 'v': {'a': [0.5, 0.25]}}]
    """
    groups: dict[tuple[str, ...], list[RecordLike]] = {}
    known: dict[tuple[str, ...], list[RecordLike]] = {}
    for record in records:
        if record.kind == "scalars" and record.payload:
            written = tuple(record.payload)
            if written not in known:
                known[written] = groups.setdefault(tuple(sorted(written)), [])
            known[written].append(record)
    found = []
    for names, rows in groups.items():
        share = max(3, most // len(groups))
        distinct = drop_repeated_rows(rows)
        if most >= FULL_ROWS and len(distinct) > MANY * share:
            thinned = thin_with_extremes(distinct, share, names)
        else:
            thinned = thin_rows(distinct, share, every)
        found.append(
            {
                "step": [row.step for row in thinned],
                "v": {
                    name: [finite_or_none(row.payload[name]) for row in thinned] for name in names
                },
            }
        )
    return found


def events(records: Iterable[RecordLike]) -> list[dict[str, Any]]:
    """What the notes say and a chart marks with a line: what changed the course of the run,
    warnings and errors, and the first number that was not one.

    Example:
        >>> from genlab.runs.store import Record
        >>> events([Record(7, "scalars", {"elbo": float("nan")})])
        [{'step': 7, 'level': 'error', 'message': 'elbo is not finite'}]
        >>> events([Record(9, "event", {"level": "info", "message": "m", "label": "fork"})])
        [{'step': 9, 'level': 'info', 'message': 'm', 'label': 'fork'}]
    """
    found: list[dict[str, Any]] = []
    broken = False
    for record in records:
        if record.kind == "event" and record.payload.get("level") in LEVELS:
            entry = {
                "step": record.step,
                "level": record.payload["level"],
                "message": str(record.payload.get("message", ""))[:300],
            }
            if "label" in record.payload:
                entry["label"] = str(record.payload["label"])[:20]
            found.append(entry)
        elif record.kind == "scalars" and not broken:
            if is_finite(record.payload):
                continue
            for name, value in record.payload.items():
                if value is None or not math.isfinite(value):
                    broken = True
                    found.append(
                        {
                            "step": record.step,
                            "level": "error",
                            "message": f"{name} is not finite",
                        }
                    )
                    break
    return found


#: A gap so many times as long as the steps in it usually take, and of so many seconds, is a rest.
REST_TIMES, REST_SECONDS = 20.0, 3.0
CLOCK_ROWS = 400


def clock(records: Iterable[RecordLike]) -> tuple[list[int], list[float]]:
    """The steps of a run and the seconds of training until each.

    By the clock on the wall, from the times of the records. Gaps in which it rested (a pause, the
    time until it was resumed) count as long as their steps usually take.

    Args:
        records: of any kind, in order; only the scalars are used.

    Returns:
        Steps, growing from 0, and seconds, growing from 0; both empty without records.

    Example:
        >>> from genlab.runs.store import Record
        >>> times = {10: 1.0, 20: 2.0, 30: 3.0, 40: 104.0, 50: 105.0}
        >>> clock([Record(step, "scalars", {}, time=t) for step, t in times.items()])
        ([0, 10, 20, 30, 40, 50], [0.0, 1.0, 2.0, 3.0, 4.0, 5.0])
    """
    last: dict[int, float] = {}
    for row in drop_repeated_rows([record for record in records if record.kind == "scalars"]):
        last[row.step] = row.time
    steps = sorted(last)
    if not steps:
        return [], []
    gaps = [(b - a, max(0.0, last[b] - last[a])) for a, b in itertools.pairwise(steps)]
    rates = sorted(seconds / n for n, seconds in gaps)
    usual = rates[len(rates) // 2] if rates else 0.0
    found, seconds = ([0], [0.0]) if steps[0] else ([], [])
    total = usual * steps[0]
    for i, step in enumerate(steps):
        if i:
            n, gap = gaps[i - 1]
            rest = gap > REST_SECONDS and gap > REST_TIMES * usual * n
            total += usual * n if rest else gap
        found.append(step)
        seconds.append(round(total, 3))
    return found, seconds


def seconds_at(steps: Sequence[int], seconds: Sequence[float], step: float) -> float:
    """The seconds of training until a step, straight between those that are known.

    Example:
        >>> seconds_at([0, 10], [0.0, 5.0], 4), seconds_at([0, 10], [0.0, 5.0], 20)
        (2.0, 5.0)
    """
    return _between(steps, seconds, step)


def step_at(steps: Sequence[int], seconds: Sequence[float], second: float) -> float:
    """The step at which a run was after so many seconds of training; its last one after that.

    Example:
        >>> step_at([0, 10], [0.0, 5.0], 2.0), step_at([0, 10], [0.0, 5.0], 99.0)
        (4.0, 10.0)
    """
    return _between(seconds, steps, second)


def _between(xs: Sequence[float], ys: Sequence[float], x: float) -> float:
    if not xs:
        return 0.0
    i = bisect.bisect_right(xs, x)
    if i == 0 or i == len(xs):
        return float(ys[0 if i == 0 else -1])
    a, b = xs[i - 1], xs[i]
    return ys[i - 1] + (ys[i] - ys[i - 1]) * (x - a) / ((b - a) or 1.0)
