"""The linear Gaussian model, with exact evidence and posterior."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, MultivariateNormal

from genlab.core.gaussians import linear_gaussian_log_prob, posterior_precision
from genlab.core.options import Options, option
from genlab.core.random import scope
from genlab.core.tables import MODELS
from genlab.data.base import DataMeta
from genlab.distributions.gaussian import IsotropicGaussian
from genlab.models.base import GenerativeModel, HasEncoder, HasLikelihood, HasLogProb
from genlab.models.latent import StandardPrior


@dataclass(frozen=True)
class LinearGaussianOptions(Options):
    """Options of the linear Gaussian model."""

    latent: int = option(
        2, "size of the latent code z", low=1, high=512, label="Latent dimensions"
    )
    sigma: float = option(
        0.5,
        "standard deviation of the noise",
        low=1e-3,
        high=10.0,
        unit="data units",
        log=True,
        advanced=True,
        label="Noise σ",
    )


@MODELS.register(
    "linear_gaussian",
    title="Linear Gaussian (exact)",
    summary="Probabilistic PCA: evidence and posterior are exact, so the ELBO is the evidence.",
    order=180,
)
class LinearGaussian(
    StandardPrior, GenerativeModel[LinearGaussianOptions], HasLikelihood, HasEncoder, HasLogProb
):
    """p(z) = N(0, I), p(x | z) = N(Wz + b, σ²I), hence p(x) = N(b, WWᵀ + σ²I) and
    p(z | x) = N(Λ⁻¹Wᵀ(x − b)/σ², Λ⁻¹) with Λ = I + WᵀW/σ².

    Source: Tipping and Bishop 1999, "Probabilistic principal component analysis".
    """

    Options = LinearGaussianOptions

    def __init__(self, options: LinearGaussianOptions, meta: DataMeta) -> None:
        super().__init__(options, meta)
        self.latent = options.latent
        self.sigma = options.sigma
        self.weight = nn.Parameter(torch.randn(meta.dim, self.latent) / math.sqrt(self.latent))
        self.bias = nn.Parameter(torch.zeros(meta.dim))

    @classmethod
    def of(cls, weight: Tensor, bias: Tensor, sigma: float) -> Self:
        """The model with weight (d, latent), bias (d,) and noise standard deviation sigma."""
        size, latent = weight.shape
        options = LinearGaussianOptions(latent=latent, sigma=sigma)
        # The random initial weights are not used, so the run's stream is left unchanged.
        with scope(0, "numbers that are given"):
            model = cls(options, DataMeta((size,), "real")).to(weight.dtype)
        with torch.no_grad():
            model.weight.copy_(weight)
            model.bias.copy_(bias)
        return model

    @classmethod
    def incompatibility(cls, meta: DataMeta) -> str | None:
        return "it needs real or grey data, not binary" if meta.support == "binary" else None

    @classmethod
    def defaults(cls, meta: DataMeta) -> dict[str, Any]:
        if meta.is_image:
            return {"latent": 16, "sigma": 0.2, "lr": 3e-3}
        return {"latent": max(1, min(2, meta.dim)), "lr": 1e-2, "batch": 256}

    def precision(self) -> Tensor:
        """Λ = I + WᵀW/σ², the precision of the posterior, (latent, latent)."""
        return posterior_precision(self.weight, self.sigma**2)

    def encode(self, x: Tensor) -> Distribution:
        pull = (x.flatten(1) - self.bias) @ self.weight / self.sigma**2
        precision = self.precision()
        mean = torch.linalg.solve(precision, pull.mT).mT
        return MultivariateNormal(mean, precision_matrix=precision, validate_args=False)

    def sample(self, n: int) -> Tensor:
        """The means of p(x | z) at draws of the prior; for images clamped to [0, 1]."""
        x = super().sample(n)
        return x.clamp(0.0, 1.0) if self.meta.support == "unit" else x

    def decode(self, z: Tensor) -> Distribution:
        mean = z @ self.weight.mT + self.bias
        return IsotropicGaussian(
            mean.view(len(z), *self.data_shape), self.sigma, len(self.data_shape)
        )

    def log_prob(self, x: Tensor) -> Tensor:
        """log N(x; b, WWᵀ + σ²I) in nats, (B, *data_shape) -> (B,)."""
        return linear_gaussian_log_prob(x.flatten(1) - self.bias, self.weight, self.sigma**2)

    def expected_log_likelihood(self, x: Tensor, mean: Tensor, covariance: Tensor) -> Tensor:
        """E_q[log p(x | z)] = log N(x; Wm + b, σ²I) − tr(WᵀW S)/(2σ²) for q = N(m, S).

        Args:
            x: (B, *data_shape).
            mean: m, (B, latent).
            covariance: S, (latent, latent) or (B, latent, latent).
        """
        trace = torch.einsum("ij,...ji->...", self.weight.mT @ self.weight, covariance)
        return self.decode(mean).log_prob(x) - 0.5 * trace / self.sigma**2
