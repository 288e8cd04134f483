"""The duel of a VAE and a GAN with the same decoder network, and parameter counts of runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from genlab import runs
from genlab.compare import duel
from genlab.core.escape import escape_markdown
from genlab.core.run_spec import RunSpec
from genlab.core.tables import DATASETS
from genlab.report import run_labels
from genlab.report.tables import alike, option_tables
from genlab.runs.store import RunRow
from genlab.ui import links
from genlab.ui.tables import draw_table

FIRST = "digits"


@st.cache_data(max_entries=128, show_spinner=False)
def parameter_budget_of(values: tuple[tuple[str, Any], ...]) -> duel.Budget:
    """The budget of a run with these flat values."""
    return duel.budget(RunSpec.build(**dict(values)))


def budget_of(values: Mapping[str, Any]) -> duel.Budget:
    """The parameter counts of a run; cached."""
    return parameter_budget_of(tuple(sorted(values.items())))


def budgets(found: Mapping[str, duel.Budget]) -> None:
    """The table of learned numbers, a part a row, and what is alike in two."""
    parts = list(dict.fromkeys(part for one in found.values() for part in one.parts))
    rows = [
        [part, *(f"{one.parts[part]:,}" if part in one.parts else "" for one in found.values())]
        for part in parts
    ]
    rows.append(["all", *(f"{one.total:,}" for one in found.values())])
    draw_table(["learned numbers", *found], rows, "Learned numbers by part")
    st.caption(escape_markdown(alike(list(found.values()))))


def pair() -> None:
    """Draw the form of the duel and the button that starts both runs."""
    names = [row.name for row in DATASETS.rows() if duel.fits(row.name)]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        data = st.selectbox(
            "Data",
            names,
            index=names.index(FIRST) if FIRST in names else 0,
            format_func=lambda one: DATASETS.row(one).title,
            key="pair.data",
        )
        seed = st.number_input("Seed", 0, 2**31 - 1, 0, key="pair.seed", width=120)
        steps = st.number_input(
            "Steps", 10, 1_000_000, duel.STEPS, 500, key="pair.steps", width=140
        )
        pressed = st.button("Start a pair", type="primary", icon=":material/play_arrow:")
    specs = duel.specs(str(data), seed=int(seed), steps=int(steps))
    if pressed:
        links.compare(runs.start_pair(specs))
    budgets({title: budget_of(spec.flat()) for title, spec in specs.items()})
    st.caption(
        f"The same batches of {duel.BATCH} in the same order, from one seed; the same number of "
        "steps. Below, the slider and the charts go by steps or by seconds of training: after the "
        "same steps, or after the same time, a GAN's step being two updates. The learning rates "
        "are those that suit each; encoder and critic cannot be equal, and are as near as one "
        "choice of hidden layers makes them."
    )


def options(rows: Sequence[RunRow]) -> None:
    """Draw the options that differ between the runs, and folded the others and the parameters."""
    titles = run_labels(rows)
    head, differ, same = option_tables({titles[row.id]: row.spec for row in rows})
    if differ:
        draw_table(head, differ, "Options that differ")
    else:
        st.caption("No option of these runs differs.")
    with st.expander(f"The {len(same)} options that are equal"):
        draw_table(head, same, "Options that are equal")
    with st.expander("Parameters of these runs"):
        budgets({titles[row.id]: budget_of(row.spec) for row in rows})
