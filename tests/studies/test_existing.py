"""Arms of runs that exist."""

from __future__ import annotations

import pytest

from genlab import runs, studies
from genlab.core.errors import SpecError
from genlab.runs import foreground
from genlab.runs.store import RunRow

BASE = {"model": "vae", "data": "digits", "steps": 4, "batch": 16, "hidden": 16}


def rows_of(*changes: dict[str, object]) -> list[RunRow]:
    store = runs.store()
    return [store.get(foreground.train({**BASE, **one}).id) for one in changes]


def test_runs_that_differ_in_the_seed_alone_form_an_arm() -> None:
    rows = rows_of(
        {"latent": 2, "seed": 0},
        {"latent": 4, "seed": 0},
        {"latent": 2, "seed": 1},
        {"latent": 4, "seed": 1},
    )
    ids = [row.id for row in rows]
    arms = studies.group_runs(rows)
    assert arms == {"latent = 2": [ids[0], ids[2]], "latent = 4": [ids[1], ids[3]]}
    study = studies.from_runs(arms, name="old-runs")
    assert [cell.run for cell in study.cells] == [ids[0], ids[2], ids[1], ids[3]]


def test_all_options_that_differ_are_in_the_name() -> None:
    rows = rows_of({"latent": 2}, {"latent": 4, "batch": 8})
    assert list(studies.group_runs(rows)) == [
        "batch = 16, latent = 2",
        "batch = 8, latent = 4",
    ]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ([{}], "two arms are needed"),
        ([{"seed": 0}, {"seed": 1}], "two arms are needed"),
        (
            [{"latent": 2}, {"latent": 4}, {"latent": 2}],
            "arm 'latent = 2' has two runs with seed 0",
        ),
    ],
)
def test_what_makes_no_study_is_refused(changes, why) -> None:
    rows = rows_of(*changes)
    with pytest.raises(SpecError, match=why):
        studies.group_runs(rows)
