"""Traversals of a latent space: along dimensions, over a plane, and a random walk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.distributions import Independent, Normal

from genlab.core.random import scope
from genlab.data.base import Dataset
from genlab.latent.codes import decode_mean, held_out, prior_sample
from genlab.models.base import HasEncoder
from genlab.models.labels import conditioned_on

Measure = Literal["KL", "output"]
#: Held-out examples, or draws of the prior, from which the use of a dimension is told.
LOOKED_AT = 256


@dataclass(frozen=True)
class Use:
    """How much each dimension of the code is used.

    Args:
        value: (latent,), in nats for ``KL``, in squared data units for ``output``.
        measure: ``KL``: mean KL(q(z_j | x) ‖ p(z_j)), exact for each example; ``output``: the
            variance of the decoded example along the dimension, Monte Carlo.
        n: examples or draws.
    """

    value: NDArray[np.float64]
    measure: Measure
    n: int

    @property
    def order(self) -> list[int]:
        """The dimensions, the most used first."""
        return [int(j) for j in np.argsort(-self.value, kind="stable")]

    @property
    def unit(self) -> str:
        """Of the values."""
        return "nats" if self.measure == "KL" else "squared data units"


def has_standard_prior(model: Any) -> bool:
    """Whether the model's prior is N(0, I)."""
    prior = model.prior()
    return (
        isinstance(prior, Independent)
        and isinstance(prior.base_dist, Normal)
        and bool((prior.base_dist.loc == 0).all() and (prior.base_dist.scale == 1).all())
    )


@torch.no_grad()
def usage(model: Any, data: Dataset, n: int = LOOKED_AT, seed: int = 0) -> Use:
    """The use of each dimension: its KL where that has a closed form, else what it changes.

        KL_j = ½ E_x[μ_j² + σ_j² − 1 − log σ_j²]

    for a diagonal Gaussian q(z | x) and the prior N(0, I); else Σ_pixels Var over z_j of the
    decoded mean, averaged over draws of the other dimensions.

    Args:
        model: in evaluation mode, with a decoder.
        data: the run's dataset; its held-out examples are used.
        n: examples, or draws of the prior.
        seed: of the draws.
    """
    if isinstance(model, HasEncoder) and has_standard_prior(model):
        split = held_out(data)
        y = None if split.y is None else split.y[:n]
        conditioned: Any = conditioned_on(model, y)  # type: ignore[type-var]
        q = conditioned.encode(split.x[:n])
        if isinstance(q, Independent) and isinstance(q.base_dist, Normal):
            mean, variance = q.base_dist.loc, q.base_dist.scale.square()
            kl = 0.5 * (mean.square() + variance - 1.0 - variance.log())
            return Use(kl.double().mean(dim=0).numpy(), "KL", len(mean))
    sweep = 7
    bases = max(1, n // (sweep * 4))
    base = prior_sample(model, bases, seed)
    steps = traversal_values(model, sweep, seed)
    found = np.zeros(model.latent)
    for j in range(model.latent):
        z = base.repeat_interleave(sweep, dim=0)
        z[:, j] = steps[:, j].repeat(bases)
        x = decode_mean(model, z).flatten(1).double().view(bases, sweep, -1)
        found[j] = float(x.var(dim=1, correction=0).sum(dim=1).mean())
    return Use(found, "output", bases * sweep)


def traversal_values(model: Any, k: int, seed: int = 0, reach: float = 0.98) -> Tensor:
    """k values of each dimension at equal steps of the prior's distribution function, (k, d).

    For N(0, I) by its inverse; for another prior by the quantiles of 4,096 draws.

    Args:
        reach: the share of the prior's mass between the first place and the last.
    """
    share = 0.5 + (torch.linspace(0, 1, k, dtype=torch.float64) - 0.5) * reach
    if has_standard_prior(model):
        return torch.special.ndtri(share).float()[:, None].expand(k, model.latent)
    return torch.quantile(prior_sample(model, 4096, seed), share.float(), dim=0)


def traversal(model: Any, z: Tensor, dimension: int, k: int = 11, seed: int = 0) -> Tensor:
    """Decoded examples as one dimension goes through its prior, the others held, (k, *shape).

    Args:
        z: where the others are held, (latent,).
    """
    codes = z.repeat(k, 1)
    codes[:, dimension] = traversal_values(model, k, seed)[:, dimension]
    return decode_mean(model, codes)


def sheet(
    model: Any, z: Tensor, dimensions: Sequence[int], side: int = 15, seed: int = 0
) -> Tensor:
    """The decoded square of two dimensions, row by row from the top, (side², *shape).

    Places are at equal steps of the prior's distribution function, as in Kingma and Welling 2014,
    appendix A: each cell has the same mass.

    Args:
        z: where the other dimensions are held, (latent,).
        dimensions: across, and up.
    """
    across, up = dimensions
    at = traversal_values(model, side, seed)
    codes = z.repeat(side * side, 1)
    codes[:, across] = at[:, across].repeat(side)
    codes[:, up] = at[:, up].flip(0).repeat_interleave(side)
    return decode_mean(model, codes)


def walk(z: Tensor, steps: int, stride: float = 0.2, seed: int = 0) -> Tensor:
    """A walk that keeps N(0, I), (steps, latent).

        z_{t+1} = √(1 − s²) z_t + s ε_t,   ε_t from N(0, I),

    the Ornstein-Uhlenbeck process seen at equal times (Uhlenbeck and Ornstein 1930).

    Args:
        z: where it starts, (latent,).
        stride: s, in (0, 1].

    Example:
        >>> walk(torch.zeros(2), 3).shape
        torch.Size([3, 2])
    """
    keep = (1.0 - stride**2) ** 0.5
    path = [z]
    with scope(seed, "walk"):
        for _ in range(steps - 1):
            path.append(keep * path[-1] + stride * torch.randn_like(z))
    return torch.stack(path)
