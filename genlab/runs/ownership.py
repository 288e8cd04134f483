"""Ownership passed on by a claim link: made by the owner, used once, within 15 minutes."""

from __future__ import annotations

import time

from genlab.core.errors import RunStateError
from genlab.runs import access
from genlab.runs.items import NO_OFFER, OFFER_AGE, PASSED, Item, new_token, token_key
from genlab.runs.store import RunStore

#: The longest token that is looked up.
LONGEST = 64


def owner_of(store: RunStore, kind: str, name: str) -> str:
    """The owner of a run, a set or a room; empty where it is the machine's.

    Raises:
        RunNotFound, RunStateError: if there is no such object.
    """
    if kind == "run":
        return store.get(name).owner
    if kind == "all":
        return access.acting().id
    found = store.item(kind, name)
    if found is None and kind == "room":
        raise RunStateError(f"There is no room {name!r}. Nothing was changed.")
    # Sets that were brought before sets had owners are the machine's.
    return "" if found is None else found.owner


def offer(store: RunStore, kind: str, name: str = "") -> str:
    """Make a claim link's token: whoever uses it owns the thing from then on.

    Args:
        store: the run store.
        kind: ``run``, ``set``, ``room``, or ``all`` for everything that who acts owns.
        name: of the thing; empty for ``all``.

    Raises:
        NotAllowed: if it belongs to somebody else.
        RunStateError: for a kind that cannot be passed on.
    """
    actor = access.acting()
    if kind not in PASSED or (kind == "all" and not actor.id):
        raise RunStateError(f"{kind!r} cannot be passed on by a link. Nothing was changed.")
    owner = owner_of(store, kind, name)
    access.require("offer", owner)
    token = new_token()
    values = {"kind": kind, "id": name, "owner": owner}
    item = Item("offer", token_key(token), values, expires=time.time() + OFFER_AGE)
    store.put_item(item, action="offer")
    return token


def peek(store: RunStore, token: str) -> Item:
    """What a claim link offers; it stays unused.

    Raises:
        RunStateError: if it was used, has expired, or never was one.
    """
    found = store.item("offer", token_key(token)) if 0 < len(token) <= LONGEST else None
    if found is None:
        raise RunStateError(NO_OFFER)
    return found


def claim(store: RunStore, token: str) -> Item:
    """Take ownership of the object of a claim link; the link is used up.

    Raises:
        NotAllowed: for a browser without an identity.
        RunStateError: if it was used, has expired, or never was one.
    """
    return store.accept(peek(store, token).id)
