"""Latent Dirichlet allocation by stochastic variational inference."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from genlab.core.errors import SpecError
from genlab.core.random import generator
from genlab.inference.base import finite, positive
from genlab.inference.conjugate import ConditionallyConjugate, Local
from genlab.models.topics import (
    SWEEPS,
    TOLERANCE,
    document_bound,
    expected_log,
    proportions,
    word_shares,
)


class LDA(ConditionallyConjugate):
    """β_k ~ Dirichlet(η), θ_d ~ Dirichlet(α), each word of document d ~ θ_d β.

    Global: q(β_k) = Dirichlet(λ_k), λ is (K, V); local: q(θ_d) = Dirichlet(γ_d) and the topic φ_dv
        of each word, by coordinate ascent. λ̂ = η + (N / B) Σ_d n_dv φ_dvk.

    Source: Hoffman, Blei and Bach 2010, "Online learning for latent Dirichlet allocation";
    Hoffman, Blei, Wang and Paisley 2013, section 3.

    Args:
        topics: K.
        words: V, the size of the vocabulary (for images, the number of pixels).
        alpha: concentration of the proportions, above 0.
        eta: concentration of the topics, above 0.
        tolerance: the local search ends once the mean change of γ over topics is below this.
        sweeps: the largest number of sweeps of the local search.

    Raises:
        SpecError: if a number is out of range.

    Example:
        >>> lda = LDA(topics=2, words=3)
        >>> lda.start(0, None).shape
        torch.Size([2, 3])
    """

    def __init__(
        self,
        topics: int,
        words: int,
        alpha: float = 0.1,
        eta: float = 0.1,
        tolerance: float = TOLERANCE,
        sweeps: int = SWEEPS,
    ) -> None:
        for name, value in (("topics", topics), ("words", words), ("sweeps", sweeps)):
            if value < 1:
                raise SpecError(name, value, "allowed: a whole number from 1")
        self.topics, self.words = topics, words
        self.alpha, self.eta = positive("alpha", alpha), positive("eta", eta)
        self.tolerance, self.sweeps = positive("tolerance", tolerance), sweeps
        self.prior = torch.full((topics, words), self.eta, dtype=torch.float64)

    def log_normaliser(self, natural: Tensor) -> Tensor:
        return (torch.lgamma(natural).sum(1) - torch.lgamma(natural.sum(1))).sum()

    def mean_parameters(self, natural: Tensor) -> Tensor:
        return expected_log(natural)

    def validate(self, x: Tensor) -> Tensor:
        counts = finite("batch", x)
        if counts.dim() != 2 or counts.shape[1] != self.words:
            raise SpecError(
                "batch", tuple(counts.shape), f"allowed: counts of {self.words} words, (n, V)"
            )
        if bool((counts < 0).any()):
            raise SpecError("batch", float(counts.min()), "allowed: counts from 0")
        return counts

    def start(self, seed: int, x: Tensor | None) -> Tensor:
        """Gamma(100, 1/100) in each entry: close to 1, with different topics."""
        source = generator(seed, "lda")
        # The sum of squares of 200 normals over 200 is a Gamma(100) over 100.
        noise = torch.randn(200, *self.prior.shape, generator=source, dtype=torch.float64)
        return noise.square().mean(0)

    def proportions(self, natural: Tensor, counts: Tensor) -> Tensor:
        """The optimal γ of each document, (B, K)."""
        log_topics = expected_log(natural)
        return proportions(counts, log_topics, self.alpha, self.tolerance, self.sweeps)

    def local(self, natural: Tensor, x: Tensor) -> Local:
        log_topics = expected_log(natural)
        gamma = self.proportions(natural, x)
        return Local(
            word_shares(x, gamma, log_topics), document_bound(x, gamma, log_topics, self.alpha)
        )

    def per_word(self, natural: Tensor, counts: Tensor) -> float:
        """The bound on log p(word) of documents with fixed topics q(β), in nats per word.

        For held-out documents exp(−bound) is an upper bound of the perplexity.
        """
        counts = self.validate(counts)
        return float(self.local(natural, counts).bound.sum() / counts.sum().clamp_min(1.0))

    def perplexity(self, natural: Tensor, counts: Tensor) -> float:
        """exp(−bound per word), an upper bound of the perplexity, which is V for uniform words."""
        return math.exp(-self.per_word(natural, counts))
