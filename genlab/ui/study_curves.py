"""The curves of a study: the chart of the live view with one band per arm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from genlab.studies.curves import Band, band_words, bands, series_of
from genlab.studies.study import Study
from genlab.ui.component import component


def show_curves(study: Study) -> None:
    """Draw the choice of a series and its bands."""
    titles = series_of(study)
    if not titles:
        return
    name = st.selectbox("Curve", list(titles), format_func=titles.__getitem__, key="studies.curve")
    drawn = bands(study, name)
    if not drawn:
        return
    seeds = {cell.run: cell.seed for cell in study.cells}
    component("live/bands", "The chart", style="live/live")(
        key="studies.chart",
        data={
            "key": name,
            "title": titles[name],
            "between": band_words(drawn[0]),
            "bands": [band_data(band, seeds) for band in drawn],
        },
    )


def band_data(band: Band, seeds: Mapping[str, int]) -> dict[str, Any]:
    """The data of a band for the browser; values that are not finite become None.

    Args:
        band: of an arm.
        seeds: the seed of each run id, for the names of the lines.
    """
    return {
        "arm": band.arm,
        "step": band.step.tolist(),
        "median": _numbers(band.median),
        "low": _numbers(band.low),
        "high": _numbers(band.high),
        "runs": [
            {"name": f"seed {seeds[run]}, {run}", "y": _numbers(values)}
            for run, values in band.runs.items()
        ],
    }


def _numbers(values: NDArray[np.float64]) -> Sequence[float | None]:
    # Six digits are more than a screen shows and need a third of the bytes.
    return [float(f"{value:.6g}") if np.isfinite(value) else None for value in values]
