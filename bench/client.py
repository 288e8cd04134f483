"""A browser's connection to the server, for the benchmarks: one link, cookies, and times."""

from __future__ import annotations

import gzip
import http.client
import time
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Answer:
    """The answer to a request.

    Args:
        status: of HTTP.
        body: without compression.
        size: the bytes on the wire, headers and body.
    """

    status: int
    body: bytes
    size: int


@dataclass
class Client:
    """One kept-alive link to a port of this computer.

    Args:
        port: of the server.
        timeout: seconds until a silent server is an error.
        cookies: sent with each request; those of the answers are added.
        times: seconds of each request.
    """

    port: int
    timeout: float = 30.0
    cookies: dict[str, str] = field(default_factory=dict)
    times: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=self.timeout)

    @property
    def jar(self) -> str:
        """The cookies as a header has them."""
        return "; ".join(f"{name}={value}" for name, value in self.cookies.items())

    def ask(self, path: str, body: bytes = b"", kind: str = "", *, packed: bool = False) -> Answer:
        """Send a request and read the answer.

        Args:
            path: with its query.
            body: of a POST.
            kind: the media type of the body; empty for a GET.
            packed: whether the answer may be compressed.
        """
        headers = {"Content-Type": kind} if kind else {"Accept": "text/html,*/*"}
        if self.cookies:
            headers["Cookie"] = self.jar
        if packed:
            headers["Accept-Encoding"] = "gzip"
        begun = time.perf_counter()
        for last in (False, True):
            try:
                self.link.request("POST" if kind else "GET", path, body or None, headers)
                reply = self.link.getresponse()
                content = reply.read()
                break
            except (http.client.HTTPException, ConnectionError):
                # The server closes a link that was silent for some seconds, as a browser knows.
                self.link.close()
                if last:
                    raise
        self.times.append(time.perf_counter() - begun)
        for name, value in reply.getheaders():
            if name.lower() == "set-cookie":
                key, _, rest = value.partition("=")
                self.cookies[key] = rest.partition(";")[0]
        size = len(content) + sum(len(k) + len(v) + 4 for k, v in reply.getheaders()) + 17
        if reply.getheader("Content-Encoding") == "gzip":
            content = gzip.decompress(content)
        return Answer(reply.status, content, size)
