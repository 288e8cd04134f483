"""Small objects in the store that are not runs: rooms, owners of sets, claim links."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

#: What a claim link can pass on; ``all``: everything that a browser owns.
PASSED = ("run", "set", "room", "all")
#: Kinds of items of a room's leader that go to the next one with the room; their ids begin with
#: its code.
WITH_ROOM = ("poll", "ballot")
#: The kind and the id of an item.
Key = tuple[str, str]
#: Seconds for which a claim link can be used.
OFFER_AGE = 900.0
NO_OFFER = (
    "This claim link was used already, has expired, or never was one. Nothing was changed. Ask "
    "the owner for a new one."
)


@dataclass(frozen=True)
class Item:
    """A small thing in the store.

    Args:
        kind: ``room``, ``set``, ``offer``, ``poll``, ``vote``, ...
        id: its name among those of its kind.
        values: plain values.
        owner: who owns it; empty for the machine.
        created, expires: seconds since the epoch; it is gone after the latter, unless that is 0.
    """

    kind: str
    id: str
    values: Mapping[str, Any] = field(default_factory=dict)
    owner: str = ""
    created: float = 0.0
    expires: float = 0.0

    def has_expired(self, now: float | None = None) -> bool:
        """Whether it has expired."""
        return 0.0 < self.expires <= (time.time() if now is None else now)


def new_token() -> str:
    """The secret part of a claim link: 128 random bits."""
    return secrets.token_urlsafe(16)


def token_key(token: str) -> str:
    """The id under which the store keeps a token: its hash, from which nobody finds the token."""
    return hashlib.sha256(token.encode()).hexdigest()
