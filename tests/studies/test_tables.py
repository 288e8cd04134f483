"""The tables of the documentation: each is a study that can be started by one command."""

from __future__ import annotations

import json

import pytest

from bench import modes
from genlab import cli, runs, studies
from genlab.compare import duel, four
from genlab.core.run_spec import RunSpec
from genlab.runs import foreground
from genlab.studies.measure import measured_here
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


@pytest.mark.parametrize(("sides", "models"), [
    ("two", ["vae", "gan"]), ("four", ["vae", "gan", "realnvp", "ddpm"]),
])  # fmt: skip
def test_a_duel_over_seeds_has_the_runs_of_single_duels(
    sides: str, models: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--data", "ring", "--steps", "40", "--batch", "16", "--seed", "3"]
    assert cli.main(["study", f"d-{sides}", "--duel", sides, *words, "--seeds", "2"]) == 0
    answer = json.loads(capsys.readouterr().out)
    study = studies.open_study(f"d-{sides}")
    assert study.seeds == (3, 4)
    assert [arm["name"] for arm in answer["arms"]] == [arm.name for arm in study.arms]
    # A study is its runs: each is the run of the duel that has this seed.
    kind = four if sides == "four" else duel
    for seed in study.seeds:
        single = kind.specs("ring", seed=seed, steps=40, batch=16)
        mine = [cell for cell in study.cells if cell.seed == seed]
        assert [study.spec(cell) for cell in mine] == list(single.values())
        assert [runs.store().get(cell.run).spec["model"] for cell in mine] == models
    # What all sides share is said once.
    assert study.base["data"] == "ring"
    assert all("data" not in arm.changes and "model" in arm.changes for arm in study.arms)


@pytest.mark.parametrize("words", [
    ["--duel", "three", "--data", "ring"], ["--duel", "two"],
    ["--duel", "two", "--data", "ring", "--lr", "1e-3"], ["--duel", "two", "--data", "nowhere"],
])  # fmt: skip
def test_a_duel_that_cannot_be_is_refused(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["study", "refused", *words]) == 2
    assert capsys.readouterr().err
    assert studies.list_studies() == []
    assert not runs.store().queue()


def test_a_duel_over_seeds_is_trained_and_measured() -> None:
    study = studies.start_duel({"data": "ring", "steps": 30, "batch": 16}, seeds=3, name="fought")
    for run in list(runs.store().queue()):
        foreground.resume(run)
    stand = studies.state(study)
    found = studies.collect_metrics(study, stand, measured_here)
    said = studies.summarise(study, stand, found)
    assert said.measured == 6
    assert "3 pairs of seeds" in said.sentence
    assert {row.first.arm for row in said.rows} == {"VAE on ring"}
