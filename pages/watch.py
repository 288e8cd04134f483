"""Watch: a run while it learns, or afterwards, with one slider through its whole time."""

from __future__ import annotations

import streamlit as st

from genlab import runs
from genlab.core.errors import RunNotFound
from genlab.ui import cards, links
from genlab.ui.live import live, time_bar
from genlab.ui.live.controls import controls, facts, show_advice, toggle_pause
from genlab.ui.live.fork import fork, show_origin
from genlab.ui.live.sentinel import sentinel_panel
from genlab.ui.messages import empty, fragment, plain_sentence
from genlab.ui.page_states import VIEW, WATCH

st.title("Watch", anchor=False)
# Each part has its place, whether it says something or not: what comes and goes above the live
# view would make the browser draw it anew. The slider is first, for hands on the keyboard.
PLACES = "wrong", "bar", "buttons", "advice", "origin", "warnings", "board", "below"
wrong, bar, buttons, advice, origin, warnings, board, below = (
    st.container(key=f"watch_{name}", horizontal=name == "buttons", vertical_alignment="center")
    for name in PLACES
)
choice = buttons.container(key="watch_choice", width=380)
asked = WATCH.read().run
rows = {row.id: row for row in runs.store().runs()}
if asked and asked not in rows:
    try:
        rows = {asked: runs.open_run(asked).row, **rows}
    except RunNotFound as error:
        text = f"{plain_sentence(error)} Another run is shown."
        wrong.error(text, icon=":material/error:")
if not rows:
    with warnings:
        empty("There is no run to watch yet.", "Start one of the presets, or make your own.")
        if st.button("Go to Start", icon=":material/home:", type="primary"):
            st.switch_page(links.page("start"))
    st.stop()

active = [run for run, row in rows.items() if row.status in ("running", "paused", "queued")]
names = list(rows)
first = asked if asked in rows else (active or names)[0]
picked = choice.selectbox(
    "Run",
    names,
    index=names.index(first),
    format_func=lambda run: f"{cards.name(rows[run])} · {run}",
    key=f"watch.run.{first}",
    label_visibility="collapsed",
)
if picked != first:
    WATCH.write(run=picked)
    st.rerun()
row = rows[picked]
with bar:
    time_bar(f"live.{row.id}")
with advice:
    show_advice(row)
with origin:
    show_origin(row)
with buttons:
    if not row.id.startswith("shipped:"):
        controls(row)
    if st.button("Explore", icon=":material/explore:", disabled=row.status == "queued"):
        links.explore(row.id)
    if st.button("Compare", icon=":material/compare_arrows:"):
        others = [run for run in names if run != row.id and rows[run].step]
        links.compare([row.id, *others[:1]])
    fork(row)
    text = "Open Train with the options of this run, change some and start a new run."
    if st.button("Vary", icon=":material/tune:", help=text):
        links.train({name: str(value) for name, value in row.spec.items()})
with warnings:
    sentinel_panel(row)


@fragment()
def dashboard() -> None:
    """The live component; its slider's step and the way it is looked at go into the URL."""
    asked = WATCH.read()
    key = f"live.{row.id}"
    step, view = live(
        [row],
        step=None if asked.step is None else min(asked.step, row.steps),
        key=key,
        play=lambda: toggle_pause(row.id),
        view={name: text for name in VIEW if (text := getattr(asked, name))},
        bar=key,
    )
    WATCH.write(run=row.id, step=step, **{name: view.get(name, "") for name in VIEW})


with board:
    dashboard()
with below, st.expander("What is trained, on what, and how", icon=":material/list_alt:"):
    facts(row.spec)
