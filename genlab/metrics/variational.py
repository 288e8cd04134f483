"""Bounds on log p(x) of test examples, and the active units, for models with an encoder."""

from __future__ import annotations

import torch
from torch import Tensor

from genlab.core.measure import Estimate, Kind, Series
from genlab.distributions import density_note
from genlab.metrics.base import (
    BOOTSTRAP,
    METRICS,
    Metric,
    MetricValue,
    Subject,
    mean_over_examples,
)
from genlab.models.base import HasDecoder, HasLabels
from genlab.models.labels import conditioned_on
from genlab.objectives.elbo import elbo_terms
from genlab.objectives.importance_weights import iwae_bound, log_weights
from genlab.probes.variational import ACTIVE, is_variational

#: Draws an example in the importance-weighted bound.
IWAE_K = 100


@METRICS.register("variational", title="ELBO, its parts, the importance-weighted bound", order=80)
class VariationalBounds(Metric):
    """ELBO = E_q log p(x|z) − KL(q(z|x) ‖ p(z)) and the bound of k = 100 importance samples.

    L_k = E log (1/k) Σ p(x, z_i)/q(z_i|x). Source: Burda, Grosse and Salakhutdinov 2016,
    "Importance weighted autoencoders", equation 8. Active units: Var_x E_q[z] > 0.01, section 5.2.
    """

    order = 30

    @classmethod
    def fits(cls, subject: Subject) -> bool:
        return is_variational(type(subject.model))

    def measure(self, subject: Subject) -> list[MetricValue]:
        model, data, x, y = subject.model, subject.data, subject.model_input, subject.y
        name = getattr(model.options, "likelihood", None)
        note = density_note(name, data.meta) if name is not None else ""
        what = f"test; {note}" if note else "test"
        if isinstance(model, HasLabels) and y is not None:
            what = f"given the class, {what}"
        mc: Kind = "Monte Carlo"
        n = len(x)
        gathered: dict[str, list[Tensor]] = {"elbo": [], "reconstruction": [], "kl": []}
        means, bounds = [], []
        label_parts = [None] * len(x.split(50)) if y is None else y.split(50)
        for part, labels in zip(x.split(50), label_parts, strict=True):
            at = conditioned_on(model, labels)
            assert isinstance(at, HasDecoder)
            q, terms = elbo_terms(at, part)
            for key, value in terms.items():
                gathered[key].append(value)
            means.append(q.mean)
            bounds.append(iwae_bound(log_weights(at, part, q, IWAE_K)))
        rows = (
            ("elbo", f"ELBO, {what}", "loss", "higher", torch.cat(gathered["elbo"])),
            (
                "reconstruction",
                f"reconstruction E_q log p(x|z), {what}",
                "loss",
                "higher",
                torch.cat(gathered["reconstruction"]),
            ),
            ("kl", "KL(q(z|x) ‖ p(z)), test", "divergence", "none", torch.cat(gathered["kl"])),
            (
                f"iwae_{IWAE_K}",
                f"importance-weighted bound, k = {IWAE_K}, {what}",
                "loss",
                "higher",
                torch.cat(bounds),
            ),
        )
        found = []
        for key, title, group, direction, values in rows:
            kind: Kind = "lower bound" if key in {"elbo", f"iwae_{IWAE_K}"} else mc
            found.append(
                mean_over_examples(
                    Series(f"test_{key}", title, group, "nats", kind, n, direction),  # type: ignore[arg-type]
                    values,
                )
            )
        return [*found, MetricValue(active_units(torch.cat(means)), BOOTSTRAP)]


def active_units(mean: Tensor) -> Estimate:
    """Active units, with the bootstrap's 2.5 % and 97.5 % points."""
    series = Series(
        "test_active_units",
        "active units, Var_x E_q[z] > 0.01",
        "latent",
        "count",
        "Monte Carlo",
        len(mean),
    )
    counts = torch.stack(
        [
            (mean[torch.randint(len(mean), (len(mean),))].var(dim=0) > ACTIVE).sum()
            for _ in range(200)
        ]
    ).double()
    low, high = torch.quantile(counts, torch.tensor([0.025, 0.975], dtype=torch.float64)).tolist()
    value = float((mean.var(dim=0) > ACTIVE).sum())
    return Estimate(value, series, min(low, value), max(high, value))
