"""Fully visible Bayesian networks: exact autoregressive models of binary pixels."""

from __future__ import annotations

import abc
import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from genlab.core.errors import DataError, SpecError
from genlab.data.base import DataMeta
from genlab.models.base import GenerativeModel, HasLogProb, O

Progress = Callable[[float, str], None]

ORDERINGS = ("natural", "random")


def ordering(name: str, seed: int, dim: int) -> Tensor:
    """The order in which pixels are drawn: (D,) of flat pixel indices.

    Args:
        name: ``natural`` (row by row) or ``random``.
        seed: of the random order.
        dim: number D of pixels.

    Raises:
        SpecError: for another name.

    Example:
        >>> ordering("natural", 0, 4).tolist(), sorted(ordering("random", 0, 4).tolist())
        ([0, 1, 2, 3], [0, 1, 2, 3])
    """
    if name not in ORDERINGS:
        raise SpecError.unknown("ordering", name, ORDERINGS)
    if name == "natural":
        return torch.arange(dim)
    return torch.randperm(dim, generator=torch.Generator().manual_seed(seed))


class Cursor(abc.ABC):
    """The state of ancestral sampling: call ``logit`` and ``push`` alternately, once per pixel."""

    @abc.abstractmethod
    def logit(self) -> Tensor:
        """The logit of p(next pixel = 1 | all pixels pushed so far), (B,)."""

    @abc.abstractmethod
    def push(self, bit: Tensor) -> None:
        """Fix the next pixel, (B,) of zeros and ones."""


class FullyVisible(GenerativeModel[O], HasLogProb):
    """A model of binary data by the chain rule, p(x) = prod_i p(x_o(i) | x_o(1), ..., x_o(i-1)).

    A subclass gives the logits of all conditionals at once (``ordered_logits``) and one at a time
    (``cursor``), both for pixels in the model's order.

    Args:
        options: the model's options.
        meta: what the data look like.
        order: (D,) flat pixel indices in the order of the chain rule; None for row by row.
    """

    order: Tensor
    rank: Tensor

    def __init__(self, options: O, meta: DataMeta, order: Tensor | None = None) -> None:
        super().__init__(options, meta)
        order = torch.arange(meta.dim) if order is None else order
        # Not in the state: the order follows from the options.
        self.register_buffer("order", order, persistent=False)
        self.register_buffer("rank", order.argsort(), persistent=False)

    @classmethod
    def incompatibility(cls, meta: DataMeta) -> str | None:
        if meta.support == "binary":
            return None
        if meta.support == "unit":
            return (
                "it models binary pixels, and these are grey; set binarise=threshold or "
                "binarise=dynamic"
            )
        return "it models binary pixels, and these data are not images"

    @classmethod
    def defaults(cls, meta: DataMeta) -> dict[str, Any]:
        return {"objective": "likelihood"}

    @abc.abstractmethod
    def ordered_logits(self, x: Tensor) -> Tensor:
        """Logits of p(x_i = 1 | x_<i), (B, D) -> (B, D), both in the model's order."""

    @abc.abstractmethod
    def cursor(self, n: int) -> Cursor:
        """Ancestral sampling of n examples at its first pixel."""

    def ordered_conditionals(self, x: Tensor) -> Tensor:
        """log p(x_i | x_<i) in nats, (B, D) -> (B, D), both in the model's order."""
        return -F.binary_cross_entropy_with_logits(self.ordered_logits(x), x, reduction="none")

    def _ordered(self, x: Tensor) -> Tensor:
        """The pixels in the model's order, (B, *data_shape) -> (B, D), checked."""
        if tuple(x.shape[1:]) != tuple(self.data_shape):
            raise DataError(
                f"this model expects examples of shape {tuple(self.data_shape)}, not "
                f"{tuple(x.shape[1:])}; nothing was computed. Give (n, *{tuple(self.data_shape)})."
            )
        if not bool(((x == 0) | (x == 1)).all()):
            raise DataError(
                "this model gives probabilities to binary pixels and some of these are neither 0 "
                "nor 1; nothing was computed. Set binarise=threshold or binarise=dynamic."
            )
        return x.flatten(1)[:, self.order]

    def _pictured(self, ordered: Tensor) -> Tensor:
        result: Tensor = ordered[:, self.rank].unflatten(1, tuple(self.data_shape))
        return result

    def conditionals(self, x: Tensor) -> Tensor:
        """log p(x_i | the pixels before it) in nats, (B, *data_shape) -> (B, *data_shape).

        Its negative is the surprise of each pixel; the sum over an image is ``log_prob``.

        Raises:
            DataError: for another shape, or pixels that are neither 0 nor 1.
        """
        return self._pictured(self.ordered_conditionals(self._ordered(x)))

    def log_prob(self, x: Tensor) -> Tensor:
        """log p(x) = sum_i log p(x_i | x_<i), exact, in nats, (B, *data_shape) -> (B,).

        Raises:
            DataError: for another shape, or pixels that are neither 0 nor 1.
        """
        return self.ordered_conditionals(self._ordered(x)).sum(1)

    def bits_per_dim(self, x: Tensor) -> Tensor:
        """-log2 p(x) / D, (B, *data_shape) -> (B,)."""
        return bits_per_dim(self.log_prob(x), self.meta.dim)

    def sample(self, n: int, progress: Progress | None = None) -> Tensor:
        """Draw n examples pixel by pixel in the model's order, (n, *data_shape) of zeros and ones.

        Args:
            n: how many.
            progress: called with the fraction of pixels done and a message.
        """
        return self._continue(torch.empty(n, 0), progress)

    def prefix(self, k: int) -> Tensor:
        """The mask of the first k pixels of the model's order, boolean, data_shape."""
        result: Tensor = (self.rank < k).unflatten(0, tuple(self.data_shape))
        return result

    def complete(self, x: Tensor, known: Tensor, progress: Progress | None = None) -> Tensor:
        """Draw the unknown pixels exactly from p(unknown | known), (B, *data_shape).

        This is exact because the known pixels come first in the model's order: ancestral sampling
        continues from there.

        Args:
            x: (B, *data_shape); what stands at unknown pixels is ignored.
            known: boolean, data_shape: the pixels to keep.
            progress: called with the fraction of pixels done and a message.

        Raises:
            SpecError: if the known pixels are not the first ones of the model's order.
            DataError: for another shape, or a known pixel that is neither 0 nor 1.
        """
        known = known.to(torch.bool)
        if tuple(known.shape) != tuple(self.data_shape):
            raise SpecError(
                "known", tuple(known.shape), f"allowed: a mask of shape {tuple(self.data_shape)}"
            )
        first = known.flatten()[self.order]
        k = int(first.sum())
        if not bool(first[:k].all()):
            gap = int((~first).nonzero()[0])
            raise SpecError(
                "known",
                f"{k} pixels",
                f"they must be the first {k} in the model's order, but number {gap + 1} of the "
                f"order (pixel {int(self.order[gap])}) is unknown; use prefix({k}), or a model "
                "whose order starts with these pixels",
            )
        ordered = self._ordered(torch.where(known, x, torch.zeros_like(x)))
        return self._continue(ordered[:, :k], progress)

    @torch.no_grad()
    def _continue(self, start: Tensor, progress: Progress | None) -> Tensor:
        n, k = start.shape
        dim = self.meta.dim
        cursor = self.cursor(n)
        bits: list[Tensor] = []
        for i in range(dim):
            logit = cursor.logit()
            bit = start[:, i] if i < k else torch.bernoulli(torch.sigmoid(logit))
            cursor.push(bit)
            bits.append(bit)
            if progress is not None:
                progress((i + 1) / dim, f"pixel {i + 1} of {dim}")
        return self._pictured(torch.stack(bits, dim=1))


