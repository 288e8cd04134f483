"""A hyperparameter search on the page Studies: its form, its trials and its plots."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from genlab import studies
from genlab.core.errors import GenlabError
from genlab.core.run_spec import Combination, RunSpec
from genlab.report.tables import format_value
from genlab.studies import sweeps, trials
from genlab.studies.search import MOST_TRIALS, SAMPLERS, parse_space
from genlab.studies.search_figures import search_figures
from genlab.studies.study import MOST_SEEDS, Study
from genlab.ui import links
from genlab.ui.messages import plain_sentence
from genlab.ui.tables import draw_table
from genlab.ui.varied_options import VariedOptions


def new_search(values: Mapping[str, str]) -> None:
    """Draw the form of a search; the URL has the options of its base run.

    Args:
        values: flat options of the base.
    """
    base = dict(values)
    try:
        space = VariedOptions.of(Combination.of(base)).ask_searched(base)
        if space:
            parse_space(space, base)
        goals = sweeps.goals(RunSpec.build(**base))
    except GenlabError as error:
        st.error(plain_sentence(error), icon=":material/error:")
        return
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
    goal = right.selectbox(
        "Improve",
        list(goals),
        format_func=lambda name: goals[name].title,
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
                space,
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
    options = VariedOptions.of(Combination.of(dict(study.base)))
    rows = [
        [
            f"{one.number}{' ★ best' if one.best else ''}",
            *(_shown(one.params.get(name), options.choices.get(name, {})) for name in names),
            "" if one.value is None else format_value(one.value),
            one.ended,
        ]
        for one in every
    ]
    if rows:
        with st.expander(f"{len(rows)} of {wanted.trials} trials", expanded=not wanted.ended):
            draw_table(
                ["trial", *map(options.label, names), wanted.title, "state"],
                rows,
                "Trials of the search",
            )
            st.caption(
                f"Every trial has the seed {wanted.seed}. Its result is the last value of the "
                f"series in a single run."
            )
    for name, (title, shown) in search_figures(study).items():
        st.markdown(f"**{title}**")
        st.plotly_chart(shown, key=f"studies.search.{name}")


def _shown(value: object, titles: Mapping[str, str]) -> str:
    if value is None:
        return ""
    return format_value(value) if isinstance(value, float) else titles.get(str(value), str(value))
