"""The table of actions: nothing of one owner is changed by another, whatever way it is tried."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genlab import runs
from genlab.classroom import polls
from genlab.classroom.asked import Asked, Source, outcome
from genlab.core.errors import GenlabError, NotAllowed, RunStateError
from genlab.data import user_sets
from genlab.data.readers import read
from genlab.lessons.questions import Choices
from genlab.runs import access, own_sets, ownership, rooms, saved_vectors
from genlab.runs.access import ACTIONS, MACHINE, NOBODY, OWNERS, Actor, acting_as, may
from genlab.runs.items import Item
from genlab.runs.memory import MemoryStore
from genlab.runs.sql import SqlStore
from genlab.runs.store import Command, Origin, Record, RunStore

SPEC: dict[str, Any] = {"model": "vae", "data": "digits", "steps": 30, "lr": 1e-3, "seed": 0}
ADA, BOB = Actor("a" * 16), Actor("b" * 16)
ACTORS = {
    "owner": ADA,
    "another": BOB,
    "nobody": NOBODY,
    "admin": Actor("c" * 16, admin=True),
    "machine": MACHINE,
    "this machine's browser": Actor("d" * 16, machine=True),
}
VECTOR = {"name": "smile", "kind": "set", "vector": [1.0, 2.0], "n": 2, "note": ""}


@dataclass
class World:
    """A store with things of Ada's."""

    store: RunStore
    run: str
    ended: str
    job: str
    set: str
    token: str

    def state(self) -> list[Any]:
        """All that is Ada's, and what is asked of her runs."""
        with acting_as(MACHINE):
            mine = [row for row in self.store.runs() if row.owner == ADA.id]
            # How many wait before one of hers is no change of hers.
            queue = [(replace(row, position=0), self.store.read(row.id)) for row in mine]
            wishes = self.store.wishes_of(self.run)  # type: ignore[attr-defined]
            kinds = ("set", "room", "study", "poll", "vote", "questions", "result")
            items = [one for kind in kinds for one in self.store.items(kind)]
            jobs = [row for row in self.store.jobs() if row.owner == ADA.id]
            vectors = [
                row
                for row in saved_vectors.list_saved_vectors(runs.files(), self.run)
                if row.get("owner") == ADA.id
            ]
            names = sorted(runs.files().names("jobs")), sorted(runs.files().names("sets"))
        return [queue, wishes, [one for one in items if one.owner == ADA.id], jobs, vectors, names]


@pytest.fixture(params=["memory", "sql"])
def world(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch) -> Iterator[World]:
    monkeypatch.setattr(runs, "ensure_supervisor", lambda: None)
    url = "memory:" if request.param == "memory" else f"sqlite:///{tmp_path / 'genlab.db'}"
    runs.configure(url, tmp_path / "files")
    store = runs.store()
    rows = "\n".join(f"{a:.3f},{b:.3f}" for a, b in np.random.default_rng(0).normal(size=(60, 2)))
    with acting_as(ADA):
        run, ended = store.create(SPEC, title="Ada's"), store.create(SPEC)
        made = own_sets.add_set(store, read(f"a,b\n{rows}\n".encode(), {}), "mine")
        saved_vectors.save(runs.files(), run, VECTOR)
        job = runs.submit_job("project", {"run": run, "step": 0}).key
        store.put_item(Item("room", "BCDFGH", {"path": "/watch"}), action="open_room")
        store.put_item(Item("poll", "BCDFGH", {"number": 1}), action="ask")
        store.put_item(Item("vote", f"BCDFGH.1.{ADA.id}", {"answer": 0}), action="vote")
        store.put_item(Item("questions", "adas", {"text": "hers"}), action="add_questions")
        store.put_item(Item("result", f"modes.{ADA.id}", {"runs": []}), action="enter_result")
        store.put_item(Item("study", "adas", {"title": "hers"}), action="open_study")
        token = runs.offer("run", run)
    store.claim("w", ended)
    store.set_status(ended, "stopped")
    yield World(store, run, ended, job, made.id, token)
    runs.configure()


