"""The metrics of several runs and their differences, computed by jobs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from genlab import runs
from genlab.report import run_labels
from genlab.report.tables import (
    C2ST,
    CAUTION,
    METRIC_VALUES,
    SEED,
    N,
    difference_table,
    merge_results,
    table,
)
from genlab.runs.store import ACTIVE, JobRow, RunRow
from genlab.ui.cards import name
from genlab.ui.jobs import finished_result, job_progress, show_failures, submit_job
from genlab.ui.messages import escape_markdown


def metrics(rows: Sequence[RunRow], at: Mapping[str, int]) -> None:
    """Draw the tables of metrics, with the progress of unfinished jobs.

    Args:
        rows: the runs; one that is active is evaluated when it has ended.
        at: the step of each run's snapshot at which the time slider stands.
    """
    st.subheader("On held-out examples")
    with st.container(horizontal=True, vertical_alignment="center"):
        here = st.segmented_control(
            "Evaluated",
            ["at the end", "at the slider"],
            default="at the end",
            required=True,
            key="metrics.when",
            label_visibility="collapsed",
        )
        judged = st.toggle(
            "Classifier two-sample test",
            key="metrics.c2st",
            help="A new classifier learns to distinguish held-out from generated examples, "
            "in up to a minute per run. Its bounds and its accuracy have the same "
            "meaning for every model.",
        )
    ended = [row for row in rows if row.status not in ACTIVE]
    for row in rows:
        if row.status in ACTIVE:
            st.caption(
                f"{escape_markdown(name(row))} is {row.status}: it is evaluated when it has ended."
            )
    jobs: dict[str, list[JobRow]] = {}
    steps: dict[str, int] = {}
    for row in ended:
        there = runs.open_run(row.id).snapshots()
        if not there:
            st.caption(
                f"{escape_markdown(name(row))} has no snapshot, so there is nothing to evaluate."
            )
            continue
        steps[row.id] = there[-1] if here == "at the end" else at.get(row.id, there[-1])
        jobs[row.id] = metric_jobs(row.id, steps[row.id], judged=judged)
    every = [job for wishes in jobs.values() for job in wishes]
    job_progress(every, "Metrics")
    show_failures(every, "The metrics")
    titles = run_labels(rows)
    found = {
        titles[run]: merge_results(
            [finished_result(job) for job in wishes if job.status == "done"]
        )
        for run, wishes in jobs.items()
        if any(job.status == "done" for job in wishes)
    }
    if not found:
        return
    _table(*table({title: one["metrics"] for title, one in found.items()}))
    when = ", ".join(f"{titles[run]} after step {step:,}" for run, step in steps.items())
    st.caption(
        escape_markdown(f"Up to {N:,} test examples, seed {SEED}; evaluated {here}: {when}. ")
        + "95 % intervals in brackets. A metric is missing where the model does "
        "not define it." + (f" Classifier two-sample test: {C2ST}" if judged else "")
    )
    head, body = difference_table(found)
    if body:
        st.markdown("**Differences**")
        _table(head, body)
        st.caption(CAUTION)


def metric_jobs(run: str, step: int, *, judged: bool) -> list[JobRow]:
    """The jobs whose results the tables hold."""
    values = {"run": run, "step": step, "seed": SEED}
    jobs = [submit_job("evaluate", {**values, **METRIC_VALUES})]
    return [*jobs, submit_job("c2st", values)] if judged else jobs


#: Columns of the tables in which runs' titles stand.
TITLED = {"difference", "verdict"}


def _table(head: Sequence[str], body: Sequence[Sequence[str]]) -> None:
    columns = {
        title: [escape_markdown(line[i]) if title in TITLED else line[i] for line in body]
        for i, title in enumerate(head)
    }
    st.table({escape_markdown(title): column for title, column in columns.items()})
