"""A backup, made while a run is there, and restored elsewhere, as docs/serving.md says."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from pathlib import Path
from typing import Any

import pytest
import torch

from genlab import runs
from genlab.core.errors import RunNotFound
from genlab.core.run_spec import RunSpec
from genlab.runs import access, foreground, rooms
from genlab.testing.servers import empty_bucket, empty_database, postgres_program

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


def test_a_dump_of_postgresql_and_a_copy_of_the_bucket_are_restored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fsspec

    monkeypatch.setattr(runs, "ensure_supervisor", lambda: None)
    dump, restore = map(postgres_program, ("pg_dump", "pg_restore"))
    with empty_database() as live, empty_database() as again, empty_bucket() as bucket:
        runs.configure(live, bucket)
        done = foreground.train(SMALL, title="kept").id
        with access.acting_as(access.Actor("ada")):
            room = rooms.open_room(runs.store()).code
            waiting = runs.start(RunSpec.build(**SMALL))
        file = str(tmp_path / "genlab.pg")
        plain = [url.replace("+psycopg", "") for url in (live, again)]
        subprocess.run([dump, "--format=custom", f"--file={file}", plain[0]], check=True)
        s3 = fsspec.filesystem("s3", skip_instance_cache=True)
        s3.get(bucket, str(tmp_path / "files"), recursive=True)
        before = runs.open_run(done).model().state_dict()
        last = runs.open_run(done).read(limit=1000)[-1].seq
        later = foreground.train(SMALL).id
        runs.delete(done)
        runs.configure()

        s3.put(str(tmp_path / "files"), f"{bucket}-again", recursive=True)
        words = ["--exit-on-error", "--no-owner", f"--dbname={plain[1]}", file]
        subprocess.run([restore, *words], check=True)
        runs.configure(again, f"{bucket}-again")
        assert {row.id for row in runs.store().runs()} == {done, waiting}
        with pytest.raises(RunNotFound):
            runs.open_run(later)
        after = runs.open_run(done).model().state_dict()
        assert all(torch.equal(before[name], after[name]) for name in before)
        assert rooms.find_room(runs.store(), room) is not None
        assert runs.store().get(waiting).owner == "ada"
        # What waited goes on, and its records have numbers above all that were there.
        assert foreground.resume(waiting).row.status == "done"
        assert runs.open_run(waiting).read(limit=1)[0].seq > last
        runs.configure()
