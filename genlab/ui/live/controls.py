"""The buttons of a run; its stored status decides which are active."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st

from genlab import runs
from genlab.core.errors import GenlabError, RunNotFound, SpecError
from genlab.core.escape import escape_markdown
from genlab.core.options import Option
from genlab.core.run_spec import KINDS, RunSpec
from genlab.core.tables import ALGORITHMS, DATASETS, MODELS, OBJECTIVES
from genlab.runs.access import may
from genlab.runs.store import ACTIVE, RESUMABLE, RunRow
from genlab.ui import links
from genlab.ui.access import VIEWER
from genlab.ui.live.share import share
from genlab.ui.messages import fragment, plain_sentence
from genlab.ui.page_states import WATCH
from genlab.ui.presenting import present_button

ADVICE = {
    "diverged": "A loss became infinite or not a number. The last good snapshot is kept and can "
    "be explored. Start a new run on Train with a smaller learning rate.",
    "failed": "The last snapshot is kept. Fix the problem in the message, then resume.",
    "lost": "Its process ended without a message (it was killed, or the machine "
    "restarted). Resume continues from the last snapshot.",
    "stopped": "It was stopped on request. Resume continues from the last snapshot.",
}
TABLES = {"data": DATASETS, "model": MODELS, "objective": OBJECTIVES, "algorithm": ALGORITHMS}
#: The label of each largest number of steps per second; 0 is no limit.
PACES = {0.0: "Full speed"} | {rate: f"{rate:g} steps/s" for rate in (5.0, 2.0, 1.0, 0.5)}


def show_advice(row: RunRow) -> None:
    """Show why a run did not end normally and what to do about it."""
    if row.status not in ADVICE:
        return
    text = f"**This run is {row.status}** at step {row.step:,}. {ADVICE[row.status]}"
    if row.message:
        text += f"\n\n{escape_markdown(row.message)}"
    if row.status == "stopped":
        st.info(text, icon=":material/stop_circle:")
    else:
        st.error(text, icon=":material/error:")


def show_wait(row: RunRow) -> None:
    """Offer a pre-trained model while a run waits in the queue."""
    shipped = runs.list_shipped() if row.status == "queued" else []
    if not shipped:
        return
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        st.markdown(":material/hourglass_empty: While it waits, look at a trained model:")
        for view in shipped:
            label = view.row.title or view.id
            if st.button(label, key=f"wait.{view.id}", icon=":material/explore:", type="tertiary"):
                links.explore(view.id)


def controls(row: RunRow) -> None:
    """Draw the row of buttons; the live view reruns the page when the status changes."""
    fragment()(_controls)(row.id)


def toggle_pause(run: str) -> None:
    """Pause a running run or resume a paused one; does nothing for visitors who do not own it."""
    try:
        row = runs.store().get(run)
    except RunNotFound:
        return
    status = row.status if may("pause", row.owner) else ""
    if wish := {"running": "pause", "paused": "resume"}.get(status):
        _request(run, wish)


def adjustable_options(spec: Mapping[str, Any]) -> tuple[tuple[str, ...], tuple[Option, ...]]:
    """The players of a run and the options that can change while it runs.

    Both come from its algorithm. A run that this version cannot describe has none.

    Example:
        >>> players, options = adjustable_options({"model": "gan", "data": "ring"})
        >>> players, [option.name for option in options]
        (('discriminator', 'generator'), ['lr'])
    """
    return _handles(json.dumps(dict(spec), sort_keys=True, default=str))


@functools.lru_cache(maxsize=256)
def _handles(spec: str) -> tuple[tuple[str, ...], tuple[Option, ...]]:
    try:
        built = RunSpec.from_record(json.loads(spec))
    except GenlabError:
        return (), ()
    algorithm = ALGORITHMS[built.algorithm](built)
    table = [row for row in algorithm.Options.table() if row.name in algorithm.changeable]
    return algorithm.players, tuple(table)


def _controls(run: str) -> None:
    try:
        row = runs.store().get(run)
    except RunNotFound:
        st.rerun()
    if not may("stop", row.owner):
        present_button("live.present")
        st.caption(VIEWER)
        return
    wished = st.session_state.setdefault("live.wished", {})
    if wished.get(run, ("", ""))[1] != row.status:
        wished.pop(run, None)
    waiting = run in wished
    players, options = adjustable_options(row.spec)
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        if row.status == "running":
            _wish(row, "pause", "Pause", ":material/pause:", waiting)
        if row.status == "paused":
            _wish(row, "resume", "Resume", ":material/play_arrow:", waiting)
            _steps(row, players if len(players) > 1 else ())
        if row.status in ACTIVE:
            _wish(row, "stop", "Stop", ":material/stop:", waiting)
        if row.status in {"running", "paused"}:
            _speed(row)
            for option in options:
                _change(row, option)
        if row.status in RESUMABLE:
            _act("Resume", ":material/replay:", lambda: runs.resume(run), primary=True)
        present_button("live.present")
        share(row)
        if row.status not in ACTIVE:
            with st.popover("Delete", icon=":material/delete:"):
                st.write("The run, its numbers, pictures and snapshots are deleted permanently.")
                _act("Delete permanently", ":material/delete_forever:", lambda: _delete(run))
        if waiting:
            st.caption(f"{wished[run][0]} requested; it takes effect at the next step.")


def _delete(run: str) -> None:
    """Delete a run; the page then shows another run."""
    runs.delete(run)
    WATCH.write()
    st.toast("The run was deleted.", icon=":material/delete:")


def _steps(row: RunRow, players: tuple[str, ...]) -> None:
    """Draw single steps of a paused run: a whole step, or an update of one player alone."""
    _wish(row, "step", "One step", ":material/skip_next:", False, n=1)
    for player in players:
        icon, key = ":material/person_play:", f"step.{player}"
        _wish(row, "step", f"Step {player}", icon, False, key=key, n=1, player=player)
    with st.popover("N steps", icon=":material/fast_forward:"):
        n = int(st.number_input("How many steps", 1, 10_000, 10, key="live.n"))
        words = f"{n:,} step{'s' * (n > 1)}"
        _wish(row, "step", words, ":material/fast_forward:", False, key="steps", n=n)
        for player in players:
            text, key = f"{words} of the {player} alone", f"steps.{player}"
            icon = ":material/person_play:"
            _wish(row, "step", text, icon, False, key=key, n=n, player=player)


def _speed(row: RunRow) -> None:
    """Draw the choice of a speed; it starts empty, because another session may have set it."""
    key = f"live.pace.{row.id}"

    def chosen() -> None:
        _request(row.id, "pace", rate=st.session_state[key] or 0.0)

    st.selectbox(
        "Speed",
        list(PACES),
        index=None,
        format_func=lambda rate: PACES[rate],
        key=key,
        on_change=chosen,
        placeholder="Slow motion",
        label_visibility="collapsed",
        help="The largest number of steps per second. Every step is shown.",
        width=160,
    )


def _change(row: RunRow, option: Option) -> None:
    """Draw the change of an option of an active run."""
    title = option.label or option.help[:1].upper() + option.help[1:]
    with (
        st.popover(title, icon=":material/tune:"),
        st.form(f"live.set.{option.name}.{row.id}", border=False),
    ):
        first = f"{row.spec.get(option.name, option.default)}"
        text = st.text_input(
            f"{title} from the next step on",
            first,
            help=f"{option.allowed}; {first} when the run started",
            key=f"live.value.{option.name}.{row.id}",
        )
        if not st.form_submit_button("Change it", type="primary"):
            return
        try:
            value = option.parse(text.strip())
        except SpecError as error:
            words = f"{text!r} is not possible; {error.allowed}. The run continues unchanged."
            st.error(escape_markdown(words), icon=":material/error:")
            return
        if _request(row.id, "set", **{option.name: value}):
            st.success(f"{value:g} from the next step on.", icon=":material/check:")


def _wish(
    row: RunRow, name: str, label: str, icon: str, waiting: bool, *, key: str = "", **values: Any
) -> None:
    st.button(
        label,
        key=f"live.{key or name}",
        icon=icon,
        disabled=waiting,
        on_click=_ask,
        args=(row, name, label, values),
    )


def _ask(row: RunRow, name: str, label: str, values: Mapping[str, Any]) -> None:
    if _request(row.id, name, **values) and name != "step":
        st.session_state["live.wished"][row.id] = (label, row.status)


def _request(run: str, name: str, **values: Any) -> bool:
    """Send a command to a run; return whether it was accepted."""
    try:
        runs.request(run, name, **values)
    except GenlabError as error:
        st.toast(plain_sentence(error), icon=":material/error:")
        return False
    return True


def _act(label: str, icon: str, do: Callable[[], None], *, primary: bool = False) -> None:
    kind = "primary" if primary else "secondary"
    if not st.button(label, key=f"live.{label}", icon=icon, type=kind):  # type: ignore[arg-type]
        return
    try:
        do()
    except GenlabError as error:
        st.toast(plain_sentence(error), icon=":material/error:")
        return
    st.rerun()


def facts(spec: Mapping[str, Any]) -> None:
    """Draw the model, data, objective and algorithm of a run, and every option with its value."""
    titles = {}
    for kind in KINDS:
        name = str(spec.get(kind, ""))
        titles[kind] = TABLES[kind].row(name).title if name in TABLES[kind] else name
    st.markdown(
        " · ".join(
            f"{kind.capitalize()}: **{escape_markdown(title)}**" for kind, title in titles.items()
        )
    )
    rest = {name: value for name, value in spec.items() if name not in KINDS}
    st.table({"option": list(rest), "value": [str(value) for value in rest.values()]})
