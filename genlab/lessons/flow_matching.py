"""Flow matching: conditional paths, the marginal field, a loss with a floor, and samplers."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from genlab.core.options import Options, option
from genlab.core.random import generator
from genlab.lessons.base import LESSONS, Check, Equation, Lesson, Quantity, signed, tex
from genlab.lessons.panels import Curve, Curves, Panel, Plane, array
from genlab.lessons.teaching import flow_matching
from genlab.paths import PATHS, SAMPLERS, ExactFields, log_prob_ode

#: Numbers of draws in the check, particles in the picture, and starts for the samplers' error.
DRAWS, PARTICLES, STARTS = 40_000, 25, 256
#: Steps of the reference, and numbers of evaluations at which samplers are compared.
REFERENCE, COSTS = 256, (4, 8, 16, 32, 64, 128)
#: Compared samplers: each is deterministic and works for any path.
COMPARED = ("euler", "heun", "rk4")


@dataclass(frozen=True)
class FlowMatchingLessonOptions(Options):
    """Options of the lesson."""

    gap: float = option(
        3.0, "distance between the two bumps of the data", low=0.0, high=6.0,
        label="Distance between bumps",
    )  # fmt: skip
    sd: float = option(
        0.3, "standard deviation of a bump", low=0.05, high=2.0, label="Standard deviation"
    )
    curve: str = option(
        "linear", "path from noise to data", choices=("linear", "vp_cosine"), label="Path"
    )
    t: float = option(0.5, "the time t of the numbers", low=0.0, high=1.0, label="Time t")
    x: float = option(0.4, "the point x of the numbers", low=-4.0, high=4.0, label="Point x")
    sampler: str = option("euler", "method that solves the ODE", choices=COMPARED, label="Sampler")
    n_steps: int = option(4, "steps of the sampler", low=1, high=128, label="Sampler steps")
    seed: int = option(0, "seed of the draws", low=0, high=2**31 - 1, label="Seed")


@LESSONS.register(
    "flow_matching",
    title="Flow matching",
    summary="A velocity learned by regression, a loss that cannot reach 0, and straight paths.",
)
class FlowMatchingLesson(Lesson):
    """The exact velocity between noise and two bumps on the line, and the error of samplers."""

    chapter = 17
    idea = (
        "Join a noise sample and a data point by a line, and train a net to predict the "
        "velocity along it. Many lines cross at one point, so the net can only learn their "
        "**mean** velocity, and some loss remains that no net can remove. The flow of exactly "
        "this mean field turns noise into data."
    )
    needs = ("flows", "diffusion")
    goals = (
        "say what the net learns and why its loss does not reach 0",
        "say why straight paths need few steps",
    )
    notes = (
        "The velocity, the denoiser and the score determine each other: on the straight path u = "
        "x/t + ((1 − t)/t) ∇log p_t. So flow matching and diffusion differ only in their path, "
        "their weights over time and their samplers.",
        "A flow has an inverse, so it has an encoder and, by the change of variables along the "
        "way, a log p(x): log p₁(x) = log N(x₀) − ∫ div u dt.",
    )
    questions, exercises = flow_matching.QUESTIONS, flow_matching.EXERCISES
    run: ClassVar[Mapping[str, str]] = {"data": "ring", "model": "flow_matching"}
    source = (
        "Lipman et al. 2023, Flow matching for generative modeling; Liu, Gong and Liu 2023, Flow "
        "straight and fast; Albergo and Vanden-Eijnden 2023."
    )
    Options = FlowMatchingLessonOptions
    options: FlowMatchingLessonOptions

    @functools.cached_property
    def exact(self) -> ExactFields:
        """The exact fields of two bumps on the path."""
        path = PATHS[self.options.curve]
        return ExactFields.of_two_bumps(self.options.gap, self.options.sd, path)

    def velocity(self, x: Tensor, t: float) -> Tensor:
        """u_t(x), (n, 1) -> (n, 1)."""
        return self.exact.velocity(x, torch.full((len(x),), t, dtype=torch.float64))

    @functools.cached_property
    def floor(self) -> float:
        """The smallest possible loss over all times, by quadrature."""
        return self.exact.mean_floor(spacing=0.05, nodes=64)

    def end(self, z: float) -> float:
        """The end point of the chosen sampler from the start z."""
        return float(self.run_sampler(self.options.sampler, self.options.n_steps, [z])[0])

    def run_sampler(self, name: str, steps: int, starts: list[float]) -> Tensor:
        """The end points of a sampler, (n,)."""
        x = torch.tensor(starts, dtype=torch.float64)[:, None]
        return SAMPLERS[name].run(self.exact, x, steps)[:, 0]

    @functools.cached_property
    def starts(self) -> list[float]:
        """Quantiles of the noise."""
        u = (torch.arange(STARTS, dtype=torch.float64) + 0.5) / STARTS
        return list(map(float, torch.special.ndtri(u)))

    @functools.cached_property
    def reference(self) -> Tensor:
        """The true end points of the starts, by many small steps, (n,)."""
        return self.reference_states[-1][1][:, 0]

    @functools.cached_property
    def reference_states(self) -> list[tuple[float, Tensor]]:
        """The paths of the starts over many small steps."""
        states: list[tuple[float, Tensor]] = []
        x = torch.tensor(self.starts, dtype=torch.float64)[:, None]
        SAMPLERS["rk4"].run(self.exact, x, REFERENCE, each=lambda t, v: states.append((t, v)))
        return states

    def error(self, name: str, steps: int) -> float:
        """The mean distance between a sampler's end points and the true ones."""
        found = self.run_sampler(name, steps, self.starts)
        return float((found - self.reference).abs().mean())

    @property
    def own_error(self) -> float:
        """The error of the chosen sampler."""
        return self.error(self.options.sampler, self.options.n_steps)

    @property
    def own_cost(self) -> int:
        """Evaluations of the net for one sample."""
        return SAMPLERS[self.options.sampler].evaluations(self.options.n_steps, self.exact.path)

    @functools.cached_property
    def straightness(self) -> float:
        """∫ E|u|² dt − E|X₁ − X₀|² along the flow; 0 if every particle moves straight."""
        states = self.reference_states
        speed = torch.stack([self.velocity(v, t).square().mean() for t, v in states])
        times = torch.tensor([t for t, _ in states], dtype=torch.float64)
        moved = (states[-1][1] - states[0][1]).square().mean()
        return max(0.0, float(torch.trapezoid(speed, times) - moved))

    def equations(self) -> tuple[Equation, ...]:
        o = self.options
        here = torch.tensor([[o.x]], dtype=torch.float64)
        time = torch.tensor([o.t], dtype=torch.float64)
        u = float(self.velocity(here, o.t))
        clean, noise = (float(v) for v in self.exact.estimates(here, time))
        a, s = (float(v) for v in (self.exact.path.d_alpha(time), self.exact.path.d_sigma(time)))
        floor_t = self.exact.floor(o.t, spacing=0.05)
        return (
            Equation(
                "A path joins noise and data. Its velocity is known for each pair.",
                r"x_t = \alpha_t x_1 + \sigma_t x_0,\quad \dot x_t = \dot\alpha_t x_1 + "
                r"\dot\sigma_t x_0",
                rf"\dot x_{{{tex(o.t, 2)}}} = {tex(a)}\,x_1 + {signed(s)}\,x_0",
            ),
            Equation(
                "The net sees only x and t. Its best output is the mean velocity of all pairs "
                "that pass through x at time t.",
                r"u_t(x) = \dot\alpha_t\,E[x_1 \mid x_t = x] + \dot\sigma_t\,E[x_0 \mid x_t = x]",
                rf"{tex(a)} \cdot {signed(clean)} + {signed(s)} \cdot {signed(noise)} = {tex(u)}",
                (Quantity("u_t(x)", u, "exact", "data units per unit of time"),),
            ),
            Equation(
                "The loss is the squared distance from that mean plus the variance of the "
                "velocities about it. No net can reduce the second part.",
                r"E|v - \dot x_t|^2 = E|v - u_t|^2 + \underbrace{E\,\mathrm{Var}(\dot x_t \mid "
                r"x_t)}_{\text{floor}}",
                rf"\text{{floor at }} t = {tex(o.t, 2)}:\ {tex(floor_t)},\quad "
                rf"\text{{over all }} t:\ {tex(self.floor)}",
                (
                    Quantity("floor at t", floor_t, "grid", "data units²"),
                    Quantity("floor over all t", self.floor, "grid", "data units²"),
                ),
            ),
            Equation(
                "A sample follows the field from noise to data. A sampler with N steps moves "
                "along N straight pieces, so it makes an error where the path bends.",
                r"x_{k+1} = x_k + h\,u_{t_k}(x_k)",
                rf"\text{{{o.sampler}, }} {self.own_cost} \text{{ evaluations: error }} "
                rf"{tex(self.own_error)}",
                (
                    Quantity("mean |x_N − x_ref|", self.own_error, "grid", "data units", STARTS),
                    Quantity("straightness", self.straightness, "grid", "data units²", STARTS),
                ),
            ),
        )

    def check(self) -> tuple[Check, ...]:
        o = self.options
        source = generator(o.seed, "pairs of the lesson")
        x1 = self.exact.sample(DRAWS, source)
        noise = torch.randn(DRAWS, 1, generator=source, dtype=torch.float64)
        t = torch.rand(DRAWS, generator=source, dtype=torch.float64)
        path = self.exact.path
        x = path.interpolate(x1, noise, t)
        target = path.conditional_velocity(x1, noise, t)
        loss = (self.exact.velocity(x, t) - target).square().sum(1)
        time = min(max(o.t, 0.05), 0.95)
        here, h = torch.tensor([[o.x]], dtype=torch.float64), 1e-5
        at = torch.tensor([time], dtype=torch.float64)
        score = float(
            (self.exact.log_prob(here + h, at) - self.exact.log_prob(here - h, at)) / (2 * h)
        )
        alpha, sigma = float(path.alpha(at)), float(path.sigma(at))
        rate = float(path.d_alpha(at)) / alpha
        by_score = rate * o.x + (rate * sigma - float(path.d_sigma(at))) * sigma * score
        point = torch.tensor([[o.gap / 2 + 0.5 * o.sd]], dtype=torch.float64)
        along = log_prob_ode(self.exact.velocity, path, point, 256)
        truth = float(self.exact.log_prob(point, torch.ones(1, dtype=torch.float64)))
        found = [
            Check(
                "The exact field's own loss is the floor.",
                float(loss.mean()),
                self.floor,
                f"mean over {DRAWS:,} pairs of noise and data",
                "quadrature over x and t",
                "Monte Carlo",
                "data units²",
                4 * float(loss.std()) / math.sqrt(DRAWS),
                DRAWS,
            ),
            Check(
                "The velocity and the score determine each other.",
                float(self.velocity(here, time)),
                by_score,
                "means of clean point and noise",
                "(α'/α) x + (α'σ/α − σ') σ ∇log p_t, by differences of log p_t",
                "exact",
                "data units per unit of time",
                1e-5 * max(1.0, abs(by_score)),
            ),
            Check(
                "The change of variables along the flow gives log p(x).",
                float(along.log_prob),
                truth,
                "Runge–Kutta 4, 256 steps, at a point near a bump",
                "log-density of the data",
                "grid",
                "nats",
                2e-3,
            ),
        ]
        if o.gap == 0.0 and o.curve == "linear":
            found.append(
                Check(
                    "For one Gaussian the floor is π s/2.",
                    self.floor,
                    math.pi * o.sd / 2,
                    "quadrature",
                    "π s/2",
                    "grid",
                    "data units²",
                    1e-3 * o.sd,
                )
            )
        return tuple(found)

    def panels(self) -> tuple[Panel, ...]:
        o = self.options
        return (self._ways(), self._field(), self._floors(o.t), self._errors())

    def _ways(self) -> Plane:
        o = self.options
        reach = max(3.0, o.gap / 2 + 3.5 * o.sd)
        times, up = np.linspace(0.0, 1.0, 61), np.linspace(-reach, reach, 121)
        x = torch.from_numpy(up)[:, None]
        columns = [
            self.exact.log_prob(x, torch.full((len(x),), float(t), dtype=torch.float64)).exp()
            for t in times
        ]
        density = array(torch.stack(columns, 1))
        picked = self.starts[:: STARTS // PARTICLES]
        lines = []
        for steps, style, name in ((128, "faint", ""), (o.n_steps, "line", o.sampler)):
            states: list[tuple[float, Tensor]] = []
            begin = torch.tensor(picked, dtype=torch.float64)[:, None]
            sampler = SAMPLERS["rk4" if name == "" else o.sampler]
            sampler.run(self.exact, begin, steps, each=lambda t, v: states.append((t, v)))  # noqa: B023
            shown = range(len(picked)) if name == "" else range(2, len(picked), 6)
            for k, i in enumerate(shown):
                title = f"{o.sampler}, {o.n_steps} steps" if name and k == 0 else ""
                lines.append(
                    Curve(
                        title,
                        np.array([t for t, _ in states]),
                        np.array([float(v[i]) for _, v in states]),
                        style,  # type: ignore[arg-type]
                        1 if name else -1,
                    )
                )
        return Plane(
            "Particles on their paths from noise to data",
            "density of x_t exact; faint: exact paths; coloured: the sampler's paths",
            (times, up, density),
            tuple(lines),
            spots=(("(t, x)", o.t, o.x),),
            x_title="time t (0: noise, 1: data)",
            y_title="x",
            equal=False,
            span=(0.0, float(np.quantile(density, 0.99))),
        )

    def _field(self) -> Curves:
        o = self.options
        source = generator(o.seed, "pairs of the picture")
        x1 = self.exact.sample(300, source)
        noise = torch.randn(300, 1, generator=source, dtype=torch.float64)
        t = torch.full((300,), o.t, dtype=torch.float64)
        at = self.exact.path.interpolate(x1, noise, t)
        pair = self.exact.path.conditional_velocity(x1, noise, t)
        x = torch.linspace(float(at.min()), float(at.max()), 161, dtype=torch.float64)
        return Curves(
            f"The regression targets at t = {o.t:g}, and the best prediction",
            "points: velocities of 300 pairs; line: their mean at each x, exact",
            (
                Curve("velocity of a pair", array(at[:, 0]), array(pair[:, 0]), "points", 0),
                Curve("u_t(x)", array(x), array(self.velocity(x[:, None], o.t)[:, 0]), "line", 1),
            ),
            "x",
            "velocity (data units per unit of time)",
            marks=(("x", o.x),),
        )

    def _floors(self, now: float) -> Curves:
        times = np.linspace(0.0, 1.0, 41)
        floor = np.array([self.exact.floor(float(t), spacing=0.1) for t in times])
        return Curves(
            "The loss that no net can remove, at each time",
            f"quadrature · over all times {self.floor:.4g}",
            (Curve("floor(t)", times, floor, "area", 0),),
            "time t",
            "data units²",
            marks=(("t", now),),
        )

    def _errors(self) -> Curves:
        curves = []
        for k, name in enumerate(COMPARED):
            costs = [c for c in COSTS if c % SAMPLERS[name].stages == 0]
            errors = [self.error(name, c // SAMPLERS[name].stages) for c in costs]
            title = SAMPLERS.row(name).title
            curves.append(
                Curve(title, np.array(costs, float), np.array(errors).clip(1e-9), "line", k)
            )
        here = Curve(
            "yours", np.array([float(self.own_cost)]), np.array([max(self.own_error, 1e-9)]),
            "points", 3,
        )  # fmt: skip
        return Curves(
            "Error of each sampler at equal cost",
            f"mean over {STARTS} starts; reference: Runge–Kutta 4, {REFERENCE} steps",
            (*curves, here),
            "evaluations of the field",
            "error (data units)",
            x_log=True,
            y_log=True,
        )
