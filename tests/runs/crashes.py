"""Runs whose process is killed at chosen moments; test_resume.py starts it as a process.

Torch is imported once; every attempt is a forked process that is ended by SIGKILL, as by a crash.
Prints one JSON object: for each case the checksum of the final tensors and the records.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from genlab.core.folders import LocalFolder
from genlab.core.run_spec import RunSpec
from genlab.runs import catalog, forks, settings
from genlab.runs.files import run_files
from genlab.runs.sink import StoreSink
from genlab.runs.sql import SqlStore
from genlab.runs.supervisor import rehearse
from genlab.runs.worker import perform
from genlab.train.observers import Observer


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class DieAt(Observer):
    """Kills the process after a step."""

    def __init__(self, step: int) -> None:
        self.step = step

    def __call__(self, step: int, state: Any, info: Any) -> bool:
        if step == self.step:
            die()
        return False


def before_the_first_snapshot() -> list[Observer]:
    StoreSink.save = lambda self, snapshot: die()  # type: ignore[method-assign]
    return []


def at_a_step(step: int) -> Callable[[], list[Observer]]:
    return lambda: [DieAt(step)]


def between_the_records_and_the_snapshot() -> list[Observer]:
    real = StoreSink.save

    def save(self: StoreSink, snapshot: Any) -> None:
        if snapshot.step >= 16:
            die()
        real(self, snapshot)

    StoreSink.save = save  # type: ignore[method-assign]
    return []


def late(name: str, suffix: str) -> bool:
    """Whether a file is of a snapshot that has older ones."""
    stem = Path(name).name.removesuffix(suffix)
    return "/snapshots/" in name and name.endswith(suffix) and int(stem) >= 3


def between_the_tensors_and_their_checksum() -> list[Observer]:
    real = LocalFolder.write

    def write(self: LocalFolder, name: str, content: bytes, **how: Any) -> None:
        if late(name, ".json"):
            die()
        real(self, name, content, **how)

    LocalFolder.write = write  # type: ignore[method-assign]
    return []


def in_the_middle_of_a_write() -> list[Observer]:
    real = LocalFolder.write

    def write(self: LocalFolder, name: str, content: bytes, **how: Any) -> None:
        if late(name, ".safetensors"):
            (self.root / name).with_name(".half.part").write_bytes(content[: len(content) // 2])
            die()
        real(self, name, content, **how)

    LocalFolder.write = write  # type: ignore[method-assign]
    return []


def after_a_snapshot_before_the_thinning() -> list[Observer]:
    def thin(*_: object) -> None:
        # The last step is always kept, so there is a second one however few looks the budget of
        # a busy machine allows.
        if _last:
            die()
        _last.append(1)

    _last: list[int] = []
    catalog.thin_files = thin
    return []


CASES: dict[str, list[Callable[[], list[Observer]]]] = {
    "before the first snapshot": [before_the_first_snapshot],
    "at step 1": [at_a_step(1)],
    "in the middle": [at_a_step(53)],
    "before the end": [at_a_step(79)],
    "between the records and the snapshot": [between_the_records_and_the_snapshot],
    "between the tensors and their checksum": [between_the_tensors_and_their_checksum],
    "in the middle of a write": [in_the_middle_of_a_write],
    "after a snapshot": [after_a_snapshot_before_the_thinning],
    "twice": [at_a_step(30), at_a_step(61)],
    "as a fork, before its first snapshot": [before_the_first_snapshot],
    "as a fork, twice": [at_a_step(30), at_a_step(61)],
}


def begin(store: SqlStore, place: Path, name: str, spec: RunSpec, whole: str) -> str:
    """Queue the run of a case, afresh or as a fork of the undisturbed one."""
    if not name.startswith("as a fork"):
        return store.create(spec.flat())
    view = catalog.open_stored(store, LocalFolder(place), whole)
    return forks.branch(view, 16, {}, store=store, folder=LocalFolder(place))


def attempt(url: str, place: Path, run: str, prepare: Callable[[], list[Observer]] | None) -> int:
    """One attempt in a forked process; its wait status."""
    pid = os.fork()
    if pid == 0:
        try:
            store = SqlStore(url)
            row = store.claim(settings.worker_id(), run, resume=True)
            assert row is not None
            perform(store, LocalFolder(place), row, observers=prepare() if prepare else [])
            os._exit(0)
        finally:
            os._exit(3)
    return os.waitpid(pid, 0)[1]


def main(place: Path, values: dict[str, Any], cases: list[str]) -> None:
    url = f"sqlite:///{place}/genlab.db"
    SqlStore(url).close()
    # What the supervisor does before it forks: the children find everything imported.
    torch.set_num_threads(1)
    rehearse()
    catalog.dataset(RunSpec.build(**values))
    out: dict[str, Any] = {}
    whole = ""
    for name in ["undisturbed", *cases]:
        store = SqlStore(url)
        run = begin(store, place, name, RunSpec.build(**values), whole)
        whole = whole or run
        store.close()
        for prepare in CASES.get(name, []):
            status = attempt(url, place, run, prepare)
            assert os.WIFSIGNALED(status), (name, status)
            assert os.WTERMSIG(status) == signal.SIGKILL, (name, status)
            store = SqlStore(url)
            store.set_status(run, "lost", only_from={"running"})
            store.close()
        assert attempt(url, place, run, None) == 0, name
        store = SqlStore(url)
        row = store.get(run)
        files = run_files(LocalFolder(place), run)
        head = files.read_json(f"snapshots/{row.step:09d}.json")
        records = store.read(run, limit=10_000, kinds={"scalars"})
        terms = [[r.step, r.payload] for r in records]
        events = [r.payload["message"] for r in store.read(run, limit=10_000, kinds={"event"})]
        store.close()
        out[name] = {
            "status": row.status,
            "message": row.message,
            "attempt": row.attempt,
            "first": row.parent_step,
            "sha256": head["sha256"],
            "terms": terms,
            "events": events,
        }
    sys.stdout.write(json.dumps(out) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), json.loads(sys.argv[2]), json.loads(sys.argv[3]))
