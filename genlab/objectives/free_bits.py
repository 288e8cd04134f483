"""The ELBO with free bits: KL below a threshold is not penalised."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.distributions import Independent, Normal
from torch.distributions.kl import kl_divergence

from genlab.core.measure import Series
from genlab.core.options import option
from genlab.core.tables import OBJECTIVES
from genlab.distributions.posteriors import entry_log_prob
from genlab.models.base import GenerativeModel
from genlab.objectives.base import Loss
from genlab.objectives.elbo import Draw, WarmedUp, WarmUpOptions, draw, elbo_series


@dataclass(frozen=True)
class FreeBitsOptions(WarmUpOptions):
    """Options of free bits."""

    free_nats: float = option(
        0.1,
        "KL of a latent dimension that costs nothing",
        low=0.0,
        high=100.0,
        unit="nats",
        label="Free nats per dimension",
    )


def grouped_kl(one: Draw) -> Tensor:
    """KL by latent dimension, (B, latent) in nats; (B, 1), all in one, where it does not split.

    It splits where the entries of z are independent under q and under p(z); then it is the closed
    form for two normals, and log q(z_j | x) − log p(z_j) at the draw otherwise.
    """
    q, prior = one.q, one.prior
    if (
        isinstance(q, Independent)
        and isinstance(prior, Independent)
        and isinstance(q.base_dist, Normal)
        and isinstance(prior.base_dist, Normal)
    ):
        exact: Tensor = kl_divergence(q.base_dist, prior.base_dist)
        return exact
    parts, other = entry_log_prob(q, one.z), entry_log_prob(prior, one.z)
    return one.kl.unsqueeze(-1) if parts is None or other is None else parts - other


@OBJECTIVES.register("free_bits", title="ELBO with free bits", order=110)
class FreeBits(WarmedUp):
    """Maximises E_q[log p(x | z)] − Σ_j max(λ, mean over the batch of KL_j).

    The first λ nats of each latent dimension are free, so none is given up early. A posterior or
    a prior whose KL does not split by dimension is one group.

    Source: Kingma et al. 2016, "Improving variational inference with inverse autoregressive
    flow", appendix C.8.
    """

    Options = FreeBitsOptions

    @property
    def series(self) -> tuple[Series, ...]:
        return (
            Series(
                "free_bits_loss",
                f"−reconstruction + {self.factor}Σ max(λ, KL_j), "
                f"λ = {self.options.free_nats:g} nats: minimised"
                + ("" if self.options.warmup else ", at least −ELBO"),
                "loss",
                "nats",
                "training batch",
                direction="lower",
            ),
            *self.warmup_series,
            *elbo_series(),
        )

    def loss(self, player: str, model: GenerativeModel, x: Tensor) -> Loss:
        one = draw(model, x)
        charged = grouped_kl(one).mean(0).clamp_min(self.options.free_nats).sum()
        loss = self.share * charged - one.reconstruction
        terms = {"free_bits_loss": loss, **self.warmup_terms(loss), **one.terms}
        return Loss(loss.mean(), terms)
