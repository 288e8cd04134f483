"""The discretised logistic likelihood: a mass function over 256 grey levels."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints
from torch.nn.functional import logsigmoid, softplus

from genlab.distributions.base import LIKELIHOODS, Likelihood

LEVELS = 256
#: Log of the smallest scale, a seventh of a bin: a finer scale changes no probability.
FLOOR = math.log(1 / (7 * LEVELS))
#: Where the initial scale of a net with zero output lies, in data units.
START = math.log(0.1)


class DiscretisedLogistic(Distribution):
    """Independent entries on the levels k/255, k = 0 … 255.

    P(k) = σ((b_{k+1} − μ)/s) − σ((b_k − μ)/s), b_k = (k − ½)/255, with b_0 = −∞ and b_256 = ∞.

    Source: Kingma et al. 2016, "Improving variational inference with inverse autoregressive
    flow", section 5; the open edges as in Salimans et al. 2017, "PixelCNN++".

    Args:
        loc: μ, (B, *event), on the scale of [0, 1].
        log_scale: log s, of the same shape.
        event_dim: how many of the last axes belong to one example.

    Example:
        >>> distribution = DiscretisedLogistic(torch.zeros(256, 1), torch.zeros(256, 1), 1)
        >>> levels = torch.arange(256.0).view(256, 1) / 255
        >>> round(float(distribution.log_prob(levels).exp().sum()), 4)
        1.0
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}

    def __init__(self, loc: Tensor, log_scale: Tensor, event_dim: int) -> None:
        self.loc, self.log_scale = loc, log_scale
        split = loc.dim() - event_dim
        super().__init__(loc.shape[:split], loc.shape[split:], validate_args=False)

    def _tails(self) -> list[Tensor]:
        """P(K ≥ k) for k = 1 … 255."""
        inverse = (-self.log_scale).exp()
        steps = LEVELS - 1
        return [((self.loc - (k - 0.5) / steps) * inverse).sigmoid() for k in range(1, LEVELS)]

    @property
    def mean(self) -> Tensor:
        """The mean, batch shape + event shape."""
        total = torch.zeros_like(self.loc)
        for tail in self._tails():
            total = total + tail
        return (total / (LEVELS - 1)).clamp(0.0, 1.0)

    @property
    def variance(self) -> Tensor:
        """The variance of each entry, batch shape + event shape."""
        first, second = torch.zeros_like(self.loc), torch.zeros_like(self.loc)
        for k, tail in enumerate(self._tails(), 1):
            first, second = first + tail, second + (2 * k - 1) * tail
        return (second - first.square()).clamp_min(0.0) / (LEVELS - 1) ** 2

    @property
    def mode(self) -> Tensor:
        """The most likely value, batch shape + event shape."""
        return self._round(self.loc) / (LEVELS - 1)

    @staticmethod
    def _round(value: Tensor) -> Tensor:
        return (value * (LEVELS - 1)).round().clamp(0, LEVELS - 1)

    def sample(self, sample_shape: torch.Size | tuple[int, ...] = ()) -> Tensor:  # type: ignore[override]
        """Draws without a gradient, sample shape + batch shape + event shape."""
        with torch.no_grad():
            shape = torch.Size(sample_shape) + self.loc.shape
            u = torch.rand(shape, dtype=self.loc.dtype, device=self.loc.device)
            u = u.clamp(torch.finfo(u.dtype).tiny, 1 - torch.finfo(u.dtype).eps)
            x = self.loc + self.log_scale.exp() * torch.logit(u)
            return self._round(x) / (LEVELS - 1)

    def log_prob(self, value: Tensor) -> Tensor:
        """log P of the level nearest to each entry, summed, in nats."""
        level = self._round(value)
        scale, steps = self.log_scale.exp(), LEVELS - 1
        low = ((level - 0.5) / steps - self.loc) / scale
        high = ((level + 0.5) / steps - self.loc) / scale
        # σ(b) − σ(a) = σ(b) σ(−a) (1 − e^{a−b}): a product, so nothing cancels far out.
        width = 1 / (steps * scale)
        inside = -softplus(-high) - softplus(low) + torch.log(-torch.expm1(-width))
        first, last = level == 0, level == LEVELS - 1
        terms = torch.where(first, logsigmoid(high), torch.where(last, logsigmoid(-low), inside))
        return terms.flatten(start_dim=-len(self._event_shape)).sum(-1)


def make(h: Tensor, options: Any) -> DiscretisedLogistic:  # noqa: ARG001 - the table's signature
    """The net gives μ − ½ and log s over its start of log 0.1, softly kept above a floor.

    Args:
        h: (B, 2, *data_shape).
    """
    log_scale = FLOOR + softplus(h[:, 1] + START - FLOOR)
    return DiscretisedLogistic(0.5 + h[:, 0], log_scale, h.dim() - 2)


LIKELIHOODS.register(
    "discretised_logistic",
    title="Discretised logistic",
    summary="Grey images with 256 levels: a mass function, so that bits per dimension are "
    "comparable.",
    order=30,
)(Likelihood(supports=("unit",), densities=("unit",), outputs=2, make=make))
