"""The report of a comparison: computed by a job, then downloaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from genlab.report.time_cursor import TimeCursor
from genlab.runs.store import ACTIVE, RunRow
from genlab.ui.jobs import finished_result, job_progress, show_failures, submit_job


def report(rows: Sequence[RunRow], at: Mapping[str, int], moment: TimeCursor) -> None:
    """Draw the button that creates the report, and then the download button.

    Args:
        rows: the runs.
        at: the step of each run's snapshot.
        moment: the step or second of the report.
    """
    st.header("Report")
    st.caption(
        "One HTML file with everything above, at the slider's step or second: options, pictures, "
        "curves, metrics with intervals, program versions and the commands that reproduce it. A "
        "browser opens the file offline."
    )
    if len(at) < len(rows):
        st.caption("The report needs a snapshot of every run; one of them has none yet.")
        return
    first = rows[0].id
    judged = bool(st.session_state.get("metrics.c2st"))
    values = {
        "run": first,
        "step": at[first],
        "seed": 0,
        "runs": [row.id for row in rows],
        "clock": moment.clock,
        "at": moment.at,
        "c2st": judged,
        # An earlier report of a run that has trained further is not the present report.
        "state": [
            [row.status, at[row.id], 0 if row.status in ACTIVE else row.step] for row in rows
        ],
    }
    slot = f"report.{sorted(values.items(), key=str)}"
    if not st.session_state.get(slot):
        if not st.button("Make the report", icon=":material/summarize:"):
            return
        st.session_state[slot] = True
    job = submit_job("report", values)
    if job_progress([job], "The report"):
        return
    show_failures([job], "The report")
    if job.status != "done":
        return
    file = bytes(finished_result(job)["html"])
    st.download_button(
        f"Download the report ({len(file) / 1000:,.0f} kB)",
        file,
        file_name="genlab-report.html",
        mime="text/html",
        icon=":material/download:",
        type="primary",
        on_click="ignore",
    )
