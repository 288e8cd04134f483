"""Who may change what: one table of actions, and who acts at the moment.

The store asks :func:`require` wherever something is written, so that a page, a route, a link and
a forged request meet the same answer; widgets ask :func:`may` to show what would be refused.

The command line and Python on the machine own everything. A server gives each browser an identity
(:mod:`genlab.serving.identity`) and acts for it by :func:`acting_as`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Literal

from genlab.core.errors import NotAllowed

Role = Literal["owner", "admin", "machine", "anybody"]
#: What an action changes; the actor owns what the action creates.
Thing = Literal[
    "run", "set", "vector", "job", "room", "ownership", "vote", "questions", "result", "study"
]


@dataclass(frozen=True)
class Actor:
    """Who acts.

    Args:
        id: of a browser; empty where there is none.
        machine: whether it is a program or a visitor of this machine, who owns everything.
        admin: whether it knows the secret ``GENLAB_ADMIN``.
        room: the room that it has joined; empty for none.
    """

    id: str = ""
    machine: bool = False
    admin: bool = False
    room: str = ""

    @property
    def is_limited(self) -> bool:
        """Whether limits of an owner hold for it."""
        return not (self.machine or self.admin)


#: The command line, Python, the supervisor and its workers.
MACHINE = Actor(machine=True)
#: A browser without an identity: it may look.
NOBODY = Actor()


@dataclass(frozen=True)
class Action:
    """A row of the table: an action that changes something.

    Args:
        does: its description, as the end of "may ...".
        changes: the kind of thing.
        who: the roles that may.
    """

    does: str
    changes: Thing
    who: frozenset[Role]


OWNERS: frozenset[Role] = frozenset({"owner", "admin", "machine"})
ANYBODY: frozenset[Role] = frozenset({"anybody", "admin", "machine"})
WORKERS: frozenset[Role] = frozenset({"machine"})

#: All actions that change something. Commands of a run stand under their own names
#: (:class:`genlab.train.controls.CommandLike`).
ACTIONS: dict[str, Action] = {
    "start": Action("start a run", "run", ANYBODY),
    "fork": Action("fork a run into one of their own", "run", ANYBODY),
    "pause": Action("pause it", "run", OWNERS),
    "resume": Action("let it continue", "run", OWNERS),
    "stop": Action("stop it", "run", OWNERS),
    "step": Action("take single steps", "run", OWNERS),
    "pace": Action("change its speed", "run", OWNERS),
    "set": Action("change its options", "run", OWNERS),
    "note": Action("add to its records", "run", OWNERS),
    "edit": Action("rename or tag it", "run", OWNERS),
    "delete": Action("delete it", "run", OWNERS),
    "work": Action("work on it", "run", WORKERS),
    "add_set": Action("bring a set", "set", ANYBODY),
    "delete_set": Action("delete it", "set", OWNERS),
    "save_vector": Action("save a vector under a new name", "vector", ANYBODY),
    "change_vector": Action("replace or forget it", "vector", OWNERS),
    "submit_job": Action("ask for a computation", "job", ANYBODY),
    "stop_job": Action("stop it", "job", OWNERS),
    "forget_result": Action("have it computed again", "job", OWNERS),
    "work_job": Action("work on it", "job", WORKERS),
    "open_room": Action("open a room", "room", ANYBODY),
    "join_room": Action("join a room", "room", ANYBODY),
    "lead_room": Action("lead it", "room", OWNERS),
    "end_room": Action("end it", "room", OWNERS),
    "ask": Action("ask its members a question", "room", OWNERS),
    "reveal": Action("reveal the answer", "room", OWNERS),
    "vote": Action("vote", "vote", ANYBODY),
    "change_vote": Action("change it", "vote", OWNERS),
    "add_questions": Action("keep questions of their own", "questions", ANYBODY),
    "delete_questions": Action("delete them", "questions", OWNERS),
    "enter_result": Action("enter a result on a board", "result", ANYBODY),
    "change_result": Action("replace it", "result", OWNERS),
    "open_study": Action("open a study", "study", ANYBODY),
    "change_study": Action("extend, pause or resume it", "study", OWNERS),
    "delete_study": Action("delete it", "study", OWNERS),
    "offer": Action("pass it to another browser", "ownership", OWNERS),
    "claim": Action("take over what a claim link offers", "ownership", ANYBODY),
}
NOUNS: dict[Thing, str] = {
    "run": "run",
    "set": "set",
    "vector": "saved vector",
    "job": "computation",
    "room": "room",
    "ownership": "thing",
    "vote": "vote",
    "questions": "set of questions",
    "result": "result",
    "study": "study",
}

_actor: ContextVar[Actor | None] = ContextVar("genlab_actor", default=None)
_resolvers: list[Callable[[], Actor]] = []


def acting() -> Actor:
    """Who acts now: as :func:`acting_as` says, or the server's resolver, or else the machine."""
    given = _actor.get()
    if given is not None:
        return given
    return _resolvers[-1]() if _resolvers else MACHINE


