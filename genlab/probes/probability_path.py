"""Probes of a probability path beside the exact field: loss, trajectories, samplers, log p.

Where the data are a mixture of Gaussians and noise and data are paired independently, the best
prediction at (x, t) is known, as D* is for a discriminator. The loss is then

    E|prediction − target|² = E|prediction − best|² + irreducible loss,

so that the excess loss E|prediction − best|² is 0 for a perfect model and is measured without the
noise of the irreducible part.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from typing import Any, ClassVar, cast

import torch
from torch import Tensor

from genlab import models
from genlab.core.measure import Picture, Reading, Series
from genlab.core.random import scope
from genlab.core.run_spec import RunSpec
from genlab.core.views import View
from genlab.data.base import Dataset
from genlab.models.base import (
    GenerativeModel,
    HasLearnedVelocity,
    HasProbabilityPath,
)
from genlab.paths import SAMPLERS, ExactFields, ProbabilityPath
from genlab.paths.base import one_time
from genlab.probes.base import PROBES, Probe
from genlab.probes.common import held_out, points

#: Held-out examples of the excess loss, bars over time.
NUMBERS, BARS = 2048, 10
#: Particles, the times at which they are shown, and codes for the straightness.
PARTICLES, TIMES, FOLLOWED = 60, 5, 256
#: Codes of the sampler's error, and evaluations that each sampler may take.
COMPARED, EVALUATIONS = 64, (8, 16, 32)
REFERENCE_STEPS = 32


def path_of(spec: RunSpec) -> HasProbabilityPath:
    """An untrained model of a run's kind, for its path and what it predicts."""
    with scope(0, "model of the kind"):
        return cast(HasProbabilityPath, models.build(spec))


def exact_fields(data: Dataset, path: ProbabilityPath) -> ExactFields | None:
    """The exact fields on a path; None where the density is no mixture of few dimensions."""
    if data.meta.shape not in {(1,), (2,)}:
        return None
    return ExactFields.of(data.density, path)


def pairs_independently(spec: RunSpec) -> bool:
    """Whether noise and data are independent in training, so that the exact fields apply."""
    coupling = getattr(spec.objective_options, "coupling", "independent")
    return coupling == "independent" and not getattr(spec.model_options, "reflow_from", 0)


def low_dimensional(model: type[GenerativeModel], data: Dataset) -> bool:
    """Whether the model has a probability path, and the data are points of one or two numbers."""
    return issubclass(model, HasProbabilityPath) and data.meta.shape in {(1,), (2,)}


def best_prediction(model: HasProbabilityPath, exact: ExactFields, x: Tensor, t: Tensor) -> Tensor:
    """E[target | x_t = x], the optimal prediction, (B, d) and (B,)."""
    clean, noise = exact.estimates(x.double(), t.double())
    return model.prediction.target(model.path, clean, noise, t.double())


def excess_loss(model: HasProbabilityPath, exact: ExactFields, x: Tensor, t: Tensor) -> Tensor:
    """|prediction − best|² at points of the path, (B, d) and (B,) -> (B,)."""
    away = model.predict(x, t).double() - best_prediction(model, exact, x, t)
    return away.square().sum(1)


