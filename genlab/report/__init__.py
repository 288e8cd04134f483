"""A comparison as one file to keep: HTML that needs nothing else."""

from __future__ import annotations

from collections.abc import Sequence

from genlab.runs.store import RunRow


def name_of(row: RunRow) -> str:
    """What a run is called: its title, or what it is made of."""
    return row.title or f"{row.spec.get('model', '?')} on {row.spec.get('data', '?')}"


def run_labels(rows: Sequence[RunRow]) -> dict[str, str]:
    """What each run is called beside the others: its title, with the id where titles are equal."""
    titles = [name_of(row) for row in rows]
    return {
        row.id: f"{name_of(row)} ({row.id})" if titles.count(name_of(row)) > 1 else name_of(row)
        for row in rows
    }