@contextlib.contextmanager
def acting_as(actor: Actor) -> Iterator[Actor]:
    """Act for somebody within a block, and in the coroutines and thread pools that it starts.

    Example:
        >>> with acting_as(Actor("ada")):
        ...     may("stop", "bob"), may("stop", "ada"), may("fork", "bob")
        (False, True, True)
    """
    token = _actor.set(actor)
    try:
        yield actor
    finally:
        _actor.reset(token)


@contextlib.contextmanager
def resolving(resolver: Callable[[], Actor]) -> Iterator[None]:
    """Ask a function who acts, wherever :func:`acting_as` does not say it.

    A server uses it: from then on nothing in its process counts as the machine by default.
    """
    _resolvers.append(resolver)
    try:
        yield
    finally:
        _resolvers.remove(resolver)


def roles(actor: Actor, owner: str) -> frozenset[Role]:
    """The roles of somebody towards something.

    Args:
        actor: who.
        owner: of the thing; empty where it is the machine's.

    Example:
        >>> sorted(roles(Actor("ada"), "ada")), sorted(roles(Actor("ada"), ""))
        (['anybody', 'owner'], ['anybody'])
        >>> sorted(roles(NOBODY, ""))
        []
    """
    found: set[Role] = set()
    if actor.id:
        found.add("anybody")
        if actor.id == owner:
            found.add("owner")
    if actor.machine:
        found.add("machine")
    if actor.admin:
        found.add("admin")
    return frozenset(found)


def may(action: str, owner: str = "", actor: Actor | None = None) -> bool:
    """Whether somebody may do something.

    Args:
        action: a name of :data:`ACTIONS`.
        owner: of the changed object; a new object has no owner yet.
        actor: who; None: who acts now.
    """
    return bool(ACTIONS[action].who & roles(acting() if actor is None else actor, owner))


def require(action: str, owner: str = "", actor: Actor | None = None) -> Actor:
    """Refuse what somebody may not do.

    Args:
        action, owner, actor: as for :func:`may`.

    Returns:
        Who acts.

    Raises:
        NotAllowed: with the refused action, and an alternative.
    """
    actor = acting() if actor is None else actor
    if not may(action, owner, actor):
        raise NotAllowed(refusal(action, actor))
    return actor


def of_command(name: str) -> str:
    """The action that a command of a run is; a command without a row is like ``set``."""
    return name if name in ACTIONS and ACTIONS[name].changes == "run" else "set"


def refusal(action: str, actor: Actor) -> str:
    """Why somebody may not do something, and what to do instead."""
    row = ACTIONS[action]
    if row.who == WORKERS:
        return f"Only this machine's own workers {row.does}. Nothing was changed."
    if "anybody" in row.who or not actor.id:
        return (
            "Your browser sent no valid identity, so nothing that it makes could be yours. Allow "
            "cookies for this page and reload it. Nothing was changed."
        )
    instead = " Fork it to continue in your own run." if row.changes == "run" else ""
    return (
        f"This {NOUNS[row.changes]} belongs to somebody else: its owner alone may {row.does}. "
        f"Nothing was changed.{instead}"
    )
