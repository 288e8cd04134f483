"""The slope of a critic: ‖∇C(x)‖ at each example, part of the graph."""

from __future__ import annotations

import torch
from torch import Tensor

from genlab.models.base import GenerativeModel, HasCritic, HasLabels
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


def slopes_of_both(
    critic: HasCritic, x: Tensor, generated: Tensor
) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """The scores, then the slopes, of real and of generated examples, (B,) each.

    In one pass where the batches cannot mix.
    """
    if mixes(critic, len(x)):
        pairs = [slopes(critic, part.detach().requires_grad_()) for part in (x, generated)]
        (real, at_real), (fake, at_fake) = pairs
        return (real, fake), (at_real, at_fake)
    score, slope = slopes(critic, torch.cat([x, generated]).detach().requires_grad_())
    parts = [len(x), len(generated)]
    real, fake = score.split(parts)
    at_real, at_fake = slope.split(parts)
    return (real, fake), (at_real, at_fake)


def mixes(critic: HasCritic, n: int) -> bool:
    """Whether a batch put behind one of n examples would change a score."""
    held = isinstance(critic, HasLabels)
    return critic.batch_normalised or held or n % critic.pack != 0
