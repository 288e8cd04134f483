"""A learned mixture of Gaussians as the prior."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.distributions import (
    Categorical,
    Distribution,
    Independent,
    MixtureSameFamily,
    Normal,
)

from genlab.data.base import DataMeta
from genlab.distributions.priors.base import PRIORS, Prior


@PRIORS.register(
    "mixture",
    title="Mixture of Gaussians",
    summary="Weights, means and variances are learned. The KL is a Monte Carlo estimate.",
    order=40,
)
class Mixture(Prior):
    """p(z) = Σ_k π_k N(z; m_k, diag s_k²), with learned weights, means and variances.

    KL(q ‖ p) has no closed form; log p(z) is exact, so the KL is averaged over draws of q.

    Source: the MoG prior of Tomczak and Welling 2018, "VAE with a VampPrior".
    """

    def __init__(self, latent: int, meta: DataMeta, components: int) -> None:
        super().__init__(latent, meta, components)
        self.logits = nn.Parameter(torch.zeros(components))
        self.loc = nn.Parameter(torch.randn(components, latent))
        self.log_variance = nn.Parameter(torch.zeros(components, latent))

    def distribution(self, encode: Callable[[Tensor], Distribution], like: Tensor) -> Distribution:
        scale = (0.5 * self.log_variance).exp()
        part = Independent(Normal(self.loc, scale, validate_args=False), 1, validate_args=False)
        weights = Categorical(logits=self.logits, validate_args=False)
        return MixtureSameFamily(weights, part, validate_args=False)
