"""The pad: drag z along one or two latent directions; the browser decodes it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import streamlit as st
import torch
from torch import Tensor

from genlab import latent
from genlab.browser.op_tracing import NotExportable
from genlab.core.escape import escape_markdown
from genlab.data.base import DataMeta
from genlab.data.table_rows import to_rows
from genlab.latent import pad
from genlab.latent.directions import direction_title, directions_from, saved_directions
from genlab.latent.pad_plane import (
    DIGITS,
    coordinate_axes,
    data_space_values,
    dot_values,
    first_names,
    plane_values,
    unit_rows,
    unsupervised,
)
from genlab.latent.points import latent_of, point
from genlab.models.base import GenerativeModel, HasDecoder
from genlab.ui import pictures
from genlab.ui.component import component
from genlab.ui.explore.bookmarks import list_bookmarks
from genlab.ui.explore.directions import job_values
from genlab.ui.explore.jobs import decode_code, wait_for_explore_result
from genlab.ui.explore.routes import addresses, program_of
from genlab.ui.explore.scene import Scene, among_data, z_from_url
from genlab.ui.explore.tool_state import TOOL_STATE
from genlab.ui.explore.tools import TOOLS, Tool
from genlab.ui.kept_choice import keep_index
from genlab.ui.messages import fragment, plain_sentence

Array = pad.Array


@TOOLS.register("pad", title="Latent pad")
class Pad(Tool):
    """Drag a point over two latent directions; the browser decodes it as it moves."""

    icon = ":material/drag_pan:"
    order = 10

    @classmethod
    def fits(cls, model: type[GenerativeModel], meta: DataMeta) -> bool:
        """Whether the tool applies to this model and these data."""
        return issubclass(model, HasDecoder)

    def draw(self, scene: Scene) -> None:
        """Draw the tool for a scene."""
        query = scene.query
        try:
            program = program_of(query.run, query.step, query.label)
        except NotExportable as error:
            st.info(
                f"The server decodes this model. {plain_sentence(error)}", icon=":material/dns:"
            )
            slow_pad(scene)
            return
        pad_part(scene, program.version)


# --- directions ----------------------------------------------------------------------------------


@st.cache_resource(max_entries=16, show_spinner=False)
def _found(_scene: Scene, key: str, label: str | None) -> dict[str, Array]:  # noqa: ARG001
    return unsupervised(_scene.model, _scene.codes, _scene.query.seed)


def directions(scene: Scene, attributes: bool) -> tuple[dict[str, Array], list[str]]:
    """All directions by name, and the two that the pad shows initially."""
    size = int(scene.model.latent)
    found = _found(scene, scene.query.key, scene.query.label)
    rows = saved_directions(list_bookmarks(scene.query.run), size)
    found = found | {one.name: one.vector for one in rows}
    if attributes:
        result = wait_for_explore_result(
            "directions", job_values(scene, "logistic"), what="Attributes"
        )
        if result is not None:
            found = {one.name: one.vector for one in directions_from(result)} | found
    return found | coordinate_axes(size), first_names(scene.model, found)


def wants_attributes() -> bool:
    """Draw the switch for attribute directions, which a worker computes."""
    asked = st.toggle(
        "Attribute directions",
        TOOL_STATE.recall("pad_attributes") == "1",
        key="explore.pad.attributes",
        help="Add the directions of classes, factors and principal components of "
        "decoded examples. A worker computes them in a few seconds.",
    )
    TOOL_STATE.remember(pad_attributes="1" if asked else None)
    return bool(asked)


def choose_direction(label: str, word: str, names: list[str], first: str) -> str:
    """Draw the choice of one direction; the URL stores it."""
    asked = TOOL_STATE.recall(word, first)
    key = f"explore.{word}"
    index = keep_index(key, names, asked if asked in names else first)
    chosen = st.selectbox(label, names, index=index, key=key, format_func=direction_title)
    TOOL_STATE.remember(**{word: chosen})
    return str(chosen)


# --- z -------------------------------------------------------------------------------------------


def write_code(z: Tensor) -> str:
    """A code as text for the URL.

    Example:
        >>> write_code(torch.tensor([0.5, -1.23456]))
        '0.5,-1.235'
    """
    return ",".join(f"{float(v):.{DIGITS}g}" for v in z)


def read(text: str, size: int) -> Tensor | None:
    """Parse a code from the URL; None if it is not a code.

    Example:
        >>> read("0.5,-1.235", 2), read("0.5,nan", 2), read("0.5", 2)
        (tensor([ 0.5000, -1.2350]), None, None)
    """
    try:
        found = [float(v) for v in text.split(",")]
    except ValueError:
        return None
    good = len(found) == size and all(math.isfinite(v) and abs(v) < 1e6 for v in found)
    return torch.tensor(found) if good else None


class PadPosition:
    """The position z of the pad for one run, kept in the session and, after a move, in the URL.

    Moves are numbered, so that the page and the server agree which of two is later.
    """

    def __init__(self, scene: Scene) -> None:
        self.slot = f"explore.pad.at.{scene.query.run}"
        self.size = int(scene.model.latent)
        if self.slot not in st.session_state:
            text = TOOL_STATE.recall("pad_z")
            given = read(text, self.size) if text else None
            if text and given is None:
                st.caption(
                    "The z in the link is not a code of this model, so the pad starts at "
                    "its default."
                )
            if given is None:
                given = z_from_url(self.size)
            z = pad.start(scene.model, scene.query.seed) if given is None else given
            st.session_state[self.slot] = (0, z)

    @property
    def n(self) -> int:
        """The counter of moves."""
        return int(st.session_state[self.slot][0])

    @property
    def z(self) -> Tensor:
        """The code, (latent,)."""
        found: Tensor = st.session_state[self.slot][1]
        return found

    def move(self, z: Tensor, n: int | None = None) -> None:
        """Move to a code, with the browser's counter of the move or a new one."""
        z = torch.tensor([float(f"{float(v):.{DIGITS}g}") for v in z])
        st.session_state[self.slot] = (self.n + 1 if n is None else n, z)

    def receive(self, message: Mapping[str, Any] | None) -> None:
        """Receive the z that the browser sent, unless it is outdated or not a code."""
        if not message or int(message["n"]) <= self.n:
            return
        z = torch.tensor([float(v) for v in message["z"]])
        if len(z) == self.size and bool(z.isfinite().all()):
            self.move(z, int(message["n"]))


