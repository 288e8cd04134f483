"""The parts of the page Studies: the form, the status grid, the result, the curves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from genlab import studies
from genlab.compare.over_seeds import SeedDifference
from genlab.core.errors import GenlabError
from genlab.core.escape import escape_markdown
from genlab.core.run_spec import Combination
from genlab.core.tables import TABLES
from genlab.metrics.feature_quality import has_quality
from genlab.report.tables import format_value
from genlab.runs.access import may
from genlab.runs.store import ACTIVE, JobRow
from genlab.studies import sweeps
from genlab.studies.collapse import collapsed_runs
from genlab.studies.queue import create
from genlab.studies.state import StudyState, state
from genlab.studies.study import Study, arms_of
from genlab.studies.summary import CAUTION, Summary, collect_metrics, summarise
from genlab.ui import links
from genlab.ui.existing_runs_study import study_of_runs
from genlab.ui.jobs import finished_result, job_progress, show_failures, submit_job
from genlab.ui.messages import fragment, plain_sentence
from genlab.ui.search_study import new_search, show_trials
from genlab.ui.study_curves import show_curves
from genlab.ui.tables import CSS, draw_table
from genlab.ui.varied_options import VariedOptions

#: A mark for each status, so that colour is not the only difference.
MARKS = {
    "queued": "○", "running": "◐", "paused": "⏸", "done": "●", "stopped": "■",
    "diverged": "▲", "failed": "✕", "lost": "?", "missing": "·",
    "collapsed": "▼",
}  # fmt: skip


def trains_new_runs() -> bool:
    """Ask where the runs of a new study come from; existing runs have their own form."""
    new, old = "Train new runs", "Use existing runs"
    source = st.segmented_control(
        "Runs of the study", [new, old], default=new, required=True, key="studies.source"
    )
    if source == old:
        study_of_runs()
    return bool(source == new)


def new_study(values: Mapping[str, str]) -> None:
    """Draw the form of a new study or search; the URL has the options of its base run.

    Args:
        values: flat options of the base.
    """
    combination = Combination.of(dict(values))
    st.markdown(
        f"Base: **{escape_markdown(TABLES['model'].row(combination.model).title)}** on "
        f"**{escape_markdown(TABLES['data'].row(combination.data).title)}**."
    )
    ways = {
        "compare": "Compare given values",
        "search": "Search a range",
    }
    way = st.radio("What to do", list(ways), format_func=ways.__getitem__, horizontal=True)
    if way == "search":
        st.markdown(
            "Trials with one seed search for good values. The best of many trials is partly "
            "lucky, "
            "so it is trained again with new seeds."
        )
        new_search(values)
        return
    st.markdown(
        "Every combination of the values below is an arm. Every arm is trained with the same "
        "seeds."
    )
    seeds = st.number_input("Seeds of each arm", 1, studies.study.MOST_SEEDS, 5, width=160)
    options = VariedOptions.of(combination)
    vary = options.ask_varied("Varied option", "objective")
    if vary:
        vary |= options.ask_varied("A second varied option (optional)", None, next(iter(vary)))
    try:
        arms = arms_of(vary) if vary else ()
    except GenlabError as error:
        st.error(plain_sentence(error), icon=":material/error:")
        return
    early = st.checkbox(
        "Stop early where a difference is unlikely to be found",
        help="Stops after four pairs of seeds if the whole study would find a difference with a "
        "probability (predictive power) below 5 %. An early stop never claims a difference.",
    )
    quality = has_quality(combination.meta) and st.checkbox(
        "Measure the quality of the samples too",
        help="Fréchet and kernel distance, precision, recall, density and coverage, in the "
        "features of a small classifier. It takes some seconds for each run.",
    )
    count = len(arms) * int(seeds)
    label = f"Start {count} runs" if arms else "Start"
    if st.button(label, type="primary", disabled=not arms, key="studies.start"):
        try:
            study = create(dict(values), vary, int(seeds), stop_early=early, quality=quality)
        except GenlabError as error:
            st.error(plain_sentence(error), icon=":material/error:")
            return
        links.open_study(study.name)


def show(study: Study) -> None:
    """Draw a study: its status, its result, its curves, and its buttons."""
    st.html(f"<style>{CSS}</style>")
    if may("change_study", study.owner):
        _controls(study)
    progress = state(study)
    if progress.ended:
        _inside(study)
    else:
        fragment(run_every=2.0)(_inside)(study)


def _inside(study: Study) -> None:
    if study.search is not None and not study.search.ended:
        # Arms and runs of a search appear when it ends; the buttons follow then.
        now = studies.open_study(study.name)
        if now.search is not None and now.search.ended:
            st.rerun()
    progress = state(study)
    found, jobs = _metrics(study, progress)
    collapsed = collapsed_runs(study, progress)
    _glance(study, progress, collapsed)
    metric = st.session_state.get("studies.metric", "")
    summary = summarise(study, progress, found, metric, collapsed)
    sentence = summary.sentence
    if study.search is not None:
        sentence = sweeps.sentence(study, summary.sentence)
    with st.container(key="studies_answer"):
        st.markdown(f"## {escape_markdown(sentence)}")
    for loss in summary.losses:
        st.warning(escape_markdown(loss), icon=":material/warning:")
    job_progress(jobs, "Metrics")
    show_failures(jobs, "The metrics")
    _differences(summary)
    show_trials(study)
    show_curves(study)


def _metrics(
    study: Study, progress: StudyState
) -> tuple[dict[str, Mapping[str, Any]], list[JobRow]]:
    jobs = list[JobRow]()

    def get(kind: str, values: Mapping[str, Any]) -> Mapping[str, Any] | None:
        job = submit_job(kind, values)
        jobs.append(job)
        return finished_result(job) if job.status == "done" else None

    return collect_metrics(study, progress, get), jobs


def _controls(study: Study) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        more = st.number_input("More seeds", 1, 50, 5, key="studies.more", width=120)
        extend = st.button(
            "Extend", icon=":material/add:", key="studies.extend", disabled=not study.cells
        )
        label = "Resume" if study.paused else "Pause"
        paused = st.button(label, icon=":material/pause:", key="studies.pause")
    try:
        if extend:
            studies.extend(study.name, int(more))
            st.rerun()
        if paused:
            (studies.resume if study.paused else studies.pause)(study.name)
            st.rerun()
    except GenlabError as error:
        st.error(plain_sentence(error), icon=":material/error:")


def _glance(study: Study, progress: StudyState, collapsed: Mapping[str, str]) -> None:
    """Draw one mark per run in a grid of arms and seeds."""
    ended = sum(row.status not in ACTIVE for row in progress.rows.values())
    left = progress.seconds_left
    wait = "" if not left else f", about {max(1, round(left / 60))} min left"
    st.progress(progress.share, text=f"{ended} of {study.planned} runs have ended{wait}")
    if not study.cells:
        return
    cells = {(cell.arm, cell.seed): cell.run for cell in study.cells}
    rows = []
    for number, arm in enumerate(study.arms):
        marks = []
        for seed in study.seeds:
            run = cells.get((number, seed))
            row = progress.rows.get(run) if run else None
            status = "missing" if row is None else row.status
            marks.append(MARKS["collapsed" if run in collapsed else status])
        states = dict(progress.counts[number])
        bad = sum(cell.run in collapsed for cell in study.cells if cell.arm == number)
        if bad:
            states |= {"done": states["done"] - bad, "collapsed": bad}
        counts = ", ".join(f"{n} {status}" for status, n in states.items() if n)
        rows.append([arm.name, " ".join(marks), counts])
    draw_table(["arm", "one mark per seed", "runs"], rows, "Status of the runs, by arm and seed")


def _differences(summary: Summary) -> None:
    if not summary.rows:
        return
    rows = [
        [
            row.title,
            f"{row.second.arm} − {row.first.arm}",
            _with_interval(row.difference, row.unit),
            row.difference.how,
            row.verdict.words,
        ]
        for row in summary.rows
    ]
    head = ["metric", "difference", "value and 95 % interval", "interval", "verdict"]
    draw_table(head, rows, "Differences between arms")
    st.caption(CAUTION)
    with st.expander("Every seed"):
        each = [
            [row.title, side.arm, ", ".join(format_value(value) for value in side.values)]
            for row in summary.rows
            for side in (row.first, row.second)
        ]
        unique = list({tuple(line): line for line in each}.values())
        draw_table(["metric", "arm", "one number per seed"], unique, "Values of each seed")


def _with_interval(one: SeedDifference, unit: str) -> str:
    value, low, high = (format_value(end) for end in (one.value, one.low, one.high))
    return f"{value} [{low}, {high}] {unit}" if one.low == one.low else f"{value} {unit}"
