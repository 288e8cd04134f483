"""The guard: who is answered, who is refused, and what every answer carries."""

from __future__ import annotations

import asyncio
import random
import string
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from genlab.serving.guard import Guard, allowed_hosts, content_policy

REACHED: list[str] = []


def hello(request: Any) -> PlainTextResponse:
    REACHED.append(request.method)
    return PlainTextResponse("hello")


async def echo(socket: WebSocket) -> None:
    REACHED.append("socket")
    await socket.accept()
    await socket.close()


APP = Guard(
    Starlette(
        routes=[
            Route("/", hello, methods=["GET", "POST"]),
            WebSocketRoute("/_stcore/stream", echo),
        ]
    )
)


def ask(
    headers: list[tuple[str, str]], *, kind: str = "http", method: str = "GET", path: str = "/"
) -> list[dict[str, Any]]:
    """What the guarded app sends for one request."""
    REACHED.clear()
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"} if kind == "websocket" else {"type": "http.request"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": kind,
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(k.encode(), v.encode("latin-1")) for k, v in headers],
        "http_version": "1.1",
        "scheme": "ws" if kind == "websocket" else "http",
        "server": ("127.0.0.1", 8501),
        "client": ("127.0.0.1", 1),
        "root_path": "",
        "subprotocols": [],
    }
    asyncio.run(APP(scope, receive, send))
    return sent


def status(*headers: tuple[str, str], method: str = "GET") -> int:
    return int(ask(list(headers), method=method)[0]["status"])


def opens(*headers: tuple[str, str]) -> bool:
    first = ask(list(headers), kind="websocket", path="/_stcore/stream")[0]
    return first["type"] == "websocket.accept"


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8501", "127.0.0.1:1", "[::1]:8501"])
def test_loopback_names_are_answered(host: str) -> None:
    assert status(("host", host)) == 200
    assert opens(("host", host))


@pytest.mark.parametrize(
    "host",
    ["evil.test", "evil.test:8501", "127.0.0.1.evil.test", "localhost.evil.test", "10.0.0.1"],
)
def test_a_foreign_name_reaches_nothing(host: str) -> None:
    for method in ("GET", "POST"):
        assert status(("host", host), method=method) == 421
        assert REACHED == []
    assert not opens(("host", host))
    assert REACHED == []


def test_names_of_the_installation_are_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENLAB_HOSTS", "lab.example.org,.school.org")
    assert status(("host", "Lab.example.org")) == 200
    assert status(("host", "room.school.org:443")) == 200
    assert status(("host", "school.org")) == 421
    assert status(("host", "notschool.org")) == 421
    monkeypatch.setenv("GENLAB_HOSTS", "*")
    assert status(("host", "anything.test")) == 200


@pytest.mark.parametrize("host", ["", "a b", "localhost:99999", "localhost:x", "[::1", "\xff"])
def test_a_host_that_is_none_is_a_bad_request(host: str) -> None:
    assert status(("host", host)) == 400
    assert status() == 400
    assert status(("host", "localhost"), ("host", "localhost")) == 400


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        ("http://localhost:8501", 200),
        ("https://localhost:8501", 200),
        ("http://localhost:8502", 403),
        ("http://127.0.0.1:8501", 403),
        ("http://evil.test", 403),
        ("null", 403),
        ("", 400),
        ("garbage", 400),
        ("http://", 400),
        ("ftp://localhost:8501", 400),
        ("http://[", 400),
        ("http://localhost:8501/path", 400),
    ],
)
def test_only_the_servers_own_origin_is_taken(origin: str, expected: int) -> None:
    headers = (("host", "localhost:8501"), ("origin", origin))
    assert status(*headers, method="POST") == expected
    assert status(*headers) == expected
    assert opens(*headers) == (expected == 200)


def test_a_proxy_with_tls_names_no_port() -> None:
    assert status(("host", "localhost"), ("origin", "https://localhost"), method="POST") == 200


def test_a_form_of_another_site_changes_nothing() -> None:
    for site, expected in (("cross-site", 403), ("same-site", 403), ("same-origin", 200)):
        assert status(("host", "localhost"), ("sec-fetch-site", site), method="POST") == expected
        assert status(("host", "localhost"), ("sec-fetch-site", site)) == 200


def test_every_answer_carries_the_safe_headers() -> None:
    for host in ("localhost", "evil.test"):
        headers = dict(ask([("host", host)])[0]["headers"])
        assert headers[b"x-content-type-options"] == b"nosniff"
        assert b"frame-ancestors 'self'" in headers[b"content-security-policy"]
        assert headers[b"referrer-policy"] == b"same-origin"


def test_the_policy_names_no_other_host_and_the_inline_scripts_of_the_frame() -> None:
    policy = content_policy()
    assert "http:" not in policy
    assert "https:" not in policy
    assert "*" not in policy
    assert "'unsafe-eval'" not in policy
    assert policy.count("sha256-") >= 1


def test_the_default_is_loopback_alone() -> None:
    assert allowed_hosts({}) == {"localhost", "127.0.0.1", "::1"}


@pytest.mark.parametrize("seed", range(5))
def test_hostile_headers_are_refused_in_words(seed: int) -> None:
    rng = random.Random(seed)
    letters = string.printable + "éß\xff"
    for _ in range(1000):
        host = "".join(rng.choices(letters, k=rng.randrange(0, 40)))
        origin = rng.choice(["", "http://", "https://"]) + host
        one = rng.choice([host, "localhost", f"localhost:{host}", f"{host}.localhost"])
        sent = ask([("host", one), ("origin", origin)], method=rng.choice(["GET", "POST"]))
        assert sent[0]["status"] in {200, 400, 403, 421}
        if sent[0]["status"] == 200:
            assert one.strip().lower().startswith(("localhost", "127.0.0.1"))
