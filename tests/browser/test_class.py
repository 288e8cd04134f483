"""A lesson with a teacher and three viewers: questions, votes and answers, in their browsers."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from genlab import runs
from genlab.classroom import polls
from genlab.testing.scripted_run import ScriptedRun
from genlab.testing.served import App
from tests.browser.axe import violations
from tests.browser.test_roles import (  # noqa: F401 - fixtures
    bar,
    lesson,
    open_room_with,
    person,
    shared,
    watch,
    within,
)

pytestmark = pytest.mark.browser
#: Where the screenshots of a lesson go that somebody wants to look at.
PICTURES = os.environ.get("GENLAB_TEST_PICTURES", "")
FILE = """# Mine

## What is $1 + 1$?
- [ ] 1
- [x] 2

## How large will the KL be at the last step?
from: 0
to: 10
unit: nats
tolerance: 2
answer: run kl

## How does the KL go?
x: 0 to 100, step
y: 0 to 10, nats
tolerance: 2
answer: run kl
"""


def picture(page: Any, name: str) -> None:
    if PICTURES:
        page.screenshot(path=str(Path(PICTURES) / f"{name}.png"), full_page=False)


def question(page: Any) -> Any:
    return page.locator("[class*=st-key-room_poll_1]")


@pytest.fixture
def room(person: Callable[..., Any], shared: App) -> tuple[Any, str, list[Any]]:  # noqa: F811
    teacher = person()
    viewers = [person() for _ in range(3)]
    viewers[2].set_viewport_size({"width": 360, "height": 640})
    code = open_room_with(teacher, viewers, shared)
    return teacher, code, viewers


def test_a_question_of_a_lesson_is_voted_on_and_revealed(room: Any, shared: App) -> None:  # noqa: F811
    teacher, _, viewers = room
    teacher.goto(f"{shared.url}/learn?lesson=kl_js")
    teacher.get_by_role("button", name="Ask the room").first.click()
    for viewer in viewers:
        viewer.wait_for_url("**/learn?lesson=kl_js*")
        viewer.get_by_role("button", name="over the data").wait_for()
        assert viewer.get_by_role("button", name="Reveal the answer").count() == 0
    viewers[0].get_by_role("button", name="over the data").click()
    viewers[1].get_by_role("button", name="they are equal").click()
    viewers[2].get_by_role("button", name="they are equal").click()
    viewers[2].get_by_role("button", name="over the data").click()
    question(teacher).get_by_text("3 of 3 people have voted").wait_for()
    picture(viewers[2], "vote-phone")
    picture(teacher, "vote-teacher")
    assert violations(viewers[2]) == []
    assert viewers[2].evaluate("document.documentElement.scrollWidth") == 360
    for button in question(viewers[2]).get_by_role("button").all():
        assert button.bounding_box()["height"] >= 44
    # A reload keeps the vote.
    viewers[0].reload()
    pressed = viewers[0].get_by_role("button", name="over the data")
    within(viewers[0], 15, lambda: pressed.get_attribute("aria-pressed") == "true")
    teacher.get_by_role("button", name="Reveal the answer").click()
    for page in (teacher, *viewers):
        page.get_by_text("3 votes, 2 of them right").wait_for()
        assert "KL(p ‖ q), over the data ✓" in question(page).inner_text()
        assert "1 (33 %)" in question(page).inner_text()
        assert page.get_by_text("Computed by the lesson.").is_visible()
    assert question(viewers[1]).get_by_text("(another one)").is_visible()
    picture(viewers[2], "revealed-phone")
    picture(teacher, "revealed-teacher")
    assert violations(viewers[2]) == []
    assert viewers[2].evaluate("document.documentElement.scrollWidth") == 360
    teacher.get_by_role("button", name="Remove the question").click()
    for page in (teacher, *viewers):
        question(page).wait_for(state="detached")


def test_a_teachers_own_questions_about_a_run(room: Any, lesson: Any, shared: App) -> None:  # noqa: F811
    _, run = lesson
    teacher, code, viewers = room
    teacher.goto(f"{shared.url}/room")
    teacher.get_by_text("Upload a file with questions").click()
    chooser = teacher.locator("input[type=file]")
    bad = {"name": "q.md", "mimeType": "text/markdown", "buffer": b"## a <b>x</b>\n"}
    chooser.set_input_files(files=[bad])
    teacher.get_by_text("Line 1: HTML is not read").wait_for()
    teacher.goto(f"{shared.url}/room")
    teacher.get_by_text("Upload a file with questions").click()
    good = {"name": "q.md", "mimeType": "text/markdown", "buffer": FILE.encode()}
    teacher.locator("input[type=file]").set_input_files(files=[good])
    ask = teacher.get_by_role("button", name="Ask the room")
    ask.nth(1).wait_for()
    picture(teacher, "class-page")
    ask.nth(1).click()
    watch(teacher, shared, run.id)
    for viewer, guess in zip(viewers, ("3", "3,5", "9"), strict=True):
        viewer.wait_for_url(f"**/watch?run={run.id}*")
        field = viewer.get_by_label("Your guess, from 0 to 10 (nats)")
        field.fill("11")
        viewer.get_by_role("button", name="Vote", exact=True).click()
        viewer.get_by_text("Type a number from 0 to 10 (nats).").wait_for()
        field.fill(guess)
        viewer.get_by_role("button", name="Vote", exact=True).click()
        viewer.get_by_text("Your vote is in. You may change it").wait_for()
    teacher.get_by_role("button", name="Reveal the answer").click()
    kl = ScriptedRun.values(100)["kl"]
    teacher.wait_for_timeout(20000)
    picture(teacher, "d1")
    picture(viewers[0], "d2")
    picture(viewers[2], "d3")
    for page in (teacher, *viewers):
        page.get_by_text("3 votes, 2 of them right").wait_for()
        assert f"The answer is {kl:.3g} nats" in question(page).inner_text()
        assert "at step 100 of 1,000" in question(page).inner_text()
    teacher.set_viewport_size({"width": 960, "height": 540})
    teacher.goto(f"{shared.url}/watch?run={run.id}&present=1")
    teacher.get_by_text("3 votes, 2 of them right").wait_for()
    teacher.wait_for_timeout(1500)
    picture(teacher, "present")
    teacher.set_viewport_size({"width": 1280, "height": 900})
    # A curve is drawn with the pointer.
    teacher.goto(f"{shared.url}/room")
    ask.nth(2).click()
    drawer = viewers[0]
    canvas = question(drawer).locator("canvas")
    canvas.wait_for()
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    drawer.mouse.move(box["x"] + 60, box["y"] + 200)
    drawer.mouse.down()
    drawer.mouse.move(box["x"] + box["width"] - 20, box["y"] + 100, steps=6)
    drawer.mouse.up()
    drawer.get_by_text("Your vote is in. You may change it").wait_for()
    watch(teacher, shared, run.id)
    teacher.get_by_role("button", name="Reveal the answer").click()
    question(teacher).get_by_text("Curves: 1.").wait_for()
    teacher.wait_for_timeout(1500)
    picture(teacher, "curve")
    poll = polls.find_poll(runs.store(), code)
    assert poll is not None
    assert polls.tally(runs.store(), poll).n == 1
    teacher.get_by_role("button", name="Remove the question").click()
    question(teacher).wait_for(state="detached")


def test_a_challenge_of_pictures_and_the_board_of_the_room(room: Any, shared: App) -> None:  # noqa: F811
    teacher, _, viewers = room
    viewer = viewers[2]
    viewer.get_by_role("button", name="Look around freely").click()
    viewer.goto(f"{shared.url}/room")
    viewer.get_by_text("Which divergence drew this?").click()
    answers = ("total variation", "Kullback-Leibler", "Kullback-Leibler")
    for k, answer in enumerate(answers, 1):
        group = viewer.get_by_role("radiogroup", name=f"Picture {k}")
        group.get_by_text(answer, exact=True).click()
    # The other challenges have such a field too once there is a run that keeps to their limits.
    viewer.get_by_label("Name on the board").fill("Ada <b>&</b> co")
    check = viewer.get_by_role("button", name="Check and enter")
    check.click()
    viewer.get_by_text("Not all of them are right.").wait_for()
    group.get_by_text("reverse Kullback-Leibler", exact=True).click()
    check.click()
    viewer.get_by_text("All answers are right. Your result is on the board.").wait_for()
    viewer.get_by_text("Ada <b>&</b> co (you)").wait_for()
    picture(viewer, "challenge-phone")
    assert viewer.evaluate("document.documentElement.scrollWidth") == 360
    teacher.goto(f"{shared.url}/room")
    teacher.get_by_text("Which divergence drew this?").click()
    teacher.get_by_text("Ada <b>&</b> co").wait_for()
    teacher.get_by_text("Ada <b>&</b> co").scroll_into_view_if_needed()
    picture(teacher, "challenge-teacher")
    assert violations(viewer) == []


def test_the_widest_code_fits_a_phone(person: Callable[..., Any], shared: App) -> None:  # noqa: F811
    teacher = person()
    open_room_with(teacher, [], shared)
    teacher.set_viewport_size({"width": 360, "height": 740})
    code = teacher.locator(".room-code")
    code.evaluate("p => { p.textContent = 'WWWWWW'; }")
    assert code.evaluate("p => p.scrollWidth <= p.clientWidth")
