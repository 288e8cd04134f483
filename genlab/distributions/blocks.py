"""Products of independent distributions: each block of the code has its own distribution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints


class Blocks(Distribution):
    """p(z) = Π_b p_b(z_b), where z is the concatenation of the blocks.

    Args:
        parts: distributions of vectors, each with batch shape () and event shape (d_b,).

    Example:
        >>> from torch.distributions import Independent, Normal
        >>> part = Independent(Normal(torch.zeros(2), torch.ones(2)), 1)
        >>> both = Blocks([part, part])
        >>> both.event_shape, round(float(both.log_prob(torch.zeros(4))), 6)
        (torch.Size([4]), -3.675754)
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}

    def __init__(self, parts: Sequence[Distribution]) -> None:
        self.parts = tuple(parts)
        self.sizes = [int(part.event_shape[0]) for part in self.parts]
        super().__init__(torch.Size(), torch.Size((sum(self.sizes),)), validate_args=False)

    def sample(self, sample_shape: torch.Size | tuple[int, ...] = ()) -> Tensor:  # type: ignore[override]
        """Draws without a gradient, sample shape + batch shape + event shape."""
        with torch.no_grad():
            shape = torch.Size(sample_shape)
            return torch.cat([part.sample(shape) for part in self.parts], dim=-1)

    def log_prob(self, value: Tensor) -> Tensor:
        """log p(value) in nats, one number for each example: (..., *event shape) -> (...)."""
        blocks = value.split(self.sizes, dim=-1)
        logs = [part.log_prob(z) for part, z in zip(self.parts, blocks, strict=True)]
        return torch.stack(logs).sum(dim=0)

    @property
    def mean(self) -> Tensor:
        """The mean, batch shape + event shape."""
        return torch.cat([part.mean for part in self.parts], dim=-1)

    @property
    def variance(self) -> Tensor:
        """The variance of each entry, batch shape + event shape."""
        return torch.cat([part.variance for part in self.parts], dim=-1)
