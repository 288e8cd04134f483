"""The log-in with OpenID Connect: its settings, its cookie, and a whole log-in on loopback."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from genlab.core.errors import StoreError
from genlab.serving import visitors
from genlab.testing import served as serving_module
from genlab.ui.log_in import StreamlitLogIn
from tests.serving.conftest import Browser


class FakeLogIn:
    """A log-in that a test holds in its hand."""

    def __init__(self, problem: str = "") -> None:
        self._problem = problem

    def problem(self) -> str:
        return self._problem

    def address(self) -> str:
        return "/auth/login?provider=a&b=c"

    def holds(self, cookies: Mapping[str, str]) -> bool:
        return cookies.get("_streamlit_user") == "good"


@pytest.fixture
def oidc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("GENLAB_ACCESS", "oidc")
    with visitors.entering_by(FakeLogIn()):
        yield


def test_who_has_logged_in_enters_and_nobody_else(
    visit: Callable[..., Browser], oidc: None
) -> None:
    browser = visit()
    assert browser.ask("/").header("location") == "/enter"
    assert browser.ask("/genlab/who", page=False).status == 401
    assert browser.ask("/_stcore/stream", kind="websocket").status == 403
    door = browser.ask("/enter")
    assert 'href="/auth/login?provider=a&amp;b=c"' in door.body
    assert "<form" not in door.body
    browser.cookies["_streamlit_user"] = "forged"
    assert browser.ask("/genlab/who", page=False).status == 401
    browser.cookies["_streamlit_user"] = "good"
    browser.ask("/")
    assert len(browser.who()["id"]) == 16
    assert browser.ask("/_stcore/stream", kind="websocket").status == 101


def test_a_secret_still_opens_where_there_is_one(visit, oidc, monkeypatch) -> None:
    monkeypatch.setenv("GENLAB_ADMIN", "correct horse")
    browser = visit()
    assert "Or enter with a secret." in browser.ask("/enter").body
    assert browser.ask("/enter", form={"secret": "correct horse"}).status == 303
    browser.ask("/")
    assert browser.who()["admin"]


def test_the_cookie_of_a_log_in_counts_for_nothing_in_another_mode(visit, oidc, monkeypatch):
    monkeypatch.setenv("GENLAB_ACCESS", "private")
    monkeypatch.setenv("GENLAB_SECRET", "correct horse")
    browser = visit()
    browser.cookies["_streamlit_user"] = "good"
    assert browser.ask("/genlab/who", page=False).status == 401


def test_settings_with_which_nobody_could_log_in_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mode = {"GENLAB_ACCESS": "oidc"}
    with pytest.raises(StoreError, match="has no log-in"):
        visitors.check_settings(mode)
    with pytest.raises(StoreError, match=r"Set it up\. Nothing was started"):
        visitors.check_settings(mode, log_in=FakeLogIn("Set it up."))
    visitors.check_settings(mode, log_in=FakeLogIn())
    monkeypatch.setattr("genlab.ui.log_in.is_authlib_installed", lambda: False)
    with pytest.raises(StoreError, match=r"pip install 'genlab\[oidc\]'"):
        visitors.check_settings(mode, log_in=StreamlitLogIn())


def test_what_streamlit_did_not_sign_is_no_log_in() -> None:
    log_in = StreamlitLogIn()
    for text in ("", "x", "a.b.c", '{"is_logged_in": true}', "é\x00", "v" * 9000):
        assert not log_in.holds({"_streamlit_user": text})
    assert not log_in.holds({})


class Provider(ThreadingHTTPServer):
    """An OpenID provider on loopback that lets everybody in."""

    def __init__(self) -> None:
        from joserfc.jwk import RSAKey

        super().__init__(("127.0.0.1", 0), Answers)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.key = RSAKey.generate_key(2048, {"kid": "one", "use": "sig", "alg": "RS256"})
        self.nonces: dict[str, str] = {}
        self.secrets: list[str] = []

    def token(self, code: str) -> str:
        """The signed token of who has logged in."""
        from joserfc import jwt

        now = int(time.time())
        claims = {"iss": self.url, "sub": "ada", "aud": "genlab", "iat": now, "exp": now + 300}
        claims |= {"nonce": self.nonces[code], "name": "Ada", "email": "ada@school.test"}
        return str(jwt.encode({"alg": "RS256", "kid": "one"}, claims, self.key))


class Answers(BaseHTTPRequestHandler):
    """What the provider answers."""

    server: Provider

    def log_message(self, *_: Any) -> None:
        """Stay silent."""

    def _json(self, values: Any) -> None:
        body = json.dumps(values).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        """Metadata, keys, and the page that would ask for a password."""
        url, asked = self.server.url, urlsplit(self.path)
        if asked.path.endswith("openid-configuration"):
            self._json(
                {
                    "issuer": url,
                    "authorization_endpoint": f"{url}/authorize",
                    "token_endpoint": f"{url}/token",
                    "jwks_uri": f"{url}/keys",
                    "response_types_supported": ["code"],
                    "id_token_signing_alg_values_supported": ["RS256"],
                }
            )
        elif asked.path == "/keys":
            self._json({"keys": [self.server.key.as_dict(private=False)]})
        else:
            query = {name: values[0] for name, values in parse_qs(asked.query).items()}
            self.server.nonces["code"] = query["nonce"]
            back = urlencode({"code": "code", "state": query["state"]})
            self.send_response(302)
            self.send_header("Location", f"{query['redirect_uri']}?{back}")
            self.end_headers()

    def do_POST(self) -> None:
        """The token for a code."""
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        sent = base64.b64decode(self.headers.get("Authorization", "Basic ").split(" ")[1]).decode()
        self.server.secrets.append(sent or body)
        token = self.server.token(parse_qs(body)["code"][0])
        self._json({"access_token": "x", "token_type": "Bearer", "id_token": token})


@pytest.fixture
def provider() -> Iterator[Provider]:
    server = Provider()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_whole_log_in_with_a_provider_on_loopback(
    provider: Provider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    httpx = pytest.importorskip("httpx")
    pytest.importorskip("authlib")
    port = serving_module.free_port()
    monkeypatch.setattr(serving_module, "free_port", lambda: port)
    secrets = tmp_path / "secrets.toml"
    secrets.write_text(
        f"""[auth]
