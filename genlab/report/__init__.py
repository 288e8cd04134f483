"""The report of a comparison: one self-contained HTML file."""

from __future__ import annotations

from collections.abc import Sequence

from genlab.runs.store import RunRow, heading_of


def name_of(row: RunRow) -> str:
    """The name of a run: its title, or its model and data."""
    return heading_of(row).name


def run_labels(rows: Sequence[RunRow]) -> dict[str, str]:
    """A distinct name for each run: its title, with the id where titles are equal."""
    titles = [name_of(row) for row in rows]
    return {
        row.id: f"{name_of(row)} ({row.id})" if titles.count(name_of(row)) > 1 else name_of(row)
        for row in rows
    }
