"""What the process of a task does: it claims a run, a job or a chore, and works on it."""

from __future__ import annotations

import os

from genlab.core.errors import StoreOutage
from genlab.core.folders import Folder, folder, forget_connections
from genlab.core.tables import CHORES
from genlab.runs import bounds, settings, worker
from genlab.runs.executors import Task
from genlab.runs.log import say
from genlab.runs.post import through_outage
from genlab.runs.sql import SqlStore

#: Seconds for which a process tries to reach the store before it leaves its task to another.
STARTING = 30.0


def do(url: str, files: str, task: Task) -> None:
    """Do a task in this process: claim it, and work on it to its end.

    A task that cannot be claimed because the store is out stays queued.

    Args:
        url: of the store.
        files: folder or URL of the files.
        task: a run, a job or a chore.
    """
    bounds.limit_memory()
    forget_connections()
    try:
        store = through_outage(lambda: SqlStore(url), STARTING)
    except StoreOutage as error:
        say(f"{task.key} stays in the queue: {error}")
        return
    try:
        _do(store, url, folder(files), files, task)
    finally:
        store.close()


def _do(store: SqlStore, url: str, place: Folder, files: str, task: Task) -> None:
    me, key = settings.worker_id(), task.key
    if task.kind == "chore":
        item = store.item("chore", key)
        os.environ |= {"GENLAB_STORE": url, "GENLAB_FILES": files}
        if item is not None:
            CHORES[str(item.values["chore"])](key)
        return
    try:
        if task.kind == "run":
            row = through_outage(lambda: store.claim(me, key), STARTING)
        else:
            job = through_outage(lambda: store.claim_job(me, key), STARTING)
    except StoreOutage as error:
        say(f"{key} stays in the queue: {error}")
        return
    if task.kind == "run" and row is not None:
        worker.perform(store, place, row)
    elif task.kind == "job" and job is not None:
        worker.perform_job(store, place, job)
