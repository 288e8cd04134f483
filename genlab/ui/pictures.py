"""Pictures on a page: datasets, images, points."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import plotly.graph_objects as go
import streamlit as st
from numpy.typing import ArrayLike

from genlab import data
from genlab.core.errors import DataError
from genlab.core.escape import escape_markdown
from genlab.core.measure import Picture
from genlab.core.run_spec import Combination
from genlab.core.tables import DATASETS
from genlab.data import DataMeta
from genlab.figures.data import PointsInfo, points_figure, points_info
from genlab.panels import check_picture
from genlab.panels.colours import GREY, for_page
from genlab.panels.encoding import contact_sheet
from genlab.ui.messages import plain_sentence

# No mode bar over a small picture, and no logo anywhere.
CONFIG: Mapping[str, Any] = {"displayModeBar": False, "displaylogo": False}
#: How many examples are shown beside the form.
PREVIEWED = 32


@st.cache_resource(max_entries=64, show_spinner=False)
def cached_preview(name: str, values: tuple[tuple[str, Any], ...], n: int) -> Picture:
    """A dataset's preview; cached by its options."""
    return data.preview(name, dict(values), n)


def plot(figure: go.Figure, *, key: str, alt: str | None = None, file: str = "") -> None:
    """Draw a figure; its only tool, where a file is named, saves it as PNG."""
    saving = {
        "displayModeBar": "hover",
        "modeBarButtons": [["toImage"]],
        "toImageButtonOptions": {"format": "png", "scale": 2, "filename": file},
    }
    st.plotly_chart(figure, key=key, config={**CONFIG, **(saving if file else {})})
    if alt:
        st.caption(alt)


def image(x: ArrayLike, *, columns: int = 0, height: int = 0, caption: str | None = None) -> None:
    """Draw images in rows, enlarged by an integer factor."""
    page = contact_sheet(x, columns, height=height)
    st.image(
        page,
        caption=caption,
        width=page.shape[1],
        output_format="PNG",
        alt=caption or "images",
    )


#: Width in pixels of a picture that fills its column: enough for a wide screen.
SHEET_WIDTH = 1200


def fill(picture: Picture) -> None:
    """Draw a picture as wide as its column, in colours that are visible in both themes."""
    form = check_picture(picture)
    columns = int(picture.payload.get("columns") or 8)
    pixels = form.pixels(picture, max(40, SHEET_WIDTH // columns))
    alt = picture.title or "images"
    if pixels is None:
        st.image(for_page(form.svg(picture, ink=GREY)), width="stretch", alt=alt)
    else:
        st.image(pixels, width="stretch", output_format="PNG", alt=alt)


def draw(picture: Picture, *, key: str) -> None:
    """Draw the preview of a dataset and its note; points can be zoomed."""
    interactive = INTERACTIVE.get(check_picture(picture).name)
    if interactive is None:
        fill(picture)
    else:
        plot(interactive(picture.payload), key=key)
    if picture.note:
        st.caption(escape_markdown(picture.note))


def cloud(payload: Mapping[str, Any], **more: Any) -> PointsInfo:
    """Convert the points of a preview to those of a figure."""
    return points_info(
        payload["x"],
        label=payload.get("label"),
        classes=payload.get("classes") or (),
        grid=payload.get("grid"),
        columns=payload.get("columns") or (),
        **more,
    )


#: Forms with previews that can be zoomed, and the function that makes the figure.
INTERACTIVE: Mapping[str, Callable[[Mapping[str, Any]], go.Figure]] = {
    "points": lambda payload: points_figure(cloud(payload)),
}


def form_preview(combination: Combination, values: Mapping[str, Any]) -> None:
    """Draw the preview of the form's dataset and the options proposed for it."""
    dataset(combination.data, values, combination.meta, n=PREVIEWED)
    proposals(combination.meta)


def proposals(meta: DataMeta) -> None:
    """Draw the options proposed for the data, with the reasons."""
    for one in meta.proposed:
        st.info(
            f"Proposed: **{one.option} = {escape_markdown(str(one.value))}**. "
            f"{escape_markdown(one.why)}",
            icon=":material/lightbulb:",
        )


def dataset(name: str, values: Mapping[str, Any], meta: DataMeta, *, n: int = 64) -> None:
    """Draw the preview of a dataset, or how to get its missing files."""
    shown = {key: value for key, value in values.items() if key != "download"}
    try:
        picture = cached_preview(name, tuple(sorted(shown.items())), n)
    except DataError as error:
        icon = ":material/cloud_download:" if meta.network else ":material/info:"
        st.info(plain_sentence(error), icon=icon)
        if meta.network and st.button(
            "Fetch it now", key=f"fetch.{name}", icon=":material/download:"
        ):
            fetch(name, values)
        return
    draw(picture, key=f"preview.{name}")


def fetch(name: str, values: Mapping[str, Any]) -> None:
    """Fetch a dataset's files, with progress, or show why that failed."""
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
    cached_preview.clear()
    st.rerun()


def describe(meta: DataMeta) -> None:
    """Draw the properties of a dataset as a list."""
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
        "Network": "used for the download, on request" if meta.network else "not needed",
    }
    st.markdown("\n".join(f"- **{name}**: {escape_markdown(text)}" for name, text in rows.items()))
