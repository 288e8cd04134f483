"""The parts of Explore: which run and step, the map, the points A and B, the path, the sliders."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import streamlit as st
import torch
from torch import Tensor

from genlab import latent, runs
from genlab.errors import RunNotFound
from genlab.figures.data import points_figure, points_info
from genlab.figures.latent import METHODS, map_figure, map_info
from genlab.latent import Codes
from genlab.latent.codes import held_out
from genlab.latent.points import (
    Point,
    codes_from,
    interpolation,
    latent_of,
    point,
    widest,
)
from genlab.models.base import HasCritic, HasDecoder, HasEncoder, HasLabels, HasLikelihood
from genlab.models.labels import held_at_class
from genlab.ui import pictures, state
from genlab.ui.cards import name
from genlab.ui.messages import empty, fragment, plain

REFERENCE = re.compile(r"(shipped:)?[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
SIZES = (200, 500, 1000, 2000)
WHAT = {"data": "held-out data", "prior": "prior samples", "both": "both"}
SLIDERS, REACH = 8, 4.0
FAILED = "The map could not be made"


@dataclass(frozen=True)
class Query:
    """What is mapped: the values of the job ``project``, and the state of the page."""

    run: str
    step: int
    method: str
    n: int
    seed: int
    what: str
    #: The class at which codes are decoded; None where the model knows none, or at no class.
    label: str | None = None

    @property
    def mapped(self) -> dict[str, Any]:
        """The values of the job: all but the class, which moves no point of the map."""
        return {name: value for name, value in asdict(self).items() if name != "label"}

    @property
    def key(self) -> str:
        """A word for the keys of widgets that belong to this map."""
        return "-".join(map(str, self.mapped.values()))


@dataclass(frozen=True)
class Scene:
    """A run's model and data at a step, with the map of it."""

    query: Query
    model: Any
    data: Any
    codes: Codes
    result: Mapping[str, Any]

    @property
    def image(self) -> bool:
        """Whether an example is a picture."""
        return bool(self.data.meta.is_image)


@st.cache_resource(max_entries=8, show_spinner=False)
def model_at(run: str, step: int, created: float) -> Any:  # noqa: ARG001 - part of the key
    """The model of a run after a step, in evaluation mode."""
    return runs.open_run(run).model(step)


def pick_run() -> Any | None:
    """The run that the URL names, else the newest with a snapshot; None if there is none.

    Raises:
        RunNotFound: if the URL names a run that there is not.
    """
    rows = [row for row in runs.store().runs() if row.status != "queued"]
    titles = {row.id: f"{name(row)} · {row.id} · {row.status}" for row in rows}
    titles |= {view.id: f"{name(view.row)} · trained already" for view in runs.shipped()}
    wanted = st.query_params.get("run")
    if wanted is not None and not REFERENCE.fullmatch(wanted):
        raise RunNotFound(f"There is no run {wanted!r}. Choose one on Start.")
    if wanted is not None and wanted not in titles:
        titles = {wanted: name(runs.open_run(wanted).row), **titles}
    if not titles:
        return None
    options = list(titles)
    key = "explore.run"
    if st.session_state.get(key) not in options:
        st.session_state[key] = wanted or _first_with_snapshot(options)
    picked = st.selectbox("Run", options, key=key, format_func=lambda run: titles[run])
    return runs.open_run(picked)


def _first_with_snapshot(options: list[str]) -> str:
    for run in options:
        if runs.open_run(run).snapshots():
            return run
    return options[0]


def subjects(model: type) -> tuple[tuple[str, ...], str]:
    """What of a model can be mapped, and what is mapped at first."""
    if not issubclass(model, HasDecoder):
        return ("data",), "data"
    first = "data" if issubclass(model, HasEncoder) or not issubclass(model, HasCritic) else "both"
    return ("data", "prior", "both"), first


def controls(view: Any, steps: tuple[int, ...], model: type) -> Query:
    """The widgets above the map; what they show is in the URL."""
    subjects_, first = subjects(model)
    wrong: list[str | None] = []

    def asked(param: str, allowed: Any, default: Any) -> Any:
        value, why = state.choice(param, allowed, default)
        wrong.append(why)
        return value

    step0 = asked("step", steps, steps[-1])
    method0 = asked("method", tuple(METHODS), "pca")
    what0 = asked("what", subjects_, first)
    n0 = asked("n", SIZES, 500)
    seed0, why = state.number("seed", 0, 0, 2**31 - 1)
    wrong.append(why)
    classes = known_classes(view, model)
    label0 = asked("label", classes, None) if classes else None
    key = f"explore.{view.id}"
    widths = [3, 2, 2, 2, 1, 2] if classes else [3, 2, 2, 2, 1]
    columns = st.columns(widths, vertical_alignment="bottom")
    with columns[0]:
        if len(steps) > 1:
            step = st.select_slider(
                "Snapshot (step)",
                steps,
                value=step0,
                key=f"{key}.step",
                format_func=lambda s: f"{s:,}",
            )
        else:
            step = steps[0]
            st.text_input("Snapshot (step)", f"{step:,}", disabled=True, key=f"{key}.step")
    with columns[1]:
        method = st.segmented_control(
            "Map",
            list(METHODS),
            default=method0,
            key=f"{key}.method",
            format_func=METHODS.__getitem__,
            required=True,
        )
    with columns[2]:
        what = st.selectbox(
            "Points",
            subjects_,
            index=subjects_.index(what0),
            key=f"{key}.what",
            format_func=WHAT.__getitem__,
        )
    with columns[3]:
        n = st.select_slider("How many", SIZES, value=n0, key=f"{key}.n")
    with columns[4]:
        seed = st.number_input("Seed", 0, 2**31 - 1, seed0, key=f"{key}.seed")
    label = None
    if classes:
        with columns[5]:
            label = st.selectbox(
                "Decode as class",
                (None, *classes),
                index=0 if label0 is None else 1 + classes.index(label0),
                key=f"{key}.label",
                format_func=lambda name: "unknown" if name is None else name,
                help="The class given to the decoder for z of your own, paths and generated "
                "points; a real example is decoded as its own class.",
            )
    query = Query(view.id, int(step), str(method), int(n), int(seed), str(what), label)
    problems = [text for text in wrong if text]
    for text in problems:
        st.error(plain(text), icon=":material/error:")
    state.settle("explore", asdict(query), " ".join(problems) or None, with_picks)
    return query


