"""The learned velocity beside the exact one over time and the line, with particles on their way.

Of data on the line, time and place together are a plane, so the whole of the velocity v_t(x) is
one map: time runs to the right, from noise to data, and x upwards. The picture has ``form``
"flow_field" (see :mod:`genlab.probes.flow_field`). Its maps are the same at each of the ``times``;
a particle is at (t, x), and an arrow is the direction (1, v) of a particle's way on the map.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from typing import Any, ClassVar

import torch

from genlab.core.measure import Picture, Reading
from genlab.core.run_spec import RunSpec
from genlab.core.views import View
from genlab.data.base import Dataset
from genlab.models.base import GenerativeModel, HasProbabilityPath
from genlab.probes.base import PROBES, Probe
from genlab.probes.common import box_of, round_digits
from genlab.probes.flow_field import (
    CELLS,
    COMPARED,
    KNOTS,
    NOISE_REACH,
    PARTICLES,
    RARE,
    STEPS,
    excess_over_time,
    particle_states,
    speed_fields,
)
from genlab.probes.gap import pack_field
from genlab.probes.probability_path import (
    exact_fields,
    low_dimensional,
    pairs_independently,
    path_of,
)


@PROBES.register("flow_line", title="Learned and exact velocity on the line", order=156)
class FlowLineProbe(Probe):
    """v_t(x), the exact u_t(x) and their difference over time and the line."""

    views: ClassVar[Mapping[str, View]] = {
        "flow_line": View(
            "quality",
            "How fast the learned velocity carries a point at place x and time t, the exact "
            "velocity, and their difference. Time runs from noise (left) to data (right).",
            "flow_matching",
            100,
        ),
    }

    share: ClassVar[float] = 0.015

    def __init__(self, spec: RunSpec, data: Dataset) -> None:
        super().__init__(spec, data)
        path = path_of(spec).path
        self.exact = exact_fields(data, path) if pairs_independently(spec) else None
        box = box_of(data).double()
        # Wide enough for the noise where that has the size of the data.
        reach = NOISE_REACH * path.start_scale if path.start_scale <= 2.0 else 0.0
        self.low, self.high = min(float(box[0]), -reach), max(float(box[1]), reach)
        middles = (torch.arange(CELLS, dtype=torch.float64) + 0.5) / CELLS
        self.x = (self.low + (self.high - self.low) * middles).repeat_interleave(CELLS)[:, None]
        self.t = middles.repeat(CELLS)

    @classmethod
    def fits(cls, model: type[GenerativeModel], data: Dataset) -> bool:
        return low_dimensional(model, data) and data.meta.dim == 1

    def read(self, model: GenerativeModel, step: int) -> Reading:
        assert isinstance(model, HasProbabilityPath)
        states = particle_states(model, 1)
        times = [t for t, _ in states]
        field = self._velocities(model)
        ways = [torch.cat([torch.full_like(x, t), x], 1) for t, x in states]
        payload: dict[str, Any] = {
            "box": [[0.0, float(f"{self.low:.6g}")], [1.0, float(f"{self.high:.6g}")]],
            "axes": ["time t", self.data.meta.axis(0)],
            "cells": CELLS,
            "times": [float(f"{t:.4g}") for t in times],
            "fields": speed_fields([field] * len(times)),
            "knots": KNOTS,
            "arrows": self._arrows(field, len(times)),
            "particles": [round_digits(x, 3) for x in ways],
            "excess": None,
            "equal_units": 0,
        }
        exact = "the exact field is not known here"
        if self.exact is not None:
            payload["excess"] = excess_over_time(model, self.exact, self.data, times)
            exact = f"exact field in closed form; E|v − u|² Monte Carlo, n = {COMPARED} held-out"
        note = (
            f"speeds in data units per unit of time on {CELLS} x {CELLS} cells of time and place; "
            f"{exact}; {PARTICLES} particles from the same noise each time, Heun, {STEPS} steps"
        )
        title = "Velocity over time and place"
        return Reading(pictures={"flow_line": Picture("flow_field", title, payload, note)})

    def _velocities(self, model: HasProbabilityPath) -> dict[str, Any]:
        """Learned and exact velocity in each cell, and the cells that points may reach."""
        learned = model.velocity(self.x.float(), self.t).double()
        seen = torch.ones(len(self.x), dtype=torch.bool)
        if self.exact is None:
            return {"learned_v": learned, "seen": seen}
        log_p = self.exact.log_prob(self.x, self.t).view(CELLS, CELLS)
        # Each time has a density of its own.
        seen = (log_p > log_p.max(0).values + math.log(RARE)).flatten()
        u = self.exact.velocity(self.x, self.t)
        return {"learned_v": learned, "seen": seen, "exact_v": u, "gap_v": learned - u}

    def _arrows(self, field: Mapping[str, Any], n: int) -> dict[str, Any]:
        """The direction (1, v) in the middle of 2 x 2 cells each, in sides of the map."""
        found, part = {}, CELLS // KNOTS
        seen = field["seen"].view(KNOTS, part, KNOTS, part).all(3).all(1).flatten()
        for name in ("learned", "exact"):
            if f"{name}_v" not in field:
                continue
            mean = field[f"{name}_v"].view(KNOTS, part, KNOTS, part).mean((1, 3)).flatten()
            rise = mean / (self.high - self.low)
            way = torch.stack([torch.ones_like(rise), rise], 1) * seen[:, None]
            scale = max(float(way.abs().max()), 1e-9)
            one = base64.b64decode(pack_field(way.flatten(), -scale, scale))
            found[name] = {
                "scale": [float(f"{scale:.4g}")] * n,
                "xy": base64.b64encode(one * n).decode(),
            }
        return found
