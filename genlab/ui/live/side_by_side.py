"""The same z, real examples and paths for every run, one column per run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st
import torch

from genlab import runs
from genlab.compare.side_by_side import (
    NO_PART,
    SideBySide,
    build_side_by_side,
    needs_inversion,
    shared_real,
    titles_of,
)
from genlab.core.escape import escape_html, escape_markdown
from genlab.core.measure import Picture
from genlab.core.tables import MODELS
from genlab.panels.run_marks import REAL_MARK, run_mark
from genlab.report import run_labels
from genlab.report.tables import shared_settings, step_mismatch_note
from genlab.report.time_cursor import TimeCursor, snapshot
from genlab.runs.store import ACTIVE, RunRow
from genlab.ui import pictures
from genlab.ui.jobs import job_progress, show_failures, submit_job

SEED = 0


@st.cache_resource(max_entries=64, show_spinner="Drawing samples, reconstructions and paths …")
def cached_side_by_side(run: str, created: float, step: int, job: str | None) -> SideBySide:  # noqa: ARG001
    """The pictures of a run after a step; cached. A job computes the codes of real examples."""
    view = runs.open_run(run)
    codes = None if job is None else torch.from_numpy(runs.job_result(job)["z"])
    return build_side_by_side(view.model(step), view.data(), SEED, codes)


def snapshots(rows: Sequence[RunRow], moment: TimeCursor) -> dict[str, int]:
    """The step of each run's snapshot nearest to the slider; runs without a snapshot are left out.

    For an active run the newest snapshot of the first rerun is kept until the user renews it.
    Otherwise each rerun would submit new jobs, and their end would cause the next rerun.
    """
    found = {}
    for row in rows:
        slot = f"beside.newest.{row.id}"
        if moment.at is not None or row.status not in ACTIVE:
            st.session_state.pop(slot, None)
        if slot in st.session_state:
            found[row.id] = st.session_state[slot]
            continue
        near = snapshot(runs.open_run(row.id), moment)
        if near is None:
            continue
        found[row.id] = near[0]
        if moment.at is None and row.status in ACTIVE:
            st.session_state[slot] = near[0]
    return found


def _renew(rows: Sequence[RunRow]) -> None:
    for row in rows:
        st.session_state.pop(f"beside.newest.{row.id}", None)


def side_by_side(rows: Sequence[RunRow], at: Mapping[str, int]) -> None:
    """Draw all parts of the runs at their snapshots.

    Args:
        rows: the runs.
        at: the step of each run's snapshot; runs without a snapshot are left out.
    """
    st.header("On the same z and the same real examples")
    if any(row.status in ACTIVE for row in rows):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(
                "The runs continue to train. The pictures below are from the snapshots named in "
                "their columns.",
                width="content",
            )
            st.button(
                "Renew",
                icon=":material/refresh:",
                key="beside.renew",
                on_click=_renew,
                args=(rows,),
            )
    places = {row.id: i for i, row in enumerate(rows)}
    rows = [row for row in rows if row.id in at]
    if not rows:
        st.caption("No run has a snapshot yet.")
        return
    jobs = {
        row.id: submit_job("inversions", {"run": row.id, "step": at[row.id], "seed": SEED})
        for row in rows
        if needs_inversion(MODELS[row.spec["model"]], runs.open_run(row.id).data())
    }
    job_progress(jobs.values(), "Codes of the real examples")
    show_failures(jobs.values(), "The codes of the real examples")
    found = {
        row.id: cached_side_by_side(
            row.id,
            row.created,
            at[row.id],
            jobs[row.id].key if row.id in jobs and jobs[row.id].status == "done" else None,
        )
        for row in rows
    }
    titles = run_labels(rows)
    sentences = shared_settings({titles[run]: one for run, one in found.items()})
    sentences.append(step_mismatch_note({titles[row.id]: at[row.id] for row in rows}))
    st.caption(escape_markdown(" ".join(filter(None, sentences))))
    real = shared_real(list(found.values()))
    for part, title in titles_of(found.values()).items():
        if not any(part in one.pictures for one in found.values()):
            reasons = {one.missing.get(part, "") for one in found.values()}
            st.markdown(f"**{escape_markdown(title)}**")
            st.caption(escape_markdown("; ".join(sorted(filter(None, reasons)))))
            continue
        st.markdown(f"**{escape_markdown(title)}**")
        columns = st.columns(len(rows) + (part in real))
        if part in real:
            with columns[-1]:
                st.html(f'<div class="run-name">{REAL_MARK} Real data</div>')
                _draw(real[part])
        for row, column in zip(rows, columns, strict=False):
            with column:
                run_name(places[row.id], titles[row.id], f"snapshot of step {at[row.id]:,}")
                one = found[row.id]
                if part in one.pictures:
                    _draw(one.pictures[part])
                elif row.id in jobs and jobs[row.id].status in ("queued", "running"):
                    st.caption("is being computed…")
                else:
                    why = one.missing.get(part, NO_PART)
                    st.caption(escape_markdown(f"Not available: {why}."))


def run_name(place: int, title: str, note: str = "") -> None:
    """Draw the mark and the title of a run; the mark depends on its position in the comparison."""
    small = f'<span class="run-note">{escape_html(note)}</span>' if note else ""
    st.html(f'<div class="run-name">{run_mark(place)} {escape_html(title)}{small}</div>')


def _draw(picture: Picture) -> None:
    """Draw a picture as wide as its column, and its note."""
    pictures.fill(picture)
    st.caption(escape_markdown(picture.note))
