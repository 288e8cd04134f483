"""Watch: a run during or after training, with one slider over all its steps."""

from __future__ import annotations

import streamlit as st

from genlab import runs
from genlab.core.errors import RunNotFound
from genlab.runs.store import heading_of
from genlab.ui import links
from genlab.ui.live import time_bar
from genlab.ui.live.controls import controls, facts, show_advice, show_wait
from genlab.ui.live.dashboard import choose_run, dashboard, present_run, say_missing
from genlab.ui.live.fork import fork, show_origin
from genlab.ui.live.sentinel import sentinel_panel
from genlab.ui.live.take_home import take_home
from genlab.ui.messages import empty
from genlab.ui.page_states import WATCH
from genlab.ui.polls import ask_about_run
from genlab.ui.presenting import presenting

#: How many of the newest runs the field offers; the table on Compare lists all runs.
OFFERED = 60

if presenting():
    present_run()
    st.stop()
st.title("Watch", anchor=False)
# Every part has a container even while it is empty: if an element above the live view appeared or
# disappeared, the browser would redraw the view. The slider is first in the Tab order.
PLACES = "wrong", "bar", "buttons", "advice", "origin", "warnings", "board", "below"
wrong, bar, buttons, advice, origin, warnings, board, below = (
    st.container(key=f"watch_{name}", horizontal=name == "buttons", vertical_alignment="center")
    for name in PLACES
)
asked = WATCH.read().run
rows = {one.id: one for one in runs.store().headings(limit=OFFERED)}
if asked and asked not in rows:
    try:
        rows = {asked: heading_of(runs.open_run(asked).row), **rows}
    except RunNotFound as error:
        with wrong:
            say_missing(asked, error)
if not rows:
    with warnings:
        empty("There is no run to watch yet.", "Start a preset on Start, or a run on Train.")
        if st.button("Go to Start", icon=":material/home:", type="primary"):
            st.switch_page(links.page("start"))
    st.stop()

with buttons.container(key="watch_choice", width=260):
    row = runs.open_run(choose_run(rows, asked)).row
with bar:
    time_bar(f"live.{row.id}")
with advice:
    show_advice(row)
    show_wait(row)
with origin:
    show_origin(row)
with buttons.container(horizontal=True, key="watch_actions"):
    if not row.id.startswith("shipped:"):
        controls(row)
    if st.button("Explore", icon=":material/explore:", disabled=row.status == "queued"):
        links.explore(row.id)
    if st.button("Compare", icon=":material/compare_arrows:"):
        others = [run for run in rows if run != row.id and rows[run].step]
        links.compare([row.id, *others[:1]])
    fork(row)
    ask_about_run(runs.open_run(row.id), "watch.ask")
    text = "Open Train with the options of this run to change some and start a new run."
    if st.button("Vary", icon=":material/tune:", help=text):
        links.train({name: str(value) for name, value in row.spec.items()})
with warnings:
    sentinel_panel(row)
with board:
    dashboard(row)
with below, st.expander("What is trained, on what, and how", icon=":material/list_alt:"):
    facts(row.spec)
with below, st.expander("Take it home", icon=":material/home:"):
    take_home([row])
