"""What a viewer's browser may send: the owner's own messages, other routes, other cookies.

Each press of the owner is caught before it leaves her browser, and goes to the server through the
socket of a viewer's page instead. At the end her own browser sends one of them, and it counts.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from genlab import runs
from genlab.classroom import polls
from genlab.classroom.asked import Asked, Source
from genlab.lessons.questions import Choices
from genlab.runs.access import Actor, acting_as
from genlab.runs.rooms import led_by
from genlab.serving import identity
from genlab.testing.served import App
from tests.browser.test_roles import (  # noqa: F401 - fixtures
    id_of,
    join_room,
    lesson,
    open_room,
    open_room_with,
    person,
    shared,
    watch,
    within,
)

pytestmark = pytest.mark.browser
#: Keeps the socket of a page, and the messages that it shall not send.
HOLD = """
window.held = [];
window.holds = false;
const send = WebSocket.prototype.send;
WebSocket.prototype.send = function (data) {
  window.socket = this;
  if (!window.holds) return send.call(this, data);
  const view = ArrayBuffer.isView(data) ? data : new Uint8Array(data);
  window.held.push(Array.from(new Uint8Array(view.buffer, view.byteOffset, view.byteLength)));
};
"""
ASKED = Asked("Is it so?", Choices(("yes", "no")), Source("stated", stated=1))
POST = """async ([path, body, kind]) => {
  const headers = kind ? { "Content-Type": kind } : {};
  return (await fetch(path, { method: "POST", body, headers })).status;
}"""


def caught(page: Any, press: Callable[[], None]) -> list[list[int]]:
    """The messages that a press would have sent; none of them leaves the browser."""
    page.evaluate("window.held = []; window.holds = true;")
    press()
    within(page, 30, lambda: page.evaluate("window.held.length") > 0)
    page.wait_for_timeout(300)
    found = page.evaluate("window.held")
    page.evaluate("window.holds = false;")
    return found


def send(page: Any, messages: list[list[int]]) -> None:
    for message in messages:
        page.evaluate("bytes => window.socket.send(new Uint8Array(bytes))", message)


def button(page: Any, name: str) -> Callable[[], None]:
    return page.get_by_role("button", name=name, exact=True).first.click


def state(run: str, code: str) -> Any:
    """What a viewer must not change: the run, its wishes, the room and its question."""
    store = runs.store()
    row, poll = store.get(run), polls.find_poll(store, code)
    return (
        (row.status, row.owner, row.title),
        [wish.name for wish in store.pending(run)],
        [item.id for item in store.items("offer")],
        poll and (poll.number, poll.outcome is None),
        led_by(store, poll.owner) is not None if poll else None,
    )


def test_the_owners_messages_from_another_browser_change_nothing(
    lesson: Any,  # noqa: F811
    person: Callable[..., Any],  # noqa: F811
    shared: App,  # noqa: F811
) -> None:
    teacher, run = lesson
    viewers = [person() for _ in range(3)]
    code = open_room_with(teacher, viewers, shared)
    with acting_as(Actor(id_of(teacher, shared))):
        poll = polls.ask(runs.store(), code, ASKED)
    for page in (teacher, *viewers):
        page.add_init_script(HOLD)
    watch(teacher, shared, run.id)
    for viewer in viewers:
        watch(viewer, shared, run.id)
        viewer.get_by_text("This run belongs to somebody else").wait_for()
    before = state(run.id, code)
    assert before[3] == (poll.number, True)
    messages = {
        name: caught(teacher, button(teacher, name))
        for name in ("Pause", "Stop", "Reveal the answer", "Remove the question")
    }
    teacher.get_by_role("button", name="Share").click()
    messages["offer"] = caught(teacher, button(teacher, "Make a claim link"))
    assert state(run.id, code) == before
    for found in messages.values():
        for viewer in viewers:
            send(viewer, found)
    viewers[0].wait_for_timeout(3000)
    assert state(run.id, code) == before
    # The page of the room, whose buttons are the leader's.
    teacher.goto(f"{shared.url}/room")
    teacher.get_by_role("button", name="End the room").wait_for()
    ending = caught(teacher, button(teacher, "End the room"))
    for viewer in viewers:
        viewer.goto(f"{shared.url}/room")
        viewer.get_by_role("heading", name="Challenges").wait_for()
        send(viewer, ending)
    viewers[0].wait_for_timeout(3000)
    assert state(run.id, code) == before
    # The same messages of the owner count.
    send(teacher, ending)
    within(teacher, 60, lambda: led_by(runs.store(), poll.owner) is None)
    watch(teacher, shared, run.id)
    send(teacher, caught(teacher, button(teacher, "Pause")))
    within(teacher, 60, lambda: [w.name for w in runs.store().pending(run.id)] == ["pause"])


def test_routes_and_cookies_of_a_viewer_change_nothing(
    lesson: Any,  # noqa: F811
    person: Callable[..., Any],  # noqa: F811
    shared: App,  # noqa: F811
) -> None:
    teacher, run = lesson
    code = open_room(teacher, shared)
    with acting_as(Actor(id_of(teacher, shared))):
        poll = polls.ask(runs.store(), code, ASKED)
    viewer, stranger = person(), person()
    join_room(viewer, shared, code)
    place = json.dumps({"path": "/data", "query": "", "moment": {}})
    before = state(run.id, code)
    kind = "application/json"
    lead, vote = (f"/genlab/rooms/{code}/{what}" for what in ("lead", "vote"))
    ballot = json.dumps({"number": poll.number, "answer": 0})
    for page in (viewer, stranger):
        assert page.evaluate(POST, [lead, place, kind]) == 403
        assert page.evaluate(POST, [f"/claim/{'a' * 22}", "", ""]) in (400, 403, 404, 410)
        for path in (f"/genlab/runs/{run.id}", f"/genlab/runs/{run.id}/series", "/watch", "/room"):
            for method in ("POST", "PUT", "DELETE", "PATCH"):
                status = page.evaluate(
                    "async ([path, method]) => (await fetch(path, { method })).status",
                    [path, method],
                )
                assert status >= 400, (path, method, status)
    # Who has not joined does not vote, and who has votes once.
    assert stranger.evaluate(POST, [vote, ballot, kind]) == 403
    for _ in range(2):
        assert viewer.evaluate(POST, [vote, ballot, kind]) == 200
    assert viewer.evaluate(POST, [vote, ballot, "text/plain"]) >= 400
    assert polls.tally(runs.store(), poll).n == 1
    # The identity of the teacher under a signature that is not the server's, and none at all.
    cookie = identity.cookie_name(identity.key_of(shared.store))
    theirs = next(c for c in teacher.context.cookies() if c["name"] == cookie)
    forged = theirs["value"][:-4] + ("aaaa" if theirs["value"][-4:] != "aaaa" else "bbbb")
    for value in (forged, "", "x" * 500):
        stranger.context.clear_cookies(name=cookie)
        if value:
            stranger.context.add_cookies([{"name": cookie, "value": value, "url": shared.url}])
        assert stranger.evaluate(POST, [lead, place, kind]) == 403
    assert state(run.id, code) == before
    assert teacher.evaluate(POST, [lead, place, kind]) == 200
