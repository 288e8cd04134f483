"""Multilayer perceptrons."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

from torch import nn

from genlab.accelerate import FusedSequential


def mlp(
    sizes: Sequence[int], activation: Callable[[], nn.Module] = nn.ReLU, *, final: bool = False
) -> FusedSequential:
    """Linear layers of these sizes with an activation between them (and after the last if final).

    Example:
        >>> mlp([2, 8, 1])
        FusedSequential(
          (0): Linear(in_features=2, out_features=8, bias=True)
          (1): ReLU()
          (2): Linear(in_features=8, out_features=1, bias=True)
        )
    """
    layers: list[nn.Module] = []
    for i, (wide, narrow) in enumerate(itertools.pairwise(sizes)):
        layers.append(nn.Linear(wide, narrow))
        if final or i < len(sizes) - 2:
            layers.append(activation())
    return FusedSequential(*layers)
