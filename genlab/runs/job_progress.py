"""Progress of a job: partial results, the request to stop, and access to other results."""

from __future__ import annotations

import contextlib
import io
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genlab.core.folders import Folder
from genlab.runs.files import load_result

#: Seconds between two checks of a running job.
EVERY = 0.4


def _name(key: str, ext: str) -> str:
    return f"jobs/{key}.part.{ext}"


class JobProgress:
    """The progress callback of a job, called with a fraction and a sentence.

    Args:
        folder: where the files lie.
        key: of the job.
        model_at: gives the run's model after a step, in evaluation mode.
    """

    def __init__(self, folder: Folder, key: str, model_at: Callable[[int], Any]) -> None:
        self.fraction, self.message = 0.0, ""
        self.model_at = model_at
        self._folder, self._key, self._last = folder, key, 0.0

    def __call__(self, fraction: float, message: str = "") -> None:
        self.fraction, self.message = min(1.0, max(0.0, float(fraction))), str(message)

    def result(self, key: str) -> dict[str, Any]:
        """The result of another job.

        Raises:
            SnapshotError: if there is no result, or it is damaged.
        """
        return load_result(self._folder, key)

    def live(self, arrays: Mapping[str, NDArray[Any]]) -> bool:
        """Publish a partial result; return whether the job should continue."""
        now = time.monotonic()
        if now - self._last < EVERY:
            return True
        self._last = now
        out = io.BytesIO()
        np.savez(out, **arrays)  # type: ignore[arg-type]
        self._folder.write(_name(self._key, "npz"), out.getvalue())
        return f"{self._key}.part.stop" not in self._folder.names("jobs")


def partial(folder: Folder, key: str) -> dict[str, NDArray[Any]] | None:
    """The partial result of a job, None before there is one."""
    try:
        content = folder.read(_name(key, "npz"))
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except (OSError, ValueError, KeyError):
        return None


def stop(folder: Folder, key: str) -> None:
    """Ask a job to stop; a job that publishes no partial results does not notice."""
    folder.write(_name(key, "stop"), b"")


def clear(folder: Folder, key: str) -> None:
    """Delete a job's partial result and its request to stop."""
    for ext in ("npz", "stop"):
        with contextlib.suppress(OSError):
            folder.remove(_name(key, ext))
