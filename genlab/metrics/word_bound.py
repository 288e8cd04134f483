"""The bound of a topic model on log p(word), and the perplexity."""

from __future__ import annotations

import math

import torch

from genlab.core.measure import Estimate, Series
from genlab.metrics.base import DELTA, METRICS, Metric, MetricValue, Subject, ratio_estimate
from genlab.models.base import HasWordBound


@METRICS.register("word_bound", title="Bound on log p(word), and perplexity", order=90)
class WordBound(Metric):
    """The variational bound on log p(word) of test examples, and the bound of the perplexity.

    perplexity ≤ exp(−Σ bound / Σ words). Source: Blei, Ng and Jordan 2003, "Latent Dirichlet
    allocation", section 7.1.
    """

    order = 20

    @classmethod
    def fits(cls, subject: Subject) -> bool:
        return isinstance(subject.model, HasWordBound)

    def measure(self, subject: Subject) -> list[MetricValue]:
        model, x = subject.model, subject.x
        assert isinstance(model, HasWordBound)
        inked = x[model.words(x).sum(1) > 0]
        if not len(inked):
            return []
        counts = model.words(inked).sum(1)
        bound = torch.cat([model.bound(part) for part in inked.split(250)])
        n = len(inked)
        title = "log p(word) ≥, variational bound, test"
        row = Series("test_word_bound", title, "words", "nats/word", "lower bound", n, "higher")
        one = ratio_estimate(row, bound, counts)
        title = (
            f"perplexity ≤, from the variational bound, test; of {subject.data.meta.dim} pixels"
        )
        row = Series("test_perplexity", title, "perplexity", "words", "upper bound", n, "lower")
        value, low, high = (math.exp(-v) for v in (one.value, one.high, one.low))
        return [MetricValue(one, DELTA), MetricValue(Estimate(value, row, low, high), DELTA)]
