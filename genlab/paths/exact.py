"""The exact fields of a probability path whose data are a mixture of Gaussians, in float64.

With weights w_k, means μ_k, covariances Σ_k and x = α x₁ + σ ε, a component of x_t is
N(α μ_k, V_k) with V_k = α² Σ_k + σ² I, and γ_k ∝ w_k N(x; α μ_k, V_k). Then

    log p_t = log Σ_k w_k N(x; α μ_k, V_k),          score = −Σ_k γ_k V_k⁻¹ (x − α μ_k),
    D = E[x₁ | x] = Σ_k γ_k [μ_k + α Σ_k V_k⁻¹ (x − α μ_k)],
    ε* = E[ε | x] = −σ · score,
    u = α' D + σ' ε* = Σ_k γ_k [α' μ_k + (α α' Σ_k + σσ' I) V_k⁻¹ (x − α μ_k)].

Sources: Lipman et al. 2023, "Flow matching for generative modeling"; Karras et al. 2022,
"Elucidating the design space of diffusion-based generative models", appendix B.3.
"""

from __future__ import annotations

import functools
import math
from typing import NamedTuple

import torch
from torch import Tensor

from genlab.paths.base import ProbabilityPath
from genlab.paths.predictions import Prediction

LOG_2PI = math.log(2 * math.pi)
#: How many standard deviations the quadrature reaches; 6e-13 of the mass lies beyond in the plane.
REACH = 7.5
#: Points at which :meth:`ExactFields.mean_floor` looks at one time.
BUDGET = 30_000
#: Points that are handled at once.
CHUNK = 20_000


class _Parts(NamedTuple):
    """The posterior components at (x, t): K components, B points, d dimensions.

    Args:
        gamma: responsibilities, (B, K).
        log_p: log p_t, (B,).
        along: Uᵀ(x − α μ), (B, K, d), in the axes of each component.
        variance: eigenvalues of V, (B, K, d).
    """

    gamma: Tensor
    log_p: Tensor
    along: Tensor
    variance: Tensor


