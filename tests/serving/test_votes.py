"""Votes over the network: who may, what counts, and what comes in wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from genlab import runs
from genlab.classroom import polls
from genlab.classroom.asked import Asked, Source, outcome
from genlab.lessons.questions import Choices
from genlab.runs import rooms
from genlab.runs.access import Actor, acting_as
from genlab.serving import rooms as served_rooms
from genlab.serving.rooms import Board
from genlab.serving.tries import Tries
from tests.serving.conftest import Answer, Browser

Visit = Callable[..., Browser]
ASKED = Asked("Is it so?", Choices(("yes", "no")), Source("stated", stated=1))


@pytest.fixture
def room(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> tuple[Browser, str, polls.Poll]:
    """A teacher, the code of her room, and the question that it is asked."""
    monkeypatch.setattr(served_rooms, "FRESH", 0.0)
    monkeypatch.setattr(served_rooms, "BOARD", Board())
    monkeypatch.setattr(served_rooms, "JOINS", Tries())
    browser = visit()
    browser.ask("/")
    with acting_as(Actor(browser.who()["id"])):
        code = rooms.open_room(runs.store()).code
        return browser, code, polls.ask(runs.store(), code, ASKED)


def joined(visit: Visit, code: str) -> Browser:
    browser = visit()
    browser.ask("/join")
    assert browser.ask("/join", form={"code": code}).status == 303
    return browser


def vote(browser: Browser, code: str, **values: Any) -> Answer:
    content = (json.dumps(values).encode(), "application/json")
    return browser.ask(f"/genlab/rooms/{code}/vote", method="POST", content=content)


def state(browser: Browser, code: str) -> dict[str, Any]:
    return json.loads(browser.ask(f"/genlab/rooms/{code}/state", page=False).body)["poll"]


def test_votes_arrive_live_and_count_until_the_answer(visit: Visit, room) -> None:
    ada, code, poll = room
    viewers = [joined(visit, code) for _ in range(3)]
    for k, viewer in enumerate(viewers):
        assert vote(viewer, code, number=poll.number, answer=k % 2).status == 200
        wanted = {"number": poll.number, "revealed": False, "votes": k + 1}
        assert state(ada, code) == state(viewer, code) == wanted
    for _ in range(20):
        assert vote(viewers[0], code, number=poll.number, answer=1).status == 200
    assert polls.tally(runs.store(), poll).counts == (1, 2)
    with acting_as(Actor(ada.who()["id"])):
        polls.reveal(runs.store(), code, poll.number, outcome(ASKED))
    late = vote(viewers[0], code, number=poll.number, answer=0)
    assert late.status == 409
    assert "no more votes" in late.body
    assert state(ada, code) == {"number": poll.number, "revealed": True, "votes": 3}
    assert polls.tally(runs.store(), poll).counts == (1, 2)


def test_only_members_vote(visit: Visit, room) -> None:
    ada, code, poll = room
    stranger = visit()
    stranger.ask("/")
    answers = [vote(stranger, code, number=poll.number, answer=0)]
    stranger.cookies["genlab_room"] = f"{code}.forged"
    answers.append(vote(stranger, code, number=poll.number, answer=0))
    with acting_as(Actor("e" * 16)):
        other = rooms.open_room(runs.store()).code
    member = joined(visit, other)
    answers.append(vote(member, code, number=poll.number, answer=0))
    answers.append(vote(ada, code, number=poll.number, answer=0))
    nobody = joined(visit, code)
    nobody.cookies.pop(next(name for name in nobody.cookies if name != "genlab_room"))
    answers.append(vote(nobody, code, number=poll.number, answer=0))
    assert [answer.status for answer in answers] == [403] * 5
    assert polls.tally(runs.store(), poll).n == 0


def test_a_page_elsewhere_votes_for_nobody(visit: Visit, room) -> None:
    _, code, poll = room
    bob = joined(visit, code)
    body = json.dumps({"number": poll.number, "answer": 0}).encode()
    for more in ((("origin", "http://evil.test"),), (("sec-fetch-site", "cross-site"),)):
        answer = bob.ask(
            f"/genlab/rooms/{code}/vote",
            method="POST",
            content=(body, "application/json"),
            more=more,
        )
        assert answer.status == 403
    assert polls.tally(runs.store(), poll).n == 0


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"number=1", "application/x-www-form-urlencoded", 415),
        (b"{", "application/json", 400),
        (b"[]", "application/json", 400),
        (b"[1]", "application/json", 400),
        (b"{}", "application/json", 400),
        (b'{"number": "x"}', "application/json", 400),
        (b'{"number": 1, "answer": 0}', "application/json", 409),
        (b"[" * 3000, "application/json", 400),
        (b'{"answer": "' + b"q" * 5000 + b'"}', "application/json", 413),
    ],
)
def test_what_is_no_vote_is_refused(visit: Visit, room, content, kind: str, status: int) -> None:
    _, code, poll = room
    bob = joined(visit, code)
    path = f"/genlab/rooms/{code}/vote"
    assert bob.ask(path, method="POST", content=(content, kind)).status == status
    for answer in (2, -1, 0.5, "x", None, [0], {"a": 1}):
        refused = vote(bob, code, number=poll.number, answer=answer)
        assert refused.status == 400
        assert "allowed: a whole number from 0 to 1" in refused.body
    assert polls.tally(runs.store(), poll).n == 0


def test_a_full_room_takes_no_vote_of_another(visit: Visit, room) -> None:
    _, code, poll = room
    late = joined(visit, code)
    name = late.who()["id"]
    served_rooms.BOARD._seen[code].pop(name)
    for k in range(rooms.MOST):
        served_rooms.BOARD.see(code, f"viewer{k}")
    answer = vote(late, code, number=poll.number, answer=0)
    assert answer.status == 403
    assert "This room is full" in answer.body


def test_a_room_that_has_ended_takes_no_vote(visit: Visit, room) -> None:
    ada, code, poll = room
    bob = joined(visit, code)
    with acting_as(Actor(ada.who()["id"])):
        rooms.end_room(runs.store(), code)
    assert vote(bob, code, number=poll.number, answer=0).status == 410
