"""Take it home: a run as one HTML file that replays without a server, and parts of it as files."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

import streamlit as st

from genlab import runs
from genlab.core.escape import escape_html, escape_markdown
from genlab.exports import EXPORTS, formats_for
from genlab.replay.site import file_name
from genlab.report import name_of
from genlab.report.time_cursor import TimeCursor
from genlab.runs.store import ACTIVE, RunRow
from genlab.ui.jobs import finished_result, job_progress, show_failures, submit_job

WHAT = "The hand-out"


def export_links(row: RunRow) -> None:
    """Draw a download link for each part of a run.

    Args:
        row: a run with a snapshot.
    """
    view = runs.open_run(row.id)
    links = [
        f'<a href="genlab/runs/{quote(row.id, safe=":")}/export/{quote(name)}" download>'
        f"{escape_html(EXPORTS.row(name).title)}</a>"
        for name, why in formats_for(view).items()
        if not why
    ]
    st.markdown(f"**Parts of {escape_markdown(name_of(row))} as files**")
    st.html(f'<p class="export-links">{" ".join(links)}</p>')


def take_home(rows: Sequence[RunRow], moment: TimeCursor | None = None) -> None:
    """Draw the button that creates a hand-out, and then the download button.

    Args:
        rows: the runs.
        moment: the first position of the slider in the file; the end by default.
    """
    st.caption(
        "One HTML file that replays this page without a server or a network: the slider, every "
        "picture and curve, and the pad with its decoder. At most 5 MB."
    )
    steps = runs.open_run(rows[0].id).snapshots()
    if not steps:
        st.caption("The file needs at least one training step.")
        return
    for row in rows:
        if row.step or runs.open_run(row.id).snapshots():
            export_links(row)
    at = moment or TimeCursor()
    active = any(row.status in ACTIVE for row in rows)
    values = {
        "run": rows[0].id,
        "step": steps[-1],
        "seed": 0,
        "runs": [row.id for row in rows],
        "clock": at.clock,
        "at": at.at,
        # An earlier hand-out of a run that has trained further is not the present hand-out.
        "state": [[row.status, row.step, row.attempt, row.title] for row in rows],
    }
    slot = f"take_home.{','.join(row.id for row in rows)}"
    if st.button("Take it home", icon=":material/download_2:", key=f"{slot}.make"):
        # While an active run continues, the job keeps its first values.
        st.session_state[slot] = values
    asked = st.session_state.get(slot)
    if asked is None or (not active and asked["state"] != values["state"]):
        return
    job = submit_job("replay", asked)
    if job_progress([job], WHAT):
        return
    show_failures([job], WHAT)
    if job.status != "done":
        return
    found = finished_result(job)
    file = bytes(found["html"])
    st.download_button(
        f"Download the file ({len(file) / 1e6:.1f} MB)",
        file,
        file_name=file_name(str(found["title"]), rows[0].id),
        mime="text/html",
        icon=":material/download:",
        type="primary",
        key=f"{slot}.download",
        on_click="ignore",
    )
    for sentence in found["left_out"]:
        st.caption(escape_markdown(str(sentence)))
