"""How the codes depend on the true generative factors of the images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import streamlit as st

from genlab.data.base import DataMeta
from genlab.figures.tables import heat_figure, lines_figure
from genlab.models.base import GenerativeModel, HasEncoder
from genlab.ui import pictures
from genlab.ui.explore.jobs import wait_for_explore_result
from genlab.ui.explore.scene import Scene
from genlab.ui.explore.tools import TOOLS, Tool

EXAMPLES = 1440
#: Factors with unordered values: a line through them would be meaningless.
UNORDERED = ("shape",)
TABLES = {
    "responses": (
        "share of the code's variance",
        "η²: the share of each code's variance that the factor alone explains",
    ),
    "information": ("nats", "I(factor; code) with codes in 20 bins; MIG is computed from it"),
    "importance": (
        "importance",
        "importance of the code in a forest that predicts the factor; DCI is computed from it",
    ),
}
WORDS = {
    "mig": "MIG: the difference between the largest and second-largest mutual "
    "information of a code with a factor, divided by the factor's entropy "
    "(Chen et al. 2018).",
    "sap": "SAP: the difference between the accuracies of the two single codes "
    "that predict a factor best (Kumar et al. 2018).",
    "dci_disentanglement": "D of DCI (disentanglement): 1 if each code depends on one factor "
    "(Eastwood and Williams 2018).",
    "dci_completeness": "C of DCI (completeness): 1 if each factor is encoded in one code.",
    "dci_informativeness": "I of DCI (informativeness): held-out accuracy of predicting the "
    "factors from all codes.",
}


@TOOLS.register("factors", title="Disentanglement")
class Factors(Tool):
    """Measure how well the codes separate the known factors of the images: MIG, SAP and DCI."""

    icon = ":material/category:"
    order = 80

    @classmethod
    def fits(cls, model: type[GenerativeModel], meta: DataMeta) -> bool:
        """Whether the tool applies to this model and these data."""
        return bool(meta.factors) and issubclass(model, HasEncoder)

    def draw(self, scene: Scene) -> None:
        """Draw the tool for a scene."""
        values = {
            "run": scene.query.run,
            "step": scene.query.step,
            "seed": scene.query.seed,
            "n": EXAMPLES,
        }
        found = wait_for_explore_result(
            "disentangle", values, what="The measure of disentanglement"
        )
        if found is None:
            return
        names = [name for name, _ in scene.data.meta.factors]
        show_scores(found["estimates"])
        chosen = st.segmented_control(
            "Table",
            list(TABLES),
            default="responses",
            key="explore.factors.table",
            format_func={
                "responses": "Response",
                "information": "Information",
                "importance": "Importance",
            }.__getitem__,
            required=True,
        )
        unit, words = TABLES[str(chosen)]
        table = np.asarray(found[str(chosen)])
        codes = [f"z[{j}]" for j in range(table.shape[1])]
        pictures.plot(heat_figure(table, rows=names, columns=codes, unit=unit), key="factors.heat")
        st.caption(f"{words}; Monte Carlo, n = {found['n']:,} held-out examples.")
        self.curves(names, found["means"], np.asarray(found["responses"]))

    @staticmethod
    def curves(names: Sequence[str], means: Sequence[Any], share: Any) -> None:
        """Draw the mean of each code along a factor, for the codes that respond most."""
        name = st.selectbox("Along the factor", names, key="explore.factors.name")
        k = names.index(name)
        strongest = np.argsort(-share[k], kind="stable")[:4]
        lines = {f"z[{j}]": [row[j] for row in means[k]] for j in strongest}
        pictures.plot(
            lines_figure(
                lines,
                x_title=f"{name}: index of the value",
                y_title="mean code",
                ordered=name not in UNORDERED,
            ),
            key="factors.lines",
        )
        st.caption(
            "E[z | factor value], averaged over all other factors, for the codes "
            "that respond most."
        )


def show_scores(estimates: Sequence[Mapping[str, Any]]) -> None:
    """Draw the measures with their explanations."""
    for column, one in zip(st.columns(len(estimates)), estimates, strict=True):
        spread = one["low"] < one["value"] < one["high"]
        interval = f"95 %: {one['low']:.2f} to {one['high']:.2f}" if spread else None
        column.metric(
            one["title"],
            f"{one['value']:.3f}",
            delta=interval,
            delta_color="off",
            delta_arrow="off",
            help=f"{WORDS[one['name']]} {one['kind']}, n = {one['n']:,}.",
        )
