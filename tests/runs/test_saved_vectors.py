"""Vectors saved by name with a run."""

from __future__ import annotations

import pytest

from genlab.core.errors import GenlabError
from genlab.core.folders import LocalFolder
from genlab.runs.saved_vectors import MOST, list_saved_vectors, remove, save

ROW = {"name": "smile", "kind": "set", "vector": [1.0, -0.5], "n": 12, "note": "a lasso"}


def test_what_is_saved_is_there_by_name_and_one_of_the_same_name_is_replaced(tmp_path):
    place = LocalFolder(tmp_path)
    assert list_saved_vectors(place, "r1") == []
    save(place, "r1", ROW)
    save(place, "r1", ROW | {"name": "hat", "kind": "direction"})
    save(place, "r1", ROW | {"n": 3})
    assert [(row["name"], row["n"]) for row in list_saved_vectors(place, "r1")] == [
        ("hat", 12),
        ("smile", 3),
    ]
    assert list_saved_vectors(place, "r1")[1] == ROW | {"n": 3}
    assert list_saved_vectors(place, "shipped:r1") == []
    save(place, "shipped:r1", ROW)
    remove(place, "r1", "hat")
    assert [row["name"] for row in list_saved_vectors(place, "r1")] == ["smile"]
    assert [row["name"] for row in list_saved_vectors(place, "shipped:r1")] == ["smile"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "../x"},
        {"name": ""},
        {"name": "a" * 41},
        {"kind": "code"},
        {"vector": []},
        {"vector": [float("nan")]},
    ],
)
def test_what_cannot_be_kept_is_refused_and_nothing_changes(tmp_path, wrong):
    place = LocalFolder(tmp_path)
    save(place, "r1", ROW)
    with pytest.raises(GenlabError, match=r"[Nn]othing was saved"):
        save(place, "r1", ROW | wrong)
    assert list_saved_vectors(place, "r1") == [ROW]


def test_names_of_runs_never_leave_the_folder_and_damage_counts_as_empty(tmp_path):
    place = LocalFolder(tmp_path)
    for run in ("../../etc", "/tmp/x", "a/b", ""):
        with pytest.raises(GenlabError):
            save(place, run, ROW)
    save(place, "r1", ROW)
    place.write("saved/r1.json", b"[{")
    assert list_saved_vectors(place, "r1") == []
    assert MOST == 200
