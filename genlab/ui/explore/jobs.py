"""Work off the request path, as a page waits for it: at once if it is there, else its progress."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st

from genlab import runs
from genlab.ui.messages import escape_markdown, fragment

#: Where the key of the learned encoder in use stands in the state of the page.
IN_USE = "explore.encoder.in_use"


@st.cache_resource(max_entries=4, show_spinner=False)
def _read(key: str, *when: float) -> Mapping[str, Any]:  # noqa: ARG001 - part of the key
    return runs.job_result(key)


def finished_result(job: Any) -> Mapping[str, Any]:
    """What a finished job found; the page asks at every script run, and a map holds megabytes."""
    # One that was made again has the key that it had.
    return _read(job.key, job.created, job.beat)


def result_of(
    kind: str,
    values: Mapping[str, Any],
    *,
    what: str,
    so_far: Callable[[Mapping[str, Any]], None] | None = None,
) -> Mapping[str, Any] | None:
    """The result of a job, None while it is being made or after it failed, with that shown.

    Args:
        kind: of the job.
        values: its values; equal values are one job.
        what: is being made, as the progress says it (``The map``).
        so_far: draws what the job has shown on its way; such a job can be stopped there.
    """
    encoder = st.session_state.get(IN_USE)
    if encoder and kind != "encoder":
        values = {**values, "encoder": encoder}
    # A failed wish made again is tried again: only the button may do that.
    slot = f"explore.job.{kind}." + "-".join(map(str, values.values()))
    known = st.session_state.get(slot)
    job = runs.job(known) if known else None
    if job is None or job.status == "done":
        job = runs.submit_job(kind, dict(values))
        st.session_state[slot] = job.key
    if job.status == "failed":
        st.error(
            f"{what} could not be made: {escape_markdown(job.message)}", icon=":material/error:"
        )
        if st.button("Try again", key=f"again.{slot}", icon=":material/replay:"):
            del st.session_state[slot]
            st.rerun()
        return None
    if job.status != "done":
        fragment(run_every=0.4)(_waiting)(job.key, what, so_far)
        return None
    return finished_result(job)


def _waiting(
    key: str, what: str, so_far: Callable[[Mapping[str, Any]], None] | None = None
) -> None:
    job = runs.job(key)
    if job is None or job.status in ("done", "failed"):
        st.rerun()
    done = job.progress if job else 0.0
    text = (job.message if job else "") or "waits for a worker"
    st.progress(min(1.0, done), text=f"{what} is being made: {escape_markdown(text)}")
    shown = None if so_far is None else runs.job_so_far(key)
    if so_far is not None and shown is not None:
        so_far(shown)
        if st.button("Stop here", key=f"stop.{key}", icon=":material/stop:"):
            runs.stop_job(key)
