"""Duels of two or four models, with their parameter counts and computing times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from genlab import runs
from genlab.compare import duel, four
from genlab.core.errors import GenlabError
from genlab.core.escape import escape_markdown
from genlab.core.run_spec import RunSpec
from genlab.core.tables import DATASETS
from genlab.report import run_labels
from genlab.report.tables import alike, option_tables
from genlab.report.time_cursor import run_clock
from genlab.runs.store import RunRow
from genlab.studies.duels import start_duel
from genlab.studies.study import MOST_SEEDS
from genlab.ui import links
from genlab.ui.messages import plain_sentence
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
    """The table of parameter counts, one row per part, with a note on equal parts."""
    parts = list(dict.fromkeys(part for one in found.values() for part in one.parts))
    rows = [
        [part, *(f"{one.parts[part]:,}" if part in one.parts else "" for one in found.values())]
        for part in parts
    ]
    rows.append(["all", *(f"{one.total:,}" for one in found.values())])
    draw_table(["parameters", *found], rows, "Parameters by part")
    st.caption(escape_markdown(alike(list(found.values()))))


SIDES = {"two": "VAE and GAN", "four": "VAE, GAN, flow and diffusion"}


def pair() -> None:
    """Draw the form of the duel of two or four, and the button that starts the runs."""
    sides = st.segmented_control(
        "Sides", list(SIDES), default="two", format_func=lambda one: SIDES[one], key="pair.sides"
    )
    is_four = sides == "four"
    kind: Any = four if is_four else duel
    names = [row.name for row in DATASETS.rows() if kind.fits(row.name)]
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
        seeds = int(
            st.number_input(
                "Seeds of each side",
                1,
                MOST_SEEDS,
                1,
                key="pair.seeds",
                width=140,
                help="With more than one seed the duel is a study, which tests the difference "
                "over seeds and test examples. A side can be called better from three "
                "seeds on.",
            )
        )
        words = "Start all four" if is_four else "Start a pair"
        if seeds > 1:
            words = f"Start a study of {seeds * (4 if is_four else 2)} runs"
        pressed = st.button(words, type="primary", icon=":material/play_arrow:")
    specs = duel_specs(is_four, str(data), int(seed), int(steps))
    if pressed and seeds > 1:
        try:
            wanted = {"data": str(data), "seed": int(seed), "steps": int(steps)}
            study = start_duel(wanted, str(sides), seeds)
        except GenlabError as error:
            st.error(plain_sentence(error), icon=":material/error:")
            return
        links.open_study(study.name)
    if pressed:
        links.compare(runs.start_together(specs))
    budgets({title: budget_of(spec.flat()) for title, spec in specs.items()})
    if is_four:
        st.caption(
            f"The same batches of {duel.BATCH} in the same order, from one seed; the same number "
            "of steps; numbers of parameters as equal as whole hidden units allow. The flow "
            "gives log p(x) exactly. The ELBOs of the VAE and of the diffusion model are lower "
            "bounds of it, and all three are comparable if they are densities of the same data. "
            "A GAN has no such number. The seconds of training and of sampling are below."
        )
        return
    st.caption(
        f"The same batches of {duel.BATCH} in the same order, from one seed; the same number of "
        "steps. Below, slider and charts count steps or seconds of training, so you can "
        "compare after the same steps or after the same time (a GAN's step is two updates). "
        "Each model has its own suitable learning rate. The encoder and the critic have different "
        "architectures; their sizes are as close as the number of hidden layers allows."
    )


@st.cache_data(max_entries=32, show_spinner="Choosing the sizes")
def duel_specs(is_four: bool, data: str, seed: int, steps: int) -> dict[str, RunSpec]:
    """The runs of a duel by their titles; cached, because the sizes need a search."""
    return (four if is_four else duel).specs(data, seed=seed, steps=steps)


@st.cache_data(max_entries=64, show_spinner="Drawing samples")
def sampling_time_of(run: str, step: int) -> four.SamplingTime:
    """The sampling time of a run after a step."""
    return four.sampling_time(runs.open_run(run).model(step), n=16)


def costs(rows: Sequence[RunRow]) -> None:
    """Draw the training time, and on request the sampling time."""
    titles = run_labels(rows)
    asked = st.toggle(
        "Measure sampling too",
        key="compare.costs",
        help="Draws 16 samples from each run's newest snapshot and measures the processor time.",
    )
    table = []
    for row in rows:
        view = runs.open_run(row.id)
        steps = view.snapshots()
        seconds = run_clock(view)[1]
        line = [titles[row.id], f"{seconds[-1]:.1f} s" if seconds else "", f"{row.step:,}"]
        if asked and steps:
            line.append(f"{sampling_time_of(row.id, steps[-1]).each:.2g} ms")
        table.append(line)
    head = ["run", "training", "steps", *(["per sample, in a batch of 16"] if asked else [])]
    draw_table(head, table, "Seconds of training and of sampling")
    st.caption(
        "Training: elapsed seconds, including the measurements for the charts. Sampling: "
        "processor time on this machine, the smallest of three repetitions."
    )


def options(rows: Sequence[RunRow]) -> None:
    """Draw the options that differ between the runs; the others and the parameters are folded."""
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
    with st.expander("Seconds of training and of sampling"):
        costs(rows)
