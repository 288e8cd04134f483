"""Two maps of the same examples: of another run on the same data, or of another step."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import streamlit as st

from genlab import latent, runs
from genlab.core.errors import GenlabError
from genlab.core.escape import escape_markdown
from genlab.core.options import parse_int
from genlab.data.base import DataMeta
from genlab.figures.latent import map_data, map_info
from genlab.latent.projections import PROJECTIONS
from genlab.models.base import GenerativeModel
from genlab.ui.cards import name as named
from genlab.ui.explore.scatter import MOST_PICTURES, map_address, scatter, sprites
from genlab.ui.explore.scene import OFFERED, Query, Scene, model_at
from genlab.ui.explore.tool_state import TOOL_STATE
from genlab.ui.explore.tools import TOOLS, Tool
from genlab.ui.jobs import wait_for_result
from genlab.ui.messages import empty, fragment


@TOOLS.register("linked", title="Two maps side by side")
class LinkedMaps(Tool):
    """Compare with another run or step: selected points are highlighted on both maps."""

    icon = ":material/compare:"
    order = 58

    @classmethod
    def fits(cls, model: type[GenerativeModel], meta: DataMeta) -> bool:
        """Whether the tool applies to this model and these data."""
        return True

    def draw(self, scene: Scene) -> None:
        """Draw the tool for a scene."""
        linked_part(scene)


def same_data(scene: Scene) -> dict[str, str]:
    """The runs on the same data that have a snapshot, by title; this run first."""
    mine = runs.open_run(scene.query.run)
    found = {mine.id: f"this run: {named(mine.row)}"}
    views = [*runs.list_shipped()]
    for row in runs.store().headings(data=mine.spec.data, limit=OFFERED):
        try:
            views.append(runs.open_run(row.id))
        except GenlabError:
            continue
    for view in views:
        spec = view.spec
        same = (spec.data, spec.data_options) == (mine.spec.data, mine.spec.data_options)
        if same and view.id not in found and view.snapshots():
            found[view.id] = f"{named(view.row)} · {view.id}"
    return found


@fragment()
def linked_part(scene: Scene) -> None:
    """Draw the choice of the other map, and both maps of the same examples."""
    beside = same_data(scene)
    left, right = st.columns(2)
    asked = TOOL_STATE.recall("beside", scene.query.run)
    with left:
        run = st.selectbox(
            "Run of the second map",
            list(beside),
            index=list(beside).index(asked) if asked in beside else 0,
            key="explore.linked.run",
            format_func=beside.__getitem__,
            help="Runs on the same data; both maps show the same examples.",
        )
    steps = runs.open_run(run).snapshots()
    with right:
        step = choose_step(run, steps, scene.query)
    TOOL_STATE.remember(beside=run, beside_step=step)
    if run == scene.query.run and step == scene.query.step:
        empty(
            "Both maps would be identical.",
            "Choose another run, or an earlier step. A run that keeps one snapshot has no other.",
        )
        return
    # Both maps share only the data examples; prior samples differ between models.
    what = "train" if scene.query.what == "train" else "data"
    queries = [
        replace(scene.query, what=what),
        replace(scene.query, what=what, run=run, step=step, label=None),
    ]
    for column, query in zip(st.columns(2), queries, strict=True):
        with column:
            st.markdown(f"**{escape_markdown(beside[query.run])}**, step {query.step:,}")
            one_map(scene, query)
    st.caption(
        "Both maps show the same examples, so a lasso on one map marks its points on the other."
    )


def choose_step(run: str, steps: tuple[int, ...], query: Query) -> int:
    """Draw the choice of a snapshot of the second run."""
    found = parse_int(TOOL_STATE.recall("beside_step"), 0, 10**15)
    other = [step for step in steps if run != query.run or step != query.step]
    first = found if found in steps else (other or list(steps))[-1]
    return int(
        st.selectbox(
            "Step of the second map",
            steps,
            index=steps.index(first),
            key=f"explore.linked.step.{run}",
            format_func=lambda step: f"{step:,}",
        )
    )


def one_map(scene: Scene, query: Query) -> None:
    """Draw the map of a query in the group of this page."""
    result = wait_for_result("project", query.mapped, what="The map")
    if result is None:
        return
    job = runs.submit_job("project", query.mapped)
    view = runs.open_run(query.run)
    model: Any = model_at(query.run, query.step, view.row.created)
    meta = scene.data.meta
    info = map_info(
        result,
        method=PROJECTIONS[query.method].title,
        space=latent.space(model),
        classes=meta.classes,
    )
    n = len(np.asarray(result["label"]))
    more: dict[str, Any] = {"link": "explore", "pick": True, "binary": map_address(job.key, n)}
    if scene.image and n <= MOST_PICTURES:
        more["sprites"] = sprites(job.key, meta.shape, n)
    scatter(map_data(info, job.key, None, **more), f"explore.linked.{query.run}.{query.step}")
    st.caption(info.caption)
