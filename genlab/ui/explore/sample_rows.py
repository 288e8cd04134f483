"""Sampled table rows in the file's own units and names, shown and for download."""

from __future__ import annotations

import streamlit as st

from genlab.core.errors import GenlabError
from genlab.core.escape import escape_markdown
from genlab.data.base import DataMeta
from genlab.data.schema import is_whole
from genlab.latent.conditional import sample_conditional
from genlab.models.base import GenerativeModel, HasLikelihood
from genlab.runs.samples import DRAWS, MEANS, Samples, draw_samples
from genlab.ui.explore.scene import Scene
from genlab.ui.explore.tools import TOOLS, Tool
from genlab.ui.messages import fragment, plain_sentence

#: How many rows are drawn, and how many of them are shown.
SIZES, SHOWN = (100, 1000, 10_000), 20


Value = tuple[str, str | float]


@st.cache_resource(max_entries=8, show_spinner=False)
def _drawn(
    _scene: Scene,
    key: str,  # noqa: ARG001 - part of the key
    label: str | None,
    n: int,
    means: bool,
    given: Value | None,
) -> Samples:
    if given is not None:
        found = sample_conditional(_scene.model, n, dict([given]), _scene.query.seed)
        return Samples(found.x, _scene.data.meta, found.kind, label or "")
    x = draw_samples(_scene.model, n, _scene.query.seed, means=means)
    return Samples(x, _scene.data.meta, MEANS if means else DRAWS, label or "")


def given_value(meta: DataMeta) -> Value | None:
    """Draw the choice of a column and its value; None for no column."""
    if not meta.schema:
        return None
    columns = {column.name: column for column in meta.schema}
    name = st.selectbox(
        "Condition on a column",
        [None, *columns],
        format_func=lambda word: "none" if word is None else word,
        key="explore.rows.given",
        width=200,
    )
    if name is None:
        return None
    column, key = columns[name], f"explore.rows.given.{name}"
    if column.categories:
        return name, str(st.selectbox("Its value", column.categories, key=key, width=160))
    middle = 0.5 * (column.low + column.high)
    first = float(round(middle)) if is_whole(column) else float(f"{middle:.3g}")
    return name, float(st.number_input("Its value", value=first, key=key, width=160))


@fragment()
def rows_part(scene: Scene) -> None:
    """Draw the number of rows, the first rows, and the download."""
    query = scene.query
    with st.container(horizontal=True, vertical_alignment="bottom"):
        n = st.segmented_control(
            "Rows",
            SIZES,
            default=SIZES[0],
            required=True,
            format_func=lambda k: f"{k:,}",
            key="explore.rows.n",
        )
        means = isinstance(scene.model, HasLikelihood) and st.toggle(
            "Means",
            key="explore.rows.means",
            help="The means of p(x given z) at draws of z, which vary less than the data. "
            "Otherwise the rows are drawn from the model.",
        )
        given = given_value(scene.data.meta)
    try:
        found = _drawn(scene, query.key, query.label, int(n or SIZES[0]), bool(means), given)
    except GenlabError as error:
        st.error(plain_sentence(error), icon=":material/error:")
        return
    cells = found.rows.cells()
    st.dataframe(
        {name: column[:SHOWN] for name, column in cells.items()},
        hide_index=True,
        key="explore.rows.table",
    )
    units = [f"{c.name} in {c.unit}" for c in found.meta.schema if c.unit]
    st.caption(
        escape_markdown(
            f"The first {min(SHOWN, len(found.x))} of {len(found.x):,} {found.kind}, seed "
            f"{query.seed}, in the units of the file" + f" ({', '.join(units)})" * bool(units)
        )
    )
    st.download_button(
        "Download as CSV",
        found.csv(),
        file_name=f"samples-{query.run.replace(':', '-')}-{query.step}.csv",
        mime="text/csv",
        icon=":material/download:",
        key="explore.rows.csv",
        on_click="ignore",
    )


@TOOLS.register("rows", title="Sampled rows")
class SampledRows(Tool):
    """Sample rows in the units of the file and download them."""

    icon = ":material/table_rows:"
    order = 80

    @classmethod
    def fits(cls, model: type[GenerativeModel], meta: DataMeta) -> bool:
        """Whether the tool applies to this model and these data."""
        return not meta.is_image

    def draw(self, scene: Scene) -> None:
        """Draw the tool for a scene."""
        rows_part(scene)
