"""The guard before every request: the server's own names, one origin, and safe headers.

A page anywhere on the web can point a name of its own at 127.0.0.1 and so reach a local server
(DNS rebinding). The guard therefore answers only to the names in :func:`allowed_hosts`, for
pages, routes and websockets alike, and takes a request that names an origin only where that
origin is the server itself.

It knows each visitor by its cookie (:mod:`genlab.serving.visitors`), makes one with the first
page, and tells who acts to the routes and pages behind it. Every answer carries a content policy:
no page loads anything from another host, and no other host may frame one.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import os
import re
import time
from collections.abc import Mapping
from importlib import resources
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from genlab.core.errors import StoreError
from genlab.runs.access import acting_as
from genlab.serving import identity, visitors
from genlab.serving.deadlines import TooSlow, within
from genlab.serving.identity import Identity
from genlab.serving.visitors import Visitor

#: The names of this machine for itself.
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
HOST = re.compile(
    r"(?:\[(?P<v6>[0-9a-f:.]{2,45})\]|(?P<name>[a-z0-9_.-]{1,253}))(?::(?P<port>[0-9]{1,5}))?"
)
INLINE = re.compile(rb"<script(?![^>]*\bsrc=)[^>]*>(.*?)</script>", re.DOTALL)
#: Paths that a visitor reaches who has not entered.
DOORS = ("/enter", "/_stcore/health", "/auth/", "/oauth2callback")
#: Methods that change nothing.
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class Refusal(Exception):
    """A request that is not answered: its status, and the sentence that says why."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status, self.sentence = status, sentence


def allowed_hosts(environ: Mapping[str, str] = os.environ) -> frozenset[str]:
    """The names to which the server answers: loopback names and those of ``GENLAB_HOSTS``.

    ``GENLAB_HOSTS`` is a list with commas; ``.example.org`` stands for every name below it and
    ``*`` for every name.

    Example:
        >>> sorted(allowed_hosts({"GENLAB_HOSTS": "Lab.example.org, .school.org"}) - LOOPBACK)
        ['.school.org', 'lab.example.org']
    """
    given = environ.get("GENLAB_HOSTS", "").lower().split(",")
    return LOOPBACK | {name.strip() for name in given if name.strip()}


