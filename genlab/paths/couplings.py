"""How noise and data points of a batch are paired: the rows of ``COUPLINGS``."""

from __future__ import annotations

from collections.abc import Callable

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from genlab.core.registry import Registry

#: ``(noise, x1) -> noise`` in the order of x1; both marginals are kept.
Coupling = Callable[[Tensor, Tensor], Tensor]
COUPLINGS: Registry[Coupling] = Registry("coupling", "genlab.paths")


@COUPLINGS.register("independent", title="Independent", order=10)
def independent(noise: Tensor, _: Tensor) -> Tensor:
    """Noise and data points as they are drawn, independent of each other."""
    return noise


@COUPLINGS.register("optimal_transport", title="Minibatch optimal transport", order=20)
def optimal_transport(noise: Tensor, x1: Tensor) -> Tensor:
    """The noise reordered so that Σ|ε_i − x_i|² over the batch is smallest.

    Both marginals stay what they are; the pairs cross less, so that the marginal paths are
    straighter and the irreducible loss is lower.

    Sources: Tong et al. 2024, "Improving and generalizing flow-based generative models with
    minibatch optimal transport"; Pooladian et al. 2023, "Multisample flow matching".

    Args:
        noise, x1: (B, ...).

    Example:
        >>> optimal_transport(torch.tensor([[5.0], [0.0]]), torch.tensor([[1.0], [4.0]]))
        tensor([[0.],
                [5.]])
    """
    cost = torch.cdist(x1.detach().flatten(1).double(), noise.flatten(1).double()).square()
    _, column = linear_sum_assignment(cost.numpy())
    return noise[torch.from_numpy(column)]
