"""The number of threads of a run, where its spec leaves it open: the idle cores of the host."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace

from genlab.core.run_spec import RunSpec
from genlab.core.tables import DATASETS
from genlab.runs import settings
from genlab.runs.store import RunStore


def cores() -> int:
    """The cores on which this process may run."""
    return (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )


def sharing_runs(store: RunStore) -> int:
    """How many runs are trained on this host, or wait and may come to it."""
    host = settings.host()
    rows = store.runs(status={"running", "queued"})
    return sum(row.status == "queued" or row.worker.rpartition(":")[0] == host for row in rows)


def choose_threads(specs: Iterable[RunSpec], store: RunStore) -> list[RunSpec]:
    """Set the number of threads where it is 0, the same one for all specs.

    A sum over several threads has other last bits than over one, so the number is part of the run:
    a resumed run and a fork take that of the record. Nets on points and tables are too small to
    gain by a second thread.

    Args:
        specs: of runs that are started together.
        store: tells how many runs the cores of this host are shared with.

    Returns:
        The specs in their order, each with a number of at least 1.
    """
    given = list(specs)
    if all(spec.train.threads for spec in given):
        return given
    images = all(DATASETS[s.data].meta(s.data_options).is_image for s in given)
    number = cores() // (sharing_runs(store) + len(given)) if images else 1
    return [
        spec
        if spec.train.threads
        else replace(spec, train=replace(spec.train, threads=max(1, number)))
        for spec in given
    ]
