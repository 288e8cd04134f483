"""The log-density of test examples, for models that know it exactly."""

from __future__ import annotations

import torch

from genlab.core.measure import Series
from genlab.metrics.base import METRICS, Metric, MetricValue, Subject, mean_over_examples
from genlab.models.base import HasLogProb
from genlab.models.dequantise import log_density_kind, log_density_title


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
        title = log_density_title("log p(x), test", type(model), subject.data.meta)
        kind = log_density_kind("exact", type(model), subject.data.meta)
        series = Series("test_log_prob", title, "loss", "nats", kind, len(x), "higher")
        return [mean_over_examples(series, values)]
