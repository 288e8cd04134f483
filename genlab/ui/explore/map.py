"""The map: one click shows a point, two clicks a path, and a lasso selects a set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import streamlit as st
import torch
from torch import Tensor

from genlab import runs
from genlab.core.errors import GenlabError
from genlab.core.escape import escape_markdown
from genlab.figures.latent import by_value, map_data, map_info
from genlab.latent.codes import examples
from genlab.latent.colours import colourings
from genlab.latent.exports import code_columns
from genlab.latent.points import Point, point
from genlab.latent.projection_methods import Array, pca_inverse
from genlab.latent.projections import PROJECTIONS
from genlab.latent.sets import Summary, decode_between, neighbours, summary
from genlab.models.base import HasCodebook, HasDecoder, HasEncoder
from genlab.runs.access import may
from genlab.ui import pictures
from genlab.ui.explore.bookmarks import Offer, forget_form, save_form
from genlab.ui.explore.embed_point import guest_part
from genlab.ui.explore.jobs import decode_code, wait_for_explore_result
from genlab.ui.explore.scatter import (
    MOST_PICTURES,
    map_address,
    read_selection,
    scatter,
    sprites,
)
from genlab.ui.explore.scene import Scene, among_data, compute_map_again
from genlab.ui.explore.selection import chosen_set, pick_points
from genlab.ui.explore.table_downloads import table_downloads
from genlab.ui.explore.tool_state import TOOL_STATE
from genlab.ui.messages import fragment

#: How many images of a set are shown, and how many training examples are searched.
SHOWN, TRAINING = 48, 5000
NEAR = f"nearest of the first {TRAINING:,} training examples, in data space"


@fragment()
def map_part(scene: Scene) -> None:
    """Draw the map over the whole width, and below it the clicked points and the chosen set."""
    info = map_info(
        scene.result,
        method=PROJECTIONS[scene.query.method].title,
        space="codes" if isinstance(scene.model, HasCodebook) else scene.codes.space,
        classes=scene.data.meta.classes,
    )
    key = f"explore.map.{scene.query.key}"
    # Clicks are read before the map is drawn, so that this rerun already draws their marks.
    clicks, rows = read_selection(key)
    with st.container(key="explore_fields"):
        left, right = st.columns(2, vertical_alignment="bottom")
    with right:
        found = pick_points(scene, clicks)
    with left:
        colours = choose_colours(scene)
    chosen = chosen_set(scene, rows)
    points = {
        letter: point(scene.model, scene.data, scene.codes, row) for letter, row in found.items()
    }
    spot = clicks[-1].get("spot") if clicks else None
    guest = guest_part(scene)
    more: dict[str, Any] = {"marks": found, "set": chosen, "pick": True}
    more["clicks"] = clicks[-1]["n"] if clicks else 0
    if guest is not None:
        more["guests"] = [guest]
    if scene.image and len(scene.codes) <= MOST_PICTURES:
        more["sprites"] = sprites(scene.job, scene.data.meta.shape, len(scene.codes))
    if isinstance(scene.model, HasDecoder) and scene.query.dims == 2:
        more["spots"] = True
    more["binary"] = map_address(scene.job, len(scene.codes))
    scatter(map_data(info, scene.job, colours, **more), key)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(info.caption)
        job = runs.job(scene.job) if info.stopped else None
        mine = job is not None and may("forget_result", job.owner)
        if mine and st.button(
            "Finish the layout", key="explore.settle", icon=":material/refresh:"
        ):
            compute_map_again(scene)
        save_codes(scene)
    if not points and spot is None and guest is None:
        st.caption(
            "Click a point to see it and its reconstruction; a second click chooses point B. "
            "Click an empty place to decode it. Draw a lasso or a box to choose a set."
        )
    if spot is not None:
        spot_part(scene, np.asarray(spot, dtype=float))
    show_points(scene, points)
    if chosen:
        set_part(scene, chosen)
    if len(points) == 2 and isinstance(scene.model, HasDecoder):
        path_button()


def path_button() -> None:
    """Draw the button that opens the path from A to B among the tools."""
    if st.session_state.get("explore.tool") == "interpolation":
        return
    if st.button("Show the path from A to B", key="explore.path", icon=":material/route:"):
        st.session_state["explore.next_tool"] = "interpolation"
        st.rerun()


def save_codes(scene: Scene) -> None:
    """Draw the menu that saves the codes and the map, one row per point."""
    with st.popover("Save codes", icon=":material/download:"):
        st.caption(
            f"{len(scene.codes):,} rows with the source, class, map position and latent code of "
            f"each point."
        )
        columns = code_columns(scene.codes, np.asarray(scene.result["xy"]), scene.data.meta)
        stem = f"codes-{scene.query.run.replace(':', '-')}-{scene.query.step}"
        table_downloads(columns, stem, "explore.save")


def choose_colours(scene: Scene) -> dict[str, Any] | None:
    """Draw the choice of a colouring; return the colours, None for classes."""
    rows = colourings(type(scene.model), scene.data.meta)
    options = ["class", *rows]
    asked = TOOL_STATE.recall("colour", "class")
    by = st.selectbox(
        "Colour by",
        options,
        index=options.index(asked) if asked in options else 0,
        key=f"explore.colour.{scene.query.run}",
        format_func=lambda name: name if name == "class" else rows[name].title,
    )
    TOOL_STATE.remember(colour=None if by == "class" else by)
    if by == "class":
        return None
    row = rows[by]
    if row.slow:
        wish = {name: scene.query.mapped[name] for name in ("run", "step", "n", "seed", "what")}
        result = wait_for_explore_result("colour", wish | {"by": by}, what="The colouring")
        if result is None:
            return None
        values = np.asarray(result["values"])
    else:
        xy = np.asarray(scene.result["xy"], dtype=float)
        values = row.values(scene.model, scene.data, scene.codes, xy)
    return by_value(values, row.title)


def spot_part(scene: Scene, at: Array) -> None:
    """Draw the decoded example of an empty place, and how it was decoded."""
    if not isinstance(scene.model, HasDecoder):
        return
    exact = scene.query.method == "pca" and isinstance(scene.model, HasEncoder)
    if exact:
        z = torch.from_numpy(pca_inverse(scene.codes.code, at[None])[0].astype(np.float32))
        words = "decoded from this place by the inverse of PCA"
    else:
        xy = np.asarray(scene.result["xy"], dtype=float)
        guess = decode_between(xy, scene.codes.z, at)
        if guess is None:
            st.caption("No point near this place has a latent code.")
            return
        z = guess
        words = (
            "decoded near this place: the mean code of the 5 nearest points, because this map "
            "has no inverse"
        )
    x = decode_code(scene, z)
    if x is None:
        return
    if scene.image:
        pictures.image(x.numpy(), height=112, caption=words)
    else:
        st.caption(words)
        among_data(scene, "spot", marks={"spot": x[0]})


def set_part(scene: Scene, rows: list[int]) -> None:
    """Draw a chosen set: its decoded mean, examples, neighbours, and the form to save it."""
    st.header(f"A set of {len(rows):,} points", anchor=False)
    x = set_examples(scene, rows[:SHOWN])
    if scene.image:
        more = "" if len(rows) <= SHOWN else f", the first {SHOWN}"
        pictures.image(x.numpy(), columns=min(16, len(x)), caption=f"the set{more}")
    try:
        found = summary(scene.codes, rows)
    except GenlabError as error:
        st.caption(escape_markdown(str(error)))
        return
    if not isinstance(scene.model, HasDecoder):
        return
    mean = decode_code(scene, torch.from_numpy(found.mean))
    near = None if mean is None else nearest_training(scene, mean)
    if mean is None or near is None:
        st.caption("The mean of the set's codes appears here once it is decoded.")
    elif scene.image:
        with st.container(horizontal=True, gap="medium"):
            pictures.image(mean.numpy(), height=112, caption="mean of the set's codes, decoded")
            pictures.image(near.numpy(), height=112, columns=len(near), caption=NEAR)
    else:
        among_data(scene, "set", marks={"mean": mean[0], "nearest": near[0]})
    length = float(np.linalg.norm(found.vector))
    st.caption(
        f"Attribute vector: the mean of {found.known:,} codes minus the mean of the other "
        f"{found.rest:,}; length {length:.3g}."
    )
    save_part(scene, found)


def set_examples(scene: Scene, rows: list[int]) -> Tensor:
    """The points of a set in data space."""
    part = np.asarray(rows)
    codes = scene.codes
    chosen = replace(
        codes,
        code=codes.code[part],
        z=codes.z[part],
        label=codes.label[part],
        index=codes.index[part],
    )
    return examples(scene.model, scene.data, chosen)


def nearest_training(scene: Scene, mean: Tensor) -> Tensor:
    """The training examples nearest to a decoded mean, in data space."""
    x = scene.data.train.x[:TRAINING]
    rows = neighbours(mean.flatten().numpy(), x.flatten(1).numpy(), 6)
    return x[torch.tensor(rows)].float()


def save_part(scene: Scene, found: Summary) -> None:
    """Draw the form that saves a set's vector, and the saved vectors."""
    run, key = scene.query.run, "explore.save"
    method = PROJECTIONS[scene.query.method].title
    note = f"{len(found.rows)} points of {method}, step {scene.query.step:,}"
    offers = {
        "set": Offer("its mean", found.mean, found.known, note),
        "direction": Offer("its attribute vector", found.vector, found.known, note),
    }
    save_form(run, offers, key)
    forget_form(run, key)


