"""The exponential moving average of a model's weights, for probes and snapshots."""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from genlab.models.base import GenerativeModel


class EMA:
    """A copy of a model whose weights are an exponential moving average of the model's.

        w̄ₜ = aₜ w̄ₜ₋₁ + (1 − aₜ) wₜ,    aₜ = min(decay, t/(t + 9)).

    The early steps are forgotten sooner, so that the mean does not hang on the first weights. Two
    players that circle around their equilibrium never arrive; the mean of their path does. It
    changes nothing in training. Buffers (statistics of batch normalisation) are the model's own.

    Source: Yazıcı et al. 2019, "The unusual effectiveness of averaging in GAN training".

    Args:
        model: what is followed; its parameters are changed in place by its optimiser.
        decay: the share that stays after a step, in (0, 1); 1/(1 − decay) steps are averaged.
    """

    def __init__(self, model: GenerativeModel, decay: float) -> None:
        self.decay = decay
        self._followed = model
        self._model = copy.deepcopy(model).eval()
        self._new: list[Tensor] = list(model.parameters())
        self._mean: list[Tensor] = list(self._model.parameters())

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Average in the present weights after ``step`` steps, 1 or more."""
        keep = min(self.decay, step / (step + 9.0))
        torch._foreach_lerp_(self._mean, self._new, 1.0 - keep)

    @torch.no_grad()
    def model(self) -> GenerativeModel:
        """The averaged copy in evaluation mode; the next update changes it in place."""
        for mine, theirs in zip(self._model.buffers(), self._followed.buffers(), strict=True):
            mine.copy_(theirs)
        return self._model.eval()