class ExactFields:
    """Velocity, score, denoiser, log-density and irreducible losses on a path.

    Args:
        weights: (K,), positive; rescaled to sum to one.
        means: (K, d).
        covariances: (K, d, d), positive definite.
        path: the probability path.

    Raises:
        ValueError: if the shapes do not agree.

    Example:
        >>> from genlab.paths import PATHS
        >>> distribution = torch.ones(1), torch.ones(1, 1), 0.25 * torch.eye(1)[None]
        >>> exact = ExactFields(*distribution, PATHS["linear"])
        >>> exact.velocity(torch.zeros(1, 1), torch.zeros(1)).item()  # E x₁ − x
        1.0
        >>> abs(exact.mean_floor() - 0.5 * torch.pi / 2) < 1e-6  # ∫floor dt = d s π/2
        True
    """

    def __init__(
        self, weights: Tensor, means: Tensor, covariances: Tensor, path: ProbabilityPath
    ) -> None:
        weights, means, covariances = weights.double(), means.double(), covariances.double()
        k, d = means.shape
        if weights.shape != (k,) or covariances.shape != (k, d, d):
            raise ValueError("weights (k,), means (k, d) and covariances (k, d, d) do not agree")
        self.path = path
        self.weights, self.means = weights / weights.sum(), means
        self.spread, self.axes = torch.linalg.eigh(covariances)
        self.dim = d

    @classmethod
    def of(cls, density: object, path: ProbabilityPath) -> ExactFields | None:
        """The fields of a known density; None where it is no mixture of Gaussians."""
        names = ("weights", "means", "covariances")
        weights, means, covariances = (getattr(density, name, None) for name in names)
        if weights is None or means is None or covariances is None:
            return None
        return cls(weights, means, covariances, path)

    @classmethod
    def of_two_bumps(cls, gap: float, sd: float, path: ProbabilityPath) -> ExactFields:
        """The fields of two equal normal densities on the line.

        Args:
            gap: between their means, which lie at ±gap/2.
            sd: the standard deviation of each.
            path: from noise to them.
        """
        means = torch.tensor([[-gap / 2], [gap / 2]], dtype=torch.float64)
        covariances = torch.full((2, 1, 1), sd**2, dtype=torch.float64)
        return cls(torch.ones(2), means, covariances, path)

    def _parts(self, x: Tensor, t: Tensor) -> _Parts:
        alpha, sigma = self._scales(t)
        variance = alpha.square() * self.spread + sigma.square()
        offset = x.double()[:, None] - alpha * self.means
        along = torch.einsum("kij,bki->bkj", self.axes, offset)
        fit = -0.5 * (along.square() / variance + variance.log() + LOG_2PI).sum(-1)
        joint = self.weights.log() + fit
        return _Parts(joint.softmax(-1), joint.logsumexp(-1), along, variance)

    def _scales(self, t: Tensor) -> tuple[Tensor, Tensor]:
        t = t.double()
        return self.path.alpha(t)[:, None, None], self.path.sigma(t)[:, None, None]

    def _turned(self, along: Tensor) -> Tensor:
        """From the axes of each component back, (B, K, d) -> (B, K, d)."""
        return torch.einsum("kij,bkj->bki", self.axes, along)

    def log_prob(self, x: Tensor, t: Tensor) -> Tensor:
        """log p_t(x) in nats, (B, d) and (B,) -> (B,)."""
        return self._parts(x, t).log_p

    def score(self, x: Tensor, t: Tensor) -> Tensor:
        """∇ log p_t(x), (B, d) and (B,) -> (B, d)."""
        parts = self._parts(x, t)
        pull = self._turned(parts.along / parts.variance)
        return -(parts.gamma[..., None] * pull).sum(1)

    def estimates(self, x: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """E[x₁ | x_t] and E[ε | x_t], (B, d) each."""
        parts = self._parts(x, t)
        alpha, sigma = self._scales(t)
        gamma = parts.gamma[..., None]
        pulled = self._turned(alpha * self.spread * parts.along / parts.variance)
        clean = (gamma * (self.means + pulled)).sum(1)
        noise = (gamma * self._turned(sigma * parts.along / parts.variance)).sum(1)
        return clean.to(x.dtype), noise.to(x.dtype)

    def denoiser(self, x: Tensor, t: Tensor) -> Tensor:
        """D(x, t) = E[x₁ | x_t = x], (B, d) and (B,) -> (B, d)."""
        return self.estimates(x, t)[0]

    def _velocities(self, parts: _Parts, t: Tensor) -> tuple[Tensor, Tensor]:
        """Each component's own velocity, (B, K, d), and its slope along its axes, (B, K, d)."""
        t = t.double()
        rate = self.path.alpha(t) * self.path.d_alpha(t)
        noise = self.path.sigma_d_sigma(t)
        slope = rate[:, None, None] * self.spread + noise[:, None, None]
        slope = slope / parts.variance
        moved = self._turned(slope * parts.along)
        return self.path.d_alpha(t)[:, None, None] * self.means + moved, slope

    def velocity(self, x: Tensor, t: Tensor) -> Tensor:
        """The marginal velocity u_t(x) = E[dx_t/dt | x_t = x], (B, d) and (B,) -> (B, d)."""
        parts = self._parts(x, t)
        own, _ = self._velocities(parts, t)
        return (parts.gamma[..., None] * own).sum(1).to(x.dtype)

    def jacobian(self, x: Tensor, t: Tensor) -> Tensor:
        """∂u_t/∂x, (B, d) and (B,) -> (B, d, d)."""
        parts = self._parts(x, t)
        own, slope = self._velocities(parts, t)
        gamma = parts.gamma
        pull = -self._turned(parts.along / parts.variance)
        centred = pull - (gamma[..., None] * pull).sum(1, keepdim=True)
        inside = torch.einsum("bk,kij,bkj,klj->bil", gamma, self.axes, slope, self.axes)
        return inside + torch.einsum("bk,bki,bkj->bij", gamma, own, centred)

    def divergence(self, x: Tensor, t: Tensor) -> Tensor:
        """div u_t(x) = tr ∂u_t/∂x, (B, d) and (B,) -> (B,)."""
        return self.jacobian(x, t).diagonal(dim1=-2, dim2=-1).sum(-1)

    def _scaled_mmse(self, x: Tensor, t: Tensor) -> Tensor:
        """tr Cov(x₁ | x_t)/σ², finite at σ = 0, (B, d) and (B,) -> (B,).

        Within a component Cov = σ² Σ V⁻¹; between components D_k − D_j is σ V⁻¹ times what is
        left of the means.
        """
        parts = self._parts(x, t)
        alpha, sigma = self._scales(t)
        within = (parts.gamma * (self.spread / parts.variance).sum(-1)).sum(1)
        means = self.means + self._turned(alpha * self.spread * parts.along / parts.variance)
        mean = (parts.gamma[..., None] * means).sum(1, keepdim=True)
        between = (parts.gamma * (means - mean).square().sum(-1)).sum(1)
        size = sigma[:, 0, 0]
        return within + torch.where(size > 0, between / size.square().clamp(min=1e-300), 0.0)

    @functools.lru_cache(maxsize=4)  # noqa: B019 - a few kilobytes, gone with the fields
    def _nodes(self, spacing: float) -> tuple[Tensor, Tensor]:
        """Nodes and weights of the trapezoidal rule for N(0, I), (M, d) and (M,).

        Its error falls as exp(−2πw/h) with the distance w of the nearest pole from the real line.
        A responsibility changes over a part of a standard deviation, which a Gauss–Hermite rule
        of as many nodes does not resolve.
        """
        z = torch.arange(-round(REACH / spacing), round(REACH / spacing) + 1).double() * spacing
        points = torch.cartesian_prod(*[z] * self.dim).view(-1, self.dim)
        points = points[points.square().sum(-1) <= REACH**2]
        weights = (-0.5 * points.square().sum(-1)).exp()
        return points, weights / weights.sum()

    def scaled_mmse(self, t: float, spacing: float = 0.1) -> float:
        """E tr Cov(x₁ | x_t)/σ² at a time, by the trapezoidal rule for d ≤ 2.

        Raises:
            ValueError: for more than two dimensions.
        """
        if self.dim > 2:
            raise ValueError("the irreducible loss is integrated in one and two dimensions only")
        time = torch.tensor([t], dtype=torch.float64)
        alpha, sigma = (float(part) for part in self._scales(time))
        z, weight = self._nodes(spacing)
        total = 0.0
        for k, share in enumerate(self.weights.tolist()):
            scale = (alpha**2 * self.spread[k] + sigma**2).sqrt()
            x = alpha * self.means[k] + (z * scale) @ self.axes[k].mT
            for part, w in zip(x.split(CHUNK), weight.split(CHUNK), strict=True):
                inside = self._scaled_mmse(part, time.expand(len(part)))
                total += share * float((w * inside).sum())
        return total

    def mmse(self, t: float) -> float:
        """E|x₁ − E[x₁ | x_t]|², the error of the best denoiser at a time."""
        sigma = float(self.path.sigma(torch.tensor(t, dtype=torch.float64)))
        return sigma**2 * self.scaled_mmse(t)

    def floor(self, t: float, prediction: Prediction | None = None, spacing: float = 0.1) -> float:
        """The irreducible loss E|target − E[target | x_t]|² at a time, summed over axes.

        Args:
            t: the time.
            prediction: what is predicted; None for the velocity.
            spacing: of the quadrature's nodes, in standard deviations.
        """
        time = torch.tensor(t, dtype=torch.float64)
        if prediction is None:
            alpha, sigma = self.path.alpha(time), self.path.sigma(time)
            factor = self.path.d_alpha(time) * sigma - alpha * self.path.d_sigma(time)
        else:
            factor = prediction.loss_factor(self.path, time)
        return float(factor) ** 2 * self.scaled_mmse(t, spacing)

    def mean_floor(
        self, prediction: Prediction | None = None, nodes: int = 32, spacing: float | None = None
    ) -> float:
        """The irreducible loss over the times at which a model is trained, E_t floor(t).

        ∫₀¹ floor(t) dt where they are uniform.

        Args:
            prediction: what is predicted; None for the velocity.
            nodes: of the quadrature over t; a multiple of 8.
            spacing: as in :meth:`floor`; None for one that keeps the work within a second: the
                error is 1e-5 with eight components in the plane, 1e-3 with 25.
        """
        if spacing is None:
            spacing = 0.2
            if self.dim == 2:
                spacing = max(0.2, math.sqrt(math.pi * REACH**2 * len(self.weights) / BUDGET))
        return sum(
            w * self.floor(t, prediction, spacing) for t, w in self.path.training_times(nodes)
        )

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """n data points of the mixture, (n, d) float64."""
        k = torch.multinomial(self.weights, n, replacement=True, generator=generator)
        z = torch.randn(n, self.dim, generator=generator, dtype=torch.float64)
        moved = torch.einsum("bij,bj->bi", self.axes[k], z * self.spread[k].sqrt())
        return self.means[k] + moved
