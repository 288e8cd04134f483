"""Fork a run: continue from one of its steps with changed options."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from typing import Any

import streamlit as st

from genlab import runs
from genlab.core.errors import GenlabError, RunNotFound, SpecError
from genlab.core.escape import escape_markdown
from genlab.core.options import Option
from genlab.core.run_spec import RunSpec, objectives_for
from genlab.core.tables import OBJECTIVES
from genlab.runs import forks
from genlab.runs.store import RunRow
from genlab.ui import links
from genlab.ui.forms import widget
from genlab.ui.messages import fragment, plain_sentence
from genlab.ui.page_states import COMPARE, WATCH

HELP = (
    "Continue from this step as a new run with changed options. Both "
    "branches are then shown in one chart."
)


def fork(row: RunRow) -> None:
    """Draw the button that forks a run at the step of the time slider."""
    with st.container(width="content"):
        fragment()(_fork)(row.id)


def show_origin(row: RunRow) -> None:
    """Show the parent of a forked run, with links."""
    if not row.parent:
        return
    words = forks.in_words(row.changes) or "nothing changed"
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        st.markdown(
            f":material/call_split: Forked from **{escape_markdown(row.parent)}** at step "
            f"{row.parent_step:,}: {escape_markdown(words)}."
        )
        try:
            parent = runs.open_run(row.parent).row
        except RunNotFound:
            st.caption("Its parent was deleted.")
            return
        # A link to the present page would not change its address.
        if st.button(
            "Open the parent", icon=":material/undo:", type="tertiary", key="fork.parent"
        ):
            WATCH.write(run=parent.id, step=row.parent_step)
            st.rerun()
        st.page_link(
            links.page("compare"),
            label="Both branches",
            icon=":material/compare_arrows:",
            query_params=COMPARE.url(runs=f"{parent.id},{row.id}"),
        )


@functools.lru_cache(maxsize=64)
def _possible(spec: str) -> dict[str, RunSpec]:
    """The objectives with which a run of this spec can continue, each with its new spec."""
    before = RunSpec.from_record(json.loads(spec))
    found = {}
    for objective in objectives_for(before.model):
        try:
            found[objective] = forks.change_spec(before, {"objective": objective})
        except SpecError:
            continue
    return found


def _fork(run: str) -> None:
    box = st.popover(
        "Fork", icon=":material/call_split:", help=HELP, key=f"fork.{run}", on_change="rerun"
    )
    if not box.open:
        return
    with box:
        try:
            view = runs.open_run(run)
            _form(view, view.snapshots())
        except GenlabError as error:
            st.error(plain_sentence(error), icon=":material/error:")


def _form(view: runs.RunView, steps: tuple[int, ...]) -> None:
    if not steps:
        st.info("There is no snapshot yet; the first step saves one.")
        return
    run = view.id
    asked = WATCH.read().step
    most = view.spec.train.steps
    # A new position of the slider resets this field; the fields below keep their values.
    wanted = st.number_input(
        "From step",
        0,
        most,
        None if asked is None else min(asked, most),
        key=f"fork.step.{run}.{'' if asked is None else asked}",
        help="A step of the run. Default: the step of the time slider. Empty: the newest "
        "snapshot.",
        placeholder=f"the newest: {steps[-1]:,}",
    )
    at = forks.nearest(view, wanted)
    if wanted is not None and at != wanted:
        st.caption(f"The fork starts at step {at:,}, the nearest snapshot.")
    spec = forks.spec_at_snapshot(view, at)
    possible = _possible(json.dumps(spec.flat(), sort_keys=True))
    objective = st.selectbox(
        "Objective",
        list(possible),
        index=list(possible).index(spec.objective),
        format_func=lambda one: OBJECTIVES.row(one).title,
        key=f"fork.objective.{run}",
    )
    base = possible[objective]
    rows = forks.changeable(base)
    first = base.flat()
    if at >= spec.train.steps:
        first["steps"] = 2 * at
        st.caption("The run ends at this step, so the fork trains for as many steps again.")
    key = f"fork.{run}.{objective}"
    values = _widgets([row for row in rows if not row.advanced], first, key)
    with st.expander("Advanced", icon=":material/tune:"):
        values |= _widgets([row for row in rows if row.advanced], first, key)
    changes = {name: value for name, value in values.items() if value != base.flat()[name]}
    if objective != spec.objective:
        changes["objective"] = objective
    _begin(view, at, spec, changes)


def _widgets(rows: list[Option], values: Mapping[str, Any], key: str) -> dict[str, Any]:
    found = {}
    columns = st.columns(2)
    for k, row in enumerate(rows):
        with columns[k % 2]:
            value = values[row.name]
            # A widget with another first value (more steps at the end of a run) gets another key.
            found[row.name] = widget(row, f"{key}.{row.name}.{value}", value)
    return found


def _begin(view: runs.RunView, at: int, spec: RunSpec, changes: Mapping[str, Any]) -> None:
    """Show the changes of the fork and the button that starts it."""
    try:
        words = forks.in_words(forks.difference(spec, forks.change_spec(spec, changes)))
    except SpecError as error:
        st.error(escape_markdown(str(error)), icon=":material/error:")
        return
    if words:
        st.markdown(f"From step {at:,} on: **{escape_markdown(words)}**")
    else:
        st.caption("No option is changed: on a CPU the fork repeats its parent bit for bit.")
    if not st.button("Fork it", type="primary", icon=":material/call_split:", key="fork.go"):
        return
    try:
        forked = runs.fork(view.id, at, changes)
    except GenlabError as error:
        st.error(plain_sentence(error), icon=":material/error:")
        return
    links.compare([view.id, forked])
