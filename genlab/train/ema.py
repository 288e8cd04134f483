"""The exponential moving average of a model's weights, for probes and snapshots."""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from genlab.models.base import GenerativeModel


class EMA:
    """A copy of a model whose weights are an exponential moving average of the model's.

        w̄ₜ = aₜ w̄ₜ₋₁ + (1 − aₜ) wₜ,    aₜ = min(decay, t/(t + 9)).

    The decay is smaller in the early steps, so the mean does not depend on the first weights. Two
    players that circle around their equilibrium do not converge, but the mean of their path does.
    The average does not influence the training. Buffers (statistics of batch normalisation) are
    copied from the model.

    Source: Yazıcı et al. 2019, "The unusual effectiveness of averaging in GAN training".

    Args:
        model: the model to average; its optimiser changes its parameters in place.
        decay: the weight of the old average, in (0, 1); about 1/(1 − decay) steps are averaged.
    """

    def __init__(self, model: GenerativeModel, decay: float) -> None:
        self.decay = decay
        self._followed = model
        self._model = copy.deepcopy(model).eval()
        self._new: list[Tensor] = list(model.parameters())
        self._mean: list[Tensor] = list(self._model.parameters())

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Include the present weights in the average, after ``step`` ≥ 1 steps."""
        keep = min(self.decay, step / (step + 9.0))
        torch._foreach_lerp_(self._mean, self._new, 1.0 - keep)

    @torch.no_grad()
    def model(self) -> GenerativeModel:
        """The averaged copy in evaluation mode; the next update changes it in place."""
        for mine, theirs in zip(self._model.buffers(), self._followed.buffers(), strict=True):
            mine.copy_(theirs)
        return self._model.eval()
