"""A store of its own for each test, without a supervisor: the tests do what the queue holds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from genlab import runs


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("GENLAB_STORE", f"sqlite:///{tmp_path}/genlab.db")
    monkeypatch.setenv("GENLAB_FILES", str(tmp_path))
    monkeypatch.setattr(runs, "ensure_supervisor", lambda: None)
    runs.configure()
    yield tmp_path
    runs.configure()
