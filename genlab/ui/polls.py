"""The question of a room: the teacher asks and reveals it, everybody in the room sees it."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qs

import numpy as np
import streamlit as st

from genlab import runs
from genlab.classroom import polls
from genlab.classroom.asked import Asked, about_run, form_record, outcome
from genlab.classroom.pictures import tally_curves, tally_html
from genlab.classroom.polls import Poll
from genlab.core.errors import GenlabError
from genlab.core.escape import escape_markdown
from genlab.core.measure import Series
from genlab.figures.lessons import panel_figure
from genlab.lessons.questions import DrawnCurve
from genlab.runs.access import acting
from genlab.runs.catalog import RunView
from genlab.runs.rooms import Room, find_room, led_by
from genlab.ui.component import component
from genlab.ui.messages import fragment, plain_sentence
from genlab.ui.pictures import plot

#: While no question is asked, its container takes no space on the page.
STYLE = (
    "<style>.st-key-room_poll_none { position: absolute; height: 0; overflow: hidden; }</style>"
)
#: How many recent runs give the numbers offered for a question about a future run.
RECENT = 20
#: Height of the drawn curves in pixels.
HEIGHT = 280


@fragment()
def panel(code: str, leads: bool) -> None:
    """Draw the present question of a room; the browser reports when it changes.

    Args:
        code: of the room.
        leads: whether the visitor is the teacher.
    """
    store = runs.store()
    poll = polls.find_poll(store, code)
    st.html(STYLE)
    with st.container(
        key=f"room_poll_{'none' if poll is None else poll.number}", border=bool(poll)
    ):
        words = st.container()
        _ballot(code, leads, poll)
        if poll is None:
            return
        with words:
            st.markdown(f":material/how_to_vote: **Question to the room.** {poll.asked.asks}")
        if poll.outcome is not None:
            answer(poll)
        if leads:
            _steer(poll)


def _ballot(code: str, leads: bool, poll: Poll | None) -> None:
    mine = None if poll is None else polls.vote_of(runs.store(), poll, acting().id)
    component("room/poll", "The question", also=("learn/curve",))(
        key="room.poll",
        data={
            "code": code,
            "number": 0 if poll is None else poll.number,
            "revealed": poll is not None and poll.outcome is not None,
            "leads": leads,
            "form": None if poll is None else form_record(poll.asked.form),
            "mine": mine.tolist() if isinstance(mine, np.ndarray) else mine,
        },
        on_changed_change=lambda: None,
    )


def answer(poll: Poll) -> None:
    """Draw the right answer of a revealed question beside the histogram of the votes."""
    found, form = poll.outcome, poll.asked.form
    if found is None:
        return
    tally = polls.tally(runs.store(), poll)
    mine = polls.vote_of(runs.store(), poll, acting().id)
    left, right = st.columns(2)
    with left:
        words = escape_markdown(form.words(found.right))
        st.success(
            f"The answer is **{words}**. {poll.asked.because}", icon=":material/check_circle:"
        )
        people = "vote" if tally.n == 1 else "votes"
        notes = [f"{tally.n} {people}, {tally.right} of them right"]
        if mine is not None:
            verdict = "right" if form.is_right(mine, found.right) else "another one"
            notes.append(f"your vote: {escape_markdown(form.words(mine))} ({verdict})")
        if found.says:
            notes.append(escape_markdown(found.says))
        st.caption(". ".join(note[:1].upper() + note[1:] for note in notes) + ".")
    with right:
        if isinstance(form, DrawnCurve):
            panel = tally_curves(form, poll, tally, mine)
            plot(panel_figure(panel, HEIGHT), key="room.poll.curves", alt=panel.note)
        else:
            st.html(tally_html(poll, tally, mine))


def _steer(poll: Poll) -> None:
    """The buttons of the teacher."""
    shown, gone = st.columns(2)
    if (
        poll.outcome is None
        and shown.button(
            "Reveal the answer",
            type="primary",
            icon=":material/visibility:",
            key="room.poll.reveal",
        )
        and _reveal(poll)
    ):
        st.rerun(scope="fragment")
    if gone.button("Remove the question", icon=":material/close:", key="room.poll.close"):
        polls.close(runs.store(), poll.code)
        st.rerun(scope="fragment")


def _reveal(poll: Poll) -> bool:
    try:
        with st.spinner("Computing the answer"):
            room = find_room(runs.store(), poll.code)
            found = outcome(poll.asked, run_of(poll.asked, room))
            polls.reveal(runs.store(), poll.code, poll.number, found)
    except GenlabError as error:
        st.error(plain_sentence(error), icon=":material/error:")
        return False
    return True


def run_of(asked: Asked, room: Room | None) -> RunView | None:
    """The run that a question is about: its own run, or the run that the room looks at."""
    if asked.source.kind != "run":
        return None
    name = asked.source.run
    if not name and room is not None:
        name = parse_qs(room.query).get("run", [""])[0]
    return runs.open_run(name) if name else None


def my_room() -> Room | None:
    """The room that the visitor leads; None if there is none."""
    return led_by(runs.store(), acting().id)


def ask_button(asked: Asked, key: str, label: str = "Ask the room") -> None:
    """Draw the button that asks the visitor's room a question; nothing without a room."""
    room = my_room()
    if room is not None and st.button(label, icon=":material/how_to_vote:", key=key):
        polls.ask(runs.store(), room.code, asked)
        st.toast("The question was sent. It is at the top of everybody's page.")


def known_series(view: RunView | None) -> Mapping[str, Series]:
    """The numbers that a run measures, or that recent runs have measured, by name."""
    if view is not None:
        return {one.name: one for one in view.series}
    found: dict[str, Series] = {}
    for row in runs.store().runs(limit=RECENT):
        for one in runs.open_run(row.id).series:
            found.setdefault(one.name, one)
    return found


def ask_about_run(view: RunView | None, key: str) -> None:
    """Draw a teacher's question about a number of a run; nothing for a visitor without a room.

    Args:
        view: the run. None for a future run: its answer is read, when it is revealed, from the
            run that the room looks at.
        key: of the widgets.
    """
    room = my_room()
    if room is None:
        return
    with st.popover("Ask the room", icon=":material/how_to_vote:"):
        known = known_series(view)
        if not known:
            st.caption(
                "No run has measured a number yet. You can ask your own questions on the page "
                "Class."
            )
            return
        name = st.selectbox(
            "Number at the last step",
            sorted(known),
            key=f"{key}.series",
            format_func=lambda name: f"{known[name].title} ({known[name].unit or name})",
        )
        low = st.number_input("Smallest guess", value=0.0, key=f"{key}.low", format="%g")
        high = st.number_input("Largest guess", value=10.0, key=f"{key}.high", format="%g")
        if not st.button("Ask", type="primary", key=f"{key}.ask"):
            return
        try:
            run = "" if view is None else view.id
            polls.ask(runs.store(), room.code, about_run(known[name], low, high, run))
        except GenlabError as error:
            st.error(plain_sentence(error), icon=":material/error:")
            return
        st.toast("The question was sent. It is at the top of everybody's page.")
