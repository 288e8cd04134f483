"""Runs: started in the background, watched, stopped, resumed, kept.

What the pages, the command line and scripts use::

    run = genlab.runs.start(RunSpec.build(model="vae", data="digits"))
    view = genlab.runs.open_run(run)
    view.row.status, view.snapshots(), view.read(after=0)
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genlab.core import folders
from genlab.core.errors import RunStateError
from genlab.core.folders import Folder, folder
from genlab.runs import access, bounds, catalog, job_progress, ownership, settings, turns
from genlab.runs.catalog import RunView, list_shipped
from genlab.runs.files import has_result, load_result, run_files
from genlab.runs.journal import write_head
from genlab.runs.search import RunPage, RunQuery
from genlab.runs.store import (
    ACTIVE,
    RESUMABLE,
    Command,
    JobRow,
    Record,
    RunRow,
    RunStore,
)
from genlab.runs.thread_choice import choose_threads

if TYPE_CHECKING:
    from genlab.core.run_spec import RunSpec

_lock = threading.RLock()
_stores: dict[str, RunStore] = {}
_configured: dict[str, str] = {}


def configure(store_url: str | None = None, files: str | Path | None = None) -> None:
    """Set the store and the files for this process, over the environment.

    Called without arguments it goes back to the environment.
    """
    with _lock:
        for known in _stores.values():
            known.close()
        _stores.clear()
        _configured.clear()
        if store_url is not None:
            _configured["store"] = store_url
        folders.choose(files)


def is_configured() -> bool:
    """Whether :func:`configure` named the store of this process."""
    return "store" in _configured


def store_url() -> str:
    """The URL of the store in use."""
    return _configured.get("store") or settings.store_url()


def files_url() -> str:
    """The folder or URL of the files in use."""
    return folders.files_url()


def store() -> RunStore:
    """The run store of this process; safe between threads.

    Raises:
        StoreError: if it is locked, damaged, or newer than this program.
    """
    url = store_url()
    with _lock:
        if url not in _stores:
            if url == "memory:":
                from genlab.runs.memory import MemoryStore

                _stores[url] = MemoryStore()
            else:
                from genlab.runs.sql import SqlStore

                _stores[url] = SqlStore(url)
        return _stores[url]


def store_to_read() -> RunStore:
    """The run store for commands that only read; no store is created if there is none yet.

    Raises:
        StoreError: if it is locked, damaged, or newer than this program.
    """
    file = settings.local_file(store_url())
    if file is None or file.exists():
        return store()
    from genlab.runs.memory import MemoryStore

    return MemoryStore()


def files() -> Folder:
    """The folder of the runs' files."""
    return folder(files_url())


def start(spec: RunSpec, title: str = "") -> str:
    """Queue a run, start a supervisor if none is alive, and return the run's id.

    Raises:
        SpecError: if this machine has too little memory or disk for it; nothing was started.
    """
    bounds.check_start(spec, files())
    (spec,) = choose_threads([spec], store())
    run = store().create(spec.flat(), title=title or f"{spec.model} on {spec.data}")
    ensure_supervisor()
    return run


def start_together(specs: Mapping[str, RunSpec]) -> list[str]:
    """Queue runs that train by turns where workers are few; their ids.

    Args:
        specs: by the runs' titles, one or more.

    Raises:
        SpecError: if this machine has too little memory or disk for one of them; nothing was
            started.
    """
    for spec in specs.values():
        bounds.check_start(spec, files())
    chosen = choose_threads(specs.values(), store())
    made = [
        store().create(spec.flat(), title=title) for title, spec in zip(specs, chosen, strict=True)
    ]
    if len(made) > 1:
        turns.note_group(files(), made)
    ensure_supervisor()
    return made


def fork(
    run: str,
    step: int | None = None,
    changes: Mapping[str, Any] | None = None,
    title: str = "",
    *,
    paths: bool = False,
) -> str:
    """Queue a run that begins at a snapshot of another one, with changed options; return its id.

    The fork has a copy of its first snapshot, so its parent may be deleted. On a CPU a fork
    without changes takes the very steps that its parent took.

    Args:
        run: a run id, or ``shipped:<name>``.
        step: the nearest kept snapshot at or before it is taken; None: the newest.
        changes: options of the objective, the algorithm and the training by name, and
            ``objective`` itself (``{"lr": 1e-4}``); :func:`genlab.runs.forks.changeable` lists
            them.
        title: what lists show; what was changed, where it is empty.
        paths: whether the run may be the path of an exported folder.

    Raises:
        RunNotFound: if there is no such run.
        SpecError: for a change of the data or the model, which a snapshot fixes, for an option
            that is unknown or out of range, or if no step is left to take.
        SnapshotError: if there is no such snapshot, or it is damaged. Nothing was started then.
    """
    from genlab.runs import forks

    view = open_run(run, paths=paths)
    forked = forks.branch(view, step, changes or {}, store=store(), folder=files(), title=title)
    ensure_supervisor()
    return forked


def ensure_supervisor() -> None:
    """Start a supervisor for this host and store, detached, if none is alive."""
    from genlab.runs.supervisor import ensure

    ensure(store_url(), files_url())


