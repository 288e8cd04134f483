"""The live view of Watch and the choice of its run; the URL keeps both."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from genlab import runs
from genlab.core.errors import RunNotFound
from genlab.core.escape import escape_markdown
from genlab.runs.access import may
from genlab.runs.search import Heading
from genlab.runs.store import RunRow
from genlab.ui.live import live
from genlab.ui.live.controls import toggle_pause
from genlab.ui.messages import empty, fragment, plain_sentence
from genlab.ui.page_states import VIEW, WATCH

#: Session key of the runs that this page has shown.
SHOWN = "watch.shown"


def say_missing(run: str, error: RunNotFound) -> None:
    """Show that a run does not exist; for a run shown before, only that it was deleted."""
    if run in st.session_state.get(SHOWN, ()):
        text = f"The run {escape_markdown(run)} was deleted. Another run is shown."
        st.info(text, icon=":material/delete:")
    else:
        st.error(f"{plain_sentence(error)} Another run is shown.", icon=":material/error:")


def choose_run(rows: Mapping[str, Heading], asked: str) -> str:
    """Draw the list of runs.

    Args:
        rows: the runs by id; at least one.
        asked: id of the run that the URL names.

    Returns:
        The id of the chosen run: by default the URL's run, else the newest active run.
    """
    active = [run for run, row in rows.items() if row.status in ("running", "paused", "queued")]
    names = list(rows)
    first = asked if asked in rows else (active or names)[0]
    picked = st.selectbox(
        "Run",
        names,
        index=names.index(first),
        format_func=lambda run: f"{rows[run].name} · {run}",
        key=f"watch.run.{first}",
        label_visibility="collapsed",
    )
    if picked != first:
        WATCH.write(run=picked)
        st.rerun()
    st.session_state.setdefault(SHOWN, set()).add(picked)
    return picked


def present_run() -> None:
    """Draw only the run of the URL, else the newest run."""
    asked = WATCH.read().run
    rows = [runs.open_run(asked).row] if asked else runs.store().runs(limit=1)
    if not rows:
        empty("There is no run to present yet.", "Start one of the presets first.")
        return
    dashboard(rows[0])


@fragment()
def dashboard(row: RunRow) -> None:
    """Draw the live view; the URL stores its step and its settings."""
    asked = WATCH.read()
    key = f"live.{row.id}"
    step, view = live(
        [row],
        step=None if asked.step is None else min(asked.step, row.steps),
        key=key,
        play=(lambda: toggle_pause(row.id)) if may("pause", row.owner) else None,
        view={name: text for name in VIEW if (text := getattr(asked, name))},
        bar=key,
    )
    WATCH.write(run=row.id, step=step, **{name: view.get(name) or None for name in VIEW})
