"""The posterior of a model's parameters: draws of two of them, and what they predict."""

from __future__ import annotations

from typing import Any

import numpy as np
import streamlit as st

from genlab import runs
from genlab.core.errors import GenlabError
from genlab.core.escape import escape_markdown
from genlab.core.tables import ALGORITHMS
from genlab.data.base import DataMeta
from genlab.figures.posterior import Density, pair_figure
from genlab.metrics.predictive import checks
from genlab.models.base import GenerativeModel
from genlab.models.bayesian import HasDraws, Truth
from genlab.ui import pictures
from genlab.ui.explore.scene import Scene, model_at
from genlab.ui.explore.tool_state import TOOL_STATE
from genlab.ui.explore.tools import TOOLS, Tool
from genlab.ui.messages import fragment

#: How many draws of each run, predicted tables and components of θ are used and shown.
SHOWN, TABLES, LISTED = 800, 200, 40
NOBODY = "no other run"


@TOOLS.register("posterior", title="Posterior")
class Posterior(Tool):
    """See draws of two parameters over the exact density, and a posterior predictive check."""

    icon = ":material/scatter_plot:"
    order = 5

    @classmethod
    def fits(cls, model: type[GenerativeModel], meta: DataMeta) -> bool:
        """Whether the tool applies to this model and these data."""
        return issubclass(model, HasDraws)

    def draw(self, scene: Scene) -> None:
        """Draw the tool for a scene."""
        posterior_part(scene)


def other_runs(scene: Scene) -> dict[str, str]:
    """Runs of the same model on the same data, by title; runs of another algorithm first."""
    mine = runs.open_run(scene.query.run).spec
    found = []
    for row in runs.store().headings(data=mine.data):
        if row.id == scene.query.run or row.model != mine.model:
            continue
        try:
            view = runs.open_run(row.id)
            spec = view.spec
        except GenlabError:
            continue
        same = (spec.data, spec.data_options, spec.model_options) == (
            mine.data,
            mine.data_options,
            mine.model_options,
        )
        if same and view.snapshots():
            title = f"{row.name} · {ALGORITHMS.row(spec.algorithm).title}"
            found.append((spec.algorithm == mine.algorithm, row.id, title))
    return {run: title for _, run, title in sorted(found, key=lambda one: one[0])}


