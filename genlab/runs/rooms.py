"""Rooms: a teacher leads, others follow. A room is an item of the store that lives for a day."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from genlab.core.errors import RunStateError
from genlab.runs import access
from genlab.runs.items import Item
from genlab.runs.store import RunStore

#: Consonants that nobody confuses in print or aloud with a digit or another letter; without vowels
#: no code is a word.
LETTERS = "BCDFGHJKMNPQRSTVWXZ"
LENGTH = 6
CODE = re.compile(f"[{LETTERS}]{{{LENGTH}}}")
#: Seconds for which a room is open.
DAY = 86_400.0
#: Visitors that a room holds at once.
MOST = 300
PATH = re.compile(r"/[a-z]{0,20}")
#: The longest query of a page that is followed, and the longest text of a moment.
LONGEST = 2000


@dataclass(frozen=True)
class Room:
    """A room as the store knows it.

    Args:
        code: six letters.
        owner: who leads it.
        path, query: of the leader's page.
        moment: the position of its time slider, and the drawing over the page; empty where there
            is none.
        number: grows with each change.
        ends: seconds since the epoch.
    """

    code: str
    owner: str
    path: str = "/start"
    query: str = ""
    moment: Mapping[str, Any] = field(default_factory=dict)
    number: int = 0
    ends: float = 0.0


def normalise_code(text: str) -> str:
    """The code that somebody typed; empty if it cannot be a code.

    Example:
        >>> normalise_code(" bcd-fgh "), normalise_code("BCDFGA")
        ('BCDFGH', '')
    """
    letters = re.sub(r"[\s-]", "", text[:40]).upper()
    return letters if CODE.fullmatch(letters) else ""


def new_code() -> str:
    """A fresh code: one of 47 million."""
    return "".join(secrets.choice(LETTERS) for _ in range(LENGTH))


def _room(item: Item) -> Room:
    values = item.values
    return Room(
        item.id,
        item.owner,
        str(values.get("path", "/start")),
        str(values.get("query", "")),
        dict(values.get("moment", {})),
        int(values.get("number", 0)),
        item.expires,
    )


def find_room(store: RunStore, code: str) -> Room | None:
    """The open room of a code."""
    item = store.item("room", code) if CODE.fullmatch(code) else None
    return None if item is None else _room(item)


def led_by(store: RunStore, owner: str) -> Room | None:
    """The room that somebody leads, the newest; None where there is none."""
    if not owner:
        return None
    led = [item for item in store.items("room") if item.owner == owner]
    return _room(led[-1]) if led else None


def open_room(store: RunStore) -> Room:
    """Open a room; whoever leads one already stays in that one.

    Raises:
        NotAllowed: for a browser without an identity.
    """
    actor = access.require("open_room")
    if (known := led_by(store, actor.id)) is not None:
        return known
    while True:
        item = Item("room", new_code(), {"path": "/start"}, expires=time.time() + DAY)
        if store.put_item(item, action="open_room", only_new=True):
            return _room(store.item("room", item.id) or item)


def lead(store: RunStore, code: str, path: str, query: str, moment: Mapping[str, Any]) -> Room:
    """Show something else to all who follow.

    Args:
        store: the run store.
        code: of the room.
        path: of a page (``/watch``).
        query: of its address, without the question mark.
        moment: the time slider and the view; plain values.

    Raises:
        NotAllowed: for anybody but the leader.
        RunStateError: if the room has ended, or for an unknown page.
    """
    known = find_room(store, code)
    if known is None:
        raise RunStateError(f"There is no room {code!r} any more. Nothing was changed.")
    access.require("lead_room", known.owner)
    if not PATH.fullmatch(path) or len(query) > LONGEST or len(str(dict(moment))) > LONGEST:
        raise RunStateError("A room cannot follow this page. Nothing was changed.")
    # Two changes within a millisecond still have two numbers.
    number = max(known.number + 1, int(time.time() * 1000))
    values = {"path": path, "query": query, "moment": dict(moment), "number": number}
    store.put_item(Item("room", code, values, expires=known.ends), action="lead_room")
    return Room(code, known.owner, path, query, dict(moment), number, known.ends)


def end_room(store: RunStore, code: str) -> None:
    """Close a room; the followers stay on their page.

    Raises:
        NotAllowed: for anybody but the leader.
    """
    store.remove("room", code, action="end_room")
