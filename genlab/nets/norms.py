"""Batch normalisation, looked at from outside of training."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import torch
from torch import nn


def has_batch_norm(module: nn.Module) -> bool:
    """Whether some layer's output depends on the rest of its batch."""
    return any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in module.modules())


@contextlib.contextmanager
def normalised_by(module: nn.Module, look: Callable[[], object]) -> Iterator[None]:
    """Normalise by the averages of one reference batch inside the block, as before afterwards.

    The layers that ``look`` passes through take the means and variances that they meet there, and
    hold them fixed: inside the block the module is a function of one example, whatever stands
    beside it in the batch.

    Args:
        module: in evaluation mode.
        look: runs the module on the reference batch; called once.

    Example:
        >>> norm = nn.BatchNorm1d(1).eval()
        >>> x = torch.tensor([[1.0], [3.0]])
        >>> with normalised_by(norm, lambda: norm(x)):
        ...     inside = norm(torch.tensor([[2.0]]))
        >>> float(inside.detach()), float(norm.running_mean)
        (0.0, 0.0)
    """
    layers = [m for m in module.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    if not layers:
        yield
        return
    saved = [
        ({k: v.clone() for k, v in layer.named_buffers()}, layer.momentum, layer.training)
        for layer in layers
    ]
    try:
        for layer in layers:
            layer.momentum = 1.0
            layer.train()
        with torch.no_grad():
            look()
        for layer in layers:
            layer.eval()
        yield
    finally:
        for layer, (buffers, momentum, training) in zip(layers, saved, strict=True):
            for name, buffer in layer.named_buffers():
                buffer.copy_(buffers[name])
            layer.momentum = momentum
            layer.train(training)
