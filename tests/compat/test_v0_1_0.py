"""A store, its files and an exported run of version 0.1.0 open, and say what they said then."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

import genlab
from genlab import runs
from genlab.cli import main
from genlab.core.options import Option
from genlab.core.run_spec import RunSpec
from genlab.runs import foreground

OLD = Path(__file__).with_name("v0_1_0")
RUNS = sorted(path.name for path in (OLD / "runs").iterdir())


@pytest.fixture
def old_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the old installation, in use."""
    home = tmp_path / "old"
    shutil.copytree(OLD, home)
    monkeypatch.setenv("GENLAB_FILES", str(home))
    monkeypatch.setenv("GENLAB_STORE", f"sqlite:///{home / 'genlab.sqlite'}")
    return home


def test_every_run_is_listed(old_store: Path) -> None:
    assert sorted(row.id for row in runs.store().runs()) == RUNS
    assert len(RUNS) == 4


@pytest.mark.own_seed
@pytest.mark.parametrize("run", RUNS)
def test_a_run_draws_the_samples_that_it_drew(old_store: Path, tmp_path: Path, run: str) -> None:
    out = tmp_path / "new.npz"
    assert main(["sample", run, "-n", "4", "--seed", "0", "--out", str(out)]) in (0, None)
    before, now = np.load(old_store / "expected" / f"{run}.npz"), np.load(out)
    assert set(before) <= set(now)
    for name in before:
        # Another processor sums in another order.
        np.testing.assert_allclose(now[name], before[name], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("run", RUNS)
def test_a_run_tells_of_itself_what_it_told(old_store: Path, run: str, capsys) -> None:
    assert main(["show", run]) in (0, None)
    now = json.loads(capsys.readouterr().out)
    before = json.loads((old_store / "expected" / f"{run}.show.json").read_text())
    same = ("run", "title", "status", "step", "steps", "model", "data", "objective", "last")
    assert {key: now[key] for key in same} == {key: before[key] for key in same}


@pytest.mark.parametrize("run", RUNS)
def test_a_run_can_go_on(old_store: Path, run: str) -> None:
    view = runs.open_run(run)
    branch = foreground.fork(run, view.snapshots()[0], {"seed": 1})
    assert branch.spec.model == view.spec.model
    assert branch.row.status == "done"
    assert view.series
    assert view.read()


def test_options_under_their_former_names_are_read(old_store: Path) -> None:
    (vae,) = (run for run in RUNS if run.startswith("vae"))
    options = runs.open_run(vae).spec.algorithm_options
    assert (options.lr_final_ratio, options.ema_decay) == (0.1, 0.9)
    built = RunSpec.build(model="vae", data="digits", lr_last="0.5", average="0.99")
    assert (built.algorithm_options.lr_final_ratio, built.algorithm_options.ema_decay) == (
        0.5,
        0.99,
    )


def test_no_former_name_is_the_name_of_another_option() -> None:
    from genlab.core.tables import TABLES

    rows: list[Option] = [
        option
        for table in TABLES.values()
        for row in table.rows()
        for option in row.value.Options.table()
    ]
    names = {row.name for row in rows}
    assert not names & {old for row in rows for old in row.formerly}


def test_an_exported_run_opens() -> None:
    model = genlab.load(OLD / "exported")
    assert torch.isfinite(model.sample(3)).all()


def test_every_option_of_then_is_read_under_its_name_of_then() -> None:
    from genlab.core.run_spec import TrainOptions
    from genlab.core.tables import TABLES

    present = {
        f"{kind}/{row.name}": row.value.Options.table()
        for kind, table in TABLES.items()
        for row in table.rows()
    }
    present["train"] = TrainOptions.table()
    for owner, names in json.loads((OLD / "options.json").read_text()).items():
        read = {name for row in present[owner] for name in (row.name, *row.formerly)}
        assert set(names) <= read, owner


def test_weights_are_stored_under_their_names_of_then() -> None:
    from genlab.testing.model_contract import model_cases

    cases = {case.label: case for case in model_cases()}
    for label, names in json.loads((OLD / "weights.json").read_text()).items():
        assert " ".join(cases[label].build().state_dict()) == names, label
