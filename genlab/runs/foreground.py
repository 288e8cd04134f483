"""Runs in the foreground: in this process, with or without a progress bar."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from genlab import runs
from genlab.core import device, random
from genlab.core.errors import RunStateError
from genlab.core.run_spec import RunSpec
from genlab.runs import catalog, forks, settings
from genlab.runs.bounds import check_start
from genlab.runs.catalog import RunView
from genlab.runs.worker import perform
from genlab.train.observers import Observer


def train(
    options: Mapping[str, Any], *, title: str = "", observers: Sequence[Observer] = ()
) -> RunView:
    """Train a new run in this process.

    Raises:
        SpecError: for an unknown name, a value that is not allowed, a device that is not
            available here, or more memory or disk than there is; nothing was started.
    """
    spec = RunSpec.build(**options)
    device.require(spec.train.device)
    check_start(spec, runs.files())
    store = runs.store()
    title = title or f"{spec.model} on {spec.data}"
    run = store.create(spec.flat(), title=title, worker=settings.worker_id())
    return _perform(run, observers)


def resume(run: str, *, observers: Sequence[Observer] = ()) -> RunView:
    """Continue a run in this process, from its last snapshot.

    Raises:
        RunStateError: if it is active elsewhere, or has ended for good.
    """
    row = runs.store().claim(settings.worker_id(), run, resume=True)
    if row is None:
        status = runs.store().get(run).status
        raise RunStateError(
            f"Run {run} is {status}: going on is for runs that are queued, stopped, lost or "
            "failed. Nothing was changed."
        )
    return _perform(run, observers)


def fork(
    run: str,
    step: int | None = None,
    changes: Mapping[str, Any] | None = None,
    *,
    title: str = "",
    observers: Sequence[Observer] = (),
) -> RunView:
    """Fork a run (see :func:`genlab.runs.fork`) and train the fork in this process."""
    view = runs.open_run(run, paths=True)
    forked = forks.branch(
        view,
        step,
        changes or {},
        store=runs.store(),
        folder=runs.files(),
        title=title,
        worker=settings.worker_id(),
    )
    return _perform(forked, observers)


def _perform(run: str, observers: Sequence[Observer]) -> RunView:
    # The caller's own random stream and threads are as before afterwards.
    stream, threads = random.capture(), torch.get_num_threads()
    store, folder = runs.store(), runs.files()
    try:
        perform(store, folder, store.get(run), observers=observers)
    finally:
        random.restore(stream)
        torch.set_num_threads(threads)
    return catalog.open_stored(store, folder, run)
