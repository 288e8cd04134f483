"""A plane of the latent space for the pad: its origin, its extent, and log p(z)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor
from torch.distributions import Distribution, OneHotCategorical

from genlab.latent.codes import Codes, prior_sample
from genlab.models.base import HasCodebook, HasEncoder

#: Codes on a pad, and draws of the prior that set its extent.
DOTS, DRAWS = 600, 400
#: Draws that estimate typical values of a prior.
TYPICAL = 50
#: Share of the extent that is added on each side.
MARGIN = 0.1
Array = NDArray[np.float64]


def start(model: Any, seed: int = 0) -> Tensor:
    """The origin of the pad: the prior's mean, or a draw from the prior, (latent,).

    The mean may be no typical draw: a generator that never saw a code near it, a decoder of
    codebook entries, and a prior that is thinner there than at any of some draws (a mixture,
    between its parts) begin at a draw.
    """
    if isinstance(model, HasEncoder) and not isinstance(model, HasCodebook):
        found: Tensor = model.prior().mean.detach().reshape(-1).float()  # type: ignore[attr-defined]
        draws = prior_sample(model, TYPICAL, seed)  # type: ignore[arg-type]
        if log_prior(model, found) >= min(log_prior(model, z) for z in draws):
            return found
    return prior_sample(model, 1, seed)[0]


def dots(model: Any, codes: Codes, seed: int = 0) -> Array:
    """Codes for a pad, (n, latent): those of the map, or draws from the prior if it has none."""
    known = codes.z[np.isfinite(codes.z).all(axis=1)]
    if len(known) < 30:
        known = prior_sample(model, DOTS, seed).numpy()
    return np.asarray(known[:DOTS], dtype=np.float64)


def span(values: ArrayLike, here: float) -> tuple[float, float]:
    """The extent of a pad in one direction: it contains almost all values and the current z.

    Args:
        values: projections of codes and of draws of the prior, (n,).
        here: the projection of z.

    Example:
        >>> low, high = span(np.linspace(-1, 1, 2001), 0.0)
        >>> round(low, 2), round(high, 2)
        (-1.19, 1.19)
    """
    low, high = (float(q) for q in np.quantile(np.asarray(values), (0.005, 0.995)))
    margin = max(MARGIN * (high - low), 1e-3)
    return min(low - margin, here - margin), max(high + margin, here + margin)


@torch.no_grad()
def log_prior(model: Any, z: Tensor) -> float:
    """log p(z) in nats, exact; −∞ outside of the prior's support.

    A discrete part of a code (a category) contributes the log of a probability, the rest that of
    a density.

    Args:
        model: with a decoder.
        z: (latent,).

    Example:
        >>> from genlab.models.linear_gaussian import LinearGaussian
        >>> round(log_prior(LinearGaussian.of(torch.ones(2, 2), torch.zeros(2), 1.0),
        ...                 torch.zeros(2)), 4)
        -1.8379
    """
    total = 0.0
    for block_prior, block in zip(*_blocks(model, z), strict=True):
        try:
            support: Any = block_prior.support
        except NotImplementedError:
            # A distribution that gives 0 outside of its support by itself.
            support = None
        inside = support is None or bool(support.check(block).all())
        total += float(block_prior.log_prob(block)) if inside else -math.inf
    return total


def category(model: Any) -> tuple[int, int] | None:
    """The entries of z that form a one-hot category, as (first, K); None if there are none."""
    first = 0
    block_priors, _ = _blocks(model, torch.zeros(model.latent))
    for block_prior in block_priors:
        size = int(block_prior.event_shape[0])
        if isinstance(block_prior, OneHotCategorical):
            return first, size
        first += size
    return None


def _blocks(model: Any, z: Tensor) -> tuple[list[Distribution], list[Tensor]]:
    """The independent parts of the prior, and of a code."""
    prior = model.prior()
    parts = list(getattr(prior, "parts", (prior,)))
    return parts, list(z.split([int(part.event_shape[0]) for part in parts]))
