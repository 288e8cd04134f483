"""Topic models of images: latent Dirichlet allocation of bags of pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Dirichlet, Distribution

from genlab.core.options import Options, option
from genlab.core.tables import MODELS
from genlab.data.base import DataMeta
from genlab.distributions.point import Point
from genlab.models.base import GenerativeModel, HasDecoder, HasEncoder, HasWordBound
from genlab.models.bayesian import Bayesian, HasComponents

#: The local search ends at this mean change of γ, or after this number of sweeps.
TOLERANCE, SWEEPS = 1e-3, 100


def words(x: Tensor, grey_levels: int) -> Tensor:
    """The counts of a bag of pixels: word v occurs once for each grey level of pixel v.

    Args:
        x: images in [0, 1], (B, *data_shape).
        grey_levels: number of words of a white pixel.

    Returns:
        (B, V) in float64.

    Example:
        >>> words(torch.tensor([[[[0.0, 0.5, 1.0]]]]), 16).tolist()
        [[0.0, 8.0, 16.0]]
    """
    return (x.flatten(1).double() * grey_levels).round()


def expected_log(concentration: Tensor) -> Tensor:
    """E[log β] of β ~ Dirichlet(concentration), over the last axis.

    Example:
        >>> expected_log(torch.tensor([1.0, 1.0])).round(decimals=4).tolist()
        [-1.0, -1.0]
    """
    return torch.digamma(concentration) - torch.digamma(concentration.sum(-1, keepdim=True))


def proportions(
    counts: Tensor,
    log_topics: Tensor,
    alpha: float,
    tolerance: float = TOLERANCE,
    sweeps: int = SWEEPS,
) -> Tensor:
    """The optimal γ of q(θ_d) = Dirichlet(γ_d), by coordinate ascent with φ, (B, K).

    φ_dvk ∝ exp(E[log θ_dk] + E[log β_kv]), γ_dk = α + Σ_v n_dv φ_dvk.

    Source: Blei, Ng and Jordan 2003, "Latent Dirichlet allocation", figure 6.

    Args:
        counts: n, how often each word is in each document, (B, V).
        log_topics: E[log β], (K, V).
        alpha: of the prior of θ.
        tolerance: the search ends once the mean change of γ is below this for every document.
        sweeps: the largest number of sweeps.
    """
    topics = log_topics.exp()
    gamma = torch.ones(len(counts), len(topics), dtype=counts.dtype)
    for _ in range(sweeps):
        weight = expected_log(gamma).exp()
        new = alpha + weight * ((counts / _norm(weight, topics)) @ topics.mT)
        moved = float((new - gamma).abs().mean(1).max()) if len(new) else 0.0
        gamma = new
        if moved < tolerance:
            break
    return gamma


def word_shares(counts: Tensor, gamma: Tensor, log_topics: Tensor) -> Tensor:
    """n_dv φ_dvk: the expected count of each word from each topic, (B, K, V)."""
    topics, weight = log_topics.exp(), expected_log(gamma).exp()
    ratio = counts / _norm(weight, topics)
    return weight[:, :, None] * topics * ratio[:, None, :]


def document_bound(counts: Tensor, gamma: Tensor, log_topics: Tensor, alpha: float) -> Tensor:
    """E_q[log p(words, θ, topics of words)] + entropy, a lower bound on log p(words), (B,), nats.

    Σ_v n_v log Σ_k exp(E[log θ_k] + E[log β_kv]) − KL(q(θ) ‖ p(θ)); the words are ordered, so
    there is no multinomial coefficient.
    """
    words = expected_log(gamma)[:, :, None] + log_topics
    fit = (counts * words.logsumexp(1)).sum(1)
    prior = Dirichlet(torch.full_like(gamma, alpha))
    return fit - torch.distributions.kl_divergence(Dirichlet(gamma), prior)


def _norm(weight: Tensor, topics: Tensor) -> Tensor:
    """Σ_k exp(E[log θ_k] + E[log β_kv]), (B, V), kept above zero."""
    return weight @ topics + torch.finfo(weight.dtype).tiny


@dataclass(frozen=True)
class TopicsOptions(Options):
    """Options of the topic model."""

    topics: int = option(10, "number K of topics", low=2, high=64, label="Topics K")
    mixing: float = option(
        0.5,
        "concentration of the prior of topic proportions; small values: few topics in an image",
        low=1e-3,
        high=100.0,
        log=True,
        label="Topic-proportion concentration",
    )
    ink_prior: float = option(
        0.1,
        "concentration of the prior of a topic's pixels; small values: topics with few pixels",
        low=1e-3,
        high=100.0,
        log=True,
        label="Topic concentration",
    )
    grey_levels: int = option(
        16,
        "number of words of a white pixel",
        low=1,
        high=255,
        advanced=True,
        label="Words per white pixel",
    )


@MODELS.register(
    "topics",
    title="Topics (latent Dirichlet allocation)",
    summary="An image is a bag of pixels from a few topics, and each topic is an image.",
    order=230,
)
class Topics(
    GenerativeModel[TopicsOptions], HasDecoder, HasEncoder, Bayesian, HasComponents, HasWordBound
):
    """β_k ~ Dirichlet(ink_prior), θ ~ Dirichlet(mixing), each word of an image ~ θ β.

    Its parameters are λ_k of q(β_k) = Dirichlet(λ_k). z = θ; a code is decoded to the image of
    that mixture of topics with the mean number of words.

    Source: Blei, Ng and Jordan 2003, "Latent Dirichlet allocation"; Hoffman, Blei and Bach 2010,
    "Online learning for latent Dirichlet allocation".
    """

    Options = TopicsOptions
    natural: Tensor
    ink: Tensor

    def __init__(self, options: TopicsOptions, meta: DataMeta) -> None:
        super().__init__(options, meta)
        self.latent = options.topics
        rate = torch.full((options.topics, meta.dim), 100.0, dtype=torch.float64)
        self.register_buffer("natural", torch._standard_gamma(rate) / 100.0)
        #: The mean number of words of an image.
        self.register_buffer("ink", torch.tensor(0.2 * meta.dim * options.grey_levels))

    @classmethod
    def incompatibility(cls, meta: DataMeta) -> str | None:
        return None if meta.is_image and meta.support != "real" else "it needs images"

    @classmethod
    def defaults(cls, meta: DataMeta) -> dict[str, Any]:
        return {"objective": "bayes"} | ({"grey_levels": 1} if meta.support == "binary" else {})

    def words(self, x: Tensor) -> Tensor:
        """The bag of pixels of each example, see :func:`words`, (B, V)."""
        return words(x, self.options.grey_levels)

    def set_parameters(self, natural: Tensor, ink: Tensor) -> None:
        """Set λ (K, V) and the mean number of words ()."""
        self.natural.copy_(natural)
        self.ink.copy_(ink)

    def prior(self) -> Distribution:
        return Dirichlet(torch.full((self.latent,), self.options.mixing), validate_args=False)

    def encode(self, x: Tensor) -> Distribution:
        gamma = proportions(self.words(x), expected_log(self.natural), self.options.mixing)
        return Dirichlet(gamma.to(x.dtype), validate_args=False)

    def decode(self, z: Tensor) -> Distribution:
        picture = z @ self.shares().to(z.dtype) * (self.ink / self.options.grey_levels)
        picture = picture.clamp(0.0, 1.0).view(len(z), *self.data_shape)
        return Point(picture, len(self.data_shape))

    def sample(self, n: int) -> Tensor:
        return self.decode(self.prior().sample(torch.Size((n,)))).mean

    def bound(self, x: Tensor) -> Tensor:
        """A lower bound on log p(words of x | λ) of each example, (B,) in nats."""
        counts, log_topics = self.words(x), expected_log(self.natural)
        gamma = proportions(counts, log_topics, self.options.mixing)
        return document_bound(counts, gamma, log_topics, self.options.mixing)

    def shares(self) -> Tensor:
        """E[β], (K, V)."""
        return self.natural / self.natural.sum(1, keepdim=True)

    def parts(self) -> tuple[Tensor, Tensor]:
        """Each topic scaled to a white maximum, and its share of the words."""
        shares = self.shares()
        pictures = (shares / shares.amax(1, keepdim=True)).float()
        total = self.natural.sum(1)
        return pictures.view(-1, *self.data_shape), (total / total.sum()).float()
