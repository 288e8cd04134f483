"""The buttons of a run: they follow its real status, and answer at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st

from genlab import runs
from genlab.errors import GenlabError, RunNotFound
from genlab.registry import ALGORITHMS, DATASETS, MODELS, OBJECTIVES
from genlab.runs.store import ACTIVE, RESUMABLE, RunRow
from genlab.spec import KINDS
from genlab.ui.messages import fragment, plain, sentence

ADVICE = {
    "diverged": "A loss became infinite or not a number. The last good snapshot is kept and can "
    "be explored. Start it again on Train with a smaller learning rate.",
    "failed": "What was learned up to the last snapshot is kept. Put right what the message "
    "names, then resume.",
    "lost": "Its process ended without saying why (killed, or the machine was restarted). "
    "Resume goes on from the last snapshot, as if nothing had happened.",
    "stopped": "It was stopped by request; Resume goes on from there.",
}
TABLES = {"data": DATASETS, "model": MODELS, "objective": OBJECTIVES, "algorithm": ALGORITHMS}


def advice(row: RunRow) -> None:
    """Say what happened to a run that did not simply end, and what to do about it."""
    if row.status not in ADVICE:
        return
    text = f"**This run is {row.status}** at step {row.step:,}. {ADVICE[row.status]}"
    if row.message:
        text += f"\n\n{plain(row.message)}"
    if row.status == "stopped":
        st.info(text, icon=":material/stop_circle:")
    else:
        st.error(text, icon=":material/error:")


def controls(row: RunRow) -> None:
    """The row of buttons; the live view makes the page rerun when the status changes."""
    fragment()(_controls)(row.id)


def _controls(run: str) -> None:
    try:
        row = runs.store().get(run)
    except RunNotFound:
        st.rerun()
    wished = st.session_state.setdefault("live.wished", {})
    if wished.get(run, ("", ""))[1] != row.status:
        wished.pop(run, None)
    waiting = run in wished
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        if row.status == "running":
            _wish(row, "pause", "Pause", ":material/pause:", waiting)
        if row.status == "paused":
            _wish(row, "resume", "Resume", ":material/play_arrow:", waiting)
            _wish(row, "step", "One step", ":material/skip_next:", False, n=1)
        if row.status in ACTIVE:
            _wish(row, "stop", "Stop", ":material/stop:", waiting)
        if row.status in RESUMABLE:
            _act("Resume", ":material/replay:", lambda: runs.resume(run), primary=True)
        if row.status not in ACTIVE:
            with st.popover("Delete", icon=":material/delete:"):
                st.write("The run, its numbers, pictures and snapshots are removed for good.")
                _act("Delete for good", ":material/delete_forever:", lambda: runs.delete(run))
        if waiting:
            st.caption(f"{wished[run][0]} asked for; it takes effect at the next step.")


def _wish(row: RunRow, name: str, label: str, icon: str, waiting: bool, **values: Any) -> None:
    st.button(
        label,
        key=f"live.{name}",
        icon=icon,
        disabled=waiting,
        on_click=_ask,
        args=(row, name, label, values),
    )


def _ask(row: RunRow, name: str, label: str, values: Mapping[str, Any]) -> None:
    try:
        runs.request(row.id, name, **values)
    except GenlabError as error:
        st.toast(sentence(error), icon=":material/error:")
        return
    if name != "step":
        st.session_state["live.wished"][row.id] = (label, row.status)


def _act(label: str, icon: str, do: Callable[[], None], *, primary: bool = False) -> None:
    kind = "primary" if primary else "secondary"
    if not st.button(label, key=f"live.{label}", icon=icon, type=kind):  # type: ignore[arg-type]
        return
    try:
        do()
    except GenlabError as error:
        st.toast(sentence(error), icon=":material/error:")
        return
    st.rerun()


def facts(spec: Mapping[str, Any]) -> None:
    """What is trained, on what and how: the names in bold, every option with its value."""
    titles = {}
    for kind in KINDS:
        name = str(spec.get(kind, ""))
        titles[kind] = TABLES[kind].row(name).title if name in TABLES[kind] else name
    st.markdown(
        " · ".join(f"{kind.capitalize()}: **{plain(title)}**" for kind, title in titles.items())
    )
    rest = {name: value for name, value in spec.items() if name not in KINDS}
    st.table({"option": list(rest), "value": [str(value) for value in rest.values()]})
