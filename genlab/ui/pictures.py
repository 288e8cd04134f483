"""Pictures on a page: datasets, images, points."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go
import streamlit as st
from numpy.typing import ArrayLike

from genlab import data
from genlab.core.errors import DataError
from genlab.core.measure import Picture
from genlab.core.run_spec import Combination
from genlab.core.tables import DATASETS
from genlab.data import DataMeta
from genlab.figures.data import PointsInfo, points_figure, points_info, sheet
from genlab.ui.messages import escape_markdown, plain_sentence

# No mode bar over a small picture, and no logo anywhere.
CONFIG: Mapping[str, Any] = {"displayModeBar": False, "displaylogo": False}
#: Examples shown beside the form.
PREVIEWED = 32


@st.cache_resource(max_entries=64, show_spinner=False)
def looked_at(name: str, values: tuple[tuple[str, Any], ...], n: int) -> Picture:
    """A dataset's preview, kept for the next visitor who asks for the same."""
    return data.preview(name, dict(values), n)


def plot(figure: go.Figure, *, key: str, alt: str | None = None) -> None:
    """A figure that only shows, in the page's own colours."""
    st.plotly_chart(figure, key=key, config=dict(CONFIG))
    if alt:
        st.caption(alt)


def image(x: ArrayLike, *, columns: int = 0, height: int = 0, caption: str | None = None) -> None:
    """Images in rows, each about so high, with crisp pixels."""
    page = sheet(x, columns, height=height)
    st.image(page, caption=caption, width=page.shape[1], output_format="PNG")


def draw(picture: Picture, *, key: str, height: int = 40) -> None:
    """A picture of a dataset, with what it is."""
    payload = picture.payload
    if picture.form == "images":
        image(payload["x"], columns=int(payload.get("columns") or 0), height=height)
    else:
        plot(points_figure(cloud(payload)), key=key)
    if picture.note:
        st.caption(escape_markdown(picture.note))


def cloud(payload: Mapping[str, Any], **more: Any) -> PointsInfo:
    """Points as a preview holds them, as a figure takes them."""
    return points_info(
        payload["x"],
        label=payload.get("label"),
        classes=payload.get("classes") or (),
        grid=payload.get("grid"),
        columns=payload.get("columns") or (),
        **more,
    )


def form_preview(combination: Combination, values: Mapping[str, Any]) -> None:
    """The preview under the form's choice of data, and what is proposed for them."""
    dataset(combination.data, values, combination.meta, n=PREVIEWED, height=32)
    proposals(combination.meta)


def proposals(meta: DataMeta) -> None:
    """What suits the data among the options of a run, and why."""
    for one in meta.proposed:
        st.info(
            f"Proposed: **{one.option} = {escape_markdown(str(one.value))}**. "
            f"{escape_markdown(one.why)}",
            icon=":material/lightbulb:",
        )


def dataset(
    name: str, values: Mapping[str, Any], meta: DataMeta, *, n: int = 64, height: int = 56
) -> None:
    """The preview of a dataset; where its files are missing, why, and the way to get them."""
    shown = {key: value for key, value in values.items() if key != "download"}
    try:
        picture = looked_at(name, tuple(sorted(shown.items())), n)
    except DataError as error:
        icon = ":material/cloud_download:" if meta.network else ":material/info:"
        st.info(plain_sentence(error), icon=icon)
        if meta.network and st.button(
            "Fetch it now", key=f"fetch.{name}", icon=":material/download:"
        ):
            fetch(name, values)
        return
    draw(picture, key=f"preview.{name}", height=height)


def fetch(name: str, values: Mapping[str, Any]) -> None:
    """Fetch a dataset's files, with progress; say so if that fails."""
    bar = st.progress(0.0, text="connecting")
    source = DATASETS[name]
    options = source.Options.build({**values, "download": True})
    try:
        source.load(
            options,
            lambda f, text: bar.progress(min(1.0, max(0.0, f)), text=escape_markdown(text)),
        )
    except DataError as error:
        bar.empty()
        st.error(plain_sentence(error), icon=":material/cloud_off:")
        return
    looked_at.clear()
    st.rerun()


def describe(meta: DataMeta) -> None:
    """What is known of a dataset, as a small table."""
    shape = " × ".join(map(str, meta.shape))
    kind = "image (channels × height × width)" if meta.is_image else "point"
    if meta.columns:
        kind = f"row of a table: {', '.join(meta.columns)}"
    if meta.axes:
        kind = f"row of a table: {', '.join(meta.axes[:12])}{', …' * (len(meta.axes) > 12)}"
    support = {"real": "the real line", "unit": "[0, 1]", "binary": "{0, 1}"}[meta.support]
    classes = f"{len(meta.classes)}: {', '.join(meta.classes)}" if meta.classes else "no labels"
    density = "known exactly" if meta.density else "not known"
    rows = {
        "One example": f"{shape}, {kind}",
        "Values": support,
        "Classes": classes,
        "Density": density,
        "Network": "may be needed, on request" if meta.network else "not needed",
    }
    st.markdown("\n".join(f"- **{name}**: {escape_markdown(text)}" for name, text in rows.items()))
