"""The interface of a model, and its capabilities as types.

A page offers a tool if and only if the model has the capability, whatever the model's name. Inputs
and outputs of a model are in *data space* (images in [0, 1]); a model with another internal range
(a tanh generator in [-1, 1]) converts.
"""

from __future__ import annotations

import abc
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self

from torch import Tensor, nn
from torch.distributions import Distribution

from genlab.accelerate import FusedMLP
from genlab.core.options import Options
from genlab.data.base import DataMeta
from genlab.paths import LogProbEstimate, Prediction, ProbabilityPath
from genlab.paths.base import over, stored_once

if TYPE_CHECKING:
    # With a default, which typing itself has from Python 3.13 on: GenerativeModel alone is one of
    # any options.
    from typing_extensions import TypeVar

    O = TypeVar("O", bound=Options, default=Any)
else:
    from typing import TypeVar

    O = TypeVar("O", bound=Options)


class GenerativeModel(nn.Module, abc.ABC, Generic[O]):
    """A model one can sample from.

    Args:
        options: the model's options.
        meta: what the data look like.
    """

    name: ClassVar[str]
    Options: ClassVar[type[Options]] = Options
    #: Whether it can learn from rows with missing entries, which are NaN.
    learns_gaps: ClassVar[bool] = False

    def __init__(self, options: O, meta: DataMeta) -> None:
        super().__init__()
        self.options, self.meta = options, meta
        self.data_shape = meta.shape

    @classmethod
    def incompatibility(cls, meta: DataMeta) -> str | None:
        """None if the model can learn such data, else the reason why not."""
        return None

    @classmethod
    def choices(cls, meta: DataMeta) -> dict[str, tuple[Any, ...]]:
        """The allowed choices of options whose choices depend on the data."""
        return {}

    @classmethod
    def recommended(cls, meta: DataMeta) -> dict[str, Any]:
        """What suits such data whatever the model's size; :meth:`defaults` has the last word."""
        return {}

    @classmethod
    def defaults(cls, meta: DataMeta) -> dict[str, Any]:
        """Defaults for such data, of any option of the run (``{"lr": 2e-4}``)."""
        return {}

    @classmethod
    def check(cls, options: Any, meta: DataMeta) -> None:
        """Check options that such data restrict.

        Raises:
            SpecError: which and why.
        """

    @abc.abstractmethod
    def sample(self, n: int) -> Tensor:
        """Draw n examples in data space from the global stream, (n, *data_shape).

        If the model has a likelihood, the mean of p(x | z) is returned, as is usual for images.
        """

    def player(self, name: str) -> Iterable[nn.Parameter]:
        """The parameters that one player of an objective trains."""
        return self.parameters()


class HasLogProb(abc.ABC):
    """The model has an exact log-density."""

    @abc.abstractmethod
    def log_prob(self, x: Tensor) -> Tensor:
        """log p(x) in nats, (B, *data_shape) -> (B,)."""


class HasDecoder(abc.ABC):
    """The model has a latent space and a map from it to data."""

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
    """The decoder's p(x | z) has a density, so ELBO and log-likelihood are defined."""


class HasEncoder(abc.ABC):
    """The model maps data to the latent space."""

    #: Whether draws of q(z | x) are differentiable in its parameters.
    pathwise: ClassVar[bool] = True

    @abc.abstractmethod
    def encode(self, x: Tensor) -> Distribution:
        """q(z | x), (B, *data_shape) -> batch shape (B,), event shape (latent,)."""


