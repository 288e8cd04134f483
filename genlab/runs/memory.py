"""The run store in memory: for tests and for scripts that keep nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from genlab.core.errors import LeaseLost, RunNotFound, RunStateError
from genlab.runs import access, settings
from genlab.runs.fair import Waiting, fair_order
from genlab.runs.items import NO_OFFER, WITH_ROOM, Item, Key
from genlab.runs.leases import lost_words
from genlab.runs.search import (
    COLUMNS,
    TAIL,
    RunPage,
    RunQuery,
    check_tags,
    check_text,
    check_title,
    last_numbers,
)
from genlab.runs.store import (
    ACTIVE,
    HELD,
    LEASE,
    RESUMABLE,
    Command,
    JobRow,
    JobStatus,
    Origin,
    Record,
    RunRow,
    RunStore,
    Status,
    heading_of,
    job_key,
    new_id,
    too_many,
)


class MemoryStore(RunStore):
    """A store of one process, safe between its threads."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._runs: dict[str, RunRow] = {}
        self._queued: dict[str, int] = {}
        self._rooms: dict[str, str] = {}
        self._records: dict[str, list[Record]] = {}
        self._wishes: dict[str, list[Command]] = {}
        self._jobs: dict[str, JobRow] = {}
        self._items: dict[tuple[str, str], Item] = {}
        self._numbers: dict[str, dict[str, float]] = {}
        self._restarts: dict[str, int] = {}
        self._count = 0

    def _next(self) -> int:
        self._count += 1
        return self._count

    def _row(self, run: str) -> RunRow:
        if run not in self._runs:
            raise RunNotFound(f"There is no run {run!r}. `genlab list` shows those there are.")
        return self._runs[run]

    def _allow(self, run: str, action: str, attempt: int = 0) -> RunRow:
        """A run with which who acts may do this, and which is held by the attempt of a worker."""
        row = self._row(run)
        access.require(action, row.owner)
        if attempt and (row.attempt != attempt or row.status not in HELD):
            raise LeaseLost(lost_words(run, attempt))
        return row

    def _with_position(self, row: RunRow) -> RunRow:
        if row.status != "queued":
            return row
        return replace(row, position=self.queue().index(row.id) + 1)

    def create(
        self,
        spec: Mapping[str, Any],
        *,
        title: str = "",
        worker: str = "",
        run: str = "",
        origin: Origin | None = None,
    ) -> str:
        actor = access.require("work" if worker else "start" if origin is None else "fork")
        check_text("title", title)
        with self._lock:
            run, now = run or new_id(spec), time.time()
            if run in self._runs:
                raise RunStateError(f"There is a run {run} already. Nothing was started.")
            self._check_waiting(actor)
            self._rooms[run] = actor.room
            row = RunRow(
                run, dict(spec), "queued", title=title, steps=int(spec["steps"]), created=now
            )
            row = replace(row, owner=actor.id)
            if origin is not None:
                row = replace(
                    row,
                    step=origin.step,
                    parent=origin.parent,
                    parent_step=origin.step,
                    changes=dict(origin.changes),
                )
            self._records[run], self._wishes[run] = [], []
            self._runs[run] = row
            self._queued[run] = self._next()
            if worker:
                self._take(row, worker)
            return run

    def get(self, run: str) -> RunRow:
        with self._lock:
            return self._with_position(self._row(run))

    def runs(self, *, status: Collection[str] | None = None, limit: int = 200) -> list[RunRow]:
        with self._lock:
            newest = reversed(list(self._runs.values()))
            rows = [r for r in newest if status is None or r.status in status]
            return [self._with_position(row) for row in rows[:limit]]

    def set_status(
        self,
        run: str,
        status: Status,
        *,
        message: str = "",
        only_from: Collection[str] | None = None,
        attempt: int = 0,
    ) -> bool:
        with self._lock:
            row = self._allow(run, "resume" if status == "queued" else "work", attempt)
            if only_from is not None and row.status not in only_from:
                return False
            if status == "queued":
                self._check_waiting(access.acting())
            ended = 0.0 if status in ACTIVE else time.time()
            row = replace(row, status=status, message=message.replace("\0", ""), ended=ended)
            self._queued.pop(run, None)
            if status == "queued":
                row = replace(row, worker="", speed=0.0)
                self._restarts.pop(run, None)
                self._queued[run] = self._next()
            if status not in ACTIVE:
                self._wishes[run] = []
                row = replace(row, speed=0.0)
                tail = [one for one in self._records[run] if one.kind == "scalars"][-TAIL:]
                self._numbers.setdefault(run, {}).update(last_numbers(tail))
            self._runs[run] = row
            return True

    def describe(self, run: str, series: Sequence[Mapping[str, Any]], *, attempt: int = 0) -> None:
        with self._lock:
            row = self._allow(run, "work", attempt)
            self._runs[run] = replace(row, series=tuple(dict(s) for s in series))

    def _take(self, row: RunRow, worker: str) -> RunRow:
        now = time.time()
        claimed = replace(
            row,
            status="running",
            message="",
            worker=worker,
            started=row.started or now,
            beat=now,
            ended=0.0,
            attempt=row.attempt + 1,
        )
        self._queued.pop(row.id, None)
        self._runs[row.id] = claimed
        return claimed

    def queue(self, *, limit: int = 0) -> list[str]:
        with self._lock:
            waiting = [self._waiting(run, number) for run, number in self._queued.items()]
            rows = self._runs.values()
            running = [self._waiting(row.id) for row in rows if row.status == "running"]
            begun: dict[str, float] = {}
            for row in rows:
                begun[row.owner] = max(row.started, begun.get(row.owner, 0.0))
            leaders = {item.owner for item in self.items("room")}
            return fair_order(waiting, running, begun=begun, leaders=leaders, limit=limit)

    def _waiting(self, run: str, queued: float = 0.0) -> Waiting:
        return Waiting(run, self._runs[run].owner, self._rooms.get(run, ""), queued)

    def _check_waiting(self, actor: access.Actor) -> None:
        """Refuse a run more than an owner may have waiting."""
        limit = settings.waiting_limit()
        mine = sum(self._runs[run].owner == actor.id for run in self._queued)
        if limit and actor.is_limited and mine >= limit:
            raise too_many(limit)

    def claim(self, worker: str, run: str | None = None, *, resume: bool = False) -> RunRow | None:
        access.require("work")
        with self._lock:
            if run is None:
                waiting = self.queue()
                return self._take(self._runs[waiting[0]], worker) if waiting else None
            row = self._row(run)
            able = {"queued", *RESUMABLE} if resume else {"queued"}
            return self._take(row, worker) if row.status in able else None

    def heartbeat(self, run: str, *, step: int, speed: float, attempt: int = 0) -> None:
        with self._lock:
            row = self._allow(run, "work", attempt)
            if attempt and row.status == "lost":
                row = replace(row, status="running", message="", ended=0.0)
            self._runs[run] = replace(row, step=step, speed=speed, beat=time.time())

    def expired(self) -> list[RunRow]:
        with self._lock:
            past = time.time() - LEASE
            active = (row for row in self._runs.values() if row.status in ("running", "paused"))
            return [row for row in active if row.beat <= past]

    def lose(self, run: str, message: str, *, worker: str = "") -> bool:
        with self._lock:
            row = self._runs.get(run)
            if row is None or row.status not in ("running", "paused"):
                return False
            if row.worker != worker if worker else row not in self.expired():
                return False
            return self.set_status(run, "lost", message=message)

    def resume_lost(self, run: str, limit: int) -> int:
        with self._lock:
            if self._row(run).status != "lost" or self._restarts.get(run, 0) >= limit:
                return 0
            count = self._restarts.get(run, 0) + 1
            self.set_status(run, "queued")
            self._restarts[run] = count
            return count

    def append(
        self, run: str, records: Sequence[Record], *, attempt: int = 0, again: bool = False
    ) -> None:
        with self._lock:
            self._allow(run, "note", attempt)
            now = time.time()
            keys = {(r.step, r.kind, r.time) for r in self._records[run]} if again else set()
            if any((r.step, r.kind, r.time) in keys for r in records):
                return
            self._records[run] += [
                replace(r, seq=self._next(), time=r.time or now, payload=dict(r.payload))
                for r in records
            ]

    def read(
        self,
        run: str,
        *,
        after: int = 0,
        limit: int = 1000,
        kinds: Collection[str] | None = None,
    ) -> list[Record]:
        with self._lock:
            found = (
                r
                for r in self._records.get(run, [])
                if r.seq > after and (kinds is None or r.kind in kinds)
            )
            return [r for _, r in zip(range(limit), found, strict=False)]

    def last_step(self, run: str) -> int:
        with self._lock:
            steps = (r.step for r in self._records.get(run, []) if r.kind != "event")
            return max(steps, default=-1)

    def request(self, run: str, command: Command) -> None:
        with self._lock:
            row = self._allow(run, access.of_command(command.name))
            if row.status not in ACTIVE:
                raise RunStateError(
                    f"Run {run} is {row.status}: {command.name!r} is for runs that are queued, "
                    "running or paused. Nothing was changed."
                )
            if command.name == "stop" and row.status == "queued":
                with access.acting_as(access.MACHINE):
                    self.set_status(run, "stopped")
                return
            self._wishes[run].append(replace(command, id=self._next()))

    def pending(self, run: str, *, attempt: int = 0) -> list[Command]:
        access.require("work")
        with self._lock:
            if attempt:
                self._allow(run, "work", attempt)
            found, self._wishes[run] = self._wishes.get(run, []), []
            return found

    def delete(self, run: str) -> None:
        with self._lock:
            row = self._allow(run, "delete")
            if row.status in ACTIVE:
                raise RunStateError(
                    f"Run {run} is {row.status}; stop it before deleting it. Nothing was deleted."
                )
            for table in (self._runs, self._records, self._wishes, self._numbers):
                table.pop(run, None)

    def edit(self, run: str, *, title: str | None = None, tags: Sequence[str] = ()) -> None:
        with self._lock:
            row = replace(self._allow(run, "edit"), tags=check_tags(tags))
            if title is not None:
                row = replace(row, title=check_title(title))
            self._runs[run] = row

    def find(self, query: RunQuery) -> RunPage:
        with self._lock:
            found = [row for row in reversed(list(self._runs.values())) if _fits(row, query)]
            keys = {row.id: self._sort_key(row, query.sort) for row in found}
            with_key = [row for row in found if keys[row.id] is not None]
            with_key.sort(key=lambda row: keys[row.id], reverse=query.descending)
            every = [*with_key, *(row for row in found if keys[row.id] is None)]
            page = every[query.offset : query.offset + query.limit]
            numbers = {row.id: dict(self._numbers.get(row.id, {})) for row in page}
            return RunPage([self._with_position(row) for row in page], len(found), numbers)

    def _sort_key(self, row: RunRow, name: str) -> Any:
        if name == "created":
            return list(self._runs).index(row.id)
        if name == "title":
            return _shown(row)
        if name in COLUMNS:
            return getattr(row, name)
        return self._numbers.get(row.id, {}).get(name)

    def put_numbers(self, run: str, values: Mapping[str, float]) -> None:
        with self._lock:
            self._allow(run, "work")
            self._numbers.setdefault(run, {}).update(values)

    def known_words(self) -> tuple[list[str], list[str]]:
        with self._lock:
            tags = {tag for row in self._runs.values() for tag in row.tags}
            return sorted(tags), sorted({n for one in self._numbers.values() for n in one})

    def submit(self, kind: str, values: Mapping[str, Any]) -> JobRow:
        actor = access.require("submit_job")
        with self._lock:
            key = job_key(kind, values)
            known = self._jobs.get(key)
            if known is None or known.status == "failed":
                owner = actor.id if known is None else known.owner
                fresh = JobRow(key, kind, dict(values), created=time.time(), owner=owner)
                self._jobs[key] = fresh
            return self._jobs[key]

    def job(self, key: str) -> JobRow | None:
        with self._lock:
            return self._jobs.get(key)

    def jobs(self, *, status: Collection[str] | None = None, limit: int = 200) -> list[JobRow]:
        with self._lock:
            rows = sorted(self._jobs.values(), key=lambda row: row.created)
            return [r for r in rows if status is None or r.status in status][:limit]

    def claim_job(self, worker: str, key: str | None = None) -> JobRow | None:
        access.require("work_job")
        with self._lock:
            for row in self.jobs(status={"queued"}, limit=len(self._jobs)):
                if key not in (None, row.key):
                    continue
                claimed = replace(row, status="running", worker=worker, beat=time.time())
                self._jobs[row.key] = claimed
                return claimed
            return None

    def expired_jobs(self) -> list[JobRow]:
        past = time.time() - LEASE
        return [row for row in self.jobs(status={"running"}) if row.beat <= past]

    def update_job(
        self,
        key: str,
        *,
        status: JobStatus,
        progress: float = 0.0,
        message: str = "",
        worker: str = "",
    ) -> None:
        access.require("submit_job" if status == "queued" else "work_job")
        with self._lock:
            known = self._jobs.get(key)
            is_claimed = known is not None and (known.worker, known.status) == (worker, "running")
            if known is not None and (is_claimed or not worker):
                self._jobs[key] = replace(
                    self._jobs[key],
                    status=status,
                    progress=progress,
                    message=message,
                    beat=time.time(),
                )

    # -- items and ownership -----------------------------------------------------------------

    def put_item(
        self, item: Item, *, action: str, only_new: bool = False, while_open: Key | None = None
    ) -> bool:
        with self._lock:
            if while_open is not None and self.item(*while_open) is None:
                return False
            known = self.item(item.kind, item.id)
            if known is not None and only_new:
                return False
            owner = access.acting().id if known is None else known.owner
            access.require(action, owner)
            created = time.time() if known is None else known.created
            kept = replace(item, values=dict(item.values), owner=owner, created=created)
            self._items[item.kind, item.id] = kept
            return True

    def item(self, kind: str, name: str) -> Item | None:
        with self._lock:
            found = self._items.get((kind, name))
            return None if found is None or found.has_expired() else found

    def items(self, kind: str, prefix: str = "") -> list[Item]:
        with self._lock:
            kept = [
                one for one in self._items.values() if one.kind == kind and not one.has_expired()
            ]
            found = [one for one in kept if one.id.startswith(prefix)]
            return sorted(found, key=lambda one: (one.created, one.id))

    def remove(self, kind: str, name: str, *, action: str) -> bool:
        with self._lock:
            known = self._items.get((kind, name))
            if known is None:
                return False
            access.require(action, known.owner)
            del self._items[kind, name]
            return True

    def accept(self, offer: str) -> Item:
        actor = access.require("claim")
        with self._lock:
            found = self.item("offer", offer)
            if found is None:
                raise RunStateError(NO_OFFER)
            self._pass(found, actor.id)
            self._items.pop(("offer", offer), None)
            return found

    def _pass(self, offer: Item, to: str) -> None:
        """Write the new owner, where the offer's owner still is the owner."""
        kind, name = offer.values["kind"], offer.values["id"]
        tables: tuple[dict[Any, Any], ...] = (self._runs, self._jobs, self._items)
        if kind == "all":
            for table in tables:
                for key, row in table.items():
                    if row.owner == offer.owner:
                        table[key] = replace(row, owner=to)
            return
        table, key = tables[0 if kind == "run" else 2], name if kind == "run" else (kind, name)
        row = table.get(key)
        if row is None or row.owner != offer.values["owner"]:
            raise RunStateError(NO_OFFER)
        table[key] = replace(row, owner=to)
        if kind == "room":
            for item in [one for one in self._items.values() if one.kind in WITH_ROOM]:
                if item.id.startswith(name) and item.owner == row.owner:
                    self._items[item.kind, item.id] = replace(item, owner=to)


def _shown(row: RunRow) -> str:
    return heading_of(row).name.casefold()


def _fits(row: RunRow, query: RunQuery) -> bool:
    text = query.text.casefold().replace("\0", "")
    return (
        any(text in one for one in (_shown(row), row.id.casefold(), *map(str.casefold, row.tags)))
        and (not query.status or row.status in query.status)
        and set(query.tags) <= set(row.tags)
        and query.model in ("", row.spec.get("model"))
        and query.data in ("", row.spec.get("data"))
    )
