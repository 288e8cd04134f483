"""Paths between two latent codes."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor


def straight(a: Tensor, b: Tensor, t: Tensor) -> Tensor:
    """The straight line: z(t) = (1 - t) a + t b.

    Args:
        a, b: the ends, (latent,).
        t: positions in [0, 1], (k,).

    Returns:
        (k, latent).

    Example:
        >>> straight(torch.zeros(2), torch.ones(2), torch.tensor([0.0, 0.5])).tolist()
        [[0.0, 0.0], [0.5, 0.5]]
    """
    w = t.unsqueeze(-1)
    return (1 - w) * a + w * b


def spherical(a: Tensor, b: Tensor, t: Tensor) -> Tensor:
    """Spherical interpolation: z(t) = [sin((1-t)w) a + sin(tw) b] / sin w, cos w = <a, b>/|a||b|.

    It keeps to the shell where a Gaussian prior in many dimensions has its mass; between ends
    that are (anti)parallel, or where one is the origin, it is the straight line. Source: Shoemake
    1985, "Animating rotation with quaternion curves"; White 2016, "Sampling generative networks".

    Args:
        a, b: the ends, (latent,).
        t: positions in [0, 1], (k,).

    Returns:
        (k, latent).

    Example:
        >>> z = spherical(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0]), torch.tensor([0.5]))
        >>> round(float(z.norm()), 6)
        1.0
    """
    norms = a.norm() * b.norm()
    if float(norms) == 0.0:
        return straight(a, b, t)
    omega = torch.arccos((torch.dot(a, b) / norms).clamp(-1, 1))
    if float(omega.sin()) < 1e-4:
        return straight(a, b, t)
    w = t.unsqueeze(-1)
    return (((1 - w) * omega).sin() * a + (w * omega).sin() * b) / omega.sin()


PATHS: Mapping[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "straight": straight,
    "spherical": spherical,
}
