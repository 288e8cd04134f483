"""What a class can send wrong, item by item: the tests of each, and those that had no place yet.

:data:`ITEMS` is the list; a test below checks that each test that it names is there.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from genlab import runs
from genlab.classroom import polls
from genlab.classroom.asked import Asked, Source
from genlab.core.errors import RunStateError
from genlab.lessons.questions import Choices, DrawnCurve, Number
from genlab.runs import rooms
from genlab.runs.access import Actor, acting_as
from genlab.serving import identity, visitors
from genlab.serving import rooms as served_rooms
from genlab.serving.rooms import Board
from genlab.serving.tries import Tries
from genlab.testing.served import ROOT
from tests.serving.conftest import Answer, Browser

Visit = Callable[..., Browser]
HERE = "serving/test_bad_input"
ITEMS: dict[str, dict[str, tuple[str, ...]]] = {
    "forged, expired and foreign cookies": {
        "serving/test_identity": (
            "test_every_changed_character_makes_it_forged",
            "test_a_foreign_key_signs_for_nobody_here",
            "test_a_cookie_expires_and_is_none_before_its_time",
        ),
        "serving/test_doors": ("test_a_cookie_that_is_not_valid_is_nobody_and_is_replaced",),
        "browser/test_forged": ("test_routes_and_cookies_of_a_viewer_change_nothing",),
        HERE: ("test_the_cookie_of_a_room_is_of_this_server_and_of_that_room",),
    },
    "missing cookies": {
        "serving/test_doors": ("test_a_part_of_a_page_gives_none",),
        "serving/test_votes": ("test_only_members_vote",),
    },
    "a code that does not exist, ten times a minute": {
        "serving/test_rooms": (
            "test_wrong_codes_are_limited_and_right_ones_are_not",
            "test_the_state_is_no_way_around_the_limit",
        ),
        HERE: (
            "test_guesses_sent_at_once_are_limited_too",
            "test_who_leads_nothing_learns_no_code",
        ),
    },
    "votes twice": {
        "classroom/test_polls": ("test_one_vote_for_each_browser_and_the_last_one_counts",),
        "serving/test_votes": ("test_votes_arrive_live_and_count_until_the_answer",),
    },
    "votes after the reveal": {
        "classroom/test_polls": (
            "test_no_vote_counts_after_the_answer",
            "test_a_vote_that_was_looked_at_before_the_answer_is_not_written_after_it",
        ),
    },
    "votes for a choice that is none": {
        "classroom/test_polls": ("test_what_is_no_choice_is_refused",),
        "serving/test_votes": ("test_what_is_no_vote_is_refused",),
        HERE: ("test_no_answer_breaks_a_question",),
    },
    "10,000 votes": {HERE: ("test_ten_thousand_votes_are_those_of_a_room",)},
    "a room with 300 joiners": {
        "serving/test_rooms": ("test_three_hundred_join_and_the_next_one_is_told",),
        HERE: ("test_three_hundred_join_follow_and_vote",),
    },
    "a teacher who leaves": {
        "serving/test_rooms": ("test_a_teacher_who_leaves_is_missed_and_the_room_stays",),
        "browser/test_class_walk": ("test_a_lesson_from_the_code_to_the_hand_out",),
    },
    "a lesson file with raw HTML": {
        "classroom/test_question_files": ("test_what_is_wrong_is_named_with_its_line",),
        "browser/test_class": ("test_a_teachers_own_questions_about_a_run",),
    },
    "a lesson file with a formula of 1 MB": {
        "classroom/test_question_files": ("test_a_file_that_is_too_long_or_no_text_is_refused",),
    },
    "a drawing of nothing": {
        "data/test_drawn": ("test_what_is_no_drawing_is_refused",),
        "browser/test_drawn": ("test_strokes_bumps_erasing_undo_and_clear",),
    },
    "a drawing of one pixel, and of everything": {
        "data/test_drawn": (
            "test_the_sampler_fits_the_density",
            "test_one_pixel_and_everything_are_trained_on",
        ),
    },
    "nothing of one owner is changed by another": {
        "runs/test_access": (
            "test_the_table_is_kept_in_every_way",
            "test_who_owns_nothing_changes_nothing_of_an_owner",
        ),
        "browser/test_forged": ("test_the_owners_messages_from_another_browser_change_nothing",),
    },
}
ASKED = Asked("Is it so?", Choices(("yes", "no")), Source("stated", stated=1))


@pytest.mark.parametrize("item", ITEMS)
def test_each_item_of_the_list_has_its_tests(item: str) -> None:
    for module, names in ITEMS[item].items():
        text = (ROOT / "tests" / f"{module}.py").read_text(encoding="utf-8")
        for name in names:
            assert re.search(rf"^def {name}\(", text, re.MULTILINE), f"{module}: {name}"


@pytest.fixture
def room(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> tuple[Browser, str, polls.Poll]:
    """A teacher, the code of her room, and the question that it is asked."""
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


def post(browser: Browser, path: str, body: bytes) -> Answer:
    return browser.ask(path, method="POST", content=(body, "application/json"))


def test_the_cookie_of_a_room_is_of_this_server_and_of_that_room(visit: Visit, room) -> None:
    ada, code, _ = room
    with acting_as(Actor("e" * 16)):
        other = rooms.open_room(runs.store()).code
    bob = joined(visit, code)
    good = bob.cookies[visitors.ROOM_COOKIE]
    grant = good.partition(".")[2]
    foreign = f"{code}.{identity.grant_of(b'f' * 32, 'room', code)}"
    elsewhere = f"{code}.{identity.grant_of(visitors.key(), 'enter', code)}"
    for bad in (foreign, elsewhere, f"{other}.{grant}", code, f"{code}.", grant, "", "." * 500):
        bob.cookies[visitors.ROOM_COOKIE] = bad
        for name in (code, other):
            assert bob.ask(f"/genlab/rooms/{name}/state", page=False).status == 403, bad
    bob.cookies[visitors.ROOM_COOKIE] = good
    assert bob.ask(f"/genlab/rooms/{code}/state", page=False).status == 200
    with acting_as(Actor(ada.who()["id"])):
        rooms.end_room(runs.store(), code)
    time.sleep(served_rooms.FRESH)
    assert bob.ask(f"/genlab/rooms/{code}/state", page=False).status == 410


def at_once(browser: Browser, paths: list[str]) -> list[int]:
    """The statuses of requests that are all sent before the first is answered."""
    cookie = "; ".join(f"{k}={v}" for k, v in browser.cookies.items())
    headers = [("host", "localhost"), ("cookie", cookie)]

    async def ask_all() -> list[int]:
        sent = [browser._send(path, "GET", "http", headers, b"") for path in paths]
        return [int(one[0]["status"]) for one in await asyncio.gather(*sent)]

    return asyncio.run(ask_all())


@pytest.mark.parametrize("way", ["/join/{}", "/genlab/rooms/{}/state"])
def test_guesses_sent_at_once_are_limited_too(visit: Visit, room, way: str) -> None:
    _, code, _ = room
    guesser = visit()
    guesser.ask("/join")
    guesses = ["BCDFG" + one for one in rooms.LETTERS if "BCDFG" + one != code]
    found = at_once(guesser, [way.format(one) for one in (*guesses, *guesses, code)])
    assert found.count(429) == len(found) - 10, found
    assert 303 not in found
    assert 403 not in found


def test_guesses_of_claim_links_sent_at_once_are_limited_too(visit: Visit, room) -> None:
    guesser = visit()
    guesser.ask("/")
    found = at_once(guesser, [f"/claim/{k:022d}" for k in range(30)])
    assert (found.count(404), found.count(429)) == (10, 20)


def test_who_leads_nothing_learns_no_code(visit: Visit, room) -> None:
    """To say where a room is would tell which codes there are, past the limit of joining."""
    ada, code, _ = room
    place = json.dumps({"path": "/watch"}).encode()
    guesser = visit()
    guesser.ask("/")
    answers = {
        (answer.status, answer.body)
        for name in (code, "BCDFGZ", "none", "x" * 200)
        for answer in (post(guesser, f"/genlab/rooms/{name}/lead", place),)
    }
    assert len(answers) == 1
    assert next(iter(answers))[0] == 403
    assert post(ada, f"/genlab/rooms/{code}/lead", place).status == 200


@pytest.mark.parametrize(
    "body",
    [
        b'{"path": "/watch", "moment": {"at": NaN}}',
        b'{"path": "/watch", "moment": {"at": -Infinity}}',
        b'{"path": "/watch", "moment": {"at": 1e999}}',
        b'{"path": "/watch", "moment": {"run": "\\ud800"}}',
        b'{"path": "/watch", "query": "run=\\udfff"}',
        b'{"path": "/watch", "moment": {"a": ' + b"[" * 1500 + b"]" * 1500 + b"}}",
    ],
)
def test_a_place_that_nobody_could_be_told_is_refused(visit: Visit, room, body: bytes) -> None:
    """What the server could not say on would end every answer to those who follow."""
    ada, code, _ = room
    bob = joined(visit, code)
    assert post(ada, f"/genlab/rooms/{code}/lead", body).status in (400, 409)
    time.sleep(served_rooms.FRESH)
    state = bob.ask(f"/genlab/rooms/{code}/state", page=False)
    assert state.status == 200
    assert json.loads(state.body)["path"] == "/start"


FORMS = {
    "choices": (Choices(("yes", "no")), 1),
    "number": (Number(0.0, 8.0, 0.5), 1.0),
    "curve": (DrawnCurve((0.0, 1.0), (0.0, 1.0), "x", "y", 0.1), [0.5] * 41),
}
WRONG = [
    *(b"9" * 400, b"-" + b"9" * 400, b"NaN", b"Infinity", b"1e999", b'"\\ud800"', b"null", b"{}"),
    *(b"[" + b"9" * 400 + b"]", b"[" * 900 + b"]" * 900, b'[["a"]]', b'{"a": 1}', b"[NaN]"),
]


@pytest.mark.parametrize("form", FORMS)
def test_no_answer_breaks_a_question(visit: Visit, room, form: str) -> None:
    ada, code, _ = room
    shape, right = FORMS[form]
    with acting_as(Actor(ada.who()["id"])):
        poll = polls.ask(runs.store(), code, Asked("?", shape, Source("stated", stated=right)))
    bob = joined(visit, code)
    for wrong in WRONG:
        body = b'{"number": %d, "answer": %s}' % (poll.number, wrong)
        answer = post(bob, f"/genlab/rooms/{code}/vote", body)
        assert answer.status == 400, wrong
        assert json.loads(answer.body)["error"]
    assert polls.tally(runs.store(), poll).n == 0
    body = json.dumps({"number": poll.number, "answer": right}).encode()
    assert post(bob, f"/genlab/rooms/{code}/vote", body).status == 200
    assert polls.tally(runs.store(), poll).n == 1


def test_three_hundred_join_follow_and_vote(visit: Visit, room) -> None:
    _, code, poll = room
    people = [joined(visit, code) for _ in range(rooms.MOST)]
    for k, one in enumerate(people):
        body = json.dumps({"number": poll.number, "answer": k % 2}).encode()
        assert post(one, f"/genlab/rooms/{code}/vote", body).status == 200
    assert polls.tally(runs.store(), poll).counts == (rooms.MOST // 2, rooms.MOST // 2)
    late = visit()
    late.ask("/join")
    answer = late.ask("/join", form={"code": code})
    assert answer.status == 403
    assert "This room is full" in answer.body
    time.sleep(served_rooms.FRESH)
    seen = json.loads(people[-1].ask(f"/genlab/rooms/{code}/state", page=False).body)
    assert (seen["here"], seen["poll"]["votes"]) == (rooms.MOST, rooms.MOST)


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[None]:
    runs.configure("memory:", tmp_path / "files")
    yield
    runs.configure()


@pytest.mark.usefixtures("memory")
def test_ten_thousand_votes_are_those_of_a_room() -> None:
    store, refused = runs.store(), 0
    with acting_as(Actor("a" * 16)):
        code = rooms.open_room(store).code
        poll = polls.ask(store, code, ASKED)

    def cast(k: int, given: Any) -> None:
        with acting_as(Actor(f"{k:016d}")):
            polls.cast(store, code, poll.number, given)

    for vote in range(10_000):
        try:
            cast(vote % 1000, vote // 1000 % 2)
        except RunStateError as error:
            refused += 1
            assert "as many as a room has people" in str(error)  # noqa: PT017
    # Ten votes of each browser; the last of them are for the second choice.
    assert refused == 10 * (1000 - rooms.MOST)
    assert polls.tally(store, poll).counts == (0, rooms.MOST)
