"""Arithmetic of means of sets, and latent directions with their scores."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import streamlit as st
import torch
from torch import Tensor

from genlab import latent
from genlab.core.errors import GenlabError
from genlab.core.escape import escape_markdown
from genlab.data.base import DataMeta
from genlab.figures.directions import gains_figure
from genlab.latent.arithmetic import Mean, arithmetic, mean_of, parse_rows, typical_length
from genlab.latent.attributes import PROBES
from genlab.latent.directions import Direction, direction_title, directions_from
from genlab.latent.points import latent_of, point
from genlab.models.base import GenerativeModel, HasDecoder, HasEncoder
from genlab.ui import pictures
from genlab.ui.explore.bookmarks import Offer, forget_form, list_bookmarks, save_form
from genlab.ui.explore.jobs import decode_codes, plain_code, wait_for_explore_result
from genlab.ui.explore.scene import Scene, among_data, choose_one
from genlab.ui.explore.tool_state import TOOL_STATE
from genlab.ui.explore.tools import TOOLS, Tool
from genlab.ui.explore.travel import start_code
from genlab.ui.messages import empty, fragment, plain_sentence

PARTS = {"arithmetic": "a − b + c", "directions": "Directions"}
OPERANDS = {"a": "a", "b": "− b", "c": "+ c"}
#: Prefix of the widgets' keys.
KEY = "explore.directions"
POINTS, STEPS, BASES = "points", 9, 3
KINDS = {
    "attribute": "attribute",
    "principal": "PCA",
    "sefa": "SeFa",
    "saved": "saved",
}


@TOOLS.register("directions", title="Attribute directions and arithmetic")
class Directions(Tool):
    """Walk along attribute, PCA or SeFa directions, with scores; compute a − b + c of means."""

    icon = ":material/calculate:"
    order = 40

    @classmethod
    def fits(cls, model: type[GenerativeModel], meta: DataMeta) -> bool:
        """Whether the tool applies to this model and these data."""
        return issubclass(model, HasDecoder)

    def draw(self, scene: Scene) -> None:
        """Draw the tool for a scene."""
        parts: Mapping[str, Callable[[Scene, Mapping[str, Any]], None]] = {
            "arithmetic": arithmetic_part,
            "directions": directions_part,
        }
        left, right = st.columns([3, 2], vertical_alignment="bottom")
        with left:
            part = choose_one("part", PARTS, "arithmetic")
        asked = TOOL_STATE.recall("probe", "logistic")
        kinds = list(PROBES)
        probe = right.selectbox(
            "Probe of attributes",
            kinds,
            index=kinds.index(asked) if asked in kinds else 0,
            key="explore.directions.probe",
            format_func=lambda kind: PROBES[kind][0],
        )
        TOOL_STATE.remember(probe=probe)
        values = job_values(scene, str(probe))
        found = wait_for_explore_result("directions", values, what="The table of directions")
        if found is not None:
            parts[part](scene, found)


def job_values(scene: Scene, probe: str) -> dict[str, Any]:
    """The values of the job ``directions`` for a scene."""
    query = scene.query
    return {
        "run": query.run,
        "step": query.step,
        "label": query.label,
        "seed": query.seed,
        "probe": probe,
    }


# --- arithmetic ----------------------------------------------------------------------------------


def codes_at(scene: Scene, rows: list[int]) -> Tensor:
    """The latent codes of points of the map, (n, latent).

    Raises:
        GenlabError: if a point has no code.
    """
    found = []
    for row in rows:
        at = latent_of(point(scene.model, scene.data, scene.codes, row), scene.codes)
        if at is None:
            raise GenlabError(
                f"Point {row} has no code, because this model has no encoder. Choose Points "
                "= both "
                "above and then a generated point."
            )
        found.append(at)
    return torch.stack(found)


def sets_of(scene: Scene, found: Mapping[str, Any]) -> dict[str, Mean]:
    """The sets with a known mean: attributes of the codes, and sets saved with the run."""
    counts, means = np.asarray(found["counts"]), np.asarray(found["means"])
    sets = {
        name: Mean(name, torch.from_numpy(means[k]).float(), int(counts[k]))
        for k, name in enumerate(found["attributes"])
        if counts[k] > 0
    }
    size = int(scene.model.latent)
    for row in list_bookmarks(scene.query.run):
        if row["kind"] == "set" and len(row["vector"]) == size:
            name = f"saved: {row['name']}"
            z = torch.tensor(row["vector"], dtype=torch.float32)
            sets[name] = Mean(name, z, int(row["n"]))
    return sets


def operand(scene: Scene, letter: str, sets: Mapping[str, Mean]) -> Mean:
    """Draw the choice of one operand; the URL stores the name of a set or ``points 3 5``."""
    options = [*sets, POINTS]
    index = list(OPERANDS).index(letter)
    first = options[index] if len(sets) > index else POINTS
    asked = TOOL_STATE.recall(f"of_{letter}", first)
    typed = asked.removeprefix(POINTS).strip() if asked.startswith(POINTS) else ""
    start = POINTS if asked.startswith(POINTS) else asked
    if start not in options:
        st.caption(f"{escape_markdown(asked)} is not among the sets of this run.")
    key = f"explore.directions.{letter}"
    chosen = st.selectbox(
        OPERANDS[letter],
        options,
        index=options.index(start) if start in options else options.index(first),
        key=key,
        format_func=lambda name: (
            "points of the map" if name == POINTS else f"{name} (n = {sets[name].n:,})"
        ),
    )
    if chosen != POINTS:
        TOOL_STATE.remember(**{f"of_{letter}": chosen})
        return sets[str(chosen)]
    text = st.text_input(
        f"Numbers of points for {letter}",
        typed or str(index),
        key=f"{key}.points",
        help="Numbers of points on the map, separated by commas.",
    )
    TOOL_STATE.remember(**{f"of_{letter}": f"{POINTS} {text}"})
    rows = parse_rows(text, len(scene.codes))
    return mean_of(f"points {', '.join(map(str, rows))}", codes_at(scene, rows))


@fragment()
def arithmetic_part(scene: Scene, found: Mapping[str, Any]) -> None:
    """Three means, and a − b + c, each decoded."""
    sets = sets_of(scene, found)
    columns = st.columns(4, vertical_alignment="bottom")
    chosen: dict[str, Mean] = {}
    for column, letter in zip(columns, OPERANDS, strict=False):
        with column:
            try:
                chosen[letter] = operand(scene, letter, sets)
            except GenlabError as error:
                st.error(plain_sentence(error), icon=":material/error:")
    if len(chosen) < len(OPERANDS):
        return
    inward = isinstance(scene.model, HasEncoder)
    typical = typical_length(scene.model, scene.query.seed)
    with columns[3]:
        asked = TOOL_STATE.recall("stretch", "no" if inward else "yes") == "yes"
        stretch = st.toggle(
            "At a typical length",
            asked,
            key="explore.directions.stretch",
            help="Scale z to the typical length of a prior sample. A mean of many codes is "
            "shorter than the codes, and a generator was trained on few codes near the "
            "origin.",
        )
        TOOL_STATE.remember(stretch="yes" if stretch else "no")
    z = arithmetic(**chosen, length=typical if stretch else None)
    codes = [plain_code(code) for code in (*(chosen[letter].z for letter in OPERANDS), z)]
    x = decode_codes(scene, "given", {"z": codes}, "The decoded means")
    if x is None:
        return
    words = [
        f"{sign}, {chosen[letter].name}, n = {chosen[letter].n:,}"
        for letter, sign in OPERANDS.items()
    ]
    words.append("a − b + c")
    if scene.image:
        for column, one, text in zip(columns, x, words, strict=True):
            with column:
                pictures.image(one[None].numpy(), height=168, caption=escape_markdown(text))
    else:
        among_data(scene, "arithmetic", marks=dict(zip(words, x, strict=True)))
    plain_length = float((chosen["a"].z - chosen["b"].z + chosen["c"].z).norm())
    st.caption(
        f"z = mean a − mean b + mean c, then decoded; ‖z‖ = {float(z.norm()):.3g}"
        + (f" (rescaled from {plain_length:.3g})" if stretch else "")
        + f"; a typical prior sample has {typical:.3g}. "
        + (f"Sets of attributes: {found['source']}." if found["source"] else "")
    )
    run = scene.query.run
    left, right = st.columns(2)
    with left:
        difference = chosen["a"].z - chosen["b"].z
        save_one(run, "direction", Offer("a − b", difference, chosen["a"].n, "a − b"))
    with right:
        save_one(run, "set", Offer("a − b + c", z, 1, "a − b + c"))
    forget_form(run, KEY)


def save_one(run: str, kind: str, offer: Offer) -> None:
    """The form that saves one vector."""
    save_form(run, {kind: offer}, f"{KEY}.save.{kind}")


# --- directions ----------------------------------------------------------------------------------


def table_of(found: list[Direction]) -> dict[str, list[Any]]:
    """The directions and their scores as a table."""

    def score(one: Direction, text: str) -> str:
        return text.format(s=one.score) if one.score is not None else "—"

    return {
        "direction": [direction_title(one.name) for one in found],
        "found by": [KINDS[one.kind] for one in found],
        "held-out accuracy": [
            f"{one.accuracy:.1%} (majority class {one.base:.1%})"
            if np.isfinite(one.accuracy)
            else "—"
            for one in found
        ],
        "n": [f"{one.n:,}" if one.n else "—" for one in found],
        "changes": [score(one, "{s.attribute}") for one in found],
        "gain per identity": [score(one, "{s.ratio:+.2f} ± {s.se:.2f}") for one in found],
    }


@fragment()
def directions_part(scene: Scene, found: Mapping[str, Any]) -> None:
    """Draw the table of directions, a path along one of them, and its effect."""
    run = scene.query.run
    listed = directions_from(found, list_bookmarks(run))
    if not listed:
        empty("No direction was found.", "Train the model longer, or on data with labels.")
        return
    st.dataframe(table_of(listed), key="explore.directions.table", hide_index=True, height=248)
    st.caption(column_help(found))
    if "sefa" not in found["kinds"]:
        st.caption(
            "There are no SeFa directions: they are eigenvectors of WᵀW of the first linear "
            "layer that reads the code alone, and this decoder has none."
        )
    names = [one.name for one in listed]
    asked = TOOL_STATE.recall("direction", names[0])
    name = st.selectbox(
        "Walk along",
        names,
        index=names.index(asked) if asked in names else 0,
        key="explore.directions.name",
        format_func=direction_title,
    )
    one = listed[names.index(str(name))]
    asked = TOOL_STATE.recall("reach", "3")
    reach = st.slider(
        "Length of the path in standard deviations of the codes",
        1.0,
        6.0,
        float(asked) if asked in {f"{k / 2:g}" for k in range(2, 13)} else 3.0,
        0.5,
        key="explore.directions.reach",
    )
    TOOL_STATE.remember(direction=name, reach=f"{reach:g}")
    if one.note:
        st.caption(escape_markdown(one.note[:1].upper() + one.note[1:]) + ".")
    left, right = st.columns([3, 2], gap="medium")
    with left:
        strip(scene, one, float(reach))
        save_one(run, "direction", Offer(str(name), one.vector, one.n, str(name)))
        forget_form(run, KEY)
    with right:
        gains(scene, found, one, names.index(str(name)))


def column_help(found: Mapping[str, Any]) -> str:
    """The help texts of the table's columns."""
    if not found["attributes"]:
        return "These data have no labels, so there are no attributes and no scores."
    judge = np.asarray(found["judge"])
    right = f"{np.nanmean(judge):.1%}" if np.isfinite(judge).any() else "unknown"
    return (
        f"Codes: {found['source']}. Gain per identity: the mean change of an attribute's logit "
        "(nats), according to a linear classifier of the decoded examples (mean accuracy "
        f"{right} on {found['judged']:,} held-out examples), for each unit of identity change, "
        f"the mean distance of two decoded examples in the space of {found['identity']}s; steps "
        "of one standard deviation both ways, Monte Carlo with standard error, "
        f"n = {found['walked']} codes. A PCA, SeFa or saved direction is listed with the "
        f"attribute that it changes most per unit of identity change. The value is negative where "
        f"the direction reduces the attribute."
    ).replace("space of datas", "data themselves")


