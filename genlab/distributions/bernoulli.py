"""The Bernoulli likelihood, by logits."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.distributions import Bernoulli, Independent

from genlab.distributions.base import LIKELIHOODS, Likelihood


def make(h: Tensor, options: Any) -> Independent:  # noqa: ARG001 - the table's signature
    """log p(x | z) = Σ x log π + (1 − x) log(1 − π), π = σ(h): minus the summed BCE with logits.

    On grey data in (0, 1) the same expression is not a density: the two values of x do not exhaust
    the data, and it is not to be compared with a negative log-likelihood.

    Source: Kingma and Welling 2014, appendix C.1.

    Args:
        h: logits, (B, 1, *data_shape).
    """
    logits = h[:, 0]
    return Independent(
        Bernoulli(logits=logits, validate_args=False), logits.dim() - 1, validate_args=False
    )


LIKELIHOODS.register(
    "bernoulli", title="Bernoulli", summary="Binary data; on grey pictures not a density."
)(Likelihood(supports=("unit", "binary"), densities=("binary",), outputs=1, make=make))
