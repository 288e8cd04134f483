"""Rooms over the network: joining, following, leading, and what comes in wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from genlab import runs
from genlab.core.errors import NotAllowed, RunStateError
from genlab.runs import rooms
from genlab.runs.access import NOBODY, Actor, acting_as
from genlab.serving import rooms as served_rooms
from genlab.serving.rooms import Board, qr_svg
from genlab.serving.tries import Tries
from tests.serving.conftest import Answer, Browser

Visit = Callable[..., Browser]


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A clock of the rooms that only this test moves."""
    clock = Clock()
    monkeypatch.setattr(served_rooms, "BOARD", Board(clock))
    monkeypatch.setattr(served_rooms, "JOINS", Tries(clock=clock))
    return clock


@pytest.fixture
def teacher(visit: Visit, clock: Clock) -> tuple[Browser, str]:
    """A teacher's browser, and the code of her room."""
    browser = visit()
    browser.ask("/")
    with acting_as(Actor(browser.who()["id"])):
        code = rooms.open_room(runs.store()).code
    return browser, code


def lead(browser: Browser, code: str, **values: Any) -> Answer:
    body = json.dumps({"path": "/watch", "query": "run=a", **values}).encode()
    path = f"/genlab/rooms/{code}/lead"
    return browser.ask(path, method="POST", content=(body, "application/json"))


def state(browser: Browser, code: str) -> dict[str, Any]:
    answer = browser.ask(f"/genlab/rooms/{code}/state", page=False)
    return {"status": answer.status, **json.loads(answer.body)}


def joined(visit: Visit, code: str, **values: Any) -> Browser:
    browser = visit(**values)
    browser.ask("/join")
    assert browser.ask("/join", form={"code": code.lower()}).status == 303
    return browser


def test_codes_have_six_letters_that_nobody_confuses() -> None:
    codes = {rooms.new_code() for _ in range(2000)}
    # Two of 2000 among 47 million are the same in one test of 24, five such pairs in none.
    assert len(codes) >= 1995
    assert all(rooms.CODE.fullmatch(code) for code in codes)
    assert not set("".join(codes)) & set("AEIOUYL0125")
    assert rooms.normalise_code(" bcd fgh") == "BCDFGH"
    for wrong in ("", "BCDFG", "BCDFGHJ", "BCDFG0", "éééééé", "x" * 10_000, "../../"):
        assert rooms.normalise_code(wrong) == ""


def test_viewers_follow_page_run_step_and_layers(visit: Visit, teacher) -> None:
    ada, code = teacher
    viewers = [joined(visit, code) for _ in range(3)]
    first = state(viewers[0], code)
    assert (first["path"], first["query"]) == ("/start", "")
    moment = {"run": "a", "at": 40, "clock": "step", "view": {"layers": "critic"}}
    assert lead(ada, code, moment=moment).status == 200
    state(ada, code)
    for viewer in viewers:
        seen = state(viewer, code)
        assert (seen["path"], seen["query"], seen["moment"]) == ("/watch", "run=a", moment)
        assert seen["number"] > first["number"]
        assert (seen["here"], seen["leader"]) == (3, True)
    number = seen["number"]
    lead(ada, code, path="/learn", query="lesson=elbo")
    assert state(viewers[0], code)["number"] > number


def test_the_link_of_the_qr_code_joins_and_opens_the_teachers_page(visit: Visit, teacher) -> None:
    ada, code = teacher
    lead(ada, code, query="run=a&step=3&present=1")
    viewer = visit()
    viewer.ask("/join")
    answer = viewer.ask(f"/join/{code}")
    assert (answer.status, answer.header("location")) == (303, "/watch?run=a&step=3")
    assert state(viewer, code)["here"] == 1
    svg = qr_svg(f"http://lab.test/join/{code}")
    assert svg.startswith("<svg")
    assert "http://www.w3.org" in svg
    assert not re.search(r'(href|src)="', svg)


def test_only_the_teacher_leads_and_ends(visit: Visit, teacher) -> None:
    ada, code = teacher
    bob = joined(visit, code)
    before = state(bob, code)
    assert lead(bob, code, path="/data").status == 403
    assert lead(visit(), code, path="/data").status == 403
    for more in ((("origin", "http://evil.test"),), (("sec-fetch-site", "cross-site"),)):
        body = (json.dumps({"path": "/data"}).encode(), "application/json")
        path = f"/genlab/rooms/{code}/lead"
        assert ada.ask(path, method="POST", content=body, more=more).status == 403
    with acting_as(Actor(bob.who()["id"])), pytest.raises(NotAllowed):
        rooms.end_room(runs.store(), code)
    assert {**state(bob, code), "here": 1} == {**before, "here": 1}


