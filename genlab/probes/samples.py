"""Samples of the model, always from the same codes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from genlab.core.measure import Picture, Reading
from genlab.core.random import scope
from genlab.core.views import View
from genlab.data.base import Dataset
from genlab.models.base import GenerativeModel, HasDecoder, HasLabels
from genlab.models.labels import conditioned_on, in_columns
from genlab.probes.base import PROBES, Probe
from genlab.probes.common import box_of, draw, histogram, points
from genlab.probes.views import SAMPLES

SHEET, CLOUD, CROWD = 64, 200, 2000


@PROBES.register(
    "samples", title="Samples", summary="Samples of the model from fixed codes.", order=220
)
class Samples(Probe):
    """Samples at fixed z, equal for every step and every run with the same latent size."""

    views: ClassVar[Mapping[str, View]] = {
        "samples": SAMPLES,
    }

    @classmethod
    def fits(cls, model: type[GenerativeModel], data: Dataset) -> bool:
        # A model may not generate every column of a table: tables have a probe of their own.
        few = data.meta.shape in {(1,), (2,)} and len(data.meta.columns) < 2
        return data.meta.is_image or few

    def read(self, model: GenerativeModel, step: int) -> Reading:
        with scope(0, "samples"):
            if self.data.meta.is_image:
                picture = self._sheet(model)
            elif self.data.meta.dim == 2:
                picture = self._cloud(draw(model, CLOUD, self.data), _fixed(model))
            else:
                picture = self._bars(draw(model, CROWD, self.data))
        return Reading(pictures={"samples": picture})

    def _sheet(self, model: GenerativeModel) -> Picture:
        labels = in_columns(model, 8)
        n, columns = (SHEET, 8) if labels is None else (len(labels), len(labels) // 8)
        x = conditioned_on(model, labels).sample(n).clamp(0.0, 1.0)
        note = f"n = {n}, the same {_fixed(model)} at every step"
        if labels is not None:
            note += f"; a column a class: {', '.join(self.data.meta.classes)}"
        return Picture("images", "Samples", {"x": x, "columns": columns}, note)

    def _cloud(self, x: Tensor, how: str) -> Picture:
        real = self.data.validation.x[:CLOUD]
        meta = self.data.meta
        payload = points(
            meta.original(torch.cat([real, x])),
            [0] * len(real) + [1] * len(x),
            ["data", "generated"],
            [meta.axis(0), meta.axis(1)],
            meta.original(box_of(self.data)),
        )
        note = f"{len(real)} held-out, {len(x)} generated from the same {how} at every step"
        return Picture("points", "Samples", payload, note)

    def _bars(self, x: Tensor) -> Picture:
        meta = self.data.meta
        low, high = (float(v) for v in meta.original(box_of(self.data)).flatten())
        real, x = meta.original(self.data.validation.x[:CROWD]), meta.original(x)
        name = meta.axis(0) if meta.axes else "x"
        payload = histogram({"data": real, "generated": x}, low, high, 60, name)
        inside = int(((x >= low) & (x <= high)).sum())
        note = f"{len(real)} held-out, {len(x)} generated ({inside} of them in the range shown)"
        return Picture("histogram", "Samples", payload, note)


def _fixed(model: GenerativeModel) -> str:
    """What stays fixed over the steps, as text."""
    if isinstance(model, HasLabels):
        return "codes z and classes"
    return "codes z" if isinstance(model, HasDecoder) else "random numbers"
