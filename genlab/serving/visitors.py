"""The visitor behind a request: its identity, its secrets, and whether it is this machine itself.

A visitor counts as the machine, which owns everything, where nobody else can be meant: the server
answers to loopback names alone (``GENLAB_HOSTS`` is not set), the request came from a loopback
address, and no proxy forwarded it. What such a visitor makes still belongs to its browser.
"""

from __future__ import annotations

import contextlib
import hmac
import ipaddress
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from starlette.datastructures import Headers
from starlette.types import Scope

from genlab import runs
from genlab.core.errors import StoreError
from genlab.runs.access import NOBODY, Actor
from genlab.serving import identity
from genlab.serving.identity import Identity

#: The header by which the guard tells the pages who visits. Its name is a secret of this process,
#: so that no request brings one along.
HEADER = f"x-genlab-visitor-{secrets.token_hex(16)}"
ROOM_COOKIE = "genlab_room"
FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")
#: The shortest secret that is taken.
SHORTEST = 8
MODES = ("open", "private", "oidc")


@dataclass(frozen=True)
class Visitor:
    """Who asks.

    Args:
        actor: as the table of actions knows it.
        entered: whether it may see anything.
        room: the code of the room that it has joined; empty for none.
    """

    actor: Actor
    entered: bool = True
    room: str = ""

    def as_text(self) -> str:
        """One line for the header :data:`HEADER`."""
        actor = self.actor
        return json.dumps([actor.id, actor.machine, actor.admin, self.entered, self.room])

    @staticmethod
    def of_text(text: str) -> Visitor:
        """What :meth:`as_text` wrote.

        Example:
            >>> visitor = Visitor(Actor("ada", admin=True, room="BCDFGH"), room="BCDFGH")
            >>> Visitor.of_text(visitor.as_text()) == visitor
            True
        """
        name, machine, admin, entered, room = json.loads(text)
        return Visitor(Actor(name, machine, admin, room), entered, room)


def _secret(name: str, environ: Mapping[str, str]) -> str:
    given = environ.get(name, "").strip()
    if given and len(given) < SHORTEST:
        raise StoreError(
            f"{name} is too short: a secret has at least {SHORTEST} characters. Nothing was "
            "started."
        )
    return given


def secrets_of(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The secrets of the installation by the role that they give: ``enter``, ``admin``.

    Raises:
        StoreError: for one that is too short.

    Example:
        >>> secrets_of({"GENLAB_ADMIN": "correct horse"})
        {'admin': 'correct horse'}
    """
    found = {
        "enter": _secret("GENLAB_SECRET", environ),
        "admin": _secret("GENLAB_ADMIN", environ),
    }
    return {role: secret for role, secret in found.items() if secret}


class LogIn(Protocol):
    """A way to enter other than a secret."""

    def problem(self) -> str:
        """Why nobody could log in; empty where somebody can."""

    def address(self) -> str:
        """Where the log-in begins."""

    def holds(self, cookies: Mapping[str, str]) -> bool:
        """Whether cookies are of somebody who has logged in."""


_log_ins: list[LogIn] = []


@contextlib.contextmanager
def entering_by(log_in: LogIn) -> Iterator[None]:
    """Offer a log-in while the server runs; it is asked where ``GENLAB_ACCESS=oidc``."""
    _log_ins.append(log_in)
    try:
        yield
    finally:
        _log_ins.remove(log_in)


def log_in_now(environ: Mapping[str, str] = os.environ) -> LogIn | None:
    """The log-in by which visitors enter; None where there is none."""
    return _log_ins[-1] if _log_ins and access_mode(environ) == "oidc" else None


def is_private(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether a secret or a log-in is needed to enter.

    Raises:
        StoreError: for a value of ``GENLAB_ACCESS`` that is none.
    """
    return access_mode(environ) != "open"


def access_mode(environ: Mapping[str, str] = os.environ) -> str:
    """How visitors enter: ``open``, ``private`` (by a secret), ``oidc`` (by a log-in).

    Raises:
        StoreError: for another value of ``GENLAB_ACCESS``.
    """
    mode = environ.get("GENLAB_ACCESS", "").strip().lower() or "open"
    if mode not in MODES:
        raise StoreError(
            f"GENLAB_ACCESS = {mode!r} is not possible: allowed: {', '.join(MODES)}. Nothing was "
            "started."
        )
    return mode


def check_settings(
    environ: Mapping[str, str] = os.environ, *, log_in: LogIn | None = None
) -> None:
    """Refuse settings with which nobody could enter, or anybody.

    Args:
        environ: the environment.
        log_in: the log-in that the server has; None for none.

    Raises:
        StoreError: with what is wrong.
    """
    known = secrets_of(environ)
    mode = access_mode(environ)
    if mode == "private" and "enter" not in known:
        raise StoreError(
            "GENLAB_ACCESS is private, but there is no secret to enter with: set GENLAB_SECRET, "
            "or GENLAB_ACCESS=oidc with Streamlit's log-in. Nothing was started."
        )
    if mode == "oidc":
        problem = "This server has no log-in." if log_in is None else log_in.problem()
        if problem:
            raise StoreError(
                f"GENLAB_ACCESS is oidc, but nobody could log in. {problem} Nothing was started."
            )
    if known.get("enter") and known.get("enter") == known.get("admin"):
        raise StoreError(
            "GENLAB_SECRET and GENLAB_ADMIN are the same: whoever enters would administer "
            "everything. Nothing was started."
        )


def key() -> bytes:
    """The key that signs the identities of the store in use."""
    return identity.key_of(runs.store_url())


def is_loopback(scope: Scope) -> bool:
    """Whether a request came from this machine, and no proxy says that it forwarded it."""
    headers = Headers(scope=scope)
    if any(name in headers for name in FORWARDED):
        return False
    client = scope.get("client")
    try:
        address = ipaddress.ip_address(client[0] if client else "")
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)


