"""Every metric that fits a trained model, measured on the test split."""

from __future__ import annotations

import torch

from genlab.core.measure import Estimate
from genlab.core.random import scope
from genlab.core.run_spec import RunSpec
from genlab.data.base import Dataset
from genlab.metrics.base import MetricValue, Subject, metrics_for
from genlab.models.base import GenerativeModel


def evaluate(
    model: GenerativeModel,
    data: Dataset,
    seed: int = 0,
    n: int = 1000,
    spec: RunSpec | None = None,
) -> list[Estimate]:
    """Every metric that the model's capabilities and the data allow.

    Each value comes with a 95 % interval: over test examples (mean ± 1.96 standard errors, or
    the bootstrap), or over independent sets of samples.

    Args:
        model: used in evaluation mode, and left in the mode it was in.
        data: its dataset; the test split is used.
        seed: of the noise; the same seed gives the same numbers.
        n: test examples used, at most; as many examples are generated.
        spec: of the run that trained it, which defines the meaning of a critic's score; without
            it σ of the score is taken for the probability of being real.
    """
    return [one.estimate for one in evaluate_with_samples(model, data, seed, n, spec)]


def evaluate_with_samples(
    model: GenerativeModel,
    data: Dataset,
    seed: int = 0,
    n: int = 1000,
    spec: RunSpec | None = None,
) -> list[MetricValue]:
    """What :func:`evaluate` gives, with the values behind each number."""
    y = None if data.test.y is None else data.test.y[:n]
    training = model.training
    model.eval()
    try:
        with scope(seed, "evaluate"), torch.no_grad():
            subject = Subject(model, data, data.test.x[:n], y, spec)
            return [one for metric in metrics_for(subject) for one in metric().measure(subject)]
    finally:
        model.train(training)
