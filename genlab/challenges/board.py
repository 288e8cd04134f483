"""The board of a challenge: results that the program checked, each with its runs.

A result is an item of the store, one for each person and challenge. Nobody hands in a number: what
is entered is judged again from the stored measurements when it is written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from genlab import runs
from genlab.challenges.base import CHALLENGES, Pictures, Training, Verdict
from genlab.challenges.judge import find_metrics, verdict
from genlab.core.errors import GenlabError, RunStateError, SpecError
from genlab.runs import access
from genlab.runs.catalog import RunView
from genlab.runs.items import Item
from genlab.runs.rooms import led_by
from genlab.runs.store import RunStore

#: Characters of a name on the board.
NAME = 30


@dataclass(frozen=True)
class Result:
    """A line of a board.

    Args:
        name: of who entered it, as they call themselves.
        value: the worst number of the first goal; 0 for pictures.
        runs: that reached it; they replay on Watch.
        room: in which it was entered; empty for none.
        when: seconds since the epoch.
        mine: whether it is the visitor's.
    """

    name: str
    value: float
    runs: tuple[str, ...]
    room: str
    when: float
    mine: bool


def read_name(text: str) -> str:
    """A name for the board.

    Raises:
        SpecError: for one that is empty, too long, or has signs that are no text.

    Example:
        >>> read_name("  Ada and Bob ")
        'Ada and Bob'
    """
    name = " ".join(text.split())
    if not 0 < len(name) <= NAME or not name.isprintable():
        raise SpecError("name", text[:NAME], f"allowed: 1 to {NAME} characters")
    return name


def room_now(store: RunStore) -> str:
    """The room that who acts has joined, or leads."""
    actor = access.acting()
    led = led_by(store, actor.id)
    return actor.room or ("" if led is None else led.code)


def enter_runs(store: RunStore, challenge: str, name: str, views: Sequence[RunView]) -> Verdict:
    """Enter runs on the board of a challenge, if they meet it.

    Args:
        store: the run store.
        challenge: its name.
        name: for the board.
        views: the runs, one for each seed.

    Raises:
        NotAllowed: for a browser without an identity.
        SpecError: for a name that is none.
        RunStateError: if the runs do not meet it, are not measured yet, or are somebody else's.
    """
    row = CHALLENGES[challenge]
    if not isinstance(row, Training):
        raise RunStateError("This challenge is met by answers and not by runs.")
    owner = access.require("enter_result").id
    if any(view.row.owner != owner for view in views):
        raise RunStateError("These runs belong to somebody else. Nothing was entered.")
    found = []
    for view in views:
        metrics = find_metrics(view, submit=False)
        if metrics is None:
            raise RunStateError(f"Run {view.id} is not measured yet. Nothing was entered.")
        found.append((view, metrics))
    judged = verdict(row, found)
    if not judged.met:
        raise RunStateError("The goals are not reached. " + " ".join(judged.lines))
    _write(store, challenge, name, judged)
    return judged


def enter_answers(store: RunStore, challenge: str, name: str, answers: Sequence[str]) -> None:
    """Enter the answers to a challenge of pictures, if all are right.

    Raises:
        NotAllowed, SpecError: as :func:`enter_runs`.
        RunStateError: if one is wrong; which one is not told.
    """
    row = CHALLENGES[challenge]
    if not isinstance(row, Pictures):
        raise RunStateError("This challenge is met by runs and not by answers.")
    for answer in answers:
        if answer not in row.choices():
            raise SpecError("answer", answer, f"allowed: {', '.join(row.choices())}")
    access.require("enter_result")
    if not row.is_met(answers):
        raise RunStateError("Not all of them are right. Look again; nothing was entered.")
    _write(store, challenge, name, Verdict(True))


def _write(store: RunStore, challenge: str, name: str, judged: Verdict) -> None:
    actor = access.acting()
    values = {
        "challenge": challenge,
        "name": read_name(name),
        "value": judged.value,
        "runs": list(judged.runs),
        "room": room_now(store),
    }
    item = Item("result", f"{challenge}.{actor.id or 'machine'}", values)
    if not store.put_item(item, action="enter_result", only_new=True):
        store.put_item(item, action="change_result")


def board(store: RunStore, challenge: str, room: str = "") -> list[Result]:
    """The results of a challenge, the best first.

    Args:
        store: the run store.
        challenge: its name.
        room: only those that were entered in this room; empty for all.
    """
    row, me = CHALLENGES[challenge], access.acting().id
    found = [
        Result(
            str(item.values["name"]),
            float(item.values["value"]),
            tuple(map(str, item.values["runs"])),
            str(item.values["room"]),
            item.created,
            item.owner == me,
        )
        for item in store.items("result", f"{challenge}.")
    ]
    found = [one for one in found if not room or one.room == room]
    rises = isinstance(row, Training) and row.goals[0].low is not None
    return sorted(found, key=lambda one: (-one.value if rises else one.value, one.when))


def replays(result: Result) -> list[str]:
    """The runs of a result that are still there."""
    known = []
    for run in result.runs:
        try:
            known.append(runs.open_run(run).id)
        except GenlabError:  # deleted since
            continue
    return known