def strip(scene: Scene, one: Direction, reach: float) -> None:
    """Decoded examples along a direction, from a few codes."""
    base, name = start_code(scene)
    # The first draw may be the base itself.
    starts = [base, *latent.prior_sample(scene.model, BASES, scene.query.seed)[1:]]
    values = {
        "z": [plain_code(start) for start in starts],
        "direction": plain_code(torch.from_numpy(one.vector).float()),
        "reach": reach * one.spread,
        "count": STEPS,
    }
    decoded = decode_codes(scene, "line", values, "The path along the direction")
    if decoded is None:
        return
    names = [name, *(f"draw {k} of the prior" for k in range(1, len(starts)))]
    ways = dict(zip(names, decoded.split(STEPS), strict=True))
    if not scene.image:
        among_data(scene, "along", paths=ways)
        return
    for text, x in ways.items():
        pictures.image(x.numpy(), columns=STEPS, height=48, caption=f"from {text}")


def gains(scene: Scene, found: Mapping[str, Any], one: Direction, row: int) -> None:
    """Draw how much a direction changes each attribute; a saved direction is scored on request."""
    if not found["attributes"]:
        return
    if row >= len(found["names"]):
        vector = [round(float(v), 6) for v in one.vector]
        values = {**job_values(scene, "logistic"), "vector": vector}
        scored = wait_for_explore_result("directions", values, what="The score")
        if scored is None:
            return
        found, row = scored, 0
    figure = gains_figure(
        found["attributes"],
        np.asarray(found["ratio"])[row],
        np.asarray(found["se"])[row],
        unit="gain per unit of identity change (nats), ± 2 SE",
    )
    pictures.plot(figure, key="explore.directions.gains")
    value = np.asarray(found["ratio"], dtype=float)[row]
    if np.isfinite(value).any():
        largest = found["attributes"][int(np.nanargmax(np.abs(value)))]
        st.caption(f"In colour: {escape_markdown(largest)}, which changes most. Grey: the others.")
    st.caption(
        f"One standard deviation changes identity by {float(np.asarray(found['change'])[row]):.3f}"
        f" of the distance of two decoded examples; Monte Carlo, n = {found['walked']}."
    )
