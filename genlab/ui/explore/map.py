"""The map: a click shows what is at a point, two clicks the path between."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import streamlit as st
from torch import Tensor

from genlab import latent
from genlab.figures.latent import map_figure, map_info
from genlab.latent.points import Point, interpolation, latent_of, point
from genlab.models.base import HasDecoder
from genlab.ui import pictures, state
from genlab.ui.explore.scene import Scene, among_data, with_picks
from genlab.ui.messages import empty, fragment, plain


@fragment()
def map_part(scene: Scene) -> None:
    """The map, with what a click shows beside it, and below it the path from A to B."""
    info = map_info(
        scene.result,
        method=scene.query.method,
        space=scene.codes.space,
        classes=scene.data.meta.classes,
    )
    left, right = st.columns([3, 2], gap="medium")
    with left:
        event = st.plotly_chart(
            map_figure(info),
            key=f"explore.map.{scene.query.key}",
            on_select="rerun",
            selection_mode="points",
            config={"displaylogo": False, "scrollZoom": True, "displayModeBar": False},
        )
        st.caption(info.caption)
    with right:
        chosen = picks(scene, clicked(event))
        points = {
            letter: point(scene.model, scene.data, scene.codes, row)
            for letter, row in chosen.items()
        }
        if not points:
            empty(
                "Click a point.",
                "It shows here, with what the model makes of it. A second "
                "click gives a second point, and the path between the two.",
            )
        show_points(scene, points)
    if len(points) == 2:
        path_part(scene, points["A"], points["B"])


def clicked(event: Any) -> int | None:
    """The row of the clicked point, None where nothing is selected."""
    chosen = getattr(getattr(event, "selection", None), "points", None) or []
    if not chosen:
        return None
    row = chosen[0].get("customdata")
    return int(row[0] if isinstance(row, list) else row)


def picks(scene: Scene, row: int | None) -> dict[str, int]:
    """The points A and B: from the URL, from clicks (the last two), or typed."""
    memory, size = st.session_state, len(scene.codes)
    if memory.get("explore.map") != scene.query.key:
        first_visit = "explore.map" not in memory
        memory["explore.map"], memory["explore.click"] = scene.query.key, None
        for letter in "ab":
            given = state.number(letter, -1, 0, size - 1)[0] if first_visit else -1
            memory[f"explore.{letter}"] = None if given < 0 else given
    if row is not None and row != memory["explore.click"]:
        if memory["explore.a"] is None:
            memory["explore.a"] = row
        else:
            if memory["explore.b"] is not None:
                memory["explore.a"] = memory["explore.b"]
            memory["explore.b"] = row
    memory["explore.click"] = row
    columns = st.columns(2)
    for letter, column in zip("ab", columns, strict=True):
        column.number_input(
            f"Point {letter.upper()}",
            0,
            size - 1,
            None,
            key=f"explore.{letter}",
            placeholder="click, or type",
        )
    if not state.problem("explore"):
        state.write(with_picks(asdict(scene.query)))
    found = {letter.upper(): memory[f"explore.{letter}"] for letter in "ab"}
    return {letter: int(r) for letter, r in found.items() if r is not None}


def caption(scene: Scene, letter: str, at: Point) -> str:
    """What a point is, in words."""
    classes = scene.data.meta.classes
    if at.generated:
        return f"{letter}: generated from z, point {at.row}"
    kind = f", class {classes[at.label]}" if 0 <= at.label < len(classes) else ""
    return f"{letter}: held-out example{kind}, point {at.row}"


def companion(scene: Scene, at: Point) -> tuple[str, Tensor] | None:
    """What is shown beside a point: its reconstruction, or the nearest generated point."""
    if at.reconstruction is not None:
        return "decoded from its posterior mean", at.reconstruction
    if at.nearest is not None:
        other = point(scene.model, scene.data, scene.codes, at.nearest)
        return f"nearest generated, distance {at.distance:.3g}", other.x
    return None


def show_points(scene: Scene, points: Mapping[str, Point]) -> None:
    """The points themselves and their companions: pictures, or marks among the data."""
    marks: dict[str, Tensor] = {}
    for letter, at in points.items():
        beside = companion(scene, at)
        st.caption(plain(caption(scene, letter, at)))
        if not scene.image:
            marks[letter] = at.x
            if beside is not None:
                marks[f"{letter}′"] = beside[1]
                st.caption(f"{letter}′: {beside[0]}")
            continue
        with st.container(horizontal=True, gap="medium"):
            pictures.image(at.x[None].numpy(), height=112, caption="itself")
            if beside is not None:
                pictures.image(beside[1][None].numpy(), height=112, caption=beside[0])
    if marks:
        among_data(scene, "points", marks=marks)


def path_part(scene: Scene, a: Point, b: Point) -> None:
    """The decoded path from A to B, straight and spherical."""
    ends = latent_of(a, scene.codes), latent_of(b, scene.codes)
    if not isinstance(scene.model, HasDecoder) or ends[0] is None or ends[1] is None:
        return
    st.subheader("From A to B")
    if a.z is None or b.z is None:
        st.caption(
            "This model has no encoder: the nearest generated point stands for a real example."
        )
    made = {path: interpolation(scene.model, ends[0], ends[1], path) for path in latent.PATHS}
    if not scene.image:
        among_data(scene, "path", paths=made)
        return
    for path, x in made.items():
        pictures.image(x.numpy(), columns=len(x), height=72, caption=f"{path} line in z")
