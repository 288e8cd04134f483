"""The job that makes a hand-out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from genlab.core.tables import JOBS
from genlab.data.base import Dataset, Progress
from genlab.replay.handout import handout
from genlab.report.time_cursor import TimeCursor


@JOBS.register("replay", title="A hand-out that replays")
def replay_job(
    model: Any,  # noqa: ARG001 - of the first run, which the hand-out opens with the others
    data: Dataset,  # noqa: ARG001
    values: Mapping[str, Any],
    progress: Progress,
) -> dict[str, Any]:
    """A run or a comparison as an HTML file that replays.

    Args:
        model: not used.
        data: not used.
        values: ``runs``, one to four ids; ``clock`` and ``at``, where the slider stands at first.
        progress: called with a fraction and a sentence.

    Returns:
        ``html``, the bytes of the file; ``title``; ``left_out``, sentences.
    """
    at = values.get("at")
    moment = TimeCursor(str(values["clock"]), None if at is None else float(at))
    found = handout([str(run) for run in values["runs"]], moment=moment, progress=progress)
    return {
        "html": np.frombuffer(found.html, dtype=np.uint8),
        "title": found.title,
        "left_out": list(found.left_out),
    }
