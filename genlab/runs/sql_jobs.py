"""The jobs of a run store in a database: background computations, and who runs them."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Collection, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from genlab.runs import access
from genlab.runs.database import Database
from genlab.runs.schema import DatabaseClock, jobs
from genlab.runs.store import LEASE, JobRow, JobStatus, job_key


def dump_json(value: object) -> str:
    """A value as compact JSON."""
    # NaN is not JSON: a reader in another language would refuse the whole record.
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


class JobTable(Database):
    """The part of the store that keeps jobs."""

    @staticmethod
    def _job(row: Any) -> JobRow:
        return JobRow(
            key=row["key"],
            kind=row["kind"],
            values=json.loads(row["values"]),
            status=row["status"],
            progress=row["progress"],
            message=row["message"],
            created=row["created"],
            beat=row["beat"],
            worker=row["worker"],
            owner=row["owner"],
        )

    def submit(self, kind: str, values: Mapping[str, Any]) -> JobRow:
        key, actor = job_key(kind, values), access.require("submit_job")
        fresh: dict[str, Any] = {
            "kind": kind,
            "values": dump_json(dict(values)),
            "status": "queued",
            "progress": 0.0,
            "message": "",
            "created": self.stamp(),
        }
        with contextlib.suppress(IntegrityError), self._writing() as connection:
            found = self.job_in(connection, key)
            if found is None:
                connection.execute(jobs.insert().values({"key": key, "owner": actor.id, **fresh}))
            elif found.status == "failed":
                connection.execute(jobs.update().where(jobs.c.key == key).values(fresh))
        row = self.job(key)
        assert row is not None
        return row

    def job_in(self, connection: Connection, key: str) -> JobRow | None:
        """The job of this key within an open transaction."""
        found = connection.execute(sa.select(jobs).where(jobs.c.key == key)).mappings().first()
        return None if found is None else self._job(found)

    def job(self, key: str) -> JobRow | None:
        with self._reading() as connection:
            return self.job_in(connection, key)

    def jobs(self, *, status: Collection[str] | None = None, limit: int = 200) -> list[JobRow]:
        query = sa.select(jobs).order_by(jobs.c.created).limit(limit)
        if status is not None:
            query = query.where(jobs.c.status.in_(list(status)))
        with self._reading() as connection:
            return [self._job(row) for row in connection.execute(query).mappings()]

    def claim_job(self, worker: str, key: str | None = None) -> JobRow | None:
        access.require("work_job")
        query = sa.select(jobs.c.key).where(jobs.c.status == "queued")
        if key is not None:
            query = query.where(jobs.c.key == key)
        while True:
            with self._reading() as connection:
                first = query.order_by(jobs.c.created).limit(1)
                found = connection.execute(first).scalar_one_or_none()
            if found is None:
                return None
            take = (
                jobs.update()
                .where(jobs.c.key == found, jobs.c.status == "queued")
                .values(status="running", worker=worker, beat=DatabaseClock())
            )
            with self._writing() as connection:
                if connection.execute(take).rowcount == 1:
                    return self.job_in(connection, found)

    def expired_jobs(self) -> list[JobRow]:
        past = sa.and_(jobs.c.status == "running", jobs.c.beat <= DatabaseClock() - LEASE)
        with self._reading() as connection:
            rows = connection.execute(sa.select(jobs).where(past)).mappings()
            return [self._job(row) for row in rows]

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
        values = {"status": status, "progress": progress, "message": message.replace("\0", "")}
        change = jobs.update().where(jobs.c.key == key).values(**values, beat=DatabaseClock())
        if worker:
            change = change.where(jobs.c.worker == worker, jobs.c.status == "running")
        with self._writing() as connection:
            connection.execute(change)
