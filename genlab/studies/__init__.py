"""Studies: several ways of training, each with several seeds, and what the difference is."""

from __future__ import annotations

from genlab.studies.queue import (
    create,
    delete,
    extend,
    from_runs,
    list_studies,
    open_study,
    pause,
    resume,
    submit_missing,
)
from genlab.studies.state import StudyState, state
from genlab.studies.study import Arm, Cell, Study, arms_of
from genlab.studies.summary import Summary, collect_metrics, summarise
from genlab.studies.sweeps import advance, start_search

__all__ = [
    "Arm",
    "Cell",
    "Study",
    "StudyState",
    "Summary",
    "advance",
    "arms_of",
    "collect_metrics",
    "create",
    "delete",
    "extend",
    "from_runs",
    "list_studies",
    "open_study",
    "pause",
    "resume",
    "start_search",
    "state",
    "submit_missing",
    "summarise",
]
