"""Connections that never finish their request are cut; those that do are not."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from genlab.serving import deadlines
from genlab.serving.deadlines import TooSlow, within
from genlab.serving.guard import Guard

HEAD = 0.6
HOST = b"Host: 127.0.0.1\r\n"


async def slow(request: Request) -> PlainTextResponse:
    await asyncio.sleep(2 * HEAD)
    return PlainTextResponse("at last")


async def body(request: Request) -> PlainTextResponse:
    return PlainTextResponse(str(len(await request.body())))


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """A server of this process, with short deadlines."""
    with pytest.MonkeyPatch.context() as patch:
        for module, name in (*deadlines.PROTOCOLS, deadlines.WEBSOCKET):
            try:
                protocol = getattr(import_module(module), name)
            except ImportError:
                continue
            for method in ("connection_made", "data_received", "connection_lost"):
                # What the test replaces comes back at its end.
                patch.setattr(protocol, method, getattr(protocol, method))
        patch.setattr("genlab.serving.guard.within", lambda receive: within(receive, HEAD))
        assert "H11Protocol" in deadlines.cut_half_open(HEAD)
        assert deadlines.WEBSOCKET[1] in deadlines.cut_half_open(HEAD)
        routes = [Route("/slow", slow), Route("/body", body, methods=["POST"])]
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            app = Starlette(routes=routes, middleware=[Middleware(Guard)])
            config = uvicorn.Config(app, log_level="error", ws="websockets-sansio")
            server = uvicorn.Server(config)
            thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
            thread.start()
            while not server.started:
                time.sleep(0.01)
            yield listener.getsockname()[1]
            server.should_exit = True
            thread.join(10)


def until_closed(link: socket.socket, patience: float = 10.0) -> tuple[float, bytes]:
    """Seconds until the server closes a connection, and what it said."""
    link.settimeout(patience)
    begun, said = time.monotonic(), b""
    while part := link.recv(4096):
        said += part
    return time.monotonic() - begun, said


@pytest.mark.parametrize(
    "start",
    [
        b"",
        b"GET / HT",
        b"GET /slow HTTP/1.1\r\n" + HOST,
        # websockets, under uvicorn, never answers a head with bytes beyond ASCII.
        b"GET / HTTP/1.1\r\n" + HOST + b"Origin: \xb1\r\nConnection: Upgrade\r\nUpgrade: websocket"
        b"\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: Tc8zjPv9ol4qhtZNbJcyaw==\r\n\r\n",
    ],
)
def test_half_a_request_is_cut(port: int, start: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port)) as link:
        link.sendall(start)
        seconds, said = until_closed(link)
        assert not said.startswith(b"HTTP/1.1 2")
        assert seconds < 8 * HEAD


def test_a_byte_now_and_then_does_not_put_the_end_off(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as link:
        begun = time.monotonic()
        with contextlib.suppress(ConnectionError):
            while time.monotonic() - begun < 20 * HEAD:
                link.sendall(b"G")
                time.sleep(HEAD / 6)
        assert time.monotonic() - begun < 10 * HEAD


def test_a_second_half_request_of_a_connection_is_cut_too(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as link:
        link.sendall(b"GET /none HTTP/1.1\r\n" + HOST + b"\r\n")
        assert link.recv(4096).startswith(b"HTTP/1.1 404")
        link.sendall(b"GET /none")
        assert until_closed(link)[0] < 8 * HEAD


def test_many_half_open_connections_do_not_keep_anybody_out(port: int) -> None:
    links = [socket.create_connection(("127.0.0.1", port)) for _ in range(200)]
    for link in links:
        link.sendall(b"GET / HTTP/1.1\r\nX: ")
    with socket.create_connection(("127.0.0.1", port)) as link:
        link.sendall(b"GET /none HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n")
        assert until_closed(link)[1].startswith(b"HTTP/1.1 404")
    for link in links:
        until_closed(link)
        link.close()


def test_a_slow_answer_is_waited_for(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as link:
        link.sendall(b"GET /slow HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n")
        assert until_closed(link)[1].endswith(b"at last")


def test_half_a_body_gets_a_408_and_a_whole_one_its_answer(port: int) -> None:
    head = b"POST /body HTTP/1.1\r\n" + HOST + b"Connection: close\r\nContent-Length: 9\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port)) as link:
        link.sendall(head + b"half")
        assert until_closed(link)[1].startswith(b"HTTP/1.1 408")
    with socket.create_connection(("127.0.0.1", port)) as link:
        link.sendall(head + b"half")
        time.sleep(HEAD / 4)
        link.sendall(b"again")
        assert until_closed(link)[1].endswith(b"9")


def test_what_comes_after_the_body_is_waited_for_without_a_deadline() -> None:
    messages: list[dict[str, Any]] = [{"type": "http.request", "more_body": False}]

    async def receive() -> dict[str, Any]:
        if messages:
            return messages.pop()
        await asyncio.sleep(0.2)
        return {"type": "http.disconnect"}

    async def wait() -> None:
        in_time = within(receive, 0.05)
        assert (await in_time())["type"] == "http.request"
        assert (await in_time())["type"] == "http.disconnect"
        with pytest.raises(TooSlow):
            await within(receive, 0.05)()

    asyncio.run(wait())
