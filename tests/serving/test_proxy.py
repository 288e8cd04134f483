"""The pages behind the proxy of ``deploy/nginx.conf``, with a real nginx and a certificate."""

from __future__ import annotations

import base64
import contextlib
import datetime
import http.client
import os
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from genlab import runs
from genlab.core.folders import ROOT
from genlab.runs import access, rooms
from genlab.testing.served import App, free_port, serving

HOST = "genlab.example.org"
NGINX = shutil.which("nginx") or "/usr/sbin/nginx"
pytestmark = [
    pytest.mark.skipif(not Path(NGINX).exists(), reason="nginx is not installed"),
    pytest.mark.slow,
]
ORIGIN = {"Origin": f"https://{HOST}"}
PAGE = {"Accept": "text/html", "Sec-Fetch-Dest": "document"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@dataclass
class Proxy:
    """The proxy before the app.

    Args:
        port: of TLS on loopback.
        trust: a TLS context that trusts its certificate alone.
        app: what is behind.
    """

    port: int
    trust: ssl.SSLContext
    app: App

    def ask(
        self,
        path: str,
        headers: dict[str, str] | None = None,
        *,
        form: dict[str, str] | None = None,
        host: str = HOST,
        source: str = "127.0.0.1",
    ) -> http.client.HTTPResponse:
        """One request over TLS, from an address of this machine."""
        link = http.client.HTTPSConnection(
            HOST, self.port, context=self.trust, timeout=30, source_address=(source, 0)
        )
        plain = socket.create_connection(("127.0.0.1", self.port), 30, (source, 0))
        link.sock = self.trust.wrap_socket(plain, server_hostname=HOST)
        body = None if form is None else urlencode(form)
        more = {"Host": host, **(headers or {}), **(FORM if form else {})}
        link.request("GET" if form is None else "POST", path, body, more)
        return link.getresponse()


def certificate(folder: Path) -> None:
    """A certificate that signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "fullchain.pem").write_bytes(made.public_bytes(pem))
    private = serialization.PrivateFormat.PKCS8
    plain = serialization.NoEncryption()
    (folder / "privkey.pem").write_bytes(key.private_bytes(pem, private, plain))


def configuration(folder: Path, port: int, behind: int) -> Path:
    """The shipped server block with free ports and the certificate of the test."""
    text = (ROOT / "deploy" / "nginx.conf").read_text()
    for old, new in (
        ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
        (f"/etc/letsencrypt/live/{HOST}", str(folder)),
        ("http://127.0.0.1:8501", f"http://127.0.0.1:{behind}"),
    ):
        assert old in text
        text = text.replace(old, new)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    paths = "\n".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
    user = "user root;" if os.getuid() == 0 else ""
    whole = f"{user} daemon off; pid {folder}/pid; error_log {folder}/error.log; events {{}}\n"
    path = folder / "whole.conf"
    path.write_text(f"{whole}http {{ access_log off; {paths}\n{text} }}\n")
    return path


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    folder = tmp_path_factory.mktemp("proxy")
    certificate(folder)
    trust = ssl.create_default_context(cafile=str(folder / "fullchain.pem"))
    with serving(folder, {"GENLAB_HOSTS": HOST, "GENLAB_ADMIN": "a-long-secret-word"}) as app:
        port = free_port()
        path = configuration(folder, port, app.port)
        process = subprocess.Popen([NGINX, "-c", str(path), "-p", str(folder)])
        try:
            until = time.monotonic() + 20
            while time.monotonic() < until and process.poll() is None:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                    break
                time.sleep(0.05)
            assert process.poll() is None, (folder / "error.log").read_text()
            yield Proxy(port, trust, app)
        finally:
            process.terminate()
            process.wait(10)


def cookie_of(proxy: Proxy) -> str:
    """The identity that a first visit gets."""
    page = proxy.ask("/", PAGE)
    return (page.getheader("Set-Cookie") or "").partition(";")[0]


def test_a_page_comes_with_a_secure_cookie(proxy: Proxy) -> None:
    answer = proxy.ask("/", PAGE)
    assert answer.status == 200
    cookie = answer.getheader("Set-Cookie") or ""
    assert "Secure" in cookie
    assert "HttpOnly" in cookie
    assert "frame-ancestors" in (answer.getheader("Content-Security-Policy") or "")


def test_another_name_or_origin_is_refused(proxy: Proxy) -> None:
    assert proxy.ask("/", host="evil.example.com").status in {400, 403, 421}
    asked = proxy.ask("/join", {"Origin": "https://evil.example.com"}, form={"code": "ABCDEF"})
    assert asked.status == 403


def test_the_websocket_opens_through_the_proxy(proxy: Proxy) -> None:
    upgrade = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
        "Cookie": cookie_of(proxy),
    }
    assert proxy.ask("/_stcore/stream", {**upgrade, **ORIGIN}).status == 101
    evil = {**upgrade, "Origin": "https://evil.example.com"}
    assert proxy.ask("/_stcore/stream", evil).status == 403


def test_wrong_codes_count_for_the_visitor_and_not_for_the_proxy(proxy: Proxy) -> None:
    with access.acting_as(access.Actor("a-teacher", machine=True)):
        code = rooms.open_room(runs.store()).code
    for _ in range(10):
        assert proxy.ask("/join", ORIGIN, form={"code": "ZZZZZZ"}, source="127.0.0.2").status < 429
    # A header of the visitor's own does not give it another address.
    forged = {**ORIGIN, "X-Forwarded-For": "10.1.2.3"}
    blocked = proxy.ask("/join", forged, form={"code": "ZZZZZZ"}, source="127.0.0.2")
    assert blocked.status == 429
    known = {**ORIGIN, "Cookie": cookie_of(proxy)}
    joined = proxy.ask("/join", known, form={"code": code}, source="127.0.0.3")
    assert joined.status == 303


def test_a_body_beyond_the_bound_is_refused(proxy: Proxy) -> None:
    link = proxy.ask("/join", {**ORIGIN, "Content-Length": str(30 << 20)})
    assert link.status == 413
