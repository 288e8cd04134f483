"""The table of executors: this computer, and a Ray cluster."""

from __future__ import annotations

import os
from collections.abc import Callable

from genlab.core.errors import StoreError
from genlab.runs.executors import Executor, LocalExecutor
from genlab.runs.ray_executor import RayExecutor

#: Each is called with what does a task, with ``before`` and ``after`` of :class:`LocalExecutor`,
#: and with ``place``, the URLs of the store and of the files.
EXECUTORS: dict[str, Callable[..., Executor]] = {"local": LocalExecutor, "ray": RayExecutor}


def get_executor() -> Callable[..., Executor]:
    """The executor that ``GENLAB_EXECUTOR`` names.

    Raises:
        StoreError: if there is none of this name.
    """
    name = os.environ.get("GENLAB_EXECUTOR", "").strip() or "local"
    if name not in EXECUTORS:
        raise StoreError(
            f"GENLAB_EXECUTOR = {name!r} is not possible: allowed: {', '.join(EXECUTORS)}. "
            "Nothing was started."
        )
    return EXECUTORS[name]