def is_alone(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether the server answers to loopback names alone, so that nobody else can come.

    Example:
        >>> is_alone({}), is_alone({"GENLAB_HOSTS": "lab.example.org"})
        (True, False)
    """
    return allowed_hosts(environ) == LOOPBACK


def split_host(text: str) -> tuple[str, int | None]:
    """The name and the port of a ``Host`` header.

    Raises:
        Refusal: 400, if it is none.

    Example:
        >>> split_host("LOCALHOST:8501"), split_host("[::1]")
        (('localhost', 8501), ('::1', None))
    """
    found = HOST.fullmatch(text.strip().lower())
    if found is None or int(found["port"] or 0) > 65535:
        raise Refusal(400, "The Host header of this request is not the name of a server.")
    port = found["port"]
    return found["v6"] or found["name"].rstrip("."), int(port) if port else None


def is_allowed(name: str, hosts: frozenset[str]) -> bool:
    """Whether the server answers to a name.

    Example:
        >>> is_allowed("a.school.org", frozenset({".school.org"}))
        True
        >>> is_allowed("evil.test", LOOPBACK)
        False
    """
    if "*" in hosts or name in hosts:
        return True
    return any(host.startswith(".") and name.endswith(host) for host in hosts)


def check_host(headers: Headers, hosts: frozenset[str]) -> tuple[str, int | None]:
    """The name and port that a request asks for.

    Raises:
        Refusal: 400 where there is no name, or more than one; 421 for a name of another server.
    """
    given = headers.getlist("host")
    if len(given) != 1:
        raise Refusal(400, "A request needs exactly one Host header.")
    name, port = split_host(given[0])
    if not is_allowed(name, hosts):
        raise Refusal(
            421,
            f"GenLab does not answer to the name {name!r}. Nothing was changed. Whoever runs the "
            f"server can allow it: GENLAB_HOSTS={name}",
        )
    return name, port


def check_origin(headers: Headers, host: tuple[str, int | None]) -> None:
    """Refuse a request that another page made.

    Behind a proxy the scheme of the page and that of the server differ, so that only the name
    and the port are compared; a port that is the scheme's own need not be named.

    Raises:
        Refusal: 400 for a header that is no origin, 403 for another origin.
    """
    given = headers.getlist("origin")
    if not given:
        return
    if len(given) != 1:
        raise Refusal(400, "A request has at most one Origin header.")
    if given[0] == "null":
        raise Refusal(403, "Requests from a page without an origin are not answered.")
    try:
        parts = urlsplit(given[0])
        name, port = split_host(parts.netloc)
    except ValueError:
        parts, name, port = None, "", None
    if parts is None or parts.scheme not in {"http", "https"} or parts.path or parts.query:
        raise Refusal(400, "The Origin header of this request is no origin.")
    usual = {"http": 80, "https": 443}[parts.scheme]
    if name != host[0] or (port or usual) != (host[1] or usual):
        raise Refusal(403, "Requests from pages of another server are not answered.")


def check_site(headers: Headers, method: str) -> None:
    """Refuse a change that the browser says came from another site.

    Raises:
        Refusal: 403.
    """
    if method not in SAFE and headers.get("sec-fetch-site", "none") not in {"same-origin", "none"}:
        raise Refusal(403, "Requests from pages of another server are not answered.")


@functools.cache
def content_policy() -> str:
    """The content policy of every answer: nothing from other hosts, no frame elsewhere.

    The scripts that stand in Streamlit's own page are allowed by their hashes.
    """
    page = (resources.files("streamlit") / "static" / "index.html").read_bytes()
    digests = [base64.b64encode(hashlib.sha256(s).digest()).decode() for s in INLINE.findall(page)]
    inline = " ".join(f"'sha256-{digest}'" for digest in digests)
    return "; ".join(
        [
            "default-src 'self'",
            f"script-src 'self' blob: 'wasm-unsafe-eval' {inline}".strip(),
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            "media-src 'self' data: blob:",
            "connect-src 'self' ws: wss: data: blob:",
            "worker-src 'self' blob:",
            "object-src 'none'",
            "base-uri 'self'",
            "form-action 'self'",
            "frame-ancestors 'self'",
        ]
    )


def safe_headers() -> dict[str, str]:
    """The headers that every answer carries."""
    return {
        "Content-Security-Policy": content_policy(),
        "X-Frame-Options": "SAMEORIGIN",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
    }


def is_page(scope: Scope, headers: Headers) -> bool:
    """Whether a browser asks for a page to show, and not for a part of one."""
    if scope["type"] != "http" or scope["method"] != "GET":
        return False
    kind = headers.get("sec-fetch-dest", "")
    return kind == "document" if kind else "text/html" in headers.get("accept", "")


class Guard:
    """ASGI middleware: checks Host and Origin, knows the visitor, and adds the safe headers.

    Args:
        app: what is guarded.
        hosts: the names to which it answers; None: :func:`allowed_hosts`, read at each request.
    """

    def __init__(self, app: ASGIApp, hosts: frozenset[str] | None = None) -> None:
        self.app, self.hosts = app, hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or refuse it."""
        if scope["type"] not in {"http", "websocket"}:
            await self.app(scope, receive, send)
            return
        cookies: list[str] = []
        started = False

        async def send_safely(message: Message) -> None:
            nonlocal started
            if message["type"] in {"http.response.start", "websocket.http.response.start"}:
                started = True
                headers = MutableHeaders(scope=message)
                for name, value in safe_headers().items():
                    headers.setdefault(name, value)
                for cookie in cookies:
                    headers.append("set-cookie", cookie)
            await send(message)

        try:
            self.check(scope)
            visitor, fresh = self.recognise(scope)
            cookies += fresh
        except Refusal as refusal:
            await self.refuse(refusal, scope, receive, send_safely)
            return
        except StoreError as error:
            await self.refuse(Refusal(503, str(error)), scope, receive, send_safely)
            return
        if not visitor.entered and not scope["path"].startswith(DOORS):
            await self.turn_away(scope, receive, send_safely)
            return
        identity = (visitors.HEADER.encode(), visitor.as_text().encode())
        scope = {**scope, "headers": [*scope["headers"], identity], "genlab.visitor": visitor}
        if scope["type"] == "http" and scope["method"] not in SAFE:
            receive = within(receive)
        try:
            with acting_as(visitor.actor):
                await self.app(scope, receive, send_safely)
        except ClientDisconnect:
            # Who sent half a body and left needs no answer, and the log no traceback.
            return
        except TooSlow:
            if not started:
                late = Refusal(408, "The body of this request did not come in time.")
                await self.refuse(late, scope, receive, send_safely)
        except Exception as error:
            # A request that goes on with what is no HTTP: h11 has answered it already.
            if type(error).__name__ != "LocalProtocolError":
                raise

    def check(self, scope: Scope) -> None:
        """Check the headers of a request.

        Raises:
            Refusal: with the status and the reason.
        """
        headers = Headers(scope=scope)
        host = check_host(headers, self._hosts())
        check_origin(headers, host)
        if scope["type"] == "http":
            check_site(headers, scope["method"])

    def _hosts(self) -> frozenset[str]:
        return allowed_hosts() if self.hosts is None else self.hosts

    def recognise(self, scope: Scope) -> tuple[Visitor, list[str]]:
        """The visitor, and the cookies that the answer sets: a new identity, or a renewed one."""
        known, now, cookies = visitors.identity_of(scope), time.time(), list[str]()
        if is_page(scope, Headers(scope=scope)):
            renewed = known
            if known is None:
                renewed = known = Identity(identity.new_id(), now)
            elif now - known.issued > identity.RENEW:
                renewed = known = Identity(known.id, now, known.grants)
            else:
                renewed = None
            if renewed is not None:
                cookies.append(cookie_of(scope, renewed))
        return visitors.visitor_of(scope, known, alone=self._hosts() == LOOPBACK), cookies

    @staticmethod
    async def turn_away(scope: Scope, receive: Receive, send: Send) -> None:
        """Send who has not entered to the door."""
        if scope["type"] == "http" and is_page(scope, Headers(scope=scope)):
            answer: Response = RedirectResponse("/enter", status_code=303)
            await answer(scope, receive, send)
            return
        sentence = "This server is private: open its first page and enter there."
        await Guard.refuse(Refusal(401, sentence), scope, receive, send)

    @staticmethod
    async def refuse(refusal: Refusal, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with the refusal; a websocket is closed before it opens."""
        if scope["type"] == "websocket":
            await receive()
            if "websocket.http.response" in scope.get("extensions", {}):
                kind = [(b"content-type", b"text/plain; charset=utf-8")]
                start = {"type": "websocket.http.response.start", "headers": kind}
                await send({**start, "status": refusal.status})
                body = refusal.sentence.encode()
                await send({"type": "websocket.http.response.body", "body": body})
                return
            await send({"type": "websocket.close", "code": 1008, "reason": refusal.sentence[:120]})
            return
        answer = PlainTextResponse(refusal.sentence, status_code=refusal.status)
        await answer(scope, receive, send)


def cookie_of(scope: Scope, known: Identity) -> str:
    """The Set-Cookie header of an identity."""
    key = visitors.key()
    text = identity.to_cookie(key, known)
    return identity.set_cookie(identity.cookie_name(key), text, secure=visitors.is_secure(scope))
