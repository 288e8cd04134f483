"""Studies: several ways of training, each with several seeds, and the differences between them."""

from __future__ import annotations

from genlab.studies.collapse import collapsed_runs
from genlab.studies.duels import start_duel
from genlab.studies.early_stop import futility
from genlab.studies.existing import group_runs
from genlab.studies.queue import (
    create,
    create_arms,
    delete,
    extend,
    from_runs,
    list_studies,
    new_name,
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
    "collapsed_runs",
    "collect_metrics",
    "create",
    "create_arms",
    "delete",
    "extend",
    "from_runs",
    "futility",
    "group_runs",
    "list_studies",
    "new_name",
    "open_study",
    "pause",
    "resume",
    "start_duel",
    "start_search",
    "state",
    "submit_missing",
    "summarise",
]
