"""How well the posterior of a log-joint predicts rows that it has not seen."""

from __future__ import annotations

from genlab.core.measure import Series
from genlab.metrics.base import METRICS, Metric, MetricValue, Subject, mean_over_examples
from genlab.models.bayesian import HasDraws


@METRICS.register("posterior_prediction", title="log predictive density of test rows", order=50)
class PosteriorPrediction(Metric):
    """log (1/S) Σ_s p(row | θ_s), θ_s draws of the posterior, and the model's own estimates."""

    order = 50

    @classmethod
    def fits(cls, subject: Subject) -> bool:
        return isinstance(subject.model, HasDraws)

    def measure(self, subject: Subject) -> list[MetricValue]:
        model, x = subject.model, subject.x
        assert isinstance(model, HasDraws)
        found = model.log_predictive(x)
        # The model's estimates of its own parameters, from its posterior draws.
        own = [MetricValue(one, "from the model's own draws") for one in model.estimates()]
        if found is None:
            return own
        series = Series(
            "test_log_predictive",
            "log mean_θ p(row | θ), test",
            "prediction",
            "nats",
            "Monte Carlo",
            len(x),
            "higher",
        )
        return [mean_over_examples(series, found), *own]
