"""Gaussian probability paths x_t = α(t) x₁ + σ(t) ε from noise (t = 0) to data (t = 1)."""

from __future__ import annotations

import abc

import numpy as np
import torch
from torch import Tensor

from genlab.core.registry import Registry

PATHS: Registry[ProbabilityPath] = Registry("probability path", "genlab.paths")


class ProbabilityPath(abc.ABC):
    """x_t = α(t) x₁ + σ(t) ε with ε ~ N(0, I) and x₁ a data point; **t = 1 is data**.

    The conditional velocity is dx_t/dt = α'(t) x₁ + σ'(t) ε. Its mean given x_t is the marginal
    velocity u_t, whose flow carries the distribution of x₀ to the distribution of the data.

    Sources: Lipman et al. 2023, "Flow matching for generative modeling"; Albergo and
    Vanden-Eijnden 2023, "Building normalizing flows with stochastic interpolants".
    """

    #: Whether α² + σ² = 1 at every time.
    variance_preserving: bool = False
    #: Whether σ' or the noise estimate is singular at t = 1, so that the last step must not
    #: evaluate the field there.
    singular_end: bool = False

    @abc.abstractmethod
    def alpha(self, t: Tensor) -> Tensor:
        """α(t), the share of the data point, of the shape of t."""

    @abc.abstractmethod
    def sigma(self, t: Tensor) -> Tensor:
        """σ(t), the standard deviation of the noise, of the shape of t."""

    @abc.abstractmethod
    def d_alpha(self, t: Tensor) -> Tensor:
        """dα/dt, of the shape of t."""

    @abc.abstractmethod
    def d_sigma(self, t: Tensor) -> Tensor:
        """dσ/dt, of the shape of t."""

    def sigma_d_sigma(self, t: Tensor) -> Tensor:
        """σ(t) σ'(t), which stays finite where σ' alone does not."""
        return self.sigma(t) * self.d_sigma(t)

    @property
    def start_scale(self) -> float:
        """The standard deviation σ(0) of the noise from which a sampler starts."""
        return float(self.sigma(torch.zeros((), dtype=torch.float64)))

    def times(self, steps: int) -> list[float]:
        """The steps + 1 times of a sampler, from 0 to 1; uniform unless a path says otherwise.

        Raises:
            ValueError: for fewer than one step.
        """
        if steps < 1:
            raise ValueError(f"a sampler takes at least one step, not {steps}")
        return [i / steps for i in range(steps + 1)]

    def draw_times(self, n: int, like: Tensor) -> Tensor:
        """Times at which a model is trained, from the global stream, (n,); uniform on [0, 1)."""
        return torch.rand(n, dtype=like.dtype, device=like.device)

    def training_times(self, nodes: int = 32) -> list[tuple[float, float]]:
        """Nodes and weights of the quadrature of an expectation over :meth:`draw_times`.

        Gauss–Legendre on eight panels that narrow towards the data, where losses vary fastest.
        """
        node, weight = np.polynomial.legendre.leggauss(max(2, nodes // 8))
        found = []
        for panel in range(8):
            low, high = (1.0 - (1.0 - (panel + i) / 8) ** 2 for i in (0, 1))
            half = 0.5 * (high - low)
            found += [
                (low + half * (z + 1.0), half * w)
                for z, w in zip(node.tolist(), weight.tolist(), strict=True)
            ]
        return found

    def ode_times(self, steps: int) -> list[float]:
        """Times for an integration that evaluates the field at both ends; the last is 1 or,
        where the field is singular there, a little before."""
        times = self.times(steps + 1 if self.singular_end else steps)
        return times[:-1] if self.singular_end else times

    def time_at(self, level: float) -> float:
        """The time at which σ/α has this value, by bisection.

        Example:
            >>> from genlab.paths import PATHS
            >>> round(PATHS["linear"].time_at(1.0), 6), round(PATHS["edm"].time_at(8.0), 6)
            (0.5, 0.9)
        """
        low, high = 0.0, 1.0
        for _ in range(60):
            middle = 0.5 * (low + high)
            t = torch.tensor(middle, dtype=torch.float64)
            if float(self.sigma(t)) > level * float(self.alpha(t)):
                low = middle
            else:
                high = middle
        return 0.5 * (low + high)

    def interpolate(self, x1: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        """x_t = α x₁ + σ ε, (B, ...) each and t (B,)."""
        return over(self.alpha(t), x1) * x1 + over(self.sigma(t), x1) * noise

    def conditional_velocity(self, x1: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        """α' x₁ + σ' ε, (B, ...) each and t (B,)."""
        return over(self.d_alpha(t), x1) * x1 + over(self.d_sigma(t), x1) * noise

    def noise_level(self, t: Tensor) -> Tensor:
        """σ(t)/α(t), the noise in units of the data; infinite where α is 0."""
        return self.sigma(t) / self.alpha(t)


def one_time(t: float, x: Tensor) -> Tensor:
    """The time t for every example, (B,), in double precision and stored once.

    Example:
        >>> one_time(0.5, torch.zeros(3, 2))
        tensor([0.5000, 0.5000, 0.5000], dtype=torch.float64)
    """
    return torch.full((1,), t, dtype=torch.float64, device=x.device).expand(len(x))


def stored_once(t: Tensor) -> Tensor:
    """The time of all examples as (1,) where it is stored once, else t itself, (B,).

    What a net makes of the time is then computed once and not once an example.

    Example:
        >>> stored_once(one_time(0.5, torch.zeros(3, 2))).shape, stored_once(torch.rand(3)).shape
        (torch.Size([1]), torch.Size([3]))
    """
    return t[:1] if len(t) > 1 and t.stride(0) == 0 else t


def over(value: Tensor, x: Tensor) -> Tensor:
    """One number an example, (B,) or (), shaped so that it multiplies (B, ...).

    Example:
        >>> over(torch.ones(2), torch.zeros(2, 3, 4)).shape
        torch.Size([2, 1, 1])
    """
    if value.dim() == 0:
        return value.to(x.dtype)
    return value.to(x.dtype).view(-1, *[1] * (x.dim() - 1))
