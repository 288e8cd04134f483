"""Train: describe a run by a form that offers only what fits, and start it."""

from __future__ import annotations

import streamlit as st

from genlab import runs
from genlab.spec import RunSpec
from genlab.ui import forms, links, pictures, state

st.title("Train")
values = forms.run_form(pictures.form_preview)

st.divider()
left, right = st.columns([3, 1], vertical_alignment="bottom")
title = left.text_input("Name (optional)", key="train.title", max_chars=80)
waiting = runs.store().runs(status=("queued",))
if waiting:
    left.caption(f"{len(waiting)} in the queue before it.")
if right.button(
    "Start",
    type="primary",
    width="stretch",
    icon=":material/play_arrow:",
    key="train.start",
    disabled=state.problem("train"),
    help="Change any option first." if state.problem("train") else None,
):
    links.watch(runs.start(RunSpec.build(**values), title.strip()))
