"""Routes to enter with a secret, and to accept the ownership that a claim link offers.

A link alone changes nothing: programs that preview links open them too. A person presses a button.
"""

from __future__ import annotations

import hmac
import time

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from genlab import runs
from genlab.core.errors import GenlabError, NotAllowed
from genlab.core.escape import escape_html
from genlab.runs import ownership
from genlab.runs.items import Item
from genlab.serving import identity, visitors
from genlab.serving.guard import cookie_of
from genlab.serving.identity import Identity
from genlab.serving.plain import address_of, alert, form_of, no_form, plain_page, see
from genlab.serving.tries import Tries

ENTRIES = Tries()
CLAIMS = Tries()
TOO_OFTEN = "Too many wrong tries from this address. Wait {} seconds, then try again."


def _entering(sentence: str = "", status: int = 200, admin: bool = False) -> Response:
    if admin:
        text = (
            "<p>This browser administers everything on this server.</p>"
            '<form method="post"><input type="hidden" name="leave" value="1">'
            "<button>Give the secret back</button></form>"
        )
        return plain_page("You have entered", text + '<p><a href="/">To the first page</a></p>')
    log_in = visitors.log_in_now()
    if log_in is not None:
        link = escape_html(log_in.address())
        text = f'<p><a class="button" href="{link}">Log in</a></p>'
        if visitors.secrets_of():
            text += "<p>Or enter with a secret.</p>" + _secret_form()
        return plain_page("Enter GenLab", alert(sentence) + text, status)
    return plain_page("Enter GenLab", alert(sentence) + _secret_form(), status)


def _secret_form() -> str:
    return (
        '<form method="post"><label for="secret">Secret</label>'
        '<input id="secret" name="secret" type="password" autocomplete="current-password" '
        'required maxlength="200"><button>Enter</button></form>'
    )


def _with_grants(request: Request, grants: frozenset[str]) -> Response:
    """To the first page, with a cookie that has these grants."""
    known = visitors.identity_of(request.scope)
    name = identity.new_id() if known is None else known.id
    answer = see("/")
    fresh = Identity(name, time.time(), grants)
    answer.headers.append("set-cookie", cookie_of(request.scope, fresh))
    return answer


async def enter(request: Request) -> Response:
    """The form that asks for the secret, and its answer."""
    known = visitors.identity_of(request.scope)
    if request.method != "POST":
        return _entering(admin=visitors.holds(known, "admin"))
    fields, address = await form_of(request), address_of(request)
    if fields is None:
        return no_form()
    if fields.get("leave"):
        return _with_grants(request, frozenset())
    if wait := ENTRIES.wait(address):
        return _entering(TOO_OFTEN.format(wait), 429)
    given = fields.get("secret", "").strip()
    grants = {
        identity.grant_of(visitors.key(), role, secret)
        for role, secret in visitors.secrets_of().items()
        if hmac.compare_digest(secret.encode(), given.encode())
    }
    if not grants:
        ENTRIES.wrong(address)
        return _entering("This is not the secret of this server. Nothing was changed.", 403)
    known_grants = frozenset() if known is None else known.grants
    return _with_grants(request, known_grants | grants)


def _words(offer: Item) -> tuple[str, str]:
    """What an offer passes on, in words, and the page where it is seen then."""
    kind, name = str(offer.values["kind"]), str(offer.values["id"])
    if kind == "run":
        try:
            row = runs.store().get(name)
        except GenlabError:
            return "a run that was deleted", "/"
        return f"the run {row.title or name}", f"/watch?run={name}"
    if kind == "all":
        return "all runs, sets and rooms of another browser", "/"
    return f"the {kind} {name}", "/data" if kind == "set" else "/"


def _no_claim(error: GenlabError) -> Response:
    status = 403 if isinstance(error, NotAllowed) else 404
    return plain_page("This link does not work", alert(str(error)), status)


async def claim(request: Request) -> Response:
    """What a claim link offers, and a button that takes it over."""
    token, address = request.path_params["token"], address_of(request)
    post = request.method == "POST"
    async with CLAIMS.turn(address):
        if wait := CLAIMS.wait(address):
            return plain_page("Wait a moment", alert(TOO_OFTEN.format(wait)), 429)
        try:
            offer = await run_in_threadpool(
                ownership.claim if post else ownership.peek, runs.store(), token
            )
        except GenlabError as error:
            CLAIMS.wrong(address)
            return _no_claim(error)
    words, path = _words(offer)
    if post:
        return see(path)
    text = (
        f"<p>This link passes <strong>{escape_html(words)}</strong> to this browser. "
        "Whoever owned it before can then look, and no longer change it.</p>"
        '<form method="post"><button>Take it over</button></form>'
    )
    return plain_page("Take over", text)


ROUTES: list[BaseRoute] = [
    Route("/enter", enter, methods=["GET", "POST"]),
    Route("/claim/{token}", claim, methods=["GET", "POST"]),
]