def identity_of(scope: Scope) -> Identity | None:
    """The valid identity that a request brings along."""
    return identity.identity_in(key(), "; ".join(Headers(scope=scope).getlist("cookie")))


def holds(known: Identity | None, role: str) -> bool:
    """Whether an identity has shown the secret of a role that holds now."""
    secret = secrets_of().get(role)
    if known is None or not secret:
        return False
    return identity.grant_of(key(), role, secret) in known.grants


def visitor_of(scope: Scope, known: Identity | None, *, alone: bool) -> Visitor:
    """Who asks.

    Args:
        scope: of the request.
        known: the identity that it brings along, or that it gets with the answer.
        alone: whether the server answers to loopback names alone.
    """
    admin = holds(known, "admin")
    entered = not is_private() or admin or holds(known, "enter") or has_logged_in(scope)
    if not entered:
        return Visitor(NOBODY, entered=False)
    machine = alone and is_loopback(scope)
    cookies = identity.cookies_in("; ".join(Headers(scope=scope).getlist("cookie")))
    name, room = "" if known is None else known.id, room_of(cookies.get(ROOM_COOKIE, ""))
    return Visitor(Actor(name, machine, admin, room), room=room)


def room_cookie(code: str) -> str:
    """The value of the cookie of who has joined a room: its code, and a signature."""
    return f"{code}.{identity.grant_of(key(), 'room', code)}"


def room_of(text: str) -> str:
    """The code of a room's cookie; empty where it is forged."""
    code = text.partition(".")[0]
    return code if hmac.compare_digest(room_cookie(code).encode(), text.encode()) else ""


def visitor_in(scope: Scope) -> Visitor:
    """The visitor that the guard has found out; nobody where no guard stands before the route."""
    return scope.get("genlab.visitor") or Visitor(NOBODY)


def has_logged_in(scope: Scope) -> bool:
    """Whether a request comes from somebody who has logged in."""
    log_in = log_in_now()
    if log_in is None:
        return False
    return log_in.holds(identity.cookies_in("; ".join(Headers(scope=scope).getlist("cookie"))))


def is_secure(scope: Scope) -> bool:
    """Whether the browser asked by https, here or at the proxy before."""
    forwarded = Headers(scope=scope).get("x-forwarded-proto", "")
    return scope["scheme"] in {"https", "wss"} or forwarded == "https"
