"""A mixture of Gaussians, which gradients, EM and variational inference can fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, MultivariateNormal, OneHotCategorical

from genlab.core.gaussians import mixture_log_joint
from genlab.core.options import Options, option
from genlab.core.tables import MODELS
from genlab.data.base import DataMeta
from genlab.models.base import GenerativeModel, HasDecoder, HasEncoder, HasLogProb
from genlab.models.bayesian import Bayesian, HasComponents

#: The largest dimension: a covariance matrix has d² entries.
LARGEST = 64


@dataclass(frozen=True)
class GaussianMixtureOptions(Options):
    """Options of the mixture."""

    clusters: int = option(8, "components K of the mixture", low=1, high=64, label="Components")
    cluster_sd: float = option(
        0.1,
        "prior standard deviation within a component",
        low=1e-3,
        high=100.0,
        unit="data units",
        log=True,
        advanced=True,
        label="Standard deviation within a component",
    )
    weight_concentration: float = option(
        1.0,
        "concentration of the Dirichlet prior of the weights; values below 1 favour empty "
        "components",
        low=1e-3,
        high=100.0,
        log=True,
        advanced=True,
        label="Weight concentration",
    )


@MODELS.register(
    "gaussian_mixture",
    title="Gaussian mixture",
    summary="K weighted Gaussians. Density and responsibilities are exact.",
    order=100,
)
class GaussianMixture(
    GenerativeModel[GaussianMixtureOptions],
    HasLogProb,
    HasDecoder,
    HasEncoder,
    Bayesian,
    HasComponents,
):
    """p(x) = Σ_k π_k N(x; μ_k, L_k L_kᵀ), z the one-hot vector of the component.

    Source: Bishop 2006, "Pattern recognition and machine learning", section 9.2 and 10.2.
    """

    Options = GaussianMixtureOptions

    def __init__(self, options: GaussianMixtureOptions, meta: DataMeta) -> None:
        super().__init__(options, meta)
        k, d = options.clusters, meta.dim
        self.latent = k
        self.logits = nn.Parameter(torch.zeros(k))
        self.means = nn.Parameter(torch.randn(k, d))
        #: L below the diagonal and log L on it; entries above the diagonal are ignored.
        self.factors = nn.Parameter(torch.zeros(k, d, d))

    @classmethod
    def incompatibility(cls, meta: DataMeta) -> str | None:
        if meta.is_image or meta.dim > LARGEST:
            return f"it needs points of at most {LARGEST} dimensions"
        return None

    @classmethod
    def defaults(cls, meta: DataMeta) -> dict[str, Any]:
        return {"objective": "bayes"}

    def scale(self) -> Tensor:
        """The Cholesky factors L, (K, d, d)."""
        diagonal = self.factors.diagonal(dim1=-2, dim2=-1).exp()
        return self.factors.tril(-1) + torch.diag_embed(diagonal)

    def set_parameters(self, weights: Tensor, means: Tensor, covariances: Tensor) -> None:
        """Set weights (K,), means (K, d) and covariances (K, d, d)."""
        lower = torch.linalg.cholesky(covariances)
        factors = lower.tril(-1) + torch.diag_embed(lower.diagonal(dim1=-2, dim2=-1).log())
        with torch.no_grad():
            # A component of weight 0 gets the smallest representable weight.
            self.logits.copy_(weights.clamp_min(1e-30).log())
            self.means.copy_(means)
            self.factors.copy_(factors)

    def log_joint(self, x: Tensor) -> Tensor:
        """log π_k + log N(x; k) in nats, (B, d) -> (B, K)."""
        return mixture_log_joint(x, self.logits.log_softmax(0), self.means, self.scale())

    def log_prob(self, x: Tensor) -> Tensor:
        return self.log_joint(x).logsumexp(1)

    def encode(self, x: Tensor) -> Distribution:
        """The exact p(z | x), whose mean are the responsibilities, (B, K)."""
        return OneHotCategorical(logits=self.log_joint(x), validate_args=False)

    def prior(self) -> Distribution:
        return OneHotCategorical(logits=self.logits, validate_args=False)

    def decode(self, z: Tensor) -> Distribution:
        """The component of a one-hot z; for other z means and covariances are interpolated."""
        scale = self.scale()
        covariance = torch.einsum("bk,kij->bij", z, scale @ scale.mT)
        # Codes off the simplex may have negative weights; the result is still a distribution.
        floor = 1e-9 * torch.eye(covariance.shape[-1], dtype=z.dtype, device=z.device)
        values, vectors = torch.linalg.eigh(covariance + floor)
        covariance = (vectors * values.clamp_min(1e-9).unsqueeze(-2)) @ vectors.mT
        return MultivariateNormal(z @ self.means, covariance, validate_args=False)

    def sample(self, n: int) -> Tensor:
        """Draw n examples of the mixture, including noise, (n, d)."""
        k = self.prior().sample(torch.Size((n,)))
        noise = torch.randn(
            n, self.means.shape[1], 1, dtype=self.means.dtype, device=self.means.device
        )
        return k @ self.means + (self.scale()[k.argmax(1)] @ noise).squeeze(-1)

    def parts(self) -> tuple[Tensor, Tensor]:
        return self.means, self.logits.softmax(0)
