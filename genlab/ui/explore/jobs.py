"""Work off the request path, as a page waits for it: at once if it is there, else its progress."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from genlab import runs
from genlab.ui.messages import fragment, plain


def result_of(kind: str, values: Mapping[str, Any], *, what: str) -> Mapping[str, Any] | None:
    """The result of a job, None while it is being made or after it failed, with that shown.

    Args:
        kind: of the job.
        values: its values; equal values are one job.
        what: is being made, as the progress says it (``The map``).
    """
    # A failed wish made again is tried again: only the button may do that.
    slot = f"explore.job.{kind}." + "-".join(map(str, values.values()))
    known = st.session_state.get(slot)
    job = runs.job(known) if known else None
    if job is None or job.status == "done":
        job = runs.submit_job(kind, dict(values))
        st.session_state[slot] = job.key
    if job.status == "failed":
        st.error(f"{what} could not be made: {plain(job.message)}", icon=":material/error:")
        if st.button("Try again", key=f"again.{slot}", icon=":material/replay:"):
            del st.session_state[slot]
            st.rerun()
        return None
    if job.status != "done":
        fragment(run_every=0.4)(_waiting)(job.key, what)
        return None
    return runs.job_result(job.key)


def _waiting(key: str, what: str) -> None:
    job = runs.job(key)
    if job is None or job.status in ("done", "failed"):
        st.rerun()
    done = job.progress if job else 0.0
    text = (job.message if job else "") or "waits for a worker"
    st.progress(min(1.0, done), text=f"{what} is being made: {plain(text)}")
