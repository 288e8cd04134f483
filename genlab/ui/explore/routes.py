"""The routes of Explore: the decoder of a run at a step, as a program for the browser."""

from __future__ import annotations

import functools
from typing import Any
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from genlab import runs
from genlab.browser.decoder_program import Program, export
from genlab.models.labels import conditioned_on_class
from genlab.ui.explore.scatter import map_file, sprite_sheet
from genlab.ui.routes import (
    FOREVER,
    cached_response,
    error_response,
    guard_route,
    parse_count,
    run_of,
)

KINDS = {"json": "application/json", "bin": "application/octet-stream"}


@functools.lru_cache(maxsize=8)
def _program(run: str, step: int, created: float, label: str | None) -> Program:  # noqa: ARG001
    # The run's creation time is part of the key, because an id may be used again.
    model: Any = runs.open_run(run).model(step)
    return export(conditioned_on_class(model, label))


def program_of(run: str, step: int, label: str | None = None) -> Program:
    """The decoder program of a run after a step, conditioned on a class; cached.

    Raises:
        NotExportable: if the browser cannot run an operation of the decoder.
        SnapshotError: if there is no such snapshot.
    """
    return _program(run, step, runs.open_run(run).row.created, label)


def addresses(run: str, step: int, label: str | None, version: str) -> dict[str, str]:
    """The addresses of a program and its weights; their version lets browsers cache them."""
    asked = urlencode({"v": version} | ({} if label is None else {"label": label}))
    name = f"genlab/decoder/{quote(run, safe=':')}/{step}"
    return {"program": f"{name}.json?{asked}", "weights": f"{name}.bin?{asked}"}


@guard_route
def decoder(request: Request) -> Response:
    """The program (``json``) or its weights (``bin``)."""
    run, form = run_of(request), request.path_params["form"]
    step = parse_count(request.path_params["step"])
    if step is None or form not in KINDS:
        return error_response(404, "There is no such decoder.")
    found = program_of(run, step, request.query_params.get("label"))
    body = found.text if form == "json" else found.weights
    current = request.query_params.get("v") == found.version
    return cached_response(
        request, body, kind=KINDS[form], cache=FOREVER if current else "no-cache"
    )


ROUTES: list[BaseRoute] = [
    Route("/genlab/decoder/{run}/{step}.{form}", decoder),
    Route("/genlab/sprites/{job}.png", sprite_sheet),
    Route("/genlab/map/{job}.bin", map_file),
]
