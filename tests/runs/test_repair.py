"""A damaged store is rebuilt from the folders of the runs."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from genlab import cli, runs
from genlab.core.errors import StoreError
from genlab.runs import foreground
from genlab.runs.journal import PART, Journal, read_journal
from genlab.runs.repair import repair
from genlab.runs.store import Record
from genlab.testing.servers import empty_database

SMALL: dict[str, Any] = {
    "model": "vae",
    "data": "digits",
    "steps": 30,
    "batch": 16,
    "hidden": 16,
    "latent": 2,
}


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    # `genlab repair` must reach the store that the test damages.
    monkeypatch.setenv("GENLAB_STORE", f"sqlite:///{tmp_path}/genlab.db")
    monkeypatch.setenv("GENLAB_FILES", str(tmp_path))
    runs.configure()
    yield tmp_path
    runs.configure()


def damage(file: Path) -> None:
    """Overwrite the middle of a database."""
    with sqlite3.connect(file) as connection:
        connection.execute("pragma wal_checkpoint(truncate)")
    connection.close()
    content = bytearray(file.read_bytes())
    content[4096 : len(content) - 4096] = b"\xa5" * (len(content) - 8192)
    file.write_bytes(bytes(content))


def plain(records: list[Record]) -> list[Record]:
    return [replace(record, seq=0) for record in records]


def test_a_damaged_store_is_rebuilt(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    view = foreground.train(SMALL, title="kept")
    runs.edit(view.id, title="a better name", tags=["week 3"])
    # A worker killed in the middle leaves a run that the folder calls active.
    killed = foreground.train({**SMALL, "seed": 5})
    folder = place / "runs" / killed.id
    head = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps(head | {"status": "running"}))
    (place / "runs" / "something-else").mkdir()
    row, records = view.row, view.read(limit=100_000)
    store = runs.store()
    store.close()
    runs.configure()
    damage(place / "genlab.db")

    assert cli.main(["repair"]) == 1
    said = json.loads(capsys.readouterr().out)
    assert sorted(said["restored"]) == sorted([view.id, killed.id])
    assert list(said["skipped"]) == ["something-else"]
    assert Path(said["moved"]).is_file()
    again = runs.open_run(view.id)
    assert plain(again.read(limit=100_000)) == plain(records)
    ignored = {"beat": 0.0, "speed": 0.0}
    assert replace(again.row, **ignored) == replace(row, **ignored)
    assert (again.row.title, tuple(again.row.tags)) == ("a better name", ("week 3",))
    assert [one.id for one in runs.find(runs.RunQuery(sort="elbo")).rows][-1:] != []
    one, two = again.model().state_dict(), view.model().state_dict()
    assert all(torch.equal(one[name], two[name]) for name in one)
    lost = runs.open_run(killed.id).row
    assert (lost.status, lost.step) == ("lost", 30)
    resumed = foreground.resume(killed.id)
    assert (resumed.row.status, resumed.row.attempt) == ("done", 2)


def test_a_whole_store_gets_only_what_it_lacks(place: Path) -> None:
    first = foreground.train(SMALL)
    second = foreground.train(SMALL)
    with sqlite3.connect(place / "genlab.db") as connection:
        connection.execute("delete from runs where id = ?", (first.id,))
        connection.execute("delete from records where run = ?", (first.id,))
    found = repair(runs.store_url(), runs.files())
    assert (found.moved, found.restored, found.known) == ("", (first.id,), (second.id,))
    assert repair(runs.store_url(), runs.files()).restored == ()


def test_a_store_moves_to_a_server_from_its_folders(place: Path) -> None:
    view = foreground.train(SMALL)
    with empty_database() as url:
        assert repair(url, runs.files()).restored == (view.id,)
        runs.configure(url, place)
        again = runs.open_run(view.id)
        assert plain(again.read(limit=100_000)) == plain(view.read(limit=100_000))
        # New records come after the restored ones.
        runs.store().append(view.id, [Record(31, "event", {"message": "new"})])
        assert again.read(limit=100_000)[-1].step == 31
        runs.configure()


def test_a_newer_store_is_left_alone(place: Path) -> None:
    foreground.train({**SMALL, "steps": 2})
    with sqlite3.connect(place / "genlab.db") as connection:
        connection.execute("update about set value = '99' where key = 'schema'")
    with pytest.raises(StoreError, match="newer"):
        repair(f"sqlite:///{place}/genlab.db", runs.files())
    assert not list(place.glob("*.damaged*"))


def test_a_journal_of_many_records_is_in_parts_and_begins_anew_with_each_attempt(
    place: Path,
) -> None:
    view = foreground.train({**SMALL, "steps": 2})
    store, files = runs.store(), view.files
    many = [Record(k, "scalars", {"a": k}, time=float(k)) for k in range(3, PART + 40)]
    store.append(view.id, many)
    journal = Journal(files, 2)
    journal.begin(store, replace(view.row, attempt=2))
    journal.add([Record(9999, "event", {"message": "x"}, time=1.0)])
    journal.write()
    names = files.folder.names(files.path("journal"))
    assert names == ["0002-00000.json", "0002-00001.json"]
    found = read_journal(files)
    assert plain(found)[:-1] == plain(store.read(view.id, limit=100_000))
    assert found[-1].step == 9999
    (place / files.path("journal", names[0])).write_text("[[")
    assert 0 < len(read_journal(files)) < 100
