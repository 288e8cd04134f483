"""The gradient norm of a critic, ‖∇C(x)‖ at each example, differentiable in its weights."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from genlab.core.errors import SpecError
from genlab.models.base import GenerativeModel, HasCritic, HasLabels

#: The option of a model that takes the place of its critic's batch normalisation.
FREE = "spectral"
MIXED = (
    "uses batch normalisation, so a score depends on the whole batch and the critic has no slope "
    "at one example, which this objective holds"
)


def score_and_gradient_norm(critic: HasCritic, x: Tensor) -> tuple[Tensor, Tensor]:
    """C(x) and ‖∇C(x)‖₂ of each example, both differentiable in the critic's weights.

    Args:
        critic: one whose score of an example does not depend on the rest of the batch.
        x: a leaf that requires a gradient, (B, *data_shape).

    Returns:
        scores (B,), and norms (B,) in units of the score by unit of data space.
    """
    score = critic.score(x)
    (gradient,) = torch.autograd.grad(score.sum(), x, create_graph=True)
    # Unlike the root of a sum of squares, this norm has gradient 0, not NaN, at 0.
    return score, torch.linalg.vector_norm(gradient.flatten(1), dim=1)


class NeedsPerExampleGradient:
    """Mixin of objectives that penalise the critic's gradient at each example; before the base.

    With batch normalisation a score depends on the whole batch, so there is no such slope. A model
    whose critic can do without it, by spectral normalisation, is taken so.
    """

    @classmethod
    def incompatibility(cls, model: type[GenerativeModel]) -> str | None:
        """None if such a critic has a gradient at one example, else the reason why not."""
        missing: str | None = super().incompatibility(model)  # type: ignore[misc]
        if missing or not _mixed(model) or cls.needs(model):
            return missing
        return f"its critic {MIXED}"

    @classmethod
    def needs(cls, model: type[GenerativeModel]) -> dict[str, Any]:
        """The option that replaces batch normalisation, where the model has it."""
        able = _mixed(model) and any(row.name == FREE for row in model.Options.table())
        return {FREE: True} if able else {}

    @classmethod
    def check(cls, model: type[GenerativeModel], model_options: Any) -> None:
        """Refuse a critic whose score depends on the whole batch.

        Raises:
            SpecError: naming the option that must be set.
        """
        for name, value in cls.needs(model).items():
            given = getattr(model_options, name)
            if given != value:
                raise SpecError(
                    name, given, f"without it the critic {MIXED}; switch it on", {name: value}
                )


def _mixed(model: type[GenerativeModel]) -> bool:
    return issubclass(model, HasCritic) and model.batch_normalised


def scores_and_gradient_norms_of_both(
    critic: HasCritic, x: Tensor, generated: Tensor
) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """The scores, then the gradient norms, of real and of generated examples, (B,) each.

    In one pass where the batches cannot mix.
    """
    if mixes(critic, len(x)):
        pairs = [
            score_and_gradient_norm(critic, part.detach().requires_grad_())
            for part in (x, generated)
        ]
        (real, at_real), (fake, at_fake) = pairs
        return (real, fake), (at_real, at_fake)
    score, slope = score_and_gradient_norm(
        critic, torch.cat([x, generated]).detach().requires_grad_()
    )
    parts = [len(x), len(generated)]
    real, fake = score.split(parts)
    at_real, at_fake = slope.split(parts)
    return (real, fake), (at_real, at_fake)


def mixes(critic: HasCritic, n: int) -> bool:
    """Whether a second batch, appended to one of n examples, would change a score."""
    has_labels = isinstance(critic, HasLabels)
    return critic.batch_normalised or has_labels or n % critic.pack != 0
