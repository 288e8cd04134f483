"""The slope of a critic: ‖∇C(x)‖ at each example, part of the graph."""

from __future__ import annotations

import torch
from torch import Tensor

from genlab.models.base import GenerativeModel, HasCritic
from genlab.nets.fast import inputs_alone


def slopes(critic: HasCritic, x: Tensor) -> tuple[Tensor, Tensor]:
    """C(x) and ‖∇C(x)‖₂ of each example, both differentiable in the critic's weights.

    Args:
        critic: one whose score of an example does not depend on the rest of the batch.
        x: a leaf that requires a gradient, (B, *data_shape).

    Returns:
        scores (B,), and norms (B,) in units of the score by unit of data space.
    """
    score = critic.score(x)
    with inputs_alone():
        (gradient,) = torch.autograd.grad(score.sum(), x, create_graph=True)
    # Unlike the root of a sum of squares, this norm has gradient 0, not NaN, at 0.
    return score, torch.linalg.vector_norm(gradient.flatten(1), dim=1)


def needs_slopes(model: type[GenerativeModel]) -> str | None:
    """None if the critic has a slope at each example, else the reason why not."""
    if issubclass(model, HasCritic) and model.batch_normalised:
        return (
            "its critic uses batch normalisation, so a score depends on the whole batch and the "
            "critic has no slope at one example, which this objective holds"
        )
    return None
