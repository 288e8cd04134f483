"""Visitors, secrets and claim links at the level of requests."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from genlab import runs
from genlab.core.errors import StoreError
from genlab.runs.access import Actor, acting_as
from genlab.serving import identity, visitors
from genlab.serving.identity import Identity
from genlab.serving.tries import Tries
from tests.serving.conftest import Browser

Visit = Callable[..., Browser]
SPEC = {"model": "vae", "data": "digits", "steps": 30}
SECRET, ADMIN = "correct horse", "battery staple"


def test_the_first_page_gives_an_identity_that_stays(visit: Visit) -> None:
    ada, bob = visit(), visit()
    first = ada.ask("/")
    assert "HttpOnly; SameSite=Lax" in first.header("set-cookie")
    assert "Secure" not in first.header("set-cookie")
    bob.ask("/")
    me = ada.who()
    assert identity.ID.fullmatch(me["id"])
    assert ada.ask("/").header("set-cookie") == ""
    assert ada.who() == me
    assert bob.who()["id"] != me["id"]


def test_a_part_of_a_page_gives_none(visit: Visit) -> None:
    ada = visit()
    assert ada.who() == {"id": "", "machine": False, "admin": False}
    assert ada.cookies == {}


def test_https_makes_the_cookie_secure(visit: Visit) -> None:
    answer = visit().ask("/", more=(("x-forwarded-proto", "https"),))
    assert answer.header("set-cookie").endswith("; Secure")


@pytest.mark.parametrize("kind", ["forged", "foreign", "expired"])
def test_a_cookie_that_is_not_valid_is_nobody_and_is_replaced(visit: Visit, kind: str) -> None:
    ada = visit()
    ada.ask("/")
    (name, good), me = next(iter(ada.cookies.items())), ada.who()["id"]
    key = visitors.key()
    bad = {
        "forged": good[:-1] + ("0" if good[-1] != "0" else "1"),
        "foreign": identity.to_cookie(b"f" * 32, Identity(me, time.time())),
        "expired": identity.to_cookie(key, Identity(me, time.time() - identity.LIFETIME - 9)),
    }[kind]
    ada.cookies[name] = bad
    assert ada.who()["id"] == ""
    ada.ask("/")
    assert ada.who()["id"] not in ("", me)


def test_an_old_cookie_is_renewed_with_the_same_identity(visit: Visit) -> None:
    ada = visit()
    old = Identity("a" * 16, float(int(time.time() - 30 * 86_400)))
    ada.cookies[identity.cookie_name(visitors.key())] = identity.to_cookie(visitors.key(), old)
    assert ada.ask("/").header("set-cookie")
    assert ada.who()["id"] == old.id
    (text,) = ada.cookies.values()
    fresh = identity.from_cookie(visitors.key(), text)
    assert fresh is not None
    assert fresh.issued > old.issued


def test_this_machine_alone_is_the_machine(visit: Visit, monkeypatch) -> None:
    def is_machine(*more: tuple[str, str], **values: str) -> bool:
        browser = visit(**values)
        browser.ask("/")
        answer = browser.ask("/genlab/who", page=False, more=more)
        return '"machine":true' in answer.body

    assert not is_machine()  # others may come by the name lab.test
    monkeypatch.delenv("GENLAB_HOSTS")
    assert is_machine()
    assert is_machine(address="::1")
    assert is_machine(address="::ffff:127.0.0.1")
    assert not is_machine(address="10.0.0.7")
    assert not is_machine(address="testclient")
    for name in visitors.FORWARDED:
        assert not is_machine((name, "10.0.0.7"))


def test_a_request_cannot_say_who_it_is(visit: Visit) -> None:
    ada = visit()
    forged = visitors.Visitor(Actor("a" * 16, admin=True)).as_text()
    answer = ada.ask(
        "/genlab/who", page=False, more=(("x-genlab-visitor", forged), ("genlab.visitor", forged))
    )
    assert '"admin":false' in answer.body


# -- secrets -----------------------------------------------------------------------------------


@pytest.fixture
def private(served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENLAB_ACCESS", "private")
    monkeypatch.setenv("GENLAB_SECRET", SECRET)
    monkeypatch.setenv("GENLAB_ADMIN", ADMIN)


@pytest.mark.usefixtures("private")
def test_without_the_secret_nothing_is_reached(visit: Visit) -> None:
    ada = visit()
    answer = ada.ask("/")
    assert (answer.status, answer.header("location")) == (303, "/enter")
    assert ada.ask("/genlab/who", page=False).status == 401
    assert ada.ask("/genlab/who", method="POST").status == 401
    assert ada.ask("/_stcore/stream", kind="websocket").status == 403
    assert ada.ask("/claim/x").status == 303
    assert ada.ask("/enter").status == 200


@pytest.mark.usefixtures("private")
def test_the_secret_opens_pages_routes_and_websockets(visit: Visit) -> None:
    ada = visit()
    ada.ask("/enter")
    answer = ada.ask("/enter", form={"secret": SECRET})
    assert (answer.status, answer.header("location")) == (303, "/")
    assert ada.ask("/").status == 200
    assert ada.ask("/_stcore/stream", kind="websocket").status == 101
    me = ada.who()
    assert me["id"]
    assert not me["admin"]
    assert not me["machine"]


@pytest.mark.usefixtures("private")
def test_a_changed_secret_shuts_everybody_out(visit: Visit, monkeypatch) -> None:
    ada = visit()
    ada.ask("/enter", form={"secret": SECRET})
    assert ada.ask("/").status == 200
    monkeypatch.setenv("GENLAB_SECRET", "another horse")
    assert ada.ask("/").status == 303


@pytest.mark.usefixtures("private")
def test_the_admins_secret_administers_until_it_is_given_back(visit: Visit) -> None:
    run = runs_of("o" * 16)
    ada = visit()
    ada.ask("/enter", form={"secret": ADMIN})
    assert ada.who()["admin"]
    with acting_as(Actor(**ada.who())):
        runs.request(run, "stop")
    assert "administers" in ada.ask("/enter").body
    ada.ask("/enter", form={"leave": "1"})
    assert ada.ask("/").status == 303


def runs_of(owner: str) -> str:
    with acting_as(Actor(owner)):
        return runs.store().create(SPEC, title="<b>Hers</b>")


@pytest.mark.usefixtures("private")
def test_guessing_is_limited_by_address(visit: Visit) -> None:
    ada, bob = visit(), visit(address="10.0.0.7")
    for k in range(10):
        assert ada.ask("/enter", form={"secret": f"guess {k}"}).status == 403
    answer = ada.ask("/enter", form={"secret": SECRET})
    assert answer.status == 429
    assert "Wait" in answer.body
    assert bob.ask("/enter", form={"secret": SECRET}).status == 303


@pytest.mark.usefixtures("private")
def test_a_body_that_is_no_form_is_refused(visit: Visit) -> None:
    ada = visit()
    assert ada.ask("/enter", method="POST", content=(b"{}", "application/json")).status == 415
    form = "application/x-www-form-urlencoded"
    assert ada.ask("/enter", method="POST", content=(b"a" * 10_000, form)).status == 415
    assert ada.ask("/enter", method="POST", content=(b"secret=\xff", form)).status in (403, 415)
    assert ada.ask("/enter", method="POST", content=(b"", form)).status == 403


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"GENLAB_ACCESS": "closed"}, "allowed: open, private, oidc"),
        ({"GENLAB_ACCESS": "private"}, "no secret to enter"),
        ({"GENLAB_SECRET": "short"}, "at least 8"),
        ({"GENLAB_ADMIN": "short"}, "at least 8"),
        ({"GENLAB_SECRET": SECRET, "GENLAB_ADMIN": SECRET}, "are the same"),
    ],
)
def test_settings_that_open_too_much_or_nothing_are_refused(settings, words: str) -> None:
    with pytest.raises(StoreError, match=words):
        visitors.check_settings(settings)
    visitors.check_settings({})


# -- claim links -------------------------------------------------------------------------------


def test_a_claim_link_is_opened_and_then_pressed(visit: Visit) -> None:
    run = runs_of("o" * 16)
    with acting_as(Actor("o" * 16)):
        token = runs.offer("run", run)
    ada, bob = visit(), visit()
    shown = ada.ask(f"/claim/{token}")
    assert "&lt;b&gt;Hers&lt;/b&gt;" in shown.body
    assert "<b>" not in shown.body
    assert runs.store().get(run).owner == "o" * 16
    answer = ada.ask(f"/claim/{token}", form={})
    assert (answer.status, answer.header("location")) == (303, f"/watch?run={run}")
    assert runs.store().get(run).owner == ada.who()["id"]
    bob.ask("/")
    assert bob.ask(f"/claim/{token}", form={}).status == 404
    assert runs.store().get(run).owner == ada.who()["id"]


def test_a_claim_link_needs_an_identity_and_the_servers_own_page(visit: Visit) -> None:
    run = runs_of("o" * 16)
    with acting_as(Actor("o" * 16)):
        token = runs.offer("run", run)
    assert visit().ask(f"/claim/{token}", form={}).status == 403
    ada = visit()
    ada.ask("/")
    for more in ((("origin", "http://evil.test"),), (("sec-fetch-site", "cross-site"),)):
        assert ada.ask(f"/claim/{token}", form={}, more=more).status == 403
    assert runs.store().get(run).owner == "o" * 16


def test_guessing_claim_links_is_limited(visit: Visit) -> None:
    ada = visit()
    ada.ask("/")
    for k in range(10):
        assert ada.ask(f"/claim/guess{k}").status == 404
    assert ada.ask("/claim/guess").status == 429


def test_wrong_tries_are_forgotten_after_a_minute() -> None:
    now = [0.0]
    tries = Tries(most=2, window=60.0, clock=lambda: now[0])
    for at in (0.0, 30.0):
        now[0] = at
        tries.wrong("a")
    assert (tries.remaining("a"), tries.remaining("b")) == (0, 2)
    assert tries.wait("a") == 30
    now[0] = 61.0
    assert (tries.remaining("a"), tries.wait("a")) == (1, 0)
