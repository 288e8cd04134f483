"""Votes of a room: one for each browser, the last one counts, none after the answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genlab import runs
from genlab.classroom import polls
from genlab.classroom.asked import (
    Asked,
    Source,
    about_run,
    asked_of,
    asked_record,
    of_lesson,
    outcome,
)
from genlab.core.errors import NotAllowed, RunStateError, SpecError
from genlab.lessons import LESSONS, chapters, right_answer
from genlab.lessons.questions import Choices, DrawnCurve, Number
from genlab.runs.access import MACHINE, NOBODY, Actor, acting_as
from genlab.runs.rooms import MOST, end_room, open_room
from genlab.runs.sql_jobs import dump_json
from genlab.runs.store import RunStore
from genlab.testing.scripted_run import ScriptedRun

ADA = Actor("a" * 16)
YES = Asked("Is it so?", Choices(("yes", "no")), Source("stated", stated=1), "It is not.")


def voter(k: int) -> Actor:
    return Actor(f"{k:016d}")


@pytest.fixture(params=["memory", "sql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RunStore]:
    url = "memory:" if request.param == "memory" else f"sqlite:///{tmp_path / 'genlab.db'}"
    runs.configure(url, tmp_path / "files")
    yield runs.store()
    runs.configure()


@pytest.fixture
def code(store: RunStore) -> str:
    with acting_as(ADA):
        return open_room(store).code


def ask(store: RunStore, code: str, asked: Asked = YES) -> polls.Poll:
    with acting_as(ADA):
        return polls.ask(store, code, asked)


def cast(store: RunStore, poll: polls.Poll, k: int, given: Any) -> None:
    with acting_as(voter(k)):
        polls.cast(store, poll.code, poll.number, given)


def reveal(store: RunStore, poll: polls.Poll) -> polls.Poll:
    with acting_as(ADA):
        return polls.reveal(store, poll.code, poll.number, outcome(poll.asked))


def test_one_vote_for_each_browser_and_the_last_one_counts(store: RunStore, code: str) -> None:
    poll = ask(store, code)
    for k in range(3):
        cast(store, poll, k, 0)
    for given in (1, 0, 1):
        cast(store, poll, 0, given)
    assert polls.tally(store, poll) == polls.Tally(3, None, (2, 1))
    assert polls.vote_of(store, poll, voter(0).id) == 1
    assert polls.vote_of(store, poll, voter(9).id) is None
    assert polls.summary(store, code) == {"number": poll.number, "revealed": False, "votes": 3}


def test_no_vote_counts_after_the_answer(store: RunStore, code: str) -> None:
    poll = ask(store, code)
    cast(store, poll, 0, 0)
    shown = reveal(store, poll)
    assert shown.outcome is not None
    assert shown.outcome.right == 1
    for k in (0, 1):
        with pytest.raises(RunStateError, match="no more votes"):
            cast(store, poll, k, 1)
    assert polls.tally(store, polls.find_poll(store, code) or poll) == polls.Tally(1, 0, (1, 0))


def test_a_vote_that_was_looked_at_before_the_answer_is_not_written_after_it(
    store: RunStore, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The look at the question and the write are two moments; the ballot makes them one."""
    poll = ask(store, code)
    read = polls.find_poll

    def stale(*args: Any) -> polls.Poll | None:
        found = read(*args)
        reveal_now = found is not None and found.outcome is None
        monkeypatch.setattr(polls, "find_poll", read)
        if reveal_now:
            reveal(store, poll)
        return found

    monkeypatch.setattr(polls, "find_poll", stale)
    with pytest.raises(RunStateError, match="no more votes"):
        cast(store, poll, 0, 1)
    assert polls.tally(store, poll).n == 0


def test_the_answer_stays_what_it_was_when_it_is_revealed_again(store, code) -> None:
    poll = ask(store, code)
    reveal(store, poll)
    other = Asked("", Choices(("yes", "no")), Source("stated", stated=0))
    with acting_as(ADA):
        again = polls.reveal(store, code, poll.number, outcome(other))
    assert again.outcome is not None
    assert again.outcome.right == 1


@pytest.mark.parametrize("given", [2, -1, 0.5, "x", None, [0], {}, float("nan"), 10**400])
def test_what_is_no_choice_is_refused(store: RunStore, code: str, given: Any) -> None:
    poll = ask(store, code)
    with pytest.raises(SpecError, match="allowed: a whole number from 0 to 1"):
        cast(store, poll, 0, given)
    assert polls.tally(store, poll).n == 0


