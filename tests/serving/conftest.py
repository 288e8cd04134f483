"""A guarded app in this process, and a browser that keeps its cookies."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from genlab import runs
from genlab.runs import access
from genlab.serving import doors, rooms
from genlab.serving.guard import Guard
from genlab.serving.tries import Tries


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: list[tuple[str, str]]
    body: str

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key == name), "")


@dataclass
class Browser:
    """A browser without a screen: it keeps cookies, and says what browsers say."""

    app: Any
    address: str = "127.0.0.1"
    host: str = "localhost"
    cookies: dict[str, str] = field(default_factory=dict)

    def ask(
        self,
        path: str,
        *,
        method: str = "GET",
        form: dict[str, str] | None = None,
        kind: str = "http",
        page: bool = True,
        more: tuple[tuple[str, str], ...] = (),
        content: tuple[bytes, str] | None = None,
    ) -> Answer:
        """Send one request."""
        body, headers = b"", [("host", self.host), *more]
        if page and method == "GET":
            headers.append(("sec-fetch-dest", "document"))
        if form is not None:
            method, body = "POST", urlencode(form).encode()
            headers.append(("content-type", "application/x-www-form-urlencoded"))
        if content is not None:
            body = content[0]
            headers.append(("content-type", content[1]))
        if self.cookies:
            jar = "; ".join(f"{k}={v}" for k, v in self.cookies.items())
            headers.append(("cookie", jar))
        sent = asyncio.run(self._send(path, method, kind, headers, body))
        found = [(k.decode(), v.decode()) for k, v in sent[0].get("headers", [])]
        for key, value in found:
            if key == "set-cookie":
                name, _, rest = value.partition("=")
                self.cookies[name] = rest.partition(";")[0]
                if "Max-Age=0" in rest:
                    del self.cookies[name]
        if kind == "websocket":
            return Answer(101 if sent[0]["type"] == "websocket.accept" else 403, found, "")
        text = b"".join(m.get("body", b"") for m in sent[1:]).decode()
        return Answer(sent[0]["status"], found, text)

    async def _send(self, path, method, kind, headers, body) -> list[dict[str, Any]]:
        sent: list[dict[str, Any]] = []
        asked = False

        async def receive() -> dict[str, Any]:
            nonlocal asked
            if kind == "websocket":
                return {"type": "websocket.connect"}
            if asked:
                return {"type": "http.disconnect"}
            asked = True
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        path, _, query = path.partition("?")
        scope = {
            "type": kind,
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [(k.encode(), v.encode("latin-1")) for k, v in headers],
            "http_version": "1.1",
            "scheme": "ws" if kind == "websocket" else "http",
            "server": ("127.0.0.1", 8501),
            "client": (self.address, 1),
            "root_path": "",
            "subprotocols": [],
        }
        await self.app(scope, receive, send)
        return sent

    def who(self) -> dict[str, Any]:
        """Who the server thinks that this is, as a route sees it."""
        import json

        return json.loads(self.ask("/genlab/who", page=False).body)


def who(request: Any) -> JSONResponse:
    actor = access.acting()
    return JSONResponse({"id": actor.id, "machine": actor.machine, "admin": actor.admin})


async def socket(connection: WebSocket) -> None:
    await connection.accept()
    await connection.close()


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The guarded app on a store of its own, shared with others (``GENLAB_HOSTS``)."""
    monkeypatch.setattr(runs, "ensure_supervisor", lambda: None)
    monkeypatch.setenv("GENLAB_HOSTS", "lab.test")
    for name in ("GENLAB_ACCESS", "GENLAB_SECRET", "GENLAB_ADMIN", "GENLAB_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)
    runs.configure(f"sqlite:///{tmp_path / 'genlab.db'}", tmp_path / "files")
    for name in ("ENTRIES", "CLAIMS"):
        monkeypatch.setattr(doors, name, Tries())
    own = [
        Route("/", who),
        Route("/genlab/who", who, methods=["GET", "POST"]),
        WebSocketRoute("/_stcore/stream", socket),
    ]
    with access.resolving(lambda: access.NOBODY):
        yield Guard(Starlette(routes=[*own, *doors.ROUTES, *rooms.ROUTES]))
    runs.configure()


@pytest.fixture
def visit(served: Any) -> Callable[..., Browser]:
    """A new browser."""

    def make(**values: Any) -> Browser:
        return Browser(served, **values)

    return make
