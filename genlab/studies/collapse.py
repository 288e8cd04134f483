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

#: A run of fewer steps has hardly been trained: its unused codes do not count as a collapse.
FEWEST_STEPS = 100


@functools.lru_cache(maxsize=512)
def _sentinel(run: str, _store: str) -> RunSentinel:
    """The sentinel of a run, cached, so that each call reads only the new records."""
    return RunSentinel(run)


def collapsed_runs(study: Study, progress: StudyState) -> dict[str, str]:
    """The finished runs that show a collapse at their end: the symptom's title by run.

    Args:
        study: the study.
        progress: the status of its runs.
    """
    found = {}
    for cell in study.cells:
        row = progress.rows.get(cell.run)
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