def ways(world: World) -> dict[str, list[Callable[[], object]]]:
    """Ways to each action, through the functions of ``genlab.runs`` and past them."""
    store, run, ended, place = world.store, world.run, world.ended, runs.files()
    commands = {
        name: [lambda n=name: runs.request(run, n), lambda n=name: store.request(run, Command(n))]
        for name in ("pause", "stop", "step", "pace", "set")
    }
    return commands | {
        "resume": [
            lambda: runs.request(run, "resume"),
            lambda: runs.resume(ended),
            lambda: store.set_status(ended, "queued"),
        ],
        "start": [lambda: store.create(SPEC)],
        "fork": [lambda: store.create(SPEC, origin=Origin(ended, 0))],
        "note": [lambda: store.append(run, [Record(0, "event", {"message": "forged"})])],
        "edit": [],
        "delete": [lambda: runs.delete(ended), lambda: store.delete(ended)],
        "work": [
            lambda: store.claim("w", run),
            lambda: store.claim("w", ended, resume=True),
            lambda: store.heartbeat(run, step=7, speed=1.0),
            lambda: store.describe(run, [{"name": "forged"}]),
            lambda: store.set_status(run, "done"),
            lambda: store.pending(run),
            lambda: store.create(SPEC, worker="w"),
        ],
        "add_set": [
            lambda: store.put_item(Item("set", f"new{time.time_ns()}"), action="add_set"),
        ],
        "delete_set": [
            lambda: own_sets.delete_set(store, world.set),
            lambda: store.remove("set", world.set, action="delete_set"),
        ],
        "save_vector": [
            lambda: saved_vectors.save(place, run, VECTOR | {"name": f"v{time.time_ns()}"})
        ],
        "change_vector": [
            lambda: saved_vectors.save(place, run, VECTOR | {"vector": [9.0]}),
            lambda: saved_vectors.remove(place, run, "smile"),
        ],
        "submit_job": [lambda: runs.submit_job("project", {"run": run, "n": time.time_ns()})],
        "stop_job": [lambda: runs.stop_job(world.job)],
        "forget_result": [lambda: runs.forget_result(world.job)],
        "work_job": [
            lambda: store.update_job(world.job, status="failed", message="forged"),
            lambda: store.claim_job("w"),
        ],
        "open_room": [
            lambda: store.put_item(Item("room", f"R{time.time_ns()}"), action="open_room"),
        ],
        "join_room": [lambda: access.require("join_room")],
        "lead_room": [
            lambda: store.put_item(Item("room", "BCDFGH", {"path": "/forged"}), action="lead_room")
        ],
        "end_room": [lambda: store.remove("room", "BCDFGH", action="end_room")],
        "ask": [lambda: store.put_item(Item("poll", "BCDFGH", {"number": 2}), action="ask")],
        "reveal": [
            lambda: store.put_item(Item("poll", "BCDFGH", {"outcome": 0}), action="reveal"),
            lambda: store.remove("poll", "BCDFGH", action="reveal"),
        ],
        "vote": [lambda: store.put_item(Item("vote", f"R.1.{time.time_ns()}"), action="vote")],
        "change_vote": [
            lambda: store.put_item(
                Item("vote", f"BCDFGH.1.{ADA.id}", {"answer": 1}), action="change_vote"
            )
        ],
        "add_questions": [
            lambda: store.put_item(Item("questions", f"q{time.time_ns()}"), action="add_questions")
        ],
        "delete_questions": [lambda: store.remove("questions", "adas", action="delete_questions")],
        "enter_result": [
            lambda: store.put_item(Item("result", f"m.{time.time_ns()}"), action="enter_result")
        ],
        "change_result": [
            lambda: store.put_item(
                Item("result", f"modes.{ADA.id}", {"runs": ["forged"]}), action="change_result"
            )
        ],
        "open_study": [
            lambda: store.put_item(Item("study", f"s{time.time_ns()}"), action="open_study"),
        ],
        "change_study": [
            lambda: store.put_item(
                Item("study", "adas", {"title": "forged"}), action="change_study"
            )
        ],
        "delete_study": [lambda: store.remove("study", "adas", action="delete_study")],
        "offer": [
            lambda: runs.offer("run", run),
            lambda: runs.offer("set", world.set),
            lambda: runs.offer("room", "BCDFGH"),
        ],
        "claim": [lambda: ownership.claim(store, world.token)],
    }


