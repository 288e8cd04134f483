"""Work off the request path that Compare waits for: asked for once, its progress, its failure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import streamlit as st

from genlab import runs
from genlab.runs.store import JobRow
from genlab.ui.messages import escape_markdown, fragment


def submit_job(kind: str, values: Mapping[str, Any]) -> JobRow:
    """The job of these values; one that failed is not tried again by each rerun."""
    slot = f"wanted.{kind}.{sorted(values.items())}"
    known = runs.job(st.session_state[slot]) if slot in st.session_state else None
    if known is None or known.status == "done":
        known = runs.submit_job(kind, values)
        st.session_state[slot] = known.key
    return known


def waiting(keys: Iterable[str], what: str) -> bool:
    """Show the progress of jobs until all have ended; whether one has not."""
    jobs = [job for key in keys if (job := runs.job(key)) is not None]
    open_ = [job.key for job in jobs if job.status in ("queued", "running")]
    if open_:
        fragment(run_every=0.6)(_waiting)(open_, what)
    return bool(open_)


def failed(jobs: Iterable[JobRow], what: str) -> None:
    """Say which jobs failed."""
    for job in jobs:
        if job.status == "failed":
            st.error(
                f"{what} of {job.values['run']} could not be made: {escape_markdown(job.message)}"
            )


def _waiting(keys: list[str], what: str) -> None:
    jobs = [job for key in keys if (job := runs.job(key)) is not None]
    if any(job.status not in ("queued", "running") for job in jobs) or len(jobs) < len(keys):
        st.rerun()
    part = sum(job.progress for job in jobs) / max(1, len(jobs))
    words = next((job.message for job in jobs if job.message), "waits for a worker")
    st.progress(min(1.0, part), text=f"{what}, {len(jobs)} to do: {escape_markdown(words)}")
