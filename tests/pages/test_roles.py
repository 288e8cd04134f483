"""Owner and viewer on the pages: what is drawn, and what a press of a stale page does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from starlette.routing import Route

from genlab import runs
from genlab.core.run_spec import RunSpec
from genlab.data.readers import read
from genlab.runs import access, own_sets, ownership, rooms, saved_vectors
from genlab.runs.access import ACTIONS, MACHINE, NOBODY, Actor, acting_as
from genlab.runs.saved_vectors import list_saved_vectors
from genlab.testing.scripted_run import ScriptedRun
from genlab.ui.live.controls import toggle_pause

ADA, BOB = Actor("a" * 16), Actor("b" * 16)
STRANGERS = {"another": BOB, "nobody": NOBODY}
OWNERS = {
    "owner": ADA,
    "admin": Actor("c" * 16, admin=True),
    "machine": Actor("d" * 16, machine=True),
}
CHANGES = {"Pause", "Resume", "Stop", "One step", "Share", "Delete permanently", "Change it"}


@dataclass
class Visitor:
    """Who sits at the browser."""

    actor: Actor = MACHINE


@pytest.fixture
def who(home) -> Iterator[Visitor]:
    visitor = Visitor()
    with access.resolving(lambda: visitor.actor):
        yield visitor


@pytest.fixture
def run(who: Visitor) -> ScriptedRun:
    """A run of Ada's, at work."""
    with acting_as(replace(ADA, machine=True)):
        made = ScriptedRun(runs.store(), runs.files(), title="Ada's")
        made.look()
        made.go(4)
    return made


def labels(app: Any) -> set[str]:
    return {button.label for button in app.button}


def state(run: ScriptedRun) -> list[Any]:
    """The run, and what is asked of it."""
    with acting_as(MACHINE):
        row = runs.store().get(run.id)
        return [row, runs.store().read(run.id), list(runs.files().names("saved"))]


def wishes(run: ScriptedRun) -> list[str]:
    with acting_as(MACHINE):
        return [wish.name for wish in runs.store().pending(run.id)]


def set_status(run: ScriptedRun, status: str) -> None:
    with acting_as(MACHINE):
        runs.store().set_status(run.id, status)  # type: ignore[arg-type]


@pytest.mark.parametrize("status", ["running", "paused", "stopped", "done"])
@pytest.mark.parametrize("role", sorted(STRANGERS))
def test_a_stranger_sees_no_button_that_changes(visit, who, run, role: str, status: str) -> None:
    set_status(run, status)
    who.actor = STRANGERS[role]
    app = visit("watch", run=run.id)
    assert not app.exception
    assert not labels(app) & CHANGES
    assert {"Explore", "Compare", "Vary", "Present"} <= labels(app)
    assert any("belongs to somebody else" in text.value for text in app.caption)
    assert "Resume" not in labels(visit("start"))


@pytest.mark.parametrize("role", sorted(OWNERS))
def test_who_may_change_has_the_buttons(visit, who, run, role: str) -> None:
    who.actor = OWNERS[role]
    assert {"Pause", "Stop"} <= labels(visit("watch", run=run.id))
    set_status(run, "paused")
    assert {"Resume", "One step"} <= labels(visit("watch", run=run.id))
    set_status(run, "stopped")
    assert {"Resume", "Delete permanently"} <= labels(visit("watch", run=run.id))
    assert "Resume" in labels(visit("start"))


@pytest.mark.parametrize("role", sorted(STRANGERS))
@pytest.mark.parametrize(
    ("status", "label"),
    [
        ("running", "Pause"),
        ("running", "Stop"),
        ("paused", "Resume"),
        ("paused", "One step"),
        ("paused", "10 steps"),
        ("stopped", "Resume"),
        ("stopped", "Delete permanently"),
        ("running", "Make a claim link"),
    ],
)
def test_a_press_on_a_stale_page_changes_nothing(
    visit, who, run, role: str, status: str, label: str
) -> None:
    """A browser sends what it likes: here the press of a button that the owner's page had."""
    set_status(run, status)
    who.actor = ADA
    app = visit("watch", run=run.id)
    before = state(run)
    button = next(one for one in app.button if one.label == label)
    who.actor = STRANGERS[role]
    button.click()
    app.run()
    assert not app.exception
    assert wishes(run) == []
    assert state(run) == before
    assert not [code for code in app.code if "/claim/" in code.value]


@pytest.mark.parametrize("role", sorted(STRANGERS))
def test_speed_and_options_of_a_stale_page_change_nothing(visit, who, run, role: str) -> None:
    who.actor = ADA
    app = visit("watch", run=run.id)
    who.actor = STRANGERS[role]
    next(box for box in app.selectbox if box.label == "Speed").select(1.0).run()
    assert wishes(run) == []
    who.actor = ADA
    app = visit("watch", run=run.id)
    who.actor = STRANGERS[role]
    app.text_input[0].set_value("0.5")
    next(one for one in app.button if one.label == "Change it").click()
    app.run()
    assert wishes(run) == []


