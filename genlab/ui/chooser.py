"""The field in which the runs of Compare are chosen; the link sets its first value."""

from __future__ import annotations

import streamlit as st

from genlab import runs
from genlab.core.errors import RunNotFound
from genlab.runs.store import RunRow
from genlab.ui import cards
from genlab.ui.messages import plain_sentence
from genlab.ui.page_states import COMPARE

#: The largest number of runs side by side.
MOST = 4
#: How many of the newest runs the field offers; the table lists all runs.
OFFERED = 40


def choose_runs() -> list[RunRow]:
    """Draw the field of runs and return the chosen ones."""
    names = {row.id: row.name for row in runs.store().headings(limit=OFFERED)}
    names |= {view.id: cards.name(view.row) for view in runs.list_shipped()}
    asked = [run for run in dict.fromkeys(COMPARE.read().runs.split(",")) if run]
    for run in asked:
        if run not in names:
            try:
                names[run] = cards.name(runs.open_run(run).row)
            except RunNotFound as error:
                st.error(plain_sentence(error), icon=":material/error:")
    if len(asked) > MOST:
        st.warning(f"At most {MOST} runs fit side by side; the first {MOST} are shown.")
    first = [run for run in asked if run in names][:MOST]
    picked = st.multiselect(
        "Runs",
        list(names),
        default=first,
        max_selections=MOST,
        format_func=lambda run: f"{names[run]} · {run}",
        key=f"compare.runs.{','.join(first)}",
        placeholder=f"Choose two to {MOST} runs",
    )
    if picked != first:
        COMPARE.write(runs=",".join(picked) or None)
        st.rerun()
    return [runs.open_run(run).row for run in picked]
