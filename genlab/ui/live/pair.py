"""A VAE and a GAN on the same data from the same seed: how a comparison starts."""

from __future__ import annotations

import streamlit as st

from genlab import runs
from genlab.registry import DATASETS, models_for
from genlab.spec import RunSpec
from genlab.ui import links

PAIR = {"vae": "VAE", "gan": "GAN"}
#: Interesting within ten seconds, done within a minute.
STEPS, FIRST = 5000, "digits"


def specs(data: str, seed: int) -> dict[str, RunSpec]:
    """The two runs by their titles: the same data, batches, number of steps and seed."""
    return {
        f"{title} on {data}": RunSpec.build(
            model=model, data=data, seed=seed, steps=STEPS, batch=128
        )
        for model, title in PAIR.items()
    }


def pair() -> None:
    """The form that starts a pair and opens it here."""
    names = [
        row.name
        for row in DATASETS.rows()
        if set(PAIR) <= set(models_for(row.name)) and not _network(row.name)
    ]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        data = st.selectbox(
            "Data",
            names,
            index=names.index(FIRST) if FIRST in names else 0,
            format_func=lambda one: DATASETS.row(one).title,
            key="pair.data",
        )
        seed = st.number_input("Seed", 0, 2**31 - 1, 0, key="pair.seed", width=120)
        if st.button("Start a pair", type="primary", icon=":material/play_arrow:"):
            started = [runs.start(spec, title) for title, spec in specs(data, int(seed)).items()]
            links.compare(started)


def _network(name: str) -> bool:
    source = DATASETS[name]
    return bool(source.meta(source.Options()).network)
