"""Deadlines of connections: a connection with an unfinished request is closed in time.

A client that opens connections and sends their requests byte by byte, or never, would hold each
of them for as long as it likes. Uvicorn, which Streamlit starts, has a deadline for idle
connections alone. Here the head of a request has ``HEAD`` seconds from the first byte or from
the opening of the connection, and its body ``BODY`` seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import resource
import time
from collections.abc import Callable
from importlib import import_module
from typing import Any

from starlette.types import Message, Receive

#: Seconds in which the head of a request, and its body, must have come.
HEAD, BODY = 10.0, 120.0
PROTOCOLS = (
    ("uvicorn.protocols.http.h11_impl", "H11Protocol"),
    ("uvicorn.protocols.http.httptools_impl", "HttpToolsProtocol"),
)
#: It never answers a handshake whose headers hold bytes beyond ASCII.
WEBSOCKET = ("uvicorn.protocols.websockets.websockets_sansio_impl", "WebSocketsSansIOProtocol")
DEADLINE = "_genlab_deadline"


class TooSlow(Exception):
    """The body of a request did not come in time."""


def within(receive: Receive, seconds: float = BODY) -> Receive:
    """What receives the body of a request, and gives up after a time.

    Raises:
        TooSlow: from the returned function.
    """
    until = time.monotonic() + seconds
    whole = False

    async def receive_in_time() -> Message:
        nonlocal whole
        if whole:
            return await receive()
        try:
            message = await asyncio.wait_for(receive(), max(0.0, until - time.monotonic()))
        except TimeoutError:
            raise TooSlow from None
        whole = not message.get("more_body", False)
        return message

    return receive_in_time


def is_waiting(protocol: Any) -> bool:
    """Whether a connection has no request that is being answered."""
    transport = protocol.transport
    if transport is None or transport.is_closing() or transport.get_protocol() is not protocol:
        return False
    cycle = protocol.cycle
    return cycle is None or bool(cycle.response_complete)


def _start(protocol: Any, seconds: float) -> None:
    if getattr(protocol, DEADLINE, None) is None:
        setattr(protocol, DEADLINE, protocol.loop.call_later(seconds, _cut, protocol))


def _end(protocol: Any) -> None:
    if (handle := getattr(protocol, DEADLINE, None)) is not None:
        handle.cancel()
        setattr(protocol, DEADLINE, None)


def _cut(protocol: Any) -> None:
    setattr(protocol, DEADLINE, None)
    if is_waiting(protocol):
        protocol.transport.close()


def _with_deadline(method: Callable[..., Any], seconds: float) -> Callable[..., Any]:
    """The method of a protocol that takes what comes, with the deadline of the head around it."""

    @functools.wraps(method)
    def wrapped(self: Any, *arguments: Any) -> Any:
        answer = method(self, *arguments)
        if is_waiting(self):
            _start(self, seconds)
        else:
            _end(self)
        return answer

    wrapped.__dict__["seconds"] = seconds
    return wrapped


def _with_handshake(method: Callable[..., Any], seconds: float) -> Callable[..., Any]:
    """The opening of a websocket, which must have shaken hands in time."""

    @functools.wraps(method)
    def wrapped(self: Any, transport: Any) -> Any:
        def cut() -> None:
            if not self.handshake_complete and not transport.is_closing():
                transport.close()

        self.loop.call_later(seconds, cut)
        return method(self, transport)

    wrapped.__dict__["seconds"] = seconds
    return wrapped


def cut_half_open(seconds: float = HEAD) -> list[str]:
    """Cut connections of this process's server that do not send a whole head in time.

    Called again it changes nothing.

    Args:
        seconds: that the head of a request has.

    Returns:
        The protocols of the server that have the deadline now.
    """
    found = []
    for module, name in PROTOCOLS:
        with contextlib.suppress(ImportError):
            protocol = getattr(import_module(module), name)
            for method in ("connection_made", "data_received"):
                before = getattr(protocol, method)
                if not hasattr(before, "seconds"):
                    setattr(protocol, method, _with_deadline(before, seconds))
            lost = protocol.connection_lost
            if not hasattr(lost, "seconds"):
                protocol.connection_lost = _without_deadline(lost)
            found.append(name)
    with contextlib.suppress(ImportError, AttributeError):
        websocket = getattr(import_module(WEBSOCKET[0]), WEBSOCKET[1])
        if not hasattr(websocket.connection_made, "seconds"):
            websocket.connection_made = _with_handshake(websocket.connection_made, seconds)
        found.append(WEBSOCKET[1])
    return found


def _without_deadline(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def wrapped(self: Any, *arguments: Any) -> Any:
        _end(self)
        return method(self, *arguments)

    wrapped.__dict__["seconds"] = 0.0
    return wrapped


def allow_many_files() -> int:
    """Let this process hold as many connections as the system allows; how many files it may open.

    Many systems begin with 1,024, which two hundred viewers and a few hundred strangers exhaust.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = 65_536 if hard == resource.RLIM_INFINITY else min(hard, 65_536)
    if soft != resource.RLIM_INFINITY and soft < most:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
            return most
    return soft
