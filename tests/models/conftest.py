"""A store in memory for the tests that train on a user's own table."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from genlab import runs


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(runs, "ensure_supervisor", lambda: None)
    runs.configure("memory:", tmp_path)
    yield tmp_path
    runs.configure()
