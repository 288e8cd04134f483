"""The log-density of test examples, for models that know it exactly."""

from __future__ import annotations

import torch

from genlab.core.measure import Series
from genlab.metrics.base import METRICS, Metric, MetricValue, Subject, mean_over_examples
from genlab.models.base import HasLogProb


@METRICS.register("log_prob", title="log p(x), exact", order=40)
class LogProb(Metric):
    """The mean of log p(x) over the test examples, in nats."""

    order = 10

    @classmethod
    def fits(cls, subject: Subject) -> bool:
        return isinstance(subject.model, HasLogProb)

    def measure(self, subject: Subject) -> list[MetricValue]:
        model, x = subject.model, subject.x
        assert isinstance(model, HasLogProb)
        values = torch.cat([model.log_prob(part) for part in x.split(250)])
        title = ", ".join(filter(None, ("log p(x), test", subject.data.meta.unit_note)))
        series = Series("test_log_prob", title, "loss", "nats", "exact", len(x), "higher")
        return [mean_over_examples(series, values)]