@pytest.fixture(autouse=True)
def wishes_of(monkeypatch: pytest.MonkeyPatch) -> None:
    """A look at the open commands of a run that leaves them where they are."""

    def memory(self: MemoryStore, run: str) -> list[Command]:
        return list(self._wishes.get(run, []))

    def sql(self: SqlStore, run: str) -> list[Any]:
        with self._engine.connect() as connection:
            query = 'select name, wishes."values" from wishes where run = \'' + run + "'"
            return [tuple(row) for row in connection.exec_driver_sql(query)]

    monkeypatch.setattr(MemoryStore, "wishes_of", memory, raising=False)
    monkeypatch.setattr(SqlStore, "wishes_of", sql, raising=False)


def test_every_action_of_the_table_has_a_way_here(world: World) -> None:
    assert set(ways(world)) == set(ACTIONS)


@pytest.mark.parametrize("action", sorted(ACTIONS))
@pytest.mark.parametrize("role", sorted(ACTORS))
def test_the_table_is_kept_in_every_way(world: World, action: str, role: str) -> None:
    actor, before = ACTORS[role], world.state()
    allowed = may(action, ADA.id, actor)
    for way in ways(world)[action]:
        with acting_as(actor):
            if allowed:
                try:
                    way()
                except NotAllowed:
                    pytest.fail(f"{role} may {action}, and was refused")
                except GenlabError:
                    pass  # whether the thing is in a state for it is another matter
            else:
                with pytest.raises(NotAllowed, match="Nothing was"):
                    way()
    if not allowed:
        assert world.state() == before


@pytest.mark.parametrize("role", ["another", "nobody"])
def test_who_owns_nothing_changes_nothing_of_an_owner(world: World, role: str) -> None:
    before = world.state()
    for action, found in ways(world).items():
        if action == "claim":  # that is what a claim link is for
            continue
        for way in found:
            with acting_as(ACTORS[role]), contextlib.suppress(GenlabError):
                way()
    after = world.state()
    # Bob's own computations lie in the same folder.
    assert after[:-1] == before[:-1]
    assert set(before[-1][0]) <= set(after[-1][0])
    assert set(before[-1][1]) <= set(after[-1][1])


def test_what_is_made_belongs_to_its_maker(world: World) -> None:
    with acting_as(BOB):
        mine = world.store.create(SPEC)
        assert world.store.get(mine).owner == BOB.id
        assert may("stop", BOB.id)
        fork = world.store.create(SPEC, origin=Origin(world.run, 0))
        assert world.store.get(fork).owner == BOB.id
    assert world.store.get(world.run).owner == ADA.id
    assert world.store.get(world.store.create(SPEC)).owner == ""


def test_a_set_of_the_same_content_stays_with_who_brought_it(world: World) -> None:
    rows = "\n".join(f"{a:.3f},{b:.3f}" for a, b in np.random.default_rng(0).normal(size=(60, 2)))
    with acting_as(BOB):
        again = own_sets.add_set(world.store, read(f"a,b\n{rows}\n".encode(), {}), "mine")
    assert again.id == world.set
    assert own_sets.owner_of_set(world.store, world.set) == ADA.id
    with acting_as(ADA):
        own_sets.delete_set(world.store, world.set)
    assert not user_sets.is_stored(world.set)


def test_a_claim_link_passes_a_run_once(world: World) -> None:
    with acting_as(BOB):
        assert ownership.peek(world.store, world.token).values["id"] == world.run
        assert world.store.get(world.run).owner == ADA.id
        ownership.claim(world.store, world.token)
        assert world.store.get(world.run).owner == BOB.id
        runs.request(world.run, "pause")
    for actor in (ADA, BOB):
        with acting_as(actor), pytest.raises(RunStateError, match="used already"):
            ownership.claim(world.store, world.token)
    with acting_as(ADA), pytest.raises(NotAllowed):
        runs.request(world.run, "stop")


