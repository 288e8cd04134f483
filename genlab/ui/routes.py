"""The routes that pages fetch without a rerun: deltas, pictures, thumbnails, static files.

These routes bypass Streamlit's session, so each checks its arguments itself: an identifier that
does not match its pattern never reaches the store or the files.
"""

from __future__ import annotations

import functools
import gzip
import hashlib
import json
import logging
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from genlab import runs
from genlab.core.errors import GenlabError, RunNotFound, SnapshotError, SpecError
from genlab.core.options import Options, option, parse_int
from genlab.figures import live as figures
from genlab.panels import PANELS, form_of
from genlab.panels.thumbnail import empty_thumbnail
from genlab.report.time_cursor import run_clock
from genlab.runs.store import ACTIVE, Record, RunRow
from genlab.ui.page_states import MOST
from genlab.ui.state import parse_query

log = logging.getLogger(__name__)

RUN = re.compile(r"(shipped:)?[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
PANEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
STATIC = re.compile(r"[a-z]{1,20}/[a-z][a-z0-9_]{0,40}\.(js|css)")
#: What is packed already, or does not pack.
AS_IT_IS = {"image/png", "application/octet-stream"}
TYPES = {"js": "text/javascript", "css": "text/css", "png": "image/png"}
FOREVER = "public, max-age=31536000, immutable"
PAGE = 2000


@dataclass(frozen=True)
class DeltaQuery(Options):
    """The query of a delta."""

    since: int = option(0, "cursor of the last record that is known", low=0, high=MOST)


Handler = Callable[[Request], Response]


def cached_response(
    request: Request, body: bytes, *, kind: str = "application/json", cache: str = "no-cache"
) -> Response:
    """A response with an ETag: 304 where the browser has it, compressed where that saves bytes."""
    headers = {
        "Cache-Control": cache,
        "ETag": f'"{hashlib.blake2b(body, digest_size=9).hexdigest()}"',
    }
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    if (
        len(body) > 600
        and kind not in AS_IT_IS
        and "gzip" in request.headers.get("accept-encoding", "")
    ):
        body = gzip.compress(body, 5)
        headers |= {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
    return Response(body, media_type=kind, headers=headers)


def to_json(values: Mapping[str, Any]) -> bytes:
    """Encode values as compact JSON; a NaN raises an error, because JSON has none."""
    return json.dumps(values, separators=(",", ":"), allow_nan=False).encode()


def error_response(status: int, message: str) -> Response:
    """An error as JSON."""
    return Response(
        to_json({"error": message}),
        status_code=status,
        media_type="application/json",
        headers={"Cache-Control": "no-store"},
    )


def guard_route(handler: Handler) -> Handler:
    """Convert every error to a status and a sentence, so that no traceback reaches a user."""

    @functools.wraps(handler)
    def run(request: Request) -> Response:
        try:
            return handler(request)
        except (RunNotFound, SnapshotError, FileNotFoundError) as error:
            text = str(error) if isinstance(error, GenlabError) else "There is no such file."
            return error_response(404, text)
        except GenlabError as error:
            return error_response(503, str(error))
        except Exception:
            log.exception("%s failed", request.url.path)
            return error_response(500, "This could not be read; the server's log says why.")

    return run


def run_of(request: Request) -> str:
    """The run id of the path.

    Raises:
        RunNotFound: if it cannot be one.
    """
    name = request.path_params["run"]
    if not RUN.fullmatch(name):
        raise RunNotFound("This is not the name of a run.")
    return str(name)


def parse_count(text: str | None) -> int | None:
    """A whole number from 0, or None for anything else."""
    return parse_int(text or "", 0, MOST)


def run_status(row: RunRow) -> dict[str, Any]:
    """The status of a run as plain values."""
    left = row.steps - row.step
    eta = left / row.speed if row.status == "running" and row.speed > 0 else None
    return {
        "status": row.status,
        "step": row.step,
        "steps": row.steps,
        "speed": figures.finite_or_none(row.speed) or 0,
        "eta": None if eta is None else math.ceil(eta),
        "position": row.position,
        "message": row.message,
        "attempt": row.attempt,
    }


def new_frames(records: list[Record]) -> dict[str, list[int]]:
    """The steps with new pictures, by panel."""
    found: dict[str, list[int]] = {}
    for record in records:
        if record.kind == "frame":
            for panel in record.payload.get("panels", ()):
                found.setdefault(panel, []).append(record.step)
    return found


@guard_route
def delta(request: Request) -> Response:
    """The new records of a run since a cursor; ``since=0`` gives all, with their descriptions."""
    name = run_of(request)
    try:
        since = parse_query(DeltaQuery, request.query_params).since
    except SpecError as error:
        return error_response(400, f"{error.option} is wrong; {error.allowed}.")
    view = runs.open_run(name)
    row = view.row
    every = max(1, row.steps // 500)
    records: list[Record] = []
    after = since
    while page := view.read(after=after, limit=PAGE):
        records += page
        after = page[-1].seq
        if len(page) < PAGE:
            break
    most = figures.LIVE_ROWS if since else figures.FULL_ROWS
    values = run_status(row) | {
        "seq": after,
        "rows": figures.blocks(records, most=most, every=every),
        "events": figures.events(records),
    }
    if since:
        # The numbers of a step are here before the run says once a second where it stands.
        values["step"] = max([row.step, *(record.step for record in records)])
        values["frames"] = new_frames(records)
    else:
        values |= {
            "id": name,
            "active": row.status in ACTIVE,
            "charts": figures.charts(row.series),
            "frames": view.frames(),
        }
    return cached_response(
        request, to_json({k: v for k, v in values.items() if v not in ({}, [])})
    )


@guard_route
def clock(request: Request) -> Response:
    """Some steps of a run and the seconds of training until each."""
    view = runs.open_run(run_of(request))
    steps, seconds = run_clock(view)
    pairs = list(zip(steps, seconds, strict=True))
    kept = pairs[:: max(1, len(pairs) // figures.CLOCK_ROWS)]
    if pairs and kept[-1] != pairs[-1]:
        kept.append(pairs[-1])
    values = {"step": [step for step, _ in kept], "seconds": [second for _, second in kept]}
    return cached_response(request, to_json(values))


@guard_route
def frame(request: Request) -> Response:
    """The picture of a panel at a step; it never changes, so browsers cache it."""
    name, panel = run_of(request), request.path_params["panel"]
    step = parse_count(request.path_params["step"])
    form = request.path_params["form"]
    if step is None or form not in {"json", "png"} or not PANEL.fullmatch(panel):
        return error_response(404, "There is no such picture.")
    body = runs.open_run(name).frame_file(panel, step, form)
    return cached_response(request, body, kind=TYPES.get(form, "application/json"), cache=FOREVER)


@guard_route
def thumbnail(request: Request) -> Response:
    """The thumbnail of a run: its newest samples."""
    view = runs.open_run(run_of(request))
    steps = view.frames().get("samples", [])
    body = _thumb(view.id, steps[-1]) if steps else _empty_thumb()
    return cached_response(request, body, kind="image/png")


@functools.lru_cache(maxsize=256)
def _thumb(run: str, step: int) -> bytes:
    """The samples of a step as a thumbnail of their form."""
    picture = runs.open_run(run).files.picture("samples", step)
    return form_of(picture).thumbnail(picture)


@functools.cache
def _empty_thumb() -> bytes:
    return empty_thumbnail()


@functools.cache
def static_files() -> dict[str, bytes]:
    """Our own scripts and style sheets by their paths, such as ``explore/map.js``.

    The folders are those of ``genlab/ui/static``, so that scripts import each other by the same
    relative paths in a browser, in node and in the type checker. The folder ``forms`` has the
    scripts of the forms of pictures that plugins add.
    """
    found = {
        f"{folder.name}/{entry.name}": entry.read_bytes()
        for folder in (resources.files("genlab.ui") / "static").iterdir()
        if folder.is_dir()
        for entry in folder.iterdir()
    }
    for name in PANELS:
        if source := PANELS[name].javascript():
            found[f"forms/{name}.js"] = source.encode()
    return {path: found[path] for path in sorted(found) if STATIC.fullmatch(path)}


@functools.cache
def static_version() -> str:
    """A hash of the static files: part of their address, so they can be cached for ever."""
    joined = b"".join(path.encode() + body for path, body in static_files().items())
    return hashlib.blake2b(joined, digest_size=6).hexdigest()


@guard_route
def static(request: Request) -> Response:
    """One of our own scripts or style sheets."""
    name = request.path_params["name"]
    body = static_files().get(name)
    if body is None:
        return error_response(404, "There is no such file.")
    current = request.path_params["version"] == static_version()
    kind = TYPES[name.rpartition(".")[2]]
    return cached_response(request, body, kind=kind, cache=FOREVER if current else "no-cache")


ROUTES: list[BaseRoute] = [
    Route("/genlab/runs/{run}/delta", delta),
    Route("/genlab/runs/{run}/clock", clock),
    Route("/genlab/runs/{run}/frame/{panel}/{step}.{form}", frame),
    Route("/genlab/thumb/{run}.png", thumbnail),
    Route("/genlab/static/{version}/{name:path}", static),
]
