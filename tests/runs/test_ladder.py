"""The worker of a long run condenses its records in a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from genlab import runs
from genlab.core import condense
from genlab.runs import foreground, ladder


def test_a_worker_writes_the_ladder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ladder, "STEP", 50)
    monkeypatch.setattr(condense, "FULL_ROWS", 20)
    runs.configure(f"sqlite:///{tmp_path}/genlab.db", tmp_path)
    small = {"model": "vae", "data": "digits", "batch": 16, "hidden": 16, "steps": 300}
    view = foreground.train(small)
    cursor, records = view.ladder()
    everything = view.read(limit=10_000)
    assert 0 < len(records) < len(everything)
    numbers = {record.seq: record for record in everything}
    assert all(numbers[record.seq] == record for record in records)
    # What the worker has not condensed yet is less than it waits for, and the last look.
    assert len([seq for seq in numbers if seq > cursor]) < 2 * 50
    runs.configure()
