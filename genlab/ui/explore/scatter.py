"""The component that draws a map of points, and the images that it shows on hover."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import streamlit as st
import torch
from starlette.requests import Request
from starlette.responses import Response
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from genlab import latent, runs
from genlab.figures.latent import map_bytes
from genlab.latent.codes import examples
from genlab.latent.points import codes_from
from genlab.models.labels import conditioned_on_class
from genlab.panels.encoding import png, sheet
from genlab.runs.store import JobRow
from genlab.ui.component import component
from genlab.ui.routes import FOREVER, cached_response, error_response, guard_route

KEY = re.compile(r"[0-9a-f]{8,64}")
#: The largest number of pixels of an image sheet; above it each image is scaled down.
PIXELS = 10_000_000
#: A map of more points has no images, because each would be a few pixels wide.
MOST_PICTURES = 10_000
#: A map of more points is sent as a separate file.
IN_MESSAGE = 3000


def scatter(data: Mapping[str, Any], key: str) -> None:
    """Draw a map; :func:`read_selection` returns the selection on it.

    Args:
        data: of :func:`genlab.figures.latent.map_data`.
        key: of the component.
    """
    component("explore/map", "The map")(
        key=key,
        data=dict(data),
        default={"clicks": None, "set": None},
        on_clicks_change=lambda: None,
        on_set_change=lambda: None,
    )


def read_selection(key: str) -> tuple[list[dict[str, Any]], list[int] | None]:
    """The clicks and selections on a map; available before the map is drawn.

    Returns:
        The last few clicks, each ``{"row": r}`` or ``{"spot": [x, y]}`` with an increasing
        number ``n``; and the rows of the last lasso or box, None before the first.
    """
    done = dict(st.session_state.get(key) or {})
    rows = (done.get("set") or {}).get("rows")
    clicks = [dict(click) for click in done.get("clicks") or ()]
    return clicks, None if rows is None else [int(row) for row in rows]


def cell(shape: tuple[int, ...], n: int) -> tuple[int, int]:
    """Height and width of one image in a sheet of n.

    Example:
        >>> cell((1, 28, 28), 10_000), cell((3, 64, 64), 10_000)
        ((28, 28), (31, 31))
    """
    height, width = shape[-2:]
    small = min(1.0, (PIXELS / (n * height * width)) ** 0.5)
    return max(1, int(height * small)), max(1, int(width * small))


def sprites(job: str, shape: tuple[int, ...], n: int) -> dict[str, Any]:
    """The address of the image sheet of a map, and its layout."""
    height, width = cell(shape, n)
    return {
        "url": f"genlab/sprites/{job}.png",
        "columns": int(np.ceil(np.sqrt(n))),
        "width": width,
        "height": height,
    }


def sheet_of(x: Tensor) -> bytes:
    """The images (N, C, H, W) of a map side by side as PNG, each of the size :func:`cell`."""
    size = cell(tuple(x.shape[1:]), len(x))
    if size != tuple(x.shape[-2:]):
        x = torch.cat([adaptive_avg_pool2d(part, size) for part in x.split(512)])
    return png(sheet(x, int(np.ceil(np.sqrt(len(x))))))


@functools.lru_cache(maxsize=4)
def _sheet(job: str, created: float) -> bytes:  # noqa: ARG001 - part of the key
    row = runs.job(job)
    assert row is not None
    view = runs.open_run(str(row.values["run"]))
    model: Any = view.model(int(row.values["step"]))
    codes = codes_from(runs.job_result(job), latent.space(model))
    with torch.no_grad():
        return sheet_of(examples(conditioned_on_class(model, None), view.data(), codes))


def _finished_map(request: Request) -> JobRow | None:
    """The finished job of a map, by its key in an address; None if there is none."""
    key = request.path_params["job"]
    row = runs.job(key) if KEY.fullmatch(key) else None
    return row if row is not None and row.kind == "project" and row.status == "done" else None


@guard_route
def map_file(request: Request) -> Response:
    """The points of a map as :func:`genlab.figures.latent.map_bytes`."""
    row = _finished_map(request)
    if row is None:
        return error_response(404, "There is no such map.")
    body = _map_file(row.key, row.created)
    return cached_response(request, body, kind="application/octet-stream", cache=FOREVER)


@functools.lru_cache(maxsize=4)
def _map_file(job: str, created: float) -> bytes:  # noqa: ARG001 - part of the key
    row = runs.job(job)
    assert row is not None
    found = runs.job_result(job)
    classes = runs.open_run(str(row.values["run"])).data().meta.classes
    xy, label = np.asarray(found["xy"]), np.asarray(found["label"])
    return map_bytes(xy, label, classes, np.asarray(found["index"]) < 0)


def map_address(job: str, n: int) -> str | None:
    """The address of the points of a large map; None for a map that fits into a message."""
    return f"genlab/map/{job}.bin" if n > IN_MESSAGE else None


@guard_route
def sprite_sheet(request: Request) -> Response:
    """The images of the points of a map, in the order of its rows."""
    row = _finished_map(request)
    if row is None:
        return error_response(404, "There is no such map.")
    return cached_response(request, _sheet(row.key, row.created), kind="image/png", cache=FOREVER)
