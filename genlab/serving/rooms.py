"""Routes of rooms: joining by a code, and the state that browsers in a room poll.

Everybody in a room polls one small state. It is read from the store at most a few times a second,
whatever the number of viewers, and who polls is counted as present.
"""

from __future__ import annotations

import contextlib
import io
import json
import threading
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlencode

import segno
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from genlab import runs
from genlab.classroom import polls
from genlab.core.errors import GenlabError, NotAllowed, SpecError
from genlab.runs import rooms
from genlab.runs.access import acting, may
from genlab.runs.rooms import MOST, Room, find_room, normalise_code
from genlab.serving import identity, visitors
from genlab.serving.plain import address_of, alert, form_of, no_form, plain_page, see
from genlab.serving.tries import Tries

#: Seconds for which a state that was read is good, and after which who is silent has left.
FRESH = 0.25
PRESENT = 12.0
#: Milliseconds between two questions of a browser: at least, and for each viewer.
POLL, POLL_EACH = 600, 8
#: Bytes of a vote; a curve has 41 numbers.
LONGEST_VOTE = 4000
JOINS = Tries()
NO_ROOM = "There is no room with this code, or it has ended. Look at the code again."
NOT_YOURS = "You lead no room with this code. Nothing was changed."
FULL = f"This room is full: {MOST} people are in it. Ask the teacher to open another one."


class Board:
    """What the rooms of this process show, and who is there.

    Several servers of one store each count those who reached them.

    Args:
        clock: tells the time in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._read: dict[str, tuple[float, Room | None]] = {}
        self._polls: dict[str, tuple[float, Any]] = {}
        self._seen: dict[str, dict[str, float]] = {}

    def known(self, code: str) -> tuple[bool, Room | None]:
        """Whether the state of a room was read just now, and the room."""
        when, room = self._read.get(code, (-FRESH, None))
        return self._clock() - when < FRESH, room

    def keep(self, code: str, room: Room | None) -> None:
        """Keep what was read; a room that has ended is forgotten."""
        with self._lock:
            if room is None:
                self._seen.pop(code, None)
                self._read.pop(code, None)
                self._polls.pop(code, None)
            else:
                self._read[code] = (self._clock(), room)

    async def room(self, code: str) -> Room | None:
        """The room of a code, at most :data:`FRESH` seconds old."""
        fresh, room = self.known(code)
        if not fresh:
            room = await run_in_threadpool(find_room, runs.store(), code)
            self.keep(code, room)
        return room

    async def poll(self, code: str) -> Any:
        """Which question is asked, and how many votes are in, at most :data:`FRESH` old."""
        when, found = self._polls.get(code, (-FRESH, None))
        if self._clock() - when >= FRESH:
            found = await run_in_threadpool(polls.summary, runs.store(), code)
            with self._lock:
                self._polls[code] = (self._clock(), found)
        return found

    def see(self, code: str, name: str) -> None:
        """Say that somebody is there."""
        if name:
            with self._lock:
                self._seen.setdefault(code, {})[name] = self._clock()

    def count_present(self, room: Room) -> tuple[int, bool]:
        """How many are there beside the leader, and whether the leader is."""
        with self._lock:
            seen, now = self._seen.get(room.code, {}), self._clock()
            for name in [name for name, when in seen.items() if now - when > PRESENT]:
                del seen[name]
            leader = room.owner in seen
            return len(seen) - leader, leader

    def is_full(self, room: Room, name: str) -> bool:
        """Whether there is no place for somebody who is not there yet."""
        inside = name in self._seen.get(room.code, {})
        return not inside and name != room.owner and self.count_present(room)[0] >= MOST


BOARD = Board()


def followed(room: Room) -> str:
    """The address of the page that a room follows."""
    kept = [(name, value) for name, value in parse_qsl(room.query) if name != "present"]
    # The first page has the address of the app itself.
    path = "/" if room.path == "/start" else room.path
    return path + (f"?{urlencode(kept)}" if kept else "")


def _asking(sentence: str = "", status: int = 200) -> Response:
    text = (
        "<p>Type the six letters that the teacher shows.</p>"
        f'{alert(sentence)}<form method="post" action="/join"><label for="code">Code</label>'
        '<input class="code" id="code" name="code" required maxlength="12" autocomplete="off" '
        'autocapitalize="characters" spellcheck="false"><button>Join</button></form>'
    )
    return plain_page("Join a room", text, status)


async def join(request: Request) -> Response:
    """Join a room by its code, from the form or from a link."""
    code = request.path_params.get("code", "")
    if request.method == "POST":
        fields = await form_of(request)
        if fields is None:
            return no_form()
        code = fields.get("code", "")
    elif not code:
        return _asking()
    address, name = address_of(request), normalise_code(code)
    async with JOINS.turn(address):
        if wait := JOINS.wait(address):
            return _asking(f"Too many wrong codes from this address. Wait {wait} seconds.", 429)
        room = await BOARD.room(name) if name else None
        if room is None:
            JOINS.wrong(address)
            return _asking(NO_ROOM, 404)
    if BOARD.is_full(room, acting().id):
        return plain_page("Join a room", alert(FULL), 403)
    if not may("join_room"):
        return _asking("Your browser sent no identity. Allow cookies and try again.", 403)
    BOARD.see(room.code, acting().id)
    answer = see(followed(room))
    secure = visitors.is_secure(request.scope)
    cookie = visitors.room_cookie(room.code)
    text = identity.set_cookie(visitors.ROOM_COOKIE, cookie, secure=secure, age=rooms.DAY)
    answer.headers.append("set-cookie", text)
    return answer


async def leave(request: Request) -> Response:
    """Leave the room: the page stays, and no longer follows."""
    answer = see("/")
    secure = visitors.is_secure(request.scope)
    text = identity.set_cookie(visitors.ROOM_COOKIE, "", secure=secure, age=0)
    answer.headers.append("set-cookie", text)
    return answer


def _json(values: dict[str, Any], status: int = 200) -> Response:
    return JSONResponse(values, status_code=status, headers={"Cache-Control": "no-store"})


async def state(request: Request) -> Response:
    """What the room shows now, and who is there; asked by its members every moment."""
    code, address = request.path_params["code"], address_of(request)
    visitor = visitors.visitor_in(request.scope)
    member = visitor.room == code
    # A class behind one address does not wait for each other.
    async with contextlib.nullcontext() if member else JOINS.turn(address):
        if not member and JOINS.wait(address):
            return _json({"error": "Too many wrong codes from this address."}, 429)
        room = await BOARD.room(code) if normalise_code(code) == code else None
        if room is None:
            if not member:
                JOINS.wrong(address)
            return _json({"ended": True}, 410)
    name = visitor.actor.id
    leads = may("lead_room", room.owner, visitor.actor)
    if not member and not leads:
        return _json({"error": "Join the room first, by its code."}, 403)
    if BOARD.is_full(room, name):
        return _json({"error": FULL}, 403)
    BOARD.see(code, name)
    here, leader = BOARD.count_present(room)
    return _json(
        {
            "number": room.number,
            "path": room.path,
            "query": followed(room).partition("?")[2],
            "moment": dict(room.moment),
            "here": here,
            "leader": leader,
            "poll": await BOARD.poll(code),
            "again": max(POLL, POLL_EACH * here),
        }
    )


async def _json_of(request: Request, most: int) -> dict[str, Any] | Response:
    """The object that a request brings along, or the answer that refuses it."""
    if request.headers.get("content-type", "").partition(";")[0] != "application/json":
        return _json({"error": "This address takes JSON."}, 415)
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            return _json({"error": "This is too long."}, 413)
    try:
        given = dict(json.loads(body))
        # What could not be said to another browser (no number, half a character) is not kept.
        json.dumps(given, allow_nan=False, ensure_ascii=False).encode()
        return given
    except (ValueError, TypeError, RecursionError):
        return _json({"error": "This is no JSON object."}, 400)


def _refused(error: GenlabError) -> Response:
    """The answer to what was refused."""
    status = 403 if isinstance(error, NotAllowed) else 400 if isinstance(error, SpecError) else 409
    return _json({"error": str(error)}, status)


async def lead(request: Request) -> Response:
    """Show something else: the leader's browser says where it is."""
    code = request.path_params["code"]
    given = await _json_of(request, 3 * rooms.LONGEST)
    if isinstance(given, Response):
        return given
    known = await BOARD.room(code) if normalise_code(code) == code else None
    if known is None or not may("lead_room", known.owner):
        # One answer for both: which codes there are is not told here.
        return _json({"error": NOT_YOURS}, 403)
    try:
        path, query = str(given["path"]), str(given.get("query", ""))
        moment = dict(given.get("moment") or {})
    except (ValueError, TypeError, KeyError):
        return _json({"error": "This is no place that a room can follow."}, 400)
    try:
        room = await run_in_threadpool(rooms.lead, runs.store(), code, path, query, moment)
    except GenlabError as error:
        return _refused(error)
    BOARD.keep(code, room)
    return _json({"number": room.number})


