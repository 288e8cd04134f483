"""The tables of the documentation: each is a study that can be started by one command."""

from __future__ import annotations

import json

import pytest

from bench import modes
from genlab import cli, runs, studies
from genlab.core.run_spec import RunSpec
from genlab.runs import foreground
from genlab.studies.tables import TABLES


@pytest.mark.parametrize("name", list(TABLES))
def test_every_row_of_a_table_is_a_run(name: str) -> None:
    table = TABLES[name]
    specs = [RunSpec.build(**{**table.base, **changes}) for changes in table.arms.values()]
    assert specs
    # Two rows of one setting would be one run.
    assert len({json.dumps(one.flat(), sort_keys=True) for one in specs}) == len(specs)


@pytest.mark.parametrize("data", ["ring", "grid"])
def test_the_tables_of_modes_have_the_settings_of_the_bench(data: str) -> None:
    table = TABLES[data]
    rows = {row.title: row for row in modes.ROWS.values()}
    assert set(rows) == set(table.arms)
    for title, changes in table.arms.items():
        mine = RunSpec.build(**{**table.base, **changes, "seed": 3})
        assert mine == modes.spec_of(rows[title], data, 3, {})


def test_one_command_starts_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["study", "--table", "narrow", "--seeds", "3"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["study"] == "table-narrow"
    assert len(answer["arms"]) == len(TABLES["narrow"].arms)
    assert len(runs.store().queue()) == 3 * len(TABLES["narrow"].arms)
    assert studies.open_study("table-narrow").seeds == (0, 1, 2)
    assert cli.main(["study", "--table", "nothing"]) == 2
    assert "narrow" in capsys.readouterr().err


def test_forks_and_duels_can_be_the_arms_of_a_study(capsys: pytest.CaptureFixture[str]) -> None:
    small = {"model": "vae", "data": "digits", "steps": 6, "batch": 16, "hidden": 16}
    parents = [foreground.train({**small, "seed": seed}) for seed in (0, 1, 2)]
    forks = [foreground.fork(one.id, 3, {"lr": 1e-2}) for one in parents]
    words = [f"as it was={','.join(one.id for one in parents)}",
             f"forked={','.join(one.id for one in forks)}"]  # fmt: skip
    assert cli.main(["study", "forked", "--arm", words[0], "--arm", words[1], "--measure"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert [arm["name"] for arm in answer["arms"]] == ["as it was", "forked"]
    assert answer["differences"][0]["over"].startswith("over 3 pairs of seeds")
    assert cli.main(["study", "no", "--arm", "x=nowhere"]) == 2
