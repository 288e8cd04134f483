"""Class-conditional models: conditioning on labels, and their one-hot codes."""

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

#: Share of training examples whose label is withheld, so that p(x) is learned too.
WITHHELD = 0.1


class LabelConditioned(HasLabels):
    """A model that can be conditioned on labels; its nets read them as one-hot codes.

    "Unknown" has the code 0. In training a tenth of the labels is withheld at random, so that
    conditioning on "unknown" gives a model of p(x).

    Source: Mirza and Osindero 2014, "Conditional generative adversarial nets"; withholding: Ho and
    Salimans 2022, "Classifier-free diffusion guidance".
    """

    meta: DataMeta
    training: bool
    _codes: Tensor | None = None

    @property
    def classes(self) -> int:  # type: ignore[override]
        """The number of classes."""
        return len(self.meta.classes)

    @staticmethod
    def needs_labels(meta: DataMeta) -> str | None:
        """None if the data have classes, else why a conditional model cannot learn them."""
        return None if len(meta.classes) > 1 else "it needs data with classes"

    def condition_on(self, y: Tensor | None) -> Self:
        view = copy.copy(self)
        view._codes = None
        if y is not None:
            # Index -1 is "unknown", code 0: shifted by one, its one-hot column is dropped.
            view._codes = one_hot(y.long() + 1, self.classes + 1)[..., 1:].float()
        return view

    def withhold(self, y: Tensor) -> Tensor:
        """Labels, a tenth of them replaced at random by -1, "unknown".

        Args:
            y: class indices, (B,).
        """
        shown = torch.rand(len(y), 1, device=y.device) >= WITHHELD
        return torch.where(shown.squeeze(1), y, -1)

    def _device(self) -> torch.device:
        assert isinstance(self, GenerativeModel)
        return next(self.parameters()).device

    def codes(self, n: int) -> Tensor:
        """The one-hot codes of the labels, (n, classes); 0 for unknown labels.

        Raises:
            ValueError: if the model is conditioned on another number of labels.
        """
        codes = self._codes
        if codes is None:
            return torch.zeros(n, self.classes, device=self._device())
        if codes.dim() == 1:
            return codes.expand(n, -1)
        if len(codes) != n:
            # Several rows per label (draws of one example, or real and generated) come in blocks.
            if n % len(codes):
                raise ValueError(f"conditioned on {len(codes)} labels, asked for {n} rows")
            codes = codes.repeat(n // len(codes), 1)
        return codes


M = TypeVar("M", bound=GenerativeModel)


def conditioned_on(model: M, y: Tensor | None) -> M:
    """The model conditioned on labels; unchanged without labels, or if it has no classes.

    Example:
        >>> from genlab.models.linear_gaussian import LinearGaussian
        >>> plain = LinearGaussian.of(torch.ones(2, 1), torch.zeros(2), 0.5)
        >>> conditioned_on(plain, torch.tensor([0, 1])) is plain
        True
    """
    return model.condition_on(y) if isinstance(model, HasLabels) and y is not None else model


def in_columns(model: GenerativeModel, rows: int) -> Tensor | None:
    """Labels of a sheet with one column per class, (rows * classes,).

    None if the model has no labels.
    """
    if not isinstance(model, HasLabels):
        return None
    return torch.arange(model.classes).repeat(rows)


def class_index(meta: DataMeta, label: str) -> int:
    """The index of a class, given by name or number.

    Raises:
        SpecError: for an unknown class; the message lists the classes.

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
    """The model conditioned on one class, given by name or number; None: on no label.

    Raises:
        SpecError: if the model has no labels, or not this one.
    """
    if label is None:
        return model
    if not isinstance(model, HasLabels):
        raise SpecError("label", label, "this model was trained without labels; leave it out")
    return model.condition_on(torch.tensor(class_index(model.meta, label)))
