"""Spectral normalisation: layers whose largest singular value is held at 1."""

from __future__ import annotations

from typing import TypeVar

from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

M = TypeVar("M", bound=nn.Module)


def spectral(net: M) -> M:
    """Divide the weight of each linear layer and convolution by its largest singular value.

        W̄ = W / σ(W),    σ(W) ≈ uᵀWv

    u and v follow W by one step of the power iteration at each look in training mode; in
    evaluation mode they rest. Both are part of the state, so a run goes on as it was. The weight
    of a convolution is taken as the matrix (outputs, inputs·k·k), as in the source; the map of a
    convolution of stride s then stretches by k/s at most.

    Source: Miyato et al. 2018, "Spectral normalization for generative adversarial networks".

    Example:
        >>> import torch
        >>> layer = spectral(nn.Linear(3, 2)).eval()
        >>> bool((torch.linalg.svdvals(layer.weight)[0] - 1).abs() < 1e-3)
        True
    """
    for layer in list(net.modules()):
        if isinstance(layer, (nn.Linear, nn.Conv2d)):
            spectral_norm(layer)
    return net
