"""log p along the flow and the ELBO of a diffusion, on the test split."""

from __future__ import annotations

import torch

from genlab.core.measure import Series
from genlab.metrics.base import METRICS, Metric, MetricValue, Subject, mean_over_examples
from genlab.models.base import HasDiffusionSteps, HasProbabilityPath
from genlab.models.dequantise import log_density_kind, log_density_title
from genlab.paths.likelihood import EXACT_UP_TO
from genlab.probes.flow_likelihood import STRATA, stratified_terms


@METRICS.register("log_prob_ode", title="log p(x) along the flow", order=60)
class LogProbODE(Metric):
    """The mean of log p(x) by the instantaneous change of variables, with the exact divergence.

    Source: Chen et al. 2018, "Neural ordinary differential equations", equation 8.
    """

    @classmethod
    def fits(cls, subject: Subject) -> bool:
        path = isinstance(subject.model, HasProbabilityPath)
        return path and subject.data.meta.dim <= EXACT_UP_TO

    def measure(self, subject: Subject) -> list[MetricValue]:
        model, x = subject.model, subject.x
        assert isinstance(model, HasProbabilityPath)
        values = torch.cat([model.log_prob_ode(part).log_prob for part in x.split(250)])
        title = log_density_title("log p(x) by the ODE, test", type(model), subject.data.meta)
        kind = log_density_kind("Monte Carlo", type(model), subject.data.meta)
        row = Series("test_log_prob_ode", title, "loss", "nats", kind, len(x), "higher")
        return [mean_over_examples(row, values)]


@METRICS.register("diffusion_elbo", title="ELBO of a diffusion", order=70)
class DiffusionBound(Metric):
    """The ELBO of T + 1 terms, with one draw in each of some strata of the steps.

    Source: Ho, Jain and Abbeel 2020, "Denoising diffusion probabilistic models", equation 5.
    """

    @classmethod
    def fits(cls, subject: Subject) -> bool:
        return isinstance(subject.model, HasDiffusionSteps)

    def measure(self, subject: Subject) -> list[MetricValue]:
        model, x = subject.model, subject.x
        assert isinstance(model, HasDiffusionSteps)
        parts = [stratified_terms(model, part, STRATA) for part in x.split(250)]
        values = torch.cat([-torch.stack([v for _, v in rows]).sum(0) for rows in parts])
        title = log_density_title("ELBO of the diffusion, test", type(model), subject.data.meta)
        row = Series("test_diffusion_elbo", title, "loss", "nats", "lower bound", len(x), "higher")
        return [mean_over_examples(row, values)]
