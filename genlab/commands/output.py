"""What a command prints: JSON for programs, sentences for users, and its exit status."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from genlab.runs.catalog import RunView


def print_json(value: Mapping[str, Any]) -> None:
    """One JSON object on one line."""
    print(json.dumps(value, allow_nan=False), flush=True)


def run_summary(view: RunView) -> dict[str, Any]:
    """The status of a run, with its last numbers."""
    from genlab.runs.catalog import summary

    last: dict[str, float] = {}
    cursor = 0
    while batch := view.read(after=cursor, limit=5000, kinds={"scalars"}):
        cursor = batch[-1].seq
        for record in batch:
            last.update({k: v for k, v in record.payload.items() if v is not None})
    return {**summary(view.row), "last": last}


def exit_status(view: RunView) -> int:
    """0 for a run that is done, 1 for a run that failed."""
    return 0 if view.row.status in {"done", "stopped", "queued", "running", "paused"} else 1


def progress_watchers(quiet: bool, steps: int) -> list[Any]:
    """The observers that print the progress of a training to standard error."""
    if quiet:
        return []
    from genlab.runs.progress import Bar

    return [Bar(steps)]


def tell_end(view: RunView) -> int:
    """Print how a run ended; its exit status."""
    answer = run_summary(view)
    if answer["message"]:
        print(answer["message"], file=sys.stderr)
    print_json(answer)
    return exit_status(view)


def tell_share(part: float, words: str) -> None:
    """Print the progress of a job for users."""
    print(f"{100 * part:3.0f} %  {words}", file=sys.stderr)