def test_ten_thousand_votes_are_one_of_one_browser_and_a_rooms_of_many(
    store: RunStore, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    poll = ask(store, code)
    for k in range(200):
        cast(store, poll, 0, k % 2)
    assert polls.tally(store, poll).n == 1
    monkeypatch.setattr(polls, "MOST", 40)
    refused = 0
    for k in range(1, 60):
        try:
            cast(store, poll, k, 0)
        except RunStateError as error:
            refused += 1
            assert "as many as a room" in str(error)  # noqa: PT017
    assert (polls.tally(store, poll).n, refused) == (40, 20)
    cast(store, poll, 0, 1)  # who voted may still change it
    assert MOST == 300


def test_only_the_leader_asks_reveals_and_closes(store: RunStore, code: str) -> None:
    poll = ask(store, code)
    for actor in (voter(1), NOBODY):
        with acting_as(actor):
            for way in (
                lambda: polls.ask(store, code, YES),
                lambda: polls.reveal(store, code, poll.number, outcome(YES)),
                lambda: polls.close(store, code),
            ):
                with pytest.raises(NotAllowed):
                    way()
    assert polls.find_poll(store, code) == poll
    with acting_as(NOBODY), pytest.raises(NotAllowed, match="cookies"):
        polls.cast(store, code, poll.number, 0)
    with acting_as(MACHINE), pytest.raises(RunStateError, match="Browsers vote"):
        polls.cast(store, code, poll.number, 0)
    with acting_as(ADA), pytest.raises(RunStateError, match="does not vote"):
        polls.cast(store, code, poll.number, 0)


def test_the_next_question_begins_at_no_votes(store: RunStore, code: str) -> None:
    first = ask(store, code)
    cast(store, first, 0, 1)
    second = ask(
        store, code, Asked("How many?", Number(0.0, 8.0, 0.5), Source("stated", stated=3))
    )
    assert second.number > first.number
    with pytest.raises(RunStateError, match="not open any more"):
        cast(store, first, 1, 1)
    assert polls.tally(store, second).n == 0
    with acting_as(ADA):
        polls.close(store, code)
    assert polls.summary(store, code) is None
    with pytest.raises(RunStateError, match="not open any more"):
        cast(store, second, 1, 1)


def test_without_a_room_nothing_is_asked(store: RunStore, code: str) -> None:
    with acting_as(ADA):
        end_room(store, code)
        for way in (lambda: polls.ask(store, code, YES), lambda: polls.close(store, code)):
            with pytest.raises(RunStateError, match="no room"):
                way()


def test_numbers_are_counted_in_bins_and_curves_by_quartiles(store: RunStore, code: str) -> None:
    number = Asked("?", Number(0.0, 10.0, 1.0), Source("stated", stated=4.0))
    poll = ask(store, code, number)
    for k, guess in enumerate([0.0, 3.2, 4.0, 4.9, 10.0]):
        cast(store, poll, k, guess)
    found = polls.tally(store, reveal(store, poll))
    assert (found.n, found.right, sum(found.counts), found.middle) == (5, 3, 5, (4.0,))
    assert len(found.edges) == len(found.counts) + 1
    form = DrawnCurve((0.0, 1.0), (0.0, 4.0), "x", "y", 0.6)
    poll = ask(store, code, Asked("?", form, Source("stated", stated=[2.0] * form.points)))
    for k in range(5):
        cast(store, poll, k, [float(k)] * form.points)
    found = polls.tally(store, reveal(store, poll))
    assert (found.n, found.right) == (5, 1)
    for got, wanted in ((found.low, 1.0), (found.middle, 2.0), (found.high, 3.0)):
        assert np.allclose(got, wanted)


@pytest.mark.parametrize("lesson", chapters())
def test_every_lessons_questions_go_through_the_store(lesson: str) -> None:
    assert len(LESSONS[lesson].questions) >= 2
    for row in LESSONS[lesson].questions:
        asked = of_lesson(lesson, row.name)
        assert asked_of(json.loads(dump_json(asked_record(asked)))) == asked


def test_the_answer_of_a_lesson_is_the_lessons() -> None:
    found = outcome(of_lesson("kl_js", "one_bump"))
    assert found.right == right_answer("kl_js", "one_bump")
    assert found.says == "computed by the lesson"


def test_the_answer_about_a_run_is_what_the_run_measured(store: RunStore) -> None:
    run = ScriptedRun(store, runs.files(), steps=200)
    kl = next(one for one in runs.open_run(run.id).series if one.name == "kl")
    asked = about_run(kl, 0.0, 10.0, run.id)
    with pytest.raises(SpecError, match="smaller number"):
        about_run(kl, 10.0, 10.0)
    assert "KL to the prior" in asked.asks
    with pytest.raises(RunStateError, match="has no number 'kl' yet"):
        outcome(asked, runs.open_run(run.id))
    run.go(100)
    early = outcome(asked, runs.open_run(run.id))
    assert "step 100 of 200; the run is running" in early.says
    run.go(100)
    run.end()
    late = outcome(asked, runs.open_run(run.id))
    assert late.right == pytest.approx(ScriptedRun.values(200)["kl"])
    assert late.says == "KL to the prior of the run at step 200 (exact, n = 128)"
    with pytest.raises(RunStateError, match="the room looks at none"):
        outcome(asked)
    form = DrawnCurve((0.0, 200.0), (0.0, 10.0), "step", "nats", 0.1)
    curve = outcome(Asked("", form, Source("run", "kl")), runs.open_run(run.id))
    truth = [ScriptedRun.values(max(2, s))["kl"] for s in form.axis]
    assert form.distance(curve.right, np.array(truth)) < 0.01
    ranged = Asked("", Choices(("few", "many")), Source("run", "kl", ranges=((0, 2), (2.1, 9))))
    assert outcome(ranged, runs.open_run(run.id)).right == 1
    none = Asked("", Choices(("few", "many")), Source("run", "kl", ranges=((0, 2), (90, 91))))
    with pytest.raises(RunStateError, match="none of the choices"):
        outcome(none, runs.open_run(run.id))
