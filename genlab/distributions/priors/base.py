"""The interface of a prior: a row of the table of priors."""

from __future__ import annotations

import abc
from collections.abc import Callable
from typing import ClassVar

from torch import Tensor, nn
from torch.distributions import Distribution

from genlab.core.registry import Registry
from genlab.data.base import DataMeta
from genlab.distributions.posteriors.base import Support


class Prior(nn.Module, abc.ABC):
    """A prior of the code, and its learned parameters.

    Args:
        latent: size of the code.
        meta: what the data look like, for a prior that depends on data.
        components: number of components of a mixture.
    """

    name: ClassVar[str]
    #: The support of each entry of z, which must contain the posterior's. None: the posterior's.
    support: ClassVar[Support | None] = "real"

    def __init__(self, latent: int, meta: DataMeta, components: int) -> None:
        super().__init__()
        self.latent, self.meta, self.components = latent, meta, components

    @abc.abstractmethod
    def distribution(self, encode: Callable[[Tensor], Distribution], like: Tensor) -> Distribution:
        """p(z), event shape (latent,).

        Args:
            encode: the model's encoder, (K, *data_shape) -> q of batch shape (K,).
            like: a tensor on the device and in the precision of the model.
        """


PRIORS: Registry[type[Prior]] = Registry("prior", "genlab.distributions.priors")
