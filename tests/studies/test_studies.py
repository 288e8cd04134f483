"""Studies: made, queued once, extended, paused, and what they say."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

from genlab import cli, runs, studies
from genlab.core.errors import NotAllowed, RunNotFound, SpecError
from genlab.runs import access, foreground
from genlab.runs.access import Actor
from genlab.runs.items import Item
from genlab.runs.store import Record
from genlab.studies.curves import Band, band_words, bands, series_of
from genlab.studies.measure import measured_here
from genlab.studies.state import StudyState
from genlab.studies.study import Arm, Cell, Study, arms_of
from genlab.ui.study_curves import band_data

BASE = {"model": "vae", "data": "digits", "steps": 8, "batch": 16, "hidden": 16, "latent": 2}


def work(study: Study) -> None:
    """Do what the queue holds, as a worker does it."""
    for cell in study.cells:
        if runs.store().get(cell.run).status == "queued":
            foreground.resume(cell.run)


def test_a_study_from_the_call_to_the_sentence() -> None:
    study = studies.create(BASE, {"latent": [2, 4]}, 3, name="size")
    assert [arm.name for arm in study.arms] == ["latent = 2", "latent = 4"]
    assert [cell.run for cell in study.cells][:3] == ["size-a1-s0", "size-a2-s0", "size-a1-s1"]
    assert len(runs.store().queue()) == 6
    specs = [runs.store().get(cell.run).spec for cell in study.cells]
    assert [(spec["latent"], spec["seed"]) for spec in specs] == [
        (2, 0), (4, 0), (2, 1), (4, 1), (2, 2), (4, 2)
    ]  # fmt: skip
    before = studies.state(study)
    assert not before.ended
    assert studies.summarise(study, before, {}).sentence.startswith("Nothing is measured yet: 6")
    work(study)
    stand = studies.state(study)
    assert stand.ended
    assert stand.share == 1.0
    assert [dict(one) for one in stand.counts] == [{"done": 3}, {"done": 3}]
    found = studies.collect_metrics(study, stand, measured_here)
    said = studies.summarise(study, stand, found)
    assert said.measured == said.planned == 6
    rows = {row.name: row for row in said.rows}
    elbo = rows["test_elbo"]
    assert elbo.difference.paired
    assert elbo.difference.seeds == 3
    assert elbo.difference.examples > 100
    assert "3 pairs of seeds and" in said.sentence
    assert rows["test_energy"].difference.examples > 0
    # The difference is that of the means over seeds.
    by_hand = np.mean(elbo.second.values) - np.mean(elbo.first.values)
    assert elbo.difference.value == pytest.approx(by_hand, rel=1e-5)
    assert said.sentence == studies.summarise(study, stand, found, "test_elbo").sentence
    assert list(series_of(study))
    for band in bands(study, "elbo"):
        assert len(band.runs) == 3
        assert np.all((band.low <= band.median) & (band.median <= band.high))


def test_runs_of_one_seed_see_the_same_batches_in_every_arm() -> None:
    study = studies.create(BASE, {"latent": [2, 4]}, 1, name="pair")
    work(study)
    first, second = (runs.open_run(cell.run) for cell in study.cells)
    assert first.data().test.x.equal(second.data().test.x)
    assert first.spec.train.seed == second.spec.train.seed


def test_a_study_whose_program_died_is_completed_and_queues_nothing_twice() -> None:
    study = Study("cut", "cut", BASE, arms_of({"latent": [2, 4]}),
                  studies.study.cells_of("cut", 2, range(3)))  # fmt: skip
    runs.store().put_item(Item("study", "cut", study.values()), action="open_study")
    for cell in study.cells[:2]:
        runs.store().create(study.spec(cell).flat(), run=cell.run)
    assert studies.submit_missing(studies.open_study("cut")) == 4
    assert studies.submit_missing(studies.open_study("cut")) == 0
    assert sorted(runs.store().queue()) == sorted(cell.run for cell in study.cells)


def test_extended_and_one_shot_studies_have_the_same_runs_but_for_their_names() -> None:
    short = studies.extend(studies.create(BASE, {"latent": [2, 4]}, 2, name="grown").name, 3)
    whole = studies.create(BASE, {"latent": [2, 4]}, 5, name="whole")
    assert short.seeds == whole.seeds == (0, 1, 2, 3, 4)

    def content(study: Study) -> set[str]:
        return {
            json.dumps(runs.store().get(cell.run).spec, sort_keys=True) for cell in study.cells
        }

    assert content(short) == content(whole)
    assert len(set(runs.store().queue())) == 20


def test_pausing_holds_back_what_waits_and_nothing_else() -> None:
    study = studies.create(BASE, {"latent": [2, 4]}, 2, name="rest")
    foreground.resume(study.cells[0].run)
    paused = studies.pause("rest")
    assert paused.paused
    assert not runs.store().queue()
    assert studies.submit_missing(studies.open_study("rest")) == 0
    assert runs.store().get(study.cells[0].run).status == "done"
    assert not studies.resume("rest").paused
    assert len(runs.store().queue()) == 3
    work(study)
    assert studies.state(study).ended


def test_a_study_of_runs_that_were_there() -> None:
    made = [foreground.train({**BASE, "seed": seed}).id for seed in (0, 1)]
    study = studies.from_runs({"one": made[:1], "two": made[1:]}, name="old")
    stand = studies.state(study)
    assert stand.ended
    found = studies.collect_metrics(study, stand, measured_here)
    said = studies.summarise(study, stand, found)
    # Two different seeds share nothing: they are not paired, and one seed an arm says nothing.
    assert not said.rows[0].difference.paired
    assert "1 seed; at least 3" in said.sentence
    assert math.isnan(said.rows[0].difference.low)
    with pytest.raises(SpecError, match="no common base"):
        studies.extend("old", 2)
    with pytest.raises(SpecError, match="two runs with seed 0"):
        studies.from_runs({"one": [made[0], made[0]]}, name="twice")


def test_what_cannot_be_a_study_is_refused_and_queues_nothing() -> None:
    for vary, seeds, name in (
        ({"latent": []}, 3, ""),
        ({"latent": [2, 2]}, 3, ""),
        ({"seed": [1, 2]}, 3, ""),
        ({"latent": [2, -4]}, 3, ""),
        ({"nothing": [2, 4]}, 3, ""),
        ({"latent": list(range(1, 30))}, 3, ""),
        ({"latent": [2, 4]}, 0, ""),
        ({"latent": [2, 4]}, 101, ""),
        ({"latent": [2, 4]}, 3, "../up"),
        ({"latent": [2, 4]}, 3, "Größe"),
    ):
        with pytest.raises(SpecError):
            studies.create(BASE, vary, seeds, name=name)
    assert not runs.store().queue()
    assert not studies.list_studies()
    studies.create(BASE, {"latent": [2, 4]}, 1, name="same")
    with pytest.raises(SpecError, match="already"):
        studies.create(BASE, {"latent": [8, 16]}, 1, name="same")
    assert len(runs.store().queue()) == 2
    with pytest.raises(RunNotFound):
        studies.open_study("other")


def test_only_its_owner_changes_a_study() -> None:
    with access.acting_as(Actor("ada")):
        studies.create(BASE, {"latent": [2, 4]}, 1, name="adas")
        assert studies.open_study("adas").owner == "ada"
    before = studies.open_study("adas").values()
    with access.acting_as(Actor("bob")):
        for change in (
            lambda: studies.extend("adas", 1),
            lambda: studies.pause("adas"),
            lambda: studies.resume("adas"),
            lambda: studies.delete("adas"),
        ):
            with pytest.raises(NotAllowed):
                change()
    assert studies.open_study("adas").values() == before
    with access.acting_as(Actor("ada")):
        studies.delete("adas")
    assert not studies.list_studies()
    assert len(runs.store().queue()) == 2


def invented(
    name: str, values: np.ndarray, direction: str = "higher", digest: str = "x"
) -> dict[str, Any]:
    mean = float(values.mean())
    row = {"name": name, "title": name.upper(), "unit": "nats", "kind": "Monte Carlo",
           "direction": direction, "value": mean, "low": mean - 1, "high": mean + 1}  # fmt: skip
    return {"metrics": [row], "examples": digest, f"values.{name}": values}


def study_of(seeds: int, statuses: dict[str, str]) -> tuple[Study, StudyState]:
    arms = (Arm("A", {"latent": 2}), Arm("B", {"latent": 4}))
    cells = tuple(Cell(a, s, f"r{a}{s}") for s in range(seeds) for a in (0, 1))
    study = Study("s", "s", BASE, arms, cells)
    counts: tuple[dict[str, int], ...] = ({}, {})
    for cell in cells:
        status = statuses.get(cell.run, "done")
        counts[cell.arm][status] = counts[cell.arm].get(status, 0) + 1
    return study, StudyState({}, counts, 1.0, 0.0)


def test_equal_arms_are_rarely_called_different_and_a_clear_difference_is_found() -> None:
    rng = np.random.default_rng(3)

    def decided(shift: float) -> float:
        called = 0
        for _ in range(200):
            study, stand = study_of(5, {})
            hard = rng.normal(size=40)
            found = {
                cell.run: invented(
                    "test_elbo",
                    hard + 0.3 * rng.normal() + rng.normal(size=40) + shift * cell.arm,
                )
                for cell in study.cells
            }
            called += studies.summarise(study, stand, found).rows[0].verdict.decided
        return called / 200

    # The binomial standard error at 5 % of 200 is 1.5 %.
    assert decided(0.0) <= 0.05 + 4 * 0.0155
    assert decided(1.5) >= 0.9


def test_bad_endings_are_counted_and_the_seeds_that_are_left_decide() -> None:
    study, stand = study_of(4, {"r03": "diverged", "r10": "lost"})
    rng = np.random.default_rng(4)
    found = {
        cell.run: invented("test_elbo", rng.normal(size=30) + 5 * cell.arm)
        for cell in study.cells
        if cell.run not in {"r03", "r10"}
    }
    said = studies.summarise(study, stand, found)
    assert said.losses == ("A: 1 of 4 runs diverged", "B: 1 of 4 runs were lost")
    assert said.rows[0].difference.seeds == 2
    assert "at least 3 are needed" in said.sentence
    assert "better" not in said.sentence


def test_other_test_examples_are_not_taken_for_the_same() -> None:
    study, stand = study_of(3, {})
    rng = np.random.default_rng(5)
    found = {
        cell.run: invented("test_elbo", rng.normal(size=30), digest=cell.run)
        for cell in study.cells
    }
    one = studies.summarise(study, stand, found).rows[0].difference
    assert one.paired
    assert one.examples == 0


def test_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    def call(*words: str) -> tuple[int, list[dict[str, Any]], str]:
        code = cli.main(["study", *words])
        out, err = capsys.readouterr()
        return code, [json.loads(line) for line in out.splitlines()], err

    options = [word for k, v in BASE.items() for word in (f"--{k}", str(v))]
    code, answer, _ = call("sizes", "--vary", "latent=2,4", "--seeds", "3", *options)
    assert code == 0
    assert answer[0]["runs"] == [f"sizes-a{a}-s{s}" for s in range(3) for a in (1, 2)]
    work(studies.open_study("sizes"))
    code, answer, _ = call("sizes", "--wait", "--measure", "--metric", "test_reconstruction")
    assert code == 0
    assert answer[0]["measured"] == 6
    named = {row["metric"] for row in answer[0]["differences"]}
    assert named >= {"test_elbo", "test_reconstruction"}
    assert [row["runs"] for row in answer[0]["arms"]] == [{"done": 3}, {"done": 3}]
    # What was measured is kept.
    _, again, _ = call("sizes")
    assert again[0]["sentence"].split(":")[0]
    assert again[0]["measured"] == 6
    assert call("sizes", "--extend", "1")[1][0]["seeds"] == [0, 1, 2, 3]
    assert call("sizes", "--pause")[1][0]["paused"]
    assert not call("sizes", "--resume")[1][0]["paused"]
    assert call()[1][0]["study"] == "sizes"
    code, answer, err = call("more", "--vary", "latent", *options)
    assert (code, answer) == (2, [])
    assert "OPTION=A,B" in err
    assert call("sizes", "--delete")[0] == 0
    assert call("sizes")[0] == 2


def test_resumed_runs_repeat_steps_and_their_curve_takes_the_last() -> None:
    study = studies.create(BASE, {"latent": [2]}, 1, name="line")
    run = study.cells[0].run
    runs.store().claim("here:1", run)
    runs.store().append(run, [Record(s, "scalars", {"loss": v}) for s, v in ((1, 5.0), (2, 4.0))])
    runs.store().append(run, [Record(s, "scalars", {"loss": v}) for s, v in ((2, 3.0), (3, 2.0))])
    band = bands(study, "loss")[0]
    assert band.step.tolist() == [1.0, 2.0, 3.0]
    assert band.median.tolist() == [5.0, 3.0, 2.0]


@pytest.mark.parametrize(("seeds", "percent"), [(9, (0, 100)), (10, (10, 90)), (11, (10, 90))])
def test_a_band_is_of_all_seeds_where_they_are_few(
    seeds: int, percent: tuple[float, float]
) -> None:
    study = studies.create(BASE, {"latent": [2]}, seeds, name=f"few-{seeds}")
    values = np.random.default_rng(0).normal(size=(seeds, 2))
    for cell, (first, second) in zip(study.cells, values, strict=True):
        runs.store().claim("here:1", cell.run)
        rows = [Record(1, "scalars", {"loss": first}), Record(2, "scalars", {"loss": second})]
        runs.store().append(cell.run, rows)
    band = bands(study, "loss")[0]
    assert band.percent == percent
    low, high = np.quantile(values, [percent[0] / 100, percent[1] / 100], axis=0)
    assert band.low == pytest.approx(low)
    assert band.high == pytest.approx(high)
    assert band.median == pytest.approx(np.median(values, axis=0))
    outside = (values < band.low) | (values > band.high)
    assert bool(outside.any()) == (percent != (0, 100))
    assert ("percentile" in band_words(band)) == (percent != (0, 100))


def test_one_arm_of_few_seeds_gives_every_arm_the_same_band() -> None:
    study = studies.create(BASE, {"latent": [2, 4]}, 10, name="uneven")
    for cell in study.cells:
        if cell.arm == 0 or cell.seed < 3:
            runs.store().claim("here:1", cell.run)
            runs.store().append(cell.run, [Record(1, "scalars", {"loss": float(cell.seed)})])
    first, second = bands(study, "loss")
    assert first.percent == second.percent == (0, 100)
    assert [len(first.runs), len(second.runs)] == [10, 3]


def test_the_browser_takes_a_band_without_what_is_no_number() -> None:
    steps = np.array([1.0, 2.0])
    line = np.array([0.1234567891, np.nan])
    band = Band("a", steps, line, line, line, {"r": line})
    assert band_data(band, {"r": 7}) == {
        "arm": "a",
        "step": [1.0, 2.0],
        "median": [0.123457, None],
        "low": [0.123457, None],
        "high": [0.123457, None],
        "runs": [{"name": "seed 7, r", "y": [0.123457, None]}],
    }