@pytest.mark.parametrize(
    ("content", "status"),
    [
        ((b"path=/watch", "application/x-www-form-urlencoded"), 415),
        ((b"{", "application/json"), 400),
        ((b"[]", "application/json"), 400),
        ((b"{}", "application/json"), 400),
        ((b'{"path": "/watch", "moment": "x"}', "application/json"), 400),
        ((b'{"path": "//evil.test"}', "application/json"), 409),
        ((b'{"path": "/../etc"}', "application/json"), 409),
        ((b'{"path": "/a", "query": "' + b"q" * 3000 + b'"}', "application/json"), 409),
        ((b'{"path": "/a", "query": "' + b"q" * 30_000 + b'"}', "application/json"), 413),
    ],
)
def test_a_place_that_is_none_is_refused(teacher, content, status: int) -> None:
    ada, code = teacher
    before = rooms.find_room(runs.store(), code)
    path = f"/genlab/rooms/{code}/lead"
    assert ada.ask(path, method="POST", content=content).status == status
    assert rooms.find_room(runs.store(), code) == before


def test_wrong_codes_are_limited_and_right_ones_are_not(visit: Visit, teacher, clock) -> None:
    _, code = teacher
    school = "10.0.0.1"
    for _ in range(30):
        joined(visit, code, address=school)
    guesser = visit(address=school)
    guesser.ask("/join")
    for k in range(10):
        answer = guesser.ask("/join", form={"code": f"BCDFG{rooms.LETTERS[k]}"})
        assert answer.status == 404
        assert "no room with this code" in answer.body
    assert guesser.ask("/join", form={"code": code}).status == 429
    assert guesser.ask(f"/join/{code}").status == 429
    assert state(guesser, "ZZZZZZ")["status"] == 429
    joined(visit, code, address="10.0.0.2")
    clock.now += 61
    joined(visit, code, address=school)


def test_the_state_is_no_way_around_the_limit(visit: Visit, teacher) -> None:
    _, code = teacher
    guesser = visit()
    guesser.ask("/")
    assert state(guesser, code)["status"] == 403
    guesser.cookies["genlab_room"] = f"{code}.forged"
    assert state(guesser, code)["status"] == 403
    for _ in range(10):
        assert state(guesser, "BCDFGZ")["status"] == 410
    assert state(guesser, "BCDFGZ")["status"] == 429


def test_a_room_ends_for_those_who_are_in_it_without_counting_as_wrong(
    visit: Visit, teacher, clock: Clock
) -> None:
    ada, code = teacher
    viewers = [joined(visit, code) for _ in range(12)]
    with acting_as(Actor(ada.who()["id"])):
        rooms.end_room(runs.store(), code)
        other = rooms.open_room(runs.store()).code
    clock.now += 1
    for viewer in viewers:
        assert state(viewer, code)["status"] == 410
    joined(visit, other)


def test_a_room_ends_by_itself_after_a_day(teacher, monkeypatch: pytest.MonkeyPatch) -> None:
    _, code = teacher
    store = runs.store()
    found = rooms.find_room(store, code)
    assert found is not None
    for later, there in ((rooms.DAY - 60, True), (rooms.DAY + 60, False)):
        at = found.ends - rooms.DAY + later
        monkeypatch.setattr("genlab.runs.items.time.time", lambda at=at: at)
        assert (rooms.find_room(store, code) is not None) == there


def test_three_hundred_join_and_the_next_one_is_told(visit: Visit, teacher, clock: Clock) -> None:
    ada, code = teacher
    board = served_rooms.BOARD
    for k in range(rooms.MOST):
        board.see(code, f"viewer{k}")
    state(ada, code)
    late = visit()
    late.ask("/join")
    answer = late.ask("/join", form={"code": code})
    assert answer.status == 403
    assert "This room is full: 300" in answer.body
    seen = state(ada, code)
    assert (seen["here"], seen["leader"], seen["again"]) == (300, True, 2400)
    clock.now += served_rooms.PRESENT + 1
    joined(visit, code)


def test_a_teacher_who_leaves_is_missed_and_the_room_stays(visit, teacher, clock: Clock) -> None:
    ada, code = teacher
    bob = joined(visit, code)
    lead(ada, code, query="run=a")
    state(ada, code)
    assert state(bob, code)["leader"]
    clock.now += served_rooms.PRESENT + 1
    seen = state(bob, code)
    assert (seen["leader"], seen["path"], seen["here"]) == (False, "/watch", 1)
    state(ada, code)
    assert state(bob, code)["leader"]


def test_leaving_forgets_the_room(visit: Visit, teacher) -> None:
    _, code = teacher
    bob = joined(visit, code)
    assert bob.ask("/leave").status == 405
    assert bob.ask("/leave", form={}).status == 303
    assert "genlab_room" not in bob.cookies
    assert state(bob, code)["status"] == 403


def test_a_teacher_has_one_room_and_nobody_opens_none(teacher) -> None:
    ada, code = teacher
    with acting_as(Actor(ada.who()["id"])):
        assert rooms.open_room(runs.store()).code == code
    with acting_as(NOBODY), pytest.raises(NotAllowed):
        rooms.open_room(runs.store())
    with pytest.raises(RunStateError, match="no room"):
        rooms.lead(runs.store(), "BCDFGZ", "/watch", "", {})
