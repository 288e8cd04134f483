"""Faster ways on a CPU to compute what plain PyTorch computes: one package behind one switch.

Everything here has the parameters, the function and the gradients of plain PyTorch; only the way
of computing differs, so that sums may differ in their last bits.

- :mod:`~genlab.accelerate.convolutions`: convolutions next to a picture of few channels;
- :mod:`~genlab.accelerate.layers`: runs of linear layers as one node of the graph;
- :mod:`~genlab.accelerate.fused_mlp`: such a run without a graph, on memory set aside once;
- :mod:`~genlab.accelerate.game`: the two players' gradients where both nets are such runs;
- :mod:`~genlab.accelerate.adam`: Adam as one call for all parameters.

The switch is :func:`enabled`; its value outside any ``with`` is that of the environment variable
``GENLAB_ACCELERATE`` (``0`` switches the package off). A run of the past is repeated bit for bit
with the switch as it stood then, which is on unless somebody turned it off.

Example:
    >>> import torch
    >>> net = FusedSequential(torch.nn.Linear(2, 3), torch.nn.ReLU(), torch.nn.Linear(3, 1))
    >>> type(net(torch.ones(4, 2)).grad_fn).__name__
    '_LayersBackward'
    >>> with enabled(False):
    ...     type(net(torch.ones(4, 2)).grad_fn).__name__
    'AddmmBackward0'
"""

from __future__ import annotations

from genlab.accelerate.adam import Adam
from genlab.accelerate.fused_mlp import FusedMLP
from genlab.accelerate.game import Game
from genlab.accelerate.layers import FusedSequential, apply_fused
from genlab.accelerate.switch import enabled, is_enabled

__all__ = [
    "Adam",
    "FusedMLP",
    "FusedSequential",
    "Game",
    "apply_fused",
    "enabled",
    "is_enabled",
]
