"""The logistic autoregressive net."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genlab.core.options import Options, option
from genlab.core.tables import MODELS
from genlab.data.base import DataMeta
from genlab.models.visible import ORDERINGS, Cursor, FullyVisible, ordering


@dataclass(frozen=True)
class FVBNOptions(Options):
    """Options of the logistic autoregressive net."""

    ordering: str = option(
        "natural", "order in which pixels are drawn", choices=ORDERINGS, label="Pixel order"
    )
    order_seed: int = option(
        0, "seed of a random order", low=0, high=2**31 - 1, advanced=True, label="Order seed"
    )


@MODELS.register(
    "fvbn",
    title="Logistic autoregressive net",
    summary="Each pixel is a logistic regression on the pixels before it.",
    order=90,
)
class FVBN(FullyVisible[FVBNOptions]):
    """p(x_i = 1 | x_<i) = σ(b_i + Σ_{j<i} W_ij x_j).

    Source: Frey, Hinton and Dayan 1996, "Does the wake-sleep algorithm produce good density
    estimators?"; Frey 1998, "Graphical models for machine learning and digital communication".

    Args:
        options: the order of the pixels.
        meta: binary data of any shape.
    """

    Options = FVBNOptions

    def __init__(self, options: FVBNOptions, meta: DataMeta) -> None:
        super().__init__(options, meta, ordering(options.ordering, options.order_seed, meta.dim))
        self.weight = nn.Parameter(torch.empty(meta.dim, meta.dim))
        self.bias = nn.Parameter(torch.zeros(meta.dim))
        nn.init.uniform_(self.weight, -(meta.dim**-0.5), meta.dim**-0.5)

    def ordered_logits(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight.tril(-1), self.bias)

    def cursor(self, n: int) -> Cursor:
        return _Cursor(self, n)


class _Cursor(Cursor):
    """Stores the logits of later pixels; each new pixel adds a column of the weights."""

    def __init__(self, model: FVBN, n: int) -> None:
        self.weight = model.weight.tril(-1)
        self.logits = model.bias.expand(n, -1).clone()
        self.i = 0

    def logit(self) -> Tensor:
        return self.logits[:, self.i]

    def push(self, bit: Tensor) -> None:
        self.logits += bit[:, None] * self.weight[:, self.i]
        self.i += 1
