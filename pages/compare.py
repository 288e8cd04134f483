"""Compare: two to four runs at the same step or second, on the same z and the same examples."""

from __future__ import annotations

import streamlit as st

from genlab.ui import links
from genlab.ui.chooser import choose_runs
from genlab.ui.live import overlay_runs, time_bar
from genlab.ui.live.duel import options, pair
from genlab.ui.live.metrics import measure, metrics, show_answer
from genlab.ui.live.report import report
from genlab.ui.live.side_by_side import side_by_side, snapshots
from genlab.ui.live.take_home import take_home
from genlab.ui.live.time_cursor import cursor_from_url, cursor_parameters
from genlab.ui.messages import empty, fragment
from genlab.ui.page_states import COMPARE
from genlab.ui.run_table import run_table

st.title("Compare")
chosen = choose_runs()
st.page_link(
    links.page("studies"),
    label="Is the difference real? Studies over seeds",
    icon=":material/science:",
)
if len(chosen) < 2:
    empty("Nothing to compare yet.", "Choose two runs above, or start a pair.")
    with st.expander("Duel: a VAE against a GAN, or all four families", expanded=not chosen):
        pair()
    run_table()
    st.stop()


@fragment()
def dashboard() -> None:
    """The result, the pictures, the curves, the numbers, the options: in this order."""
    names = ",".join(row.id for row in chosen)
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
        with st.expander("Take it home", icon=":material/home:"):
            take_home(chosen, moment)


dashboard()
with st.expander("Duel: a VAE against a GAN, or all four families"):
    pair()
run_table()