def known_classes(view: Any, model: type) -> tuple[str, ...]:
    """The classes at which the model can be held; none where it knows no labels."""
    if not issubclass(model, HasLabels):
        return ()
    classes: tuple[str, ...] = view.data().meta.classes
    return classes


def with_picks(values: Mapping[str, Any]) -> dict[str, Any]:
    """The URL of the page: the query, and the points A and B."""
    picks = {
        letter: st.session_state.get(f"explore.{letter}", st.query_params.get(letter))
        for letter in ("a", "b")
    }
    return {**values, **picks}


def scene(view: Any, query: Query) -> Scene | None:
    """The map of a query: at once if it is there already, else None, with its progress shown."""
    # A failed wish made again is tried again: only the button may do that.
    slot = f"explore.job.{query.key}"
    known = st.session_state.get(slot)
    job = runs.job(known) if known else None
    if job is None or job.status == "done":
        job = runs.submit_job("project", query.mapped)
        st.session_state[slot] = job.key
    if job.status == "failed":
        st.error(f"{FAILED}: {plain(job.message)}", icon=":material/error:")
        if st.button("Try again", key="explore.again", icon=":material/replay:"):
            del st.session_state[slot]
            st.rerun()
        return None
    if job.status != "done":
        fragment(run_every=0.4)(_waiting)(job.key)
        return None
    result = runs.job_result(job.key)
    model = held_at_class(model_at(view.id, query.step, view.row.created), query.label)
    codes = codes_from(result, latent.space(model))
    return Scene(query, model, view.data(), codes, result)


def _waiting(key: str) -> None:
    job = runs.job(key)
    if job is None or job.status in ("done", "failed"):
        st.rerun()
    done = job.progress if job else 0.0
    text = (job.message if job else "") or "waits for a worker"
    st.progress(min(1.0, done), text=f"The map is being made: {plain(text)}")


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


def among_data(
    scene: Scene,
    key: str,
    *,
    marks: Mapping[str, Tensor] | None = None,
    paths: Mapping[str, Tensor] | None = None,
) -> None:
    """Marks and paths among the held-out data."""
    info = points_info(
        held_out(scene.data).x[:600].numpy(),
        marks={name: x.numpy() for name, x in (marks or {}).items()},
        paths={name: x.numpy() for name, x in (paths or {}).items()},
    )
    pictures.plot(points_figure(info), key=f"explore.{key}")


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


@fragment()
def sliders_part(scene: Scene) -> None:
    """Latent sliders: a z of one's own, decoded when a slider is let go."""
    if not isinstance(scene.model, HasDecoder):
        return
    memory, size = st.session_state, scene.model.latent
    dims = widest(scene.codes, SLIDERS)
    st.subheader("A z of your own")
    base, tag = torch.zeros(size), "zero"
    with st.container(horizontal=True):
        if st.button("Random z", icon=":material/casino:", key="explore.random"):
            memory["explore.draws"] = memory.get("explore.draws", 0) + 1
            memory["explore.z"] = ("random", memory["explore.draws"])
        if st.button("z of A", icon=":material/my_location:", key="explore.from_a"):
            memory["explore.z"] = ("A", memory.get("explore.a"))
        if st.button("z = 0", icon=":material/filter_center_focus:", key="explore.zero"):
            memory["explore.z"] = ("zero", -1)
    # The centre of the prior is no typical draw of it: a generator was never trained there.
    first = ("zero", -1) if isinstance(scene.model, HasEncoder) else ("random", 0)
    kind, number = memory.get("explore.z", first)
    if kind == "random":
        base, tag = latent.prior_sample(scene.model, 1, number)[0], f"random{number}"
    elif kind == "A" and number is not None and number < len(scene.codes):
        at = point(scene.model, scene.data, scene.codes, number)
        found = latent_of(at, scene.codes)
        base, tag = (base, tag) if found is None else (found, f"a{number}")
    elif kind == "A":
        st.caption("There is no point A yet: click one on the map.")
    left, right = st.columns([3, 2], gap="medium")
    z = base.clone()
    with left:
        slots = st.columns(2)
        for i, d in enumerate(dims):
            start = float(base[d].clamp(-REACH, REACH).mul(20).round().div(20))
            with slots[i >= (len(dims) + 1) // 2]:
                z[d] = st.slider(
                    f"z[{d}]",
                    -REACH,
                    REACH,
                    start,
                    0.05,
                    key=f"explore.z.{scene.query.run}.{scene.query.step}.{tag}.{d}",
                )
        if size > len(dims):
            st.caption(
                f"{len(dims)} of {size} dimensions, those that vary most over the map's points; "
                "the others keep their value."
            )
    with right:
        x = latent.decoded(scene.model, z[None])
        if scene.image:
            likelihood = isinstance(scene.model, HasLikelihood)
            given = "z" if scene.query.label is None else f"z, class {scene.query.label}"
            caption = f"decoded: the mean of p(x given {given})"
            caption = caption if likelihood else f"decoded: G({given})"
            pictures.image(x.numpy(), height=220, caption=caption)
        else:
            among_data(scene, "own", marks={"decoded": x[0]})
