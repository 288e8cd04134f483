"""The run store in memory: for tests and for scripts that keep nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from genlab.core.errors import RunNotFound, RunStateError
from genlab.runs.store import (
    ACTIVE,
    RESUMABLE,
    Command,
    JobRow,
    JobStatus,
    Origin,
    Record,
    RunRow,
    RunStore,
    Status,
    job_key,
    new_id,
)


class MemoryStore(RunStore):
    """A store of one process, safe between its threads."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._runs: dict[str, RunRow] = {}
        self._queued: dict[str, int] = {}
        self._records: dict[str, list[Record]] = {}
        self._wishes: dict[str, list[Command]] = {}
        self._jobs: dict[str, JobRow] = {}
        self._count = 0

    def _next(self) -> int:
        self._count += 1
        return self._count

    def _row(self, run: str) -> RunRow:
        if run not in self._runs:
            raise RunNotFound(f"There is no run {run!r}. `genlab list` shows those there are.")
        return self._runs[run]

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
        with self._lock:
            run, now = run or new_id(spec), time.time()
            if run in self._runs:
                raise RunStateError(f"There is a run {run} already. Nothing was started.")
            row = RunRow(
                run, dict(spec), "queued", title=title, steps=int(spec["steps"]), created=now
            )
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
    ) -> bool:
        with self._lock:
            row = self._row(run)
            if only_from is not None and row.status not in only_from:
                return False
            ended = 0.0 if status in ACTIVE else time.time()
            row = replace(row, status=status, message=message, ended=ended)
            self._queued.pop(run, None)
            if status == "queued":
                row = replace(row, worker="", speed=0.0)
                self._queued[run] = self._next()
            if status not in ACTIVE:
                self._wishes[run] = []
                row = replace(row, speed=0.0)
            self._runs[run] = row
            return True

    def describe(self, run: str, series: Sequence[Mapping[str, Any]]) -> None:
        with self._lock:
            self._runs[run] = replace(self._row(run), series=tuple(dict(s) for s in series))

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

    def queue(self) -> list[str]:
        with self._lock:
            return sorted(self._queued, key=self._queued.__getitem__)

    def claim(self, worker: str, run: str | None = None, *, resume: bool = False) -> RunRow | None:
        with self._lock:
            if run is None:
                waiting = self.queue()
                return self._take(self._runs[waiting[0]], worker) if waiting else None
            row = self._row(run)
            able = {"queued", *RESUMABLE} if resume else {"queued"}
            return self._take(row, worker) if row.status in able else None

    def heartbeat(self, run: str, *, step: int, speed: float) -> None:
        with self._lock:
            row = self._row(run)
            self._runs[run] = replace(row, step=step, speed=speed, beat=time.time())

    def append(self, run: str, records: Sequence[Record]) -> None:
        with self._lock:
            self._row(run)
            now = time.time()
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
            row = self._row(run)
            if row.status not in ACTIVE:
                raise RunStateError(
                    f"Run {run} is {row.status}: {command.name!r} is for runs that are queued, "
                    "running or paused. Nothing was changed."
                )
            if command.name == "stop" and row.status == "queued":
                self.set_status(run, "stopped")
                return
            self._wishes[run].append(replace(command, id=self._next()))

    def pending(self, run: str) -> list[Command]:
        with self._lock:
            found, self._wishes[run] = self._wishes.get(run, []), []
            return found

    def delete(self, run: str) -> None:
        with self._lock:
            row = self._row(run)
            if row.status in ACTIVE:
                raise RunStateError(
                    f"Run {run} is {row.status}; stop it before deleting it. Nothing was deleted."
                )
            for table in (self._runs, self._records, self._wishes):
                table.pop(run, None)

    def submit(self, kind: str, values: Mapping[str, Any]) -> JobRow:
        with self._lock:
            key = job_key(kind, values)
            known = self._jobs.get(key)
            if known is None or known.status == "failed":
                self._jobs[key] = JobRow(key, kind, dict(values), created=time.time())
            return self._jobs[key]

    def job(self, key: str) -> JobRow | None:
        with self._lock:
            return self._jobs.get(key)

    def jobs(self, *, status: Collection[str] | None = None, limit: int = 200) -> list[JobRow]:
        with self._lock:
            rows = sorted(self._jobs.values(), key=lambda row: row.created)
            return [r for r in rows if status is None or r.status in status][:limit]

    def claim_job(self, worker: str) -> JobRow | None:
        with self._lock:
            for row in self.jobs(status={"queued"}, limit=1):
                claimed = replace(row, status="running", worker=worker, beat=time.time())
                self._jobs[row.key] = claimed
                return claimed
            return None

    def update_job(
        self, key: str, *, status: JobStatus, progress: float = 0.0, message: str = ""
    ) -> None:
        with self._lock:
            if key in self._jobs:
                self._jobs[key] = replace(
                    self._jobs[key],
                    status=status,
                    progress=progress,
                    message=message,
                    beat=time.time(),
                )