@PROBES.register("path_excess", title="Excess loss over the exact field", order=150)
class PathExcess(Probe):
    """Learned prediction against the exact one: excess loss and held-out loss."""

    views: ClassVar[Mapping[str, View]] = {
        "excess_by_time": View(
            "learning",
            "How far the learned prediction is from the exact one, at each time between noise and "
            "data.",
        ),
    }

    share: ClassVar[float] = 0.004

    def __init__(self, spec: RunSpec, data: Dataset) -> None:
        super().__init__(spec, data)
        kind = path_of(spec)
        self.exact = exact_fields(data, kind.path) if pairs_independently(spec) else None
        self.kind, self.n = kind, min(NUMBERS, len(data.validation))

    @classmethod
    def fits(cls, model: type[GenerativeModel], data: Dataset) -> bool:
        known = all(hasattr(data.density, name) for name in ("means", "covariances"))
        return low_dimensional(model, data) and known

    @functools.cached_property
    def floor(self) -> float:
        """The irreducible loss over the times of the training."""
        assert self.exact is not None
        return self.exact.mean_floor(self.kind.prediction)

    @property
    def series(self) -> tuple[Series, ...]:
        if self.exact is None:
            return ()
        unit = "data units²" if isinstance(self.kind, HasLearnedVelocity) else "squared error"
        return (
            Series(
                "val_path_loss",
                "loss |prediction − target|², held-out",
                "loss",
                unit,
                "Monte Carlo",
                self.n,
                "lower",
                self.floor,
                "irreducible loss, exact",
            ),
            Series(
                "excess_loss",
                "excess loss |prediction − E[target | x]|², held-out",
                "excess",
                unit,
                "Monte Carlo",
                self.n,
                "lower",
                0.0,
                "exact field",
            ),
        )

    def read(self, model: GenerativeModel, step: int) -> Reading:
        if self.exact is None:
            return Reading()
        assert isinstance(model, HasProbabilityPath)
        x1 = model.to_path(held_out(self.data, self.n)[0])
        noise, t = torch.randn_like(x1), model.path.draw_times(len(x1), x1)
        x = model.path.interpolate(x1, noise, t)
        found = model.predict(x, t).double()
        target = model.prediction.target(model.path, x1, noise, t).double()
        best = best_prediction(model, self.exact, x, t)
        away = (found - best).square().sum(1)
        values = {
            "val_path_loss": float((found - target).square().sum(1).mean()),
            "excess_loss": float(away.mean()),
        }
        return Reading(values, {"excess_by_time": self._bars(t, away)})

    def _bars(self, t: Tensor, away: Tensor) -> Picture:
        order = t.argsort()
        parts = list(zip(t[order].chunk(BARS), away[order].chunk(BARS), strict=True))
        payload = {
            "x": [float(f"{float(time.mean()):.3g}") for time, _ in parts],
            "y": [float(f"{float(part.mean()):.4g}") for _, part in parts],
            "x_title": "time t (mean of a tenth of the examples)",
            "y_title": "excess loss",
        }
        note = f"Monte Carlo, n = {self.n:,} held-out, against the exact field"
        return Picture("bars", "Excess loss over time", payload, note)


@PROBES.register("trajectories", title="Particles on their way", order=160)
class Trajectories(Probe):
    """Particles from fixed noise at some times, and the straightness of their paths."""

    views: ClassVar[Mapping[str, View]] = {
        "trajectories": View(
            "quality",
            "Particles on their way from noise to data, at some times. Straight paths need few "
            "steps.",
        ),
    }

    share: ClassVar[float] = 0.006

    def __init__(self, spec: RunSpec, data: Dataset) -> None:
        super().__init__(spec, data)
        self.path = path_of(spec).path

    @classmethod
    def fits(cls, model: type[GenerativeModel], data: Dataset) -> bool:
        return low_dimensional(model, data)

    @property
    def _straight(self) -> bool:
        """Whether the conditional paths are straight, so that straightness is meaningful."""
        half = torch.tensor([0.25, 0.75], dtype=torch.float64)
        slopes = torch.stack([self.path.d_alpha(half), self.path.d_sigma(half)])
        return bool((slopes[:, 0] == slopes[:, 1]).all()) and not self.path.singular_end

    @property
    def series(self) -> tuple[Series, ...]:
        if not self._straight:
            return ()
        return (
            Series(
                "straightness",
                "∫ E|v(X_t) − (X₁ − X₀)|² dt along the flow; 0: straight",
                "straightness",
                "data units²",
                "Monte Carlo",
                FOLLOWED,
                "lower",
                0.0,
                "straight lines",
            ),
        )

    def read(self, model: GenerativeModel, step: int) -> Reading:
        assert isinstance(model, HasProbabilityPath)
        z = torch.randn(FOLLOWED, *self.data.meta.shape)
        states: list[tuple[float, Tensor]] = []
        x0 = z * model.path.start_scale
        SAMPLERS["heun"].run(model, x0, 16, each=lambda t, x: states.append((t, x)))
        values = {"straightness": straightness(model, states)} if self._straight else {}
        pictures = {"trajectories": self._cloud(states)} if self.data.meta.dim == 2 else {}
        return Reading(values, pictures)

    def _cloud(self, states: list[tuple[float, Tensor]]) -> Picture:
        size = len(states) - 1
        picked = [states[round(i * size / (TIMES - 1))] for i in range(TIMES)]
        # No point is moved into the box; the noise of a wide path lies outside.
        xy = torch.cat([x[:PARTICLES] for _, x in picked])
        label = [i for i in range(TIMES) for _ in range(PARTICLES)]
        names = [f"t = {t:.3g}" for t, _ in picked]
        meta = self.data.meta
        payload = points(meta.original(xy), label, names, [meta.axis(0), meta.axis(1)], None)
        note = f"{PARTICLES} particles from the same noise at every step, Heun, {size} steps"
        return Picture("points", "Particles on their way", payload, note)


