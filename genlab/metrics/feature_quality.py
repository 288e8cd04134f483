"""The quality of a model's samples against held-out images, in the features of a classifier."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from genlab.core.errors import DataError
from genlab.core.measure import Estimate, Series
from genlab.core.random import generator, scope
from genlab.core.tables import JOBS
from genlab.data.base import DataMeta, Dataset, Progress
from genlab.metrics.base import T7, MetricValue, mean_estimate
from genlab.metrics.features import Features, features_of
from genlab.metrics.sample_quality import (
    SHARES,
    K,
    NeighbourScores,
    expected_coverage,
    frechet_at_infinity,
    kernel_inception,
    neighbour_scores,
)
from genlab.models.base import GenerativeModel
from genlab.probes.common import generated_examples

#: Held-out examples at most; sets of samples, and samples in each at most.
REAL, SETS, EACH = 2000, 8, 500
OVER_BOTH = "1.96 SE over held-out examples and samples, at infinitely many of both"
KERNEL = "inverted distribution of a squared kernel distance, over held-out examples and samples"
OVER_SETS = f"mean ± 2.36 SE (Student's t) over {SETS} sets of samples, held-out images fixed"


#: The failures that each number does not detect.
BLIND: Mapping[str, str] = {
    "quality_frechet": "what mean and covariance of the features leave out, and copies of "
    "training images",
    "quality_kernel": "moments of the features above the third, and copies of training images",
    "quality_precision": "missing classes, and copies of training images",
    "quality_recall": "how often a kind of image is generated, and images of poor quality",
    "quality_density": "missing classes, and copies of training images",
    "quality_coverage": "images of poor quality beside good ones, and copies of training images",
}


def has_quality(meta: DataMeta) -> bool:
    """Whether the quality of samples can be measured: on images with at least two classes.

    Example:
        >>> from genlab.core.tables import DATASETS
        >>> [has_quality(DATASETS[name].meta(DATASETS[name].Options())) for name in
        ...  ("digits", "ring")]
        [True, False]
    """
    return meta.is_image and len(meta.classes) > 1


def measure_quality(
    model: GenerativeModel,
    data: Dataset,
    seed: int = 0,
    progress: Progress | None = None,
) -> tuple[list[MetricValue], Features]:
    """Fréchet and kernel distance, precision, recall, density and coverage.

    Args:
        model: used in evaluation mode, and left in the mode it was in.
        data: images with classes; the test and the validation split are used.
        seed: of the samples.
        progress: called with a fraction and a sentence.

    Returns:
        The numbers with their intervals, and the features in which they were measured.

    Raises:
        DataError: where the data are no images, have no classes, or too few held-out examples.
    """
    tell = progress or (lambda *_: None)
    features = features_of(data, lambda share, words: tell(0.4 * share, words))
    real = data.test.x[:REAL]
    if len(real) <= K:
        raise DataError(
            f"The quality of samples needs more than {K} test examples, not {len(real)}; nothing "
            "was measured."
        )
    each = min(EACH, len(real))
    training = model.training
    model.eval()
    try:
        with scope(seed, "sample quality"), torch.no_grad():
            if data.draw is not None:
                real = data.draw(real)
            sets = []
            for number in range(SETS):
                tell(0.4 + 0.5 * number / SETS, f"{each} images are generated")
                x, what = generated_examples(model, data, each)
                sets.append(features(x))
            there = features(real)
    finally:
        model.train(training)
    tell(0.92, "distances")
    found = _distances(there, torch.cat(sets), features, what, seed)
    return [*found, *_neighbours(there[:each], sets, data, features, what)], features


def _distances(
    real: Tensor, fake: Tensor, features: Features, what: str, seed: int
) -> list[MetricValue]:
    """The Fréchet distance, if there are enough examples, and the kernel distance."""
    found = []
    n = len(real) + len(fake)
    if int(min(len(real), len(fake)) * SHARES[0][0]) > real.shape[1]:
        distance = frechet_at_infinity(real, fake, generator(seed, "frechet"))
        series = _series("frechet", "Fréchet distance at n = ∞", features, what, n, "lower", 0.0)
        one = Estimate(distance.value, series, distance.low, distance.high)
        found.append(MetricValue(one, OVER_BOTH))
    kernel = kernel_inception(real, fake)
    series = _series("kernel", "kernel distance, cubic", features, what, n, "lower", 0.0)
    found.append(MetricValue(Estimate(kernel.value, series, kernel.low, kernel.high), KERNEL))
    return found


def _neighbours(
    real: Tensor, sets: list[Tensor], data: Dataset, features: Features, what: str
) -> list[MetricValue]:
    scores = [neighbour_scores(real, fake) for fake in sets]
    equal = _reference(real, data, features)
    titles = {
        "precision": "precision of samples",
        "recall": "recall of samples",
        "density": "density of samples",
        "coverage": "coverage of held-out images",
    }
    found = []
    for name, title in titles.items():
        values = torch.tensor([getattr(one, name) for one in scores], dtype=torch.float64)
        truth = getattr(equal, name)
        series = _series(name, title, features, what, 2 * len(real), "higher", truth)
        found.append(MetricValue(mean_estimate(series, values, T7), OVER_SETS))
    return found


def _reference(real: Tensor, data: Dataset, features: Features) -> NeighbourScores:
    """The scores of validation images, which have the distribution of the test images.

    Density and coverage have these values for any distribution; precision and recall depend on the
    distribution and its dimension, so they are measured.
    """
    n = len(real)
    other = data.validation.x[:n]
    if len(other) <= K:
        return NeighbourScores(float("nan"), float("nan"), 1.0, expected_coverage(n, n))
    if data.draw is not None:
        with scope(0, "reference images"):
            other = data.draw(other)
    seen = neighbour_scores(real, features(other))
    return NeighbourScores(seen.precision, seen.recall, 1.0, expected_coverage(n, n))


def _series(
    name: str, title: str, features: Features, what: str, n: int, better: Any, truth: float
) -> Series:
    unit = "probability" if better == "higher" and name != "density" else "feature units"
    return Series(
        f"quality_{name}",
        f"{title}, {features.label}, {what}",
        "quality",
        "dimensionless" if name == "density" else unit,
        "Monte Carlo",
        n,
        better,
        truth if truth == truth else None,
        "held-out against held-out" if better == "higher" else "equal distributions",
    )


@JOBS.register("sample_quality", title="Sample quality in the features of a classifier")
def sample_quality_job(
    model: GenerativeModel, data: Dataset, values: Mapping[str, Any], progress: Progress
) -> dict[str, Any]:
    """:func:`measure_quality`.

    Args:
        model: in evaluation mode.
        data: the run's dataset.
        values: ``seed``.
        progress: called with a fraction and a sentence.

    Returns:
        ``metrics``: for each its name, what :meth:`genlab.core.measure.Estimate.flat` holds,
        ``how`` its interval was computed, ``equal``, the value of held-out against held-out
        images, and ``blind``, the failures that it does not detect; ``features``: hash, accuracy
        and number of test examples of the classifier.
    """
    found, features = measure_quality(model, data, int(values["seed"]), progress)
    return {
        "metrics": [
            {
                "name": one.estimate.series.name,
                **one.estimate.flat(),
                "how": one.how,
                "equal": one.estimate.series.truth,
                "blind": BLIND[one.estimate.series.name],
            }
            for one in found
        ],
        "features": {
            "hash": features.hash,
            "accuracy": features.accuracy,
            "tested": features.tested,
            "shipped": features.shipped,
        },
    }
