"""A backup, made while a run is there, and restored elsewhere, as docs/serving.md says."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest
import torch

from genlab import runs
from genlab.core.run_spec import RunSpec
from genlab.runs import foreground

SMALL: dict[str, Any] = {"model": "vae", "data": "digits", "batch": 16, "hidden": 16, "steps": 20}


def test_what_was_backed_up_is_there_again_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "ensure_supervisor", lambda: None)
    live, backup, again = (tmp_path / name for name in ("live", "backup", "again"))
    for folder in (live, backup):
        folder.mkdir()
    runs.configure(f"sqlite:///{live}/genlab.db", live / "files")
    done = foreground.train(SMALL, title="kept").id
    waiting = runs.start(RunSpec.build(**SMALL))
    with sqlite3.connect(live / "genlab.db") as link:
        link.execute("VACUUM INTO ?", (str(backup / "genlab.db"),))
    shutil.copytree(live / "files", backup / "files")
    before = runs.open_run(done).model().state_dict()
    runs.delete(done)
    shutil.copytree(backup, again)
    runs.configure(f"sqlite:///{again}/genlab.db", again / "files")
    view = runs.open_run(done)
    assert view.row.title == "kept"
    assert view.snapshots()[-1] == 20
    assert len(view.read(limit=1000)) > 0
    after = view.model().state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert foreground.resume(waiting).row.status == "done"
    runs.configure()