def straightness(model: HasProbabilityPath, states: list[tuple[float, Tensor]]) -> float:
    """∫ E|v(X_t)|² dt − E|X₁ − X₀|², from points along the flow.

    It equals ∫ E|v(X_t) − (X₁ − X₀)|² dt, since X₁ − X₀ is the integral of v along the path.

    Args:
        model: the model with the velocity v.
        kept: (t, X_t) in order of time, t from 0 to 1.
    """
    speeds = [float(model.velocity(x, one_time(t, x)).square().sum(1).mean()) for t, x in states]
    times = torch.tensor([t for t, _ in states], dtype=torch.float64)
    whole = float(torch.trapezoid(torch.tensor(speeds, dtype=torch.float64), times))
    moved = states[-1][1] - states[0][1]
    return max(0.0, whole - float(moved.square().sum(1).mean()))


@PROBES.register("sampler_error", title="Samplers at equal cost", order=170)
class SamplerError(Probe):
    """Each deterministic sampler's error against its evaluations of the net, from fixed noise."""

    views: ClassVar[Mapping[str, View]] = {
        "sampler_error": View(
            "quality",
            "The error of each sampler against its number of evaluations of the net. Points "
            "further left and lower are better.",
        ),
    }

    share: ClassVar[float] = 0.004

    @classmethod
    def fits(cls, model: type[GenerativeModel], data: Dataset) -> bool:
        return low_dimensional(model, data)

    @property
    def series(self) -> tuple[Series, ...]:
        o: Any = self.spec.model_options
        name = o.sampler if SAMPLERS[o.sampler].deterministic else "ddim"
        return (
            Series(
                "sampler_error",
                f"error of {SAMPLERS.row(name).title}, {o.sampling_steps} steps, mean |x − x_ref|",
                "sampler",
                "data units",
                "Monte Carlo",
                COMPARED,
                "lower",
                0.0,
                f"Runge–Kutta 4 with {REFERENCE_STEPS} steps",
            ),
        )

    def read(self, model: GenerativeModel, step: int) -> Reading:
        assert isinstance(model, HasProbabilityPath)
        o: Any = self.spec.model_options
        x0 = torch.randn(COMPARED, *self.data.meta.shape) * model.path.start_scale
        best = SAMPLERS["rk4"].run(model, x0, REFERENCE_STEPS)
        own = SAMPLERS[o.sampler] if SAMPLERS[o.sampler].deterministic else SAMPLERS["ddim"]
        error = float((own.run(model, x0, o.sampling_steps) - best).norm(dim=1).mean())
        rows: list[list[float]] = []
        label: list[int] = []
        names: list[str] = []
        for name in SAMPLERS.names():
            sampler = SAMPLERS[name]
            if not sampler.deterministic:
                continue
            for cost in EVALUATIONS:
                x = sampler.run(model, x0, max(1, cost // sampler.stages))
                away = float((x - best).norm(dim=1).mean())
                rows.append([math.log2(cost), math.log10(max(away, 1e-9))])
                label.append(len(names))
            names.append(SAMPLERS.row(name).title)
        payload = points(
            torch.tensor(rows),
            label,
            names,
            ["log₂ evaluations of the net", "log₁₀ error (data units)"],
        )
        note = (
            f"mean |x − x_ref| over {COMPARED} fixed codes; x_ref by Runge–Kutta 4 with "
            f"{REFERENCE_STEPS} steps of the same net"
        )
        picture = Picture("points", "Error against evaluations", payload, note)
        return Reading({"sampler_error": error}, {"sampler_error": picture})
