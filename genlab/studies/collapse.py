"""Which runs of a study collapsed, by the symptoms of the failure sentinel."""

from __future__ import annotations

import functools

from genlab import runs
from genlab.core.errors import GenlabError
from genlab.runs.findings import RunSentinel
from genlab.studies.state import StudyState
from genlab.studies.study import Study

#: The symptoms after which a run counts as collapsed.
COLLAPSES = frozenset({"mode_collapse", "posterior_collapse", "codebook_collapse"})

#: A run of fewer steps has hardly been trained: that its codes say nothing is no collapse.
FEWEST_STEPS = 100


@functools.lru_cache(maxsize=512)
def _sentinel(run: str, _store: str) -> RunSentinel:
    """One for each run: each look reads only the new records."""
    return RunSentinel(run)


def collapsed_runs(study: Study, stand: StudyState) -> dict[str, str]:
    """The runs that are done and show a collapse at their end: the symptom's title by run.

    Args:
        study: the study.
        stand: how it stands.
    """
    found = {}
    for cell in study.cells:
        row = stand.rows.get(cell.run)
        if row is None or row.status != "done" or row.steps < FEWEST_STEPS:
            continue
        try:
            findings = _sentinel(cell.run, runs.store_url()).look(runs.open_run(cell.run))
        except GenlabError:
            continue
        title = next((one.title for one in findings if one.name in COLLAPSES), "")
        if title:
            found[cell.run] = title
    return found
