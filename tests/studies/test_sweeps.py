"""Sweeps: trials asked and told through the queue, and the best one trained anew."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from optuna.trial import TrialState

from genlab import cli, runs, studies
from genlab.core.errors import SpecError
from genlab.runs import access, foreground
from genlab.runs.access import Actor
from genlab.runs.items import Item
from genlab.studies import sweeps, trials
from genlab.studies.search import Search, parse_space, trial_run
from genlab.studies.search_figures import search_figures
from genlab.studies.study import Study

BASE = {"model": "vae", "data": "digits", "steps": 8, "batch": 16, "hidden": 16, "latent": 2}


def work() -> None:
    """Do what the queue holds, as workers do it."""
    for run in list(runs.store().queue()):
        foreground.resume(run)


def finish(name: str, rounds: int = 30) -> Study:
    """Let a search go on to its end."""
    for _ in range(rounds):
        goes_on = studies.advance(name)
        work()
        if not goes_on:
            return studies.open_study(name)
    raise AssertionError("the search does not end")


def wanted(study: Study) -> Search:
    assert study.search is not None
    return study.search


def test_a_search_ends_as_a_study_over_fresh_seeds() -> None:
    study = studies.start_search(
        BASE, ["lr=1e-4..1e-1:log,latent=1..6"], 4, seeds=3, at_once=2, name="lr"
    )
    assert wanted(study).metric == "val_elbo"
    assert wanted(study).direction == "higher"
    assert studies.advance("lr")
    assert list(runs.store().queue()) == ["lr-t1", "lr-t2"]
    assert runs.store().get("lr-t1").spec["seed"] == 0
    assert "0 of 4 trials have ended" in sweeps.sentence(studies.open_study("lr"))
    study = finish("lr")
    found = trials.tried("lr", wanted(study))
    assert [one.ended for one in found] == ["done"] * 4
    values = [one.value for one in found if one.value is not None]
    assert wanted(study).best_value == max(values)
    # The result of a trial is the last held-out ELBO of its run.
    for one in found:
        last = sweeps.curve_of(one.run, "val_elbo")[-1]
        assert last == (8, pytest.approx(one.value))
        spec = runs.store().get(one.run).spec
        assert (spec["lr"], spec["latent"]) == (one.params["lr"], one.params["latent"])
    assert study.arms[0].name == "as given"
    assert "best of 4 trials" in study.arms[1].name
    assert study.seeds == (1, 2, 3)
    assert len(study.cells) == 6
    assert not studies.advance("lr")
    stand = studies.state(study)
    assert stand.ended
    assert runs.store().items("chore") == []
    said = sweeps.sentence(study, "TESTED")
    assert "winner's curse" in said
    assert said.startswith("On 3 fresh seeds: TESTED The search before: 4 of 4 trials")
    assert studies.extend("lr", 1).seeds == (1, 2, 3, 4)


def test_the_trials_lie_in_the_database_of_the_store(place: Path) -> None:
    studies.start_search(BASE, {"latent": "1..6"}, 2, name="db")
    studies.advance("db")
    tables = sa.inspect(sa.create_engine(f"sqlite:///{place}/genlab.db")).get_table_names()
    assert {"runs", "items", "trials", "trial_params"} <= set(tables)
    # The store opens as before.
    runs.configure()
    assert runs.store().get("db-t1").status == "queued"


def test_a_program_that_dies_between_asking_and_queueing_loses_no_trial() -> None:
    study = studies.start_search(BASE, ["latent=1..6,lr=1e-4..1e-2"], 3, at_once=1, name="cut")
    search = wanted(study)
    found = trials.open_trials("cut", search)
    # It died after the first of two values was drawn.
    begun = found.ask()
    latent = begun.suggest_int("latent", 1, 6)
    assert studies.advance("cut")
    spec = runs.store().get("cut-t1").spec
    assert spec["latent"] == latent
    assert 1e-4 <= spec["lr"] <= 1e-2
    assert list(runs.store().queue()) == ["cut-t1"]
    # Another process, another storage object: the same trial, the same run.
    trials._storage.cache_clear()
    assert studies.advance("cut")
    assert list(runs.store().queue()) == ["cut-t1"]
    finish("cut")
    assert [t.number for t in trials.open_trials("cut", search).trials] == [0, 1, 2]


def test_a_sampler_that_starts_anew_proposes_what_the_one_before_would_have() -> None:
    one = studies.start_search(BASE, {"lr": "1e-4..1e-1:log"}, 3, at_once=3, name="one", seeds=0)
    two = studies.start_search(BASE, {"lr": "1e-4..1e-1:log"}, 3, at_once=3, name="two", seeds=0)
    studies.advance("one")
    for _ in range(3):
        trials._storage.cache_clear()
        trials.ask(trials.open_trials("two", wanted(two)), wanted(two))
    first, second = (
        [t.params["lr"] for t in trials.open_trials(s.name, wanted(s)).trials] for s in (one, two)
    )
    assert first == second
    assert len(set(first)) == 3


def test_only_one_program_advances_a_search_at_a_time() -> None:
    studies.start_search(BASE, {"latent": "1..6"}, 3, name="one")
    lease = Item(sweeps.LEASE, "one", expires=math.inf)
    runs.store().put_item(lease, action="open_study")
    assert studies.advance("one")
    assert not runs.store().queue()
    runs.store().remove(sweeps.LEASE, "one", action="delete_study")
    assert studies.advance("one")
    assert runs.store().queue()


def test_a_trial_that_falls_behind_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    study = studies.start_search(BASE, {"latent": "1..6"}, 6, at_once=1, seeds=0, name="prune")
    search = wanted(study)
    found = trials.open_trials("prune", search)
    for number in range(4):
        trial = trials.ask(found, search)
        curve = [(step, 100.0 - number) for step in range(1, 9)]
        assert not trials.report(found, trial, curve, 8)
        trials.tell(found, trial, 100.0 - number, "done")
    studies.advance("prune")
    run = trial_run("prune", 4)
    runs.store().claim("here:1", run)
    curve = [(1, 0.0), (2, 0.0), (5, 0.0)]
    monkeypatch.setattr(sweeps, "curve_of", lambda *_: curve)
    studies.advance("prune")
    assert [wish.name for wish in runs.store().pending(run)] == ["stop"]
    told = trials.open_trials("prune", search).trials[4]
    assert told.state == TrialState.PRUNED
    assert told.user_attrs["ended"] == "pruned"
    assert max(told.intermediate_values) <= 5
    # The next one is asked for in its place, and the sentence counts it.
    assert studies.advance("prune")
    assert list(runs.store().queue()) == [trial_run("prune", 5)]


def test_a_good_trial_is_not_stopped() -> None:
    study = studies.start_search(BASE, {"latent": "1..6"}, 6, at_once=1, seeds=0, name="keep")
    search = wanted(study)
    found = trials.open_trials("keep", search)
    for number in range(4):
        trial = trials.ask(found, search)
        trials.report(found, trial, [(step, float(number)) for step in range(1, 9)], 8)
        trials.tell(found, trial, float(number), "done")
    trial = trials.ask(found, search)
    assert not trials.report(found, trial, [(step, 9.0) for step in range(1, 8)], 8)


def test_bad_endings_are_told_and_counted() -> None:
    studies.start_search(BASE, {"lr": "1e-4..1e-3"}, 4, at_once=4, seeds=3, name="bad")
    studies.advance("bad")
    store = runs.store()
    names = [trial_run("bad", n) for n in range(4)]
    for run, status in zip(names, ("diverged", "failed", "stopped", "lost"), strict=True):
        store.claim("here:1", run)
        store.set_status(run, status)
    assert studies.advance("bad")
    # A run whose process died goes on from its last snapshot.
    assert list(store.queue()) == ["bad-t4"]
    study = finish("bad")
    assert [one.ended for one in trials.tried("bad", wanted(study))] == [
        "diverged", "failed", "stopped", "done"
    ]  # fmt: skip
    states = [t.state for t in trials.open_trials("bad", wanted(study)).trials]
    assert states[0] == TrialState.PRUNED
    assert states[1:] == [TrialState.FAIL, TrialState.FAIL, TrialState.COMPLETE]


def test_a_search_without_a_result_says_so() -> None:
    studies.start_search(BASE, {"lr": "1e-3..1.0:log"}, 1, name="none")
    studies.advance("none")
    runs.store().claim("here:1", "none-t1")
    runs.store().set_status("none-t1", "failed")
    study = finish("none")
    assert wanted(study).ended
    assert not study.cells
    assert "none has a result" in sweeps.sentence(study)
    assert studies.state(study).ended


def test_pausing_asks_for_nothing_and_resuming_goes_on() -> None:
    studies.start_search(BASE, {"latent": "1..6"}, 3, at_once=1, seeds=0, name="rest")
    studies.advance("rest")
    studies.pause("rest")
    assert not studies.advance("rest")
    assert not runs.store().queue()
    assert not runs.store().items("chore")
    studies.resume("rest")
    assert list(runs.store().queue()) == ["rest-t1"]
    study = finish("rest")
    assert [one.ended for one in trials.tried("rest", wanted(study))] == ["done"] * 3


def test_a_search_belongs_to_whom_started_it() -> None:
    with access.acting_as(Actor("ada")):
        studies.start_search(BASE, {"latent": "1..6"}, 2, at_once=1, name="adas")
    studies.advance("adas")
    assert runs.store().get("adas-t1").owner == "ada"
    study = finish("adas")
    assert {runs.store().get(cell.run).owner for cell in study.cells} == {"ada"}


def test_a_forgotten_search_leaves_no_trials_for_the_next_of_its_name() -> None:
    studies.start_search(BASE, {"latent": "1..6"}, 2, at_once=1, seeds=0, name="again")
    finish("again")
    studies.delete("again")
    with pytest.raises(SpecError, match="earlier study"):
        studies.start_search(BASE, {"latent": "1..6"}, 2, name="again")
    for run in ("again-t1", "again-t2"):
        runs.delete(run)
    study = studies.start_search(BASE, {"latent": "1..6"}, 2, name="again")
    assert trials.tried("again", wanted(study)) == []


@pytest.mark.parametrize(
    ("space", "words"),
    [
        ("lr", "allowed"),
        ("lr=", "allowed"),
        ("lr=1..2..3", "allowed"),
        ("lr=1e-2..1e-4", "lower end"),
        ("lr=1e-4..7", "lr"),
        ("lr=1e-4..1e-2:cubic", "allowed"),
        ("nothing=1..2", "nothing"),
        ("objective=elbo..beta", "objective"),
        ("latent=2,2", "once"),
        ("latent=2..4,latent=3..5", "once"),
        ("seed=0..9", "best by chance"),
        ("objective=elbo,nonsaturating", "nonsaturating"),
    ],
)
def test_spaces_that_are_not_possible_are_refused(space: str, words: str) -> None:
    with pytest.raises(SpecError, match=words):
        studies.start_search(BASE, [space], 3)
    assert not runs.store().queue()
    assert not studies.list_studies()


def test_a_space_takes_the_scale_and_the_type_of_its_options() -> None:
    lr, latent, objective = parse_space(
        ["lr=1e-4..1e-2, latent=2..8", "objective=elbo,beta"], BASE
    )
    assert (lr.low, lr.high, lr.log, lr.whole) == (1e-4, 1e-2, True, False)
    assert (latent.low, latent.high, latent.whole) == (2.0, 8.0, True)
    assert objective.choices == ("elbo", "beta")
    assert not parse_space(["lr=1e-4..1e-2:linear"], BASE)[0].log
    again = Search.of(json.loads(json.dumps(
        Search((lr, latent, objective), 3, "m", "M", "lower", 0, 3).values()
    )))  # fmt: skip
    assert again.space == (lr, latent, objective)
    assert math.isnan(again.best_value)


def test_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    options = [word for k, v in BASE.items() for word in (f"--{k}", str(v))]

    def call(*words: str) -> tuple[int, list[dict[str, Any]], str]:
        code = cli.main(["study", *words])
        out, err = capsys.readouterr()
        return code, [json.loads(line) for line in out.splitlines()], err

    code, answer, err = call(
        "tune",
        "--search",
        "lr=1e-4..1e-2:log,latent=1..4",
        "--trials",
        "3",
        "--seeds",
        "3",
        *options,
    )
    assert code == 0, err
    assert answer[0]["search"]["trials"] == 3
    assert answer[0]["search"]["metric"] == "val_elbo"
    finish("tune")
    code, answer, _ = call("tune", "--measure")
    assert code == 0
    assert "fresh seeds" in answer[0]["sentence"]
    assert [row["ended"] for row in answer[0]["search"]["tried"]] == ["done"] * 3
    assert sum(row["best"] for row in answer[0]["search"]["tried"]) == 1
    assert answer[0]["differences"][0]["over"].startswith("over 3 pairs of seeds")
    code, _, err = call("bad", "--search", "lr=2..1", *options)
    assert code == 2
    assert "lr" in err
    code, _, err = call("bad", "--search", "lr=1e-4..1e-2", "--vary", "latent=2,4", *options)
    assert code == 2
    assert "--vary" in err


def test_the_plots_are_optunas_and_name_what_they_show() -> None:
    study = studies.start_search(BASE, ["latent=1..6,lr=1e-4..1e-2"], 8, seeds=0, name="plots")
    search = wanted(study)
    found = trials.open_trials("plots", search)
    assert search_figures(study) == {}
    for number in range(8):
        trial = trials.ask(found, search)
        # The result hangs on the latent size alone.
        trials.tell(found, trial, 10.0 * trial.params["latent"] + 1e-3 * number, "done")
    drawn = search_figures(study)
    assert list(drawn) == ["parallel", "importance", "history"]
    bars = drawn["importance"][1].data[0]
    shares = dict(zip(bars.y, bars.x, strict=True))
    assert shares["latent"] > 0.8
    assert sum(shares.values()) == pytest.approx(1.0)
    lines = drawn["parallel"][1]
    assert "val_elbo" in str(lines.to_dict())
