"""The challenges on the page Class: what to do, your runs, the check, and the board."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from genlab import runs
from genlab.challenges import CHALLENGES, Pictures, Training
from genlab.challenges.board import board, enter_answers, enter_runs, replays, room_now
from genlab.challenges.judge import advance, entries, find_metrics, near_misses, verdict
from genlab.core.errors import GenlabError
from genlab.core.escape import escape_markdown
from genlab.figures.lessons import panel_figure
from genlab.lessons.panels import Curves
from genlab.runs.access import acting
from genlab.runs.catalog import RunView
from genlab.ui import links
from genlab.ui.messages import fragment, plain_sentence
from genlab.ui.pictures import plot

KEY = "challenge"
#: The metrics of a run by name.
Metrics = Mapping[str, Mapping[str, Any]]
#: Seconds between two polls of active runs.
LOOK = 3.0
#: Height of a picture in pixels.
HEIGHT = 260


def challenges() -> None:
    """Draw all challenges, each folded."""
    st.header("Challenges", anchor=False)
    st.caption(
        "Each challenge has limits, a number and a threshold. The program trains everybody's "
        "answer with the same seeds. The worse end of the 95 % interval must reach the threshold."
    )
    for row in CHALLENGES.rows():
        with st.expander(f"**{escape_markdown(row.title)}** · {escape_markdown(row.summary)}"):
            _challenge(row.name)


@fragment()
def _challenge(name: str) -> None:
    row = CHALLENGES[name]
    st.markdown(row.asks)
    for goal in row.goals if isinstance(row, Training) else ():
        st.markdown(f"- Goal: **{escape_markdown(goal.text)}**")
    for limit in row.limits:
        st.markdown(f"- {escape_markdown(limit[:1].upper() + limit[1:])}")
    if row.hint:
        st.caption(row.hint)
    if not acting().id:
        st.caption("Results belong to a browser. Allow cookies for this page to enter one.")
    elif isinstance(row, Training):
        _training(name, row)
    else:
        _pictures(name, row)
    _board(name)


def _who(name: str) -> str:
    return st.text_input(
        "Name on the board", key=f"{KEY}.{name}.who", max_chars=30, placeholder="Ada and Bob"
    )


def _training(name: str, row: Training) -> None:
    if row.is_repair:
        text = (
            "Starts the run that you are asked to repair, with the first seed. Fork it on Watch."
        )
        if st.button("Start the given run", key=f"{KEY}.{name}.start", help=text):
            links.open_watch(runs.start(row.given(row.seeds[0]), "the given run"))
    elif st.button("Open Train within the limits", key=f"{KEY}.{name}.start"):
        links.train({k: str(v) for k, v in {**row.start, "seed": row.seeds[0]}.items()})
    mine = entries(row, runs.store())
    if not mine:
        st.caption("None of your runs is within the limits yet.")
        for view, wrong in near_misses(row, runs.store()):
            run = escape_markdown(view.row.title or view.id)
            st.caption(f"Not **{run}**: {escape_markdown(' '.join(wrong))}")
        return
    views = {view.id: view for view in mine}
    picked = st.selectbox(
        "Your run",
        list(views),
        key=f"{KEY}.{name}.run",
        format_func=lambda run: f"{views[run].row.title or run} · {run}",
    )
    who = _who(name)
    if st.button("Check it and enter it", key=f"{KEY}.{name}.enter", type="primary"):
        st.session_state[f"{KEY}.{name}.entry"] = picked
    entry = st.session_state.get(f"{KEY}.{name}.entry")
    if entry in views:
        _check(name, entry, who)


@fragment(run_every=LOOK)
def _check(name: str, run: str, who: str) -> None:
    """Train the missing seeds, measure the runs, check the goals, and enter the result."""
    row = CHALLENGES[name]
    if not isinstance(row, Training) or st.session_state.get(f"{KEY}.{name}.entry") != run:
        return
    found = advance(row, runs.open_run(run), runs.store())
    ready = [view for view in found if view.row.status == "done"]
    numbers = [(view, find_metrics(view, submit=True)) for view in ready]
    done = [(view, metrics) for view, metrics in numbers if metrics is not None]
    if len(done) < len(row.seeds):
        st.info(
            f"{len(done)} of {len(row.seeds)} seeds are trained and measured. Runs with your "
            f"options were started for the missing seeds.",
            icon=":material/hourglass_top:",
        )
        return
    _verdict(name, row, done, who)


def _verdict(name: str, row: Training, done: Sequence[tuple[RunView, Metrics]], who: str) -> None:
    judged = verdict(row, done)
    for line in judged.lines:
        st.markdown(f"- {escape_markdown(line)}")
    if not judged.met:
        st.warning(
            "The goal is not reached yet. Change something and try again.", icon=":material/flag:"
        )
        return
    try:
        enter_runs(runs.store(), name, who, [view for view, _ in done])
    except GenlabError as error:
        st.error(plain_sentence(error), icon=":material/error:")
        return
    st.success("The goal is reached. Your result is on the board.", icon=":material/emoji_events:")
    st.session_state.pop(f"{KEY}.{name}.entry")


@st.cache_data(max_entries=32, show_spinner="Computing the picture")
def drawn(name: str, answer: str) -> Curves:
    """The picture of an answer; cached, because each picture needs a fit."""
    row = CHALLENGES[name]
    assert isinstance(row, Pictures)
    return row.draw(answer)


def _pictures(name: str, row: Pictures) -> None:
    titles = row.choices()
    given = []
    for k, hidden in enumerate(row.hidden):
        left, right = st.columns([3, 2], vertical_alignment="center")
        with left:
            panel = drawn(name, hidden)
            plot(panel_figure(panel, HEIGHT), key=f"{KEY}.{name}.plot.{k}", alt=panel.note)
        given.append(
            right.radio(
                f"Picture {k + 1}",
                list(titles),
                index=None,
                key=f"{KEY}.{name}.{k}",
                format_func=lambda one: escape_markdown(titles[one]),
            )
        )
    who = _who(name)
    if not st.button("Check and enter", key=f"{KEY}.{name}.enter", disabled=None in given):
        return
    try:
        enter_answers(runs.store(), name, who, [str(one) for one in given])
    except GenlabError as error:
        st.error(plain_sentence(error), icon=":material/error:")
        return
    st.success(
        "All answers are right. Your result is on the board.", icon=":material/emoji_events:"
    )


def _board(name: str) -> None:
    room = room_now(runs.store())
    found = board(runs.store(), name, room)
    where = f"room {room}" if room else "this server"
    if not found:
        st.caption(f"The board of {where} is empty.")
        return
    st.markdown(f"**Board of {where}**")
    for place, one in enumerate(found, 1):
        words, button = st.columns([4, 1], vertical_alignment="center")
        value = f" · {one.value:.4g}" if one.runs else ""
        you = " (you)" if one.mine else ""
        words.markdown(f"**{place}** {escape_markdown(one.name)}{you}{value}")
        known = replays(one)
        if known and button.button(
            "Replay", key=f"{KEY}.{name}.replay.{place}", icon=":material/replay:"
        ):
            links.open_watch(known[0])