def request(run: str, name: str, **values: Any) -> None:
    """Send a command to an active run: ``pause``, ``stop``, ``step`` (``n=1``), ``pace``, ``set``.

    :class:`genlab.train.controls.CommandLike` describes their arguments.

    Raises:
        NotAllowed: if the run belongs to somebody else.
        RunStateError: if the run is not active.
    """
    store_to_read().request(run, Command(name, values))


def resume(run: str) -> None:
    """Resume a paused run, or queue a stopped, lost or failed one from its last snapshot.

    Raises:
        NotAllowed: if the run belongs to somebody else.
        RunStateError: if it is not one of these.
    """
    row = store_to_read().get(run)
    if row.status == "paused":
        request(run, "resume")
        return
    if not store().set_status(run, "queued", only_from=RESUMABLE):
        raise RunStateError(
            f"Run {run} is {row.status}: resuming is for runs that are paused, "
            f"{', '.join(sorted(RESUMABLE))}. Nothing was changed."
        )
    ensure_supervisor()


def delete(run: str) -> None:
    """Delete a run and its files.

    Raises:
        NotAllowed: if the run belongs to somebody else.
        RunStateError: while it is queued, running or paused.
    """
    store_to_read().delete(run)
    run_files(files(), run).forget()


def edit(run: str, *, title: str | None = None, tags: Sequence[str] | None = None) -> RunRow:
    """Rename a run, or give it other tags; None leaves it unchanged.

    Raises:
        NotAllowed: if the run belongs to somebody else.
        RunNotFound: if there is none.
        SpecError: for a title or a tag that is too long or holds a comma or a bar.
    """
    known = store_to_read()
    kept = known.get(run).tags if tags is None else tags
    known.edit(run, title=title, tags=kept)
    row = known.get(run)
    if row.status not in ACTIVE:
        # Its worker would have done it.
        with contextlib.suppress(OSError):
            write_head(run_files(files(), run), row)
    return row


def find(query: RunQuery) -> RunPage:
    """A page of the runs that a query asks for, with their last numbers."""
    return store_to_read().find(query)


def open_run(ref: str, *, paths: bool = False) -> RunView:
    """A run id, ``shipped:<name>`` or, if ``paths``, the path of an exported folder.

    Raises:
        RunNotFound: if there is none.
    """
    return catalog.find(ref, store_to_read(), files(), paths=paths)


def export(run: str, target: str | Path, *, snapshots: int | None = None) -> Path:
    """Write a run as an exported folder (see :func:`genlab.runs.catalog.export`)."""
    return catalog.export(open_run(run, paths=True), target, snapshots=snapshots)


def submit_job(kind: str, values: Mapping[str, Any]) -> JobRow:
    """Submit a background job; the same kind and values give the same job.

    Raises:
        SpecError: if the kind of job is unknown.
    """
    from genlab.core.tables import JOBS

    _ = JOBS[kind]
    row = store().submit(kind, values)
    if row.status == "done" and not has_result(files(), row.key):
        store().update_job(row.key, status="queued")
        row = store().submit(kind, values)
    if row.status in {"queued", "running"}:
        ensure_supervisor()
    return row


def job(key: str) -> JobRow | None:
    """The status of a job."""
    return store().job(key)


def job_so_far(key: str) -> dict[str, Any] | None:
    """The partial result of a running job, None before there is one."""
    return job_progress.partial(files(), key)


def _owner_of_job(key: str) -> str:
    row = store().job(key)
    return "" if row is None else row.owner


def stop_job(key: str) -> None:
    """Ask a job to stop and to return its results so far; it is done then, and its result says so.

    Raises:
        NotAllowed: if somebody else asked for the job.
    """
    access.require("stop_job", _owner_of_job(key))
    job_progress.stop(files(), key)


def forget_result(key: str) -> None:
    """Delete the result of a job: asked for again, it is made again.

    Raises:
        NotAllowed: if somebody else asked for the job.
    """
    access.require("forget_result", _owner_of_job(key))
    for ext in ("json", "npz"):
        files().remove(f"jobs/{key}.{ext}")


def job_result(key: str) -> dict[str, Any]:
    """The result of a finished job: arrays and plain values by name.

    Raises:
        SnapshotError: if there is no result, or it is damaged.
    """
    return load_result(files(), key)


def offer(kind: str, name: str = "") -> str:
    """A token with which another browser takes over a run, a set or a room.

    See :mod:`genlab.runs.ownership`.

    Raises:
        NotAllowed: if it belongs to somebody else.
    """
    return ownership.offer(store(), kind, name)


__all__ = [
    "ACTIVE",
    "RESUMABLE",
    "Command",
    "Record",
    "RunPage",
    "RunQuery",
    "RunRow",
    "RunStore",
    "RunView",
    "configure",
    "delete",
    "edit",
    "ensure_supervisor",
    "export",
    "files",
    "find",
    "forget_result",
    "fork",
    "job",
    "job_result",
    "job_so_far",
    "list_shipped",
    "offer",
    "open_run",
    "request",
    "resume",
    "start",
    "start_together",
    "stop_job",
    "store",
    "submit_job",
]
