"""Answers to the live view as plain values: a run's new records, and the times of its steps.

The routes give these answers to a browser that watches a run, and a hand-out holds them for one
that replays it.
"""

from __future__ import annotations

import json
import math
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

from genlab.core.condense import FULL_ROWS, condense
from genlab.figures import live as figures
from genlab.report.time_cursor import run_clock
from genlab.runs.catalog import RunView
from genlab.runs.ladder import read_on
from genlab.runs.store import ACTIVE, Record, RunRow


def to_json(values: Mapping[str, Any]) -> bytes:
    """Encode values as compact JSON; a NaN raises an error, because JSON has none."""
    return json.dumps(values, separators=(",", ":"), allow_nan=False).encode()


def run_status(row: RunRow) -> dict[str, Any]:
    """The status of a run as plain values."""
    left = row.steps - row.step
    eta = left / row.speed if row.status == "running" and row.speed > 0 else None
    return {
        "status": row.status,
        "step": row.step,
        "steps": row.steps,
        "speed": figures.finite_or_none(row.speed) or 0,
        "eta": None if eta is None else math.ceil(eta),
        "position": row.position,
        "message": row.message,
        "attempt": row.attempt,
    }


def new_frames(records: Sequence[Record]) -> dict[str, list[int]]:
    """The steps with new pictures, by panel."""
    found: dict[str, list[int]] = {}
    for record in records:
        if record.kind == "frame":
            for panel in record.payload.get("panels", ()):
                found.setdefault(panel, []).append(record.step)
    return found


_KEPT: OrderedDict[tuple[str, float], tuple[int, list[Record]]] = OrderedDict()
_KEEPING = threading.Lock()
#: Runs whose condensed records this process keeps.
MOST_KEPT = 16


def read_all(view: RunView) -> tuple[int, list[Record]]:
    """The records of a run, condensed where they are many, and the cursor of the last of them.

    Those of a long run are kept by its worker in a file, and by this process, so that who opens it
    waits for the new ones alone.
    """
    key = view.id, view.row.created
    with _KEEPING:
        after, known = _KEPT.get(key, (0, []))
    if not known:
        after, known = view.ladder()
    last, new = read_on(view.read, after)
    records = condense([*known, *new])
    if known or len(records) < len(new):
        with _KEEPING:
            _KEPT[key] = last, records
            _KEPT.move_to_end(key)
            while len(_KEPT) > MOST_KEPT:
                _KEPT.popitem(last=False)
    return last, records


def delta_values(view: RunView, since: int = 0) -> dict[str, Any]:
    """What is new in a run.

    Args:
        view: the run.
        since: the cursor of the last record that is known; 0 gives everything, with the
            descriptions of the charts.
    """
    row = view.row
    every = max(1, row.steps // 500)
    after, records = read_on(view.read, since) if since else read_all(view)
    most = figures.LIVE_ROWS if since else FULL_ROWS
    values = run_status(row) | {
        "seq": after,
        "rows": figures.blocks(records, most=most, every=every),
        "events": figures.events(records),
    }
    if since:
        # The numbers of a step are here before the run says once a second where it stands.
        values["step"] = max([row.step, *(record.step for record in records)])
        values["frames"] = new_frames(records)
    else:
        values |= {
            "id": view.id,
            "active": row.status in ACTIVE,
            "charts": figures.charts(row.series),
            "frames": view.frames(),
        }
    return {k: v for k, v in values.items() if v not in ({}, [])}


def clock_values(view: RunView) -> dict[str, list[Any]]:
    """Some steps of a run and the seconds of training until each."""
    steps, seconds = run_clock(view)
    pairs = list(zip(steps, seconds, strict=True))
    thinned = pairs[:: max(1, len(pairs) // figures.CLOCK_ROWS)]
    if pairs and thinned[-1] != pairs[-1]:
        thinned.append(pairs[-1])
    return {"step": [step for step, _ in thinned], "seconds": [second for _, second in thinned]}
