"""The scene of Explore: a run at a step, the chosen points and their map."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import streamlit as st
import torch
from torch import Tensor

from genlab import latent, runs
from genlab.core.errors import RunNotFound
from genlab.core.escape import escape_markdown
from genlab.data.table_rows import to_rows
from genlab.figures.data import points_figure, points_info
from genlab.figures.latent import by_class, generated_field, positions
from genlab.latent import Codes
from genlab.latent.codes import held_out
from genlab.latent.points import codes_from
from genlab.latent.projection_methods import DIMS
from genlab.latent.projections import PROJECTIONS
from genlab.models.base import HasCritic, HasDecoder, HasEncoder, HasLabels
from genlab.models.labels import conditioned_on_class
from genlab.ui import pictures
from genlab.ui.cards import name
from genlab.ui.explore.scatter import scatter
from genlab.ui.explore.tool_state import TOOL_STATE
from genlab.ui.jobs import finished_result, job_progress, retry_job, show_failures, submit_job
from genlab.ui.kept_choice import keep_choice
from genlab.ui.page_states import EXPLORE

REFERENCE = re.compile(r"(shipped:)?[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
SIZES = (200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000)
WHAT = {
    "data": "held-out data",
    "train": "training data",
    "prior": "prior samples",
    "both": "held-out data and prior samples",
}


@dataclass(frozen=True)
class Query:
    """The state of the map: the values of the job ``project``, and the class of the decoder."""

    run: str
    step: int
    method: str
    n: int
    seed: int
    what: str
    #: The class with which codes are decoded; None without a class or for a model without classes.
    label: str | None = None
    dims: int = 2

    @property
    def mapped(self) -> dict[str, Any]:
        """The values of the job: all except the class, which does not change the map."""
        return {name: value for name, value in asdict(self).items() if name != "label"}

    @property
    def key(self) -> str:
        """A suffix for the keys of widgets that belong to this map."""
        return "-".join(map(str, self.mapped.values()))


@dataclass(frozen=True)
class Scene:
    """A run's model and data at a step, with the map of it."""

    query: Query
    model: Any
    data: Any
    codes: Codes
    result: Mapping[str, Any]
    #: The key of the job that made the map.
    job: str = ""

    @property
    def image(self) -> bool:
        """Whether an example is an image."""
        return bool(self.data.meta.is_image)


#: How many of the newest runs the field offers; the table on Compare lists all runs.
OFFERED = 60


@st.cache_resource(max_entries=8, show_spinner=False)
def model_at(run: str, step: int, created: float) -> Any:  # noqa: ARG001 - part of the key
    """The model of a run after a step, in evaluation mode."""
    return runs.open_run(run).model(step)


def pick_run() -> Any | None:
    """The chosen run: by default the URL's run, else the newest with a snapshot; None without
    runs.

    If the run of the URL does not exist, the page shows an error and offers the other runs.
    """
    rows = runs.store().headings(without=("queued",), limit=OFFERED)
    titles = {row.id: f"{row.name} · {row.id} · {row.status}" for row in rows}
    titles |= {view.id: f"{name(view.row)} · pre-trained" for view in runs.list_shipped()}
    wanted = EXPLORE.parameters().get("run")
    if wanted is not None and wanted not in titles:
        found = _named(wanted)
        if found is None:
            st.error(
                f"There is no run {escape_markdown(repr(wanted))}; it may have been deleted. "
                "Choose one of the existing runs.",
                icon=":material/error:",
            )
            wanted = None
        else:
            titles = {found.id: name(found.row), **titles}
    if not titles:
        return None
    options = list(titles)
    first = wanted or _first_with_snapshot(options)
    # The field's key holds the run of the URL: if the browser's value is no longer an option (a
    # title changed), the field falls back to that run.
    picked = st.selectbox(
        "Run",
        options,
        index=options.index(first),
        key=f"explore.run.{first}",
        format_func=lambda run: titles[run],
    )
    return runs.open_run(picked)


def _named(run: str) -> Any | None:
    """The run with this id; None if there is none."""
    if not REFERENCE.fullmatch(run):
        return None
    try:
        return runs.open_run(run)
    except RunNotFound:
        return None


