"""β-TC-VAE: the KL is decomposed, and only its total correlation is weighted."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution, MultivariateNormal, Normal

from genlab.core.errors import SpecError
from genlab.core.measure import Kind, Series
from genlab.core.options import Options, option
from genlab.core.tables import OBJECTIVES
from genlab.distributions.posteriors import POSTERIORS, entry_log_prob
from genlab.models.base import GenerativeModel
from genlab.objectives.base import Loss
from genlab.objectives.elbo import Draw, Variational, draw, elbo_series


@dataclass(frozen=True)
class BetaTCOptions(Options):
    """Options of the beta-TC-VAE."""

    tc_beta: float = option(
        4.0,
        "weight β of the total correlation; 1 is the ELBO",
        low=0.0,
        high=1000.0,
        label="Total-correlation weight β",
    )
    population: int = option(
        0,
        "examples N in the minibatch weights 1/(N M); 0: the batch stands for the data. It shifts "
        "the values shown, not the gradients",
        low=0,
        high=100_000_000,
        advanced=True,
        label="Population size N (0 = batch)",
    )


def pairwise(q: Distribution, z: Tensor) -> tuple[Tensor, Tensor] | None:
    """log q(z_i | x_n), (B, B), and log q(z_ij | x_n), (B, B, latent); None without marginals."""
    others = z[:, None]
    if isinstance(q, MultivariateNormal):
        margin = Normal(q.mean, q.variance.sqrt(), validate_args=False)
        return q.log_prob(others), margin.log_prob(others)
    parts = entry_log_prob(q, others)
    return None if parts is None else (parts.sum(-1), parts)


def decomposition(one: Draw, population: int = 0) -> dict[str, Tensor]:
    """Mutual information, total correlation and dimension-wise KL, (B,) in nats each.

    log q(z|x) − log p(z) = [log q(z|x) − log q(z)] + [log q(z) − Σ_j log q(z_j)]
    + [Σ_j log q(z_j) − log p(z)], with q(z) from the batch by minibatch weights, 1/(N M).

    Source: Chen, Li, Grosse and Duvenaud 2018, "Isolating sources of disentanglement in VAEs",
    equations 2 and 4.

    Args:
        population: N, 0 for the mixture of the batch's own posteriors, weights 1/M.

    Raises:
        SpecError: for a posterior whose marginals are not known (a flow).
    """
    both = pairwise(one.q, one.z)
    if both is None:
        raise refusal(type(one.q).__name__)
    joint, entries = both
    constant = math.log(max(1, population) * len(one.z))
    whole = torch.logsumexp(joint, dim=1) - constant
    product = (torch.logsumexp(entries, dim=1) - constant).sum(-1)
    return {
        "mutual_information": joint.diagonal() - whole,
        "total_correlation": whole - product,
        "dimension_kl": product - one.prior.log_prob(one.z),
    }


def refusal(name: str) -> SpecError:
    """The error for a posterior without known marginals."""
    reason = "the total correlation needs q(z_j | x) of each entry, which a flow does not give"
    return SpecError("posterior", name, f"{reason}; take another posterior or another objective")


@OBJECTIVES.register("beta_tc", title="beta-TC-VAE", order=90)
class BetaTC(Variational):
    """Maximises E_q[log p(x|z)] − I_q(x;z) − β TC(q(z)) − Σ_j KL(q(z_j) ‖ p(z_j)).

    The parts are Monte Carlo at one draw, from pairs within the batch (memory grows with the
    square of the batch); their sum is log q(z|x) − log p(z) at the draw whatever q(z) is taken to
    be. The true ELBO is reported beside it.

    Source: Chen, Li, Grosse and Duvenaud 2018, equation 4 and minibatch-weighted sampling.
    """

    Options = BetaTCOptions

    @classmethod
    def check(cls, model: type[GenerativeModel], model_options: Any) -> None:
        name = getattr(model_options, "posterior", None)
        if name is not None and not POSTERIORS[name].marginals:
            raise refusal(name)

    @property
    def series(self) -> tuple[Series, ...]:
        kind: Kind = "training batch"
        o = self.options
        q = f"N = {o.population}" if o.population else "q(z) of the batch"
        return (
            Series(
                "beta_tc_loss",
                f"−reconstruction + I + β TC + Σ KL_j, β = {o.tc_beta:g}: minimised, no −ELBO",
                "loss",
                "nats",
                kind,
                direction="lower",
            ),
            Series(
                "mutual_information",
                f"I_q(x; z), biased Monte Carlo, {q}",
                "divergence",
                "nats",
                kind,
            ),
            Series(
                "total_correlation",
                f"TC(q(z)), biased Monte Carlo, {q}",
                "divergence",
                "nats",
                kind,
                direction="lower",
            ),
            Series(
                "dimension_kl",
                f"Σ KL(q(z_j) ‖ p(z_j)), biased Monte Carlo, {q}",
                "divergence",
                "nats",
                kind,
            ),
            *elbo_series(),
        )

    def loss(self, player: str, model: GenerativeModel, x: Tensor) -> Loss:
        one = draw(model, x)
        parts = decomposition(one, self.options.population)
        mutual, total, each = parts.values()
        loss = mutual + self.options.tc_beta * total + each - one.reconstruction
        return Loss(loss.mean(), {"beta_tc_loss": loss, **parts, **one.terms})
