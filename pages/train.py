"""Train: configure a run in a form that offers only compatible options, and start it."""

from __future__ import annotations

import streamlit as st

from genlab import runs
from genlab.core.escape import escape_markdown
from genlab.core.run_spec import RunSpec
from genlab.ui import forms, links, pictures
from genlab.ui.need import show_need
from genlab.ui.page_states import TRAIN
from genlab.ui.polls import ask_about_run

head, named, pressed, studied = st.columns([2, 3, 2, 3], vertical_alignment="center")
head.title("Train")
title = named.text_input(
    "Name",
    key="train.title",
    max_chars=80,
    label_visibility="collapsed",
    placeholder="Name of the run (optional)",
)
if waiting := len(runs.store().runs(status=("queued",))):
    st.caption(f"Queued runs before it: {waiting}")
need = st.container(key="train_need")
wrong = st.empty()
values = forms.run_form(pictures.form_preview)
obstacle = None if TRAIN.has_problem() else forms.obstacle(values)
if obstacle:
    with wrong.container():
        st.error(escape_markdown(obstacle), icon=":material/error:")
        forms.repair_button(values)
if pressed.button(
    "Start",
    type="primary",
    width="stretch",
    icon=":material/play_arrow:",
    key="train.start",
    disabled=TRAIN.has_problem() or obstacle is not None,
    help="The link has an impossible option. Change any option of the form first."
    if TRAIN.has_problem()
    else None,
):
    links.open_watch(runs.start(RunSpec.build(**values), title.strip()))
if studied.button(
    "Study over seeds",
    width="stretch",
    icon=":material/science:",
    key="train.study",
    disabled=TRAIN.has_problem() or obstacle is not None,
    help="Train several configurations with several seeds each, and test whether they differ.",
):
    links.new_study(forms.changed_options(values))
ask_about_run(None, "train.ask")
# Last, because it takes a moment; the form is drawn before it.
if obstacle is None and not TRAIN.has_problem():
    with need:
        show_need(values)
