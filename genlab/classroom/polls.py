"""Polls of a room: open a question, collect the votes, and reveal the answer.

The question is an item of the store, and each vote is one; votes are counted when they are read.
A ``ballot`` is there while votes are taken: a vote is written in one transaction with the look
whether it still is, so that none comes in after the answer was revealed.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from genlab.classroom.asked import Asked, Outcome, asked_of, asked_record
from genlab.core.errors import RunStateError
from genlab.lessons.questions import Answer, Choices, Number
from genlab.runs import access
from genlab.runs.items import Item
from genlab.runs.rooms import MOST, Room, find_room
from genlab.runs.store import RunStore

#: Bars of the histogram of guessed numbers.
BINS = 20
CLOSED = "The answer is revealed, so no more votes are taken. What you voted before still counts."
NO_POLL = "This question is not open any more. Nothing was changed."
FULL = f"{MOST} votes are in, as many as a room has people. Yours was not counted."


@dataclass(frozen=True)
class Poll:
    """A question that a room was asked.

    Args:
        code: of the room.
        number: of the question; grows with each one.
        asked: the question.
        owner: who asked.
        outcome: the right answer once it is revealed; None before.
        ends: seconds since the epoch.
    """

    code: str
    number: int
    asked: Asked
    owner: str
    outcome: Outcome | None = None
    ends: float = 0.0

    @property
    def prefix(self) -> str:
        """With what the ids of its votes begin."""
        return f"{self.code}.{self.number}."

    @property
    def ballot(self) -> tuple[str, str]:
        """The item that is there while votes are taken."""
        return "ballot", f"{self.code}.{self.number}"


@dataclass(frozen=True)
class Tally:
    """The votes on a question, counted.

    Args:
        n: how many there are.
        right: how many of them are right; None before the answer is revealed.
        counts: votes for each choice, or for each bin of a number.
        edges: of the bins of a number, (bins + 1,).
        middle: the median of the numbers, or of the curves at each point.
        low, high: the quartiles of the curves at each point.
    """

    n: int
    right: int | None = None
    counts: tuple[int, ...] = ()
    edges: tuple[float, ...] = ()
    middle: tuple[float, ...] = ()
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()


def find_poll(store: RunStore, code: str) -> Poll | None:
    """The question that a room was asked last; None where there is none."""
    item = store.item("poll", code)
    if item is None:
        return None
    asked, found = asked_of(item.values["asked"]), item.values.get("outcome")
    outcome = None
    if found is not None:
        right = found["right"]
        shown = np.asarray(right, dtype=float) if isinstance(right, list) else right
        outcome = Outcome(shown, str(found["says"]))
    return Poll(code, int(item.values["number"]), asked, item.owner, outcome, item.expires)


def _open_room(store: RunStore, code: str, action: str) -> Room:
    room = find_room(store, code)
    if room is None:
        raise RunStateError(f"There is no room {code!r} any more. Nothing was changed.")
    access.require(action, room.owner)
    return room


def _put(store: RunStore, poll: Poll, action: str) -> None:
    values: dict[str, Any] = {"number": poll.number, "asked": asked_record(poll.asked)}
    if poll.outcome is not None:
        values["outcome"] = poll.outcome.record
    store.put_item(Item("poll", poll.code, values, expires=poll.ends), action=action)


def ask(store: RunStore, code: str, asked: Asked) -> Poll:
    """Ask a room a question, in place of the one before.

    Raises:
        NotAllowed: for anybody but the leader.
        RunStateError: if the room has ended.
    """
    room = _open_room(store, code, "ask")
    known = find_poll(store, code)
    if known is not None:
        _forget(store, known)
    last = 0 if known is None else known.number
    number = max(last + 1, int(time.time() * 1000))
    poll = Poll(code, number, asked, access.acting().id, ends=room.ends)
    store.put_item(Item(*poll.ballot, expires=room.ends), action="ask")
    _put(store, poll, "ask")
    return poll


def reveal(store: RunStore, code: str, number: int, found: Outcome) -> Poll:
    """Take no more votes, and show the answer.

    Args:
        store: the run store.
        code: of the room.
        number: of the question.
        found: its answer (:func:`genlab.classroom.asked.outcome`).

    Raises:
        NotAllowed: for anybody but the leader.
        RunStateError: if another question is asked now, or none.
    """
    _open_room(store, code, "reveal")
    poll = find_poll(store, code)
    if poll is None or poll.number != number:
        raise RunStateError(NO_POLL)
    store.remove(*poll.ballot, action="reveal")
    shown = replace(poll, outcome=poll.outcome or found)
    _put(store, shown, "reveal")
    return shown


def close(store: RunStore, code: str) -> None:
    """Remove the question and its votes.

    Raises:
        NotAllowed: for anybody but the leader.
        RunStateError: if the room has ended.
    """
    _open_room(store, code, "ask")
    if (poll := find_poll(store, code)) is not None:
        _forget(store, poll)
        store.remove("poll", code, action="ask")


def _forget(store: RunStore, poll: Poll) -> None:
    """Take no more votes. Those that are in end with the room and are counted no more."""
    store.remove(*poll.ballot, action="ask")


def cast(store: RunStore, code: str, number: int, given: Any) -> Answer:
    """Vote, or change one's vote: one for each browser, and the last one counts.

    Args:
        store: the run store.
        code: of the room; whether who acts is in it is the caller's to check.
        number: of the question.
        given: the answer.

    Returns:
        The answer as it was counted.

    Raises:
        NotAllowed: for a browser without an identity.
        SpecError: for an answer that is none.
        RunStateError: if the question is closed, or another one is open.
    """
    actor = access.require("vote", access.acting().id)
    if not actor.id:
        raise RunStateError("Browsers vote, and this is a program. Nothing was changed.")
    poll = find_poll(store, code)
    if poll is None or poll.number != number:
        raise RunStateError(NO_POLL)
    if actor.id == poll.owner:
        raise RunStateError("Who asks does not vote. Nothing was changed.")
    if poll.outcome is not None:
        raise RunStateError(CLOSED)
    answer = poll.asked.form.read(given)
    kept = [round(float(v), 5) for v in answer] if isinstance(answer, np.ndarray) else answer
    item = Item("vote", poll.prefix + actor.id, {"answer": kept}, expires=poll.ends)
    action = "vote"
    if store.item("vote", item.id) is not None:
        action = "change_vote"
    elif len(store.items("vote", poll.prefix)) >= MOST:
        raise RunStateError(FULL)
    if not store.put_item(item, action=action, while_open=poll.ballot):
        raise RunStateError(CLOSED)
    return answer


def vote_of(store: RunStore, poll: Poll, voter: str) -> Answer | None:
    """What somebody voted; None where they did not yet."""
    item = store.item("vote", poll.prefix + voter) if voter else None
    return None if item is None else poll.asked.form.read(item.values["answer"])


def tally(store: RunStore, poll: Poll) -> Tally:
    """The votes on a question, counted from the rows of the store."""
    form = poll.asked.form
    votes = [form.read(item.values["answer"]) for item in store.items("vote", poll.prefix)]
    right = None
    if poll.outcome is not None:
        right = sum(form.is_right(vote, poll.outcome.right) for vote in votes)
    n = len(votes)
    if isinstance(form, Choices):
        counts = tuple(votes.count(place) for place in range(len(form.options)))
        return Tally(n, right, counts)
    if isinstance(form, Number):
        values = [float(vote) for vote in votes]
        bars, edges = np.histogram(values, BINS, (form.low, form.high))
        middle = (float(np.median(values)),) if values else ()
        return Tally(n, right, tuple(map(int, bars)), tuple(map(float, edges)), middle)
    return _curves(votes, right)


def _curves(votes: list[Any], right: int | None) -> Tally:
    if not votes:
        return Tally(0, right)
    low, middle, high = np.quantile(np.stack(votes), [0.25, 0.5, 0.75], axis=0)
    rows = [tuple(round(float(v), 5) for v in row) for row in (low, middle, high)]
    return Tally(len(votes), right, low=rows[0], middle=rows[1], high=rows[2])


def summary(store: RunStore, code: str) -> Mapping[str, Any] | None:
    """What the browsers of a room ask every moment: which question, and how many votes are in."""
    poll = find_poll(store, code)
    if poll is None:
        return None
    votes = len(store.items("vote", poll.prefix))
    return {"number": poll.number, "revealed": poll.outcome is not None, "votes": votes}
