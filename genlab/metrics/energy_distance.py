"""The energy distance between real and generated examples, with its standard error.

    E(P, Q) = 2 E|X − Y| − E|X − X'| − E|Y − Y'| ≥ 0,   zero where P = Q and nowhere else,

in Euclidean distances of the data, estimated without bias by means over pairs of different
examples. Unlike the shares of samples that lie near a real example, it is not content with the
middle of the data: blurred samples are too close to each other, which the last term sees. In many
dimensions it is less sensitive to fine detail than a classifier two-sample test.

Source: Székely and Rizzo 2013, "Energy statistics: a class of statistics based on distances";
the interval is that of :mod:`genlab.divergences.kernel_interval`, as the distance is that of the
kernel −‖x − y‖; the standard error for comparisons is that of a U-statistic's projections,
Hoeffding 1948.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from genlab.core.measure import Estimate, Series
from genlab.divergences.kernel_interval import kernel_distance
from genlab.metrics.base import METRICS, Metric, MetricValue, Subject
from genlab.probes.common import generated_examples

#: How its interval comes about.
KERNEL = "inverted distribution of a squared kernel distance, over test examples and samples"
#: By differences, not by the quicker inner products, which round where two are near.
EXACT = "donot_use_mm_for_euclid_dist"


@dataclass(frozen=True)
class Energy:
    """The estimate.

    Args:
        values: (n,) of the real examples: their mean is the estimate, their variance over n the
            part of its variance that is due to them.
        noise: the part that is due to the generated examples.
        low, high: the 95 % interval, which holds at equal distributions too, where the standard
            error of the projections is too large.
    """

    values: Tensor
    noise: float
    low: float
    high: float

    @property
    def value(self) -> float:
        """The distance, in the unit of the data; slightly below 0 is possible."""
        return float(self.values.mean())

    @property
    def error(self) -> float:
        """Its standard error."""
        return math.sqrt(float(self.values.var()) / len(self.values) + self.noise)


def energy(x: Tensor, fake: Tensor) -> Energy:
    """The energy distance of two sets of examples.

    Args:
        x: real, (n, ...), n ≥ 2.
        fake: generated, (m, ...), m ≥ 2.

    Example:
        >>> x = torch.tensor([[0.0], [2.0]])
        >>> energy(x, torch.tensor([[1.0], [1.0]])).value
        0.0
    """
    p, q = x.flatten(1).double(), fake.flatten(1).double()
    between = torch.cdist(p, q, compute_mode=EXACT)
    within_p, within_q = (torch.cdist(z, z, compute_mode=EXACT) for z in (p, q))
    real, generated = _others(within_p), _others(within_q)
    value = float(2.0 * between.mean() - real.mean() - generated.mean())
    ours = 2.0 * (between.mean(dim=1) - real)
    theirs = 2.0 * (between.mean(dim=0) - generated)
    found = kernel_distance(-within_p, -within_q, -between)
    return Energy(ours - ours.mean() + value, float(theirs.var()) / len(q), found.low, found.high)


def _others(distances: Tensor) -> Tensor:
    """The mean distance of each row from the other rows, (n, n) -> (n,)."""
    return distances.sum(dim=1) / (len(distances) - 1)


@METRICS.register("energy", title="Energy distance", order=20)
class EnergyDistance(Metric):
    """The energy distance of as many samples as test examples: it fits every model alike."""

    order = 70

    @classmethod
    def fits(cls, subject: Subject) -> bool:
        meta = subject.data.meta
        few = subject.low_dimensional and len(meta.columns) < 2
        return (meta.is_image or few) and len(subject.x) > 1

    def measure(self, subject: Subject) -> list[MetricValue]:
        model, data, x = subject.model, subject.data, subject.x
        fake, what = generated_examples(model, data, len(x))
        found = energy(x.float(), fake)
        series = Series(
            "test_energy",
            f"energy distance of samples from test examples, {what}",
            "distance",
            "data units",
            "Monte Carlo",
            2 * len(x),
            "lower",
            0.0,
            "equal distributions",
        )
        one = Estimate(found.value, series, found.low, found.high)
        return [MetricValue(one, KERNEL, found.values, found.noise)]
