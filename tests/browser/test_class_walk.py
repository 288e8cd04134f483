"""A whole lesson in one walk: a teacher and three viewers, each in a browser of their own.

Join by code, follow, vote, reveal, challenge, draw a distribution and train on it, take it home,
and replay it from the disk without a network. Each part has a test of its own beside this one.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from genlab import runs
from genlab.challenges import CHALLENGES, Pictures
from genlab.classroom import polls
from genlab.data import drawings
from genlab.runs import foreground
from genlab.runs.access import Actor, acting_as
from genlab.testing.pages import choose
from genlab.testing.served import App
from tests.browser.test_drawn import CANVAS, covered, drag
from tests.browser.test_roles import (  # noqa: F401 - fixtures
    bar,
    id_of,
    join_room,
    open_room,
    person,
    shared,
    shown_step,
    watch,
    within,
)

STEPS = 40
#: A network small enough for a lesson of seconds.
SMALL = {"model": "gan", "hidden": 8, "batch": 16}


@pytest.fixture
def taught(person: Callable[..., Any], shared: App) -> Iterator[tuple[Any, str]]:  # noqa: F811
    """A teacher's browser, and a finished run of hers."""
    teacher = person()
    with acting_as(Actor(id_of(teacher, shared), machine=True)):
        run = foreground.train({**SMALL, "data": "ring", "steps": STEPS}, title="The ring").id
    yield teacher, run
    with contextlib.suppress(Exception):
        runs.delete(run)


def follow(viewers: list[Any], pattern: str) -> None:
    for viewer in viewers:
        viewer.wait_for_url(pattern)


def vote_and_reveal(teacher: Any, viewers: list[Any], app: App, code: str, run: str) -> None:
    """The teacher asks for a number of the run, all vote, and the answer is what it measured."""
    teacher.get_by_role("button", name="Ask the room").click()
    choose(teacher, "Number at the last step", "Modes reached")
    teacher.get_by_role("button", name="Ask", exact=True).click()
    for viewer, guess in zip(viewers, ("0", "4", "10"), strict=True):
        field = viewer.get_by_label("Your guess, from 0 to 10")
        field.fill(guess)
        viewer.get_by_role("button", name="Vote", exact=True).click()
        viewer.get_by_text("Your vote is in. You may change it").wait_for()
        assert viewer.get_by_role("button", name="Reveal the answer").count() == 0
    teacher.get_by_text("3 of 3 people have voted").wait_for()
    teacher.get_by_role("button", name="Reveal the answer").click()
    for page in (teacher, *viewers):
        page.get_by_text("3 votes, ").wait_for()
        page.get_by_text(f"at step {STEPS} ").first.wait_for()
    poll = polls.find_poll(runs.store(), code)
    assert poll is not None
    assert poll.outcome is not None
    rows = runs.open_run(run).read(0, kinds=("scalars",))
    assert poll.outcome.right == [r.payload["modes"] for r in rows if "modes" in r.payload][-1]
    teacher.get_by_role("button", name="Remove the question").click()
    within(teacher, 30, lambda: polls.find_poll(runs.store(), code) is None)


def read_the_pictures(viewer: Any, app: App) -> None:
    """A viewer tells which divergence drew each picture, and is on the board of the room."""
    row = CHALLENGES["pictures"]
    assert isinstance(row, Pictures)
    viewer.goto(f"{app.url}/room")
    viewer.get_by_text(row.title).click()
    for k, answer in enumerate(row.hidden, 1):
        group = viewer.get_by_role("radiogroup", name=f"Picture {k}")
        group.get_by_text(row.choices()[answer], exact=True).click()
    viewer.get_by_label("Name on the board").fill("Ada and Bob")
    viewer.get_by_role("button", name="Check and enter").click()
    viewer.get_by_text("All answers are right. Your result is on the board.").wait_for()


