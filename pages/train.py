"""Train: describe a run by a form that offers only what fits, and start it."""

from __future__ import annotations

import streamlit as st

from genlab import runs
from genlab.spec import RunSpec
from genlab.ui import forms, links, pictures, state
from genlab.ui.messages import plain

head, named, pressed = st.columns([4, 3, 2], vertical_alignment="center")
head.title("Train")
title = named.text_input(
    "Name",
    key="train.title",
    max_chars=80,
    label_visibility="collapsed",
    placeholder="Name of the run (optional)",
)
if waiting := len(runs.store().runs(status=("queued",))):
    named.caption(f"{waiting} in the queue before it.")
wrong = st.empty()
values = forms.run_form(pictures.form_preview)
obstacle = None if state.problem("train") else forms.obstacle(values)
if obstacle:
    wrong.error(plain(obstacle), icon=":material/error:")
if pressed.button(
    "Start",
    type="primary",
    width="stretch",
    icon=":material/play_arrow:",
    key="train.start",
    disabled=state.problem("train") or obstacle is not None,
    help="Change any option first." if state.problem("train") else None,
):
    links.watch(runs.start(RunSpec.build(**values), title.strip()))
