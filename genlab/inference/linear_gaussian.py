"""The linear Gaussian model (probabilistic PCA), with exact evidence and posterior."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.distributions import Distribution, MultivariateNormal

from genlab.core.errors import SpecError
from genlab.core.measure import Series
from genlab.inference.base import Inference, finite, positive
from genlab.inference.conjugate import Conjugate, Posterior, as_rows
from genlab.models.linear_gaussian import LinearGaussian as LinearGaussianModel
from genlab.train.algorithm import Info


class LinearGaussian(Conjugate):
    """z ~ N(0, I_k), x | z ~ N(W z + b, variance I_d), in float64.

    Evidence and posterior of an x with its own z are those of
    :class:`genlab.models.linear_gaussian.LinearGaussian`.

    As a :class:`Conjugate` model the unknown is one z that all examples x share:
    λ = (Λ m, Λ), of shape (k, k + 1), and each x adds (Wᵀ(x - b), WᵀW) / variance.

    Source: Tipping and Bishop 1999, "Probabilistic principal component analysis".

    Args:
        loadings: W, (d, k).
        offset: b, (d,).
        variance: of the noise in each coordinate, above 0.

    Raises:
        SpecError: if the shapes do not match or the variance is not above 0.

    Example:
        >>> model = LinearGaussian([[1.0]], [0.0], 1.0)
        >>> model.encode([[2.0]]).mean.tolist()
        [[1.0]]
    """

    def __init__(self, loadings: Tensor, offset: Tensor, variance: float) -> None:
        self.loadings, self.offset = finite("loadings", loadings), finite("offset", offset)
        self.variance = positive("variance", variance)
        if self.loadings.dim() != 2 or self.offset.shape != self.loadings.shape[:1]:
            raise SpecError(
                "loadings",
                f"{tuple(self.loadings.shape)} with an offset of {tuple(self.offset.shape)}",
                "allowed: loadings (d, k) with an offset (d,)",
            )
        self.dim, self.latent = self.loadings.shape
        identity = torch.eye(self.latent, dtype=torch.float64)
        #: The model of runs, which implements the formulas for one x with its own z.
        self.model = LinearGaussianModel.of(self.loadings, self.offset, math.sqrt(self.variance))
        self.model.requires_grad_(False)
        self._gram = self.model.precision() - identity
        self.prior = torch.cat([torch.zeros(self.latent, 1, dtype=torch.float64), identity], dim=1)

    def encode(self, x: Tensor) -> Distribution:
        """p(z | x) exactly, each x with its own z: batch (B,), event (k,)."""
        return self.model.encode(self.validate(x))

    def log_prob(self, x: Tensor) -> Tensor:
        """log p(x) exactly, each x with its own z, in nats, (B, d) -> (B,)."""
        return self.model.log_prob(self.validate(x))

    def log_normaliser(self, natural: Tensor) -> Tensor:
        first, precision = natural[:, 0], natural[:, 1:]
        half = 0.5 * first @ torch.linalg.solve(precision, first)
        return half - 0.5 * torch.linalg.slogdet(precision).logabsdet

    def validate(self, x: Tensor) -> Tensor:
        return as_rows(x, self.dim)

    def statistics(self, x: Tensor) -> Tensor:
        first = (x - self.offset) @ self.loadings / self.variance
        gram = self._gram.expand(len(x), -1, -1)
        return torch.cat([first[:, :, None], gram], dim=2)

    def log_base(self, x: Tensor) -> Tensor:
        quadratic = (x - self.offset).square().sum(1) / self.variance
        return -0.5 * (quadratic + self.dim * math.log(2 * math.pi * self.variance))

    def posterior(self, state: Posterior) -> Distribution:
        """p(z | all x), event shape (k,)."""
        first, precision = state.natural[:, 0], state.natural[:, 1:]
        mean = torch.linalg.solve(precision, first)
        return MultivariateNormal(mean, precision_matrix=precision)

    def sample(self, state: Posterior, n: int) -> Tensor:
        z = self.posterior(state).sample((n,))
        mean = z @ self.loadings.T + self.offset
        return mean + math.sqrt(self.variance) * torch.randn_like(mean)


@dataclass(frozen=True)
class Moments:
    """Sufficient statistics of Gaussian data.

    Args:
        count: examples seen, ().
        total: Σ x, (d,).
        scatter: Σ x xᵀ, (d, d).
    """

    count: Tensor
    total: Tensor
    scatter: Tensor


class ProbabilisticPCA(Inference[Moments, Tensor]):
    """Maximum likelihood for W, b and the variance, in closed form from the accumulated moments.

    W = U_k (L_k - s² I)^½, s² = mean of the d - k smaller eigenvalues of the covariance, or the
    given variance.

    Source: Tipping and Bishop 1999, "Probabilistic principal component analysis", eq. 7-8.

    Args:
        dim: d.
        latent: k, below d; up to d if the variance is given.
        variance: s², above 0; None to fit it too.

    Raises:
        SpecError: for a latent size or a variance out of range.
    """

    state_class = Moments

    def __init__(self, dim: int, latent: int, variance: float | None = None) -> None:
        most = dim - 1 if variance is None else dim
        if not 0 < latent <= most:
            raise SpecError("latent", latent, f"allowed: a whole number from 1 to {most}")
        self.dim, self.latent = dim, latent
        self.variance = None if variance is None else positive("variance", variance)

    @property
    def series(self) -> tuple[Series, ...]:
        return (Series("log_likelihood", "log p(x), best fit", "loss", "nats", "training batch"),)

    def init(self, seed: int = 0, data: Tensor | None = None) -> Moments:
        zero = torch.zeros((), dtype=torch.float64)
        square = torch.zeros(self.dim, self.dim, dtype=torch.float64)
        return Moments(zero, square[0].clone(), square)

    def step(self, state: Moments, batch: Tensor) -> tuple[Moments, Info]:
        x = as_rows(batch, self.dim)
        new = Moments(state.count + len(x), state.total + x.sum(0), state.scatter + x.T @ x)
        try:
            best = self.model(new)
        except SpecError:
            # Too few examples for a fit: there is nothing to draw, and the state stays valid.
            return new, Info()
        return new, Info({"log_likelihood": best.log_prob(x)})

    def model(self, state: Moments) -> LinearGaussian:
        """The maximum-likelihood model of all examples so far.

        Raises:
            SpecError: if there are too few examples to estimate the noise.
        """
        least = self.dim if self.variance is None else 1
        if float(state.count) <= least:
            raise SpecError(
                "batch", f"{int(state.count)} examples in all", f"allowed: more than {least}"
            )
        mean = state.total / state.count
        covariance = state.scatter / state.count - torch.outer(mean, mean)
        values, vectors = torch.linalg.eigh(covariance)
        noise = self.variance
        if noise is None:
            noise = float(values[: -self.latent].mean())
            if noise <= 1e-12 * float(values[-1]):
                raise SpecError(
                    "latent",
                    self.latent,
                    "the data lie in a subspace of that dimension: choose a smaller number",
                )
        leading, axes = values[-self.latent :].flip(0), vectors[:, -self.latent :].flip(1)
        return LinearGaussian(axes * (leading - noise).clamp_min(0).sqrt(), mean, noise)
