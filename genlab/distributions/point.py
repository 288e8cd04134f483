"""The point mass: p(x | z) of a generator without a likelihood."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints


class Point(Distribution):
    """All mass at one value, p(x | z) = δ(x − G(z)); there is no density, so no ``log_prob``.

    Args:
        value: G(z), (B, *event).
        event_dim: how many of the last axes belong to one example.

    Example:
        >>> point = Point(torch.zeros(2, 3), event_dim=1)
        >>> point.batch_shape, point.event_shape, point.sample((4,)).shape
        (torch.Size([2]), torch.Size([3]), torch.Size([4, 2, 3]))
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}
    has_rsample = True

    def __init__(self, value: Tensor, event_dim: int) -> None:
        self._value = value
        split = value.dim() - event_dim
        super().__init__(value.shape[:split], value.shape[split:], validate_args=False)

    @property
    def mean(self) -> Tensor:
        """The mean, batch shape + event shape."""
        return self._value

    @property
    def mode(self) -> Tensor:
        """The most likely value, batch shape + event shape."""
        return self._value

    @property
    def variance(self) -> Tensor:
        """The variance of each entry, batch shape + event shape."""
        return torch.zeros_like(self._value)

    def rsample(self, sample_shape: torch.Size | tuple[int, ...] = ()) -> Tensor:  # type: ignore[override]
        """Pathwise draws, sample shape + batch shape + event shape."""
        return self._value.expand(torch.Size(sample_shape) + self._value.shape)
