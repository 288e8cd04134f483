"""The learned velocity beside the exact one at several times, with particles on their way.

The gap map compares a discriminator with the optimal one; this picture does the same for a
velocity. The optimal velocity is the marginal one, u_t(x) = E[x₁' | x_t = x]; it is known for a
mixture of Gaussians. The picture has ``form`` "flow_field":

.. code-block:: text

    box        [[x_low, y_low], [x_high, y_high]]  what is drawn, in data units
    cells      20                                  cells a side of a field
    times      [0, 0.1, ..., 1]                    T times of the path
    fields     {name: {"title", "high", "speed"}}, in the order in which they are offered:
      learned    |v_t(x)|
      exact      |u_t(x)|       (where the exact field is known)
      gap        |v_t − u_t|    (where the exact field is known)
    knots      10                                  arrows a side, each the mean of 2 x 2 cells
    arrows     {name: {"scale", "xy"}}             the mean velocity of the cells of each arrow
    particles  [[[x, y], ...], ...]                P particles at each of the T times
    excess     [0.01, ...] or null                 E|v_t − u_t|² at each time, Monte Carlo

``speed`` is the base64 of T · cells² bytes, time by time, row by row, the first row at the lowest
y, x running fastest: 0 to 254 stand for 0 to ``high`` of that time, 255 for a place that no point
reaches at that time. ``xy`` holds both entries of a velocity one after the other; 0 to 254 stand
for −``scale`` to ``scale`` of that time.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from genlab.core.measure import Picture, Reading
from genlab.core.run_spec import RunSpec
from genlab.core.views import View
from genlab.data.base import Dataset
from genlab.models.base import GenerativeModel, HasProbabilityPath
from genlab.paths import SAMPLERS, ExactFields
from genlab.paths.base import one_time
from genlab.probes.base import PROBES, Probe
from genlab.probes.common import box_of, held_out, round_digits
from genlab.probes.gap import pack_field
from genlab.probes.probability_path import (
    exact_fields,
    low_dimensional,
    pairs_independently,
    path_of,
)

CELLS, KNOTS, TIMES, PARTICLES = 20, 10, 11, 32
#: Sampler's steps between two of the times, and in all.
FINER = 3
STEPS = FINER * (TIMES - 1)
#: Half the side of the box that holds noise of standard deviation 1.
NOISE_REACH = 2.2
#: Places whose density is below this share of the largest one are not shown.
RARE = 1e-4
#: Held-out examples behind the mean difference at each time.
COMPARED = 256


@PROBES.register("flow_field", title="Learned and exact velocity", order=155)
class FlowFieldProbe(Probe):
    """v_t(x), the exact u_t(x) and their difference over the plane, from noise to data."""

    views: ClassVar[Mapping[str, View]] = {
        "flow_field": View(
            "quality",
            "Where the learned velocity carries points at time t, the exact velocity, and their "
            "difference. The slider moves t from noise to data.",
            "flow_matching",
            100,
        ),
    }

    share: ClassVar[float] = 0.015

    def __init__(self, spec: RunSpec, data: Dataset) -> None:
        super().__init__(spec, data)
        path = path_of(spec).path
        self.exact = exact_fields(data, path) if pairs_independently(spec) else None
        self.box = _joint_box(box_of(data).double(), path.start_scale)
        self.centres = _centres(self.box, CELLS)
        #: The exact field at the times of the looks, which are the same for all steps.
        self._known: dict[float, tuple[Tensor, Tensor]] = {}

    @classmethod
    def fits(cls, model: type[GenerativeModel], data: Dataset) -> bool:
        return low_dimensional(model, data) and data.meta.dim == 2

    def read(self, model: GenerativeModel, step: int) -> Reading:
        assert isinstance(model, HasProbabilityPath)
        states = particle_states(model, 2)
        times = [t for t, _ in states]
        fields = [self._velocities(model, t) for t in times]
        meta = self.data.meta
        payload: dict[str, Any] = {
            "box": round_digits(self.box),
            "axes": [meta.axis(0), meta.axis(1)],
            "cells": CELLS,
            "times": [float(f"{t:.4g}") for t in times],
            "fields": speed_fields(fields),
            "knots": KNOTS,
            "arrows": _arrows(fields),
            "particles": [round_digits(x, 3) for _, x in states],
            "excess": None,
        }
        if self.exact is not None:
            payload["excess"] = excess_over_time(model, self.exact, self.data, times)
        exact = "the exact field is not known here"
        if self.exact is not None:
            exact = f"exact field in closed form; E|v − u|² Monte Carlo, n = {COMPARED} held-out"
        note = (
            f"speeds in data units per unit of time on {CELLS} x {CELLS} cells, {exact}; "
            f"{PARTICLES} particles from the same noise at every step, Heun, {STEPS} steps"
        )
        return Reading(
            pictures={"flow_field": Picture("flow_field", "Velocity over time", payload, note)}
        )

    def _velocities(self, model: HasProbabilityPath, t: float) -> dict[str, Any]:
        """Learned and exact velocity at one time, and which points it may reach."""
        x = self.centres
        learned = model.velocity(x.float(), one_time(t, x)).double()
        seen = torch.ones(len(x), dtype=torch.bool)
        if self.exact is None:
            return {"learned_v": learned, "seen": seen}
        u, seen = self._exact_at(self.exact, t)
        return {"learned_v": learned, "seen": seen, "exact_v": u, "gap_v": learned - u}

    def _exact_at(self, exact: ExactFields, t: float) -> tuple[Tensor, Tensor]:
        """The exact velocity at one time, and which points it may reach."""
        if t not in self._known:
            time = one_time(t, self.centres)
            log_p = exact.log_prob(self.centres, time)
            seen = log_p > log_p.max() + math.log(RARE)
            self._known[t] = exact.velocity(self.centres, time), seen
        return self._known[t]


def particle_states(model: HasProbabilityPath, dim: int) -> list[tuple[float, Tensor]]:
    """Particles from the same noise on their way: the times, and the places, (PARTICLES, dim)."""
    states: list[tuple[float, Tensor]] = []
    x0 = torch.randn(PARTICLES, dim) * model.path.start_scale
    SAMPLERS["heun"].run(model, x0, STEPS, each=lambda t, x: states.append((t, x)))
    states = states[::FINER]
    if model.path.singular_end:
        # The field has no value at the end itself.
        states.pop()
    return states


def excess_over_time(
    model: HasProbabilityPath, exact: ExactFields, data: Dataset, times: list[float]
) -> list[float]:
    """E|v_t − u_t|² over held-out examples with the same noise at each time, (T,)."""
    x1 = model.to_path(held_out(data, COMPARED)[0])
    noise, found = torch.randn_like(x1), []
    for t in times:
        time = one_time(t, x1)
        x = model.path.interpolate(x1, noise, time)
        away = model.velocity(x, time).double() - exact.velocity(x.double(), time)
        found.append(float(f"{float(away.square().sum(1).mean()):.4g}"))
    return found


def _arrows(fields: list[dict[str, Any]]) -> dict[str, Any]:
    """The velocities as bytes, one for each 2 x 2 cells; 0 where no point comes."""
    found, part = {}, CELLS // KNOTS
    for name in ("learned", "exact", "gap"):
        if f"{name}_v" not in fields[0]:
            continue
        values = []
        for one in fields:
            v = torch.where(one["seen"][:, None], one[f"{name}_v"], 0.0)
            values.append(v.view(KNOTS, part, KNOTS, part, 2).mean((1, 3)).view(-1, 2))
        scales = [max(float(v.abs().max()), 1e-9) for v in values]
        parts = [
            base64.b64decode(pack_field(v, -scale, scale))
            for v, scale in zip(values, scales, strict=True)
        ]
        found[name] = {
            "scale": [float(f"{scale:.4g}") for scale in scales],
            "xy": base64.b64encode(b"".join(parts)).decode(),
        }
    return found


def _joint_box(box: Tensor, start_scale: float) -> Tensor:
    """The box of the data, wide enough for the noise where that has the size of the data."""
    if start_scale > 2.0:
        return box
    reach = torch.full((2,), NOISE_REACH * start_scale, dtype=torch.float64)
    return torch.stack([torch.minimum(box[0], -reach), torch.maximum(box[1], reach)])


def _centres(box: Tensor, cells: int) -> Tensor:
    """The middles of the cells, y running slowest, (cells², 2)."""
    steps = (torch.arange(cells, dtype=torch.float64) + 0.5) / cells
    along = box[0][:, None] + (box[1] - box[0])[:, None] * steps
    across, up = torch.meshgrid(along[0], along[1], indexing="xy")
    return torch.stack([across.flatten(), up.flatten()], -1)


def speed_fields(fields: list[dict[str, Any]]) -> dict[str, Any]:
    """Speeds as bytes; learned and exact share their scale at each time."""
    titles = {"learned": "learned |v|", "exact": "exact |u|", "gap": "|v − u|"}
    names = [name for name in titles if f"{name}_v" in fields[0]]
    speeds = {
        name: [torch.where(one["seen"], one[f"{name}_v"].norm(dim=1), torch.nan) for one in fields]
        for name in names
    }
    ends = {name: [max(_largest(v), 1e-9) for v in values] for name, values in speeds.items()}
    if "exact" in ends:
        both = [max(pair) for pair in zip(ends["learned"], ends["exact"], strict=True)]
        ends["learned"] = ends["exact"] = both
    found = {}
    for name in names:
        parts = [
            base64.b64decode(pack_field(v, 0.0, high))
            for v, high in zip(speeds[name], ends[name], strict=True)
        ]
        found[name] = {
            "title": titles[name],
            "high": [float(f"{high:.4g}") for high in ends[name]],
            "speed": base64.b64encode(b"".join(parts)).decode(),
        }
    return found


def _largest(values: Tensor) -> float:
    known = values[values.isfinite()]
    return float(known.max()) if len(known) else 0.0
