"""Samplers: from noise at t = 0 to data at t = 1 in N steps, with their cost in evaluations."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from genlab.core.registry import Registry
from genlab.paths.base import ProbabilityPath, one_time

#: Iterations by which the last step of a singular path is undone.
FIXED_POINT = 3
SAMPLERS: Registry[Sampler] = Registry("sampler", "genlab.paths")


class VectorField(Protocol):
    """A velocity on a path, learned or exact."""

    @property
    def path(self) -> ProbabilityPath:
        """The probability path that the field follows."""
        ...

    def velocity(self, x: Tensor, t: Tensor) -> Tensor:
        """u(x, t), (B, ...) and (B,) -> (B, ...)."""

    def estimates(self, x: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """The clean point E[x₁ | x_t] and the noise E[ε | x_t], (B, ...) each."""


#: One step: ``(field, x, t, s) -> x`` from time t to time s.
Step = Callable[[VectorField, Tensor, float, float], Tensor]


@dataclass(frozen=True)
class Sampler:
    """A sampler: one step along a path.

    Args:
        step: one step from time t to time s. The last step to a time at which the field is
            singular is DDIM's for every deterministic sampler: it evaluates the field at its
            start alone.
        stages: evaluations of the field a step.
        order: of the global error in the step size; None for a stochastic sampler.
        variance_preserving: whether it is defined on paths with α² + σ² = 1 alone.
    """

    step: Step
    stages: int
    order: int | None
    variance_preserving: bool = False

    @property
    def deterministic(self) -> bool:
        """Whether the sampler is deterministic given the noise, and therefore invertible."""
        return self.order is not None

    def evaluations(self, steps: int, path: ProbabilityPath) -> int:
        """Evaluations of the net for one sample.

        Example:
            >>> from genlab.paths import PATHS
            >>> SAMPLERS["heun"].evaluations(8, PATHS["linear"])
            16
            >>> SAMPLERS["heun"].evaluations(8, PATHS["edm"])  # the last step is Euler's
            15
        """
        steps = len(path.times(steps)) - 1
        single = 1 if path.singular_end else 0
        return self.stages * (steps - single) + single

    def run(
        self,
        field: VectorField,
        x: Tensor,
        steps: int,
        *,
        backward: bool = False,
        each: Callable[[float, Tensor], None] | None = None,
    ) -> Tensor:
        """Integrate points along the path, (B, ...) -> (B, ...).

        Args:
            field: the velocity.
            x: points of the distribution at t = 0 (noise times σ(0)), or data points for the way
                back.
            steps: N.
            backward: from data to noise; for a deterministic sampler.
            each: called with the time and the points, at the start and after every step.

        Raises:
            ValueError: for the way back of a stochastic sampler, or a path it is not made for.
        """
        path = field.path
        if backward and not self.deterministic:
            raise ValueError("a stochastic sampler has no inverse; take a deterministic one")
        if self.variance_preserving and not path.variance_preserving:
            raise ValueError("this sampler is defined on variance-preserving paths alone")
        times = path.times(steps)
        if backward:
            times = times[::-1]
        if each is not None:
            each(times[0], x)
        for t, s in itertools.pairwise(times):
            if path.singular_end and t == 1.0:
                x = _undone(field, x, s)
            elif path.singular_end and s == 1.0 and self.deterministic:
                x = _ddim(field, x, t, s)
            else:
                x = self.step(field, x, t, s)
            if each is not None:
                each(s, x)
        return x


def _euler(field: VectorField, x: Tensor, t: float, s: float) -> Tensor:
    return x + (s - t) * field.velocity(x, one_time(t, x))


def _heun(field: VectorField, x: Tensor, t: float, s: float) -> Tensor:
    first = field.velocity(x, one_time(t, x))
    second = field.velocity(x + (s - t) * first, one_time(s, x))
    return x + 0.5 * (s - t) * (first + second)


def _rk4(field: VectorField, x: Tensor, t: float, s: float) -> Tensor:
    h, middle = s - t, 0.5 * (s + t)
    k1 = field.velocity(x, one_time(t, x))
    k2 = field.velocity(x + 0.5 * h * k1, one_time(middle, x))
    k3 = field.velocity(x + 0.5 * h * k2, one_time(middle, x))
    k4 = field.velocity(x + h * k3, one_time(s, x))
    return x + h / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4)


def _scales(path: ProbabilityPath, t: float) -> tuple[float, float]:
    time = torch.tensor(t, dtype=torch.float64)
    return float(path.alpha(time)), float(path.sigma(time))


def _ddim(field: VectorField, x: Tensor, t: float, s: float) -> Tensor:
    alpha, sigma = _scales(field.path, s)
    clean, noise = field.estimates(x, one_time(t, x))
    return alpha * clean + sigma * noise


def _undone(field: VectorField, x: Tensor, s: float) -> Tensor:
    """The x_s whose last step, to the clean point D(x_s), leads to x: x_s = α_s x + σ_s ε̂(x_s)."""
    alpha, sigma = _scales(field.path, s)
    found = alpha * x
    for _ in range(FIXED_POINT):
        found = alpha * x + sigma * field.estimates(found, one_time(s, x))[1]
    return found


def _ancestral(posterior: bool) -> Step:
    def step(field: VectorField, x: Tensor, t: float, s: float) -> Tensor:
        (alpha_t, sigma_t), (alpha_s, sigma_s) = _scales(field.path, t), _scales(field.path, s)
        clean, _ = field.estimates(x, one_time(t, x))
        alpha_ratio = alpha_t / alpha_s
        added = sigma_t**2 - alpha_ratio**2 * sigma_s**2
        mean = alpha_ratio * sigma_s**2 / sigma_t**2 * x + alpha_s * added / sigma_t**2 * clean
        if sigma_s == 0.0:
            return mean
        variance = added * sigma_s**2 / sigma_t**2 if posterior else added
        return mean + variance**0.5 * torch.randn_like(x)

    return step


SAMPLERS.register("heun", title="Heun", summary="The trapezoidal rule, order 2.", order=10)(
    Sampler(_heun, 2, 2)
)
SAMPLERS.register(
    "euler", title="Euler", summary="A straight step along the velocity, order 1.", order=20
)(Sampler(_euler, 1, 1))
SAMPLERS.register(
    "rk4", title="Runge–Kutta 4", summary="The classical method, order 4.", order=30
)(Sampler(_rk4, 4, 4))
SAMPLERS.register(
    "ddim",
    title="DDIM",
    summary="x_s = α_s D + σ_s ε̂ with D and ε̂ of the step's start: Euler's rule in σ/α, order 1.",
    order=40,
)(Sampler(_ddim, 1, 1))
SAMPLERS.register(
    "ancestral",
    title="Ancestral (DDPM)",
    summary="Draws x_s from a Gaussian with the posterior mean and the variance β.",
    order=50,
)(Sampler(_ancestral(False), 1, None, variance_preserving=True))
SAMPLERS.register(
    "ancestral_posterior",
    title="Ancestral (DDPM), posterior variance",
    summary="As ancestral, with the variance of q(x_s | x_t, x₁), which is smaller.",
    order=60,
)(Sampler(_ancestral(True), 1, None))
