"""That a challenge is reached by its solution and not by its start, for the cheapest ones.

``python -m bench.challenges`` shows the same for all.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.challenges import reached
from genlab import runs
from genlab.challenges import CHALLENGES, Training

#: The goals of a challenge are set for the seeds that it names.
pytestmark = pytest.mark.own_seed


@pytest.mark.parametrize("name", ["pixels", "elbo"])
def test_the_solution_reaches_the_goals_and_the_start_does_not(name: str, tmp_path: Path) -> None:
    row = CHALLENGES[name]
    assert isinstance(row, Training)
    runs.configure("memory:", tmp_path / "files")
    try:
        solved = list(reached(row, row.solution))
        assert [one.seed for one in solved if one.met] == list(row.seeds), solved
        # One seed that fails is enough: the last one of each is the cheapest to tell.
        assert not all(one.met for one in reached(row, {}))
    finally:
        runs.configure()


def test_the_run_that_is_to_be_repaired_has_collapsed(tmp_path: Path) -> None:
    row = CHALLENGES["repair"]
    assert isinstance(row, Training)
    assert "two modes of eight at most" in row.asks
    runs.configure("memory:", tmp_path / "files")
    try:
        found = list(reached(row, {}))
    finally:
        runs.configure()
    # The last goal is of the modes; its number is the mean of samples that differ in size.
    assert row.goals[-1].metric == "modes"
    modes = [float(one.words.rpartition("modes ")[2].partition(" ")[0]) for one in found]
    assert len(modes) == len(row.seeds)
    assert max(modes) <= 2.0, modes