def numbers_of(model: HasDraws) -> dict[str, Any]:
    """The draws of each parameter, (n,), thinned evenly to the shown number."""
    found = {}
    for name, x in model.numbers().items():
        flat = x.flatten()
        found[name] = flat[:: -(-len(flat) // SHOWN)].double().numpy()
    return found


def exact_density(truth: Truth | None, names: tuple[str, str]) -> Density | None:
    """The exact marginal density of two parameters; None if it is not known."""
    if truth is None or not set(names) <= set(truth.names):
        return None
    first, second = (truth.names.index(name) for name in names)
    density = truth.density
    for axis in reversed(range(density.dim())):
        if axis not in (first, second):
            density = density.sum(axis) * float(truth.axes[axis][1] - truth.axes[axis][0])
    if first > second:
        density = density.T
    x, y = (truth.axes[k].double().numpy() for k in (first, second))
    values = density.double().numpy()
    # The grid reaches far beyond the visible density.
    seen = values > 1e-6 * values.max()
    rows, columns = (np.flatnonzero(seen.any(axis=k)) for k in (1, 0))
    across, up = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    return Density(x[across], y[up], values[across, up])


def choose_parameter(label: str, word: str, options: list[str], first: str, **more: Any) -> str:
    """Draw a choice; the URL stores it."""
    asked = TOOL_STATE.recall(word, first)
    index = options.index(asked if asked in options else first)
    chosen = str(st.selectbox(label, options, index, key=f"explore.posterior.{word}", **more))
    TOOL_STATE.remember(**{word: chosen})
    return chosen


@fragment()
def posterior_part(scene: Scene) -> None:
    """Draw the choice of two parameters, their draws, and the posterior predictive check."""
    model = scene.model
    draws = numbers_of(model)
    names = list(draws)
    left, middle, right = st.columns(3)
    with left:
        x = choose_parameter("Across", "par_x", names, names[0])
    with middle:
        rest = [name for name in names if name != x] or names
        y = choose_parameter("Up", "par_y", rest, rest[0])
    beside = other_runs(scene)
    with right:
        # A run of another algorithm is the first reference offered.
        reference = choose_parameter(
            "Beside",
            "par_run",
            [*beside, NOBODY],
            next(iter(beside), NOBODY),
            format_func=lambda run: beside.get(run, NOBODY),
            help="Another run of the same model on the same data. Draws of HMC come from the "
            "posterior itself, draws of ADVI from its best Gaussian approximation.",
        )
    own = ALGORITHMS.row(runs.open_run(scene.query.run).spec.algorithm).title
    pairs = {f"this run: {own}": np.stack([draws[x], draws[y]], 1)}
    if reference in beside:
        view = runs.open_run(reference)
        reference_model = model_at(view.id, view.snapshots()[-1], view.row.created)
        found = numbers_of(reference_model)
        pairs[beside[reference]] = np.stack([found[x], found[y]], 1)
    density = exact_density(model.truth(), (x, y))
    pictures.plot(pair_figure(pairs, (x, y), density), key="explore.posterior.pair")
    lines = (
        "lines: the exact density on a grid; all other parameters are integrated out"
        if density is not None
        else "the exact density of these two parameters is not known"
    )
    counts = ", ".join(f"{len(p):,} draws of {who}" for who, p in pairs.items())
    st.caption(escape_markdown(f"{counts}; {lines}."))
    table_part(scene, draws)
    check_part(scene)


def table_part(scene: Scene, draws: dict[str, Any]) -> None:
    """Draw the mean and standard deviation of each parameter, beside the exact ones."""
    truth = scene.model.truth()
    shown = list(draws)[:LISTED]
    table: dict[str, list[Any]] = {
        "parameter": shown,
        "mean": [f"{draws[k].mean():.4g}" for k in shown],
        "standard deviation": [f"{draws[k].std(ddof=1):.4g}" for k in shown],
        "95 % of the draws": [
            "{:.4g} to {:.4g}".format(*np.quantile(draws[k], (0.025, 0.975))) for k in shown
        ],
    }
    if truth is not None:
        at = {name: k for k, name in enumerate(truth.names)}
        table["exact mean ± sd"] = [
            f"{truth.mean[at[k]]:.4g} ± {truth.sd[at[k]]:.4g}" if k in at else "—" for k in shown
        ]
    with st.expander(f"All parameters: {len(draws)}"):
        st.dataframe(table, hide_index=True, key="explore.posterior.table")


def check_part(scene: Scene) -> None:
    """Draw statistics of the data beside those of tables from the posterior predictive."""
    st.subheader("Posterior predictive check")
    columns = scene.data.meta.columns
    found = checks(scene.model, TABLES, scene.query.seed)
    st.dataframe(
        {
            "column": [columns[one.column] for one in found],
            "statistic": [one.statistic for one in found],
            "data": [f"{one.observed:.4g}" for one in found],
            "95 % of predicted tables": [f"{one.low:.4g} to {one.high:.4g}" for one in found],
            "p": [f"{one.p:.3f}" for one in found],
        },
        hide_index=True,
        key="explore.posterior.check",
    )
    odd = [one for one in found if not 0.025 <= one.p <= 0.975]
    verdict = (
        "The model predicts each of these statistics of the data."
        if not odd
        else "The model does not predict the data's "
        + ", ".join(f"{one.statistic} of {columns[one.column]}" for one in odd)
        + "."
    )
    st.caption(
        escape_markdown(
            f"{verdict} p: the share of {TABLES} predicted tables in which the statistic is at "
            f"least as large (Monte Carlo). A share near 0 or 1 means that the model does not "
            f"predict the statistic."
        )
    )