redirect_uri = "http://127.0.0.1:{port}/oauth2callback"
cookie_secret = "a secret of this test that is long enough"
client_id = "genlab"
client_secret = "the client's own secret"
server_metadata_url = "{provider.url}/.well-known/openid-configuration"
"""
    )
    settings = {
        "GENLAB_ACCESS": "oidc",
        "GENLAB_HOSTS": "lab.test",
        "STREAMLIT_SECRETS_FILES": str(secrets),
    }
    app = serving_module.serve(tmp_path, settings)
    try:
        headers = {"accept": "text/html"}
        with httpx.Client(follow_redirects=True, headers=headers, timeout=60) as client:
            door = client.get(f"{app.url}/watch")
            assert door.url.path == "/enter"
            assert client.get(f"{app.url}/genlab/thumb/x.png").url.path == "/enter"
            link = door.text.partition('class="button" href="')[2].partition('"')[0]
            assert link.startswith("/auth/login?provider=")
            inside = client.get(app.url + link)
            assert inside.status_code == 200
            assert inside.url.path == "/"
            assert "streamlit" in inside.text.lower()
            assert client.get(f"{app.url}/join").url.path == "/join"
            assert any("the+client" in sent or "the client" in sent for sent in provider.secrets)
        with httpx.Client(headers=headers, timeout=60) as stranger:
            assert stranger.get(f"{app.url}/join").headers["location"] == "/enter"
    finally:
        app.stop()
        app.end_supervisor()
