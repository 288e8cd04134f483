"""The VampPrior: a mixture of the model's own posteriors at learned inputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.distributions import Categorical, Distribution, MixtureSameFamily

from genlab.data.base import DataMeta
from genlab.distributions.posteriors.base import Support
from genlab.distributions.priors.base import PRIORS, Prior


@PRIORS.register(
    "vamp",
    title="VampPrior",
    summary="A mixture of q(z | u_k) at learned inputs u_k. The KL is a Monte Carlo estimate.",
    order=50,
)
class Vamp(Prior):
    """p(z) = (1/K) Σ_k q(z | u_k), the inputs u_k learned.

    For data in [0, 1] a logistic function keeps the inputs in range.

    Source: Tomczak and Welling 2018, "VAE with a VampPrior", equation 9.
    """

    support: ClassVar[Support | None] = None

    def __init__(self, latent: int, meta: DataMeta, components: int) -> None:
        super().__init__(latent, meta, components)
        self.inputs = nn.Parameter(torch.randn(components, *meta.shape))

    def distribution(self, encode: Callable[[Tensor], Distribution], like: Tensor) -> Distribution:
        inputs = self.inputs if self.meta.support == "real" else self.inputs.sigmoid()
        weights = Categorical(logits=like.new_zeros(self.components), validate_args=False)
        return MixtureSameFamily(weights, encode(inputs), validate_args=False)
