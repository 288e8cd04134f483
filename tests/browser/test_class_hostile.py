"""A class that does not do as it should: two tabs, a deleted run on the wall, a teacher in two
places, and a question that nobody may answer any more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from genlab import runs
from genlab.classroom import polls
from genlab.classroom.asked import Asked, Source
from genlab.lessons.questions import Choices
from genlab.runs.access import Actor, acting_as
from genlab.runs.rooms import end_room
from genlab.testing.served import App
from tests.browser.test_roles import (  # noqa: F401 - fixtures
    bar,
    id_of,
    lesson,
    open_room_with,
    person,
    shared,
    watch,
    within,
)

ASKED = Asked("Is it so?", Choices(("yes", "no")), Source("stated", stated=1))
VOTE = """async ([path, number]) => {
  const headers = { "Content-Type": "application/json" };
  const body = JSON.stringify({ number, answer: 0 });
  const reply = await fetch(path, { method: "POST", headers, body });
  return [reply.status, await reply.text()];
}"""


def test_two_tabs_are_one_viewer_with_one_vote(
    person: Callable[..., Any],  # noqa: F811
    shared: App,  # noqa: F811
) -> None:
    teacher, viewer = person(), person()
    code = open_room_with(teacher, [viewer], shared)
    with acting_as(Actor(id_of(teacher, shared))):
        poll = polls.ask(runs.store(), code, ASKED)
    tab = viewer.context.new_page()
    tab.set_default_timeout(60_000)
    tab.goto(f"{shared.url}/")
    for page, answer in ((viewer, "yes"), (tab, "no")):
        page.get_by_role("button", name=answer, exact=True).click()
        page.get_by_text("Your vote is in. You may change it").wait_for()
    # The last one counts, wherever it was pressed.
    assert polls.tally(runs.store(), poll).counts == (0, 1)
    within(teacher, 20, lambda: "1 person here" in bar(teacher).inner_text())
    # One tab looks around, the other one follows; the room ends for both.
    tab.get_by_role("button", name="Look around freely").click()
    assert viewer.get_by_role("button", name="Look around freely").is_visible()
    with acting_as(Actor(id_of(teacher, shared))):
        end_room(runs.store(), code)
    for page in (viewer, tab):
        within(page, 20, lambda p=page: "has ended" in bar(p).inner_text())
    # A vote of a page that still has the ballot is answered in words, and counts nothing.
    vote = [f"/genlab/rooms/{code}/vote", poll.number]
    status, words = viewer.evaluate(VOTE, vote)
    assert (status, "it has ended" in words) == (410, True)
    assert polls.tally(runs.store(), poll).counts == (0, 1)


def test_a_run_is_deleted_while_it_is_on_the_wall(
    lesson: Any,  # noqa: F811
    person: Callable[..., Any],  # noqa: F811
    shared: App,  # noqa: F811
) -> None:
    teacher, run = lesson
    viewer = person()
    code = open_room_with(teacher, [viewer], shared)
    teacher.goto(f"{shared.url}/watch?run={run.id}&present=1")
    teacher.get_by_role("slider").first.wait_for()
    viewer.wait_for_url(f"**/watch?run={run.id}*")
    viewer.get_by_role("slider").first.wait_for()
    with acting_as(Actor(id_of(teacher, shared))):
        polls.ask(runs.store(), code, Asked("How large?", ASKED.form, Source("run", "kl")))
    teacher.get_by_role("button", name="Reveal the answer").wait_for()
    run.end("stopped")
    runs.delete(run.id)
    for page in (teacher, viewer):
        page.get_by_text("deleted").or_(page.get_by_text("There is no run")).first.wait_for()
        assert page.get_by_text("Traceback").count() == 0
    # Its question says why there is no answer, keeps the votes, and can be taken away.
    teacher.get_by_role("button", name="Reveal the answer").click()
    teacher.get_by_role("alert").filter(has_text="no run").first.wait_for()
    poll = polls.find_poll(runs.store(), code)
    assert poll is not None
    assert poll.outcome is None
    teacher.get_by_role("button", name="Remove the question").click()
    within(teacher, 30, lambda: polls.find_poll(runs.store(), code) is None)
    # The lesson goes on, and the viewer follows.
    teacher.goto(f"{shared.url}/learn?lesson=elbo")
    viewer.wait_for_url("**/learn?lesson=elbo*")


def test_a_teacher_with_two_tabs_is_followed_where_she_moved_last(
    lesson: Any,  # noqa: F811
    person: Callable[..., Any],  # noqa: F811
    shared: App,  # noqa: F811
) -> None:
    teacher, run = lesson
    viewer = person()
    open_room_with(teacher, [viewer], shared)
    tab = teacher.context.new_page()
    tab.set_default_timeout(60_000)
    watch(teacher, shared, run.id)
    viewer.wait_for_url(f"**/watch?run={run.id}*")
    tab.goto(f"{shared.url}/data")
    viewer.wait_for_url("**/data*")
    # Neither tab takes the class back by itself.
    viewer.wait_for_timeout(4000)
    assert "/data" in viewer.url
    slider = teacher.get_by_role("slider").first
    slider.focus()
    slider.press("Home")
    viewer.wait_for_url(f"**/watch?run={run.id}*")
