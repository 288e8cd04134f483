"""The job that makes a report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from genlab.core.tables import JOBS
from genlab.data.base import Dataset, Progress
from genlab.report.collect import collect
from genlab.report.page import html
from genlab.report.time_cursor import TimeCursor


@JOBS.register("report", title="The report of a comparison")
def report_job(
    model: Any,  # noqa: ARG001 - of the first run, which the report opens with the others
    data: Dataset,  # noqa: ARG001
    values: Mapping[str, Any],
    progress: Progress,
) -> dict[str, Any]:
    """The report of a comparison as an HTML file.

    Args:
        model: not used.
        data: not used.
        values: ``runs``, two to four ids; ``clock`` and ``at``, the
            time; ``c2st``, called ``referee`` in jobs of version 0.1.0.
        progress: called with a fraction and a sentence.

    Returns:
        ``html``, the bytes of the file.
    """
    at = values.get("at")
    moment = TimeCursor(str(values["clock"]), None if at is None else float(at))
    found = collect(
        [str(run) for run in values["runs"]],
        moment,
        c2st=bool(values.get("c2st", values.get("referee"))),
        progress=progress,
    )
    return {"html": np.frombuffer(html(found).encode(), dtype=np.uint8)}
