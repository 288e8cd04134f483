"""The linear VAE, whose optimum is probabilistic PCA."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, Normal

from genlab.core.gaussians import linear_gaussian_log_prob
from genlab.core.options import Options, option
from genlab.core.tables import MODELS
from genlab.data.base import DataMeta
from genlab.models.base import GenerativeModel, HasEncoder, HasLikelihood
from genlab.models.latent import StandardPrior


@dataclass(frozen=True)
class LinearVAEOptions(Options):
    """Options of the linear variational autoencoder."""

    latent: int = option(
        2, "size of the latent code z", low=1, high=512, label="Latent dimensions"
    )


@MODELS.register(
    "linear_vae",
    order=470,
    title="Linear VAE",
    summary="A VAE without hidden layers, with one learned σ: its optimum is probabilistic PCA.",
)
class LinearVAE(StandardPrior, GenerativeModel[LinearVAEOptions], HasLikelihood, HasEncoder):
    """p(x | z) = N(Wz + b, σ²I), q(z | x) = N(Vx + c, diag s²), with W, b, σ, V, c and s learned.

    Its evidence is exact, p(x) = N(b, WWᵀ + σ²I). Every maximum of the ELBO is a maximum of the
    likelihood: W = U (Λ − σ²I)^½ up to signs and the order of columns, where U and Λ are the
    leading eigenvectors and eigenvalues of the data's covariance and σ² is the mean of the others.
    The gap is then 0, because the posterior of such a W has independent entries.

    Sources: Tipping and Bishop 1999, "Probabilistic principal component analysis"; Lucas et al.
    2019, "Don't blame the ELBO! A linear VAE perspective on posterior collapse".
    """

    Options = LinearVAEOptions

    def __init__(self, options: LinearVAEOptions, meta: DataMeta) -> None:
        super().__init__(options, meta)
        self.latent = options.latent
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(meta.dim, self.latent))
        self.log_scale = nn.Parameter(torch.zeros(self.latent))
        self.decoder = nn.Linear(self.latent, meta.dim)
        self.log_sigma = nn.Parameter(torch.zeros(()))

    @classmethod
    def incompatibility(cls, meta: DataMeta) -> str | None:
        return "it needs real or grey data, not binary" if meta.support == "binary" else None

    @classmethod
    def defaults(cls, meta: DataMeta) -> dict[str, Any]:
        if meta.is_image:
            return {"latent": 16, "lr": 3e-3}
        return {"latent": max(1, min(2, meta.dim - 1)), "lr": 1e-2, "batch": 256}

    @property
    def sigma(self) -> Tensor:
        """σ, the standard deviation of the noise in data units, ()."""
        return self.log_sigma.exp()

    def encode(self, x: Tensor) -> Distribution:
        mean = self.encoder(x)
        scale = self.log_scale.exp().expand_as(mean)
        return Independent(Normal(mean, scale, validate_args=False), 1, validate_args=False)

    def decode(self, z: Tensor) -> Distribution:
        mean = self.decoder(z).view(len(z), *self.data_shape)
        return Independent(
            Normal(mean, self.sigma.expand_as(mean), validate_args=False),
            len(self.data_shape),
            validate_args=False,
        )

    def sample(self, n: int) -> Tensor:
        """The means of p(x | z) at draws of the prior; for images clamped to [0, 1]."""
        x = super().sample(n)
        return x.clamp(0.0, 1.0) if self.meta.support == "unit" else x

    def evidence(self, x: Tensor) -> Tensor:
        """log p(x) = log N(x; b, WWᵀ + σ²I) in nats, (B, *data_shape) -> (B,)."""
        centred = x.flatten(1) - self.decoder.bias
        return linear_gaussian_log_prob(centred, self.decoder.weight, self.sigma.square())
