"""A hyperparameter search on the page Studies: its form, its trials and its plots."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from genlab import studies
from genlab.core.errors import GenlabError
from genlab.core.run_spec import RunSpec
from genlab.report.tables import format_value
from genlab.studies import sweeps, trials
from genlab.studies.search import MOST_TRIALS, SAMPLERS, parse_space
from genlab.studies.search_figures import search_figures
from genlab.studies.study import MOST_SEEDS, Study
from genlab.ui import links
from genlab.ui.messages import plain_sentence
from genlab.ui.tables import draw_table


def new_search(values: Mapping[str, str]) -> None:
    """Draw the form of a search; the URL has the options of its base run.

    Args:
        values: flat options of the base.
    """
    base = dict(values)
    text = st.text_input(
        "Options and their ranges",
        placeholder="lr=1e-4..1e-2:log, latent=2..16",
        help="OPTION=LOW..HIGH, OPTION=LOW..HIGH:log or OPTION=A,B; up to eight, separated by "
        "commas.",
        key="studies.space",
    )
    left, middle, right = st.columns(3)
    count = left.number_input("Trials", 1, MOST_TRIALS, 20)
    seeds = middle.number_input(
        "Fresh seeds at the end",
        0,
        MOST_SEEDS,
        5,
        help="The best trial and the base are trained again with this many seeds that no trial "
        "used.",
    )
    try:
        goals = sweeps.goals(RunSpec.build(**base))
        space = parse_space([text], base) if text.strip() else ()
    except GenlabError as error:
        st.error(plain_sentence(error), icon=":material/error:")
        return
    goal = right.selectbox(
        "Improve",
        list(goals),
        format_func=lambda name: f"{goals[name].title} ({name})",
        help="The result of a trial is the last value of this series.",
    )
    left, right = st.columns(2)
    sampler = left.selectbox("Sampler", list(SAMPLERS), format_func=SAMPLERS.__getitem__)
    prune = right.checkbox(
        "Stop trials that fall behind",
        True,
        help="A trial is stopped when it is worse than the median of the others at the same step.",
    )
    label = f"Start {count} trials" if space else "Start"
    disabled = not (space and goal)
    if st.button(label, type="primary", disabled=disabled, key="studies.search"):
        try:
            study = studies.start_search(
                base,
                [text],
                int(count),
                metric=str(goal),
                seeds=int(seeds),
                prune=prune,
                sampler=str(sampler),
            )
        except GenlabError as error:
            st.error(plain_sentence(error), icon=":material/error:")
            return
        links.open_study(study.name)


def show_trials(study: Study) -> None:
    """Draw the trials of a search, and Optuna's plots of them."""
    wanted = study.search
    if wanted is None:
        return
    every = trials.tried(study.name, wanted)
    names = [one.name for one in wanted.space]
    rows = [
        [
            f"{one.number}{' ★ best' if one.best else ''}",
            *(_shown(one.params.get(name)) for name in names),
            "" if one.value is None else format_value(one.value),
            one.ended,
        ]
        for one in every
    ]
    if rows:
        with st.expander(f"{len(rows)} of {wanted.trials} trials", expanded=not wanted.ended):
            draw_table(["trial", *names, wanted.title, "state"], rows, "Trials of the search")
            st.caption(
                f"Every trial has the seed {wanted.seed}. Its result is the last value of the "
                f"series in a single run."
            )
    for name, (title, shown) in search_figures(study).items():
        st.markdown(f"**{title}**")
        st.plotly_chart(shown, key=f"studies.search.{name}")


def _shown(value: object) -> str:
    if value is None:
        return ""
    return format_value(value) if isinstance(value, float) else str(value)