@pytest.mark.parametrize("role", sorted(STRANGERS))
def test_the_space_bar_is_the_owners(who, run, role: str) -> None:
    who.actor = STRANGERS[role]
    toggle_pause(run.id)
    assert wishes(run) == []
    who.actor = ADA
    toggle_pause(run.id)
    assert wishes(run) == ["pause"]


def test_a_viewer_forks_into_a_run_of_their_own(who, shelf) -> None:
    who.actor = BOB
    made = runs.fork(shelf["vae"], None, {"steps": 60})
    row = runs.store().get(made)
    assert (row.owner, row.parent) == (BOB.id, shelf["vae"])
    runs.request(made, "stop")
    with pytest.raises(access.NotAllowed):
        runs.delete(shelf["vae"])
    runs.delete(made)


def test_without_an_identity_nothing_starts_and_the_page_says_why(visit, who) -> None:
    who.actor = NOBODY
    app = visit("start")
    next(one for one in app.button if one.key == "preset.gan").click()
    app.run()
    assert "Allow cookies" in app.error[0].value
    with acting_as(MACHINE):
        assert runs.store().runs() == []


def test_a_set_is_deleted_by_who_brought_it(visit, who) -> None:
    rows = "a,b\n" + "\n".join(f"{k % 7},{k % 5}.5" for k in range(80))
    with acting_as(ADA):
        made = own_sets.add_set(runs.store(), read(rows.encode(), {}), "mine")
    who.actor = ADA
    app = visit("data", data="own")
    key = f"own.delete.{made.id}"
    assert [one for one in app.button if one.key == key]
    stale = next(one for one in app.button if one.key == key)
    who.actor = BOB
    stale.click()
    app.run()
    assert not app.exception
    assert own_sets.owner_of_set(runs.store(), made.id) == ADA.id
    assert any("somebody else" in text.value for text in app.caption)
    assert not [one for one in app.button if one.key == key]


def test_saved_vectors_are_forgotten_by_who_saved_them(who, home) -> None:
    place, row = runs.files(), {"name": "smile", "kind": "set", "vector": [1.0, 2.0]}
    who.actor = ADA
    saved_vectors.save(place, "r1", row)
    who.actor = BOB
    with pytest.raises(access.NotAllowed):
        saved_vectors.save(place, "r1", row | {"vector": [3.0]})
    saved_vectors.save(place, "r1", row | {"name": "frown"})
    assert [one["vector"] for one in list_saved_vectors(place, "r1")] == [[1.0, 2.0], [1.0, 2.0]]


def test_a_room_is_ended_by_who_opened_it(visit, who) -> None:
    who.actor = ADA
    app = visit("room")
    next(one for one in app.button if one.label == "Open a room").click()
    app.run()
    assert not app.exception
    room = rooms.led_by(runs.store(), ADA.id)
    assert room is not None
    end = next(one for one in app.button if one.label == "End the room")
    who.actor = BOB
    end.click()
    app.run()
    assert rooms.find_room(runs.store(), room.code) is not None
    assert "Open a room" in labels(app)


def test_everything_moves_to_another_browser_by_a_claim_link(visit, who, run) -> None:
    who.actor = ADA
    app = visit("room")
    next(one for one in app.button if one.key == "room.offer").click()
    app.run()
    token = app.code[0].value.rpartition("/")[2]
    with acting_as(BOB):
        ownership.claim(runs.store(), token)
    assert runs.store().get(run.id).owner == BOB.id
    who.actor = NOBODY
    assert not [one for one in visit("room").button if one.key == "room.offer"]


def test_the_command_line_offers_a_run_to_a_browser(who, run, capsys) -> None:
    from genlab.cli import main

    who.actor = MACHINE
    assert main(["offer", run.id]) == 0
    token = json.loads(capsys.readouterr().out)["path"].removeprefix("/claim/")
    with acting_as(BOB):
        ownership.claim(runs.store(), token)
    assert runs.store().get(run.id).owner == BOB.id


def test_a_spec_that_is_started_belongs_to_the_visitor(visit, who) -> None:
    who.actor = BOB
    made = runs.start(RunSpec.build(model="vae", data="digits", steps=5))
    assert runs.store().get(made).owner == BOB.id
    assert {"Stop"} <= labels(visit("watch", run=made))


def test_the_routes_that_change_something_are_known() -> None:
    """Whoever adds one says here which action of the table it is."""
    import app

    changing = {"POST", "PUT", "DELETE", "PATCH"}
    routes = [one for one in app.app._user_routes if isinstance(one, Route)]
    found = {one.path for one in routes if changing & (one.methods or set())}
    known = {
        "/enter": None,  # shows a secret
        "/claim/{token}": "claim",
        "/join": "join_room",
        "/leave": None,  # forgets a cookie of one's own
        "/genlab/rooms/{code}/lead": "lead_room",
        "/genlab/rooms/{code}/vote": "vote",
    }
    assert found == set(known)
    assert {name for name in known.values() if name} <= set(ACTIONS)