def caption(scene: Scene, letter: str, at: Point) -> str:
    """The caption of a point."""
    classes = scene.data.meta.classes
    if at.generated:
        return f"{letter}: generated from z, point {at.row}"
    kind = f", class {classes[at.label]}" if 0 <= at.label < len(classes) else ""
    return f"{letter}: held-out example{kind}, point {at.row}"


def show_companion(scene: Scene, at: Point) -> tuple[str, Tensor] | None:
    """Draw the reconstruction of a point, or the nearest generated point."""
    if at.reconstruction is not None:
        of = "code" if isinstance(scene.model, HasCodebook) else "posterior mean"
        return f"decoded from its {of}", at.reconstruction
    if at.nearest is not None:
        other = point(scene.model, scene.data, scene.codes, at.nearest)
        return f"nearest generated, distance {at.distance:.3g}", other.x
    return None


def show_points(scene: Scene, points: Mapping[str, Point]) -> None:
    """Draw the points with their reconstructions or neighbours: images, or marks in the data."""
    marks: dict[str, Tensor] = {}
    places = iter(st.columns(max(1, len(points))) if scene.image and points else [])
    for letter, at in points.items():
        if scene.image:
            show_images(scene, letter, at, next(places))
            continue
        beside = show_companion(scene, at)
        st.caption(escape_markdown(caption(scene, letter, at)))
        marks[letter] = at.x
        if beside is not None:
            marks[f"{letter}′"] = beside[1]
            st.caption(f"{letter}′: {beside[0]}")
    if marks:
        among_data(scene, "points", marks=marks)


def show_images(scene: Scene, letter: str, at: Point, column: Any) -> None:
    """Draw a point and its reconstruction or neighbour as images."""
    beside = show_companion(scene, at)
    with column:
        st.caption(escape_markdown(caption(scene, letter, at)))
        with st.container(horizontal=True, gap="medium"):
            pictures.image(at.x[None].numpy(), height=112, caption="itself")
            if beside is not None:
                pictures.image(beside[1][None].numpy(), height=112, caption=beside[0])
