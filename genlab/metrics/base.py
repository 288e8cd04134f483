"""The interface of metrics: each is a row of the table METRICS, measured on a trained model.

A metric states which models and data it fits, and returns numbers with 95 % intervals. The command
``genlab evaluate``, Compare, the report and the docs read the table.
"""

from __future__ import annotations

import abc
import math
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from genlab.core.measure import Estimate, Series
from genlab.core.registry import Registry
from genlab.core.run_spec import RunSpec
from genlab.core.tables import OBJECTIVES
from genlab.data.base import Dataset
from genlab.models.base import GenerativeModel
from genlab.objectives.base import Objective

METRICS: Registry[type[Metric]] = Registry("metric", "genlab.metrics")

#: The two-sided 95 % point of the normal distribution.
Z = 1.959964
#: That of Student's t with 7 degrees of freedom, for means over eight sets.
T7 = 2.364624
#: Samples in one set of the metrics in the plane, and how many sets.
TOY_N, TOY_SETS = 2500, 8
#: How an interval was computed.
OVER = "mean ± 1.96 SE over test examples"
SETS = f"mean ± 2.36 SE (Student's t) over {TOY_SETS} sets of samples"
WILSON, BOOTSTRAP = "Wilson's interval", "bootstrap over test examples, 200 resamples"
DELTA = "± 1.96 SE by the delta method"


@dataclass(frozen=True)
class Subject:
    """What is measured: a trained model on test examples of its dataset.

    Args:
        model: in evaluation mode.
        data: its dataset.
        x: the test examples, (n, *data_shape).
        y: their classes, (n,), None where there are none.
        spec: of the run that trained it; None where it is not known.
    """

    model: GenerativeModel
    data: Dataset
    x: Tensor
    y: Tensor | None = None
    spec: RunSpec | None = None

    @property
    def objective(self) -> Objective | None:
        """The objective that trained the model; it defines the meaning of a critic's score."""
        if self.spec is None:
            return None
        found: Objective = OBJECTIVES[self.spec.objective](self.spec.objective_options)
        return found

    @property
    def model_input(self) -> Tensor:
        """The test examples as the model learns them: NaN where missing entries are known."""
        if not self.data.meta.gaps:
            return self.x
        return self.data.test.model_input(self.data.meta)[: len(self.x)]

    @property
    def low_dimensional(self) -> bool:
        """Whether the data are points on a line or in a plane."""
        return self.data.meta.shape in {(1,), (2,)}


@dataclass(frozen=True)
class MetricValue:
    """An estimate, and the values from which its difference to another model is computed.

    Args:
        estimate: the number with its 95 % interval.
        how: how the interval was computed, in words.
        values: where the number is a mean over the test examples in their order, the values, (n,).
        noise: the part of its variance that comes from the model's samples, not from the examples.
    """

    estimate: Estimate
    how: str
    values: Tensor | None = None
    noise: float = 0.0


class Metric(abc.ABC):
    """A measurement of a trained model, one or several numbers.

    Attributes:
        name: of the row, unique in the table.
        order: metrics are measured in this order, on one random stream. A new metric keeps the
            default order, so the draws of the other metrics do not change.
    """

    name: ClassVar[str]
    order: ClassVar[int] = 1000

    @classmethod
    @abc.abstractmethod
    def fits(cls, subject: Subject) -> bool:
        """Whether the model's capabilities and the data allow this measurement."""

    @abc.abstractmethod
    def measure(self, subject: Subject) -> list[MetricValue]:
        """Measure; called in evaluation mode, without gradients, in a seeded scope.

        Args:
            subject: model and test examples.

        Returns:
            The numbers with their 95 % intervals; none where this model has nothing to measure.
        """


def metrics_for(subject: Subject) -> list[type[Metric]]:
    """The rows of the table that fit, in the order in which they are measured."""
    rows = [row.value for row in METRICS.rows() if row.value.fits(subject)]
    return sorted(rows, key=lambda metric: (metric.order, metric.name))


def mean_estimate(series: Series, values: Tensor, z: float = Z) -> Estimate:
    """The mean of independent values, ± ``z`` standard errors."""
    values = values.double()
    mean = float(values.mean())
    half = z * float(values.std()) / math.sqrt(len(values)) if len(values) > 1 else 0.0
    return Estimate(mean, series, mean - half, mean + half)


def share_estimate(series: Series, hits: float, n: int) -> Estimate:
    """A share with Wilson's interval.

    Example:
        >>> s = Series("a", "a", "g", "probability", "Monte Carlo")
        >>> e = share_estimate(s, 50, 100)
        >>> round(e.low, 4), e.value, round(e.high, 4)
        (0.4038, 0.5, 0.5962)
    """
    share, z2 = hits / n, Z * Z
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = Z * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    # At 0 and n hits an end is the share itself, but for the rounding.
    low, high = min(share, centre - half), max(share, centre + half)
    return Estimate(share, series, max(0.0, low), min(1.0, high))


def ratio_estimate(series: Series, above: Tensor, below: Tensor) -> Estimate:
    """Σ a / Σ b of independent pairs, ± 1.96 standard errors by the delta method.

    SE² = Var(a − r b) / (n b̄²), r the ratio. Source: Cochran 1977, "Sampling techniques",
    section 2.11.

    Args:
        above, below: a and b, (n,) each.

    Example:
        >>> import torch
        >>> s = Series("a", "a", "g", "nats", "Monte Carlo")
        >>> ratio_estimate(s, torch.tensor([1.0, 2.0]), torch.tensor([2.0, 4.0])).high
        0.5
    """
    a, b = above.double(), below.double()
    ratio = float(a.sum() / b.sum())
    spread = float((a - ratio * b).std()) if len(a) > 1 else 0.0
    half = Z * spread / (math.sqrt(len(a)) * float(b.mean()))
    return Estimate(ratio, series, ratio - half, ratio + half)


def mean_over_examples(series: Series, values: Tensor) -> MetricValue:
    """The mean over the test examples, with the values behind it, (n,)."""
    return MetricValue(mean_estimate(series, values), OVER, values)
