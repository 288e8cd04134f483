"""What a model is, and what it may be able to do: the capabilities, as types.

A page offers a tool if and only if the model has the capability; nothing asks for a model's name.
Everything outside a model is in *data space* (images in [0, 1]); a model that computes in another
range (a tanh generator in [-1, 1]) converts inside.
"""

from __future__ import annotations

import abc
from collections.abc import Iterable
from typing import Any, ClassVar, Generic, Self, TypeVar

from torch import Tensor, nn
from torch.distributions import Distribution

from genlab.core.options import Options
from genlab.data.base import DataMeta
from genlab.nets.fast import FusedMLP

O = TypeVar("O", bound=Options)


class GenerativeModel(nn.Module, abc.ABC, Generic[O]):
    """A model one can sample from.

    Args:
        options: the model's options.
        meta: what the data look like.
    """

    name: ClassVar[str]
    Options: ClassVar[type[Options]] = Options

    def __init__(self, options: O, meta: DataMeta) -> None:
        super().__init__()
        self.options, self.meta = options, meta
        self.data_shape = meta.shape

    @classmethod
    def fits(cls, meta: DataMeta) -> str | None:
        """None if the model can learn such data, else the reason why not."""
        return None

    @classmethod
    def choices(cls, meta: DataMeta) -> dict[str, tuple[Any, ...]]:
        """For options whose choices depend on the data: the choices that remain."""
        return {}

    @classmethod
    def defaults(cls, meta: DataMeta) -> dict[str, Any]:
        """Defaults for such data, of any option of the run (``{"lr": 2e-4}``)."""
        return {}

    @abc.abstractmethod
    def sample(self, n: int) -> Tensor:
        """Draw n examples in data space from the global stream, (n, *data_shape).

        Where the model has a likelihood, the mean of p(x | z) is returned, as is usual for
        pictures.
        """

    def player(self, name: str) -> Iterable[nn.Parameter]:
        """The parameters that one player of an objective trains."""
        return self.parameters()


class HasLogProb(abc.ABC):
    """The exact log-density is known."""

    @abc.abstractmethod
    def log_prob(self, x: Tensor) -> Tensor:
        """log p(x) in nats, (B, *data_shape) -> (B,)."""


class HasDecoder(abc.ABC):
    """There is a latent space and a map from it to data."""

    #: Size of the latent space.
    latent: int

    @abc.abstractmethod
    def prior(self) -> Distribution:
        """p(z), event shape (latent,)."""

    @abc.abstractmethod
    def decode(self, z: Tensor) -> Distribution:
        """p(x | z), (B, latent) -> batch shape (B,), event shape data_shape.

        A model without a likelihood (a GAN) gives a :class:`genlab.distributions.Point`, whose
        ``mean`` is G(z).
        """


class HasLikelihood(HasDecoder, abc.ABC):
    """The decoder's p(x | z) has a density, so there are an ELBO and a log-likelihood."""


class HasEncoder(abc.ABC):
    """Data can be taken to the latent space."""

    #: Whether draws of q(z | x) are differentiable in its parameters.
    pathwise: ClassVar[bool] = True

    @abc.abstractmethod
    def encode(self, x: Tensor) -> Distribution:
        """q(z | x), (B, *data_shape) -> batch shape (B,), event shape (latent,)."""


class HasCodebook(HasLikelihood, HasEncoder, abc.ABC):
    """The code is a grid of m entries of a codebook: of the K codes, those nearest to e(x)."""

    pathwise = False
    #: The codes, (K, d); learned by gradient where it is a parameter, else by ``follow``.
    codebook: Tensor
    #: Places m of the grid.
    places: int

    @abc.abstractmethod
    def encodings(self, x: Tensor) -> Tensor:
        """e(x), the encoder's output before it is quantised, (B, *data_shape) -> (B, m, d)."""

    @abc.abstractmethod
    def nearest(self, e: Tensor) -> Tensor:
        """The indices of the codes nearest to vectors, (..., d) -> (...)."""

    @abc.abstractmethod
    def follow(self, e: Tensor, index: Tensor) -> None:
        """Move the codebook after a batch, (B, m, d) and (B, m), where no gradient does."""


class HasLabels(abc.ABC):
    """The model knows classes: it can be held at labels, and is then a model like any other.

    Without labels a model is held at "unknown", which training shows it now and then.
    """

    #: How many classes there are.
    classes: int

    @abc.abstractmethod
    def condition_on(self, y: Tensor | None) -> Self:
        """The model of p(x | y) with the same weights, held at labels (B,) or () of class indices.

        Row i of whatever it is asked next belongs to label i; one label () is that of every row.
        """


class HasCritic(abc.ABC):
    """There is a critic that scores data."""

    #: Whether, in training, an example's score depends on the rest of its batch; of a class: with
    #: the options' defaults.
    batch_normalised: bool = False
    #: How many consecutive rows of a batch are judged together, each being given the score of its
    #: pack. Beyond 1 a score says nothing of one example: do not map it over a plane, and what it
    #: proves is of packs (JS of the m-fold products, say), not of examples.
    pack: int = 1

    @abc.abstractmethod
    def score(self, x: Tensor) -> Tensor:
        """The critic's raw output (a discriminator's logit), (B, *data_shape) -> (B,)."""

    @abc.abstractmethod
    def features(self, x: Tensor) -> Tensor:
        """The critic's last hidden layer, (B, *data_shape) -> (B, f)."""


class HasFusedMLPs(HasDecoder, HasCritic, abc.ABC):
    """Generator and critic may be chains of linear layers, whose gradients need no graph.

    The prior has no weights of its own.
    """

    @abc.abstractmethod
    def chains(self) -> tuple[FusedMLP, FusedMLP] | None:
        """The chains of which ``decode`` and ``score`` are made; None if they are more than that.

        The generator's gives what the critic's takes, :meth:`flat` examples.
        """

    @abc.abstractmethod
    def flat(self, x: Tensor) -> Tensor:
        """Examples as the critic's chain takes them, (B, *data_shape) -> (B, dim)."""


class HasWordBound(abc.ABC):
    """Examples are bags of words whose probability has a variational bound."""

    @abc.abstractmethod
    def words(self, x: Tensor) -> Tensor:
        """How often each word is in each example, (B, *data_shape) -> (B, V)."""

    @abc.abstractmethod
    def bound(self, x: Tensor) -> Tensor:
        """A lower bound on log p(words of x), (B, *data_shape) -> (B,) in nats."""


class HasJointCritic(abc.ABC):
    """There is a critic that judges an example together with a code."""

    @abc.abstractmethod
    def joint_score(self, x: Tensor, z: Tensor) -> Tensor:
        """The logit that (x, z) is of the data and the encoder, (B, ...), (B, latent) -> (B,)."""


class HasLatentCritic(abc.ABC):
    """There is a critic that tells codes of data from draws of the prior."""

    @abc.abstractmethod
    def latent_score(self, z: Tensor) -> Tensor:
        """The logit that a code is of the prior, (B, latent) -> (B,)."""


class HasCodes(abc.ABC):
    """Parts of the code are recognised from the example: Q(c | x)."""

    @abc.abstractmethod
    def code_log_prob(self, x: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
        """log Q(c | x) in nats, (B,), of the discrete and of the continuous part of codes z."""

    @abc.abstractmethod
    def code_entropy(self) -> tuple[float, float]:
        """The entropies of the two parts under the prior, in nats."""
