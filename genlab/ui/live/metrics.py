"""The metrics of several runs and their differences, computed by jobs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from genlab import runs
from genlab.compare.answer import answer
from genlab.core.errors import GenlabError
from genlab.core.escape import escape_html, escape_markdown
from genlab.core.run_spec import Combination
from genlab.core.tables import MODELS
from genlab.data.base import DataMeta
from genlab.metrics.feature_quality import has_quality
from genlab.models.vae import VariationalAutoencoder
from genlab.report import run_labels
from genlab.report.tables import (
    C2ST,
    CAUTION,
    METRIC_VALUES,
    SEED,
    N,
    data_of,
    difference_table,
    merge_results,
    table,
)
from genlab.runs.store import ACTIVE, JobRow, RunRow
from genlab.ui.cards import name
from genlab.ui.jobs import UNFINISHED, finished_result, job_progress, show_failures, submit_job
from genlab.ui.tables import draw_table


@dataclass(frozen=True)
class Measurements:
    """The metrics of the runs that have been computed so far.

    Args:
        jobs: all jobs, by run.
        steps: of the snapshots that are evaluated, by run.
        found: results of the finished jobs, by the runs' titles.
        notes: reasons why runs are not evaluated.
        judged: whether the classifier two-sample test was requested.
        when: the evaluated step or second in words.
    """

    jobs: Mapping[str, Sequence[JobRow]]
    steps: Mapping[str, int]
    found: Mapping[str, Mapping[str, Any]]
    notes: Sequence[str]
    judged: bool
    when: str

    @property
    def unfinished(self) -> bool:
        """Whether a job is unfinished."""
        return any(job.status in UNFINISHED for jobs in self.jobs.values() for job in jobs)


@dataclass(frozen=True)
class Extra:
    """An optional, longer measurement with a switch.

    Args:
        kind: of the job.
        label, help: of the switch.
        fits: whether a run with this spec supports the measurement.
        values: values of the job in addition to run, step and seed.
    """

    kind: str
    label: str
    help: str
    fits: Callable[[Mapping[str, Any]], bool]
    values: Mapping[str, Any] = field(default_factory=dict)


def _images_with_classes(spec: Mapping[str, Any]) -> bool:
    meta = _meta(spec)
    return meta is not None and has_quality(meta)


def _is_vae(spec: Mapping[str, Any]) -> bool:
    return spec.get("model") in MODELS and issubclass(
        MODELS[str(spec["model"])], VariationalAutoencoder
    )


def _meta(spec: Mapping[str, Any]) -> DataMeta | None:
    """The description of a run's data; None if its dataset was deleted."""
    try:
        combination = Combination.of(spec)
        found: DataMeta = combination.meta
    except GenlabError:
        return None
    return found


EXTRAS: tuple[Extra, ...] = (
    Extra(
        "c2st",
        "Classifier two-sample test",
        "A new classifier learns to distinguish held-out from generated examples, in up to a "
        "minute per run. Its accuracy and the bounds from it have the same meaning for every "
        "model.",
        lambda _: True,
    ),
    Extra(
        "sample_quality",
        "Sample quality",
        "Fréchet and kernel distance, precision, recall, density and coverage in the features of "
        "a small classifier. 4,000 images are generated per run. They do not detect copies of "
        "training images.",
        _images_with_classes,
    ),
    Extra(
        "annealed",
        "log p(x) by annealing",
        "Annealed importance sampling of log p(x) for 64 test examples: a second lower bound "
        "beside the importance-weighted one, in about a minute per run.",
        _is_vae,
        {"n": 64},
    ),
)


def measure(rows: Sequence[RunRow], at: Mapping[str, int]) -> Measurements:
    """Draw the controls of the metrics and submit the jobs.

    Args:
        rows: the runs; an active run is evaluated after it has ended.
        at: the step of each run's snapshot at the time slider.
    """
    with st.container(horizontal=True, vertical_alignment="center"):
        here = st.segmented_control(
            "Evaluated",
            ["at the end", "at the slider"],
            default="at the end",
            required=True,
            key="metrics.when",
            label_visibility="collapsed",
        )
        fitting = [one for one in EXTRAS if any(one.fits(row.spec) for row in rows)]
        asked = {
            one.kind: one
            for one in fitting
            if st.toggle(one.label, key=f"metrics.{one.kind}", help=one.help)
        }
    notes = []
    jobs: dict[str, list[JobRow]] = {}
    steps: dict[str, int] = {}
    for row in rows:
        if row.status in ACTIVE:
            notes.append(f"{name(row)} is {row.status}. It will be evaluated after it has ended.")
            continue
        there = runs.open_run(row.id).snapshots()
        if not there:
            notes.append(f"{name(row)} has no snapshot, so it cannot be evaluated.")
            continue
        steps[row.id] = there[-1] if here == "at the end" else at.get(row.id, there[-1])
        extras = [one for one in asked.values() if one.fits(row.spec)]
        jobs[row.id] = metric_jobs(row.id, steps[row.id], extras)
    titles = run_labels(rows)
    found = {
        titles[run]: merge_results(
            [finished_result(job) for job in wishes if job.status == "done"]
        )
        for run, wishes in jobs.items()
        if any(job.status == "done" for job in wishes)
    }
    return Measurements(jobs, steps, found, notes, "c2st" in asked, str(here))


def show_answer(rows: Sequence[RunRow], known: Measurements) -> None:
    """Draw the result in sentences, or the progress of its jobs."""
    titles = run_labels(rows)
    specs = {titles[row.id]: row.spec for row in rows}
    for note in known.notes:
        st.caption(escape_markdown(note))
    every = [job for jobs in known.jobs.values() for job in jobs]
    job_progress(every, "The result")
    show_failures(every, "The metrics")
    result = answer(known.found, [data_of(specs[title]) for title in known.found])
    lead = "".join(f'<p class="lead">{escape_html(text)}</p>' for text in result.headline)
    rest = " ".join(filter(None, [result.interval, *result.more]))
    if lead:
        st.html(f'<div class="answer">{lead}<p>{escape_html(rest)}</p></div>')


def metrics(rows: Sequence[RunRow], known: Measurements) -> None:
    """Draw the tables of metrics.

    Args:
        rows: the runs.
        known: the result of :func:`measure`.
    """
    if not known.found:
        return
    titles = run_labels(rows)
    head, body = difference_table(known.found)
    if body:
        st.markdown("**Differences**")
        draw_table(head, body, "Differences")
        st.caption(CAUTION)
    st.markdown("**All numbers**")
    head, body = table({title: one["metrics"] for title, one in known.found.items()})
    draw_table(head, body, "All numbers")
    when = ", ".join(f"{titles[run]} after step {step:,}" for run, step in known.steps.items())
    st.caption(
        escape_markdown(
            f"Up to {N:,} test examples, seed {SEED}; evaluated {known.when}: {when}. "
        )
        + "95 % intervals in brackets. A metric is missing where the model does "
        "not define it." + (f" Classifier two-sample test: {C2ST}" if known.judged else "")
    )


def metric_jobs(run: str, step: int, extras: Sequence[Extra]) -> list[JobRow]:
    """The jobs with the results that the tables show."""
    values = {"run": run, "step": step, "seed": SEED}
    jobs = [submit_job("evaluate", {**values, **METRIC_VALUES})]
    return [*jobs, *(submit_job(one.kind, {**values, **one.values}) for one in extras)]
