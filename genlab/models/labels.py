"""Class-conditional models: the labels they are held at, and how a net reads them."""

from __future__ import annotations

import copy
from typing import Self, TypeVar

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from genlab.core.errors import SpecError
from genlab.core.options import parse_int
from genlab.data.base import DataMeta
from genlab.models.base import GenerativeModel, HasLabels

#: Share of training examples whose label is withheld, so that "unknown" means something.
WITHHELD = 0.1


class LabelConditioned(HasLabels):
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
        """How many classes there are."""
        return len(self.meta.classes)

    @staticmethod
    def needs_labels(meta: DataMeta) -> str | None:
        """None if the data have classes, else the reason why a conditional model cannot learn."""
        return None if len(meta.classes) > 1 else "it needs data with classes"

    def condition_on(self, y: Tensor | None) -> Self:
        view = copy.copy(self)
        view._codes = None
        if y is not None:
            # Index -1 is "unknown", code 0: it is the first of one class more, left out.
            view._codes = one_hot(y.long() + 1, self.classes + 1)[..., 1:].float()
        return view

    def withhold(self, y: Tensor) -> Tensor:
        """Labels with a tenth of them replaced by -1, "unknown"; drawn from the run's stream.

        Args:
            y: class indices, (B,).
        """
        shown = torch.rand(len(y), 1, device=y.device) >= WITHHELD
        return torch.where(shown.squeeze(1), y, -1)

    def _device(self) -> torch.device:
        assert isinstance(self, GenerativeModel)
        return next(self.parameters()).device

    def codes(self, n: int) -> Tensor:
        """The labels as the nets read them, (n, classes); 0 where they are unknown.

        Raises:
            ValueError: if the model is held at another number of labels.
        """
        codes = self._codes
        if codes is None:
            return torch.zeros(n, self.classes, device=self._device())
        if codes.dim() == 1:
            return codes.expand(n, -1)
        if len(codes) != n:
            # Several rows a label (draws of one example, or real beside generated) come in blocks.
            if n % len(codes):
                raise ValueError(f"held at {len(codes)} labels, asked for {n} rows")
            codes = codes.repeat(n // len(codes), 1)
        return codes


M = TypeVar("M", bound=GenerativeModel)


def conditioned_on(model: M, y: Tensor | None) -> M:
    """The model held at labels, where it knows labels; else, or without labels, as it is.

    Example:
        >>> from genlab.models.linear_gaussian import LinearGaussian
        >>> plain = LinearGaussian.of(torch.ones(2, 1), torch.zeros(2), 0.5)
        >>> conditioned_on(plain, torch.tensor([0, 1])) is plain
        True
    """
    return model.condition_on(y) if isinstance(model, HasLabels) and y is not None else model


def in_columns(model: GenerativeModel, rows: int) -> Tensor | None:
    """Labels of a sheet of rows examples a class, a column a class, (rows * classes,).

    None where the model knows no labels.
    """
    if not isinstance(model, HasLabels):
        return None
    return torch.arange(model.classes).repeat(rows)


def class_index(meta: DataMeta, label: str) -> int:
    """The index of a class by its name, or by its number.

    Raises:
        SpecError: if there is no such class; names those there are.

    Example:
        >>> class_index(DataMeta((2,), "real", ("left", "right")), "right")
        1
    """
    if label in meta.classes:
        return meta.classes.index(label)
    found = parse_int(label, 0, len(meta.classes) - 1)
    if found is not None:
        return found
    raise SpecError("label", label, "allowed: " + ", ".join(meta.classes))


def conditioned_on_class(model: M, label: str | None) -> M:
    """The model held at one class by its name or number; None: at no label.

    Raises:
        SpecError: if the model knows no labels, or not this one.
    """
    if label is None:
        return model
    if not isinstance(model, HasLabels):
        raise SpecError("label", label, "this model was trained without labels; leave it out")
    return model.condition_on(torch.tensor(class_index(model.meta, label)))
