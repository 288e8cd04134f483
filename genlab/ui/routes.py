"""The routes that pages fetch without a rerun: new records, pictures, thumbnails, static files.

These routes bypass Streamlit's session, so each checks its arguments itself. An identifier that
does not match its pattern never reaches the store or the files.
"""

from __future__ import annotations

import functools
import gzip
import hashlib
import logging
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from genlab import runs
from genlab.core.errors import (
    DataError,
    GenlabError,
    NotAllowed,
    RunNotFound,
    RunStateError,
    SnapshotError,
    SpecError,
    StoreError,
)
from genlab.core.options import Options, option, parse_int
from genlab.exports import EXPORTS, USUAL, export_file, most_in_seconds
from genlab.panels import form_of
from genlab.panels.scripts import static_files, static_version
from genlab.panels.thumbnail import empty_thumbnail
from genlab.report.answers import clock_values, delta_values, to_json
from genlab.ui.page_states import MOST
from genlab.ui.state import parse_query

log = logging.getLogger(__name__)

RUN = re.compile(r"(shipped:)?[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
PANEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
#: Media types that are already compressed or not compressible.
AS_IT_IS = {"image/png", "image/webp", "application/octet-stream"}
TYPES = {"js": "text/javascript", "css": "text/css", "png": "image/png", "webp": "image/webp"}
#: The largest number of samples or codes in a download; the command line writes more.
MOST_EXPORTED = 10_000
#: Files that are computed at the same time, and the seconds that another request waits.
EXPORTING, EXPORT_WAIT = threading.BoundedSemaphore(2), 20.0
FOREVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True)
class DeltaQuery(Options):
    """The query for new records."""

    since: int = option(0, "cursor of the last record that the browser has", low=0, high=MOST)


Handler = Callable[[Request], Response]


def cached_response(
    request: Request, body: bytes, *, kind: str = "application/json", cache: str = "no-cache"
) -> Response:
    """A response with an ETag: 304 if the browser has it, compressed where that saves bytes."""
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


def error_response(status: int, message: str) -> Response:
    """An error as JSON."""
    return Response(
        to_json({"error": message}),
        status_code=status,
        media_type="application/json",
        headers={"Cache-Control": "no-store"},
    )


def status_of(error: GenlabError) -> int:
    """The HTTP status of a failed request: 4xx for the client's error, 5xx for the server's.

    Example:
        >>> status_of(StoreError("The store is locked."))
        503
    """
    kinds = {SpecError: 400, NotAllowed: 403, RunStateError: 409, StoreError: 503, DataError: 503}
    return next((status for kind, status in kinds.items() if isinstance(error, kind)), 422)


def guard_route(handler: Handler) -> Handler:
    """Convert every error to a status and a sentence, so that no user sees a traceback."""

    @functools.wraps(handler)
    def run(request: Request) -> Response:
        try:
            return handler(request)
        except (RunNotFound, SnapshotError, FileNotFoundError) as error:
            text = str(error) if isinstance(error, GenlabError) else "There is no such file."
            return error_response(404, text)
        except GenlabError as error:
            return error_response(status_of(error), str(error))
        except Exception:
            log.exception("%s failed", request.url.path)
            return error_response(500, "This could not be read. The server's log has the reason.")

    return run


def run_of(request: Request) -> str:
    """The run id of the path.

    Raises:
        RunNotFound: if it does not have the form of an id.
    """
    name = request.path_params["run"]
    if not RUN.fullmatch(name):
        raise RunNotFound("This is not the id of a run.")
    return str(name)


def parse_count(text: str | None) -> int | None:
    """Parse a whole number from 0; None for anything else."""
    return parse_int(text or "", 0, MOST)


@guard_route
def delta(request: Request) -> Response:
    """The records of a run after a cursor; ``since=0`` gives all, with their descriptions."""
    name = run_of(request)
    try:
        since = parse_query(DeltaQuery, request.query_params).since
    except SpecError as error:
        return error_response(400, f"{error.option} is wrong; {error.allowed}.")
    return cached_response(request, to_json(delta_values(runs.open_run(name), since)))


@guard_route
def clock(request: Request) -> Response:
    """Some steps of a run and the training seconds at each."""
    return cached_response(request, to_json(clock_values(runs.open_run(run_of(request)))))


@guard_route
def frame(request: Request) -> Response:
    """The picture of a panel at a step; it never changes, so browsers may cache it."""
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


@dataclass(frozen=True)
class ExportQuery(Options):
    """The query of an export."""

    step: int | None = option(None, "step of the snapshot; none: the last one", low=0, high=MOST)
    n: int | None = option(
        None, "number of samples or codes; none: 1,000, or fewer", low=1, high=MOST_EXPORTED
    )
    seed: int = option(0, "seed of the samples", low=0, high=2**31 - 1)


@guard_route
def export(request: Request) -> Response:
    """Part of a run as a file: weights, decoder, samples, codes, curves."""
    name, kind = run_of(request), str(request.path_params["file"])
    if kind not in EXPORTS:
        return error_response(
            404, f"There is no such file. The files are {', '.join(EXPORTS.names())}."
        )
    try:
        query = parse_query(ExportQuery, request.query_params)
        view = runs.open_run(name)
        most = most_in_seconds(view, kind, query.step) if view.snapshots() else MOST_EXPORTED
        if query.n is not None and query.n > most:
            why = f"this model takes long for each: at most {most:,} here, more by genlab export"
            raise SpecError("n", query.n, why)
        n = query.n or min(USUAL, most)
        if not EXPORTING.acquire(timeout=EXPORT_WAIT):
            return error_response(503, "Other files are being computed. Try again in a minute.")
        try:
            body = export_file(view, kind, step=query.step, n=n, seed=query.seed)
        finally:
            EXPORTING.release()
    except SpecError as error:
        return error_response(400, str(error))
    response = cached_response(request, body, kind=EXPORTS[kind].media)
    response.headers["Content-Disposition"] = f'attachment; filename="{file_stem(name)}-{kind}"'
    return response


def file_stem(run: str) -> str:
    """The first part of a download's file name, from the run's id."""
    return run.replace(":", "-")


@guard_route
def static(request: Request) -> Response:
    """A script or style sheet of GenLab."""
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
    Route("/genlab/runs/{run}/export/{file}", export),
    Route("/genlab/thumb/{run}.png", thumbnail),
    Route("/genlab/static/{version}/{name:path}", static),
]
