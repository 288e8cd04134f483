"""Compare: two to four runs at the same step or second, on the same z and the same examples."""

from __future__ import annotations

import streamlit as st

from genlab import runs
from genlab.core.errors import RunNotFound
from genlab.ui import cards
from genlab.ui.live import overlay_runs, time_bar
from genlab.ui.live.duel import options, pair
from genlab.ui.live.metrics import measure, metrics, show_answer
from genlab.ui.live.report import report
from genlab.ui.live.side_by_side import side_by_side, snapshots
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

if len(picked) < 2:
    empty("Nothing to compare yet.", "Choose two runs above, or start a pair.")
    with st.expander("Duel: a VAE against a GAN with the same decoder", expanded=not rows):
        pair()
    st.stop()
chosen = [rows[run] for run in picked]


@fragment()
def dashboard() -> None:
    """The result, the pictures, the curves, the numbers, the options: in this order."""
    names = ",".join(picked)
    places = ("answer", "bar", "pictures", "curves", "numbers", "options", "report")
    place = {name: st.container(key=f"compare_{name}") for name in places}
    with place["bar"]:
        time_bar(f"compare.{names}")
    with place["curves"]:
        st.header("Curves")
        moment = overlay_runs(
            chosen, cursor_from_url(), key=f"compare.live.{names}", bar=f"compare.{names}"
        )
    COMPARE.write(runs=names, **cursor_parameters(moment))
    at = snapshots(chosen, moment)
    with place["numbers"]:
        st.header("On held-out examples")
        known = measure(chosen, at)
        metrics(chosen, known)
    with place["answer"]:
        show_answer(chosen, known)
    with place["pictures"]:
        side_by_side(chosen, at)
    with place["options"]:
        st.header("Options")
        options(chosen)
    with place["report"]:
        report(chosen, at, moment)


dashboard()
with st.expander("Duel: a VAE against a GAN with the same decoder"):
    pair()
