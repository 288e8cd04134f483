"""What pages fetch without a rerun: deltas of a run, pictures of a step, thumbnails, static files.

These routes bypass Streamlit's session, so each checks its arguments itself: an identifier that
does not match its pattern never reaches the store or the files.
"""

from __future__ import annotations

import functools
import gzip
import hashlib
import io
import json
import logging
import math
import re
from collections.abc import Callable, Mapping
from importlib import resources
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from genlab import runs
from genlab.core.errors import GenlabError, RunNotFound, SnapshotError
from genlab.figures import live as figures
from genlab.report.time_cursor import run_clock
from genlab.runs.store import ACTIVE, Record, RunRow

log = logging.getLogger(__name__)

RUN = re.compile(r"(shipped:)?[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
PANEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
STATIC = re.compile(r"[a-z]{1,20}/[a-z][a-z0-9_]{0,40}\.(js|css)")
#: What is packed already, or does not pack.
AS_IT_IS = {"image/png", "application/octet-stream"}
TYPES = {"js": "text/javascript", "css": "text/css", "png": "image/png"}
FOREVER = "public, max-age=31536000, immutable"
PAGE = 2000

Handler = Callable[[Request], Response]


def cached_response(
    request: Request, body: bytes, *, kind: str = "application/json", cache: str = "no-cache"
) -> Response:
    """A response with an ETag: 304 where the browser has it already, gzip where that pays."""
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
    """Compact JSON; a NaN here is a mistake of ours and becomes an error, never invalid JSON."""
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
    """No traceback reaches a user: every error becomes a status and a sentence."""

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
    return int(text) if text and re.fullmatch(r"[0-9]{1,15}", text) else None


def run_status(row: RunRow) -> dict[str, Any]:
    """How a run stands, in a few plain values."""
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
    """Panel name to the steps of which there are new pictures."""
    found: dict[str, list[int]] = {}
    for record in records:
        if record.kind == "frame":
            for panel in record.payload.get("panels", ()):
                found.setdefault(panel, []).append(record.step)
    return found


@guard_route
def delta(request: Request) -> Response:
    """What is new in a run since a cursor; ``since=0`` gives everything and what it means."""
    name = run_of(request)
    since = parse_count(request.query_params.get("since", "0"))
    if since is None:
        return error_response(400, "since must be a whole number from 0.")
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
    """When a run was where: some of its steps, and the seconds of training until each."""
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
    """The picture of a panel at a step, for ever the same."""
    name, panel = run_of(request), request.path_params["panel"]
    step = parse_count(request.path_params["step"])
    form = request.path_params["form"]
    if step is None or form not in {"json", "png"} or not PANEL.fullmatch(panel):
        return error_response(404, "There is no such picture.")
    body = runs.open_run(name).frame_file(panel, step, form)
    return cached_response(request, body, kind=TYPES.get(form, "application/json"), cache=FOREVER)


@guard_route
def thumbnail(request: Request) -> Response:
    """The newest samples of a run as a small picture."""
    view = runs.open_run(run_of(request))
    steps = view.frames().get("samples", [])
    body = _thumb(view.id, steps[-1]) if steps else _empty_thumb()
    return cached_response(request, body, kind="image/png")


@functools.lru_cache(maxsize=256)
def _thumb(run: str, step: int) -> bytes:
    """Up to 4 x 4 images of the sheet, or the points, in 160 x 160 pixels."""
    from PIL import Image

    view = runs.open_run(run)
    about = view.frame("samples", step)
    if about["form"] == "points":
        return _points_thumb(about)
    if about["form"] == "histogram":
        return _histogram_thumb(about)
    sheet = Image.open(io.BytesIO(view.frame_file("samples", step, "png"))).convert("RGB")
    columns = max(1, int(about.get("columns") or 1))
    rows = max(1, math.ceil(int(about.get("n") or 1) / columns))
    k = min(4, columns, rows)
    width, height = sheet.width // columns, sheet.height // rows
    picture = Image.new("RGB", (160, 160), (128, 128, 128))
    cell = (160 - (k - 1)) // k
    filter_ = Image.Resampling.NEAREST if width < cell else Image.Resampling.BOX
    for row in range(k):
        for column in range(k):
            box = (column * width, row * height, (column + 1) * width, (row + 1) * height)
            one = sheet.crop(box).resize((cell, cell), filter_)
            picture.paste(one, (column * (cell + 1), row * (cell + 1)))
    return _png(picture)


def _points_thumb(about: Mapping[str, Any]) -> bytes:
    """Points in their box; of two kinds (data and generated) the first stays in the background."""
    from PIL import Image, ImageDraw

    clouds = figures.clouds(about)
    picture = Image.new("RGB", (160, 160), (247, 247, 247))
    draw = ImageDraw.Draw(picture)
    every = about.get("box") or [p for cloud in clouds.values() for p in cloud]
    if every:
        low = [min(p[i] for p in every) for i in (0, 1)]
        span = max(max(p[i] for p in every) - low[i] for i in (0, 1)) or 1.0
        for colour, cloud in zip(((185, 185, 185), (0, 114, 178)), clouds.values(), strict=False):
            for x, y in cloud[:600]:
                u, v = 8 + 144 * (x - low[0]) / span, 152 - 144 * (y - low[1]) / span
                draw.ellipse((u - 1, v - 1, u + 1, v + 1), fill=colour)
    return _png(picture)


def _histogram_thumb(about: Mapping[str, Any]) -> bytes:
    """The shares of each kind as columns, the data in grey behind."""
    from PIL import Image, ImageDraw

    picture = Image.new("RGB", (160, 160), (247, 247, 247))
    draw = ImageDraw.Draw(picture)
    rows = list(about["counts"].values())[:2]
    top = max((max(row) for row in rows), default=0) or 1
    for row, colour in zip(rows, ((185, 185, 185), (0, 114, 178)), strict=False):
        wide = 144 / len(row)
        for i, count in enumerate(row):
            draw.line(
                (
                    8 + i * wide,
                    152 - 140 * count / top,
                    8 + (i + 1) * wide,
                    152 - 140 * count / top,
                ),
                fill=colour,
                width=3,
            )
    return _png(picture)


@functools.cache
def _empty_thumb() -> bytes:
    from PIL import Image

    return _png(Image.new("RGB", (160, 160), (236, 236, 236)))


def _png(picture: Any) -> bytes:
    out = io.BytesIO()
    picture.save(out, format="PNG", optimize=True)
    return out.getvalue()


@functools.cache
def static_files() -> dict[str, bytes]:
    """Our own scripts and style sheets by their paths, such as ``explore/map.js``.

    The folders are those of ``genlab/ui/static``, so that scripts import each other by the same
    relative paths in a browser, in node and in the type checker.
    """
    found = {
        f"{folder.name}/{entry.name}": entry.read_bytes()
        for folder in (resources.files("genlab.ui") / "static").iterdir()
        if folder.is_dir()
        for entry in folder.iterdir()
    }
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
