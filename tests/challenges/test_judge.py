"""Challenges: limits, thresholds with their intervals, seeds, and the board."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from genlab import runs
from genlab.challenges import CHALLENGES, Pictures, Training, board, judge
from genlab.challenges.base import Goal
from genlab.core.errors import NotAllowed, RunStateError, SpecError
from genlab.core.run_spec import RunSpec
from genlab.core.tables import DATASETS
from genlab.runs.access import NOBODY, Actor, acting_as
from genlab.runs.catalog import RunView
from genlab.runs.forks import change_spec
from genlab.runs.store import Origin, Record, RunStore

ADA, BOB = Actor("a" * 16, room="BCDFGH"), Actor("b" * 16)
#: What the controls say of an option that was changed at work.
CHANGE = "From step 3 on: lr = 0.1."
TRAINING = [row.name for row in CHALLENGES.rows() if isinstance(row.value, Training)]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunStore]:
    monkeypatch.setattr(runs, "ensure_supervisor", lambda: None)
    runs.configure("memory:", tmp_path / "files")
    monkeypatch.setattr(RunView, "snapshots", lambda view: (view.row.steps,))
    yield runs.store()
    runs.configure()


def done(store: RunStore, actor: Actor, spec: dict[str, Any], origin: Origin | None = None) -> str:
    """A run that was trained to its end, without any training."""
    with acting_as(actor):
        run = store.create(RunSpec.build(**spec).flat(), origin=origin)
    store.claim("w", run)
    store.heartbeat(run, step=int(spec["steps"]), speed=1.0)
    store.set_status(run, "done")
    return run


def metrics(row: Training, end: float = 0.0) -> dict[str, dict[str, float]]:
    """Numbers that reach each goal, moved away from it by ``end`` of the interval."""
    found = {}
    for goal in row.goals:
        at = goal.low if goal.low is not None else float(goal.high or 0.0)
        sign = 1.0 if goal.low is not None else -1.0
        worse, better = at - sign * end, at + sign
        low, high = min(worse, better), max(worse, better)
        found[goal.metric] = {"value": (low + high) / 2, "low": low, "high": high}
    return found


def row_of(name: str) -> Training:
    row = CHALLENGES[name]
    assert isinstance(row, Training)
    return row


def test_there_are_eight_and_each_says_what_it_is() -> None:
    assert len(CHALLENGES) >= 8
    for row in CHALLENGES.rows():
        assert row.summary
        assert row.value.asks
        assert row.value.limits
        if isinstance(row.value, Training):
            assert len(set(row.value.seeds)) >= 3
            assert set(row.value.fixed) <= set(row.value.given(0).flat())
            assert row.value.given(0).flat()["steps"] <= row.value.steps or row.value.is_repair


@pytest.mark.parametrize("name", TRAINING)
def test_the_solution_keeps_to_the_limits_and_the_start_of_a_repair_does_not(
    store: RunStore, name: str
) -> None:
    row = row_of(name)
    if row.is_repair:
        parent = done(store, ADA, {**row.start, "seed": 0})
        given = runs.open_run(parent)
        assert "no fork" in " ".join(judge.broken_limits(row, given))
        spec = change_spec(given.spec, dict(row.solution)).flat()
        steps = int(row.start["steps"])
        run = done(store, ADA, spec, Origin(parent, steps))
    else:
        run = done(store, ADA, {**row.start, **row.solution, "seed": 0})
    assert judge.broken_limits(row, runs.open_run(run)) == []


def test_limits_that_are_not_kept_are_named(store: RunStore) -> None:
    row = row_of("modes")
    good = {**row.start, **row.solution}
    wrong = {
        "at most": ({**good, "steps": row.steps + 1}, "allowed are"),
        "seed": ({**good, "seed": 7}, "seed 7 is none of 0, 1, 2"),
        "data": ({**good, "data": "grid"}, "data must stay ring, and is grid"),
    }
    for spec, words in wrong.values():
        run = done(store, ADA, spec)
        assert words in " ".join(judge.broken_limits(row, runs.open_run(run)))
    with acting_as(ADA):
        queued = store.create(RunSpec.build(**good).flat())
    assert "It is queued" in " ".join(judge.broken_limits(row, runs.open_run(queued)))
    forked = done(store, ADA, good, Origin(queued, 3))
    assert "It is a fork" in " ".join(judge.broken_limits(row, runs.open_run(forked)))


@pytest.mark.parametrize("name", TRAINING)
def test_the_options_of_the_data_stay(store: RunStore, name: str) -> None:
    """Wider modes or binary pixels would reach a goal without any learning."""
    row = row_of(name)
    data = str(row.start["data"])
    other = {"std": 0.5, "modes": 9, "radius": 2.0, "side": 3, "spacing": 3.0, "examples": 500}
    other |= {"points": 20_000, "binarise": "dynamic"}
    for option in DATASETS[data].Options.table():
        spec = {**row.start, **row.solution, option.name: other[option.name]}
        wrong = judge.broken_limits(row, runs.open_run(done(store, ADA, spec)))
        assert any(text.startswith(f"{option.name} must stay ") for text in wrong), option.name


def test_a_run_that_was_changed_while_it_trained_is_not_judged(store: RunStore) -> None:
    """Its options say less than what it was trained with, and no other seed was changed so."""
    row = row_of("modes")
    run = done(store, ADA, {**row.start, **row.solution})
    for message, wrong in (("Snapshot.", 0), (CHANGE, 1)):
        store.append(run, [Record(3, "event", {"level": "info", "message": message})])
        found = judge.broken_limits(row, runs.open_run(run))
        assert [text.startswith("It was changed while") for text in found] == [True] * wrong


def test_a_repair_is_a_fork_of_the_given_run(store: RunStore) -> None:
    row = row_of("repair")
    other = done(store, ADA, {**row.start, "lr": 1e-4, "seed": 0})
    spec = change_spec(runs.open_run(other).spec, dict(row.solution)).flat()
    run = done(store, ADA, spec, Origin(other, int(row.start["steps"])))
    assert "has other options" in " ".join(judge.broken_limits(row, runs.open_run(run)))
    given = done(store, ADA, {**row.start, "seed": 0})
    steps = int(row.start["steps"])
    fork = runs.open_run(done(store, ADA, spec, Origin(given, steps)))
    assert judge.broken_limits(row, fork) == []
    store.append(given, [Record(700, "event", {"level": "info", "message": CHANGE})])
    assert "forked from was changed" in " ".join(judge.broken_limits(row, fork))
    early = done(store, ADA, spec, Origin(given, 1))
    assert "before" in " ".join(judge.broken_limits(row, runs.open_run(early)))


def test_the_worse_end_of_the_interval_of_every_seed_counts(store: RunStore) -> None:
    row = row_of("modes")
    views = [
        runs.open_run(done(store, ADA, {**row.start, **row.solution, "seed": seed}))
        for seed in row.seeds
    ]
    full = [(view, metrics(row)) for view in views]
    judged = judge.verdict(row, full)
    assert judged.met
    assert judged.value == pytest.approx(row.goals[0].low)
    assert judged.runs == tuple(view.id for view in views)
    short = [*full[:2], (views[2], metrics(row, end=0.01))]
    assert not judge.verdict(row, short).met
    assert not judge.verdict(row, full[:2]).met
    assert "no run of the seeds 2" in " ".join(judge.verdict(row, full[:2]).lines)
    assert not judge.verdict(row, [(view, {}) for view in views]).met


def test_missing_seeds_are_started_once_with_the_same_options(store: RunStore) -> None:
    row = row_of("modes")
    first = done(store, ADA, {**row.start, **row.solution, "seed": 1})
    done(store, BOB, {**row.start, **row.solution, "seed": 0})
    with acting_as(ADA):
        found = judge.advance(row, runs.open_run(first), store)
        assert [view.id for view in found] == [first]
        judge.advance(row, runs.open_run(first), store)
        mine = judge.mine(store)
        assert sorted(view.spec["seed"] for view in mine) == [0, 1, 2]
        assert len({repr(judge.plan(runs.open_run(one.id).spec)) for one in mine}) == 1
        assert [one.id for one in judge.entries(row, store)] == [first]


def test_a_repair_of_another_seed_waits_for_its_given_run(store, monkeypatch) -> None:
    row = row_of("repair")
    forked: list[Any] = []
    monkeypatch.setattr(runs, "fork", lambda *args: forked.append(args))
    steps = int(row.start["steps"])
    given = done(store, ADA, {**row.start, "seed": 0})
    spec = change_spec(runs.open_run(given).spec, dict(row.solution)).flat()
    first = done(store, ADA, spec, Origin(given, steps))
    with acting_as(ADA):
        for _ in range(2):
            judge.advance(row, runs.open_run(first), store)
        started = [one for one in judge.mine(store) if one.status == "queued"]
    assert sorted(one.spec["seed"] for one in started) == list(row.seeds[1:])
    assert forked == []
    for one in started:
        store.claim("w", one.id)
        store.set_status(one.id, "done")
    with acting_as(ADA):
        judge.advance(row, runs.open_run(first), store)
    assert len(forked) == 2
    for run, step, changes, _ in forked:
        assert run in {one.id for one in started}
        assert step == steps
        before = runs.open_run(given).spec.flat()
        assert changes == {k: v for k, v in spec.items() if before.get(k) != v}


def entered(store: RunStore, monkeypatch: Any, actor: Actor, end: float = 0.0) -> list[RunView]:
    row = row_of("modes")
    monkeypatch.setattr(board, "find_metrics", lambda view, submit: metrics(row, end))
    return [
        runs.open_run(done(store, actor, {**row.start, **row.solution, "seed": seed}))
        for seed in row.seeds
    ]


def test_the_board_holds_what_the_program_checked(store: RunStore, monkeypatch) -> None:
    good = entered(store, monkeypatch, ADA)
    with acting_as(ADA):
        board.enter_runs(store, "modes", " Ada  and co ", good)
    bobs = entered(store, monkeypatch, BOB, -0.5)
    with acting_as(BOB):
        with pytest.raises(RunStateError, match="somebody else"):
            board.enter_runs(store, "modes", "Bob", good)
        board.enter_runs(store, "modes", "Bob", bobs)
        found = board.board(store, "modes")
        assert [(one.name, one.mine) for one in found] == [("Bob", True), ("Ada and co", False)]
        assert board.replays(found[1]) == [view.id for view in good]
        assert [one.name for one in board.board(store, "modes", "BCDFGH")] == ["Ada and co"]
    weak = entered(store, monkeypatch, BOB, 0.5)
    with acting_as(BOB), pytest.raises(RunStateError, match="not reached"):
        board.enter_runs(store, "modes", "Bob", weak)
    with acting_as(NOBODY), pytest.raises(NotAllowed, match="cookies"):
        board.enter_runs(store, "modes", "x", good)
    runs.store().delete(good[0].id)
    with acting_as(BOB):
        assert len(board.replays(board.board(store, "modes")[1])) == 2


def test_what_is_not_measured_is_not_entered(store: RunStore, monkeypatch) -> None:
    good = entered(store, monkeypatch, ADA)
    monkeypatch.setattr(board, "find_metrics", lambda view, submit: None)
    with acting_as(ADA), pytest.raises(RunStateError, match="not measured yet"):
        board.enter_runs(store, "modes", "Ada", good)
    assert board.board(store, "modes") == []


@pytest.mark.parametrize("name", ["", "   ", "x" * 31, "a\x00b", "a\u202eb"])
def test_a_name_that_is_none_is_refused(store: RunStore, monkeypatch, name: str) -> None:
    good = entered(store, monkeypatch, ADA)
    with acting_as(ADA), pytest.raises(SpecError, match="1 to 30 characters"):
        board.enter_runs(store, "modes", name, good)


def test_pictures_are_told_apart_by_eye_and_not_by_luck(store: RunStore) -> None:
    row = CHALLENGES["pictures"]
    assert isinstance(row, Pictures)
    with acting_as(ADA):
        with pytest.raises(RunStateError, match="Not all of them are right"):
            board.enter_answers(store, "pictures", "Ada", [row.hidden[0]] * 3)
        with pytest.raises(SpecError, match="allowed"):
            board.enter_answers(store, "pictures", "Ada", ["moon"] * 3)
        assert board.board(store, "pictures") == []
        board.enter_answers(store, "pictures", "Ada", row.hidden)
        with pytest.raises(RunStateError, match="by answers"):
            board.enter_runs(store, "pictures", "Ada", [])
        with pytest.raises(RunStateError, match="by runs"):
            board.enter_answers(store, "modes", "Ada", row.hidden)
    assert [one.name for one in board.board(store, "pictures")] == ["Ada"]
    assert len(row.choices()) ** len(row.hidden) >= 60


def test_a_goal_is_met_by_the_whole_interval() -> None:
    low, high = Goal("a", "a", low=2.0), Goal("a", "a", high=2.0)
    assert low.is_met({"low": 2.0, "high": 9.0})
    assert not low.is_met({"low": 1.99, "high": 9.0})
    assert high.is_met({"low": -9.0, "high": 2.0})
    assert not high.is_met({"low": 1.0, "high": 2.01})
