"""Studies that stop early, and seeds that collapse: counted and said."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from genlab import runs, studies
from genlab.runs.store import Record
from genlab.studies import early_stop
from genlab.studies.state import StudyState
from genlab.studies.study import Study

BASE: dict[str, Any] = {
    "model": "vae", "data": "digits", "steps": 8, "batch": 16, "hidden": 16, "latent": 2,
}  # fmt: skip


def invented(value: float) -> dict[str, Any]:
    row = {"name": "test_elbo", "title": "ELBO", "unit": "nats", "kind": "Monte Carlo",
           "direction": "higher", "value": value, "low": value - 1, "high": value + 1}  # fmt: skip
    return {"metrics": [row]}


def results(study: Study, seeds: int, shift: float) -> dict[str, Mapping[str, Any]]:
    rng = np.random.default_rng(2)
    return {
        cell.run: invented(float(rng.normal()) + shift * cell.arm)
        for cell in study.cells
        if cell.seed < seeds
    }


def test_a_study_without_a_difference_stops_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    study = studies.create(BASE, {"latent": [2, 4]}, 8, name="early", stop_early=True)
    assert [item.id for item in runs.store().items("chore")] == ["early"]
    seen: dict[str, Mapping[str, Any]] = {}
    monkeypatch.setattr(early_stop, "collect_metrics", lambda *_: seen)
    assert early_stop.watch("early")
    # Equal values seed by seed, but for little noise around zero.
    noise = (0.05, -0.06, 0.02, -0.01, 0.03)
    for cell in study.cells:
        if cell.seed < 5:
            seen[cell.run] = invented(cell.seed + cell.arm * noise[cell.seed])
    assert not early_stop.watch("early")
    study = studies.open_study("early")
    assert "Stopped early after 5 of 8 pairs of seeds" in study.stopped
    assert "predictive power" in study.stopped
    assert not runs.store().queue()
    assert not runs.store().items("chore")
    stand = studies.state(study)
    assert stand.ended
    said = studies.summarise(study, stand, seen)
    assert said.sentence.endswith(study.stopped)
    # The runs that were given up are no bad endings.
    assert said.losses == ()


def test_a_study_with_a_difference_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    study = studies.create(BASE, {"latent": [2, 4]}, 8, name="goes", stop_early=True)
    monkeypatch.setattr(early_stop, "collect_metrics", lambda *_: results(study, 5, 5.0))
    assert early_stop.watch("goes")
    assert len(runs.store().queue()) == 16
    study = studies.create(BASE, {"latent": [2, 4]}, 2, name="plain")
    assert "plain" not in [item.id for item in runs.store().items("chore")]


def test_one_arm_that_may_differ_keeps_the_study_going() -> None:
    study = studies.create(BASE, {"latent": [2, 4, 8]}, 8, name="three", stop_early=True)
    found = {
        cell.run: invented(cell.seed + (0.01 * (-1) ** cell.seed, 0.0, 3.0)[cell.arm])
        for cell in study.cells
        if cell.seed < 5
    }
    said = studies.summarise(study, studies.state(study), found)
    assert studies.futility(study, said) == ""


def test_collapsed_seeds_are_counted_and_said() -> None:
    study = studies.create(BASE, {"latent": [2, 4]}, 3, name="fallen")
    stand = studies.state(study)
    collapsed = {study.cells[1].run: "Posterior collapse"}
    rng = np.random.default_rng(1)
    found = {cell.run: invented(float(rng.normal())) for cell in study.cells}
    said = studies.summarise(study, stand, found, collapsed=collapsed)
    assert said.losses == ("latent = 4: 1 of 3 runs collapsed (posterior collapse)",)
    assert said.losses[0] in said.sentence
    assert "Collapsed runs are in the interval" in said.sentence


def test_the_sentinel_says_which_runs_collapsed() -> None:
    base = {"model": "gan", "data": "ring", "steps": 1000, "batch": 16}
    study = studies.create(base, {"lr": [1e-3, 1e-4]}, 1, name="ring")
    store = runs.store()
    for cell, modes in zip(study.cells, (8.0, 1.0), strict=True):
        store.claim("here:1", cell.run)
        store.describe(cell.run, [
            {"name": "modes", "title": "modes", "truth": 8.0, "kind": "Monte Carlo", "n": 2000},
            {"name": "high_quality", "title": "quality", "kind": "Monte Carlo", "n": 2000},
        ])  # fmt: skip
        store.append(cell.run, [
            Record(step, "scalars", {"modes": modes, "high_quality": 0.9})
            for step in range(100, 1001, 100)
        ])  # fmt: skip
        store.set_status(cell.run, "done")
    rows = {cell.run: store.get(cell.run) for cell in study.cells}
    stand = StudyState(rows, ({"done": 1}, {"done": 1}), 1.0, 0.0)
    assert studies.collapsed_runs(study, stand) == {"ring-a2-s0": "Mode collapse"}