def draw_and_train(viewer: Any, app: App) -> str:
    """A viewer draws a distribution and trains on it; the run, which is theirs."""
    form = "&".join(f"{name}={value}" for name, value in {**SMALL, "steps": STEPS}.items())
    viewer.goto(f"{app.url}/train?data=drawn&points=200&{form}")
    viewer.locator(CANVAS).wait_for()
    viewer.locator(CANVAS).scroll_into_view_if_needed()
    drag(viewer, [(0.2, 0.3), (0.8, 0.3)])
    drag(viewer, [(0.2, 0.7), (0.8, 0.7)])
    cells = covered(viewer)
    viewer.get_by_role("button", name="Use this distribution").click()
    viewer.wait_for_function("() => location.href.includes('drawing=drawing-')")
    viewer.get_by_role("button", name="Start", exact=True).click()
    viewer.wait_for_url("**/watch?**")
    row = next(one for one in runs.store().runs() if one.spec["data"] == "drawn")
    assert row.owner == id_of(viewer, app)
    assert drawings.find(str(row.spec["drawing"])).covered == cells
    within(viewer, 120, lambda: runs.store().get(row.id).status == "done")
    return row.id


def take_home(viewer: Any, app: App, run: str, folder: Path) -> Path:
    watch(viewer, app, run)
    viewer.get_by_text("Take it home").first.click()
    viewer.get_by_role("button", name="Take it home").click()
    with viewer.expect_download(timeout=120_000) as download:
        viewer.get_by_role("button", name="Download the file").click()
    path = folder / "lesson.html"
    download.value.save_as(path)
    return path


def replay(browser: Any, path: Path) -> None:
    """The file works from the disk without a network, and asks for nothing but itself."""
    context = browser.new_context(viewport={"width": 360, "height": 740}, offline=True)
    page, asked = context.new_page(), list[str]()
    page.on("request", lambda request: asked.append(request.url))
    page.goto(path.as_uri())
    page.locator(".gl-panel figure[data-step]").first.wait_for()
    assert shown_step(page) == f"step {STEPS}"
    slider = page.get_by_role("slider", name="Step shown in every picture")
    slider.focus()
    slider.press("Home")
    within(page, 10, lambda: shown_step(page) == "step 0")
    page.locator(".gl-first figure[data-step='0']").first.wait_for()
    assert [url for url in asked if url.startswith("file:")] == [path.as_uri()]
    assert all(url.startswith(("file:", "blob:", "data:")) for url in asked), asked
    context.close()


def test_a_lesson_from_the_code_to_the_hand_out(
    taught: tuple[Any, str],
    person: Callable[..., Any],  # noqa: F811
    shared: App,  # noqa: F811
    browser: Any,
    tmp_path: Path,
) -> None:
    teacher, run = taught
    code = open_room(teacher, shared)
    viewers = [person() for _ in range(3)]
    viewers[2].set_viewport_size({"width": 360, "height": 740})
    for viewer in viewers:
        join_room(viewer, shared, code)
    within(teacher, 20, lambda: "3 people here" in bar(teacher).inner_text())
    # Follow: the page, the run, and the slider as it moves.
    watch(teacher, shared, run)
    follow(viewers, f"**/watch?run={run}*")
    slider = teacher.get_by_role("slider").first
    slider.focus()
    slider.press("Home")
    for viewer in viewers:
        viewer.get_by_role("slider").first.wait_for()
        within(viewer, 20, lambda v=viewer: shown_step(v) == "step 0")
    vote_and_reveal(teacher, viewers, shared, code, run)
    # They look around: one reads pictures, one draws; the third stays with the teacher.
    for viewer in viewers[:2]:
        viewer.get_by_role("button", name="Look around freely").click()
    read_the_pictures(viewers[0], shared)
    drawn = draw_and_train(viewers[1], shared)
    assert viewers[2].url.startswith(f"{shared.url}/watch?run={run}")
    teacher.goto(f"{shared.url}/room")
    teacher.get_by_text("Which divergence drew this?").click()
    teacher.get_by_text("Ada and Bob").wait_for()
    # The student's run is on the wall: everybody who follows sees it, and its owner keeps it.
    watch(teacher, shared, drawn)
    teacher.get_by_text("This run belongs to somebody else").wait_for()
    follow(viewers[2:], f"**/watch?run={drawn}*")
    replay(browser, take_home(viewers[1], shared, drawn, tmp_path))
    # The teacher leaves: those who follow read it, and stay.
    teacher.context.close()
    within(viewers[2], 40, lambda: "The teacher is away" in bar(viewers[2]).inner_text())
    assert viewers[2].url.startswith(f"{shared.url}/watch?run={drawn}")
