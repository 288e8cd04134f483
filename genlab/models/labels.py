"""Class-conditional models: the labels they are held at, and how a net reads them."""

from __future__ import annotations

import copy
from typing import Self

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from genlab.data.base import DataMeta
from genlab.models.base import HasLabels

#: Share of training examples whose label is withheld, so that "unknown" means something.
WITHHELD = 0.1


class Held(HasLabels):
    """A model that may be held at labels; its nets read them as a one-hot code.

    "Unknown" is the code 0. In training a tenth of the labels is withheld, by the run's stream,
    so that the model at "unknown" is one of p(x).

    Source: Mirza and Osindero 2014, "Conditional generative adversarial nets"; withholding: Ho and
    Salimans 2022, "Classifier-free diffusion guidance".
    """

    meta: DataMeta
    training: bool
    _codes: Tensor | None = None

    @property
    def classes(self) -> int:  # type: ignore[override]
        return len(self.meta.classes)

    @staticmethod
    def needs_labels(meta: DataMeta) -> str | None:
        """None if the data have classes, else the reason why a conditional model cannot learn."""
        return None if len(meta.classes) > 1 else "it needs data with classes"

    def given(self, y: Tensor | None) -> Self:
        view = copy.copy(self)
        view._codes = None
        if y is not None:
            codes = one_hot(y.long(), self.classes).float()
            if self.training and y.dim():
                codes = codes * (torch.rand(len(y), 1) >= WITHHELD)
            view._codes = codes
        return view

    def codes(self, n: int) -> Tensor:
        """The labels as the nets read them, (n, classes); 0 where they are unknown.

        Raises:
            ValueError: if the model is held at another number of labels.
        """
        held = self._codes
        if held is None:
            return torch.zeros(n, self.classes)
        if held.dim() == 1:
            return held.expand(n, -1)
        if len(held) != n:
            # Several rows a label (draws of one example, or real beside generated) come in blocks.
            if n % len(held):
                raise ValueError(f"held at {len(held)} labels, asked for {n} rows")
            held = held.repeat(n // len(held), 1)
        return held