def buttons(scene: Scene, position: PadPosition) -> None:
    """Draw buttons that move z to another code."""
    model = scene.model
    if st.button("Start", icon=":material/filter_center_focus:", key="explore.pad.start"):
        position.move(pad.start(model, scene.query.seed))
    if st.button("Random z", icon=":material/casino:", key="explore.pad.random"):
        # The number of the draw is the seed: the same clicks give the same codes.
        draw = st.session_state.get(f"{position.slot}.draws", 0) + 1
        st.session_state[f"{position.slot}.draws"] = draw
        position.move(latent.prior_sample(model, 1, scene.query.seed + draw)[0])
    row: int | None = st.session_state.get("explore.a")
    off = row is None or row >= len(scene.codes)
    asked = st.button("z of A", icon=":material/my_location:", key="explore.pad.a", disabled=off)
    if asked and row is not None:
        found = latent_of(point(model, scene.data, scene.codes, row), scene.codes)
        if found is not None:
            position.move(found)
    given = z_from_url(position.size)
    if given is not None and st.button(
        "Given z",
        icon=":material/download:",
        key="explore.pad.given",
        help="Use the z chosen in “Encode or invert an example”; the link stores it.",
    ):
        position.move(given)
    block = pad.category(model)
    if block is not None:
        first, size = block
        now = int(position.z[first : first + size].argmax())
        key = f"explore.pad.category.{position.n}"
        chosen = st.selectbox("Category", range(size), now, key=key, width=110)
        if chosen != now:
            z = position.z.clone()
            z[first : first + size] = torch.eye(size)[chosen]
            position.move(z)


def choose_directions(every: Mapping[str, Array], first: list[str]) -> dict[str, Array]:
    """Draw the choice of one or two directions; return them by name."""
    names = list(every)
    left, right = st.columns(2)
    with left:
        shown = [choose_direction("Across", "pad_across", names, first[0])]
    rest = [name for name in names if abs(cosine(every[name], every[shown[0]])) < 0.999]
    with right:
        if rest:
            second = next(name for name in [*first, *rest] if name in rest)
            shown.append(choose_direction("Up", "pad_up", rest, second))
    return {name: every[name] for name in shown}


