"""Sets that were stored before tables had a schema are read as they were."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from genlab import data, runs
from genlab.core.run_spec import RunSpec
from genlab.data import user_sets

STORED = Path(__file__).parent / "own_format_1"
EXPECTED = json.loads((STORED / "expected.json").read_text(encoding="utf-8"))


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    shutil.copytree(STORED, tmp_path / "files" / "own")
    runs.configure(f"sqlite:///{tmp_path / 'genlab.db'}", tmp_path / "files")
    yield tmp_path / "files"
    runs.configure()


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_parts_and_values_are_those_of_then(place: Path, name: str) -> None:
    found = data.load(RunSpec.build(data="own", set=name, model="vae"))
    for part, wanted in EXPECTED[name].items():
        split = getattr(found, part)
        assert len(split) == wanted["n"]
        assert split.x.flatten()[:12].tolist() == pytest.approx(wanted["x"], abs=1e-6)
        assert float(split.x.double().sum()) == pytest.approx(wanted["sum"], abs=1e-3)
        assert split.y[:12].tolist() == wanted["y"]


def test_they_are_listed_with_their_format(place: Path) -> None:
    assert {known.name: known.format for known in user_sets.list_sets()} == {
        "flowers": 1,
        "greys": 1,
    }
