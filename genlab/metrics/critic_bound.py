"""Lower bounds of divergences by the model's own critic, on examples that it has not seen."""

from __future__ import annotations

import torch
from torch import Tensor

from genlab.core.measure import Estimate, Series
from genlab.divergences import js_bound
from genlab.divergences.f import FDivergence
from genlab.divergences.quadrature import bound_from_samples
from genlab.metrics.base import (
    DELTA,
    METRICS,
    WILSON,
    Metric,
    MetricValue,
    Subject,
    Z,
    share_estimate,
)
from genlab.models.base import HasCritic
from genlab.probes.adversarial import is_adversarial
from genlab.probes.common import frozen_batchnorm


@METRICS.register("critic_bound", title="The divergence that the critic proves", order=10)
class CriticBound(Metric):
    """JS ≥ (V + log 4)/2 of a discriminator, or E T(x) − E f*(T(G(z))) of an f-GAN's critic.

    Sources: Goodfellow et al. 2014, section 4.1; Nowozin, Cseke and Tomioka 2016, equation 4. A
    critic of packs gives no bound for single examples, and a score without a scale gives none at
    all.
    """

    order = 40

    @classmethod
    def fits(cls, subject: Subject) -> bool:
        model = subject.model
        return is_adversarial(type(model)) and isinstance(model, HasCritic) and model.pack == 1

    def measure(self, subject: Subject) -> list[MetricValue]:
        model, data, x = subject.model, subject.data, subject.x
        assert isinstance(model, HasCritic)
        n = len(x)
        objective = subject.objective
        if objective and not any(player.name == "discriminator" for player in objective.players):
            return []
        divergence = None if objective is None else objective.critic_divergence
        logit = objective is None or objective.critic_is_logit
        if not logit and divergence is None:
            return []
        with frozen_batchnorm(model, data):
            real = torch.cat([model.score(part) for part in x.split(250)])
            fake = torch.cat([model.score(model.sample(len(part))) for part in x.split(250)])
        if divergence is not None:
            return [MetricValue(_f_bound(divergence, real, fake), DELTA)]
        bound, error = js_bound(real, fake)
        js = Series(
            "test_js_bound",
            "JS(data ‖ generated) ≥ (V + log 4)/2, test",
            "divergence",
            "nats",
            "lower bound",
            n,
            "lower",
            0.0,
            "equilibrium: 0 (ceiling: log 2 = 0.693)",
        )
        accuracy = Series(
            "test_d_accuracy",
            "share that D classifies correctly, test",
            "confidence",
            "probability",
            "Monte Carlo",
            2 * n,
            "none",
            0.5,
            "equilibrium",
        )
        hits = int((real > 0).sum()) + int((fake <= 0).sum())
        return [
            MetricValue(Estimate(bound, js, bound - Z * error, bound + Z * error), DELTA),
            MetricValue(share_estimate(accuracy, hits, 2 * n), WILSON),
        ]


def _f_bound(row: FDivergence, real: Tensor, fake: Tensor) -> Estimate:
    """The bound of an f-GAN's own divergence, from its critic's scores."""
    series = Series(
        "test_f_bound",
        f"{row.title}(data ‖ generated) ≥ E T(x) − E f*(T(G(z))), test",
        "divergence",
        row.unit,
        "lower bound",
        len(real),
        "lower",
        row.at_one,
        f"P = Q: {row.at_one:.3g}",
    )
    one = bound_from_samples(row, real, fake, score=True)
    return Estimate(one.value, series, one.low, one.high)