class HasInverse(HasLogProb, HasDecoder, HasEncoder, abc.ABC):
    """The map from codes to data is invertible, x = f⁻¹(z), with a known Jacobian determinant."""

    @abc.abstractmethod
    def transform(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """f(x) and log|det ∂f/∂x| in nats, (B, *data_shape) -> (B, latent), (B,)."""


class HasProbabilityPath(HasDecoder, HasEncoder, abc.ABC):
    """The model has a probability path from noise (t = 0) to data (t = 1), and its velocity.

    Points of the path are in *path space*: data space, with images scaled from [0, 1] to [−1, 1].
    The flow of the velocity takes the code, noise at t = 0, to data and back.
    """

    #: The path x_t = α(t) x₁ + σ(t) ε.
    path: ProbabilityPath
    #: The quantity that the net predicts.
    prediction: Prediction

    @abc.abstractmethod
    def predict(self, x: Tensor, t: Tensor) -> Tensor:
        """The net's prediction at x_t, (B, *data_shape) and (B,)."""

    @abc.abstractmethod
    def to_path(self, x: Tensor) -> Tensor:
        """Data in path space, (B, *data_shape) -> (B, *data_shape)."""

    def estimates(self, x: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """The clean point E[x₁ | x_t] and the noise E[ε | x_t], (B, *data_shape) each."""
        return self.prediction.estimates(self.path, self.predict(x, t), x, stored_once(t))

    def velocity(self, x: Tensor, t: Tensor) -> Tensor:
        """The marginal velocity E[dx_t/dt | x_t], (B, *data_shape) and (B,)."""
        clean, noise = self.estimates(x, t)
        return self.path.conditional_velocity(clean, noise, stored_once(t))

    def score(self, x: Tensor, t: Tensor) -> Tensor:
        """∇ log p_t(x) = −E[ε | x_t]/σ(t), (B, *data_shape) and (B,); t < 1."""
        return -self.estimates(x, t)[1] / over(self.path.sigma(t), x)

    @abc.abstractmethod
    def log_prob_ode(self, x: Tensor, steps: int = 64, probes: int = 0) -> LogProbEstimate:
        """log p(x) in nats along the flow, in data space, (B, *data_shape).

        Args:
            x: data.
            steps: of the integration.
            probes: number of Hutchinson probes; 0: the exact divergence.
        """


class HasLearnedVelocity(HasProbabilityPath, abc.ABC):
    """The net predicts the velocity itself, as in flow matching."""

    def velocity(self, x: Tensor, t: Tensor) -> Tensor:
        """The marginal velocity E[dx_t/dt | x_t], (B, *data_shape) and (B,)."""
        return self.predict(x, t)

    def own_pairs(self, n: int, step: int) -> tuple[Tensor, Tensor] | None:
        """n pairs of noise and its image under the model's own flow (reflow); None if not used.

        Args:
            n: how many.
            step: training step.
        """
        return None


class HasDiffusionSteps(HasProbabilityPath, abc.ABC):
    """The path has T discrete steps; the Gaussian reverse process gives an ELBO of T + 1 terms."""

    @abc.abstractmethod
    def elbo_terms(self, x: Tensor, steps: Tensor) -> Tensor:
        """The terms of −ELBO in nats at steps i, with one draw of x_i each, (B,) and (B,) -> (B,).

        i = T + 1 is KL(q(x_T | x) ‖ N(0, I)), i = 2, ..., T are KL(q(x_{i−1} | x_i, x) ‖
        p(x_{i−1} | x_i)), and i = 1 is −log p(x | x_1).
        """

    @property
    @abc.abstractmethod
    def diffusion_steps(self) -> int:
        """T."""


class HasCodebook(HasLikelihood, HasEncoder, abc.ABC):
    """The code is a grid of m codebook entries: at each position the code nearest to e(x)."""

    pathwise = False
    #: The codes, (K, d); learned by gradient where it is a parameter, else by ``follow``.
    codebook: Tensor
    #: Positions m of the grid.
    positions: int

    @abc.abstractmethod
    def encodings(self, x: Tensor) -> Tensor:
        """e(x), the encoder's output before it is quantised, (B, *data_shape) -> (B, m, d)."""

    @abc.abstractmethod
    def nearest(self, e: Tensor) -> Tensor:
        """The indices of the codes nearest to vectors, (..., d) -> (...)."""

    @abc.abstractmethod
    def follow(self, e: Tensor, index: Tensor) -> None:
        """Update a codebook that gradients do not train, after a batch, (B, m, d) and (B, m)."""


class HasLabels(abc.ABC):
    """The model can be conditioned on class labels.

    Without labels it is conditioned on "unknown", which training uses for some examples.
    """

    #: The number of classes.
    classes: int

    @abc.abstractmethod
    def condition_on(self, y: Tensor | None) -> Self:
        """The model of p(x | y) with the same weights, given labels (B,) or () of class indices.

        Row i of a later call belongs to label i; a single label () applies to every row.
        The label -1 is "unknown".
        """

    @abc.abstractmethod
    def withhold(self, y: Tensor) -> Tensor:
        """Labels of a training batch, (B,), some replaced at random by -1, "unknown"."""


class HasCritic(abc.ABC):
    """The model has a critic that scores data."""

    #: Whether, in training, an example's score depends on the rest of its batch; for a class: with
    #: the options' defaults.
    batch_normalised: bool = False
    #: The number of consecutive rows that are scored together (a pack). Each row has the score of
    #: its pack. Above 1 a score is not a function of one example: it cannot be mapped over a
    #: plane, and bounds hold for packs (for the JS of m-fold products), not for single examples.
    pack: int = 1

    @abc.abstractmethod
    def score(self, x: Tensor) -> Tensor:
        """The critic's raw output (a discriminator's logit), (B, *data_shape) -> (B,)."""

    @abc.abstractmethod
    def features(self, x: Tensor) -> Tensor:
        """The critic's last hidden layer, (B, *data_shape) -> (B, f)."""


class HasFusedMLPs(HasDecoder, HasCritic, abc.ABC):
    """Generator and critic are plain MLPs, whose gradients need no autograd graph.

    ``decode`` must be G(z) alone, ``score`` must be C(x) alone, and the prior must have no
    weights. :mod:`genlab.accelerate` then computes the gradients of a game whose losses are
    functions of the scores alone.
    """

    @abc.abstractmethod
    def fused_mlps(self) -> tuple[FusedMLP, FusedMLP] | None:
        """Return generator and critic; None if the options make them more than plain MLPs.

        The generator's output has the form of the critic's input: ``flatten`` of examples.
        """

    @abc.abstractmethod
    def flatten(self, x: Tensor) -> Tensor:
        """Return examples in the form of the critic's input, (B, *data_shape) -> (B, dim)."""


class HasWordBound(abc.ABC):
    """Examples are bags of words whose probability has a variational bound."""

    @abc.abstractmethod
    def words(self, x: Tensor) -> Tensor:
        """The count of each word in each example, (B, *data_shape) -> (B, V)."""

    @abc.abstractmethod
    def bound(self, x: Tensor) -> Tensor:
        """A lower bound on log p(words of x), (B, *data_shape) -> (B,) in nats."""


class HasJointCritic(abc.ABC):
    """The model has a critic of pairs of an example and a code."""

    @abc.abstractmethod
    def joint_score(self, x: Tensor, z: Tensor) -> Tensor:
        """The logit that (x, z) is from data and encoder, (B, ...), (B, latent) -> (B,)."""


class HasLatentCritic(abc.ABC):
    """The model has a critic that distinguishes codes of data from draws of the prior."""

    @abc.abstractmethod
    def latent_score(self, z: Tensor) -> Tensor:
        """The logit that a code is from the prior, (B, latent) -> (B,)."""


class HasCodes(abc.ABC):
    """The model infers parts of the code from the example: Q(c | x)."""

    @abc.abstractmethod
    def code_log_prob(self, x: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
        """log Q(c | x) in nats, (B,), of the discrete and of the continuous part of codes z."""

    @abc.abstractmethod
    def code_entropy(self) -> tuple[float, float]:
        """The entropies of the two parts under the prior, in nats."""