# --- the whole -----------------------------------------------------------------------------------


@st.cache_resource(max_entries=16, show_spinner=False)
def _clouds(_scene: Scene, key: str, label: str | None) -> tuple[Array, Array]:  # noqa: ARG001
    """Codes for the dots, and the range of the pad from these codes and prior samples."""
    model, seed = _scene.model, _scene.query.seed
    shown = pad.dots(model, _scene.codes, seed)
    draws = latent.prior_sample(model, pad.DRAWS, seed).double().numpy()
    return shown, np.concatenate([shown, draws])


def pad_data(scene: Scene, position: PadPosition, vectors: Mapping[str, Array]) -> dict[str, Any]:
    """The data that the browser needs besides the decoder."""
    shown, reach = _clouds(scene, scene.query.key, scene.query.label)
    data = {"n": position.n, "dots": dot_values(shown, vectors)}
    data |= plane_values(position.z, vectors, reach)
    return data if scene.image else data | data_space_values(scene.data)


@fragment()
def pad_part(scene: Scene, version: str) -> None:
    """Draw the choice of directions, the pad, and the numbers of z."""
    query, position = scene.query, PadPosition(scene)
    key = f"explore.pad.pad.{query.run}"
    position.receive((st.session_state.get(key) or {}).get("at"))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        buttons(scene, position)
        attributes = wants_attributes()
    every, first = directions(scene, attributes)
    vectors = choose_directions(every, first)
    data = pad_data(scene, position, vectors)
    data |= addresses(query.run, query.step, query.label, version)
    component("explore/pad", "The pad")(
        key=key, data=data, default={"at": None}, on_at_change=lambda: None
    )
    if position.n > 0:
        TOOL_STATE.remember(pad_z=write_code(position.z))
    table = not scene.image and scene.data.meta.dim > 2
    show_position(scene, position.z, vectors, decode_code(scene, position.z) if table else None)


@fragment()
def slow_pad(scene: Scene) -> None:
    """Draw the pad for a decoder that the browser cannot run: sliders and a picture."""
    position = PadPosition(scene)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        buttons(scene, position)
    vectors = choose_directions(*directions(scene, attributes=False))
    _, reach = _clouds(scene, scene.query.key, scene.query.label)
    plane = plane_values(position.z, vectors, reach)
    z = position.z.double()
    left, right = st.columns([3, 2], gap="medium")
    with left:
        for name, (low, high), w in zip(
            plane["names"], plane["span"], unit_rows(vectors), strict=True
        ):
            here = float(position.z.double().numpy() @ w)
            key = f"explore.pad.slow.{scene.query.run}.{position.n}.{name}"
            value = st.slider(name, low, high, here, key=key, format="%.2f")
            z = z + (value - here) * torch.from_numpy(w)
        st.caption("The picture follows when you let go of a slider.")
    with right:
        x = decode_code(scene, z.float())
        if x is not None and scene.image:
            pictures.image(x.numpy(), height=220, caption="decoded")
        elif x is not None:
            among_data(scene, "pad", marks={"decoded": x[0]})
    show_position(scene, z.float(), vectors, x)


def cosine(a: Array, b: Array) -> float:
    """The cosine of the angle between two vectors."""
    return float(a @ b / max(float(np.linalg.norm(a) * np.linalg.norm(b)), 1e-300))


def show_position(scene: Scene, z: Tensor, vectors: Mapping[str, Array], x: Tensor | None) -> None:
    """Show the coordinates and the log-density of the released z, and of a table its row x."""
    at = ", ".join(
        f"{direction_title(name)} = {float(z.double().numpy() @ (v / np.linalg.norm(v))):.3g}"
        for name, v in vectors.items()
    )
    log_p = pad.log_prior(scene.model, z)
    likely = (
        f"log p(z) = {log_p:.2f} nats (exact)"
        if math.isfinite(log_p)
        else "outside the support of p(z)"
    )
    st.caption(escape_markdown(f"Let go at {at} · |z| = {float(z.norm()):.3g} · {likely}"))
    if x is not None and not scene.image and scene.data.meta.dim > 2:
        row = to_rows(scene.data.meta, x).cells()
        st.dataframe(row, hide_index=True, key="explore.pad.row")
    with st.expander("z in full"):
        # Not a code block: the page would load a syntax highlighter first and delay the map.
        st.text(write_code(z))
