"""The fair queue with simulated owners: nobody starves, and who leads a room goes first."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field

import pytest

from genlab.core.errors import RunStateError, StoreError
from genlab.runs import settings
from genlab.runs.access import Actor, acting_as
from genlab.runs.fair import Waiting, fair_order
from genlab.runs.items import Item
from genlab.runs.memory import MemoryStore
from genlab.runs.sql import SqlStore
from genlab.runs.store import Command, RunStore

SPEC = {"model": "vae", "data": "digits", "steps": 30}


@dataclass
class Simulation:
    """A host with some workers; each tick ends some runs and starts others."""

    workers: int
    limit: int = 0
    now: float = 0.0
    waiting: list[Waiting] = field(default_factory=list)
    running: dict[str, tuple[Waiting, float]] = field(default_factory=dict)
    begun: dict[str, float] = field(default_factory=dict)
    started: list[Waiting] = field(default_factory=list)
    most: Counter[str] = field(default_factory=Counter)

    def queue(self, owner: str, room: str = "", n: int = 1) -> None:
        for _ in range(n):
            self.now += 0.001
            name = f"{owner}{len(self.started) + len(self.waiting)}-{self.now:.3f}"
            self.waiting.append(Waiting(name, owner, room, self.now))

    def tick(self, length: float, leaders: set[str] | None = None) -> None:
        self.now += 1.0
        for run in [run for run, (_, end) in self.running.items() if end <= self.now]:
            del self.running[run]
        order = fair_order(
            self.waiting,
            [one for one, _ in self.running.values()],
            begun=self.begun,
            leaders=leaders or set(),
            limit=self.limit,
        )
        by_name = {one.run: one for one in self.waiting}
        for place, run in enumerate(order[: self.workers - len(self.running)]):
            one = by_name[run]
            self.waiting.remove(one)
            self.running[run] = (one, self.now + length)
            # No two runs begin at the very same time.
            self.begun[one.owner] = self.now + 1e-6 * place
            self.started.append(one)
        for owner, n in Counter(one.owner for one, _ in self.running.values()).items():
            self.most[owner] = max(self.most[owner], n)


def test_one_owner_keeps_the_order_of_the_queue() -> None:
    runs = [Waiting(f"r{k}", "ada", queued=k) for k in (3, 1, 2)]
    assert fair_order(runs) == ["r1", "r2", "r3"]
    assert fair_order([]) == []


def test_everything_is_in_the_order_exactly_once() -> None:
    rng = random.Random(0)
    for _ in range(200):
        runs = [
            Waiting(f"r{k}", rng.choice("abc "), rng.choice(["", "X", "Y"]), rng.random())
            for k in range(rng.randrange(12))
        ]
        busy = [Waiting(f"b{k}", rng.choice("abc "), rng.choice(["", "X"])) for k in range(3)]
        order = fair_order(runs, busy, begun={"a": 3.0}, leaders={"b"})
        assert sorted(order) == sorted(one.run for one in runs)
        held = fair_order(runs, busy, leaders={"b"}, limit=2)
        assert set(held) <= set(order)
        at_work = Counter(one.owner for one in (*busy, *(o for o in runs if o.run in held)))
        start = Counter(one.owner for one in busy)
        assert all(n <= max(2, start[owner]) for owner, n in at_work.items() if owner)


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_whoever_queues_many_does_not_keep_the_others_waiting(workers: int) -> None:
    host = Simulation(workers)
    host.queue("ada", n=30)
    host.tick(5)
    host.queue("bob")
    host.queue("eve")
    for _ in range(12):
        host.tick(5)
    owners = [one.owner for one in host.started]
    # With one worker each of them waits for one run at most, and for each other.
    assert max(owners.index("bob"), owners.index("eve")) <= workers + 1


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_owners_who_always_have_work_get_equal_shares(workers: int) -> None:
    host, rng = Simulation(workers), random.Random(workers)
    owners = ["ada", "bob", "eve"]
    host.queue("ada", n=50)
    for _ in range(400):
        for owner in owners:
            if sum(one.owner == owner for one in host.waiting) < 3:
                host.queue(owner)
        host.tick(rng.randrange(2, 6))
    counts = Counter(one.owner for one in host.started)
    mean = sum(counts.values()) / 3
    # Between equal owners turns differ by a few runs, whatever their lengths are.
    assert all(abs(n - mean) <= 0.05 * mean + 4 for n in counts.values()), counts


def test_nobody_starves_among_thirty() -> None:
    host, rng = Simulation(2), random.Random(7)
    students = [f"s{k:02d}" for k in range(30)]
    for student in students:
        host.queue(student, n=rng.randrange(1, 6))
    while len({one.owner for one in host.started}) < 30:
        host.tick(3)
        assert host.now < 100
    # The first thirty starts are thirty people.
    assert len({one.owner for one in host.started[:30]}) == 30


def test_rooms_of_different_size_get_equal_shares_of_equal_owners() -> None:
    host = Simulation(4)
    for k in range(12):
        host.queue(f"big{k}", "BIG", n=4)
    for k in range(2):
        host.queue(f"small{k}", "SMALL", n=4)
    host.tick(5)
    rooms = Counter(one.room for one in host.started)
    assert rooms == {"BIG": 2, "SMALL": 2}


def test_a_presenter_goes_first_once() -> None:
    host = Simulation(1)
    for k in range(5):
        host.queue(f"s{k}", "X", n=3)
    host.tick(2)
    host.queue("teacher", n=10)
    for _ in range(6):
        host.tick(2, {"teacher"})
    owners = [one.owner for one in host.started]
    assert owners[1] == "teacher"
    order = fair_order(
        [Waiting("t1", "teacher", queued=9), Waiting("s1", "ada", queued=1)],
        [Waiting("t0", "teacher")],
        leaders={"teacher"},
    )
    assert order == ["s1", "t1"]


def test_a_limit_holds_at_every_moment_and_not_for_the_machine() -> None:
    host = Simulation(6, limit=2)
    host.queue("ada", n=20)
    host.queue("", n=20)
    for _ in range(20):
        host.tick(3)
    assert host.most["ada"] == 2
    assert host.most[""] >= 4


# -- in the stores -----------------------------------------------------------------------------


@pytest.fixture(params=["memory", "sql"])
def store(request: pytest.FixtureRequest, tmp_path) -> RunStore:
    if request.param == "memory":
        return MemoryStore()
    return SqlStore(f"sqlite:///{tmp_path / 'genlab.db'}")


def queue(store: RunStore, owner: str, n: int = 1, room: str = "") -> list[str]:
    with acting_as(Actor(owner, room=room)):
        return [store.create(SPEC) for _ in range(n)]


def test_the_stores_follow_the_fair_order(store: RunStore) -> None:
    first, second, third = queue(store, "a" * 16, 3)
    (bob,) = queue(store, "b" * 16)
    assert store.queue() == [first, bob, second, third]
    assert [store.get(run).position for run in (first, bob, second, third)] == [1, 2, 3, 4]
    row = store.claim("w")
    assert row is not None
    assert row.id == first
    assert store.queue() == [bob, second, third]
    store.set_status(first, "done")
    # Ada had her turn.
    assert store.queue()[0] == bob
    assert store.queue(limit=1) == [bob, second]


def test_the_stores_let_a_presenter_go_first(store: RunStore) -> None:
    others = queue(store, "a" * 16, 2) + queue(store, "b" * 16, 2, "X")
    teacher = queue(store, "t" * 16, 2)
    assert store.queue()[0] == others[0]
    with acting_as(Actor("t" * 16)):
        store.put_item(Item("room", "BCDFGH"), action="open_room")
    assert store.queue()[0] == teacher[0]
    store.claim("w", teacher[0])
    assert store.queue()[2] == teacher[1]


def test_a_queue_of_one_owner_has_a_limit(store: RunStore, monkeypatch) -> None:
    monkeypatch.setenv("GENLAB_RUNS_WAITING", "2")
    made = queue(store, "a" * 16, 2)
    with pytest.raises(RunStateError, match="2 of your runs are waiting"):
        queue(store, "a" * 16)
    assert store.queue() == made
    queue(store, "b" * 16)
    with acting_as(Actor("a" * 16, machine=True)):
        store.create(SPEC)
    store.create(SPEC)
    store.claim("w", made[0])
    store.set_status(made[0], "stopped")
    store.request(made[1], Command("stop"))
    with acting_as(Actor("a" * 16)):
        store.set_status(made[0], "queued")


def test_limits_that_are_none_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (settings.waiting_limit(), settings.running_limit()) == (10, 0)
    for name, read in (
        ("GENLAB_RUNS_WAITING", settings.waiting_limit),
        ("GENLAB_RUNS_RUNNING", settings.running_limit),
    ):
        for wrong in ("-1", "many", "1.5"):
            monkeypatch.setenv(name, wrong)
            with pytest.raises(StoreError, match=name):
                read()
        monkeypatch.setenv(name, "3")
        assert read() == 3