async def vote(request: Request) -> Response:
    """Vote on the question that the room is asked: one for each browser, the last one counts."""
    code, visitor = request.path_params["code"], visitors.visitor_in(request.scope)
    if visitor.room != code:
        return _json({"error": "Join the room first, by its code."}, 403)
    given = await _json_of(request, LONGEST_VOTE)
    if isinstance(given, Response):
        return given
    room = await BOARD.room(code)
    if room is None:
        return _json({"error": NO_ROOM}, 410)
    if BOARD.is_full(room, visitor.actor.id):
        return _json({"error": FULL}, 403)
    number, answer = given.get("number"), given.get("answer")
    if not isinstance(number, int):
        return _json({"error": "The vote does not say which question it is about."}, 400)
    BOARD.see(code, visitor.actor.id)
    try:
        await run_in_threadpool(polls.cast, runs.store(), code, number, answer)
    except GenlabError as error:
        return _refused(error)
    return _json({"number": number, "counted": True})


def qr_svg(address: str) -> str:
    """A QR code of an address as SVG, made here and without a network.

    Example:
        >>> qr_svg("http://lab.test/join/BCDFGH").startswith("<svg")
        True
    """
    out = io.BytesIO()
    segno.make(address, error="m", micro=False).save(
        out, kind="svg", scale=8, border=4, dark="#000", light="#fff", xmldecl=False, svgns=True,
        title=f"QR code of {address}", omitsize=True,
    )  # fmt: skip
    return out.getvalue().decode().strip()


ROUTES: list[BaseRoute] = [
    Route("/join", join, methods=["GET", "POST"]),
    Route("/join/{code}", join, methods=["GET"]),
    Route("/leave", leave, methods=["POST"]),
    Route("/genlab/rooms/{code}/state", state, methods=["GET"]),
    Route("/genlab/rooms/{code}/lead", lead, methods=["POST"]),
    Route("/genlab/rooms/{code}/vote", vote, methods=["POST"]),
]
