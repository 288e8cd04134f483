"""The base of latent-variable models: the prior N(0, I), and sampling through the decoder."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.distributions import Distribution

from genlab.distributions.priors import standard_normal
from genlab.models.base import HasDecoder


class StandardPrior(HasDecoder):
    """A latent space with the prior N(0, I), sampled through the decoder's mean."""

    def prior(self) -> Distribution:
        return standard_normal(self.latent, next(self.parameters()))  # type: ignore[attr-defined]

    def sample(self, n: int) -> Tensor:
        """Draw n examples, the mean of p(x | z) at draws of the prior, (n, *data_shape)."""
        return self.decode(self.prior().sample(torch.Size((n,)))).mean
