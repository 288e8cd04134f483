"""Jobs of a page: submit them, show their progress, read their results.

A page asks at every rerun, so each function may be called again with the same arguments: equal
values are one job, and a job that failed stays failed until a person presses "Try again".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import streamlit as st

from genlab import runs
from genlab.core.escape import escape_markdown
from genlab.runs.access import may
from genlab.runs.store import JobRow, job_key
from genlab.ui.messages import fragment

#: Keys of the jobs that this session has submitted.
SUBMITTED = "jobs.submitted"
UNFINISHED = ("queued", "running")
#: Seconds between two polls of a job.
EVERY = 0.5
SoFar = Callable[[Mapping[str, Any], str], None]


def submit_job(kind: str, values: Mapping[str, Any]) -> JobRow:
    """Submit the job with these values at the first call; return its row at every call.

    Args:
        kind: a name in the table of jobs.
        values: the values of the job; equal values are one job.

    Raises:
        SpecError: if there is no such kind of job.
    """
    key = job_key(kind, values)
    submitted: set[str] = st.session_state.setdefault(SUBMITTED, set())
    job = runs.job(key) if key in submitted else None
    if job is None or job.status == "done":
        job = runs.submit_job(kind, dict(values))
        submitted.add(job.key)
    return job


def retry_job(key: str) -> None:
    """Forget that a job was submitted, so that the next :func:`submit_job` starts it again."""
    st.session_state.get(SUBMITTED, set()).discard(key)


def job_progress(jobs: Iterable[JobRow], what: str, *, show_partial: SoFar | None = None) -> bool:
    """Show the progress of unfinished jobs; the page reruns when one of them ends.

    Args:
        jobs: rows of jobs; finished ones are skipped.
        what: the subject of the progress text (``The map``).
        show_partial: draws the partial result and the progress message of a single job; the user
            can then stop the job and keep this result.

    Returns:
        Whether at least one job is unfinished.
    """
    keys = [job.key for job in jobs if job.status in UNFINISHED]
    if keys:
        fragment(run_every=EVERY)(_show_progress)(keys, what, show_partial)
    return bool(keys)


def show_failures(jobs: Iterable[JobRow], what: str) -> None:
    """Show why jobs failed, each with a button that starts it again.

    Args:
        jobs: rows of jobs; those that did not fail are skipped.
        what: what they compute (``The map``).
    """
    jobs = list(jobs)
    for job in jobs:
        if job.status != "failed":
            continue
        of_run = f" of {job.values['run']}" if len(jobs) > 1 else ""
        st.error(
            f"{what}{of_run} could not be computed: {escape_markdown(job.message)}",
            icon=":material/error:",
        )
        if st.button("Try again", key=f"retry.{job.key}", icon=":material/replay:"):
            retry_job(job.key)
            st.rerun()


def finished_result(job: JobRow) -> Mapping[str, Any]:
    """Read the result of a finished job; cached, because a page asks for it at every rerun.

    Raises:
        SnapshotError: if the result is missing or damaged.
    """
    # A job that was computed again has the same key.
    return _read_result(job.key, job.created, job.beat)


def wait_for_result(
    kind: str, values: Mapping[str, Any], *, what: str, show_partial: SoFar | None = None
) -> Mapping[str, Any] | None:
    """The result of a job; None while there is no result, with the progress or failure shown.

    Args:
        kind, values: as for :func:`submit_job`.
        what: what is computed (``The map``).
        show_partial: as for :func:`job_progress`.
    """
    job = submit_job(kind, values)
    show_failures([job], what)
    if job_progress([job], what, show_partial=show_partial) or job.status == "failed":
        return None
    return finished_result(job)


@st.cache_resource(max_entries=8, show_spinner=False)
def _read_result(key: str, *when: float) -> Mapping[str, Any]:  # noqa: ARG001 - part of the key
    return runs.job_result(key)


def _show_progress(keys: list[str], what: str, show_partial: SoFar | None) -> None:
    jobs = [job for key in keys if (job := runs.job(key)) is not None]
    if len(jobs) < len(keys) or any(job.status not in UNFINISHED for job in jobs):
        st.rerun()
    fraction = sum(job.progress for job in jobs) / len(jobs)
    message = next((job.message for job in jobs if job.message), "waiting for a worker")
    count = f" ({len(jobs)} jobs)" if len(jobs) > 1 else ""
    st.progress(min(1.0, fraction), text=f"{what}{count}: {escape_markdown(message)}")
    if show_partial is None:
        return
    partial = runs.job_so_far(keys[0])
    if partial is not None:
        show_partial(partial, message)
        mine = may("stop_job", jobs[0].owner)
        if mine and st.button("Stop here", key=f"stop.{keys[0]}", icon=":material/stop:"):
            runs.stop_job(keys[0])
