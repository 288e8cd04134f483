"""The form of a study of existing runs."""

from __future__ import annotations

import streamlit as st

from genlab import runs, studies
from genlab.core.errors import GenlabError
from genlab.core.escape import escape_markdown
from genlab.runs.store import ACTIVE
from genlab.ui import links
from genlab.ui.messages import plain_sentence

#: Runs that are offered, the newest first.
OFFERED = 500
#: The longest title of a study, in characters.
LONGEST = 80


def study_of_runs() -> None:
    """Draw a choice of runs, the arms that they form, and the button that makes the study."""
    st.markdown(
        "Choose runs that have ended. Runs whose options differ only in the seed form one arm. "
        "Nothing is trained."
    )
    store = runs.store()
    titles = {
        row.id: row.name for row in store.headings(limit=OFFERED) if row.status not in ACTIVE
    }
    chosen = st.multiselect(
        "Runs",
        list(titles),
        format_func=lambda run: f"{titles[run]} · {run}",
        key="studies.existing",
        placeholder="Choose the runs of all arms",
    )
    arms: dict[str, list[str]] = {}
    if chosen:
        try:
            arms = studies.group_runs([store.get(run) for run in chosen])
        except GenlabError as error:
            st.error(plain_sentence(error), icon=":material/error:")
    for arm, ids in arms.items():
        seeds = ", ".join(str(store.get(run).spec.get("seed", 0)) for run in ids)
        st.markdown(f"- **{escape_markdown(arm)}**: seeds {seeds}")
    label = f"Make a study of {len(chosen)} runs" if arms else "Make a study"
    if st.button(label, type="primary", disabled=not arms, key="studies.group"):
        title = " or ".join(arms)[:LONGEST]
        try:
            study = studies.from_runs(arms, name=studies.new_name(), title=title)
        except GenlabError as error:
            st.error(plain_sentence(error), icon=":material/error:")
            return
        links.open_study(study.name)