class HasMarginals(abc.ABC):
    """The model has exact conditionals of any part of an example given any other.

    ``known`` is a boolean mask, data_shape or (B, *data_shape); the values of unknown pixels are
    ignored.
    """

    @abc.abstractmethod
    def log_marginal(self, x: Tensor, known: Tensor) -> Tensor:
        """log p(the known pixels) in nats, (B, *data_shape) -> (B,)."""

    @abc.abstractmethod
    def marginals(self, x: Tensor, known: Tensor) -> Tensor:
        """p(x_i = 1 | the known pixels), (B, *data_shape); known pixels are copied."""

    @abc.abstractmethod
    def complete(self, x: Tensor, known: Tensor, progress: Progress | None = None) -> Tensor:
        """Draw the unknown pixels from p(unknown | known), (B, *data_shape)."""


class HasClassPosterior(abc.ABC):
    """The class is a variable of the model, with an exact posterior given any known pixels."""

    @abc.abstractmethod
    def class_posterior(self, x: Tensor, known: Tensor) -> Tensor:
        """p(class | the known pixels), exact, (B, *data_shape) -> (B, C)."""


def bits_per_dim(log_prob: Tensor, dim: int) -> Tensor:
    """-log p(x) / (D ln 2): from nats per example to bits per dimension.

    Example:
        >>> float(bits_per_dim(torch.tensor(-784 * math.log(2)), 784))
        1.0
    """
    return -log_prob / (dim * math.log(2))


def all_binary(shape: Sequence[int]) -> Tensor:
    """Every binary example of a shape, (2^D, *shape); for D of at most 20.

    Raises:
        SpecError: for more than 20 entries.

    Example:
        >>> all_binary((2,)).tolist()
        [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]
    """
    dim = math.prod(shape)
    if dim > 20:
        raise SpecError("shape", tuple(shape), "allowed: at most 20 binary entries to enumerate")
    codes = torch.arange(2**dim)
    bits = (codes[:, None] >> torch.arange(dim - 1, -1, -1)) & 1
    result: Tensor = bits.float().unflatten(1, tuple(shape))
    return result