def _first_with_snapshot(options: list[str]) -> str:
    for run in options:
        if runs.open_run(run).snapshots():
            return run
    return options[0]


def map_subjects(model: type) -> tuple[tuple[str, ...], str]:
    """The kinds of points that a model's map can show, and the default."""
    if not issubclass(model, HasDecoder):
        return ("data", "train"), "data"
    first = "data" if issubclass(model, HasEncoder) or not issubclass(model, HasCritic) else "both"
    return ("data", "train", "prior", "both"), first


def point_counts(view: Any, what: str, method: str) -> tuple[tuple[int, ...], int | None]:
    """The possible numbers of points of a map, and the number of examples (None: unlimited)."""
    data = view.data()
    total = {"data": len(held_out(data).x), "train": len(data.train.x)}.get(what)
    most = PROJECTIONS[method].most
    sizes = [n for n in SIZES if n <= most]
    if total is None:
        return tuple(sizes), None
    if what in ("data", "train"):
        # The first size that is large enough takes all examples.
        enough = next((k for k, n in enumerate(sizes) if n >= total), len(sizes) - 1)
        sizes = sizes[: enough + 1]
    return tuple(sizes), total


def controls(view: Any, steps: tuple[int, ...], model: type) -> Query:
    """Draw the widgets above the map; the URL stores their values."""
    subjects_, first = map_subjects(model)
    wrong: list[str | None] = []

    def asked(param: str, allowed: Any, default: Any) -> Any:
        value, why = EXPLORE.value(param, choices=allowed, default=default)
        wrong.append(why)
        return value

    step0 = asked("step", steps, steps[-1])
    method0 = asked("method", tuple(PROJECTIONS), "pca")
    dims0 = asked("dims", DIMS, 2)
    what0 = asked("what", subjects_, first)
    n0 = asked("n", SIZES, 500)
    seed0, why = EXPLORE.value("seed")
    wrong.append(why)
    classes = known_classes(view, model)
    label0 = asked("label", classes, None) if classes else None
    key = f"explore.{view.id}"
    widths = [3, 2, 2, 2, 1, 1, 2] if classes else [3, 2, 2, 2, 1, 1]
    # Folded, so that a small screen shows the map first too.
    settings = st.expander("Map settings", icon=":material/tune:")
    columns = settings.columns(widths, vertical_alignment="bottom")
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
        method = st.selectbox(
            "Map",
            list(PROJECTIONS),
            index=list(PROJECTIONS).index(method0),
            key=f"{key}.method",
            format_func=lambda name: PROJECTIONS[name].title,
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
        sizes, total = point_counts(view, str(what), str(method))
        title = "How many" if total is None else f"How many (of {total:,})"
        # A slider with another range gets another widget.
        n = st.selectbox(
            title,
            sizes,
            index=sizes.index(min(n0, sizes[-1])),
            key=f"{key}.n.{len(sizes)}",
            format_func=lambda n: f"{n:,}" if total is None or n < total else f"all {total:,}",
        )
    with columns[4]:
        dims = st.selectbox(
            "Axes",
            DIMS,
            index=DIMS.index(dims0),
            key=f"{key}.dims",
            format_func=lambda d: f"{d}-D",
        )
    with columns[5]:
        seed = st.number_input("Seed", 0, 2**31 - 1, seed0, key=f"{key}.seed")
    label = None
    if classes:
        with columns[6]:
            label = st.selectbox(
                "Decode as class",
                (None, *classes),
                index=0 if label0 is None else 1 + classes.index(label0),
                key=f"{key}.label",
                format_func=lambda name: "unknown" if name is None else name,
                help="The decoder receives this class for your own z, for paths and for "
                "generated points. A real example is decoded with its own class.",
            )
    query = Query(view.id, int(step), str(method), int(n), int(seed), str(what), label, int(dims))
    problems = [text for text in wrong if text]
    for text in problems:
        st.error(escape_markdown(text), icon=":material/error:")
    EXPLORE.settle(asdict(query), " ".join(problems) or None, with_points_and_tools)
    return query


def known_classes(view: Any, model: type) -> tuple[str, ...]:
    """The classes that the model can be conditioned on; none for a model without labels."""
    if not issubclass(model, HasLabels):
        return ()
    classes: tuple[str, ...] = view.data().meta.classes
    return classes


def with_points_and_tools(values: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of the URL: the query, the points A and B, the tool, and the tools' state."""
    parameters, memory = EXPLORE.parameters(), st.session_state
    names = ("a", "b", "tool")
    own = {name: memory.get(EXPLORE.session_key(name), parameters.get(name)) for name in names}
    return {**values, **own, **TOOL_STATE.remembered()}


def write_query(query: Query) -> None:
    """Make the URL hold the query, the points, the tool and the tools' state."""
    EXPLORE.settle(asdict(query), None, with_points_and_tools)


def choose_one(word: str, titles: Mapping[str, str], first: str, *, label: str = "") -> str:
    """Draw a choice of one name; the URL stores it as ``t.<word>``."""
    key, asked = f"explore.choice.{word}", TOOL_STATE.recall(word, first)
    kept = keep_choice(key, tuple(titles), asked if asked in titles else first)
    chosen = st.segmented_control(
        label or word.capitalize(),
        list(titles),
        default=kept,
        key=key,
        format_func=titles.__getitem__,
        required=True,
        label_visibility="visible" if label else "collapsed",
    )
    TOOL_STATE.remember(**{word: chosen})
    return str(chosen)


def z_from_url(size: int, word: str = "z") -> Tensor | None:
    """The z in the URL (``t.z``), (size,); None if there is none."""
    try:
        found = [float(number) for number in TOOL_STATE.recall(word).split()]
    except ValueError:
        return None
    sound = len(found) == size and all(math.isfinite(v) for v in found)
    return torch.tensor(found) if sound else None


def load_scene(view: Any, query: Query) -> Scene | None:
    """The scene of a query; None, with the progress shown, while the map is computed."""
    classes = view.data().meta.classes
    job = submit_job("project", query.mapped)
    show_failures([job], "The map")

    def show_partial(partial: Mapping[str, Any], message: str) -> None:
        _scatter_so_far(partial, message, job.key, classes)

    if job_progress([job], "The map", show_partial=show_partial) or job.status == "failed":
        return None
    result = finished_result(job)
    model = conditioned_on_class(model_at(view.id, query.step, view.row.created), query.label)
    codes = codes_from(result, latent.space(model))
    return Scene(query, model, view.data(), codes, result, job.key)


def compute_map_again(scene: Scene) -> None:
    """Drop the map, so that the next rerun computes it again."""
    runs.forget_result(scene.job)
    retry_job(scene.job)
    st.rerun()


def _scatter_so_far(
    shown: Mapping[str, Any], message: str, key: str, classes: tuple[str, ...]
) -> None:
    generated = shown["index"] < 0
    scatter(
        {
            "id": key,
            **positions([shown["xy"]]),
            **by_class(shown["label"], classes, generated),
            **generated_field(generated),
            "words": f"The map so far: {message}",
        },
        key="explore.live",
    )


def among_data(
    scene: Scene,
    key: str,
    *,
    marks: Mapping[str, Tensor] | None = None,
    paths: Mapping[str, Tensor] | None = None,
) -> None:
    """Marks and paths among the held-out data, in the units and by the names of their columns.

    The first two columns are drawn. With more than two columns a table lists all values of the
    marks.
    """
    meta, drawn = scene.data.meta, dict(marks or {})
    info = points_info(
        meta.original(held_out(scene.data).x[:600]).numpy(),
        marks={name: meta.original(x).numpy() for name, x in drawn.items()},
        paths={name: meta.original(x).numpy() for name, x in (paths or {}).items()},
        columns=meta.axes[:2],
    )
    pictures.plot(points_figure(info), key=f"explore.{key}")
    if meta.dim > 2 and info.marks:
        rows = to_rows(meta, torch.stack([x.reshape(-1, *meta.shape)[0] for x in drawn.values()]))
        table = {"": list(drawn), **rows.cells()}
        st.dataframe(table, hide_index=True, key=f"explore.{key}.table")
