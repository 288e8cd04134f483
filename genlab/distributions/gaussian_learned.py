"""Gaussian likelihoods with learned variance: one for each entry, or one for each example."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.distributions import Independent, Normal
from torch.nn.functional import softplus

from genlab.distributions.base import LIKELIHOODS, Likelihood

#: log of the smallest standard deviation: without a floor an entry that never varies (a black
#: margin) has an unbounded density, and the likelihood has no maximum.
FLOOR = -6.0


def log_scale(h: Tensor) -> Tensor:
    """log σ from a net's output, −6 + softplus(h + 6): the output itself where it is large.

    Source of the soft floor: Rybkin, Daniilidis and Levine 2021, "Simple and effective VAE
    training with calibrated decoders", whose soft clip has the same form and value.
    """
    return FLOOR + softplus(h - FLOOR)


def make(h: Tensor, options: Any) -> Independent:  # noqa: ARG001 - the table's signature
    """The net gives the means and the log standard deviations, entry by entry.

    log p = −½ Σ [(x − μ)² / σ² + log(2πσ²)].

    Args:
        h: means and outputs of :func:`log_scale`, (B, 2, *data_shape).
    """
    return Independent(
        Normal(h[:, 0], log_scale(h[:, 1]).exp(), validate_args=False),
        h.dim() - 2,
        validate_args=False,
    )


def make_shared(h: Tensor, options: Any) -> Independent:  # noqa: ARG001 - the table's signature
    """The net gives the means and one log standard deviation for each example.

    Args:
        h: means and, averaged over the entries, outputs of :func:`log_scale`, (B, 2, *data_shape).
    """
    shared = h[:, 1].flatten(1).mean(1).view(-1, *[1] * (h.dim() - 2))
    scale = log_scale(shared).exp().expand_as(h[:, 0])
    return Independent(
        Normal(h[:, 0], scale, validate_args=False), h.dim() - 2, validate_args=False
    )


LIKELIHOODS.register(
    "gaussian_learned",
    title="Gaussian, learned variances",
    summary="Real data or grey images; the net gives a σ for every entry.",
    order=50,
)(Likelihood(supports=("real", "unit"), densities=("real", "unit"), outputs=2, make=make))
LIKELIHOODS.register(
    "gaussian_shared",
    title="Gaussian, one learned variance",
    summary="Real data or grey images; the net gives one σ for each example.",
    order=60,
)(Likelihood(supports=("real", "unit"), densities=("real", "unit"), outputs=2, make=make_shared))
