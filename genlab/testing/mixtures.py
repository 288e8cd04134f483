"""The mixtures of the reference tables."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from genlab.paths import PATHS, ExactFields, ProbabilityPath


def fields(means: Tensor, std: float, path: str | ProbabilityPath = "linear") -> ExactFields:
    k, d = means.shape
    covariances = (std**2 * torch.eye(d, dtype=torch.float64)).expand(k, d, d)
    chosen = PATHS[path] if isinstance(path, str) else path
    return ExactFields(torch.ones(k), means, covariances, chosen)


def ring_means() -> Tensor:
    angle = torch.arange(8, dtype=torch.float64) * 2 * math.pi / 8
    return torch.stack([angle.cos(), angle.sin()], -1)


def grid_means() -> Tensor:
    axis = torch.arange(5, dtype=torch.float64) - 2
    return torch.cartesian_prod(axis, axis)


def ring(path: str | ProbabilityPath = "linear") -> ExactFields:
    return fields(ring_means(), 0.05, path)


def grid(path: str | ProbabilityPath = "linear") -> ExactFields:
    return fields(grid_means(), 0.05, path)


def one(
    mean: float, std: float, path: str | ProbabilityPath = "linear", d: int = 1
) -> ExactFields:
    return fields(torch.full((1, d), mean, dtype=torch.float64), std, path)


def uneven(path: str | ProbabilityPath = "linear") -> ExactFields:
    """Weights and full covariances that differ."""
    means = torch.tensor([[1.0, 0.2], [-0.7, 0.4], [0.1, -1.0]], dtype=torch.float64)
    covariances = torch.tensor(
        [[[0.3, 0.1], [0.1, 0.2]], [[0.1, 0.0], [0.0, 0.4]], [[0.2, -0.1], [-0.1, 0.2]]],
        dtype=torch.float64,
    )
    chosen = PATHS[path] if isinstance(path, str) else path
    return ExactFields(torch.tensor([0.5, 0.3, 0.2]), means, covariances, chosen)
