"""The table of metrics of several runs: computed by jobs, kept by their key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from genlab import runs
from genlab.evaluate import job as _job  # noqa: F401 - fills the table of jobs
from genlab.evaluate import referee as _referee  # noqa: F401 - likewise
from genlab.figures.live import caption
from genlab.runs.store import ACTIVE, JobRow, RunRow
from genlab.ui.cards import name
from genlab.ui.messages import fragment, plain

N, SEED = 1000, 0
REFEREE = (
    "a critic trained on the validation and test splits against as many generated examples; the "
    "numbers are on a part that neither trained nor stopped it. Pictures are judged as they are "
    "shown (for a likelihood, its mean), points as draws of the model."
)
BETTER = {"lower": "lower is better", "higher": "higher is better", "none": ""}


def shown(value: float) -> str:
    """Four significant digits.

    Example:
        >>> shown(-103.25123), shown(0.012345)
        ('-103.3', '0.01235')
    """
    return f"{value:.4g}"


def table(
    found: Mapping[str, Sequence[Mapping[str, Any]]],
) -> tuple[list[str], list[list[str]]]:
    """The head and the rows of the table: a metric a row, a run a column.

    Args:
        found: for each run's title its metrics, as the job ``evaluate`` gives them.

    Example:
        >>> one = {"name": "kl", "title": "KL", "value": 2.0, "low": 1.5, "high": 2.5}
        >>> one |= {"unit": "nats", "kind": "Monte Carlo", "n": 9, "direction": "lower"}
        >>> table({"A": [one], "B": []})[1]
        [['KL', '2 [1.5, 2.5]', '', 'nats, Monte Carlo, n = 9', 'lower is better']]
    """
    order: dict[str, Mapping[str, Any]] = {}
    for metrics in found.values():
        for one in metrics:
            order.setdefault(one["name"], one)
    rows = []
    for key, about in order.items():
        cells = []
        for metrics in found.values():
            match = next((one for one in metrics if one["name"] == key), None)
            cells.append(
                f"{shown(match['value'])} [{shown(match['low'])}, {shown(match['high'])}]"
                if match
                else ""
            )
        rows.append([str(about["title"]), *cells, caption(about), BETTER[about["direction"]]])
    return ["metric", *found, "kind of number", ""], rows


def metrics(rows: Sequence[RunRow]) -> None:
    """Draw the table of the runs that have ended, with the progress of what is being computed."""
    st.subheader("On held-out examples")
    judged = st.toggle(
        "With a referee",
        key="metrics.referee",
        help="A critic is trained from scratch to tell held-out from generated examples, up to a "
        "minute a run. Its bounds and its accuracy mean the same for every model.",
    )
    ended = [row for row in rows if row.status not in ACTIVE]
    for row in rows:
        if row.status in ACTIVE:
            st.caption(f"{plain(name(row))} is {row.status}: it is evaluated when it has ended.")
    jobs: dict[str, list[JobRow]] = {}
    for row in ended:
        steps = runs.open_run(row.id).snapshots()
        if not steps:
            st.caption(f"{plain(name(row))} has no snapshot, so there is nothing to evaluate.")
            continue
        values = {"run": row.id, "step": steps[-1], "seed": SEED}
        jobs[row.id] = [_wanted("evaluate", values | {"n": N})]
        if judged:
            jobs[row.id].append(_wanted("referee", values))
    every = [job for wanted in jobs.values() for job in wanted]
    waiting = [job.key for job in every if job.status in ("queued", "running")]
    if waiting:
        fragment(run_every=0.6)(_waiting)(waiting)
    for run, wanted in jobs.items():
        for job in wanted:
            if job.status == "failed":
                st.error(f"{run} could not be evaluated: {plain(job.message)}")
    titles = {row.id: name(row) for row in ended}
    twice = len(set(titles.values())) < len(titles)
    found = {
        f"{titles[run]} ({run})" if twice else titles[run]: [
            one
            for job in wanted
            if job.status == "done"
            for one in runs.job_result(job.key)["metrics"]
        ]
        for run, wanted in jobs.items()
        if any(job.status == "done" for job in wanted)
    }
    if found:
        head, body = table(found)
        st.table({title: [line[i] for line in body] for i, title in enumerate(head)})
        st.caption(
            f"Up to {N:,} test examples, seed {SEED}; in brackets a 95 % interval. "
            "A number is missing where the model cannot say it."
            + (f" The referee: {REFEREE}" if judged else "")
        )


def _wanted(kind: str, values: Mapping[str, Any]) -> JobRow:
    """The job of these values; one that failed is not tried again by each rerun."""
    slot = f"metrics.{kind}.{sorted(values.items())}"
    known = runs.job(st.session_state[slot]) if slot in st.session_state else None
    if known is None or known.status == "done":
        known = runs.submit_job(kind, values)
        st.session_state[slot] = known.key
    return known


def _waiting(keys: list[str]) -> None:
    jobs = [job for key in keys if (job := runs.job(key)) is not None]
    if any(job.status not in ("queued", "running") for job in jobs) or len(jobs) < len(keys):
        st.rerun()
    part = sum(job.progress for job in jobs) / max(1, len(jobs))
    words = next((job.message for job in jobs if job.message), "waits for a worker")
    st.progress(min(1.0, part), text=f"{len(jobs)} to evaluate: {plain(words)}")
