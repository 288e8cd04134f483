"""What every run store must do, as test cases: subclass, give a ``store`` fixture, and run."""

from __future__ import annotations

import itertools
import threading
import time
from typing import Any

import pytest

from genlab.core.errors import LeaseLost, RunNotFound, RunStateError, SpecError
from genlab.runs.search import RunQuery
from genlab.runs.store import Command, Origin, Record, RunStore

SPEC: dict[str, Any] = {"model": "vae", "data": "digits", "steps": 30, "lr": 1e-3, "seed": 0}


class StoreContract:
    """The cases; ``store`` is an empty store."""

    @pytest.fixture
    def store(self) -> RunStore:
        """An empty store."""
        raise RuntimeError("a subclass gives the store")

    def test_a_new_run_waits_and_keeps_its_spec(self, store: RunStore) -> None:
        run = store.create(SPEC, title="first")
        row = store.get(run)
        assert (row.status, row.title, row.steps, row.step) == ("queued", "first", 30, 0)
        assert dict(row.spec) == SPEC
        assert row.position == 1
        assert row.attempt == 0
        assert abs(row.created - time.time()) < 5

    def test_a_fork_keeps_where_it_branched_off(self, store: RunStore) -> None:
        parent = store.create(SPEC)
        plain = store.get(parent)
        assert (plain.parent, plain.parent_step, dict(plain.changes)) == ("", 0, {})
        origin = Origin(parent, 7, {"lr": (1e-3, 1e-4), "objective": ("a", None)})
        assert store.create(SPEC, run="mine", origin=origin) == "mine"
        for row in (store.get("mine"), store.runs()[0], store.claim("w", "mine")):
            assert row is not None
            assert (row.parent, row.parent_step, row.step) == (parent, 7, 7)
            changes = {name: list(pair) for name, pair in row.changes.items()}
            assert changes == {"lr": [1e-3, 1e-4], "objective": ["a", None]}
        with pytest.raises(RunStateError, match="mine"):
            store.create(SPEC, run="mine")
        assert len(store.runs()) == 2

    def test_ids_are_unique_and_safe_in_paths(self, store: RunStore) -> None:
        ids = {store.create({**SPEC, "model": "../x"}) for _ in range(50)}
        assert len(ids) == 50
        assert all(c.isalnum() or c in "-_" for run in ids for c in run)

    def test_an_unknown_run_is_said(self, store: RunStore) -> None:
        for call in (
            lambda: store.get("nope"),
            lambda: store.set_status("nope", "done"),
            lambda: store.heartbeat("nope", step=1, speed=1.0),
            lambda: store.append("nope", [Record(0, "scalars", {})]),
            lambda: store.request("nope", Command("stop")),
            lambda: store.delete("nope"),
            lambda: store.claim("w", "nope"),
            lambda: store.describe("nope", []),
        ):
            with pytest.raises(RunNotFound, match="nope"):
                call()
        assert store.read("nope") == []

    def test_runs_are_listed_the_newest_first(self, store: RunStore) -> None:
        ids = [store.create(SPEC) for _ in range(4)]
        assert [row.id for row in store.runs()] == ids[::-1]
        assert [row.position for row in store.runs()] == [4, 3, 2, 1]
        assert [row.id for row in store.runs(limit=2)] == ids[:1:-1]
        store.set_status(ids[1], "stopped")
        assert [row.id for row in store.runs(status={"stopped"})] == [ids[1]]
        assert [row.position for row in store.runs()] == [3, 2, 0, 1]

    def test_claims_follow_the_queue(self, store: RunStore) -> None:
        first, second = store.create(SPEC), store.create(SPEC)
        assert store.queue() == [first, second]
        row = store.claim("host:1")
        assert row is not None
        assert (row.id, row.status, row.worker, row.attempt) == (first, "running", "host:1", 1)
        assert row.started > 0
        assert store.queue() == [second]
        assert store.get(second).position == 1
        assert store.claim("host:2", first) is None
        claimed = store.claim("host:2", second)
        assert claimed is not None
        assert claimed.id == second
        assert store.claim("host:3") is None

    def test_only_a_wish_to_resume_takes_an_ended_run(self, store: RunStore) -> None:
        run = store.create(SPEC, worker="host:1")
        assert store.get(run).attempt == 1
        assert store.get(run).status == "running"
        store.set_status(run, "lost", message="gone")
        assert store.claim("host:2", run) is None
        row = store.claim("host:2", run, resume=True)
        assert row is not None
        assert (row.attempt, row.status, row.message, row.ended) == (2, "running", "", 0.0)
        store.set_status(run, "done")
        assert store.claim("host:2", run, resume=True) is None

    def test_a_run_is_claimed_once_among_many(self, store: RunStore) -> None:
        ids = {store.create(SPEC) for _ in range(12)}
        got: list[str] = []
        start = threading.Barrier(4)

        def work(name: str) -> None:
            start.wait()
            while (row := store.claim(name)) is not None:
                got.append(row.id)

        threads = [threading.Thread(target=work, args=(f"h:{i}",)) for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=60)
        assert len(got) == 12
        assert set(got) == ids

    def test_a_worker_that_was_replaced_writes_nothing(self, store: RunStore) -> None:
        run = store.create(SPEC)
        old = store.claim("a:1")
        assert old is not None
        store.heartbeat(run, step=3, speed=1.0, attempt=old.attempt)
        store.append(run, [Record(3, "scalars", {"a": 1.0})], attempt=old.attempt)
        assert store.lose(run, "gone", worker="a:1")
        new = store.claim("b:1", run, resume=True)
        assert new is not None
        store.request(run, Command("pause"))
        before = store.get(run)
        for write in (
            lambda: store.heartbeat(run, step=9, speed=1.0, attempt=old.attempt),
            lambda: store.append(run, [Record(9, "scalars", {})], attempt=old.attempt),
            lambda: store.describe(run, [{"name": "x"}], attempt=old.attempt),
            lambda: store.set_status(run, "done", attempt=old.attempt),
            lambda: store.pending(run, attempt=old.attempt),
        ):
            with pytest.raises(LeaseLost, match="no longer held by its attempt 1"):
                write()
        assert store.get(run) == before
        assert [record.step for record in store.read(run)] == [3]
        assert [wish.name for wish in store.pending(run, attempt=new.attempt)] == ["pause"]
        store.set_status(run, "done", attempt=new.attempt)
        with pytest.raises(LeaseLost):
            store.append(run, [Record(9, "scalars", {})], attempt=new.attempt)

    def test_late_heartbeats_take_back_what_nobody_else_took(self, store: RunStore) -> None:
        run = store.create(SPEC)
        row = store.claim("a:1")
        assert row is not None
        store.set_status(run, "lost", message="silent")
        store.append(run, [Record(1, "scalars", {})], attempt=row.attempt)
        store.heartbeat(run, step=1, speed=1.0, attempt=row.attempt)
        assert (store.get(run).status, store.get(run).message) == ("running", "")
        store.set_status(run, "lost")
        store.set_status(run, "queued")
        with pytest.raises(LeaseLost):
            store.heartbeat(run, step=2, speed=1.0, attempt=row.attempt)

    def test_a_run_is_lost_only_by_its_own_worker_or_when_its_lease_is_over(
        self, store: RunStore
    ) -> None:
        run = store.create(SPEC)
        assert not store.lose(run, "gone", worker="")
        store.claim("b:7")
        store.request(run, Command("pause"))
        assert store.expired() == []
        assert not store.lose(run, "gone", worker="a:7")
        assert not store.lose(run, "gone")
        assert not store.lose("nobody", "gone")
        assert store.get(run).status == "running"
        assert store.lose(run, "gone", worker="b:7")
        assert (store.get(run).status, store.get(run).message) == ("lost", "gone")
        assert store.pending(run) == []
        assert not store.lose(run, "gone", worker="b:7")

    def test_a_job_is_claimed_by_key_and_fenced_by_its_worker(self, store: RunStore) -> None:
        first = store.submit("project", {"n": 1}).key
        second = store.submit("project", {"n": 2}).key
        claimed = store.claim_job("a:1", second)
        assert claimed is not None
        assert claimed.key == second
        assert store.claim_job("b:1", second) is None
        assert store.expired_jobs() == []
        store.update_job(second, status="failed", message="gone", worker="b:1")
        found = store.job(second)
        assert found is not None
        assert found.status == "running"
        store.update_job(second, status="done", progress=1.0, worker="a:1")
        store.update_job(second, status="running", worker="a:1")
        found = store.job(second)
        assert found is not None
        assert found.status == "done"
        oldest = store.claim_job("a:2")
        assert oldest is not None
        assert oldest.key == first

    def test_the_character_nul_is_refused_in_words_and_read_as_nothing(
        self, store: RunStore
    ) -> None:
        with pytest.raises(SpecError, match="NUL"):
            store.create(SPEC, title="a\0b")
        assert store.runs() == []
        run = store.create(SPEC, title="ab")
        with pytest.raises(SpecError, match="NUL"):
            store.edit(run, title="a\0b")
        with pytest.raises(SpecError, match="allowed"):
            store.edit(run, tags=["a\0b"])
        store.append(run, [Record(0, "event", {"level": "info", "message": "a\0b"})])
        assert store.read(run)[0].payload["message"] == "a\0b"
        store.set_status(run, "failed", message="a\0b")
        assert store.get(run).message == "ab"
        assert [row.id for row in store.find(RunQuery(text="a\0b")).rows] == [run]

    def test_a_status_changes_only_from_where_it_may(self, store: RunStore) -> None:
        run = store.create(SPEC)
        assert not store.set_status(run, "done", only_from={"running"})
        assert store.get(run).status == "queued"
        store.claim("w")
        assert store.set_status(run, "failed", message="disk full", only_from={"running"})
        row = store.get(run)
        assert (row.status, row.message, row.position) == ("failed", "disk full", 0)
        assert row.ended > 0

    def test_a_requeued_run_goes_to_the_end(self, store: RunStore) -> None:
        first, second = store.create(SPEC), store.create(SPEC)
        store.claim("w")
        store.set_status(first, "lost")
        assert store.set_status(first, "queued", only_from={"lost"})
        assert store.queue() == [second, first]
        assert store.get(first).position == 2
        assert store.get(first).ended == 0.0

    def test_a_heartbeat_says_where_it_stands(self, store: RunStore) -> None:
        run = store.create(SPEC, worker="w")
        store.heartbeat(run, step=7, speed=2.5)
        row = store.get(run)
        assert (row.step, row.speed) == (7, 2.5)
        assert abs(row.beat - time.time()) < 5

    def test_series_are_described(self, store: RunStore) -> None:
        run = store.create(SPEC)
        store.describe(run, [{"name": "elbo", "truth": None, "n": 3}])
        assert [dict(s) for s in store.get(run).series] == [
            {"name": "elbo", "truth": None, "n": 3}
        ]

    def test_records_are_read_by_cursor(self, store: RunStore) -> None:
        run, other = store.create(SPEC), store.create(SPEC)
        store.append(run, [Record(s, "scalars", {"a": s / 2}) for s in range(5)])
        store.append(other, [Record(0, "scalars", {"a": 99.0})])
        store.append(run, [Record(5, "event", {"level": "info", "message": "é"}, time=12.5)])
        store.append(run, [])
        got = store.read(run)
        assert [r.step for r in got] == [0, 1, 2, 3, 4, 5]
        assert [r.payload["a"] for r in got[:5]] == [0.0, 0.5, 1.0, 1.5, 2.0]
        assert got[5].payload["message"] == "é"
        assert got[5].time == 12.5
        assert all(a.seq < b.seq for a, b in itertools.pairwise(got))
        assert store.read(run, after=got[2].seq, limit=2) == got[3:5]
        assert store.read(run, after=got[-1].seq) == []
        assert store.read(run, kinds={"event"}) == got[5:]

    def test_a_missing_number_is_none(self, store: RunStore) -> None:
        run = store.create(SPEC)
        store.append(run, [Record(0, "scalars", {"a": None})])
        assert store.read(run)[0].payload == {"a": None}

    def test_the_last_step_ignores_events(self, store: RunStore) -> None:
        run = store.create(SPEC)
        assert store.last_step(run) == -1
        store.append(run, [Record(4, "scalars", {}), Record(9, "event", {})])
        assert store.last_step(run) == 4
        store.append(run, [Record(6, "frame", {"panels": []})])
        assert store.last_step(run) == 6

    def test_wishes_are_taken_once_and_in_order(self, store: RunStore) -> None:
        run = store.create(SPEC, worker="w")
        store.request(run, Command("pause"))
        store.request(run, Command("step", {"n": 3}))
        assert [(w.name, dict(w.values)) for w in store.pending(run)] == [
            ("pause", {}),
            ("step", {"n": 3}),
        ]
        assert store.pending(run) == []

    def test_a_wish_for_an_ended_run_is_refused(self, store: RunStore) -> None:
        run = store.create(SPEC, worker="w")
        store.request(run, Command("pause"))
        store.set_status(run, "done")
        assert store.pending(run) == []
        with pytest.raises(RunStateError, match="done"):
            store.request(run, Command("pause"))

    def test_stopping_a_queued_run_stops_it_at_once(self, store: RunStore) -> None:
        run = store.create(SPEC)
        store.request(run, Command("stop"))
        assert store.get(run).status == "stopped"
        assert store.claim("w") is None

    def test_a_wish_to_a_queued_run_waits_for_its_worker(self, store: RunStore) -> None:
        run = store.create(SPEC)
        store.request(run, Command("pause"))
        store.claim("w")
        assert [w.name for w in store.pending(run)] == ["pause"]

    def test_an_active_run_is_not_deleted(self, store: RunStore) -> None:
        run, other = store.create(SPEC), store.create(SPEC)
        store.append(run, [Record(0, "scalars", {"a": 1.0})])
        with pytest.raises(RunStateError, match="stop it"):
            store.delete(run)
        last = store.read(run)[-1].seq
        store.set_status(run, "stopped")
        store.delete(run)
        with pytest.raises(RunNotFound):
            store.get(run)
        assert store.read(run) == []
        assert [row.id for row in store.runs()] == [other]
        store.append(other, [Record(0, "scalars", {"a": 1.0})])
        assert store.read(other)[0].seq > last

    def test_a_run_is_renamed_tagged_and_found_again(self, store: RunStore) -> None:
        ids = [store.create({**SPEC, "seed": i}, title=f"Run {i}") for i in range(5)]
        store.edit(ids[1], title="  A better   name ", tags=["week 3", "good", "good"])
        store.edit(ids[2], tags=["good", "100%_sure"])
        row = store.get(ids[1])
        assert (row.title, tuple(row.tags)) == ("A better name", ("week 3", "good"))
        assert store.get(ids[2]).title == "Run 2"

        def found(**values: Any) -> list[str]:
            page = store.find(RunQuery(**values))
            assert page.total == len(page.rows)
            return [one.id for one in page.rows]

        assert found() == ids[::-1]
        assert found(descending=False) == ids
        assert found(text="BETTER") == found(text="Week 3") == [ids[1]]
        assert found(text="100%_") == [ids[2]]
        assert found(text="100x") == []
        assert found(tags=["good"]) == [ids[2], ids[1]]
        assert found(tags=["good", "week 3"]) == [ids[1]]
        assert found(tags=["goo"]) == found(model="gan") == found(status=["done"]) == []
        assert found(model="vae", data="digits", status=["queued"]) == ids[::-1]
        assert found(sort="title", descending=False)[0] == ids[1]
        page = store.find(RunQuery(limit=2, offset=3))
        assert ([one.id for one in page.rows], page.total) == ([ids[1], ids[0]], 5)
        assert store.known_words()[0] == ["100%_sure", "good", "week 3"]
        for tags in (["a|b"], ["a,b"], [""], ["x" * 40], [f"t{i}" for i in range(21)]):
            with pytest.raises(SpecError, match="allowed"):
                store.edit(ids[0], tags=tags)
        assert tuple(store.get(ids[0]).tags) == ()
        with pytest.raises(RunNotFound):
            store.edit("nobody", tags=[])

    def test_runs_are_sorted_by_their_last_numbers(self, store: RunStore) -> None:
        ids = [store.create(SPEC, worker="w") for _ in range(4)]
        for i, value in enumerate((3.0, 1.0, 2.0)):
            rows = [Record(0, "scalars", {"elbo": 9.0}), Record(1, "scalars", {"elbo": value})]
            store.append(ids[i], [*rows, Record(2, "scalars", {"elbo": None})])
            store.set_status(ids[i], "done")
        store.put_numbers(ids[0], {"test_elbo": -1.5})
        page = store.find(RunQuery(sort="elbo"))
        assert [row.id for row in page.rows] == [ids[0], ids[2], ids[1], ids[3]]
        assert page.numbers[ids[0]] == {"elbo": 3.0, "test_elbo": -1.5}
        assert page.numbers[ids[3]] == {}
        page = store.find(RunQuery(sort="elbo", descending=False))
        assert [row.id for row in page.rows] == [ids[1], ids[2], ids[0], ids[3]]
        assert store.known_words()[1] == ["elbo", "test_elbo"]
        store.delete(ids[0])
        assert store.known_words()[1] == ["elbo"]

    def test_the_same_job_twice_is_one(self, store: RunStore) -> None:
        row = store.submit("project", {"run": "r", "n": 10})
        assert store.submit("project", {"n": 10, "run": "r"}).key == row.key
        assert store.submit("project", {"n": 11, "run": "r"}).key != row.key
        assert store.job("nope") is None
        claimed = store.claim_job("host:1")
        assert claimed is not None
        assert (claimed.key, claimed.status, claimed.worker) == (row.key, "running", "host:1")
        store.update_job(row.key, status="running", progress=0.5, message="half")
        found = store.job(row.key)
        assert found is not None
        assert (found.progress, found.message) == (0.5, "half")
        assert [job.key for job in store.jobs(status={"running"})] == [row.key]

    def test_a_failed_job_is_queued_anew_and_a_done_one_is_not(self, store: RunStore) -> None:
        key = store.submit("project", {"n": 1}).key
        store.claim_job("w")
        store.update_job(key, status="failed", message="broken")
        assert store.submit("project", {"n": 1}).status == "queued"
        assert store.claim_job("w") is not None
        store.update_job(key, status="done", progress=1.0)
        assert store.submit("project", {"n": 1}).status == "done"
        assert store.claim_job("w") is None

    def test_threads_append_side_by_side(self, store: RunStore) -> None:
        ids = [store.create(SPEC) for _ in range(4)]

        def work(run: str) -> None:
            for step in range(25):
                store.append(run, [Record(step, "scalars", {"a": step})])

        threads = [threading.Thread(target=work, args=(run,)) for run in ids]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=60)
        for run in ids:
            assert [r.step for r in store.read(run)] == list(range(25))