def test_a_claim_link_that_many_press_at_once_passes_once(world: World) -> None:
    def press(k: int) -> bool:
        with acting_as(Actor(f"{k:016d}")):
            try:
                ownership.claim(world.store, world.token)
            except RunStateError as error:
                assert "used already" in str(error)  # noqa: PT017
                return False
        return True

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(press, range(8)))
    assert sum(won) == 1
    assert world.store.get(world.run).owner == f"{won.index(True):016d}"


def test_a_room_is_passed_on_with_its_question(world: World) -> None:
    """Who leads it from then on reveals what the class was asked before; votes stay theirs."""
    asked = Asked("Is it so?", Choices(("yes", "no")), Source("stated", stated=1))
    teacher = Actor("f" * 16)
    with acting_as(teacher):
        code = rooms.open_room(world.store).code
        poll = polls.ask(world.store, code, asked)
        token = runs.offer("room", code)
    with acting_as(Actor("e" * 16)):
        polls.cast(world.store, code, poll.number, 1)
    with acting_as(BOB):
        ownership.claim(world.store, token)
        shown = polls.reveal(world.store, code, poll.number, outcome(asked))
    assert shown.outcome is not None
    assert polls.tally(world.store, shown).n == 1
    assert polls.vote_of(world.store, poll, "e" * 16) == 1
    with acting_as(teacher), pytest.raises(NotAllowed):
        polls.close(world.store, code)


def test_a_claim_link_of_a_former_owner_is_void(world: World) -> None:
    with acting_as(ADA):
        second = runs.offer("run", world.run)
    with acting_as(BOB):
        ownership.claim(world.store, world.token)
    with acting_as(ACTORS["admin"]), pytest.raises(RunStateError, match="used already"):
        ownership.claim(world.store, second)
    assert world.store.get(world.run).owner == BOB.id


def test_a_claim_link_passes_everything_of_a_browser(world: World) -> None:
    with acting_as(BOB):
        bobs = world.store.create(SPEC)
    with acting_as(ADA):
        token = runs.offer("all")
    with acting_as(ACTORS["admin"]):
        ownership.claim(world.store, token)
    new = ACTORS["admin"].id
    assert {world.store.get(run).owner for run in (world.run, world.ended)} == {new}
    assert own_sets.owner_of_set(world.store, world.set) == new
    assert world.store.get(bobs).owner == BOB.id


@pytest.mark.parametrize("token", ["", "x", "a" * 22, "a" * 10_000, "../..", "é\x00"])
def test_a_forged_claim_link_is_refused(world: World, token: str) -> None:
    before = world.state()
    with acting_as(BOB), pytest.raises(RunStateError, match="never was one"):
        ownership.claim(world.store, token)
    assert world.state() == before


def test_an_expired_claim_link_is_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    later = time.time() + 3600
    monkeypatch.setattr("genlab.runs.items.time.time", lambda: later)
    with acting_as(BOB), pytest.raises(RunStateError, match="expired"):
        ownership.claim(world.store, world.token)
    assert world.store.get(world.run).owner == ADA.id


def test_the_machine_passes_nothing_but_what_is_named(world: World) -> None:
    with pytest.raises(RunStateError, match="cannot be passed on"):
        runs.offer("all")
    with pytest.raises(RunStateError, match="cannot be passed on"):
        runs.offer("job", world.job)


def test_the_command_line_is_the_machine_and_a_server_is_not() -> None:
    assert access.acting() == MACHINE
    with access.resolving(lambda: NOBODY):
        assert access.acting() == NOBODY
        with acting_as(ADA):
            assert access.acting() == ADA
        assert not may("start")
    assert access.acting() == MACHINE


def test_a_command_without_a_row_is_like_a_change_of_options() -> None:
    assert access.of_command("pause") == "pause"
    assert access.of_command("forged") == "set"
    assert access.of_command("end_room") == "set"
    assert ACTIONS["set"].who == OWNERS
