"""Compare: two to four runs at the same step or second, on the same z and the same examples."""

from __future__ import annotations

import streamlit as st

from genlab import runs
from genlab.core.errors import RunNotFound
from genlab.ui import cards
from genlab.ui.live import overlay_runs
from genlab.ui.live.duel import nets, pair
from genlab.ui.live.metrics import metrics
from genlab.ui.live.report import report
from genlab.ui.live.side_by_side import side_by_side, snapshots
from genlab.ui.live.take_home import take_home
from genlab.ui.live.time_cursor import cursor_from_url, cursor_parameters
from genlab.ui.messages import empty, fragment, plain_sentence
from genlab.ui.page_states import COMPARE

MOST = 4

st.title("Compare")
rows = {row.id: row for row in runs.store().runs()}
rows |= {view.id: view.row for view in runs.list_shipped()}
asked = [run for run in dict.fromkeys(COMPARE.read().runs.split(",")) if run]
for run in asked:
    if run not in rows:
        try:
            rows[run] = runs.open_run(run).row
        except RunNotFound as error:
            st.error(plain_sentence(error), icon=":material/error:")
if len(asked) > MOST:
    st.warning(f"At most {MOST} runs fit side by side; the first {MOST} are shown.")
first = [run for run in asked if run in rows][:MOST]

picked = st.multiselect(
    "Runs",
    list(rows),
    default=first,
    max_selections=MOST,
    format_func=lambda run: f"{cards.name(rows[run])} · {run}",
    key=f"compare.runs.{','.join(first)}",
    placeholder=f"Choose two to {MOST} runs",
)
if picked != first:
    COMPARE.write(runs=",".join(picked) or None)
    st.rerun()

with st.expander("Duel: a VAE against a GAN with the same decoder", expanded=not rows):
    pair()
if len(picked) < 2:
    empty("Nothing to compare yet.", "Choose two runs above, or start a pair.")
    st.stop()
chosen = [rows[run] for run in picked]
nets(chosen)


@fragment()
def dashboard() -> None:
    """The live component and, below it, what follows the slider when it is let go."""
    names = ",".join(picked)
    moment = overlay_runs(chosen, cursor_from_url(), key=f"compare.live.{names}")
    COMPARE.write(runs=names, **cursor_parameters(moment))
    at = snapshots(chosen, moment)
    side_by_side(chosen, at)
    metrics(chosen, at)
    report(chosen, at, moment)
    st.subheader("Take it home")
    take_home(chosen, moment)


dashboard()
